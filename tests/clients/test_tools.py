"""Tool calls with the real `openai` package. The decoder's weights are random, so that a call in good form is one that was held to
its schema; SmolLM2, where it is in the model store, calls through a template that knows no functions."""

import json

import httpx
import jsonschema
import openai
import pytest

from bantam_process import BantamProcess, make_home, real_home
from tiny_decoder import ENDING, special_id, write_tiny_decoder

WEATHER = {
    "type": "object",
    "properties": {"city": {"enum": ["Bonn", "Ulm", "Zürich \"See\""]}, "days": {"type": "integer", "minimum": 1, "maximum": 14},
                   "unit": {"enum": ["celsius", "fahrenheit"]}},
    "required": ["city", "days"],
}  # fmt: skip
MAIL = {
    "type": "object",
    "properties": {
        "to": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]{1,4}@[a-z]{1,4}\\.org$"}, "minItems": 1, "maxItems": 2},
        "priority": {"anyOf": [{"type": "null"}, {"type": "number", "minimum": 0, "maximum": 1}]},
        "urgent": {"type": "boolean"},
        "note": {"type": "string", "maxLength": 8},
    },
    "required": ["to", "priority", "urgent", "note"],
}
SCHEMAS = {"get_weather": WEATHER, "send-mail": MAIL, "now": {"type": "object", "properties": {}}}


def function(name, parameters=None, **more):
    described = {"name": name, "description": f"Does {name}.", **more}
    return {"type": "function", "function": described | ({} if parameters is None else {"parameters": parameters})}


TOOLS = [function("get_weather", WEATHER), function("send-mail", MAIL), function("now")]
MESSAGES = [{"role": "user", "content": "Will it rain in Bonn?"}]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tools")
    path = write_tiny_decoder(folder / "tiny.gguf")
    with BantamProcess(make_home(folder / "home"), ["--model", path]) as running:
        yield running
        status = running.stop()
    assert status == 0, running.log()


@pytest.fixture(scope="module")
def client(server):
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused", max_retries=0, timeout=120)




def ask(client, messages=MESSAGES, tools=TOOLS, **more):
    more = {"max_tokens": 1500, "seed": 1, "logit_bias": ENDING, **more}
    return client.chat.completions.create(model="tiny", messages=messages, tools=tools, **more)


def check(calls, schemas=SCHEMAS):
    """Every call is one of a function that was named, with arguments that its schema allows."""
    for call in calls:
        assert call.type == "function" and call.id.startswith("call_")
        jsonschema.validate(json.loads(call.function.arguments), schemas[call.function.name] | {"additionalProperties": False})
    assert len({call.id for call in calls}) == len(calls)


def collect(stream):
    """-> content, [(id, name, arguments)], finish reason: put together as clients do, with the order of the pieces checked."""
    content, calls, reason = "", [], None
    for chunk in stream:
        for choice in chunk.choices:
            assert reason is None, "something after the end"
            reason = choice.finish_reason
            content += choice.delta.content or ""
            for piece in choice.delta.tool_calls or []:
                if piece.id is not None:
                    assert piece.index == len(calls) and piece.type == "function" and piece.function.name
                    calls.append([piece.id, piece.function.name, ""])
                else:
                    assert piece.index == len(calls) - 1 and not piece.function.name
                calls[piece.index][2] += piece.function.arguments or ""
    return content, calls, reason


@pytest.mark.parametrize("seed", range(12))
def test_required_calls_satisfy_their_schemas(client, seed):
    choice = ask(client, tool_choice="required", seed=seed, temperature=1.3).choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content is None
    assert choice.message.tool_calls
    check(choice.message.tool_calls)


def test_parallel_calls_are_a_choice(client):
    def counts(parallel):
        answers = [ask(client, tool_choice="required", parallel_tool_calls=parallel, seed=seed, n=4) for seed in range(0, 32, 4)]
        return [len(choice.message.tool_calls) for answer in answers for choice in answer.choices if choice.finish_reason == "tool_calls"]

    assert set(counts(False)) == {1}
    assert max(counts(True)) > 1


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_named_function_is_called_once(client, name):
    for seed in range(3):
        choice = ask(client, tool_choice={"type": "function", "function": {"name": name}}, seed=seed).choices[0]
        (call,) = choice.message.tool_calls
        assert call.function.name == name and choice.finish_reason == "tool_calls"
        check([call])


def test_auto_may_talk_or_call(client):
    talk = ask(client, temperature=0, max_tokens=24, logit_bias={str(special_id("<tool_call>")): -100}).choices[0]
    assert talk.message.tool_calls is None and talk.message.content and talk.finish_reason in ("length", "stop")
    # Once it begins a call, that is one.
    bias = {str(special_id("<tool_call>")): 100}
    for seed in range(6):
        choice = ask(client, seed=seed, logit_bias=bias, parallel_tool_calls=False, tool_choice="auto").choices[0]
        assert choice.finish_reason == "tool_calls" and len(choice.message.tool_calls) == 1 and choice.message.content is None
        check(choice.message.tool_calls)


def test_none_is_as_without_functions(client):
    more = {"temperature": 0, "max_tokens": 24}
    none = ask(client, tool_choice="none", **more)
    without = ask(client, tools=openai.NOT_GIVEN, **more)
    assert none.choices[0].message.content == without.choices[0].message.content and none.usage.prompt_tokens == without.usage.prompt_tokens
    assert none.choices[0].message.tool_calls is None
    assert ask(client, **more).usage.prompt_tokens > none.usage.prompt_tokens + 500


@pytest.mark.parametrize("seed", range(6))
def test_a_stream_is_the_whole_answer(client, seed):
    whole = ask(client, tool_choice="required", seed=seed, temperature=1.2).choices[0]
    content, calls, reason = collect(ask(client, tool_choice="required", seed=seed, temperature=1.2, stream=True))
    assert content == "" and reason == whole.finish_reason == "tool_calls"
    assert [(name, arguments) for _, name, arguments in calls] == [(c.function.name, c.function.arguments) for c in whole.message.tool_calls]
    assert len({id for id, _, _ in calls}) == len(calls)


def test_arguments_come_as_they_are_written(client):
    chosen = {"type": "function", "function": {"name": "send-mail"}}
    chunks = list(ask(client, tool_choice=chosen, stream=True, stream_options={"include_usage": True}))
    pieces = [piece for chunk in chunks for choice in chunk.choices for piece in choice.delta.tool_calls or []]
    assert len(pieces) > 5 and pieces[0].function.name == "send-mail"
    assert chunks[0].choices[0].delta.role == "assistant" and chunks[-1].usage.completion_tokens > 5
    jsonschema.validate(json.loads("".join(piece.function.arguments for piece in pieces)), MAIL)


def test_talk_before_a_call_is_content(client):
    """The bias makes a call likely, not certain: some of the texts say something first."""
    bias = {str(special_id("<tool_call>")): 3}
    mixed = 0
    for seed in range(12):
        more = {"seed": seed, "logit_bias": bias, "parallel_tool_calls": False, "temperature": 1}
        choice = ask(client, **more).choices[0]
        content, calls, reason = collect(ask(client, stream=True, **more))
        assert content == (choice.message.content or "") and reason == choice.finish_reason
        assert [name for _, name, _ in calls] == [call.function.name for call in choice.message.tool_calls or []]
        if choice.finish_reason == "tool_calls":
            check(choice.message.tool_calls)
            assert "<tool_call>" not in (choice.message.content or "")
            mixed += bool(choice.message.content)
    assert mixed > 0


def test_a_call_that_is_cut_off_does_not_end_as_one(client):
    choice = ask(client, tool_choice="required", max_tokens=30, temperature=0).choices[0]
    assert choice.finish_reason == "length"


def test_results_are_answered(client):
    call = ask(client, tool_choice="required", parallel_tool_calls=False).choices[0].message
    messages = [*MESSAGES, call.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": "Sun all day."}]
    answer = ask(client, messages=messages, max_tokens=8, tool_choice="none")
    before = ask(client, max_tokens=8, tool_choice="none")
    # Each byte is a token: the call and its result are in the prompt.
    arguments = json.loads(call.tool_calls[0].function.arguments)
    assert answer.usage.prompt_tokens - before.usage.prompt_tokens > len("Sun all day." + call.tool_calls[0].function.name) + len(json.dumps(arguments))
    again = ask(client, messages=messages, tool_choice="required", parallel_tool_calls=False).choices[0]
    check(again.message.tool_calls)


def test_functions_whose_schema_cannot_be_enforced(server, client):
    parameters = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}
    reply = httpx.post(f"{server.url}/v1/chat/completions", json={"model": "tiny", "messages": MESSAGES, "tools": [function("f", parameters)]})
    assert reply.status_code == 400 and reply.json()["error"]["param"] == "tools"
    for word in ('"f"', '"uniqueItems"', "strict"):
        assert word in reply.json()["error"]["message"]
    lenient = ask(client, tools=[function("f", parameters, strict=False)], tool_choice="required", parallel_tool_calls=False, max_tokens=300,
                  temperature=1.5, logit_bias={str(ord("}")): 8})  # fmt: skip
    assert isinstance(json.loads(lenient.choices[0].message.tool_calls[0].function.arguments), dict)


MANY = [function(f"f{i}") for i in range(129)]
BAD = [
    ({"tools": "all"}, "tools"),
    ({"tools": ["f"]}, "tools[0]"),
    ({"tools": [{"function": {"name": "f"}}]}, "tools[0].type"),
    ({"tools": [{"type": "retrieval"}]}, "tools[0].type"),
    ({"tools": [{"type": "function"}]}, "tools[0].function"),
    ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
    ({"tools": [function("")]}, "tools[0].function.name"),
    ({"tools": [function("x" * 65)]}, "tools[0].function.name"),
    ({"tools": [function("x" * 10_000)]}, "tools[0].function.name"),
    ({"tools": [function("a b")]}, "tools[0].function.name"),
    ({"tools": [function("f"), function("f")]}, "tools[1].function.name"),
    ({"tools": [function("f", description=5)]}, "tools[0].function.description"),
    ({"tools": [function("f", 5)]}, "tools[0].function.parameters"),
    ({"tools": [function("f", {"type": "string"})]}, "tools[0].function.parameters"),
    ({"tools": [function("f", {"type": "object", "properties": {"a": {"type": "string", "pattern": "(("}}})]}, "tools"),
    ({"tools": [function("f", strict="yes")]}, "tools[0].function.strict"),
    ({"tools": MANY}, "tools"),
    ({"tools": TOOLS, "tool_choice": "some"}, "tool_choice"),
    ({"tools": TOOLS, "tool_choice": 5}, "tool_choice"),
    ({"tools": TOOLS, "tool_choice": {"type": "retrieval"}}, "tool_choice"),
    ({"tools": TOOLS, "tool_choice": {"type": "function"}}, "tool_choice.function"),
    ({"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "g"}}}, "tool_choice.function.name"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tools": TOOLS, "parallel_tool_calls": "yes"}, "parallel_tool_calls"),
    ({"tools": TOOLS, "response_format": {"type": "json_object"}}, "response_format"),
    ({"functions": [{"name": "f"}]}, "functions"),
]


@pytest.mark.parametrize("fields, param", BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_wrong_is_named(server, fields, param):
    reply = httpx.post(f"{server.url}/v1/chat/completions", json={"model": "tiny", "messages": MESSAGES} | fields)
    assert reply.status_code == 400, reply.text
    error = reply.json()["error"]
    assert error["param"] == param and error["type"] == "invalid_request_error", error
    assert len(error["message"]) < 400


def test_smollm2_calls_without_a_template_for_it(tmp_path_factory):
    if not (real_home() / "models" / "smollm2").is_dir():
        pytest.skip("smollm2 is not in the model store; fetch it with: make setup")
    with BantamProcess(make_home(tmp_path_factory.mktemp("smollm2") / "home"), ["--model", "smollm2"]) as running:
        client = openai.OpenAI(base_url=f"{running.url}/v1", api_key="unused", max_retries=0, timeout=300)
        asked = {"model": "smollm2", "messages": MESSAGES, "tools": TOOLS[:1], "temperature": 0, "max_tokens": 120}
        choice = client.chat.completions.create(tool_choice="required", parallel_tool_calls=False, **asked).choices[0]
        check(choice.message.tool_calls)
        assert json.loads(choice.message.tool_calls[0].function.arguments)["city"] == "Bonn"
        _, calls, reason = collect(client.chat.completions.create(tool_choice="required", parallel_tool_calls=False, stream=True, **asked))
        assert reason == "tool_calls" and calls[0][2] == choice.message.tool_calls[0].function.arguments
        assert running.stop() == 0

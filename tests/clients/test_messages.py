"""Anthropic's /v1/messages with the real `anthropic` package: a decoder of random weights, whose calls are in good form only because
they were held to it, and the help desk's assistant; and what other clients read from the wire."""

import json

import anthropic
import httpx
import jsonschema
import pytest

from tiny_decoder import ENDING, WEATHER

TOOLS = [{"name": "get_weather", "description": "Tells it.", "input_schema": WEATHER}]
MESSAGES = [{"role": "user", "content": "Will it rain in Bonn?"}]


@pytest.fixture(scope="module")
def client(tiny_models_server):
    return anthropic.Anthropic(base_url=tiny_models_server.url, api_key="unused", max_retries=0, timeout=120)


@pytest.fixture(scope="module")
def desk(helpdesk_server):
    return anthropic.Anthropic(base_url=helpdesk_server.url, api_key="unused", max_retries=0, timeout=60)


def asked(messages=MESSAGES, seed=1, bias=ENDING, temperature=1.0, **more):
    """The package itself no longer knows a temperature."""
    body = {"seed": seed, "logit_bias": bias, "temperature": temperature}
    return {"model": "tiny", "max_tokens": 600, "messages": messages, "extra_body": body} | more


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def test_a_text(client):
    message = client.messages.create(**asked(max_tokens=12, system="You are brief.", temperature=0, bias={}))
    assert (message.type, message.role, message.model) == ("message", "assistant", "tiny")
    assert message.id.startswith("msg_") and message._request_id == message.id.removeprefix("msg_")
    assert [block.type for block in message.content] == ["text"] and message.stop_sequence is None
    assert message.stop_reason == "max_tokens" and message.usage.output_tokens == 12
    # A system of blocks is the same, and so is a message of them; what was read before is in the cache.
    again = client.messages.create(**asked(
        max_tokens=12, temperature=0, bias={}, system=[{"type": "text", "text": "You are brief.", "cache_control": {"type": "ephemeral"}}],
        messages=[{"role": "user", "content": [{"type": "text", "text": MESSAGES[0]["content"]}]}]))  # fmt: skip
    assert text_of(again) == text_of(message)
    assert again.usage.cache_read_input_tokens > 0
    total = message.usage.input_tokens + message.usage.cache_read_input_tokens
    assert again.usage.input_tokens + again.usage.cache_read_input_tokens == total


def test_a_stream_is_the_whole_message(client):
    call = asked(max_tokens=16, temperature=0, bias={})
    whole = client.messages.create(**call)
    with client.messages.stream(**call) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert "".join(pieces) == text_of(whole) == text_of(final) and len(pieces) > 3
    assert (final.stop_reason, final.usage.output_tokens) == (whole.stop_reason, whole.usage.output_tokens)
    assert final.usage.input_tokens + final.usage.cache_read_input_tokens == whole.usage.input_tokens + whole.usage.cache_read_input_tokens


def events(tiny_models_server, **body):
    with httpx.stream("POST", tiny_models_server.url + "/v1/messages", json=body | {"stream": True}, timeout=120) as reply:
        assert reply.status_code == 200, reply.read()
        assert reply.headers["content-type"].startswith("text/event-stream") and reply.headers["request-id"] == reply.headers["x-request-id"]
        text = "".join(reply.iter_text())
    found = []
    for event in text.removesuffix("\n\n").split("\n\n"):
        name, data = event.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == "event: " + found[-1]["type"]
    return found


def test_events_on_the_wire(tiny_models_server):
    found = events(tiny_models_server, model="tiny", max_tokens=8, messages=MESSAGES, temperature=0, seed=1)
    names = [event["type"] for event in found]
    assert names[:3] == ["message_start", "ping", "content_block_start"]
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(names[3:-3]) == {"content_block_delta"}
    assert found[0]["message"]["content"] == [] and found[0]["message"]["usage"]["input_tokens"] > 20
    assert found[-2]["delta"] == {"stop_reason": "max_tokens", "stop_sequence": None}


def test_stop_sequences(client):
    text = text_of(client.messages.create(**asked(max_tokens=40, temperature=0, bias={})))
    stop = text[8:10]
    message = client.messages.create(**asked(max_tokens=40, temperature=0, bias={}, stop_sequences=["not there", stop]))
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", stop)
    assert text_of(message) == text[: text.index(stop)]


def test_the_room_has_an_end(tiny_models_server):
    body = {"model": "tiny", "max_tokens": 100_000, "messages": [{"role": "user", "content": "a" * 4000}], "seed": 1, "ignore_eos": True}
    reply = httpx.post(tiny_models_server.url + "/v1/messages", json=body, timeout=120).json()
    assert reply["stop_reason"] == "model_context_window_exceeded"


def test_a_begun_answer_goes_on(client):
    """What the assistant said last is the beginning of its answer: no turn ends behind it. Each byte is a token here."""

    def count(*more):
        return client.messages.count_tokens(model="tiny", messages=[*MESSAGES, *more]).input_tokens

    assert count({"role": "assistant", "content": "The answer is ("}) == count() + len("The answer is (")
    ended = count({"role": "assistant", "content": "The answer is ("}, {"role": "user", "content": "?"})
    assert ended > count() + len("The answer is (?") + 4
    message = client.messages.create(**asked([*MESSAGES, {"role": "assistant", "content": "The answer is ("}], max_tokens=4))
    assert "The answer" not in text_of(message)


def test_tokens_are_counted_as_they_are_read(client):
    call = {"model": "tiny", "messages": MESSAGES, "system": "Be brief.", "tools": TOOLS}
    count = client.messages.count_tokens(**call).input_tokens
    usage = client.messages.create(max_tokens=1, **call).usage
    assert count == usage.input_tokens + usage.cache_read_input_tokens
    assert client.messages.count_tokens(model="tiny", messages=MESSAGES).input_tokens < count - 100


@pytest.mark.parametrize("seed", range(4))
def test_calls_satisfy_their_schemas(client, seed):
    call = asked(tools=TOOLS, tool_choice={"type": "any"}, seed=seed, temperature=1.3)
    message = client.messages.create(**call)
    assert message.stop_reason == "tool_use" and message.content
    for block in message.content:
        assert block.type == "tool_use" and block.id.startswith("toolu_") and block.name == "get_weather"
        jsonschema.validate(block.input, WEATHER)
    with client.messages.stream(**call) as stream:
        final = stream.get_final_message()
    assert [block.input for block in final.content] == [block.input for block in message.content] and final.stop_reason == "tool_use"


def test_one_call_is_a_choice(client):
    for choice in ({"type": "any", "disable_parallel_tool_use": True}, {"type": "tool", "name": "get_weather"}):
        assert len(client.messages.create(**asked(tools=TOOLS, tool_choice=choice)).content) == 1
    none = client.messages.create(**asked(tools=TOOLS, tool_choice={"type": "none"}, max_tokens=24))
    assert all(block.type == "text" for block in none.content)


def test_results_are_read(client):
    call = client.messages.create(**asked(tools=TOOLS, tool_choice={"type": "tool", "name": "get_weather"}))
    (use,) = call.content
    result = {"type": "tool_result", "tool_use_id": use.id, "content": [{"type": "text", "text": "Sun all day."}]}
    messages = [*MESSAGES, {"role": "assistant", "content": call.content}, {"role": "user", "content": [result, {"type": "text", "text": "And?"}]}]

    def count(messages):
        return client.messages.count_tokens(model="tiny", messages=messages, tools=TOOLS).input_tokens

    more = count(messages) - count(MESSAGES)
    assert more > len("Sun all day.And?get_weather" + json.dumps(use.input))
    assert client.messages.create(**asked(messages, tools=TOOLS, max_tokens=4)).usage.output_tokens


def test_a_call_that_is_cut_off_is_none(client):
    call = asked(tools=TOOLS, tool_choice={"type": "any"}, max_tokens=30, temperature=0)
    message = client.messages.create(**call)
    assert message.stop_reason == "max_tokens" and message.content == []


def test_a_shape(client):
    message = client.messages.create(**asked(output_config={"format": {"type": "json_schema", "schema": WEATHER}}))
    jsonschema.validate(json.loads(text_of(message)), WEATHER)


def test_thoughts_are_told_apart_where_they_are_asked_for(client):
    """The prompt opens a thought; a model that knows nothing never closes it."""
    call = asked(max_tokens=12, temperature=0, bias={}, model="thinker")
    thinking = client.messages.create(**call, thinking={"type": "enabled", "budget_tokens": 1024})
    (thought,) = thinking.content
    assert thought.type == "thinking" and thought.thinking and thought.signature == ""
    with client.messages.stream(**call, thinking={"type": "adaptive"}) as stream:
        assert stream.get_final_message().content[0].thinking == thought.thinking
    hidden = client.messages.create(**call, thinking={"type": "enabled", "budget_tokens": 1024, "display": "omitted"})
    assert hidden.content == [] and hidden.usage.output_tokens == 12
    assert client.messages.create(**call).content[0].type == "text"

    def count(*blocks):
        messages = [*MESSAGES, {"role": "assistant", "content": [*blocks, {"type": "text", "text": "No."}]}, *MESSAGES]
        return client.messages.count_tokens(model="thinker", messages=messages).input_tokens

    assert count({"type": "thinking", "thinking": "Hm.", "signature": ""}) == count() + len("<think>Hm.</think>")
    # A model that cannot think answers without.
    assert client.messages.create(**asked(max_tokens=4), thinking={"type": "adaptive"}).content[0].type == "text"


def test_errors_are_its_exceptions(client, tiny_models_server):
    with pytest.raises(anthropic.NotFoundError) as caught:
        client.messages.create(**asked(model="claude-9"))
    assert caught.value.type == "not_found_error" and caught.value.request_id == caught.value.body["request_id"]
    with pytest.raises(anthropic.BadRequestError, match="temperature"):
        client.messages.create(**asked(temperature=9))
    reply = httpx.get(tiny_models_server.url + "/v1/messages")
    assert reply.status_code == 405 and reply.json()["error"]["type"] == "invalid_request_error"
    assert httpx.post(tiny_models_server.url + "/v1/messages/batches", json={}).json()["error"]["type"] == "not_found_error"


def block(type_, **more):
    return {"type": type_, **more}


BAD = [
    ({"max_tokens": None}, "max_tokens"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"messages": []}, "messages"),
    ({"messages": ["hello"]}, "messages[0]"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "content"),
    ({"messages": [{"role": "user", "content": [block("image", source={"type": "url", "url": "http://169.254.169.254/"})]}]}, "messages[0].content[0].type"),
    ({"messages": [{"role": "user", "content": [block("tool_use", id="a", name="b", input={})]}]}, "messages[0].content[0].type"),
    ({"messages": [{"role": "user", "content": [block("tool_result", tool_use_id="a", content=[block("image")])]}]}, "messages[0].content[0].content"),
    ({"messages": [*MESSAGES, {"role": "assistant", "content": [block("tool_use", id="a", name="b", input="{}")]}]}, "input"),
    ({"system": 5}, "system"),
    ({"system": [block("image")]}, "system"),
    ({"stop_sequences": "x" * 5000}, "stop_sequences"),
    ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type"),
    ({"tools": [{"name": "a b", "input_schema": {"type": "object"}}]}, "tools[0].name"),
    ({"tools": [{"name": "f", "input_schema": {"type": "string"}}]}, "tools[0].input_schema"),
    ({"tools": TOOLS, "tool_choice": {"type": "required"}}, "tool_choice.type"),
    ({"tools": TOOLS, "tool_choice": {"type": "tool", "name": "g"}}, "tool_choice"),
    ({"tool_choice": {"type": "any"}}, "tool_choice"),
    ({"tools": TOOLS, "output_config": {"format": {"type": "json_schema", "schema": WEATHER}}}, "output_config.format"),
    ({"thinking": {"type": "on"}}, "thinking.type"),
    ({"messages": [{"role": "user", "content": "a" * 5000}]}, "tokens"),
]


@pytest.mark.parametrize("fields, named", BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_wrong_is_named(tiny_models_server, fields, named):
    reply = httpx.post(tiny_models_server.url + "/v1/messages", json={"model": "tiny", "max_tokens": 4, "messages": MESSAGES} | fields)
    assert reply.status_code == 400, reply.text
    body = reply.json()
    assert body["type"] == "error" and body["error"]["type"] == "invalid_request_error" and body["request_id"] == reply.headers["x-request-id"]
    assert named in body["error"]["message"] and len(body["error"]["message"]) < 400


# ----------------------------------------------------------------------------------------------------------- the assistant


def test_the_assistant_answers(desk):
    question = [{"role": "user", "content": [{"type": "text", "text": "where is my parcel, I ordered a week ago"}]}]
    message = desk.messages.create(model="helpdesk", max_tokens=200, messages=question, system="ignored here", tools=TOOLS)
    assert message.stop_reason == "end_turn" and len(message.content) == 1 and message.content[0].text
    details = message.model_extra["bantam"]
    assert details["route"] and message.id == "msg_" + details["request_id"]
    assert message.usage.output_tokens > 0 and message.usage.input_tokens > 0
    with desk.messages.stream(model="helpdesk", max_tokens=200, messages=question) as stream:
        assert text_of(stream.get_final_message()) == text_of(message)
    assert desk.messages.count_tokens(model="helpdesk", messages=question).input_tokens > 5


def test_answers_are_kept_apart_by_key(helpdesk_server):
    body = {"model": "helpdesk", "max_tokens": 99, "messages": [{"role": "user", "content": "what is the password of the guest wifi, please?"}]}

    def cache(key):
        return httpx.post(helpdesk_server.url + "/v1/messages", json=body, headers={"X-Api-Key": key}).headers["x-bantam-cache"]

    assert [cache("ann"), cache("ann"), cache("bob")] == ["miss", "hit", "miss"]


def test_the_assistant_refuses_in_the_same_shape(helpdesk_server):
    def refused(**fields):
        reply = httpx.post(helpdesk_server.url + "/v1/messages", json={"model": "helpdesk", "max_tokens": 9, "messages": MESSAGES} | fields)
        assert reply.status_code in (400, 404), reply.text
        return reply.json()["error"]

    assert "no message with the role" in refused(messages=[{"role": "assistant", "content": "x"}])["message"]
    assert "no text" in refused(messages=[{"role": "user", "content": " "}])["message"]
    assert "max_tokens" in refused(max_tokens=0)["message"]
    assert refused(model="claude-9")["type"] == "not_found_error"
    assert "no assistant" in refused(model="all-MiniLM-L6-v2")["message"]

"""OpenAI's /v1/responses with the real `openai` package: a decoder of random weights, whose calls are in good form only because they were
held to it, and the help desk's assistant."""

import json

import httpx
import jsonschema
import openai
import pydantic
import pytest

from tiny_decoder import ENDING, WEATHER

TOOLS = [{"type": "function", "name": "get_weather", "description": "Tells it.", "parameters": WEATHER, "strict": True}]
QUESTION = "Will it rain in Bonn?"


@pytest.fixture(scope="module")
def client(tiny_models_server):
    return openai.OpenAI(base_url=f"{tiny_models_server.url}/v1", api_key="unused", max_retries=0, timeout=120)


@pytest.fixture(scope="module")
def desk(helpdesk_server):
    return openai.OpenAI(base_url=f"{helpdesk_server.url}/v1", api_key="unused", max_retries=0, timeout=60)


def asked(input_=QUESTION, seed=1, bias=ENDING, **more):
    return {"model": "tiny", "max_output_tokens": 600, "input": input_, "extra_body": {"seed": seed, "logit_bias": bias}} | more


def test_a_text(client):
    response = client.responses.create(**asked(max_output_tokens=12, instructions="Be brief.", temperature=0, bias={}, metadata={"a": "b"}))
    assert response.object == "response" and response.id.startswith("resp_") and response.model == "tiny"
    (message,) = response.output
    assert message.type == "message" and message.role == "assistant" and response.output_text == message.content[0].text
    assert (response.status, response.incomplete_details.reason, message.status) == ("incomplete", "max_output_tokens", "incomplete")
    assert response.usage.output_tokens == 12 and response.usage.total_tokens == response.usage.input_tokens + 12
    assert response.metadata == {"a": "b"} and response.instructions == "Be brief." and response.model_extra["store"] is False
    assert response.text.format.type == "text" and response.tool_choice == "auto" and response.tools == [] and response.temperature == 0
    # The same as items, of which the beginning is in the cache.
    items = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": [{"type": "input_text", "text": QUESTION}]}]
    again = client.responses.create(**asked(items, max_output_tokens=12, temperature=0, bias={}))
    assert again.output_text == response.output_text and again.usage.input_tokens == response.usage.input_tokens
    assert again.usage.input_tokens_details.cached_tokens > 0


def test_a_stream_is_the_whole_response(client):
    call = asked(max_output_tokens=16, temperature=0, bias={})
    whole = client.responses.create(**call)
    events = list(client.responses.create(**call, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    names = [event.type.removeprefix("response.") for event in events]
    assert names[:4] == ["created", "in_progress", "output_item.added", "content_part.added"]
    assert names[-4:] == ["output_text.done", "content_part.done", "output_item.done", "incomplete"]
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == whole.output_text
    final = events[-1].response
    assert final.output_text == whole.output_text and final.usage.output_tokens == 16
    with client.responses.stream(**call) as stream:
        assert "".join(event.delta for event in stream if event.type == "response.output_text.delta") == whole.output_text


@pytest.mark.parametrize("seed", range(4))
def test_calls_satisfy_their_schemas(client, seed):
    call = asked(tools=TOOLS, tool_choice="required", seed=seed, temperature=1.3)
    response = client.responses.create(**call)
    assert response.status == "completed" and response.output
    for item in response.output:
        assert item.type == "function_call" and item.name == "get_weather" and item.call_id.startswith("call_") and item.status == "completed"
        jsonschema.validate(json.loads(item.arguments), WEATHER)
    with client.responses.stream(**call) as stream:
        final = stream.get_final_response()
    assert [item.arguments for item in final.output] == [item.arguments for item in response.output]


def test_one_call_is_a_choice(client):
    for more in ({"tool_choice": "required", "parallel_tool_calls": False}, {"tool_choice": {"type": "function", "name": "get_weather"}}):
        assert len(client.responses.create(**asked(tools=TOOLS, **more)).output) == 1
    none = client.responses.create(**asked(tools=TOOLS, tool_choice="none", max_output_tokens=24))
    assert [item.type for item in none.output] == ["message"]


def test_results_are_read(client):
    response = client.responses.create(**asked(tools=TOOLS, tool_choice={"type": "function", "name": "get_weather"}))
    (call,) = response.output
    before = client.responses.create(**asked(tools=TOOLS, max_output_tokens=4)).usage.input_tokens
    items = [{"role": "user", "content": QUESTION}, *response.output, {"type": "function_call_output", "call_id": call.call_id, "output": "Sun all day."}]
    after = client.responses.create(**asked(items, tools=TOOLS, max_output_tokens=4)).usage.input_tokens
    assert after - before > len("Sun all day.get_weather" + call.arguments)


def test_a_shape(client):
    class Place(pydantic.BaseModel):
        days: bool
        rain: bool

    response = client.responses.parse(**asked(text_format=Place))
    assert isinstance(response.output_parsed, Place)
    form = {"format": {"type": "json_schema", "name": "weather", "schema": WEATHER}}
    assert jsonschema.validate(json.loads(client.responses.create(**asked(text=form)).output_text), WEATHER) is None


def test_thoughts_are_items(client):
    """The prompt opens a thought; a model that knows nothing never closes it."""
    call = asked(max_output_tokens=12, temperature=0, bias={}, model="thinker")
    response = client.responses.create(**call, reasoning={"effort": "low"})
    thought, message = response.output
    assert thought.type == "reasoning" and thought.content[0].text and message.content[0].text == ""
    assert response.usage.output_tokens_details.reasoning_tokens > 6
    events = list(client.responses.create(**call, reasoning={"effort": "low"}, stream=True))
    assert "".join(event.delta for event in events if event.type == "response.reasoning_text.delta") == thought.content[0].text
    assert [item.type for item in client.responses.create(**call, reasoning={"effort": "none"}).output] == ["message"]
    # They may come back.
    items = [{"role": "user", "content": QUESTION}, *response.output, {"role": "user", "content": "And?"}]
    assert client.responses.create(**asked(items, max_output_tokens=4)).output


def part(type_, **more):
    return [{"role": "user", "content": [{"type": type_, **more}]}]


BAD = [
    ({"input": None}, "input"),
    ({"input": []}, "input"),
    ({"input": ["hello"]}, "input[0]"),
    ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
    ({"input": [{"role": "user"}]}, "input[0].content"),
    ({"input": part("input_image", image_url="http://169.254.169.254/")}, "input[0].content"),
    ({"input": part("input_file", file_id="x")}, "input[0].content"),
    ({"input": [{"type": "computer_call"}]}, "input[0].type"),
    ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
    ({"input": [{"type": "function_call", "call_id": "a", "name": "f"}]}, "input[0].arguments"),
    ({"input": [{"type": "function_call_output", "call_id": "a"}]}, "input[0].output"),
    ({"instructions": 5}, "instructions"),
    ({"previous_response_id": "resp_1"}, "previous_response_id"),
    ({"conversation": "conv_1"}, "conversation"),
    ({"prompt": {"id": "pmpt_1"}}, "prompt"),
    ({"background": True}, "background"),
    ({"top_logprobs": 3}, "top_logprobs"),
    ({"include": ["message.output_text.logprobs"]}, "include"),
    ({"max_output_tokens": 0}, "max_output_tokens"),
    ({"temperature": 3}, "temperature"),
    ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
    ({"tools": [{"type": "function", "name": "a b"}]}, "tools[0].name"),
    ({"tools": TOOLS, "tool_choice": "some"}, "tool_choice"),
    ({"tools": TOOLS, "tool_choice": {"type": "function", "name": "g"}}, "tool_choice.name"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
    ({"text": {"format": {"type": "json_schema"}}}, "text.format.schema"),
    ({"tools": TOOLS, "text": {"format": {"type": "json_object"}}}, "text.format"),
    ({"reasoning": {"effort": "loud"}}, "reasoning.effort"),
    ({"metadata": "x"}, "metadata"),
    ({"input": "a" * 5000}, "input"),
]


@pytest.mark.parametrize("fields, param", BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_wrong_is_named(tiny_models_server, fields, param):
    reply = httpx.post(tiny_models_server.url + "/v1/responses", json={"model": "tiny", "max_output_tokens": 4, "input": QUESTION} | fields)
    assert reply.status_code == 400, reply.text
    error = reply.json()["error"]
    assert (error["param"], error["type"]) == (param, "invalid_request_error"), error
    assert len(error["message"]) < 400


# ----------------------------------------------------------------------------------------------------------- the assistant


def test_the_assistant_answers(desk):
    question = "where is my parcel, I ordered a week ago"
    response = desk.responses.create(model="helpdesk", input=question, metadata={"session_id": "responses-1"}, tools=TOOLS)
    assert response.status == "completed" and response.output_text and response.metadata == {"session_id": "responses-1"}
    details = response.model_extra["bantam"]
    assert details["route"] and response.id == "resp_" + details["request_id"]
    assert response.usage.output_tokens > 0
    with desk.responses.stream(model="helpdesk", input=question) as stream:
        final = stream.get_final_response()
    assert final.output_text == response.output_text and final.model_extra["bantam"]["route"] == details["route"]


def test_the_assistant_refuses_in_the_same_shape(helpdesk_server):
    def param(**fields):
        reply = httpx.post(helpdesk_server.url + "/v1/responses", json={"model": "helpdesk", "input": QUESTION} | fields)
        assert reply.status_code in (400, 404), reply.text
        return reply.json()["error"]["param"]

    assert param(input=" ") == "input"
    assert param(input=[{"role": "assistant", "content": "x"}]) == "input"
    assert param(previous_response_id="resp_1") == "previous_response_id"
    assert param(tools="all") == "tools"
    assert param(model="gpt-9") == "model"

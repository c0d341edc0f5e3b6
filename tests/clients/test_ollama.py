"""The real `ollama` package against the default models, and what its other clients read from the wire: NDJSON, durations in
nanoseconds, errors as {"error"}, models by tagged names."""

import json
import math
import re
import socket
import time

import httpx
import jsonschema
import numpy as np
import ollama
import openai
import pytest

from bantam_process import BantamProcess, make_home, real_home
from tiny_decoder import write_tiny_decoder

WRITER, ENCODER, ALIAS = "smollm2", "all-MiniLM-L6-v2", "gpt-3.5-turbo"
QUESTION = [{"role": "user", "content": "Name three colours of the rainbow."}]
GREEDY = {"temperature": 0, "num_predict": 24}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if not (real_home() / "models" / WRITER).is_dir():
        pytest.skip(f"{WRITER} is not in the model store; fetch it with: make setup")
    home = make_home(tmp_path_factory.mktemp("ollama") / "home")
    arguments = ["--model", WRITER, "--model", ENCODER, "--alias", f"{ALIAS}={WRITER}", "--context", "2048"]
    with BantamProcess(home, arguments) as running:
        yield running
        status = running.stop()
    assert status == 0, running.log()


@pytest.fixture(scope="module")
def client(server):
    return ollama.Client(host=server.url, timeout=120)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Random weights that know tool calls and infilling, under a template that knows functions."""
    folder = tmp_path_factory.mktemp("tiny")
    path = write_tiny_decoder(folder / "tiny.gguf")
    with BantamProcess(make_home(folder / "home"), ["--model", path]) as running:
        yield running


def post(server, path, status=200, headers=None, **body):
    reply = httpx.post(server.url + path, json=body, headers=headers, timeout=120)
    assert reply.status_code == status, reply.text
    return reply


def refusal(server, path, status=400, **body):
    error = post(server, path, status, **body).json()
    assert set(error) == {"error"} and error["error"], error
    return error["error"]


def lines(server, path, **body):
    with httpx.stream("POST", server.url + path, json=body, timeout=120) as reply:
        assert reply.status_code == 200, reply.read()
        assert reply.headers["content-type"] == "application/x-ndjson"
        text = "".join(reply.iter_text())
    assert text.endswith("\n") and "\n\n" not in text  # a blank line is no JSON
    return [json.loads(line) for line in text.splitlines()]


def metric(server, name):
    text = httpx.get(server.url + "/metrics").text
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE))


def test_clients_see_that_it_runs(server):
    assert httpx.get(server.url + "/").text == "Ollama is running"
    assert httpx.head(server.url + "/").status_code == 200
    page = httpx.get(server.url + "/", headers={"Accept": "text/html,application/xhtml+xml"})
    assert page.headers["content-type"].startswith("text/html") and "<html" in page.text
    assert re.fullmatch(r"\d+\.\d+\.\d+", httpx.get(server.url + "/api/version").json()["version"])


def test_models_are_listed_and_described(client):
    listed = {model.model: model for model in client.list().models}
    assert set(listed) == {f"{WRITER}:latest", f"{ENCODER}:latest", f"{ALIAS}:latest"}
    writer = listed[f"{WRITER}:latest"]
    assert re.fullmatch("[0-9a-f]{64}", writer.digest) and writer.size > 50_000_000 and writer.modified_at.year >= 2025
    assert (writer.details.format, writer.details.family) == ("gguf", "llama")
    assert {model.model for model in client.ps().models} == {f"{WRITER}:latest", f"{ENCODER}:latest"}
    shown = client.show(WRITER)
    assert shown.modelinfo["general.architecture"] == "llama" and shown.modelinfo["llama.context_length"] == 2048
    assert shown.modelinfo["llama.embedding_length"] == 576 and shown.modelinfo["llama.block_count"] == 30
    assert "<|im_start|>" in shown.template and "<|im_end|>" in shown.parameters
    assert "completion" in shown.capabilities and "tools" in shown.capabilities and "embedding" not in shown.capabilities
    encoder = client.show(f"{ENCODER}:latest")
    assert encoder.capabilities == ["embedding"] and encoder.modelinfo["bert.embedding_length"] == 384
    assert encoder.modelinfo["bert.context_length"] == 256


def test_old_clients_say_name(server):
    assert post(server, "/api/show", name=WRITER).json() == post(server, "/api/show", model=WRITER).json()


def test_generate_in_lines_is_the_default_and_the_same_text_as_in_one(client, server):
    got = lines(server, "/api/generate", model=WRITER, prompt="Why is the sky blue?", options=GREEDY)
    *pieces, last = got
    assert len(pieces) > 4 and all(line["done"] is False and line["model"] == WRITER for line in pieces)
    assert (last["done"], last["done_reason"], last["response"]) == (True, "length", "")
    whole = client.generate(WRITER, "Why is the sky blue?", options=GREEDY)
    assert whole.response == "".join(line["response"] for line in pieces) and whole.done and whole.done_reason == "length"
    assert (whole.eval_count, whole.prompt_eval_count) == (24, last["prompt_eval_count"])
    for counts in (whole.model_dump(), last):
        assert counts["eval_count"] == 24 and counts["prompt_eval_count"] > 10
        parts = counts["load_duration"] + counts["prompt_eval_duration"] + counts["eval_duration"]
        assert 1_000_000 < parts <= counts["total_duration"] < 120e9  # nanoseconds
    assert "".join(part.response for part in client.generate(WRITER, "Why is the sky blue?", options=GREEDY, stream=True)) == whole.response


def test_the_text_is_that_of_the_other_endpoints(client, server):
    openai_client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="ollama", max_retries=0)
    chat = openai_client.chat.completions.create(model=WRITER, messages=QUESTION, temperature=0, max_tokens=24)
    answer = client.chat(WRITER, QUESTION, options=GREEDY)
    assert answer.message.content == chat.choices[0].message.content and answer.message.role == "assistant"
    assert (answer.prompt_eval_count, answer.eval_count) == (chat.usage.prompt_tokens, chat.usage.completion_tokens)
    assert client.generate(WRITER, QUESTION[0]["content"], options=GREEDY).response == answer.message.content
    raw = client.generate(WRITER, "The capital of France is", raw=True, options=GREEDY)
    plain = openai_client.completions.create(model=WRITER, prompt="The capital of France is", temperature=0, max_tokens=24)
    assert raw.response == plain.choices[0].text and raw.context is None
    assert openai_client.chat.completions.create(model=ALIAS, messages=QUESTION, temperature=0, max_tokens=24).choices[0].message.content \
        == answer.message.content  # fmt: skip


def test_chat_in_lines(client, server):
    got = lines(server, "/api/chat", model=f"{WRITER}:latest", messages=QUESTION, options=GREEDY)
    assert all(line["message"]["role"] == "assistant" and line["model"] == f"{WRITER}:latest" for line in got)
    text = "".join(line["message"]["content"] for line in got)
    assert text == client.chat(WRITER, QUESTION, options=GREEDY).message.content
    assert got[-1]["done"] and got[-1]["message"]["content"] == "" and got[-1]["eval_count"] == 24
    assert text == "".join(part.message.content for part in client.chat(WRITER, QUESTION, options=GREEDY, stream=True))


def test_options_are_our_sampling(client, server):
    def say(**options):
        return client.generate(WRITER, "Tell me a story.", options={"num_predict": 16, **options})

    assert say(seed=7).response == say(seed=7).response != say(seed=8).response
    assert say(temperature=0).response == say(top_k=1).response
    stopped = say(temperature=0, num_predict=60, stop=["."])
    assert stopped.done_reason == "stop" and "." not in stopped.response and stopped.response
    assert say(temperature=0, num_ctx=50, num_predict=-1).eval_count + say(temperature=0).prompt_eval_count == 50
    # What is about the machine changes nothing, nor what only older versions knew.
    ours = {"num_thread": 1, "num_gpu": 99, "use_mmap": False, "num_batch": 8, "num_keep": 5, "numa": True, "tfs_z": 0.5, "made_up": []}
    assert say(temperature=0, **ours).response == say(temperature=0).response
    told = client.generate(WRITER, "Hello", options={"temperature": 0, "num_predict": 4}, logprobs=True, top_logprobs=2)
    assert len(told.logprobs) == 4 and all(len(token.top_logprobs) == 2 and token.logprob <= 0 for token in told.logprobs)
    assert "".join(token.token for token in told.logprobs) == told.response


@pytest.mark.parametrize(
    "options, says",
    [
        ({"temperature": -1}, "temperature"), ({"temperature": "hot"}, "temperature"), ({"top_p": 2}, "top_p"), ({"top_k": -2}, "top_k"),
        ({"seed": 1.5}, "seed"), ({"num_predict": -3}, "num_predict"), ({"num_ctx": -1}, "num_ctx"), ({"repeat_penalty": 0}, "repeat_penalty"),
        ({"repeat_last_n": 2**40}, "repeat_last_n"), ({"stop": 5}, "stop"), ({"stop": ["x" * 5000]}, "4096"), ({"mirostat": 2}, "mirostat"),
        ([], "options"),
    ],
)  # fmt: skip
def test_options_out_of_range_are_named(server, options, says):
    assert says in refusal(server, "/api/generate", model=WRITER, prompt="x", options=options)


def test_a_conversation_by_its_context(client):
    first = client.generate(WRITER, "My name is Ada. Remember it.", options=GREEDY)
    assert len(first.context) >= first.prompt_eval_count + first.eval_count - 1
    again = client.generate(WRITER, "What is my name?", context=first.context, options=GREEDY)
    alone = client.generate(WRITER, "What is my name?", options=GREEDY)
    assert again.prompt_eval_count == alone.prompt_eval_count + len(first.context)
    assert again.context[: len(first.context)] == first.context and again.response != alone.response
    system = client.generate(WRITER, "Hello", system="You are a pirate.", options=GREEDY)
    assert system.prompt_eval_count != client.generate(WRITER, "Hello", options=GREEDY).prompt_eval_count


def test_format_holds_the_text(client):
    schema = {
        "type": "object",
        "properties": {"age": {"type": "integer", "minimum": 0, "maximum": 150}, "name": {"type": "string", "maxLength": 20}},
        "required": ["name", "age"], "additionalProperties": False,
    }  # fmt: skip
    options = {"seed": 3, "num_predict": 200}
    for answer in (client.generate(WRITER, "Who is Ada?", format=schema, options=options).response,
                   client.chat(WRITER, QUESTION, format=schema, options=options).message.content,
                   "".join(p.message.content for p in client.chat(WRITER, QUESTION, format=schema, options=options, stream=True))):
        jsonschema.validate(json.loads(answer), schema)
    assert isinstance(json.loads(client.generate(WRITER, "JSON please", format="json", options={"seed": 1, "num_predict": 400}).response), dict)


def test_tools(tiny):
    tools = [{
        "type": "function",
        "function": {
            "name": "get_weather", "description": "Tells the weather.",
            "parameters": {"type": "object", "properties": {"city": {"enum": ["Bonn", "Ulm"]}, "sunny": {"type": "boolean"}},
                           "required": ["city", "sunny"]},  # of schemas the package sends on types and enums alone
        },
    }]  # fmt: skip
    client = ollama.Client(host=tiny.url, timeout=120)
    asked = [{"role": "user", "content": "Rain?"}]
    calls, seed = [], 0
    while not calls and seed < 60:  # of random weights, one of some seeds begins a call
        seed += 1
        calls = client.chat("tiny", asked, tools=tools, options={"seed": seed, "num_predict": 600, "temperature": 1}).message.tool_calls or []
    assert calls, "no seed made a call"
    for call in calls:
        assert call.function.name == "get_weather"
        jsonschema.validate(call.function.arguments, tools[0]["function"]["parameters"])  # an object, not its text
    streamed = [part.message.tool_calls for part in client.chat("tiny", asked, tools=tools, stream=True,
                                                                options={"seed": seed, "num_predict": 600, "temperature": 1})]  # fmt: skip
    assert [call.function for part in streamed if part for call in part] == [call.function for call in calls]
    follow_up = [*asked, {"role": "assistant", "content": "", "tool_calls": [call.model_dump() for call in calls]},
                 {"role": "tool", "tool_name": "get_weather", "content": "sunny"}]  # fmt: skip
    assert client.chat("tiny", follow_up, tools=tools, options={"num_predict": 4, "seed": 1, "temperature": 1}).eval_count == 4


def test_suffix_fills_in(tiny, server):
    client = ollama.Client(host=tiny.url, timeout=120)
    reply = client.generate("tiny", "def add(a, b):\n", suffix="    return c\n", options={"temperature": 0, "num_predict": 8})
    infill = post(tiny, "/infill", input_prefix="def add(a, b):\n", input_suffix="    return c\n", n_predict=8, temperature=0).json()
    assert reply.response == infill["content"]
    assert "insert" in client.show("tiny").capabilities
    assert "does not support insert" in refusal(server, "/api/generate", model=WRITER, prompt="a", suffix="b")


def test_loading_and_unloading(client, server):
    for path, more in (("/api/generate", {}), ("/api/chat", {"messages": []}), ("/api/generate", {"prompt": "", "keep_alive": -1})):
        reply = post(server, path, model=WRITER, **more).json()
        assert (reply["done"], reply["done_reason"]) == (True, "load")
    assert "keeps it" in refusal(server, "/api/generate", model=WRITER, keep_alive=0)
    for keep in ("5m", "1h30m", "-1", 300, 0, "0", -1.5):
        assert post(server, "/api/generate", model=WRITER, prompt="x", stream=False, keep_alive=keep, options={"num_predict": 1}).json()["done"]
    for keep in ("soon", "5 minutes", "1h30", True, [], ""):
        assert "keep_alive" in refusal(server, "/api/generate", model=WRITER, prompt="x", keep_alive=keep)


@pytest.mark.parametrize(
    "path, body, status, says",
    [
        ("/api/generate", {}, 400, "model"),
        ("/api/generate", {"model": "nobody", "prompt": "x"}, 404, "not served here"),
        ("/api/generate", {"model": "../../etc/passwd", "prompt": "x"}, 404, "not served here"),
        ("/api/generate", {"model": ENCODER, "prompt": "x"}, 400, "does not write text"),
        ("/api/generate", {"model": WRITER, "prompt": "x", "images": ["aGk="]}, 400, "text only"),
        ("/api/generate", {"model": WRITER, "prompt": "x", "template": "{{ .Prompt }}"}, 400, "template"),
        ("/api/generate", {"model": WRITER, "prompt": "x", "format": "yaml"}, 400, "format"),
        ("/api/generate", {"model": WRITER, "prompt": "x", "format": {"type": "what"}}, 400, "format"),
        ("/api/generate", {"model": WRITER, "prompt": "x", "think": True}, 400, "does not support thinking"),
        ("/api/generate", {"model": WRITER, "prompt": "x", "think": "loud"}, 400, "think"),
        ("/api/generate", {"model": WRITER, "prompt": "x", "raw": True, "system": "y"}, 400, "raw"),
        ("/api/generate", {"model": WRITER, "prompt": "x", "context": [-1]}, 400, "context"),
        ("/api/generate", {"model": WRITER, "prompt": "word " * 3000}, 400, "2048"),
        ("/api/generate", {"model": WRITER, "prompt": "x", "stream": "no"}, 400, "stream"),
        ("/api/chat", {"model": WRITER, "messages": [{"role": "user", "content": "x", "images": ["aGk="]}]}, 400, "messages[0].images"),
        ("/api/chat", {"model": WRITER, "messages": [{"role": "wizard", "content": "x"}]}, 400, "messages[0].role"),
        ("/api/chat", {"model": WRITER, "messages": ["x"]}, 400, "messages[0]"),
        ("/api/chat", {"model": ENCODER, "messages": QUESTION}, 400, "does not write text"),
        ("/api/embed", {"model": WRITER, "input": "x"}, 400, "cannot embed"),
        ("/api/embed", {"model": "nobody", "input": "x"}, 404, "not served here"),
        ("/api/embed", {"model": ENCODER, "input": [1, 2]}, 400, "token ids"),
        ("/api/embed", {"model": ENCODER, "input": "x", "dimensions": 385}, 400, "dimensions"),
        ("/api/embed", {"model": ENCODER, "input": "word " * 300, "truncate": False}, 400, "256"),
        ("/api/show", {"model": "nobody"}, 404, "not served here"),
        ("/api/show", {}, 400, "model"),
        ("/api/push", {"model": WRITER}, 501, "registry"),
        ("/api/blobs/sha256:../../x", {}, 400, "64 lower-case hex digits"),
        ("/api/nothing", {}, 404, "/api/nothing"),
        ("/api/tags", {}, 405, "POST"),
    ],
)  # fmt: skip
def test_refusals_have_ollamas_shape(server, path, body, status, says):
    assert says in refusal(server, path, status, **body)


def test_errors_below_the_handlers_too(server, client):
    assert "error" in httpx.post(server.url + "/api/chat", content="{", headers={"Content-Type": "application/json"}).json()
    size = (4 << 20) + 1
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(f"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode())
        reply = b"".join(iter(lambda: connection.recv(65536), b""))
    assert reply.startswith(b"HTTP/1.1 413 ") and set(json.loads(reply.partition(b"\r\n\r\n")[2])) == {"error"}
    with pytest.raises(ollama.ResponseError, match="not served here") as raised:
        client.chat("nobody", QUESTION)
    assert raised.value.status_code == 404
    # curl's examples in Ollama's own documentation send no type; a page of another site could, and may not.
    curl = {"Content-Type": "application/x-www-form-urlencoded"}
    assert httpx.post(server.url + "/api/show", content=json.dumps({"model": WRITER}), headers=curl).status_code == 200
    for page in ({"Origin": server.url}, {"Sec-Fetch-Site": "cross-site"}):
        assert httpx.post(server.url + "/api/show", content=json.dumps({"model": WRITER}), headers=curl | page).status_code == 415


def test_a_long_conversation_loses_its_oldest_turns_and_says_so(server):
    turns = [{"role": role, "content": f"{i} " + "word " * 40} for i in range(20) for role in ("user", "assistant")]
    messages = [{"role": "system", "content": "Be brief."}, *turns, *QUESTION]
    body = {"model": WRITER, "messages": messages, "stream": False, "options": {"num_ctx": 512, "num_predict": 4, "temperature": 0}}
    reply = post(server, "/api/chat", **body)
    dropped = int(reply.headers["x-bantam-truncated"])
    assert 20 < dropped < 40 and dropped % 2 == 0 and 400 < reply.json()["prompt_eval_count"] < 512
    # The same text as of the messages that are left; one turn more would not have fitted.
    left = {**body, "messages": [messages[0], *messages[1 + dropped:]]}
    assert post(server, "/api/chat", **left).json()["message"] == reply.json()["message"]
    assert "512" in refusal(server, "/api/chat", **{**body, "messages": [messages[0], *messages[dropped - 1:]], "truncate": False})
    assert "x-bantam-truncated" not in post(server, "/api/chat", **left).headers
    assert "shorten" in refusal(server, "/api/chat", **{**body, "messages": [{"role": "user", "content": "word " * 600}]})


def test_embed(client, server):
    texts = ["Why is the sky blue?", "Where is my parcel?"]
    answer = client.embed(ENCODER, texts)
    vectors = np.array(answer.embeddings, dtype=np.float32)
    data = openai.OpenAI(base_url=f"{server.url}/v1", api_key="ollama").embeddings.create(model=ENCODER, input=texts)
    np.testing.assert_array_equal(vectors, np.array([row.embedding for row in data.data], dtype=np.float32))
    assert answer.prompt_eval_count == data.usage.prompt_tokens and answer.total_duration > 0
    short = np.array(client.embed(ENCODER, texts[0], dimensions=64).embeddings[0])
    assert len(short) == 64 and math.isclose(np.linalg.norm(short), 1, abs_tol=1e-5)
    np.testing.assert_allclose(short, vectors[0][:64] / np.linalg.norm(vectors[0][:64]), atol=1e-6)
    np.testing.assert_array_equal(np.float32(client.embeddings(ENCODER, texts[0]).embedding), vectors[0])
    assert client.embeddings(ENCODER, "").embedding == [] and client.embed(ENCODER, "").embeddings == []
    assert post(server, "/api/embed", model=ENCODER, input="word " * 300).headers["x-bantam-truncated"] == "1"
    # Without a model it is an encoder that is meant, whichever model came first.
    assert len(post(server, "/embed", inputs="x").json()[0]) == 384
    assert "cannot embed" in post(server, "/embed", 422, model=WRITER, inputs="x").json()["error"]


@pytest.mark.parametrize("path, body", [("/api/generate", {"prompt": "Tell a long story."}), ("/api/chat", {"messages": QUESTION})])
def test_a_client_that_goes_away_ends_its_text(server, path, body):
    endless = {"type": "array", "items": {"type": "integer"}, "minItems": 1000}  # it cannot end by itself
    body = {"model": WRITER, "options": {"num_predict": 1900, "temperature": 1, "seed": 1, "stop": []}, "format": endless, **body}
    with httpx.stream("POST", server.url + path, json=body, timeout=60) as reply:
        coming = reply.iter_lines()
        assert json.loads(next(coming))["done"] is False
        assert metric(server, "bantam_generation_running") == 1
    deadline = time.monotonic() + 10
    while metric(server, "bantam_generation_running") > 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert metric(server, "bantam_generation_running") == 0
    written = metric(server, "bantam_generation_tokens_total")
    time.sleep(0.3)
    assert metric(server, "bantam_generation_tokens_total") == written

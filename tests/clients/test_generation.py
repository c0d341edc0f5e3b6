"""The real `openai` package against a model that writes text: the trained 260K-parameter Llama of the data sets, given a
chat template, beside an encoder; and SmolLM2 where it is in the model store."""

import concurrent.futures
import json
import os
import re
import socket
import subprocess
import time

import httpx
import openai
import pytest

from bantam_process import BantamProcess, make_home, real_home
from stories_model import write_stories

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ message.role + ': ' + message.content + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)
OPENING = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park."
MESSAGES = [{"role": "system", "content": "Tell a story."}, {"role": "user", "content": "Once upon a time there was a dog"}]
LENGTH = 512  # of the model


@pytest.fixture(scope="module")
def stories(test_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stories")
    return write_stories(test_data / "weights-stories260k", folder / "stories.gguf", chat_template=TEMPLATE)


@pytest.fixture(scope="module")
def server(stories, tmp_path_factory):
    home = make_home(tmp_path_factory.mktemp("generation") / "home")
    with BantamProcess(home, ["--model", stories, "--model", "all-MiniLM-L6-v2"]) as running:
        yield running
        status = running.stop()
    assert status == 0, running.log()


@pytest.fixture(scope="module")
def client(server):
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused", max_retries=0, timeout=120)


@pytest.fixture(scope="module")
def model(client):
    names = [served.id for served in client.models.list()]
    assert len(names) == 2 and "all-MiniLM-L6-v2" in names
    return next(name for name in names if name.startswith("stories"))


def command(bantam_binary, home, *arguments, text=""):
    done = subprocess.run([bantam_binary, *map(str, arguments)], env=os.environ | {"BANTAM_HOME": str(home)},
                          input=text.encode(), capture_output=True, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def metric(server, name):
    text = httpx.get(server.url + "/metrics").text
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE))


def complete(client, model, prompt, **more):
    return client.completions.create(model=model, prompt=prompt, **{"temperature": 0, "max_tokens": 60, **more})


def chat(client, model, messages=MESSAGES, **more):
    return client.chat.completions.create(model=model, messages=messages, **{"temperature": 0, "max_tokens": 60, **more})


def test_both_kinds_of_models_are_listed_and_work(client, server, model):
    tasks = {served["id"]: served["bantam"]["tasks"] for served in httpx.get(server.url + "/v1/models").json()["data"]}
    assert tasks == {model: "generate, chat", "all-MiniLM-L6-v2": "embed"}
    assert len(client.embeddings.create(model="all-MiniLM-L6-v2", input="hello").data[0].embedding) == 384
    with pytest.raises(openai.BadRequestError, match="cannot embed"):
        client.embeddings.create(model=model, input="hello")
    with pytest.raises(openai.BadRequestError, match="cannot generate text"):
        complete(client, "all-MiniLM-L6-v2", "hello")
    with pytest.raises(openai.BadRequestError, match="no assistant"):
        chat(client, "all-MiniLM-L6-v2")
    with pytest.raises(openai.NotFoundError):
        complete(client, "gpt-5", "hello")


def test_greedy_text_is_that_of_the_command(client, model, stories, bantam_binary, server):
    answer = complete(client, model, "", max_tokens=120)
    assert answer.object == "text_completion" and answer.id.startswith("cmpl-")
    assert answer.choices[0].text.startswith(OPENING)
    assert (answer.choices[0].finish_reason, answer.usage.completion_tokens, answer.usage.prompt_tokens) == ("length", 120, 1)
    for prompt in ("", "The dog was", "Once upon a time"):
        said = json.loads(command(bantam_binary, server.home, "run", stories, prompt, "--raw", "--json", "--temperature", 0, "-n", 60))
        answer = complete(client, model, prompt)
        assert answer.choices[0].text == said["texts"][0]["text"]
        assert answer.usage.prompt_tokens == said["prompt_tokens"]


def test_prompts_are_texts_ids_or_lists_of_them(client, model):
    prompts = ["The dog was", "Once upon", "A cat"]
    alone = [complete(client, model, prompt).choices[0].text for prompt in prompts]
    together = complete(client, model, prompts)
    assert [choice.text for choice in together.choices] == alone
    assert [choice.index for choice in together.choices] == [0, 1, 2]
    assert together.usage.completion_tokens == 180
    assert complete(client, model, [1]).choices[0].text == complete(client, model, "").choices[0].text
    assert [choice.text for choice in complete(client, model, [[1], [1]]).choices] == [complete(client, model, [1]).choices[0].text] * 2
    assert complete(client, model, "A cat", max_tokens=openai.NOT_GIVEN).usage.completion_tokens == 16


def collect(stream):
    """-> {index: (text, finish reason)}, the usage, all chunks."""
    texts, reasons, usage, chunks = {}, {}, None, []
    for chunk in stream:
        chunks.append(chunk)
        if not chunk.choices:
            usage = chunk.usage
        for choice in chunk.choices:
            piece = choice.delta.content if hasattr(choice, "delta") else choice.text
            assert choice.index not in reasons, "something after the end"
            texts[choice.index] = texts.get(choice.index, "") + (piece or "")
            if choice.finish_reason:
                reasons[choice.index] = choice.finish_reason
    assert texts.keys() == reasons.keys()
    assert len({chunk.id for chunk in chunks}) == 1
    return {index: (texts[index], reasons[index]) for index in sorted(texts)}, usage, chunks


@pytest.mark.parametrize("ask, prompt", [(complete, "One day"), (chat, MESSAGES)])
@pytest.mark.parametrize("more", [{}, {"n": 3, "temperature": 0.9, "seed": 4}, {"stop": ["."]}, {"logprobs": 2}])
def test_a_stream_is_the_whole_answer(client, model, ask, prompt, more):
    if "logprobs" in more and ask is chat:
        more = {"logprobs": True, "top_logprobs": 2}
    whole = ask(client, model, prompt, **more)
    texts = {choice.index: (choice.message.content if ask is chat else choice.text, choice.finish_reason) for choice in whole.choices}
    streamed, usage, chunks = collect(ask(client, model, prompt, stream=True, stream_options={"include_usage": True}, **more))
    assert streamed == texts
    assert usage.completion_tokens == whole.usage.completion_tokens and usage.prompt_tokens == whole.usage.prompt_tokens
    if ask is chat:
        assert chunks[0].choices[0].delta.role == "assistant" and chunks[0].object == "chat.completion.chunk"
        if "logprobs" in more:
            told = [entry for chunk in chunks for choice in chunk.choices if choice.logprobs for entry in choice.logprobs.content]
            assert told == whole.choices[0].logprobs.content
    elif "logprobs" in more:
        told = [token for chunk in chunks for choice in chunk.choices if choice.logprobs for token in choice.logprobs.tokens]
        assert told == whole.choices[0].logprobs.tokens
    _, usage, _ = collect(ask(client, model, prompt, stream=True, **more))
    assert usage is None


def test_events_are_framed_as_clients_read_them(server, model):
    body = {"model": model, "messages": MESSAGES, "stream": True, "max_tokens": 5}
    reply = httpx.post(server.url + "/v1/chat/completions", json=body)
    assert reply.headers["content-type"].startswith("text/event-stream")
    events = reply.text.split("\n\n")
    assert events[-1] == "" and events[-2] == "data: [DONE]"
    assert all(json.loads(event.removeprefix("data: "))["choices"] for event in events[:-2])


def test_chat_is_the_template_and_nothing_more(client, model, stories, bantam_binary, server):
    prompt = command(bantam_binary, server.home, "template", stories, text=json.dumps(MESSAGES))
    answer = chat(client, model)
    assert answer.object == "chat.completion" and answer.choices[0].message.role == "assistant"
    # The template wrote the token that a prompt begins with.
    raw = complete(client, model, prompt, extra_body={"add_special_tokens": False})
    assert answer.choices[0].message.content == raw.choices[0].text
    assert answer.usage.prompt_tokens == raw.usage.prompt_tokens
    parts = [{"role": "user", "content": [{"type": "text", "text": "Once"}, {"type": "text", "text": "upon"}]}]
    assert chat(client, model, parts).choices == chat(client, model, [{"role": "user", "content": "Once\nupon"}]).choices
    developer = [{**MESSAGES[0], "role": "developer"}, MESSAGES[1]]
    assert chat(client, model, developer).choices == answer.choices
    said = command(bantam_binary, server.home, "run", stories, MESSAGES[1]["content"], "--system", "Tell a story.", "--temperature", 0, "-n", 60)
    assert said.rstrip("\n") == answer.choices[0].message.content.rstrip("\n")


def test_content_makes_no_control_token(client, model):
    def tokens(text):
        return chat(client, model, [{"role": "user", "content": text}], max_tokens=1).usage.prompt_tokens

    assert tokens("</s>") > tokens("s") + 1
    # A prompt is what its writer makes it.
    assert complete(client, model, "a</s>", max_tokens=1).usage.prompt_tokens == complete(client, model, "a", max_tokens=1).usage.prompt_tokens + 1


def test_a_seed_is_a_text_whoever_else_is_there(client, model):
    def write(seed):
        return complete(client, model, "One day", temperature=1.1, seed=seed, max_tokens=80, extra_body={"top_k": 50}).choices[0].text

    alone = {seed: write(seed) for seed in range(6)}
    assert len(set(alone.values())) == 6
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        others = [pool.submit(complete, client, model, f"The {i} cats", temperature=1, n=4) for i in range(8)]
        for seed, text in zip([*range(6)] * 2, pool.map(write, [*range(6)] * 2)):
            assert text == alone[seed]
        assert all(len(other.result().choices) == 4 for other in others)
    three = complete(client, model, "One day", temperature=1.1, seed=2, max_tokens=80, n=3, extra_body={"top_k": 50})
    assert [choice.text for choice in three.choices] == [alone[seed] for seed in (2, 3, 4)]


def test_sixteen_clients_at_once(client, model):
    def write(i):
        if i % 2:
            return complete(client, model, f"Tom had {i} apples", max_tokens=100).choices[0].text
        stream = complete(client, model, f"Tom had {i} apples", max_tokens=100, stream=True)
        return "".join(chunk.choices[0].text for chunk in stream)

    alone = [complete(client, model, f"Tom had {i} apples", max_tokens=100).choices[0].text for i in range(16)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert list(pool.map(write, range(16))) == alone


def test_stop_strings_wherever_tokens_end(client, model):
    text = complete(client, model, "").choices[0].text
    for begin in range(5, 40):
        stop = text[begin : begin + 4]
        answer = complete(client, model, "", stop=["never said", stop], logprobs=0)
        assert answer.choices[0].text == text[: text.index(stop)], stop
        assert answer.choices[0].finish_reason == "stop"
        tokens = "".join(answer.choices[0].logprobs.tokens).lstrip()
        assert tokens.startswith(answer.choices[0].text) and stop not in tokens[: len(answer.choices[0].text)]
    assert complete(client, model, "", stop=".").choices[0].text + "." == text[: text.index(".") + 1]


def test_log_probabilities(client, model):
    answer = complete(client, model, "The dog", logprobs=5)
    told = answer.choices[0].logprobs
    assert "".join(told.tokens) == answer.choices[0].text
    assert len(told.tokens) == answer.usage.completion_tokens == len(told.token_logprobs) == len(told.text_offset)
    for i, (token, logprob, top) in enumerate(zip(told.tokens, told.token_logprobs, told.top_logprobs)):
        assert len(top) == 5 and logprob == max(top.values()) == top[token]  # greedy
        assert sum(2.718281828 ** value for value in top.values()) <= 1.0001
        assert told.text_offset[i] == len("".join(told.tokens[:i]))
    # What is asked of sampling changes the choice, not what the model says of it.
    biased = complete(client, model, "The dog", logprobs=5, max_tokens=1, logit_bias={"300": 100}, presence_penalty=1)
    assert biased.choices[0].logprobs.top_logprobs[0] == told.top_logprobs[0]
    assert biased.choices[0].logprobs.token_logprobs[0] < told.token_logprobs[0]
    spoken = chat(client, model, logprobs=True, top_logprobs=3)
    content = spoken.choices[0].logprobs.content
    assert b"".join(bytes(entry.bytes) for entry in content).decode() == spoken.choices[0].message.content
    assert all(len(entry.top_logprobs) == 3 and entry.logprob == entry.top_logprobs[0].logprob for entry in content)
    assert chat(client, model).choices[0].logprobs is None


def test_echo_best_of_and_ends(client, model):
    assert complete(client, model, "The dog", echo=True).choices[0].text == "The dog" + complete(client, model, "The dog").choices[0].text
    streamed, _, _ = collect(complete(client, model, "The dog", echo=True, stream=True))
    assert streamed[0][0].startswith("The dog")
    more = {"temperature": 1.3, "seed": 3, "max_tokens": 20, "logprobs": 0}
    many = complete(client, model, "The dog", n=6, **more)
    best = complete(client, model, "The dog", n=2, best_of=6, **more)
    mean = {c.text: sum(c.logprobs.token_logprobs) / len(c.logprobs.token_logprobs) for c in many.choices}
    assert [choice.text for choice in best.choices] == sorted(mean, key=mean.get, reverse=True)[:2]
    assert best.usage.completion_tokens == many.usage.completion_tokens
    first = complete(client, model, "The dog", max_tokens=1, logprobs=0)
    stopped = complete(client, model, "The dog", max_tokens=400, extra_body={"stop_token_ids": list(range(3, 512))})
    assert (stopped.choices[0].text, stopped.choices[0].finish_reason) == ("", "stop") and first.choices[0].text
    # As far as the model goes, past its own end of a text.
    endless = complete(client, model, "", max_tokens=5000, extra_body={"ignore_eos": True})
    assert endless.usage.total_tokens == LENGTH and endless.choices[0].finish_reason == "length"


def test_usage_tells_what_was_known(client, model):
    messages = [{"role": "user", "content": "Lily and Tom went to the park to play with their new red ball. " * 3}]
    first, second = (chat(client, model, messages, max_tokens=2).usage for _ in range(2))
    assert first.prompt_tokens == second.prompt_tokens > 64
    assert second.prompt_tokens_details.cached_tokens >= 32 > first.prompt_tokens_details.cached_tokens


BAD = [
    ("completions", {"prompt": None}, "prompt"),
    ("completions", {"prompt": []}, "prompt"),
    ("completions", {"prompt": 5}, "prompt"),
    ("completions", {"prompt": ["a", 5]}, "prompt[1]"),
    ("completions", {"prompt": [1, 512]}, "prompt"),
    ("completions", {"prompt": [1, -1]}, "prompt"),
    ("completions", {"prompt": [1, 2.5]}, "prompt"),
    ("completions", {"prompt": [[1], [9999]]}, "prompt[1]"),
    ("completions", {"prompt": "word " * 600}, "prompt"),
    ("completions", {"prompt": ["a", "word " * 600]}, "prompt[1]"),
    ("completions", {"max_tokens": 0}, "max_tokens"),
    ("completions", {"temperature": -1}, "temperature"),
    ("completions", {"temperature": "hot"}, "temperature"),
    ("completions", {"top_p": 1.5}, "top_p"),
    ("completions", {"n": 0}, "n"),
    ("completions", {"n": 129}, "n"),
    ("completions", {"prompt": ["a"] * 65, "n": 2}, "n"),
    ("completions", {"n": 3, "best_of": 2}, "best_of"),
    ("completions", {"best_of": 2, "stream": True}, "best_of"),
    ("completions", {"logprobs": -1}, "logprobs"),
    ("completions", {"logit_bias": {"x": 1}}, "logit_bias"),
    ("completions", {"logit_bias": {"5": 1000}}, "logit_bias"),
    ("completions", {"logit_bias": [1]}, "logit_bias"),
    ("completions", {"stop": 5}, "stop"),
    ("completions", {"stop": ["a", 5]}, "stop[1]"),
    ("completions", {"stop_token_ids": ["a"]}, "stop_token_ids"),
    ("completions", {"seed": "x"}, "seed"),
    ("completions", {"priority": "high"}, "priority"),
    ("completions", {"priority": 1 << 40}, "priority"),
    ("completions", {"timeout_ms": 0}, "timeout_ms"),
    ("completions", {"suffix": "the end"}, "suffix"),
    ("completions", {"stream_options": 5}, "stream_options"),
    ("completions", {"guided_regex": "a("}, "guided_regex"),
    ("completions", {"guided_regex": 5}, "guided_regex"),
    ("completions", {"guided_choice": []}, "guided_choice"),
    ("completions", {"guided_choice": ["a", 5]}, "guided_choice"),
    ("completions", {"guided_choice": ["a"], "grammar": 'root ::= "a"'}, "guided_choice"),
    ("completions", {"grammar": "root ::= other"}, "grammar"),
    ("completions", {"structured_outputs": {"whatever": 1}}, "structured_outputs"),
    ("chat/completions", {"messages": []}, "messages"),
    ("chat/completions", {"messages": [{"role": "wizard", "content": "a"}]}, "messages[0].role"),
    ("chat/completions", {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content"),
    ("chat/completions", {"messages": [{"role": "user", "content": "word " * 600}]}, "messages"),
    ("chat/completions", {"top_logprobs": 3}, "top_logprobs"),
    ("chat/completions", {"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
    ("chat/completions", {"max_completion_tokens": 0}, "max_completion_tokens"),
    ("chat/completions", {"tools": "f"}, "tools"),
    ("chat/completions", {"response_format": {"type": "yaml"}}, "response_format"),
    ("chat/completions", {"response_format": {"type": "json_schema", "json_schema": {"schema": {"not": {}}}}}, "response_format"),
    ("chat/completions", {"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format"),
    ("chat/completions", {"chat_template_kwargs": 5}, "chat_template_kwargs"),
]


@pytest.mark.parametrize("path, fields, param", BAD)
def test_what_is_wrong_is_named(server, model, path, fields, param):
    body = {"model": model, "prompt": "a"} if path == "completions" else {"model": model, "messages": MESSAGES}
    reply = httpx.post(f"{server.url}/v1/{path}", json=body | fields)
    assert reply.status_code == 400, reply.text
    error = reply.json()["error"]
    assert error["param"] == param and error["type"] == "invalid_request_error", error
    if "word" in json.dumps(fields):
        assert str(LENGTH) in error["message"]


SCHEMA = {"type": "object", "properties": {"size": {"type": "integer", "minimum": 0, "maximum": 99}, "color": {"enum": ["red", "blue"]}},
          "required": ["size", "color"]}  # fmt: skip


def held(server, model, **fields):
    reply = httpx.post(f"{server.url}/v1/completions", json={"model": model, "prompt": "a", "max_tokens": 60, "seed": 3, **fields})
    assert reply.status_code == 200, reply.text
    return reply.json()["choices"][0]["text"]


def test_output_is_held_to_what_is_asked(server, client, model):
    assert held(server, model, guided_choice=["yes", "no"]) in ("yes", "no")
    assert re.fullmatch("[a-c]{3}x", held(server, model, guided_regex="[a-c]{3}x"))
    assert held(server, model, structured_outputs={"choice": ["one", "two"]}) in ("one", "two")
    assert re.fullmatch("ab*", held(server, model, grammar='root ::= "a" "b"{0,3}'))
    # Streamed, and again: the same text.
    asked = {"temperature": 1.5, "seed": 5, "max_tokens": 60, "extra_body": {"guided_regex": "[a-z]{4,9} (cat|dog)"}}
    whole = chat(client, model, **asked).choices[0]
    assert re.fullmatch("[a-z]{4,9} (cat|dog)", whole.message.content) and whole.finish_reason == "stop"
    streamed, _, _ = collect(chat(client, model, stream=True, **asked))
    assert streamed[0][0] == whole.message.content
    # This vocabulary has no braces: an error, and no document that is none.
    reply = httpx.post(f"{server.url}/v1/completions", json={"model": model, "prompt": "a", "guided_json": SCHEMA})
    assert reply.status_code == 400 and "vocabulary" in reply.json()["error"]["message"]


def test_drafts_leave_the_text_as_it_is(client, model, stories, bantam_server, bantam_binary):
    """Off, always, from another model, as far as it pays: the text is one, with log probabilities, patterns and stops, too."""
    servers = [
        bantam_server("--model", stories, "--speculate", "off"),
        bantam_server("--model", stories, "--speculate", 6),
        bantam_server("--model", stories, "--speculate", 5, "--draft", stories),
    ]
    clients = [client] + [openai.OpenAI(base_url=f"{s.url}/v1", api_key="unused", max_retries=0, timeout=120) for s in servers]
    story = "Lily had a red ball. Tom had a red ball. Lily had a red"
    asked = [
        {"max_tokens": 200, "extra_body": {"ignore_eos": True}},
        {"temperature": 0.9, "seed": 3, "n": 4, "frequency_penalty": 0.3},
        {"temperature": 0.7, "seed": 8, "best_of": 3, "extra_body": {"top_k": 20, "min_p": 0.02}},
        {"logprobs": 3, "temperature": 0.5, "seed": 1},
        {"stop": [" ball", "park"], "max_tokens": 200},
        {"extra_body": {"guided_regex": "((Tom|Lily) has a (red|blue) ball[.] ){6}"}, "seed": 2, "temperature": 1, "max_tokens": 150},
    ]
    for more in asked:
        choices = [complete(c, name, story, **more).choices for c, name in zip(clients, [model] + 3 * ["stories"])]
        assert all(one == choices[1] for one in choices), more
    for server, drafts in zip(servers, (False, True, True)):
        assert (metric(server, "bantam_generation_speculated_tokens_total") > 0) is drafts
        assert (metric(server, "bantam_generation_accepted_tokens_total") > 0) is drafts
    details = complete(clients[3], "stories", story, **asked[0]).usage.completion_tokens_details
    assert details.accepted_prediction_tokens > 50  # a model foresees itself
    said = json.loads(command(bantam_binary, servers[0].home, "run", stories, story, "--raw", "--json", "--temperature", 0, "-n", 60, "--speculate", 4))
    assert said["speculated"] >= said["accepted"] >= 0 and said["texts"][0]["text"] == complete(client, model, story).choices[0].text
    if (real_home() / "models" / "smollm2").is_dir():
        refused = subprocess.run([bantam_binary, "run", stories, "a", "--draft", "smollm2"], capture_output=True, text=True,
                                 env=os.environ | {"BANTAM_HOME": str(real_home())}, timeout=120)  # fmt: skip
        assert refused.returncode == 64 and "other tokens" in refused.stderr


def test_time_is_over(server, model):
    """With some text it is the answer; with none a 504."""
    url = server.url + "/v1/completions"
    body = {"model": model, "prompt": "Once", "max_tokens": 480, "ignore_eos": True, "temperature": 0}
    whole = httpx.post(url, json=body, timeout=120).json()["choices"][0]["text"]
    many = {"n": 128, "timeout_ms": 500}  # beside 127 others a text takes long enough
    reply = httpx.post(url, json=body | many, timeout=120)
    assert reply.status_code == 200
    choices = reply.json()["choices"]
    assert all(whole.startswith(choice["text"]) for choice in choices)
    assert {choice["finish_reason"] for choice in choices} <= {"deadline", "length"}
    assert any(choice["finish_reason"] == "deadline" for choice in choices)
    with httpx.stream("POST", url, json=body | many | {"stream": True}, timeout=120) as stream:
        events = [line for line in stream.iter_lines() if line]
    assert events[-1] == "data: [DONE]" and any('"finish_reason":"deadline"' in event for event in events)
    # One that waits behind others until its time is over.
    busy = [post_raw(server, body | {"n": 128, "temperature": 1}) for _ in range(2)]
    eventually(lambda: metric(server, "bantam_generation_waiting") > 0)
    for more in ({"timeout_ms": 1}, {"timeout_ms": 1, "stream": True}):
        late = httpx.post(url, json=body | more, timeout=60)
        assert late.status_code == 504 and "before a token" in late.json()["error"]["message"]
    assert httpx.post(url, json=body, headers={"X-Bantam-Timeout-Ms": "1"}, timeout=60).status_code == 504
    for connection in busy:
        connection.close()
    eventually(lambda: metric(server, "bantam_generation_running") + metric(server, "bantam_generation_waiting") == 0)


def test_an_urgent_request_and_another_key_go_first(stories, bantam_server):
    server = bantam_server("--model", stories, "--parallel", 1, "--speculate", "off")
    url, long = server.url + "/v1/completions", {"model": "stories", "prompt": "Once", "max_tokens": 400, "ignore_eos": True}
    ended = []

    def ask(name, body, headers):
        reply = httpx.post(url, json=body, headers=headers, timeout=120)
        reply.raise_for_status()
        ended.append(name)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(ask, "many", long | {"n": 4, "seed": i}, {"Authorization": "Bearer many"}) for i in range(8)]
        eventually(lambda: metric(server, "bantam_generation_waiting") >= 16)
        asked += [pool.submit(ask, "other", long | {"max_tokens": 1}, {"Authorization": "Bearer other"})]
        asked += [pool.submit(ask, "urgent", long | {"max_tokens": 1, "priority": -1}, {"Authorization": "Bearer many"})]
        asked += [pool.submit(ask, "header", long | {"max_tokens": 1}, {"Authorization": "Bearer many", "X-Bantam-Priority": "-2"})]
        for one in asked:
            one.result()
    # Of the 32 texts of the first key half waited before they came.
    assert ended.count("many") == 8 and max(ended.index(name) for name in ("other", "urgent", "header")) < 8, ended
    assert metric(server, "bantam_generation_preemptions_total") >= 1


def test_harmless_fields_are_taken(client, model):
    chat(client, model, response_format={"type": "text"}, user="somebody", tools=[], store=False, max_tokens=2)
    assert chat(client, model, max_tokens=openai.NOT_GIVEN, max_completion_tokens=3).usage.completion_tokens == 3
    body = {"temperature": 1, "top_p": 0.9, "seed": 1, "presence_penalty": 0.5, "frequency_penalty": 0.5}
    more = {"top_k": -1, "min_p": 0.05, "typical_p": 0.9, "repetition_penalty": 1.1, "unknown_field": [1]}
    assert complete(client, model, "A", extra_body=more, **body).choices[0].text == complete(client, model, "A", extra_body=more, **body).choices[0].text


def post_raw(server, body):
    payload = json.dumps(body).encode()
    connection = socket.create_connection(("127.0.0.1", server.port))
    head = f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
    connection.sendall(head.encode() + payload)
    return connection


def eventually(condition, within_s=30):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_frees_its_place(server, model, stream):
    before = metric(server, "bantam_generation_tokens_total")
    body = {"model": model, "prompt": "Once", "n": 128, "max_tokens": 480, "ignore_eos": True, "stream": stream}
    connection = post_raw(server, body)
    eventually(lambda: metric(server, "bantam_generation_running") > 0)
    connection.close()
    eventually(lambda: metric(server, "bantam_generation_running") + metric(server, "bantam_generation_waiting") == 0)
    assert metric(server, "bantam_generation_tokens_total") - before < 128 * 480
    eventually(lambda: metric(server, "bantam_kv_cache_free_blocks") == metric(server, "bantam_kv_cache_blocks"))


def test_a_full_queue_says_so(stories, bantam_server):
    server = bantam_server("--model", stories, "--parallel", 1, "--max-queue", 1, "--workers", 4)
    model = httpx.get(server.url + "/v1/models").json()["data"][0]["id"]
    body = {"model": model, "prompt": "Once", "n": 32, "max_tokens": 480, "ignore_eos": True}
    held = [post_raw(server, body) for _ in range(2)]
    eventually(lambda: metric(server, "bantam_generation_running") == 1)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        reply = httpx.post(server.url + "/v1/completions", json={"model": model, "prompt": "a", "max_tokens": 1}, timeout=60)
        if reply.status_code == 429:
            break
    assert reply.status_code == 429 and int(reply.headers["retry-after"]) >= 1 and reply.json()["error"]["type"] == "rate_limit_error"
    assert httpx.get(server.url + "/healthz").status_code == 200
    for connection in held:
        connection.close()
    eventually(lambda: httpx.post(server.url + "/v1/completions", json={"model": model, "prompt": "a", "max_tokens": 1}, timeout=60).status_code == 200)
    assert server.stop() == 0


def test_stopping_ends_what_runs(stories, bantam_server):
    server = bantam_server("--model", stories, "--drain", 1)
    body = {"model": "stories", "prompt": "Once", "n": 128, "max_tokens": 480, "ignore_eos": True}
    connections = [post_raw(server, body) for _ in range(12)]
    eventually(lambda: metric(server, "bantam_generation_running") > 0)
    assert server.stop() == 0
    for connection in connections:
        connection.close()


def test_whom_the_end_of_the_drain_time_cuts_off_is_told(stories, bantam_server):
    """A stream ends with an error event and whole as HTTP, a reply that has not begun is a 503."""
    server = bantam_server("--model", stories, "--drain", 1)
    body = {"model": "stories", "prompt": "Once", "n": 32, "max_tokens": 480, "ignore_eos": True}
    with concurrent.futures.ThreadPoolExecutor(8) as pool, httpx.Client(timeout=60, limits=httpx.Limits(max_connections=8)) as http:
        asked = [pool.submit(http.post, server.url + "/v1/completions", json=body | {"stream": True}) for _ in range(6)]
        eventually(lambda: metric(server, "bantam_generation_waiting") > 100)  # several seconds of streams come first
        asked += [pool.submit(http.post, server.url + "/v1/completions", json=body) for _ in range(2)]
        time.sleep(0.2)
        assert server.stop() == 0
        replies = [each.result() for each in asked]
    streams = [reply for reply in replies if reply.headers["content-type"].startswith("text/event-stream")]
    others = [reply for reply in replies if reply not in streams and reply.status_code != 200]
    assert streams and others
    for reply in streams:
        events = [line.removeprefix("data: ") for line in reply.text.splitlines() if line.startswith("data: ")]
        errors = [n for n, event in enumerate(events) if event.startswith('{"error"')]
        assert events[-1] == "[DONE]" and errors in ([], [len(events) - 2]), events[-3:]
    assert any('{"error"' in reply.text for reply in streams)
    for reply in others:
        assert reply.status_code == 503 and reply.json()["error"]["message"], reply.text


def test_metrics(server, client, model):
    complete(client, model, "a")
    text = httpx.get(server.url + "/metrics").text
    for name in ("prompt_tokens_total", "tokens_total", "cached_tokens_total", "requests_total", "preemptions_total"):
        assert re.search(rf'^bantam_generation_{name}{{model="{model}"}} \d+', text, re.MULTILINE), name
    for name in ("bantam_time_to_first_token_seconds", "bantam_inter_token_seconds"):
        assert float(re.search(rf'^{name}_count{{model="{model}"}} (\S+)', text, re.MULTILINE)[1]) > 0


def test_beside_an_assistant(stories, bantam_server):
    server = bantam_server("-c", "examples/helpdesk/bantam.yaml", "--model", stories)
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused", max_retries=0)
    assert [served.id for served in client.models.list()] == ["helpdesk", "all-MiniLM-L6-v2", "stories"]
    assistant = client.chat.completions.create(model="helpdesk", messages=[{"role": "user", "content": "where is my parcel?"}])
    assert assistant.model_extra["bantam"]["route"]
    assert chat(client, "stories").choices[0].message.content


@pytest.fixture(scope="module")
def smollm2(tmp_path_factory):
    if not (real_home() / "models" / "smollm2").is_dir():
        pytest.skip("smollm2 is not in the model store; fetch it with: make setup")
    home = make_home(tmp_path_factory.mktemp("smollm2") / "home")
    with BantamProcess(home, ["--model", "smollm2"]) as running:
        yield running
        assert running.stop() == 0


def test_smollm2_answers(smollm2, bantam_binary):
    client = openai.OpenAI(base_url=f"{smollm2.url}/v1", api_key="unused", max_retries=0, timeout=300)
    messages = [{"role": "user", "content": "Name the capital of France."}]
    answer = chat(client, "smollm2", messages, max_tokens=24)
    assert "Paris" in answer.choices[0].message.content
    streamed, _, _ = collect(chat(client, "smollm2", messages, max_tokens=24, stream=True))
    assert streamed[0][0] == answer.choices[0].message.content
    said = command(bantam_binary, smollm2.home, "run", "smollm2", messages[0]["content"], "--temperature", 0, "-n", 24)
    assert said.rstrip("\n") == answer.choices[0].message.content.rstrip("\n")
    raw = command(bantam_binary, smollm2.home, "run", "smollm2", "The capital of France is", "--raw", "--temperature", 0, "-n", 12)
    assert raw.rstrip("\n") == complete(client, "smollm2", "The capital of France is", max_tokens=12).choices[0].text.rstrip("\n")


def test_smollm2_writes_the_documents_of_a_schema(smollm2):
    client = openai.OpenAI(base_url=f"{smollm2.url}/v1", api_key="unused", max_retries=0, timeout=300)
    asked = {"response_format": {"type": "json_schema", "json_schema": {"name": "ball", "schema": SCHEMA, "strict": True}}, "max_tokens": 60}
    for seed in range(5):
        answer = chat(client, "smollm2", [{"role": "user", "content": "Describe a ball."}], temperature=1.5, seed=seed, **asked).choices[0]
        ball = json.loads(answer.message.content)
        assert answer.finish_reason == "stop" and set(ball) == {"size", "color"}
        assert 0 <= ball["size"] <= 99 and ball["color"] in ("red", "blue")
    free = chat(client, "smollm2", [{"role": "user", "content": "Describe a ball."}], temperature=0, max_tokens=200, response_format={"type": "json_object"})
    assert free.choices[0].message.content.startswith("{")
    assert set(json.loads(held(smollm2, "smollm2", guided_json=json.dumps(SCHEMA)))) == {"size", "color"}

"""The middle of a text: `suffix` of completions with the real `openai` package, and /infill as llama.cpp's clients send it; and what a
model says of its prompt (`echo` with `logprobs`). A decoder of random weights, each of whose tokens is a byte."""

import json

import httpx
import openai
import pytest

from bantam_process import BantamProcess, make_home
from stories_model import write_stories
from tiny_decoder import SPECIAL, special_id, token_ids, write_tiny_decoder


@pytest.fixture(scope="module")
def server(test_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("infill")
    models = [
        write_tiny_decoder(folder / "coder.gguf"),
        write_tiny_decoder(folder / "plain.gguf", special=("<|endoftext|>", "<|im_start|>", "<|im_end|>")),
        write_stories(test_data / "weights-stories260k", folder / "stories.gguf"),
    ]
    with BantamProcess(make_home(folder / "home"), [word for path in models for word in ("--model", path)]) as running:
        yield running
        status = running.stop()
    assert status == 0, running.log()


@pytest.fixture(scope="module")
def client(server):
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused", max_retries=0, timeout=120)


def complete(client, prompt, model="coder", **more):
    return client.completions.create(model=model, prompt=prompt, **{"temperature": 0, "max_tokens": 20, **more})


def infill(server, **fields):
    reply = httpx.post(f"{server.url}/infill", json={"model": "coder", "temperature": 0, "n_predict": 20, **fields}, timeout=60)
    assert reply.status_code == 200, reply.text
    return reply.json()


def middle_of(prefix, suffix):
    ids = [special_id("<|fim_prefix|>"), *token_ids(prefix), special_id("<|fim_suffix|>"), *token_ids(suffix)]
    return [*ids, special_id("<|fim_middle|>")]


# What ends a middle beside the model's own end.
ENDS = {"stop_token_ids": [special_id(text) for text in SPECIAL if text == "<|endoftext|>" or "fim" in text or text.startswith(("<|repo", "<|file"))]}


def test_a_suffix_is_a_prompt_for_the_middle(client):
    for prefix, suffix in (("def f(a):\n    return ", "\n\nprint(f(1))"), ("", "end"), ("<|fim_middle|>", "x")):
        answer = complete(client, prefix, suffix=suffix)
        assert answer.usage.prompt_tokens == len(middle_of(prefix, suffix))
        assert answer.choices[0].text == complete(client, middle_of(prefix, suffix), extra_body=ENDS).choices[0].text
    assert complete(client, "a", suffix="").choices[0].text == complete(client, "a").choices[0].text
    two = complete(client, ["a", "b"], suffix="z")
    assert [choice.text for choice in two.choices] == [complete(client, p, suffix="z").choices[0].text for p in "ab"]
    # A model that goes on with another of its pieces has ended the middle.
    done = complete(client, "a", suffix="z", logit_bias={str(special_id("<|fim_pad|>")): 100}).choices[0]
    assert (done.text, done.finish_reason) == ("", "stop")


def test_infill_is_the_same_prompt(server, client):
    answer = infill(server, input_prefix="def f(a):\n    return ", input_suffix="\n\nprint(f(1))")
    assert answer["content"] == complete(client, "def f(a):\n    return ", suffix="\n\nprint(f(1))").choices[0].text
    split = infill(server, input_prefix="def f(a):\n", prompt="    return ", input_suffix="\n\nprint(f(1))")
    assert split["content"] == answer["content"]
    assert answer["stop"] is True and answer["stop_type"] in ("limit", "eos") and answer["model"] == "coder"
    assert answer["tokens_evaluated"] == len(middle_of("def f(a):\n    return ", "\n\nprint(f(1))"))
    assert answer["tokens_predicted"] == len(answer["tokens"]) and answer["truncated"] is False
    timings = split["timings"]
    assert timings["predicted_n"] == split["tokens_predicted"] and timings["prompt_n"] + timings["cache_n"] == split["tokens_evaluated"]
    assert timings["prompt_ms"] > 0 and timings["predicted_per_second"] >= 0


def test_infill_streams(server):
    asked = {"input_prefix": "a = ", "input_suffix": "\n", "temperature": 0.7, "seed": 4}
    whole = infill(server, **asked)
    with httpx.stream("POST", f"{server.url}/infill", json={"model": "coder", "n_predict": 20, "stream": True, **asked}) as reply:
        events = [json.loads(line[6:]) for line in reply.iter_lines() if line.startswith("data: ")]
    assert "".join(event["content"] for event in events) == whole["content"]
    assert [event["stop"] for event in events] == [False] * (len(events) - 1) + [True]
    assert events[-1]["tokens_predicted"] == whole["tokens_predicted"]


def test_infill_in_other_files(server):
    file = "<|file_sep|>"
    extra = [{"filename": "a.py", "text": "A = 1"}, {"text": "B = 2"}]
    answer = infill(server, input_prefix="x", input_suffix="y", input_extra=extra)
    ids = [special_id("<|repo_name|>"), *token_ids("project\n"), special_id(file), *token_ids("a.py\nA = 1\n"), special_id(file),
           *token_ids("snippet-2\nB = 2\n"), special_id(file), *token_ids("file\n"), *middle_of("x", "y")]  # fmt: skip
    assert answer["tokens_evaluated"] == len(ids)
    # What there is no room for is left out from the front, and said.
    long = [{"filename": "long.py", "text": "z" * 4060}, {"filename": "near.py", "text": "n"}]
    answer = infill(server, input_prefix="x", input_suffix="y", input_extra=long)
    assert answer["truncated"] is True and answer["tokens_evaluated"] < 200


def test_infill_for_editors(server):
    asked = {"input_prefix": "a", "input_suffix": "b", "samplers": ["top_k"], "cache_prompt": True, "n_indent": 0, "t_max_prompt_ms": 500}
    warm = infill(server, **asked | {"n_predict": 0})
    assert (warm["content"], warm["tokens_predicted"]) == ("", 0)
    picked = infill(server, **asked, response_fields=["content", "timings/prompt_n", "nothing/here", "other"])
    assert set(picked) == {"content", "timings/prompt_n"}
    assert infill(server, **asked, stop=["\n"])["stop_type"] in ("word", "limit")
    # After a whole line the editor's time ends the text: here all of them are.
    lines = {str(ord("\n")): 100}
    late = infill(server, **asked | {"n_predict": 3000, "logit_bias": lines, "t_max_predict_ms": 1})
    assert set(late["content"]) == {"\n"} and len(late["content"]) < 3000 and late["has_new_line"] is True
    held = infill(server, **asked, grammar='root ::= "yes" | "no"')
    assert held["content"] in ("yes", "no")


BAD = [
    ({}, "input_prefix"),
    ({"input_prefix": 5}, "input_prefix"),
    ({"input_prefix": "a", "input_suffix": ["b"]}, "input_suffix"),
    ({"input_prefix": "a", "prompt": [1, 2]}, "prompt"),
    ({"input_prefix": "a", "n_predict": -2}, "n_predict"),
    ({"input_prefix": "a", "n": 2}, "n"),
    ({"input_prefix": "a" * 4096}, "input_prefix"),
    ({"input_prefix": "a", "input_extra": "x"}, "input_extra"),
    ({"input_prefix": "a", "input_extra": [{"filename": "x"}]}, "input_extra[0]"),
    ({"input_prefix": "a", "input_extra": [{"text": "x"}] * 1025}, "input_extra"),
    ({"input_prefix": "a", "response_fields": "content"}, "response_fields"),
    ({"input_prefix": "a", "t_max_predict_ms": -1}, "t_max_predict_ms"),
    ({"input_prefix": "a", "model": "plain"}, "model"),
]


@pytest.mark.parametrize("fields, param", BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_wrong_is_named(server, fields, param):
    reply = httpx.post(f"{server.url}/infill", json={"model": "coder"} | fields)
    assert reply.status_code == 400, reply.text
    assert reply.json()["error"]["param"] == param, reply.json()


def test_models_without_such_tokens_say_so(client):
    with pytest.raises(openai.BadRequestError, match="fill in the middle") as refused:
        complete(client, "a", model="plain", suffix="b")
    assert refused.value.body["param"] == "suffix"
    with pytest.raises(openai.BadRequestError) as refused:
        complete(client, [1, 2], suffix="b")
    assert refused.value.body["param"] == "suffix"


def told(client, prompt, model, **more):
    return complete(client, prompt, model, echo=True, **{"max_tokens": 0, "logprobs": 5, **more}).choices[0]


@pytest.mark.parametrize("model, text", [("coder", 'for i in "Zürich €":'), ("stories", "Once upon a time there was a dog")])
def test_echo_tells_what_the_model_says_of_its_prompt(client, model, text):
    choice = told(client, text, model)
    probabilities = choice.logprobs
    assert choice.text == text and choice.finish_reason == "length"
    assert probabilities.token_logprobs[0] is None and probabilities.top_logprobs[0] is None
    assert all(value <= 0 for value in probabilities.token_logprobs[1:]) and all(len(top) <= 5 for top in probabilities.top_logprobs[1:])
    assert len(probabilities.tokens) == complete(client, text, model, max_tokens=1).usage.prompt_tokens == len(probabilities.text_offset)
    # The same numbers as token by token, each forced by a bias, which does not change what is told.
    if model == "coder":
        ids = token_ids(text)
        for at in range(1, len(ids), 3):
            forced = complete(client, ids[:at], max_tokens=1, logprobs=5, logit_bias={str(ids[at]): 100}).choices[0].logprobs
            assert forced.token_logprobs[0] == pytest.approx(probabilities.token_logprobs[at], abs=1e-3)
            assert forced.top_logprobs[0].keys() == probabilities.top_logprobs[at].keys()
    else:
        for offset, token in list(zip(probabilities.text_offset, probabilities.tokens))[2:]:
            assert text[offset : offset + len(token)] == token


def test_echo_with_a_text_behind_it(client):
    model, text = "stories", "Lily saw a"
    prompt = told(client, text, model).logprobs
    plain = complete(client, text, model, logprobs=5, max_tokens=6).choices[0]
    both = told(client, text, model, max_tokens=6)
    assert both.text == text + plain.text and both.logprobs.tokens == prompt.tokens + plain.logprobs.tokens
    assert both.logprobs.token_logprobs[: len(prompt.tokens)] == prompt.token_logprobs
    assert both.logprobs.token_logprobs[len(prompt.tokens) :] == pytest.approx(plain.logprobs.token_logprobs, abs=1e-3)
    several = complete(client, ["Lily", "Tom"], model, n=2, echo=True, logprobs=0, max_tokens=2, temperature=1, seed=1)
    assert [choice.logprobs.token_logprobs[0] for choice in several.choices] == [None] * 4
    streamed = complete(client, text, model, echo=True, logprobs=5, max_tokens=6, stream=True)
    tokens, said = [], ""
    for chunk in streamed:
        for choice in chunk.choices:
            said += choice.text
            tokens += choice.logprobs.token_logprobs if choice.logprobs else []
    assert said == both.text and tokens == both.logprobs.token_logprobs
    assert client.completions.create(model=model, prompt=text, max_tokens=0, echo=True).choices[0].text == text

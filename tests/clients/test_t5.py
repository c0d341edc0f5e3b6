"""A model with an encoder through the real `openai` package: a prompt is what it answers, of messages the user's last."""

import concurrent.futures
import json
import subprocess

import httpx
import openai
import pytest

from bantam_process import BantamProcess, make_home
from t5_model import write_t5

PROMPT = "translate English to German: The house is wonderful."


@pytest.fixture(scope="module")
def model(test_data, tmp_path_factory):
    return write_t5(test_data / "tok-hf-json/t5-small", tmp_path_factory.mktemp("t5") / "tiny-t5")


@pytest.fixture(scope="module")
def server(model, tmp_path_factory):
    home = make_home(tmp_path_factory.mktemp("generation") / "home")
    with BantamProcess(home, ["--model", model, "--dtype", "f32"]) as running:
        yield running
        status = running.stop()
    assert status == 0, running.log()


@pytest.fixture(scope="module")
def client(server):
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused", max_retries=0, timeout=120)


def complete(client, prompt, **more):
    return client.completions.create(model="tiny-t5", prompt=prompt, **{"temperature": 0, "max_tokens": 30, **more})


def chat(client, *messages, **more):
    messages = [{"role": role, "content": content} for role, content in messages]
    return client.chat.completions.create(model="tiny-t5", messages=messages, **{"temperature": 0, "max_tokens": 30, **more})


def run(bantam_binary, model, *arguments):
    command = [bantam_binary, "run", model, *arguments, "--dtype", "f32", "--temperature", 0, "-n", 30]
    return subprocess.run([str(part) for part in command], capture_output=True, timeout=120)


def test_texts_are_those_of_the_command(client, server, model, bantam_binary):
    assert httpx.get(server.url + "/v1/models").json()["data"][0]["bantam"]["tasks"] == "generate, chat"
    done = run(bantam_binary, model, PROMPT, "--json")
    said = json.loads(done.stdout)
    answer = complete(client, PROMPT)
    assert answer.choices[0].text == said["texts"][0]["text"] and not answer.choices[0].text.startswith(" ")
    assert answer.usage.prompt_tokens == said["prompt_tokens"] == 11  # ten of the text, and its end
    assert answer.choices[0].text != complete(client, "summarize: a house").choices[0].text
    logprobs = complete(client, PROMPT, logprobs=2).choices[0].logprobs
    assert len(logprobs.tokens) == answer.usage.completion_tokens


def test_a_chat_is_the_last_message_of_the_user(client):
    text = complete(client, PROMPT).choices[0].text
    assert chat(client, ("user", PROMPT)).choices[0].message.content == text
    messages = [("system", "Be brief."), ("user", "Hello"), ("assistant", "Yes?"), ("user", PROMPT)]
    assert chat(client, *messages).choices[0].message.content == text
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chat(client, *messages, stream=True))
    assert streamed == text
    with pytest.raises(openai.BadRequestError, match="none of a user"):
        chat(client, ("system", "Be brief."))


def test_many_at_once_are_those_alone(client):
    prompts = [PROMPT, "summarize: " + "the house is wonderful. " * 40, "a", "cola sentence: The house is."]
    alone = [complete(client, prompt).choices[0].text for prompt in prompts]
    assert len(set(alone)) == len(prompts)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda prompt: complete(client, prompt).choices[0].text, prompts * 4))
    assert together == alone * 4
    assert [choice.text for choice in complete(client, prompts).choices] == alone
    three = complete(client, PROMPT, n=3, temperature=1, seed=4)
    assert three.choices[1].text == complete(client, PROMPT, temperature=1, seed=5).choices[0].text


def test_a_text_may_be_held_to_choices(client):
    answer = complete(client, PROMPT, extra_body={"guided_choice": ["positive", "negative"]})
    assert answer.choices[0].text in ("positive", "negative") and answer.choices[0].finish_reason == "stop"


def test_what_it_cannot_do_is_named(model, bantam_binary, tmp_path):
    done = run(bantam_binary, model, PROMPT, "--draft", model)
    assert done.returncode != 0 and "only decoders draft" in done.stderr.decode()
    for command in (["perplexity", __file__, "--model", model], ["quantize", model, tmp_path / "q.gguf", "--type", "q8_0"]):
        done = subprocess.run([bantam_binary, *map(str, command)], capture_output=True, timeout=120)
        assert done.returncode != 0 and "with an encoder" in done.stderr.decode()

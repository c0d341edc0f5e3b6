"""bantam run and bantam bench generate: the real binary on a small model that was trained."""

import json
import os
import signal
import subprocess
import time

import gguf
import pytest
from stories_model import write_stories

OPENING = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park."


@pytest.fixture(scope="module")
def stories(test_data, tmp_path_factory):
    return write_stories(test_data / "weights-stories260k", tmp_path_factory.mktemp("stories") / "stories.gguf")


def test_greedy_text_is_the_golden_one(bantam, stories):
    assert bantam("run", stories, "", "--temperature", 0, "-n", 256, "--dtype", "f32").startswith(OPENING)
    # From a pipe, and from a prompt in the middle of it.
    assert bantam("run", stories, "--temperature", 0, "-n", 60, "--dtype", "f32", text=OPENING[:29]).startswith(OPENING[29:50])


@pytest.mark.parametrize("dtype, kind", [("int8", "F32"), ("f32", "Q8_0"), ("auto", "F32"), ("auto", "Q8_0"), ("auto", "Q4_0")])
def test_rounded_weights_still_tell_the_story(bantam, stories, test_data, tmp_path, dtype, kind):
    if kind != "F32":
        stories = write_stories(test_data / "weights-stories260k", tmp_path / "q.gguf", gguf.GGMLQuantizationType[kind])
    assert bantam("run", stories, "", "--temperature", 0, "-n", 60, "--dtype", dtype).startswith("Once upon a time, there was a little girl named Lily")


def test_json_has_text_tokens_and_times(bantam, stories):
    answer = json.loads(bantam("run", stories, "", "--json", "--temperature", 0, "-n", 40, "--stop", " park", "--dtype", "f32"))
    assert answer["texts"][0]["text"] == OPENING[: OPENING.index(" park")]
    assert answer["texts"][0]["finish_reason"] == "stop" and answer["texts"][0]["stop"] == " park"
    assert answer["prompt_tokens"] == 1
    assert answer["generated_tokens"] == len(answer["texts"][0]["token_ids"]) <= 40
    assert 0 < answer["ttft_ms"] <= answer["total_ms"]


def test_a_seed_is_a_text(bantam, stories):
    def texts(*arguments):
        answer = json.loads(bantam("run", stories, "One day", "--json", "-n", 30, "--temperature", 1.2, *arguments))
        return [text["text"] for text in answer["texts"]], answer["seed"]

    first, seed = texts()
    assert texts("--seed", seed)[0] == first
    assert texts("--seed", seed, "--threads", 1, "--context", 64)[0] == first
    three, _ = texts("--seed", 5, "--texts", 3)
    assert len(set(three)) == 3
    assert texts("--seed", 6)[0] == three[1:2]


def test_mistakes_are_named(bantam, stories):
    assert "top_p" in bantam("run", stories, "a", "--top-p", 3, code=64)
    assert "prompt has" in bantam("run", stories, "long " * 600, code=64)
    assert "known: llama" in bantam("run", "all-MiniLM-L6-v2", "a", code=65)
    assert "known: llama" in bantam("bench", "generate", code=65)
    assert "--prompt 600" in bantam("bench", "generate", "--model", stories, "--prompt", 600, code=64)


def test_ctrl_c_ends_the_text(bantam_binary, bantam_home, stories):
    process = subprocess.Popen(
        [bantam_binary, "run", str(stories), "One", "-n", "400", "--ignore-eos", "--json"],
        env=os.environ | {"BANTAM_HOME": str(bantam_home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    # Before the handler is there it is an ordinary end by a signal; after the last token there is nothing to stop.
    assert process.returncode in (0, -signal.SIGINT)
    if process.returncode == 0:
        assert json.loads(output)["texts"][0]["text"]


def test_show_says_that_it_generates_text(bantam, stories):
    assert "llama, generates text" in bantam("show", stories)
    row = json.loads(bantam("show", stories, "--json"))
    assert row["known"] is True and row["generates"] is True
    assert json.loads(bantam("show", "all-MiniLM-L6-v2", "--json"))["generates"] is False


def test_bench_generate(bantam, stories):
    row = json.loads(bantam("bench", "generate", "--model", stories, "--prompt", 40, "--generate", 8, "--threads", 1, "--repeat", 2, "--json", "--dtype", "f32"))
    assert row["prefill_tokens_per_s"] > 0 and row["decode_tokens_per_s"] > 0 and row["ttft_ms"] > 0
    assert (row["prompt"], row["generate"], row["threads"], row["repeat"], row["dtype"]) == (40, 8, 1, 2, "f32")
    assert row["parameters"] == 260032


def test_show_says_nothing_of_pooling(bantam, stories):
    assert "pooling" not in bantam("show", stories) and "pooling" not in json.loads(bantam("show", stories, "--json"))

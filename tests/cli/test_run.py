"""bantam run and bantam bench generate: the real binary on a small model that was trained."""

import json
import os
import pty
import select
import signal
import subprocess
import time

import gguf
import pytest
from lora_adapters import write_peft
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


def test_adapters_with_scales(bantam, stories, tmp_path):
    adapter = write_peft(tmp_path / "adapter", 1)

    def text(*arguments):
        return bantam("run", stories, "Once upon a time", "--temperature", 0, "-n", 40, "--dtype", "f32", *arguments)

    assert text("--lora", f"{adapter}:0") == text() != text("--lora", adapter)
    assert text("--lora", f"any={adapter}:1") == text("--lora", adapter) != text("--lora", f"{adapter}:-1")
    assert text("--lora", f"{adapter}:0.5", "--lora", f"{adapter}:0.5") == text("--lora", adapter)
    assert "no LoRA adapter" in bantam("run", stories, "a", "--lora", tmp_path / "nothing", code=65)
    assert "expected at most 100" in bantam("run", stories, "a", "--lora", f"{adapter}:1e4", code=64)


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
        answer = json.loads(output)
        assert answer["texts"][0]["finish_reason"] in ("interrupted", "length")
        assert answer["generated_tokens"] == len(answer["texts"][0]["token_ids"]) > 0 and answer["prompt_tokens"] > 0


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


def test_the_cache_in_every_type(bantam, stories, tmp_path):
    """A smaller cache takes less memory and predicts nearly as well; f32 is what f32 weights have by themselves."""
    text = tmp_path / "text.txt"
    text.write_text(OPENING * 20)
    sizes, perplexities = {}, {}
    for kind in ("auto", "f32", "f16", "bf16", "q8"):
        options = ("--model", stories, "--dtype", "f32", "--kv-type", kind, "--json")

        def once(pairs):
            assert len(dict(pairs)) == len(pairs), "a key twice"
            return dict(pairs)

        row = json.loads(bantam("bench", "generate", *options, "--prompt", 40, "--generate", 8, "--repeat", 1), object_pairs_hook=once)
        assert row["kv_type"] == ("f32" if kind == "auto" else kind)
        sizes[kind] = row["kv_cache_bytes"]
        perplexities[kind] = json.loads(bantam("perplexity", text, *options, "--context", 64))["perplexity"]
        assert bantam("run", stories, "Once", "--dtype", "f32", "--kv-type", kind, "--temperature", 0, "-n", 8)
    assert sizes["auto"] == sizes["f32"] == 2 * sizes["f16"] == 2 * sizes["bf16"]
    assert sizes["f32"] > 2.5 * sizes["q8"]  # heads of 8 elements have as many scales as those of 32
    assert perplexities["auto"] == perplexities["f32"]
    for kind in ("f16", "bf16", "q8"):
        assert abs(perplexities[kind] / perplexities["f32"] - 1) < 0.01, kind
    assert json.loads(bantam("bench", "generate", "--model", stories, "--prompt", 4, "--generate", 2, "--repeat", 1, "--json"))["kv_type"] == "bf16"
    assert "--kv-type" in bantam("run", stories, "Once", "--kv-type", "q4", code=64)


def test_show_says_nothing_of_pooling(bantam, stories):
    assert "pooling" not in bantam("show", stories) and "pooling" not in json.loads(bantam("show", stories, "--json"))


CHAT = (
    "{{ bos_token }}{% for message in messages %}{{ message.role + ': ' + message.content + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)


@pytest.fixture(scope="module")
def chatty(test_data, tmp_path_factory):
    return write_stories(test_data / "weights-stories260k", tmp_path_factory.mktemp("chat") / "chatty.gguf", chat_template=CHAT)


def test_a_chat_model_answers_through_its_template(bantam, stories, chatty):
    arguments = ("--temperature", 0, "-n", 40)
    told = bantam("run", chatty, "Once upon a time", "--system", "Tell a story.", *arguments)
    rendered = "system: Tell a story.\nuser: Once upon a time\nassistant: "
    assert told == bantam("run", chatty, rendered, "--raw", *arguments)
    assert told == bantam("run", chatty, "--system", "Tell a story.", *arguments, text="Once upon a time")
    plain = bantam("run", stories, "Once upon a time", *arguments)
    assert plain != told
    assert plain == bantam("run", chatty, "Once upon a time", "--raw", *arguments)
    # What a message says is no control token; of a whole prompt it is.
    def tokens(*more):
        return json.loads(bantam("run", chatty, "</s>", "--json", "-n", 1, *more))["prompt_tokens"]

    assert tokens() > tokens("--raw") + 5
    assert "--raw leaves" in bantam("run", chatty, "a", "--raw", "--system", "b", code=64)
    assert "no chat template" in bantam("run", stories, "a", "--system", "b", code=64)


class Terminal:
    """A program at a terminal of its own."""

    def __init__(self, arguments, environment):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(str(arguments[0]), [str(a) for a in arguments], environment)
        self.seen = ""

    def until(self, text, within_s=60):
        """Everything up to `text`, which has to come."""
        deadline = time.monotonic() + within_s
        while text not in self.seen:
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"no {text!r} in {self.seen!r}"
            try:
                got = os.read(self.fd, 65536)
            except OSError:  # the other side has closed
                got = b""
            assert got, f"no {text!r} in {self.seen!r}"
            self.seen += got.decode(errors="replace").replace("\r", "")
        before, self.seen = self.seen.split(text, 1)
        return before

    def say(self, line):
        os.write(self.fd, line.encode() + b"\n")

    def end(self):
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


@pytest.fixture
def talk(bantam_binary, bantam_home):
    def start(*arguments):
        environment = os.environ | {"BANTAM_HOME": str(bantam_home), "TERM": "dumb", "NO_COLOR": "1"}
        terminal = Terminal([bantam_binary, "run", *arguments], environment)
        terminal.until(">>> ")
        return terminal

    return start


def test_a_conversation_with_history(bantam, talk, chatty):
    def answer(terminal, line):
        terminal.say(line)
        terminal.until(line + "\n")  # the terminal's echo
        return terminal.until(">>> ").split("\n(cut after")[0].rstrip("\n")

    arguments = ("--temperature", 0, "-n", 20)
    terminal = talk(chatty, *arguments)
    first = answer(terminal, "Once upon a time")
    assert first == bantam("run", chatty, "Once upon a time", *arguments).rstrip("\n")
    second = answer(terminal, "And then?")
    history = f"user: Once upon a time\nassistant: {first}\nuser: And then?\nassistant: "
    assert second == bantam("run", chatty, history, "--raw", *arguments).rstrip("\n")
    answer(terminal, "/clear")
    assert answer(terminal, "Once upon a time") == first
    answer(terminal, "/set system Tell a story.")
    assert "Tell a story." in answer(terminal, "/show system")
    answer(terminal, "/clear")
    assert answer(terminal, "Once upon a time") == bantam("run", chatty, "Once upon a time", "--system", "Tell a story.", *arguments).rstrip("\n")
    # Several lines are one message.
    answer(terminal, "/clear")
    answer(terminal, "/system")
    terminal.say('"""Once')
    terminal.until("... ")
    said = answer(terminal, 'upon a time"""')
    assert said == bantam("run", chatty, "Once\nupon a time", *arguments).rstrip("\n")
    for command, expected in {
        "/help": "/set parameter", "/show info": "llama", "/show parameters": "top_p", "/show template": "message.role",
        "/show history": "upon a time", "/set parameter top_k 7": "top_k is 7", "/set parameter temperature 99": "temperature",
        "/set parameter wings 2": "there is no parameter", "/wizard": "/help", "/set verbose": "shown",
        "word " * 600: "tokens",
    }.items():  # fmt: skip
        assert expected in answer(terminal, command), command
    terminal.say("Hello")
    assert "tokens of prompt" in terminal.until("a second)\n>>> ")
    terminal.say("/bye")
    assert terminal.end() == 0


def test_ctrl_c_stops_the_answer_and_not_the_program(talk, chatty):
    terminal = talk(chatty, "--ignore-eos", "--threads", 1)
    terminal.say("Once upon a time")
    terminal.until("Once upon a time\n")
    os.write(terminal.fd, b"\x03")
    terminal.until(">>> ")
    os.write(terminal.fd, b"half a line\x03")  # at the prompt it drops what was typed
    terminal.until("ends)\n>>> ")
    terminal.say("/show history")
    assert "half a line" not in terminal.until(">>> ")
    os.write(terminal.fd, b"\x04")
    assert terminal.end() == 0


def test_a_model_without_a_template_goes_on_with_each_line(bantam, talk, stories):
    terminal = talk(stories, "--temperature", "0", "-n", "20")
    for _ in range(2):  # nothing is remembered
        terminal.say("One day")
        terminal.until("One day\n")
        said = terminal.until(">>> ").split("\n(cut after")[0]
        assert said.rstrip("\n") == bantam("run", stories, "One day", "--temperature", 0, "-n", 20).rstrip("\n")
    terminal.say("/bye")
    assert terminal.end() == 0

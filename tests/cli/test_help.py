"""bantam help: commands, topics, the manual page, all read from the same table as the parser's own."""

import re
import shutil
import subprocess

import pytest

from bantam_process import REPOSITORY

TOPICS = sorted(path.stem for path in (REPOSITORY / "docs" / "topics").glob("*.md"))


def names(text, heading):
    """The first words of the lines below a heading of the overview."""
    block = text.split(f"\n{heading}\n", 1)[1].split("\n\n", 1)[0]
    return [line.split()[0] for line in block.splitlines() if line[:2] == "  " and line[2] != " "]


@pytest.fixture(scope="module")
def overview(bantam):
    return bantam("help")


def test_the_overview_lists_commands_and_topics(bantam, overview):
    assert overview.startswith(bantam("--help").rstrip("\n"))
    commands = names(overview, "Commands:")
    assert "serve" in commands and "help" in commands
    assert sorted(names(overview, "Topics, for 'bantam help TOPIC':")) == TOPICS
    assert not set(commands) & set(TOPICS)  # `bantam help NAME` is one thing


def test_help_of_a_command_is_its_help_option(bantam, overview):
    for command in names(overview, "Commands:"):
        text = bantam("help", command)
        assert text == bantam(command, "--help") and text.count(f"Usage: bantam {command} [OPTIONS]") == 1
    assert bantam("help", "route", "explain") == bantam("route", "explain", "--help")
    assert "Usage: bantam route COMMAND" not in bantam("help", "route")


def test_options_are_told_with_what_they_take(bantam):
    text = bantam("help", "embed")
    assert re.search(r"^  -m, --model MODEL\|DIR\|FILE\n +A name .*\[default: all-MiniLM-L6-v2\]", text, re.M | re.S)
    assert re.search(r"^      --dtype f32\|int8\|int4\n", text, re.M)
    assert re.search(r"--input-type query\|document\n.*?not with --prompt, --prompt-name\]", text, re.S)
    assert "1 to 1024" in text and "Usage: bantam embed [OPTIONS] [FILE]" in text
    assert "[one of bash, zsh, fish]" in bantam("help", "completion")
    assert "one of int8, int4, q8_0," in re.sub(r"\s+", " ", bantam("help", "quantize"))
    assert all(len(line) <= 100 for line in text.splitlines() if not line.startswith("  bantam"))


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_fits_a_screen(bantam, topic):
    page = (REPOSITORY / "docs" / "topics" / f"{topic}.md").read_text()
    title = page.splitlines()[0].removeprefix("# ")
    text = bantam("help", topic)
    assert text.startswith(title + "\n\n") and re.fullmatch(r"[^:]+: \S.{10,60}", title)
    assert len(text.splitlines()) <= 40 and max(map(len, text.splitlines())) <= 80
    assert not re.search(r"\]\(|```|<!--|`", text)
    for target in re.findall(r"\]\(\.\./([^)#]+)", page):
        assert f"(docs/{target})" in re.sub(r"\s+", " ", text)


def test_what_there_is_no_help_on_is_told_with_the_nearest(bantam):
    assert bantam("help", "quantisation", code=64) == (
        "bantam: no help on \"quantisation\"; did you mean 'bantam help quantization'?\n")  # fmt: skip
    assert "did you mean 'bantam help route explain'?" in bantam("help", "route", "explane", code=64)
    assert bantam("help", "xyzzy\x1b[2J", code=64) == (
        "bantam: no help on \"xyzzy\\x1B[2J\"; 'bantam help' lists what there is\n")  # fmt: skip


def test_a_command_that_there_is_not_is_told_with_the_nearest(bantam):
    assert bantam("qeue", "list", code=64) == "bantam: there is no \"bantam qeue\"; did you mean 'bantam queue'?\n"
    assert bantam("route", "explane", "x", code=64) == "bantam: there is no \"bantam route explane\"; did you mean 'bantam route explain'?\n"
    assert bantam("xyzzy", code=64) == "bantam: there is no \"bantam xyzzy\"; 'bantam --help' lists those that there are\n"
    assert "--nonsense" in bantam("list", "--nonsense", code=64)


def test_the_manual_page_is_sound(bantam, overview, tmp_path):
    page = tmp_path / "bantam.1"
    page.write_text(bantam("help", "--man"))
    checks = {
        "mandoc": ["mandoc", "-T", "lint", "-W", "error", page],
        "groff": ["groff", "-man", "-Tutf8", "-k", "-ww", "-z", page],
    }
    there = {name: command for name, command in checks.items() if shutil.which(name)}
    for command in there.values():
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout + done.stderr == ""
    if not there:
        pytest.skip("neither mandoc nor groff is installed")
    if "mandoc" in there:
        shown = subprocess.run(["mandoc", "-T", "utf8", "-O", "width=80", page], capture_output=True, text=True, check=True).stdout
        plain = re.sub(".\b", "", shown)
        for command in names(overview, "Commands:"):
            assert re.search(rf"^   bantam {command}$", plain, re.M), command
        assert "--max-drop N" in plain and "-d '{\"model\": \"helpdesk\"" in plain and "bantam run ./model.gguf --json --stop '\\n' <prompt.txt" in plain

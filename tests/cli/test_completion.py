"""Completion of bantam in the shells themselves: what they offer after Tab."""

import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

from bantam_process import REPOSITORY

SCRIPTS = REPOSITORY / "src" / "cli" / "shell"


@pytest.fixture(scope="module")
def words(bantam):
    """words("quantize", "--ty") -> what may stand in the place of the last."""

    def ask(*line):
        return [row.split("\t")[0] for row in bantam("completion", "bash", "--", *line).splitlines()]

    return ask


def test_the_program_knows_what_fits(words):
    assert words("qua") == ["quantize"] and {"serve", "route", "help"} <= set(words(""))
    assert words("route", "e") == ["eval", "explain"]
    assert words("quantize", "--ty") == ["--type"] and "-t" in words("quantize", "-")
    assert words("quantize", "--type", "q4") == ["q4_k", "q4_1", "q4_0"]
    assert words("embed", "--input-type=q") == words("embed", "--input-type", "=", "q") == ["query"]
    assert words("run", "--speculate", "") == ["auto", "off"]
    assert "all-MiniLM-L6-v2" in words("embed", "--model", "") and ":files" in words("embed", "-m", "x")
    assert "all-MiniLM-L6-v2" in words("show", "a") and "all-MiniLM-L6-v2" in words("rm", "--yes", "all-MiniLM-L6-v2", "")
    assert words("cp", "all-MiniLM-L6-v2", "x") == []
    assert words("check", "-c", "") == words("embed", "x") == [":files"]
    assert "--model" not in words("embed", "--model", "x", "--") and "--model" in words("serve", "--model", "x", "--")
    assert "caching" in words("help", "ca") and "cache" in words("help", "ca")
    assert words("completion", "z") == ["zsh"]
    assert words("list", "--json", "x") == [] and words("nonsense", "--", "-") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_the_one_that_is_installed(bantam, shell):
    assert bantam("completion", shell) == (SCRIPTS / f"bantam.{shell}").read_text()


def test_a_shell_that_is_not_known(bantam):
    assert "SHELL" in bantam("completion", "tcsh", code=64)


# What moves the cursor, sets colours and titles, rings and pads.
UNSEEN = r"\x1b(\[[0-9;?>]*[ -/]*[@-~]|\][^\x07]*\x07|[()][A-Z0-9]|[=>])|[\x00\x07]"


class Terminal:
    """A shell at a terminal of its own, with its start-up files left out and bantam on its path."""

    def __init__(self, command, binary, home, folder):
        environment = {"PATH": f"{binary.parent}:{os.environ['PATH']}", "HOME": str(folder), "BANTAM_HOME": str(home),
                       "TERM": "vt100", "LC_ALL": "C.UTF-8", "COLUMNS": "120", "PS1": "> "}  # fmt: skip
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, environment)
        self.seen = ""

    def type(self, text):
        os.write(self.fd, text.encode())

    def expect(self, pattern, patience_s=20):
        """Reads until the pattern is on the screen; what came before is forgotten."""
        deadline = time.monotonic() + patience_s
        while not (match := re.search(pattern, self.seen)):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise AssertionError(f"no {pattern!r} in {self.seen!r}")
            try:
                chunk = os.read(self.fd, 65536)
            except OSError:  # its end
                raise AssertionError(f"the shell ended: {self.seen!r}") from None
            if b"\x1b[c" in chunk:  # fish asks what terminal this is
                os.write(self.fd, b"\x1b[?1;2c")
            self.seen += re.sub(UNSEEN, "", chunk.decode(errors="replace"))
            self.seen = re.sub(r"[^\x08]\x08", "", self.seen)
        self.seen = self.seen[match.end() :]

    def close(self):
        os.close(self.fd)
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)


SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source {script}; echo re''ady\n"),
    "zsh": (["zsh", "-f", "-i"], "autoload -U compinit; compinit -u -D; source {script}; echo re''ady\n"),
    "fish": (["fish", "--no-config", "--private"], "source {script}; echo re''ady\n"),
}


@pytest.fixture(params=SHELLS)
def terminal(request, bantam_binary, bantam_home, tmp_path):
    command, first = SHELLS[request.param]
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "bantam").symlink_to(bantam_binary)
    (tmp_path / "a question.txt").write_text("hello\n")
    shell = Terminal(command, tmp_path / "bin" / "bantam", bantam_home, tmp_path)
    shell.type(first.format(script=SCRIPTS / f"bantam.{request.param}"))
    shell.expect("ready")
    yield shell
    shell.close()


def test_tab_completes(terminal):
    for line, completed in [
        ("bantam quant\t", r"bantam quantize "),
        ("--ty\tq6\t", r"--type q6_k "),
        ("--data a\\ qu\t", r"a\\ question\.txt "),
        ("all-Mini\t", r"all-MiniLM-L6-v2 "),
        ("--dtype=\x15bantam embed --input-type=q\t", r"--input-type=query "),
    ]:
        terminal.type(line)
        terminal.expect(completed)


@pytest.mark.parametrize("shell, option", [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")])
def test_the_script_is_well_formed(shell, option):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([shell, option, SCRIPTS / f"bantam.{shell}"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""

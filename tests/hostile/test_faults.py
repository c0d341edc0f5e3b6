"""Processes that are killed, disks that are full, and surroundings that lack something: D-03 to D-06 and D-16 of cases.txt."""

import os
import random
import resource
import signal
import subprocess
import threading
import time

import httpx
import pytest

from bantam_process import BantamProcess, free_port, make_home
from raw_http import exchange, post_json


def environment(home, **more):
    return os.environ | {"BANTAM_HOME": str(home)} | more


def test_d03_a_killed_copy_leaves_nothing_that_looks_whole(bantam_binary, writer_file, tmp_path):
    """Whenever it is killed, the file is not there, or it is one that works."""
    home, out, rng = make_home(tmp_path / "home"), tmp_path / "out.gguf", random.Random(3)
    command = [bantam_binary, "quantize", writer_file, out, "--type", "q8_0", "--force"]
    started = time.monotonic()
    assert subprocess.run(command, env=environment(home), capture_output=True, timeout=120).returncode == 0
    whole_s = time.monotonic() - started
    out.unlink()
    for _ in range(12):
        process = subprocess.Popen(command, env=environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0, whole_s * 1.1))
        process.kill()
        process.wait()
        if out.exists():
            assert subprocess.run([bantam_binary, "run", out, "a", "-n", "1"], env=environment(home), capture_output=True, timeout=120).returncode == 0
            out.unlink()
    # What killed ones left does not stop the next, which clears it away.
    assert subprocess.run(command, env=environment(home), capture_output=True, timeout=120).returncode == 0
    assert out.exists() and leftovers(tmp_path) == []


def leftovers(folder):
    return [path.name for path in folder.iterdir() if path.is_file() and path.name != "out.gguf"]


def test_d04_a_full_disk_ends_a_copy(bantam_binary, writer_file, tmp_path):
    """No file may become larger than 20 KB: what write(2) says of a full disk, by another name."""
    home, out = make_home(tmp_path / "home"), tmp_path / "out.gguf"

    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = subprocess.run([bantam_binary, "quantize", writer_file, out, "--type", "q8_0"], env=environment(home), capture_output=True, text=True,
                          timeout=120, preexec_fn=small_files)  # fmt: skip
    assert done.returncode == 74 and str(out) in done.stderr, (done.returncode, done.stderr)
    assert not out.exists() and leftovers(tmp_path) == []


@pytest.mark.parametrize("command", [["run", "{model}", "a", "-n", "2"], ["list"], ["info"], ["embed", "--model", "all-MiniLM-L6-v2"]])
def test_d05_output_that_cannot_be_written(bantam_binary, writer_file, tmp_path, command):
    arguments = [str(writer_file) if word == "{model}" else word for word in command]
    with open("/dev/full", "wb") as full:
        done = subprocess.run([bantam_binary, *arguments], env=environment(make_home(tmp_path / "home")), stdout=full, stderr=subprocess.PIPE, input=b"x\n",
                              timeout=120)  # fmt: skip
    assert done.returncode == 74, (done.returncode, done.stderr)


def ask(server):
    return exchange(server.port, post_json("/v1/completions", {"model": "tiny", "prompt": "a", "max_tokens": 3, "temperature": 0}))


SURROUNDINGS = {
    "LANG=C": {"LANG": "C", "LC_ALL": "C"},
    "a locale that is none": {"LC_ALL": "xx_XX.bogus", "LANG": "xx"},
    "no HOME": {"HOME": ""},
    "a time zone that is none": {"TZ": "../../etc/passwd"},
    "TMPDIR that is none": {"TMPDIR": "/no/such/folder"},
    "proxies": {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "ALL_PROXY": "socks5://127.0.0.1:9"},
}


@pytest.mark.parametrize("variables", SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_d16_environments(writer_file, tmp_path, variables):
    with BantamProcess(make_home(tmp_path / "home"), ["--model", writer_file], variables) as server:
        assert ask(server).status == 200 and server.stop() == 0


def serve(binary, model, folder, port, **more):
    command = [binary, "serve", "--model", model, "--port", str(port)]
    return subprocess.Popen(command, env=environment(make_home(folder / "home")), **more)


def until_ready(process, port, within_s=120):
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.02)
    raise AssertionError(f"not ready: {process.poll()}")


def test_d16_streams_that_are_closed(bantam_binary, writer_file, tmp_path):
    """Without stdin, stdout and stderr, as some supervisors start services; files that are opened then get those numbers."""
    port = free_port()
    process = serve(bantam_binary, writer_file, tmp_path, port, close_fds=True, preexec_fn=lambda: [os.close(fd) for fd in (0, 1, 2)])
    try:
        until_ready(process, port)
        for _ in range(3):
            reply = httpx.post(f"http://127.0.0.1:{port}/v1/completions", json={"model": "tiny", "prompt": "a", "max_tokens": 2}, timeout=60)
            assert reply.status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()


def test_d16_a_log_that_nobody_reads_and_a_folder_that_is_gone(bantam_binary, writer_file, tmp_path):
    port, folder = free_port(), tmp_path / "gone"
    folder.mkdir()
    process = serve(bantam_binary, writer_file, tmp_path, port, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        until_ready(process, port)
        folder.rmdir()
        process.stdout.close()  # what is logged now is SIGPIPE to a program that does not expect it
        for _ in range(20):
            assert httpx.get(f"http://127.0.0.1:{port}/nothing", timeout=60).status_code == 404
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()


def test_d16_a_pause(writer_file, tmp_path):
    with BantamProcess(make_home(tmp_path / "home"), ["--model", writer_file]) as server:
        before = ask(server).json()["choices"]
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(1)
        server.process.send_signal(signal.SIGCONT)
        assert ask(server).json()["choices"] == before and server.stop() == 0


def test_d11_a_second_sigterm_ends_at_once(writer_file, tmp_path):
    with BantamProcess(make_home(tmp_path / "home"), ["--model", writer_file, "--drain", "600"]) as server:
        endless = {"model": "tiny", "prompt": "a", "max_tokens": 4000, "ignore_eos": True, "n": 64}
        threading.Thread(target=lambda: quietly(lambda: exchange(server.port, post_json("/v1/completions", endless))), daemon=True).start()
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(60)


def quietly(call):
    try:
        call()
    except Exception:  # the server ends under it
        pass

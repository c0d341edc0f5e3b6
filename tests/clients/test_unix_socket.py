"""The server on a Unix socket."""

import fcntl
import os
import pty
import signal
import socket
import subprocess
import termios
import time

import httpx
import openai
import pytest

from bantam_process import make_home


@pytest.fixture
def serve(bantam_binary, tmp_path):
    home = make_home(tmp_path / "home")
    running = []

    def start(path, wait=True, **more):
        process = subprocess.Popen([bantam_binary, "serve", "--model", "all-MiniLM-L6-v2", "--unix-socket", path],
                                   env={**os.environ, "BANTAM_HOME": str(home)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)  # fmt: skip
        running.append(process)
        deadline = time.monotonic() + 60
        while wait and time.monotonic() < deadline:
            try:
                with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
                    if client.get("http://localhost/readyz").status_code == 200:
                        return process
            except httpx.TransportError:
                assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_clients_ask_through_the_socket(serve, tmp_path):
    path = tmp_path / "bantam.sock"
    process = serve(path)
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as transport:
        client = openai.OpenAI(base_url="http://localhost/v1", api_key="unused", http_client=transport)
        assert len(client.embeddings.create(model="all-MiniLM-L6-v2", input="hello").data[0].embedding) == 384
        # Its callers are on this machine: they may manage models, and learn that there is none of that name.
        assert transport.post("http://localhost/api/copy", json={"source": "none", "destination": "mine"}).status_code == 404
        assert transport.get("http://evil.example/v1/models").status_code == 421
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0 and not path.exists()
    assert str(path) in process.stdout.read()


def test_a_socket_left_behind_makes_way_and_a_live_one_does_not(serve, tmp_path):
    path = tmp_path / "bantam.sock"
    first = serve(path)
    second = serve(path, wait=False)
    assert second.wait(60) != 0 and "another program listens there" in second.stderr.read()
    assert path.exists()
    first.kill()
    first.wait()
    assert path.exists()
    serve(path)


def test_what_is_no_socket_stays(serve, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    refused = serve(path, wait=False)
    assert refused.wait(60) != 0 and "no socket" in refused.stderr.read()
    assert path.read_text() == "mine"
    long = serve(tmp_path / ("x" * 120), wait=False)
    assert long.wait(60) == 64 and "sockets have at most" in long.stderr.read()


def test_a_socket_of_the_next_server_is_not_removed(serve, tmp_path):
    path = tmp_path / "bantam.sock"
    process = serve(path)
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0 and path.exists()


@pytest.mark.parametrize("nohup", [False, True])
def test_a_closed_terminal_ends_it(serve, tmp_path, nohup):
    path = tmp_path / "bantam.sock"
    terminal, end = pty.openpty()

    def take_it():
        os.setsid()
        fcntl.ioctl(end, termios.TIOCSCTTY, 0)
        if nohup:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def wait_for_reload():
        while "reloaded in" not in process.stderr.readline():
            assert process.poll() is None

    process = serve(path, preexec_fn=take_it)
    process.send_signal(signal.SIGHUP)  # while there is a terminal, it says: reload
    wait_for_reload()
    os.close(end)
    os.close(terminal)
    if nohup:
        wait_for_reload()
        process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0 and not path.exists()

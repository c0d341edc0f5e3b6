"""The log for machines: a line for each event and each request, and what must never stand in it."""

import json
import os
import re
import signal
import socket
import subprocess
import time

import httpx
import pytest

from bantam_process import BantamProcess, make_home

SECRET = "the parcel of Ms Nightingale"


@pytest.fixture
def home(tmp_path):  # one each: servers of one home write into one log
    return make_home(tmp_path / "home")


def lines_of(server):
    return [json.loads(line) for line in server.log().splitlines()]


def requests_of(server):
    """But those of the fixture, which looks whether it is ready."""
    return [line for line in lines_of(server) if line["message"] == "request" and line["path"] != "/readyz"]


def wait_for(server, count):
    deadline = time.monotonic() + 30
    while len(requests_of(server)) < count:
        assert time.monotonic() < deadline, server.log()
        time.sleep(0.02)
    return requests_of(server)


def test_events_and_requests_as_json(home, bantam_binary, tmp_path):
    keys = tmp_path / "keys.yaml"
    done = subprocess.run([bantam_binary, "key", "new", "my-site", "--file", keys, "--json"], capture_output=True, text=True, timeout=60)
    key = json.loads(done.stdout)["key"]
    arguments = ["--model", "all-MiniLM-L6-v2", "--log-format", "json", "--api-keys", keys]
    with BantamProcess(home, arguments) as server:
        started = lines_of(server)[0]
        assert started["message"] == "started" and server.url == started["address"] and started["level"] == "info"
        headers = {"Authorization": f"Bearer {key}"}
        body = {"model": "all-MiniLM-L6-v2", "input": SECRET}
        replies = [
            httpx.post(server.url + "/v1/embeddings?user=ada", json=body, headers=headers),
            httpx.post(server.url + "/v1/embeddings", json=body, headers={"Authorization": "Bearer " + SECRET}),
            httpx.get(server.url + "/no/such%1b[31m%0apath%E2%80%A8", headers=headers),
        ]
        embedded, denied, missing = wait_for(server, 3)
        for line, reply in zip((embedded, denied, missing), replies):
            assert line["request_id"] == reply.headers["x-request-id"] and line["status"] == reply.status_code
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]) and line["ms"] >= 0
        assert embedded["path"] == "/v1/embeddings" and embedded["method"] == "POST" and embedded["key"] == "my-site"
        assert embedded["model"] == "all-MiniLM-L6-v2" and embedded["tokens"] == int(replies[0].headers["x-bantam-tokens"])
        assert embedded["received_bytes"] == len(replies[0].request.content) and embedded["sent_bytes"] > len(replies[0].content)
        assert embedded["compute_ms"] == float(replies[0].headers["x-bantam-compute-ms"])
        assert "key" not in denied and "model" not in denied
        assert missing["path"] == "/no/such\\x1B[31m\\npath\\u{2028}"

        keys.write_text("nonsense")
        server.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 30
        while not any(line["message"].startswith("the keys stay as they were") for line in lines_of(server)):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert server.stop() == 0
        assert [line["message"].split(":")[0] for line in lines_of(server)][-2:] == ["stopping", "stopped"]
        for hidden in (SECRET, key, "ada", "Bearer"):
            assert hidden not in server.log()


def test_refusals_and_texts_as_well(home):
    with BantamProcess(home, ["--model", "smollm2", "--log-format", "json"]) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            raw.sendall(b"GET /v1/models HTTP/1.1\r\nHost: evil.example\r\n\r\n")
            assert b" 421 " in raw.recv(1000)
        body = {"model": "smollm2", "prompt": SECRET, "max_tokens": 4, "stream": True}
        httpx.post(server.url + "/v1/completions", json=body, timeout=60)
        refused, written = wait_for(server, 2)
        assert refused["status"] == 421 and refused["path"] == "/v1/models"
        # What a stream's head cannot say is there at its end.
        assert written["completion_tokens"] >= 1 and written["compute_ms"] > 0 and written["model"] == "smollm2"
        assert SECRET not in server.log()


def test_as_text(home):
    with BantamProcess(home, ["--model", "all-MiniLM-L6-v2", "--log-format", "text"]) as server:
        httpx.get(server.url + "/v1/models")
        deadline = time.monotonic() + 30
        while "path=/v1/models" not in server.log():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert re.search(r"^\S+Z info message=request request_id=req_\w+ method=GET path=/v1/models status=200 ms=", server.log(), re.MULTILINE)
        assert re.search(r"^\S+Z info message=started address=http://", server.log(), re.MULTILINE)


def test_nobody_reads_it(home, bantam_binary):
    """A pipe that is full stops neither requests nor the end."""
    server = BantamProcess(home, [])
    command = [bantam_binary, "serve", "--model", "all-MiniLM-L6-v2", "--log-format", "json", "--port", str(server.port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, "BANTAM_HOME": str(home)})
    try:
        with httpx.Client() as client:
            deadline = time.monotonic() + 60
            while True:
                try:
                    client.get(server.url + "/readyz")
                    break
                except httpx.TransportError:
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
            for _ in range(1000):  # over the 64 KiB of a pipe
                assert client.get(server.url + "/healthz").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()

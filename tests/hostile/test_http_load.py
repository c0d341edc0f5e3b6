"""Clients that are slow, many, rude or gone, and random bytes: H-41 to H-45 and H-54 of cases.txt."""

import json
import random
import resource
import socket
import struct
import time

import httpx
import pytest

from bantam_process import BantamProcess, make_home
from raw_http import ASSISTANT, ENCODER, WRITER, connect, post_json, read_reply, request

COMPLETIONS = "/v1/completions"
LONG = {"model": WRITER, "prompt": "a", "max_tokens": 3000, "ignore_eos": True, "temperature": 0}


def metric(server, name):
    lines = httpx.get(server.url + "/metrics", timeout=60).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.split("{")[0].split(" ")[0] == name)


def eventually(condition, within_s=60):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def idle(server):
    return metric(server, "bantam_generation_running") + metric(server, "bantam_generation_waiting") == 0


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_h41_many_slow_heads(target):
    """Each sends a byte now and then; others do not notice, and all of them can be there at once."""
    data = request("GET", "/v1/models")
    slow = [connect(target.port) for _ in range(300)]
    for i in range(3):
        for connection in slow:
            connection.sendall(data[i : i + 1])
        assert httpx.post(target.url + "/v1/embeddings", json={"model": ENCODER, "input": "x"}, timeout=60).status_code == 200
    for connection in slow[::2]:
        connection.sendall(data[3:])
    for connection in slow[::2]:
        assert read_reply(connection, "GET").status == 200
    for connection in slow:
        connection.close()
    eventually(lambda: metric(target, "bantam_http_connections") <= 3)


def test_h42_a_reader_that_does_not_read(target):
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", target.port))
        connection.sendall(post_json(COMPLETIONS, LONG | {"stream": True, "n": 8, "temperature": 1, "logprobs": 5}))
        eventually(lambda: metric(target, "bantam_generation_running") > 0)
        assert httpx.post(target.url + COMPLETIONS, json=LONG | {"max_tokens": 3}, timeout=120).status_code == 200
    eventually(lambda: idle(target))


LEAVE = {"before the body ends": "half", "while it works": "work", "while it streams": "stream"}


@pytest.mark.parametrize("how", ["reset", "end"])
@pytest.mark.parametrize("when", LEAVE.values(), ids=LEAVE)
def test_h43_clients_that_leave(target, when, how):
    """What they asked for ends; what a neighbour asked for is the same text as ever."""
    neighbour_body = {"model": WRITER, "prompt": "neighbour", "max_tokens": 40, "temperature": 0}
    expected = httpx.post(target.url + COMPLETIONS, json=neighbour_body, timeout=120).json()["choices"]
    data = post_json(COMPLETIONS, LONG | {"n": 4, "stream": when == "stream"})
    neighbour = connect(target.port)
    leaver = connect(target.port)
    leaver.sendall(data[:-5] if when == "half" else data)
    neighbour.sendall(post_json(COMPLETIONS, neighbour_body))
    if when != "half":
        eventually(lambda: metric(target, "bantam_generation_running") > 0)
    if when == "stream":
        assert leaver.recv(100)
    reset(leaver) if how == "reset" else leaver.close()
    assert read_reply(neighbour).json()["choices"] == expected
    neighbour.close()
    eventually(lambda: idle(target))
    assert metric(target, "bantam_kv_cache_free_blocks") == metric(target, "bantam_kv_cache_blocks")


def test_h43_half_closed(target):
    """Who only sends no more is told from who closed by an interim reply, and gets the answer."""
    embed = post_json("/v1/embeddings", {"model": ENCODER, "input": "x"})
    for data in (embed, post_json(COMPLETIONS, LONG | {"n": 4, "max_tokens": 40})):
        with connect(target.port) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            reply = read_reply(connection)
            assert reply.status == 200, reply.body
    eventually(lambda: idle(target))


def test_h43_after_the_last_token(target):
    for _ in range(20):
        with connect(target.port) as connection:
            connection.sendall(post_json(COMPLETIONS, LONG | {"max_tokens": 1}))
            connection.recv(1)
            reset(connection)


def test_h45_connections_that_come_and_go(target):
    for _ in range(20):
        batch = [connect(target.port) for _ in range(100)]
        for i, connection in enumerate(batch):
            if i % 3 == 0:
                connection.sendall(b"GET /healthz HT")
            reset(connection) if i % 2 else connection.close()
    eventually(lambda: metric(target, "bantam_http_connections") <= 3)


def test_h45_no_descriptor_left(writer_file, tmp_path):
    """With 64 descriptors it starts, tells whom it cannot serve nothing, and serves again when they have gone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        server = BantamProcess(make_home(tmp_path / "home"), ["--model", writer_file]).start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        waiting = []
        for _ in range(100):
            connection = connect(server.port, timeout=5)
            connection.sendall(request("GET", "/healthz"))
            waiting.append(connection)
        used = cpu_ticks(server.process.pid)
        time.sleep(1)
        assert cpu_ticks(server.process.pid) - used < 50, "it spins while it has no descriptor"
        for connection in waiting:
            connection.close()
        eventually(lambda: httpx.get(server.url + "/healthz", timeout=5).status_code == 200)
        assert server.stop() == 0
    finally:
        server.kill()


def cpu_ticks(pid):
    fields = open(f"/proc/{pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


SEEDS = [
    post_json(COMPLETIONS, {"model": WRITER, "prompt": "a", "max_tokens": 2}),
    post_json("/v1/embeddings", {"model": ENCODER, "input": ["a", "b"]}),
    post_json("/v1/chat/completions", {"model": ASSISTANT, "messages": [{"role": "user", "content": "where is my parcel"}]}),
    request("GET", "/v1/models"),
    request("POST", "/api/generate", "Transfer-Encoding: chunked", body=b'10\r\n{"model":"tiny",\r\n1d\r\n"prompt":"a","stream":false}  \r\n0\r\n\r\n'),
]
PIECES = [b"\r\n", b"\n", b"\0", b"\xff", b": ", b" ", b"{", b"}", b'"', b"[", b"]", b",", b"HTTP/1.1", b"Content-Length: ", b"Transfer-Encoding: chunked\r\n",
          b"0\r\n\r\n", b"-1", b"99999999999999999999", b"\\u0000", b"\\ud800", b"null", b"1e999", b"GET / HTTP/1.1\r\n"]  # fmt: skip


def mutate(data, rng):
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at:at] = rng.choice(PIECES)
            case 2:
                del data[at : at + rng.randint(1, 8)]
            case 3:
                del data[at:]
            case _:
                start = rng.randrange(len(data) + 1)
                data[at:at] = data[start : start + rng.randint(1, 40)]
    return bytes(data)


@pytest.mark.parametrize("part", range(4))
def test_h54_mutated_requests(target, part):
    """Whatever comes of them, it is no 5xx, and a reply that is begun is whole. Half of each request is sent after a moment."""
    rng = random.Random(part)
    for _ in range(500):
        data = mutate(rng.choice(SEEDS), rng)
        with connect(target.port, timeout=30) as connection:
            cut = rng.randrange(len(data) + 1)
            try:
                connection.sendall(data[:cut])
                connection.sendall(data[cut:])
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            received = b""
            try:
                while piece := connection.recv(65536):
                    received += piece
            except ConnectionError:
                pass
        for status in replies(received):
            assert 200 <= status < 500 or status in (501, 503, 505), (data, received[:300])
    assert json.loads(httpx.get(target.url + "/v1/models").text)["data"]


def replies(data):
    """The statuses of all whole replies in these bytes; what is left over must be nothing. Interim ones are passed over."""
    while data:
        head, separator, rest = data.partition(b"\r\n\r\n")
        assert separator and head.startswith(b"HTTP/1.1 "), data[:200]
        status = int(head.split()[1])
        if status == 100:
            data = rest
            continue
        yield status
        length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), None)
        if length is None:
            return
        assert len(rest) >= length, "a reply that is not whole"
        data = rest[length:]

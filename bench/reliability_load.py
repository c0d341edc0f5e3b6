"""The clients of bench/reliability.py: what they send, what they must get, and the books they keep."""

import http.client
import json
import os
import random
import socket
import struct
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ASSISTANT, ENCODER, WRITER = "helpdesk", "all-MiniLM-L6-v2", "tiny"
QUESTIONS = ["where is my parcel?", "i forgot my password", "the printer says it is offline", "how do I get a refund?", "what is the weather on Mars?"]


def request(path, body, method="POST"):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


def connect(port, timeout=120):
    connection = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Client:
    """One connection that is kept, and opened again when the server closed it."""

    def __init__(self, port):
        self.port, self.connection = port, None

    def send(self, data):
        if self.connection is None:
            self.connection = connect(self.port)
        self.connection.sendall(data)

    def receive(self, method="POST"):
        reply = http.client.HTTPResponse(self.connection, method=method)
        reply.begin()
        body = reply.read()
        if reply.will_close:
            self.close()
        return reply.status, reply.headers, body

    def ask(self, path, body, method="POST"):
        self.send(request(path, body, method))
        return self.receive(method)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def metrics_of(client):
    """-> {name: the sum over its labels}."""
    found = Counter()
    for line in client.ask("/metrics", b"", "GET")[2].decode().splitlines():
        if line and not line.startswith("#"):
            found[line.split("{")[0].split(" ")[0]] += float(line.split()[-1])
    return found


@dataclass
class State:
    """What must be as before when the load is over."""

    memory_kib: int
    descriptors: int
    threads: int
    used_blocks: float  # of the key-value cache
    connections: float


def state_of(server):
    client = Client(server.port)
    metrics = metrics_of(client)
    process = Path(f"/proc/{server.process.pid}")
    kib = {line.split(":")[0]: int(line.split()[1]) for line in (process / "status").read_text().splitlines() if line.endswith(" kB")}
    state = State(kib["RssAnon"] + kib["VmSwap"], len(os.listdir(process / "fd")), len(os.listdir(process / "task")),
                  metrics["bantam_kv_cache_blocks"] - metrics["bantam_kv_cache_free_blocks"], metrics["bantam_http_connections"])  # fmt: skip
    client.close()
    return state


@dataclass
class Books:
    """Every request that was sent is in exactly one of `outcomes`."""

    sent: int = 0
    outcomes: Counter = field(default_factory=Counter)
    wrong: list = field(default_factory=list)
    ids: set = field(default_factory=set)
    memory: list = field(default_factory=list)  # (requests sent, KiB)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, limit):
        """False when enough were sent."""
        with self.lock:
            if self.sent >= limit:
                return False
            self.sent += 1
            return True

    def close(self, outcome, wrong=None, request_id=None):
        with self.lock:
            self.outcomes[outcome] += 1
            if request_id is not None and request_id in self.ids:
                wrong = f"the id {request_id} came twice"
            self.ids.add(request_id)
            if wrong is not None and len(self.wrong) < 20:
                self.wrong.append(wrong)


def outcome_of(status):
    return str(status) if status in (429, 503) else f"{status // 100}xx"


class Mix:
    """What a busy server is asked: texts of a pool, whose answers are known from before, so that none may be another's."""

    def __init__(self, port, size=64):
        self.port, client = port, Client(port)
        self.bodies = [("/v1/embeddings", {"model": ENCODER, "input": f"parcel number {i}", "encoding_format": "base64"}) for i in range(size)]
        self.bodies += [("/v1/completions", {"model": WRITER, "prompt": f"number {i}", "max_tokens": 8, "temperature": 0}) for i in range(size // 4)]
        self.bodies += [("/v1/classify", {"model": ASSISTANT, "input": question}) for question in QUESTIONS]
        self.bodies += [("/v1/chat/completions", {"model": ASSISTANT, "messages": [{"role": "user", "content": q}]}) for q in QUESTIONS]
        self.bodies += [("/v1/chat/completions", {"model": ASSISTANT, "stream": True, "messages": [{"role": "user", "content": q}]}) for q in QUESTIONS]
        self.expected = [self.essence(path, body, client.ask(path, body)[2]) for path, body in self.bodies]
        client.close()

    @staticmethod
    def essence(path, body, reply):
        """What of a reply must be the same every time."""
        if body.get("stream"):
            events = [json.loads(line[6:]) for line in reply.decode().split("\n\n") if line.startswith("data: {")]
            return "".join(choice["delta"].get("content") or "" for event in events for choice in event["choices"])
        value = json.loads(reply)
        if path == "/v1/embeddings":
            return value["data"][0]["embedding"]
        if path == "/v1/classify":
            return json.dumps(value["data"])
        return value["choices"][0].get("text") or value["choices"][0]["message"]["content"]

    def one(self, client, rng, books):
        """Sends one request of the mix, and books what became of it."""
        kind, which = rng.random(), rng.randrange(len(self.bodies))
        path, body = self.bodies[which]
        try:
            if kind < 0.10:  # gone before the answer
                client.send(request(path, body))
                reset(client.connection) if rng.random() < 0.5 else client.connection.close()
                client.connection = None
                return books.close("client left")
            if kind < 0.15:  # malformed
                status, headers, _ = client.ask(path, json.dumps(body).encode()[: rng.randrange(1, 20)])
                return books.close(outcome_of(status), None if status == 400 else f"malformed: {status}", headers["X-Request-Id"])
            if kind < 0.17:  # larger than it may be
                client.send(b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n" % path.encode())
                status, headers, _ = client.receive()
                return books.close(outcome_of(status), None if status == 413 else f"oversize: {status}", headers["X-Request-Id"])
            status, headers, reply = client.ask(path, body)
        except (OSError, http.client.HTTPException) as error:
            client.close()
            return books.close("no answer", f"{path}: {error!r}")
        wrong = None
        if status == 200 and self.essence(path, body, reply) != self.expected[which]:
            wrong = f"{path}: another answer than before to {body}"
        elif status not in (200, 429, 503):
            wrong = f"{path}: {status}: {reply[:200]!r}"
        books.close(outcome_of(status), wrong, headers["X-Request-Id"])


def drive(server, mix, books, until, clients):
    """Sends what is missing of so many requests, watching the memory."""

    def work(seed):
        client, rng = Client(server.port), random.Random(seed)
        while books.take(until):
            mix.one(client, rng, books)
        client.close()

    threads = [threading.Thread(target=work, args=(until + seed,)) for seed in range(clients)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.2)
        books.memory.append((books.sent, state_of(server).memory_kib))


def at_rest(server, within_s=10):
    """The state once nothing is in flight and only the connection that asks is there, twice in a row the same."""
    deadline, last = time.monotonic() + within_s, None
    while time.monotonic() < deadline:
        state = state_of(server)
        if state == last and (state.connections, state.used_blocks) == (1, 0):
            return state
        last = state
        time.sleep(0.02)
    return state_of(server)


def soak(server, requests, clients=8):
    """A tenth of the requests to warm up, then the others. -> (books, state after the tenth, state at the end, seconds)."""
    mix, books = Mix(server.port), Books()
    started = time.monotonic()
    drive(server, mix, books, requests // 10, clients)
    time.sleep(2)  # what the allocator keeps of finished work goes back a second after it
    before = at_rest(server)
    drive(server, mix, books, requests, clients)
    time.sleep(2)
    return books, before, at_rest(server), time.monotonic() - started


def slope(samples):
    """Least squares, of (x, y)."""
    n = len(samples)
    if n < 2:
        return 0.0
    mean_x, mean_y = sum(x for x, _ in samples) / n, sum(y for _, y in samples) / n
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread if spread else 0.0

"""Two processes of one assistant with one cache in a Redis: what one has learned the other one knows, also when a process is killed; what
happens to the Redis costs nobody an answer, and its password is nowhere."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time

import httpx
import pytest
from recording_model import recording_model

PASSWORD = "sesame-0123456789"
ROUTE_FILE = """
version: 1
name: desk
model_list:
  - model_name: big
    params: {{model: openai/m, api_base: "http://127.0.0.1:{port}/v1"}}
routes:
  - name: hours
    utterances: [when are you open, what are your opening hours, are you open on sunday, when do you close, opening times please]
    action: {{type: respond, response: utter_hours}}
  - name: refund
    utterances: [where is my refund, refund not arrived, "I want my money back", status of my refund, "my refund is late"]
    action: {{type: respond, response: utter_refund}}
decision: {{policy: threshold, confidence_threshold: 0.6, nlu_fallback: big}}
responses: {{utter_hours: "9 to 17.", utter_refund: "Five days."}}
cache: {{mode: exact_then_semantic, audit_rate: 0, url: os.environ/REDIS_URL}}
"""


@pytest.fixture
def redis(tmp_path):
    program = shutil.which("redis-server")
    if not program:
        if os.environ.get("CI") == "true":
            pytest.fail("redis-server is missing: apt install redis-server")
        pytest.skip("redis-server is not installed")
    folder = tmp_path / "redis"
    folder.mkdir()
    socket = folder / "redis.sock"
    command = [program, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder, "--requirepass", PASSWORD]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not socket.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.url = f"unix://:{PASSWORD}@{socket}"
    yield process
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait()


@pytest.fixture
def upstream():
    with recording_model() as server:
        yield server


@pytest.fixture
def serve(bantam_server, redis, upstream, tmp_path):
    file = tmp_path / "desk.yaml"
    file.write_text(ROUTE_FILE.format(port=upstream.server_address[1]))

    def start():
        server = bantam_server("-c", str(file), environment={"REDIS_URL": redis.url})
        server.file = file
        return server

    return start


def ask(server, text):
    body = {"model": "desk", "messages": [{"role": "user", "content": text}]}
    reply = httpx.post(f"{server.url}/v1/chat/completions", json=body, timeout=30)
    assert reply.status_code == 200, reply.text
    return reply.json()["bantam"]["source"]


def metric(server, name):
    return next(float(line.split()[1]) for line in httpx.get(f"{server.url}/metrics").text.splitlines() if line.startswith(name + " "))


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


def cache(bantam_binary, server, url, *arguments):
    environment = os.environ | {"BANTAM_HOME": str(server.home), "REDIS_URL": url}
    done = subprocess.run([bantam_binary, "cache", *arguments, "-c", server.file], env=environment, capture_output=True, text=True, timeout=60)
    assert PASSWORD not in done.stdout + done.stderr
    return done


def test_two_servers_share(serve, redis, upstream, bantam_binary):
    one, other = serve(), serve()
    assert ask(one, "compose a haiku about the moons of Jupiter") == "upstream"
    wait_for(lambda: metric(other, "bantam_cache_entries") == 1)
    assert ask(other, "Compose a haiku about the moons of Jupiter.") == "cache"
    assert ask(other, "please compose a haiku about the moons of Jupiter") == "cache"  # in other words
    assert len(upstream.seen) == 1
    stats = json.loads(cache(bantam_binary, one, redis.url, "stats", "--json").stdout)
    assert stats["entries"] == 1 and stats["semantic"]["questions"] == 1
    assert "1 answers of" in cache(bantam_binary, one, redis.url, "stats").stdout
    wrong = cache(bantam_binary, one, redis.url.replace(PASSWORD, "wrong"), "stats")
    assert wrong.returncode == 74, wrong
    assert "password" in wrong.stderr
    assert cache(bantam_binary, one, redis.url, "flush").returncode == 0
    wait_for(lambda: metric(one, "bantam_cache_entries") == 0 and metric(other, "bantam_cache_entries") == 0)
    assert ask(other, "compose a haiku about the moons of Jupiter") == "upstream"
    # A Redis that stands still: answers go on, and one that comes back is used again.
    redis.send_signal(signal.SIGSTOP)
    assert ask(other, "compose a haiku about the rings of Saturn") == "upstream"
    assert ask(other, "compose a haiku about the rings of Saturn") == "cache"  # its own memory
    wait_for(lambda: metric(other, "bantam_cache_store_up") == 0)
    redis.send_signal(signal.SIGCONT)
    wait_for(lambda: metric(other, "bantam_cache_store_up") == 1)
    for server in (one, other):
        assert server.stop() == 0
        assert PASSWORD not in server.log()


def test_kill_9_of_a_server_leaves_nothing_half(serve, redis, upstream, bantam_binary):
    server, survivor = serve(), serve()
    for round_ in range(2):
        stop = threading.Event()

        def work(round_=round_, stop=stop):
            for number in range(1000):
                try:
                    ask(server, f"compose haiku {round_} {number} about the moons of Jupiter")
                except httpx.HTTPError:
                    return
                if stop.is_set():
                    return

        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(0.3)
        server.kill()
        stop.set()
        thread.join()
        server.start()
    assert metric(survivor, "bantam_cache_store_up") == 1
    # What was stored is whole: no row is bad, and every answer is that of its own question.
    for round_ in range(2):
        for number in range(5):
            question = f"compose haiku {round_} {number} about the moons of Jupiter"
            body = {"model": "desk", "messages": [{"role": "user", "content": question}]}
            reply = httpx.post(f"{survivor.url}/v1/chat/completions", json=body, timeout=30).json()
            assert reply["choices"][0]["message"]["content"] == question
    assert metric(survivor, "bantam_cache_bad_rows_total") == 0
    assert cache(bantam_binary, survivor, redis.url, "stats").returncode == 0

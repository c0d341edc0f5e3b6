"""A whole decision over HTTP: `POST /v1/chat/completions` to Bantam and to the same from the usual parts, one after the other."""

import json
import os
import subprocess
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from contest import (ENVIRONMENT, MODEL, PYTHON, REPOSITORY, BantamProcess, Failed, commands, cores, fold, free_port, make_home, peak_kb,
                     pinned, recorded, run, say, turned)  # fmt: skip

ROUTE_FILE = REPOSITORY / "examples" / "helpdesk" / "bantam.yaml"
THREADS = [1, 2]
KEYS = ["median_ms", "min_ms", "p99_ms"]
CACHED_KEYS = ["median_ms", "p99_ms", "server_median_ms", "server_p99_ms"]


@contextmanager
def bantam_server(threads, folder):
    server = BantamProcess(make_home(folder / "home"), ["-c", ROUTE_FILE])
    with pinned(threads), server:
        yield server.port, server.process.pid
    commands.setdefault("bantam serve", f"bantam serve -c examples/helpdesk/bantam.yaml, pinned to {threads} cores")


@contextmanager
def peer_server(threads, folder):
    port = free_port()
    command = [PYTHON, "bench/peer_server.py", ROUTE_FILE, port, threads, folder / "audit.jsonl"]
    process = subprocess.Popen(["taskset", "-c", cores(threads), *map(str, command)], env=ENVIRONMENT, cwd=REPOSITORY)
    try:
        for _ in range(6000):
            if process.poll() is not None:
                raise Failed("the peer server stopped")
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5)
                break
            except OSError:
                time.sleep(0.02)
        yield port, process.pid
    finally:
        process.kill()
        process.wait()


def questions():
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    tokenizer.no_padding()
    lines = (REPOSITORY / "bench" / "questions.txt").read_text().splitlines()
    for line in lines:
        length = len(tokenizer.encode(line).ids)
        if length != 16:
            raise ValueError(f"{line!r} has {length} tokens; bench/questions.txt holds questions of 16")
    return "\n".join(lines) + "\n"


def ask(port, requests, text, *how):
    """The client gets the last core: its own where the server has one, shared where it has two."""
    last = str(max(os.sched_getaffinity(0)))
    return json.loads(run(["taskset", "-c", last, PYTHON, "bench/http_client.py", port, requests, 100, "helpdesk", *how], "decision's client", input=text))


def part(rounds, requests):
    text = questions()
    samples, cached, peaks, routes = {}, {}, {}, {}
    servers = [("bantam", bantam_server), ("fastapi + onnxruntime + scikit-learn", peer_server)]
    for number in range(rounds):
        for threads in THREADS:
            for name, server in turned(servers, number):
                say(f"decision, round {number + 1} of {rounds}, {threads} threads, {name}")
                with recorded(f"decision over HTTP: {name}"), tempfile.TemporaryDirectory() as folder, \
                        server(threads, Path(folder)) as (port, pid):  # fmt: skip
                    result = ask(port, requests, text)
                    samples.setdefault((name, threads), []).append(result)
                    if name == "bantam":
                        cached.setdefault(threads, []).append(ask(port, requests, text, "cached"))
                    peaks.setdefault((name, threads), []).append(peak_kb(pid))
                    routes[name] = result["routes"]
    rows = [{"name": n, "threads": th, "tokens": 16, "peak_rss_mib": max(peaks[n, th]) / 1024, **fold(s, KEYS)}
            for (n, th), s in samples.items()]  # fmt: skip
    return {"rows": rows, "cached": [{"threads": th, **fold(found, CACHED_KEYS)} for th, found in cached.items()], "routes": routes}

"""`make bench-server`: what `bantam serve` adds to the model, and how it behaves with many connections. Writes docs/server-load.md.

    BANTAM_TEST_DATA=FOLDER make bench-server                            everything: seven minutes; the first time builds llama-server
    build/venv-test/bin/python bench/server_load.py --seconds 1 --dry  a look at everything, nothing written

Server and client are pinned to a core each, as in `make bench` with one thread.
"""

import argparse
import json
import os
import resource
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import generate_http
import machine
from contest import BINARY, BUILD, MODEL_NAME, MODELS, REPOSITORY, BantamProcess, cores, free_port, lines_of_json, make_home, pinned, run, say, turned
from decision_part import ROUTE_FILE, questions
from report import table

PAGE = REPOSITORY / "docs/server-load.md"
CONNECTIONS = 10_000
TEXT_CLIENTS, TEXTS_OF_EACH = 8, 4
TURNS = 4  # of the encoder alone and behind HTTP in a round: what is between them is less than what the machine's pace changes in seconds
LAST = str(max(os.sched_getaffinity(0)))
INTRODUCTION = """# The server under load

Written by `make bench-server`; do not edit by hand.

What HTTP adds to the model, what the server makes of a core when no model has to be asked, and what many connections cost. The server has the first
core, the client (`bench/load_client.cc`) the last. Medians of {rounds} rounds, with the least and the greatest; the contestants of a row take turns.
More of texts is in [generation speed](generation-speed.md), embeddings under 32 clients beside other servers in
[benchmarks](benchmarks.md); what happens beyond capacity and under faults is in [reliability](reliability.md).
"""


def spread(values, digits=2):
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def load(port, path, clients, seconds, bodies, rate=None, cache=False, poll=False):
    command = ["taskset", "-c", LAST, BUILD / "bantam_load_client", port, path, clients, max(0.5, seconds / 4), seconds, *([rate] if rate else [])]
    environment = {**os.environ, **({"BENCH_CACHE": "1"} if cache else {}), **({"BENCH_POLL": "1"} if poll else {})}
    return json.loads(run(command, input=bodies, env=environment, timeout=seconds + 120))


def fetch(port, path="/healthz", body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return reply.read()


@contextmanager
def serving(folder, *arguments):
    server = BantamProcess(make_home(Path(folder) / "home"), arguments)
    with pinned(1), server:
        yield server


@contextmanager
def empty_server(reply_bytes):
    port = free_port()
    process = subprocess.Popen(["taskset", "-c", cores(1), BUILD / "bantam_empty_server", str(port), str(reply_bytes)])
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.02)
        yield port
    finally:
        process.kill()
        process.wait()


def memory_kb(pid):
    """What is the process's own: anonymous, in memory or swapped out."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return sum(int(fields[name].split()[0]) for name in ("RssAnon", "VmSwap"))


def cached_decisions(rounds, seconds):
    """A question that the cache knows, and the HTTP library with a handler that does nothing and a reply as long."""
    lines = questions().splitlines()
    bodies = "".join(json.dumps({"model": "helpdesk", "messages": [{"role": "user", "content": line}]}) + "\n" for line in lines)
    found = {"bantam": [], "empty": []}
    with tempfile.TemporaryDirectory() as folder, serving(folder, "-c", ROUTE_FILE) as server:
        path = "/v1/chat/completions"
        replies = [fetch(server.port, path, body.encode()) for body in bodies.splitlines()]
        with empty_server(round(statistics.mean(map(len, replies)))) as port:
            for number in range(rounds):
                for name, target in turned([("bantam", server.port), ("empty", port)], number):
                    say(f"cached decisions, round {number + 1} of {rounds}, {name}")
                    found[name].append(load(target, path, 32, seconds, bodies, cache=True, poll=True))
    rates = {name: [result["requests_per_s"] for result in results] for name, results in found.items()}
    shares = [ours / theirs for ours, theirs in zip(rates["bantam"], rates["empty"])]
    rows = [
        [label, spread(rates[name], 0), spread([r["median_ms"] for r in found[name]], 3), spread([r["p99_ms"] for r in found[name]], 3)]
        for name, label in (("bantam", "`/v1/chat/completions` of the help desk, every question in its cache"), ("empty", "Boost.Beast, an empty handler"))
    ]
    text = (
        "## Decisions from the cache\n\n32 clients, each sends its next request when it has its answer. Their core stays awake: to wake another"
        " costs the one that answers up to a sixth of its time in a virtual machine, which is the measuring's doing and no server's.\n\n"
        + table(["server", "requests/s", "p50, ms", "p99, ms"], rows)
        + f"\nBantam's share: {spread(shares)}.\n"
    )
    rate, share = statistics.median(rates["bantam"]), statistics.median(shares)
    met = rate >= 25_000 or share >= 0.8
    return text, [["decisions from the cache", "25,000 a second, or 0.8 of what an empty handler does", f"{rate:,.0f}; {share:.2f}", met]]


def embeddings(rounds, seconds):
    """One request of 16 tokens: beside the encoder alone; and at random moments, at 70 % of what the server can."""
    bodies = "".join(json.dumps({"model": MODEL_NAME, "input": line}) + "\n" for line in questions().splitlines())
    alone, awake, asleep, busy, limits = [], [], [], [], []
    with tempfile.TemporaryDirectory() as folder, serving(folder, "--model", MODEL_NAME, "--threads", 1) as server:
        for number in range(rounds):
            say(f"embeddings, round {number + 1} of {rounds}")
            bench = ["taskset", "-c", cores(1), BINARY, "bench", "embed", "--model", MODEL_NAME, "--tokens", 16, "--threads", 1, "--seconds", seconds / TURNS, "--json"]
            for _ in range(TURNS):
                alone.append(lines_of_json(run(bench))[0]["median_ms"])
                awake.append(load(server.port, "/v1/embeddings", 1, seconds / TURNS, bodies, poll=True))
                asleep.append(load(server.port, "/v1/embeddings", 1, seconds / TURNS, bodies))
            limits.append(load(server.port, "/v1/embeddings", 64, seconds, bodies)["requests_per_s"])
            busy.append(load(server.port, "/v1/embeddings", 256, 2 * seconds, bodies, rate=0.7 * limits[-1]))
    added = [statistics.median(result["median_ms"] - without for result, without in zip(served, alone)) for served in (awake, asleep)]
    ratio = statistics.median(result["p99_ms"] / result["median_ms"] for result in busy)

    def row(what, results):
        return [what] + [spread([result[key] for result in results], digits) for key, digits in (("requests_per_s", 0), ("median_ms", 3), ("p99_ms", 3))]

    rows = [
        ["the encoder alone (`bantam bench embed --tokens 16`)", "", spread(alone, 3), ""],
        row(f"`/v1/embeddings`, one client whose core stays awake: adds {added[0]:.3f} ms", awake),
        row(f"one client that sleeps until the reply is there: adds {added[1]:.3f} ms", asleep),
        ["64 clients", spread(limits, 0), "", ""],
        row("at random moments, 70 % of that", busy),
    ]
    text = (
        "## Embeddings of 16 tokens\n\nTime as the client sees it, from when the request was due. At random moments: Poisson arrivals, whether or not"
        " earlier ones have their answer.\nA core that halts while its client waits has to wake up again, which takes a virtual machine up to 0.1 ms"
        " and no server can help: the goal is held against a client that\nasks again and again whether the reply is there.\n\n"
        + table(["what", "requests/s", "p50, ms", "p99, ms"], rows)
    )  # fmt: skip
    return text, [
        ["what HTTP adds to the encoder's time, p50", "under 0.15 ms", f"{added[0]:.3f} ms", added[0] < 0.15],
        ["p99 at 70 % load", "under 3 times p50", f"{ratio:.2f} times", ratio < 3],
    ]


def idle_connections():
    """Many connections that were used once and are kept; what a request beside them takes."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(CONNECTIONS, most - 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    request = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    bodies = "".join(json.dumps({"model": MODEL_NAME, "input": line}) + "\n" for line in questions().splitlines())
    say(f"{count} idle connections")
    with tempfile.TemporaryDirectory() as folder, serving(folder, "--model", MODEL_NAME, "--threads", 1) as server:
        pid = server.process.pid
        before = load(server.port, "/v1/embeddings", 1, 2, bodies)["median_ms"]
        memory = [memory_kb(pid)]
        connections = []
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", server.port))
            connection.sendall(request)
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
            connections.append(connection)
        memory.append(memory_kb(pid))
        beside = load(server.port, "/v1/embeddings", 1, 2, bodies)["median_ms"]
        time.sleep(20)
        memory.append(memory_kb(pid))
        for connection in connections:
            connection.close()
        time.sleep(2)
        memory.append(memory_kb(pid))
    each = (memory[1] - memory[0]) / count
    text = (
        f"## {count:,} connections that wait\n\nEach had one answer and is kept. Memory is the process's own (RssAnon and VmSwap).\n\n"
        + table(
            ["when", "memory", "p50 of an embedding beside them"],
            [
                ["before", f"{memory[0] / 1024:.1f} MiB", f"{before:.3f} ms"],
                [f"with {count:,}", f"{memory[1] / 1024:.1f} MiB, {each:.2f} KiB each", f"{beside:.3f} ms"],
                ["20 seconds later", f"{memory[2] / 1024:.1f} MiB", ""],
                ["after they left", f"{memory[3] / 1024:.1f} MiB", ""],
            ],
        )
    )
    flat = memory[2] <= memory[1] * 1.01 and count == CONNECTIONS
    return text, [[f"{CONNECTIONS:,} connections that wait", "at flat memory", f"{count:,}; {(memory[2] - memory[1]) / 1024:+.1f} MiB in 20 s", flat]]


def start(rounds):
    """From the start of the process to the first 200 of /readyz; the files are in the page cache."""
    times, resident = [], []
    with tempfile.TemporaryDirectory() as folder:
        home = make_home(Path(folder) / "home")
        for number in range(rounds + 1):  # the first may pack the weights
            port = free_port()
            began = time.perf_counter()
            process = subprocess.Popen(["taskset", "-c", cores(2), BINARY, "serve", "--model", MODEL_NAME, "--port", str(port)],
                                       env={**os.environ, "BANTAM_HOME": str(home)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
            while True:
                try:
                    with socket.create_connection(("127.0.0.1", port)) as connection:
                        connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                        if connection.recv(64).startswith(b"HTTP/1.1 200"):
                            break
                except OSError:
                    time.sleep(0.0005)
            if number > 0:
                times.append((time.perf_counter() - began) * 1e3)
                fetch(port, "/v1/embeddings", json.dumps({"model": MODEL_NAME, "input": "hello"}).encode())
                fields = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if ":" in line)
                resident.append(int(fields["VmRSS"].split()[0]) / 1024)
            process.terminate()
            process.wait()
    text = (
        "## Start\n\nFrom the start of the process (`taskset` included) to the first 200 of `/readyz`, the files in the page cache.\n\n"
        + table(["`bantam serve --model all-MiniLM-L6-v2`", "ms", "resident after an embedding"], [["", spread(times, 1), f"{spread(resident, 1)} MiB"]])
    )
    found = statistics.median(times)
    return text, [["start to ready", "under 50 ms", f"{found:.1f} ms", found < 50]]


def texts(rounds, folder):
    """Several who have texts written at once, beside llama-server."""
    run([REPOSITORY / "bench" / "llama.sh", "server"], timeout=2 * 3600)
    shape, format = "SmolLM2-135M", "Q8_0"
    path = folder / f"{shape}-{format}-load.gguf"
    found = {"bantam": [], "llama-server": []}
    try:
        generate_http.write_model(shape, format, path)
        for number in range(rounds):
            for name in turned(list(found), number):
                say(f"texts, round {number + 1} of {rounds}, {name}")
                with tempfile.TemporaryDirectory() as home, generate_http.Server(name, path, Path(home)) as server:
                    server.load(TEXT_CLIENTS, 1, 1000 + number)  # warms it up
                    found[name].append(server.load(TEXT_CLIENTS, TEXTS_OF_EACH, number))
    finally:
        path.unlink(missing_ok=True)
    keys = {"tokens_per_s": 0, "ttft_ms": 0, "gap_p50_ms": 1, "gap_p99_ms": 1}
    middle = {name: {key: statistics.median(one[key] for one in results) for key in keys} for name, results in found.items()}
    ratio = statistics.median(a["tokens_per_s"] / b["tokens_per_s"] for a, b in zip(*found.values()))
    rows = [[name, *(spread([one[key] for one in results], digits) for key, digits in keys.items())] for name, results in found.items()]
    text = (
        f"## Texts for {TEXT_CLIENTS} clients\n\n{shape} in {format} with random weights, 2 threads. Each client has {TEXTS_OF_EACH} texts of {generate_http.GENERATE} tokens written,"
        f" one after the other, streamed, after {generate_http.PROMPT} tokens of its own (`/v1/completions`). It runs on the same cores.\n\n"
        + table(["server", "tokens/s in all", "first token, ms", "between two events, p50, ms", "p99, ms"], rows)
    )  # fmt: skip
    ours, theirs = middle["bantam"], middle["llama-server"]
    return text, [
        [f"tokens/s of {TEXT_CLIENTS} texts at once", "more than llama-server", f"{ours['tokens_per_s']:.0f}, {ratio:.2f} times its {theirs['tokens_per_s']:.0f}", ratio > 1],
        ["between two events of a text, p99", "no more than llama-server", f"{ours['gap_p99_ms']:.1f} ms, it {theirs['gap_p99_ms']:.1f}", ours["gap_p99_ms"] <= theirs["gap_p99_ms"]],
    ]  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement")
    parser.add_argument("--dry", action="store_true", help="print the page, write nothing")
    options = parser.parse_args()
    about = machine.describe(REPOSITORY, BINARY)
    MODELS.mkdir(parents=True, exist_ok=True)
    parts = [cached_decisions(options.rounds, options.seconds), embeddings(options.rounds, options.seconds), texts(options.rounds, MODELS), idle_connections(),
             start(2 * options.rounds)]  # fmt: skip
    goals = [[what, goal, found, "yes" if met else "**no**"] for _, rows in parts for what, goal, found, met in rows]
    page = INTRODUCTION.format(rounds=options.rounds) + "\n## Goals\n\n" + table(["what", "goal", "found", "met"], goals)
    page += "".join(f"\n{text}" for text, _ in parts)
    page += (
        f"\nMeasured {time.strftime('%Y-%m-%d')} at `{about['commit']}` on {about['cpu']}, {about['cores']} cores, {', '.join(about['isa'])};"
        f" load before: {about['load_before']:.2f}.\n"
    )
    print(page)
    if not options.dry:
        PAGE.write_text(page, encoding="utf-8")
        say(f"wrote {PAGE.relative_to(REPOSITORY)}")


if __name__ == "__main__":
    main()

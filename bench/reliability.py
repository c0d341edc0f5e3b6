#!/usr/bin/env python3
"""`make reliability`: a soak, an overload, texts in company, restarts after kill -9, and connections that come and go, against the release binary.
Rewrites the part between the marks of docs/reliability.md.

    make reliability                                                     everything: seven minutes of two cores that nobody else uses
    BANTAM_RELIABILITY_SCALE=0.01 make reliability                       a hundredth of it, printed only
    build/venv-test/bin/python bench/reliability.py --only overload --dry  one part: soak, overload, company, restarts, connections
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import machine
import reliability_load as load
from contest import BINARY, BUILD, REPOSITORY, BantamProcess, make_home, real_home, say
from report import table

from tiny_decoder import write_tiny_decoder  # noqa: E402  contest.py has put tests/support in the way of modules

PAGE = REPOSITORY / "docs/reliability.md"
BEGIN, END = "<!-- measured: make reliability -->", "<!-- end of what was measured -->"
ROUTE_FILE = "examples/helpdesk/bantam.yaml"


TEXT = {"model": load.WRITER, "prompt": "overload", "max_tokens": 200, "temperature": 0, "ignore_eos": True}
GENERATOR = "smollm2"  # the store's, that people have


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def serve(folder, *arguments):
    return BantamProcess(make_home(folder / "home"), ["-c", ROUTE_FILE, "--model", folder / "tiny.gguf", *arguments])


def soak_part(folder, scale):
    requests = max(500, int(100_000 * scale))
    with serve(folder) as server:
        fill(server.port)
        books, before, after, seconds = load.soak(server, requests)
        assert server.stop() == 0, server.log()
    accounted = sum(books.outcomes.values())
    per_request = load.slope([(sent, kib) for sent, kib in books.memory if sent >= requests / 10])
    growth = 100 * (after.memory_kib / before.memory_kib - 1)
    same = [(name, getattr(before, name), getattr(after, name)) for name in ("descriptors", "threads", "used_blocks", "connections")]
    return [
        ["soak (L-01)", f"{requests:,} requests in {seconds:.0f} s: chats, streams, texts, embeddings, labels; 10 % leave, 5 % malformed, 2 % too large",
         f"{', '.join(f'{n:,} {what}' for what, n in sorted(books.outcomes.items()))}; {len(books.wrong)} wrong, lost or doubled"
         + "".join(f"; {problem}" for problem in books.wrong[:3]),
         accounted == books.sent and not books.wrong],
        ["memory (L-02)", "RssAnon + VmSwap after a tenth of them and at the end; descriptors, threads, used blocks of the key-value cache",
         f"{before.memory_kib / 1024:.1f} to {after.memory_kib / 1024:.1f} MiB, {per_request:.3f} KiB a request; "
         + ", ".join(f"{name} {a:g} to {b:g}" for name, a, b in same),
         growth <= 3 and per_request <= 1 and all(a == b for _, a, b in same)],
    ]  # fmt: skip




def fill(port):
    """All threads run, and the latest 10,000 answers are known, which feedback can be about: what has a bound is full."""
    offer(port, 64, 2)
    chats = [{"model": load.ASSISTANT, "messages": [{"role": "user", "content": question}]} for question in load.QUESTIONS]
    while server_answers(port) < 10_000:
        offer(port, 32, 1, path="/v1/chat/completions", bodies=chats)


def server_answers(port):
    client = load.Client(port)
    usage = json.loads(client.ask("/v1/usage", b"", "GET")[2])
    client.close()
    return usage["since_start"]["messages"]


def offer(port, clients, seconds, rate=None, path="/v1/completions", bodies=(TEXT,)):
    """`bench/load_client.cc`, which takes little of the cores that it shares with the server. A reply that is neither 200 nor 429 is an error."""
    command = [BUILD / "bantam_load_client", port, path, clients, 1, seconds, *([rate] if rate else [])]
    found = subprocess.run(list(map(str, command)), input="".join(json.dumps(body) + "\n" for body in bodies), env=os.environ | {"BENCH_REFUSALS": "1"}, text=True, capture_output=True)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def overload_part(folder, scale):
    rows = []
    if (real_home() / "models" / GENERATOR).is_dir():
        rows.append(overload(folder, scale, f"texts of 32 tokens by {GENERATOR}", {**TEXT, "model": GENERATOR, "max_tokens": 32}, True))
    return [*rows, overload(folder, scale, "texts of 200 tokens by a decoder of 0.1 million weights", TEXT, False)]


def overload(folder, scale, what, text, share_promised):
    seconds = max(5, 60 * scale)
    models = ["--model", GENERATOR] if text["model"] == GENERATOR else []
    with serve(folder, *models, "--parallel", 4, "--max-queue", 8, "--log-format", "json") as server:
        alone = min(timed(server.port, text) for _ in range(5))
        capacity = offer(server.port, 4, max(3, seconds / 4), bodies=[text])["requests_per_s"]
        offered = offer(server.port, 256, seconds, rate=10 * capacity, bodies=[text])
        recovered, started = None, time.monotonic()
        while recovered is None and time.monotonic() - started < 30:
            if timed(server.port, text) <= 1.5 * alone + 0.005:
                recovered = time.monotonic() - started
        assert server.stop() == 0, server.log()
        lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    refused_ms = [line["ms"] for line in lines if line.get("status") == 429]
    goodput, refused, p99 = offered["requests_per_s"], offered.get("refused", 0), percentile(refused_ms, 0.99)
    kept = p99 <= 5 and refused > 0 and recovered is not None and recovered <= 2
    return ["overload (L-03)", f"{what}: {goodput + refused / seconds:.3g} a second offered for {seconds:.0f} s where {capacity:.3g} can be written",
            f"{goodput:.3g} a second written ({100 * goodput / capacity:.0f} % of what can be); {refused:,} refused with 429 in {percentile(refused_ms, 0.5):.2f} ms at p50,"
             f" {p99:.2f} ms at p99 by the server's log ({offered.get('refused_median_ms', 0):.2f} and {offered.get('refused_p99_ms', 0):.2f} ms by a client that takes {100 * offered['client_cpu']:.0f} % of one of its cores);"
             f" 0 others; as fast as before after " + (f"{recovered:.2f} s" if recovered is not None else "more than 30 s"),
             kept and goodput >= 0.9 * capacity if share_promised else None if kept else False]  # fmt: skip


def timed(port, text):
    client, started = load.Client(port), time.monotonic()
    client.ask("/v1/completions", text)
    client.close()
    return time.monotonic() - started


def company_part(folder, scale):
    count = max(40, int(1000 * scale))
    bodies = [{"model": load.WRITER, "prompt": f"text {i} {'x' * (i % 50)}", "max_tokens": 24, "temperature": 0} for i in range(count)]
    with serve(folder, "--parallel", 16) as server:
        client = load.Client(server.port)
        alone = [json.loads(client.ask("/v1/completions", body)[2])["choices"][0]["text"] for body in bodies]
        client.close()
        different, cancelled, remaining, lock = [], [0], list(range(count)), threading.Lock()

        def work(seed):
            own, rng = load.Client(server.port), random.Random(seed)
            while True:
                with lock:
                    if not remaining:
                        break
                    i = remaining.pop()
                if rng.random() < 0.2:  # somebody else leaves in the middle
                    other = load.connect(server.port)
                    other.sendall(load.request("/v1/completions", bodies[rng.randrange(count)] | {"max_tokens": 400, "ignore_eos": True, "stream": True}))
                    other.recv(200)
                    load.reset(other)
                    cancelled[0] += 1
                text = json.loads(own.ask("/v1/completions", bodies[i])[2])["choices"][0]["text"]
                if text != alone[i]:
                    different.append(i)
            own.close()

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.stop() == 0, server.log()
    return [["company (L-04)", f"{count:,} greedy texts alone, then 16 at a time while {cancelled[0]} others were cancelled in the middle",
             f"{len(different)} texts differ", not different]]  # fmt: skip


def restarts_part(folder, scale):
    kills = max(10, int(1000 * scale))
    rng, ready_s, acknowledged = random.Random(5), [], 0
    server = BantamProcess(make_home(folder / "home-restarts"), ["-c", ROUTE_FILE])
    environment = os.environ | {"BANTAM_HOME": str(server.home)}
    ids, problems = set(), []
    for i in range(kills):
        started = time.monotonic()
        server.start()
        ready_s.append(time.monotonic() - started)
        end = time.monotonic() + rng.uniform(0, 0.1)
        client = load.Client(server.port)
        killer = threading.Timer(end - time.monotonic(), server.process.kill)
        killer.start()
        try:
            while True:
                question = rng.choice(load.QUESTIONS) + " " * rng.randrange(3) + str(rng.randrange(50))
                status, headers, _ = client.ask("/v1/chat/completions", {"model": load.ASSISTANT, "messages": [{"role": "user", "content": question}]})
                if status == 200:
                    ids.add(headers["X-Request-Id"])
                    acknowledged += 1
        except (OSError, load.http.client.HTTPException):
            pass
        killer.join()
        server.process.wait()
        client.close()
        log = "".join(server.log().splitlines(keepends=True)[-20:])
        if re.search(r"corrupt|quick_check", log):
            problems.append(log)
    server.start()
    answered = load.Client(server.port).ask("/v1/chat/completions", {"model": load.ASSISTANT, "messages": [{"role": "user", "content": load.QUESTIONS[0]}]})[0]
    server.stop()
    verified = subprocess.run([BINARY, "audit", "verify", "-c", ROUTE_FILE], cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    with open(next(server.home.glob("state/*/audit.jsonl"))) as audit:
        recorded = {json.loads(line).get("request_id") for line in audit}
    lost = len(ids - recorded)
    p99 = percentile(ready_s, 0.99)
    return [["restarts (L-05)", f"{kills:,} times kill -9 while chats are answered, cached and recorded, and a start",
             f"{acknowledged:,} answers acknowledged, {lost} of them not in the audit log; `bantam audit verify` says {verified.returncode} ({verified.stdout.strip().splitlines()[-1] if verified.stdout.strip() else verified.stderr.strip()});"
             f" {len(problems)} caches found damaged; from start to ready p50 {1000 * percentile(ready_s, 0.5):.0f} ms, p99 {1000 * p99:.0f} ms",
             lost == 0 and verified.returncode == 0 and not problems and answered == 200 and p99 < 1]]  # fmt: skip


def connections_part(folder, scale):
    cycles, half_open = max(200, int(10_000 * scale)), max(50, int(1000 * scale))
    rng = random.Random(6)

    def half_requests():
        waiting = [load.connect(server.port) for _ in range(half_open)]
        for connection in waiting:
            connection.sendall(b"POST /v1/embeddings HTTP/1.1\r\nHost: ")
        most = load.state_of(server).connections
        for connection in waiting:
            connection.close()
        return most

    with serve(folder) as server:
        fill(server.port)
        mix = load.Mix(server.port)
        for i in range(100):
            abort(server.port, mix, rng, i)
        time.sleep(2)  # what the allocator keeps of finished work goes back a second after it
        empty = load.at_rest(server)
        half_requests()  # for each connection of its greatest number Asio keeps what it knows of one
        time.sleep(2)
        before = load.at_rest(server)
        for i in range(cycles):
            abort(server.port, mix, rng, i)
        most = half_requests()
        started = time.monotonic()
        within = 1.03 * before.memory_kib + 1024
        while True:
            after, took = load.at_rest(server), time.monotonic() - started
            if after.memory_kib <= within or took > 2:
                break
        assert server.stop() == 0, server.log()
    same = (before.descriptors, before.threads, before.used_blocks) == (after.descriptors, after.threads, after.used_blocks)
    kept = before.memory_kib - empty.memory_kib
    return [["connections (L-06)", f"{cycles:,} that are ended in the middle of a request, then {half_open:,} half a request each, at once, as once before",
             f"{most:.0f} open at the most; {took:.2f} s after the last has gone: descriptors {before.descriptors} to {after.descriptors}, threads {before.threads} to {after.threads},"
             f" {before.memory_kib / 1024:.1f} to {after.memory_kib / 1024:.1f} MiB (the first {half_open:,} had left {kept / half_open:.1f} KiB each, which serve the next)",
             same and took <= 2 and after.memory_kib <= within]]  # fmt: skip


def abort(port, mix, rng, i):
    path, body = mix.bodies[rng.randrange(len(mix.bodies))]
    data = load.request(path, body)
    connection = load.connect(port)
    connection.sendall(data[: rng.randrange(len(data) + 1)])
    load.reset(connection) if i % 2 else connection.close()


PARTS = {"soak": soak_part, "overload": overload_part, "company": company_part, "restarts": restarts_part, "connections": connections_part}


def page(rows, arguments):
    found = machine.describe(REPOSITORY, BINARY)
    words = {True: "yes", False: "**no**", None: "the share is not promised"}
    body = [[what, how, result, words[kept]] for what, how, result, kept in rows]
    return (f"Measured {time.strftime('%Y-%m-%d')} at `{found['commit']}` on {found['cpu']}, {found['cores']} cores, {found['memory_gib']} GiB, {', '.join(found['isa'])}; load before: {found['load_before']:.2f};"
            f" by `make reliability`{'' if arguments.scale == 1 else f' at a scale of {arguments.scale:g}'}. The server has the help desk of `examples/`, its encoder, and a decoder"
            f" of 0.1 million random weights; the clients run on the same cores.\n\n" + table(["what", "how", "found", "as promised"], body))  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=float(os.environ.get("BANTAM_RELIABILITY_SCALE") or 1), help="of the numbers and seconds; below 1 nothing is written")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas between them; then nothing is written")
    parser.add_argument("--dry", action="store_true", help="print, write nothing")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    if unknown := set(wanted) - set(PARTS):
        parser.error(f"--only {','.join(sorted(unknown))}: there are {', '.join(PARTS)}")
    rows = []
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        write_tiny_decoder(folder / "tiny.gguf")
        for name in wanted:
            say(name)
            rows += PARTS[name](folder, arguments.scale)
    text = page(rows, arguments)
    print(text)
    if not arguments.dry and arguments.scale >= 1 and len(wanted) == len(PARTS):
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{rest.partition(END)[2]}")
        say(f"wrote {PAGE.relative_to(REPOSITORY)}")
    return 1 if any(kept is False for *_, kept in rows) else 0


if __name__ == "__main__":
    sys.exit(main())

"""`make bench`: Bantam beside onnxruntime, OpenVINO, CTranslate2, sentence-transformers and a server of the usual parts, in one run.

Every round runs each contestant once, in an order that turns with the round, so that a slow minute of the machine meets all of them.
A figure is the median over the rounds of what a round gives (its median, its 99th percentile, its minimum). Writes
bench/results.json, docs/benchmarks.md and docs/benchmarks.svg.

    make bench                                   everything
    build/venv-bench/bin/python bench/run.py --only latency --rounds 1 --dry    a look: part of it, nothing written
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "tests" / "support"))

import machine  # noqa: E402
import report  # noqa: E402
from bantam_process import BantamProcess, free_port, make_home, real_home  # noqa: E402

MODEL_NAME = "all-MiniLM-L6-v2"
MODEL = real_home() / "models" / MODEL_NAME
BINARY = REPOSITORY / "build" / "release" / "bantam"
MODELS = REPOSITORY / "build" / "bench"
ROUTE_FILE = REPOSITORY / "examples" / "helpdesk" / "bantam.yaml"
LENGTHS = [8, 16, 32, 128, 256]
THREADS = [1, 2]
PEERS = [("onnxruntime", "int8"), ("openvino", "int8"), ("ctranslate2", "int8"),
         ("onnxruntime", "f32"), ("openvino", "f32"), ("ctranslate2", "f32"), ("sentence-transformers", "f32")]  # fmt: skip
os.environ["BANTAM_BINARY"] = str(BINARY)  # which one BantamProcess starts
ENVIRONMENT = {**os.environ, "BENCH_MODEL": str(MODEL), "BENCH_MODELS": str(MODELS), "HF_HUB_OFFLINE": "1"}
commands = {}


def say(message):
    print(f"bench: {message}", file=sys.stderr, flush=True)


def run(command, what=None, **options):
    """-> stdout. The first command of each kind is kept for the report."""
    words = [str(word) for word in command]
    if what:
        shown = " ".join(os.path.relpath(w, REPOSITORY) if w.startswith(str(REPOSITORY)) else w for w in words)
        commands.setdefault(what, shown)
    result = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY,
                            env=options.pop("env", ENVIRONMENT), **options)  # fmt: skip
    if result.returncode != 0:
        raise SystemExit(f"bench: {' '.join(words)} ended with {result.returncode}:\n{result.stderr[-2000:]}")
    return result.stdout


def cores(count):
    """taskset's list of the first `count` cores we may use; both servers and both clients are pinned alike."""
    return ",".join(map(str, sorted(os.sched_getaffinity(0))[:count]))


def fold(samples):
    """Rounds -> one row: the median of each figure, and the spread of the medians."""
    row = {key: statistics.median(s[key] for s in samples) for key in ("median_ms", "min_ms", "p99_ms")}
    row["rounds_median_ms"] = [round(s["median_ms"], 4) for s in samples]
    for key in ("variant", "isa"):
        if key in samples[-1]:
            row[key] = samples[-1][key]
    return row


def turned(items, number):
    number %= len(items)
    return items[number:] + items[:number]


def latency_bantam(dtype, threads, iterations):
    for tokens in LENGTHS:
        command = [BINARY, "bench", "embed", "--model", MODEL_NAME, "--dtype", dtype, "--batch", 1, "--tokens", tokens,
                   "--threads", threads, "--iterations", iterations, "--json"]  # fmt: skip
        yield tokens, json.loads(run(["taskset", "-c", cores(threads), *command], f"bantam {dtype}"))


def latency_peer(name, dtype, threads, iterations):
    command = [sys.executable, "bench/peers.py", "latency", name, "--dtype", dtype, "--threads", threads,
               "--tokens", ",".join(map(str, LENGTHS)), "--iterations", iterations]  # fmt: skip
    for line in run(["taskset", "-c", cores(threads), *command], f"{name} {dtype}").splitlines():
        result = json.loads(line)
        yield result["tokens"], result


def bench_latency(rounds, iterations):
    contestants = [("bantam", "int8"), ("bantam", "f32"), *PEERS]
    samples = {}
    for number in range(rounds):
        for threads in THREADS:
            for name, dtype in turned(contestants, number):
                say(f"latency, round {number + 1} of {rounds}, {threads} threads, {name} {dtype}")
                results = latency_bantam(dtype, threads, iterations) if name == "bantam" else latency_peer(name, dtype, threads, iterations)
                for tokens, result in results:
                    samples.setdefault((name, dtype, threads, tokens), []).append(result)
    return [{"name": n, "dtype": d, "threads": th, "tokens": to, **fold(s)} for (n, d, th, to), s in samples.items()]


@contextmanager
def bantam_server(threads, folder):
    server = BantamProcess(make_home(folder / "home"), ["-c", ROUTE_FILE])
    with pinned(threads), server:
        yield server.port, server.process.pid
    commands.setdefault("bantam serve", f"bantam serve -c examples/helpdesk/bantam.yaml, pinned to {threads} cores")


@contextmanager
def peer_server(threads, folder):
    port = free_port()
    command = [sys.executable, "bench/peer_server.py", ROUTE_FILE, port, threads, folder / "audit.jsonl"]
    process = subprocess.Popen(["taskset", "-c", cores(threads), *map(str, command)], env=ENVIRONMENT, cwd=REPOSITORY)
    try:
        for _ in range(6000):
            if process.poll() is not None:
                raise SystemExit("bench: the peer server stopped")
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5)
                break
            except OSError:
                time.sleep(0.02)
        yield port, process.pid
    finally:
        process.kill()
        process.wait()


@contextmanager
def pinned(count):
    """Children started within inherit the first `count` cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def peak_kb(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def questions():
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    tokenizer.no_padding()
    lines = (REPOSITORY / "bench" / "questions.txt").read_text().splitlines()
    for line in lines:
        length = len(tokenizer.encode(line).ids)
        if length != 16:
            raise SystemExit(f"bench: {line!r} has {length} tokens; bench/questions.txt holds questions of 16")
    return "\n".join(lines) + "\n"


def bench_http(rounds, requests):
    text = questions()
    samples, cached, peaks, routes = {}, {}, {}, {}
    servers = [("bantam", bantam_server), ("fastapi + onnxruntime + scikit-learn", peer_server)]
    for number in range(rounds):
        for threads in THREADS:
            for name, server in turned(servers, number):
                say(f"http, round {number + 1} of {rounds}, {threads} threads, {name}")
                with tempfile.TemporaryDirectory() as folder, server(threads, Path(folder)) as (port, pid):
                    command = [sys.executable, "bench/http_client.py", port, requests, 200, "helpdesk"]
                    # The client gets the last core: its own where the server has one, shared where it has two.
                    last = str(max(os.sched_getaffinity(0)))
                    result = json.loads(run(["taskset", "-c", last, *command], "client", input=text))
                    samples.setdefault((name, threads), []).append(result)
                    if name == "bantam":
                        cached.setdefault(threads, []).append(json.loads(run(["taskset", "-c", last, *command, "cached"], input=text)))
                    peaks.setdefault((name, threads), []).append(peak_kb(pid))
                    routes[name] = result["routes"]
    rows = [{"name": n, "threads": th, "tokens": 16, "peak_rss_mib": statistics.median(peaks[n, th]) / 1024, **fold(s)}
            for (n, th), s in samples.items()]  # fmt: skip
    keys = ("median_ms", "p99_ms", "server_median_ms", "server_p99_ms")
    cached = [{"threads": th, **{key: statistics.median(s[key] for s in rounds) for key in keys}} for th, rounds in cached.items()]
    return {"rows": rows, "cached": cached, "routes": routes}


def one_start(command, environment):
    """-> {first_embedding_ms, peak_rss_mib}"""
    return json.loads(run([sys.executable, "-S", "bench/one_start.py", *command], env=environment))


def bench_start(rounds):
    """The files are in the page cache; what is measured is the program. `packed` says whether Bantam's packed file is there."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        shutil.copytree(MODEL, home / "models" / MODEL_NAME)
        ours = set(json.loads((MODEL / "bantam.json").read_text())["files"]) | {"bantam.json"}

        def unpack():
            model = home / "models" / MODEL_NAME
            for path in [p for p in model.rglob("*") if p.is_file() and str(p.relative_to(model)) not in ours]:
                path.unlink()

        environment = {**ENVIRONMENT, "BANTAM_HOME": folder}
        contestants = []
        for dtype in ("int8", "f32"):
            embed = [BINARY, "embed", "--model", MODEL_NAME, "--dtype", dtype, "--threads", 1]
            contestants.append((f"bantam {dtype}", embed, None))
            contestants.append((f"bantam {dtype}, first start ever", embed, unpack))
        for name, dtype in PEERS:
            first = [sys.executable, "bench/peers.py", "first", name, "--dtype", dtype, "--threads", 1]
            contestants.append((f"{name} {dtype}", first, None))
        samples = {}
        for number in range(-1, rounds):  # the first round warms the page cache
            say(f"start, round {number + 1} of {rounds}")
            for name, command, before in contestants:
                if before:
                    before()
                elif name.startswith("bantam"):
                    one_start(command, environment)  # leaves the packed file
                result = one_start(command, environment)
                if number >= 0:
                    samples.setdefault(name, []).append(result)
                commands.setdefault(f"start: {name}", " ".join(os.path.relpath(w, REPOSITORY) if str(w).startswith("/") else str(w)
                                                               for w in map(str, command)))  # fmt: skip
    return [{"name": n, "first_embedding_ms": statistics.median(s["first_embedding_ms"] for s in v),
             "peak_rss_mib": statistics.median(s["peak_rss_mib"] for s in v)}
            for n, v in samples.items()]  # fmt: skip


def bench_agreement():
    """All contestants do the same work only if they give the same vectors: cosines to sentence-transformers over the questions."""
    import numpy

    def vectors(command):
        rows = [json.loads(line)["embedding"] for line in run(command, input=questions()).splitlines()]
        return numpy.asarray(rows)

    reference = vectors([sys.executable, "bench/peers.py", "embed", "sentence-transformers"])
    result = {}
    for dtype in ("f32", "int8"):
        result[f"bantam {dtype}"] = vectors([BINARY, "embed", "--model", MODEL_NAME, "--dtype", dtype])
        for name in [name for name, peer_dtype in PEERS if peer_dtype == dtype and name != "sentence-transformers"]:
            result[f"{name} {dtype}"] = vectors([sys.executable, "bench/peers.py", "embed", name, "--dtype", dtype])
    return {name: {"mean": float(c.mean()), "min": float(c.min())}
            for name, c in ((n, (v * reference).sum(1)) for n, v in result.items())}  # fmt: skip


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", help="latency, http, start or agreement; several with commas")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--iterations", type=int, default=100, help="calls of a peer per round and length")
    parser.add_argument("--requests", type=int, default=1500, help="HTTP requests per round")
    parser.add_argument("--dry", action="store_true", help="print the results, write nothing")
    arguments = parser.parse_args()
    wanted = (arguments.only or "agreement,latency,http,start").split(",")

    results = {"machine": machine.describe(REPOSITORY, BINARY), "date": time.strftime("%Y-%m-%d"), "rounds": arguments.rounds}
    if results["machine"]["load_before"] > 0.5:
        say(f"the machine is busy (load {results['machine']['load_before']:.1f}); figures will be worse and noisier than they need be")
    say("making the other runtimes' models, unless they are there")
    run([sys.executable, "bench/make_models.py", MODEL, MODELS])
    if "agreement" in wanted:
        results["agreement"] = bench_agreement()
    if "latency" in wanted:
        results["latency"] = bench_latency(arguments.rounds, arguments.iterations)
    if "http" in wanted:
        results["http"] = bench_http(arguments.rounds, arguments.requests)
    if "start" in wanted:
        results["start"] = bench_start(arguments.rounds)
    results["commands"] = commands
    print(report.markdown(results))
    if not arguments.dry:
        (REPOSITORY / "bench" / "results.json").write_text(json.dumps(results, indent=1) + "\n")
        (REPOSITORY / "docs" / "benchmarks.md").write_text(report.markdown(results))
        (REPOSITORY / "docs" / "benchmarks.svg").write_text(report.chart(results))
        say("wrote docs/benchmarks.md, docs/benchmarks.svg and bench/results.json")


if __name__ == "__main__":
    main()

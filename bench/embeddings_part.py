"""`/v1/embeddings` under 32 clients: short questions, and the ragged mix. All servers run at once and are stopped (SIGSTOP) but for the one
whose turn it is, so that rounds alternate without paying each server's start again."""

import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import data
import goals
from accuracy_part import vectors
from contest import (BINARY, BUILD, ENVIRONMENT, LLAMA, MODEL, MODEL_NAME, MODELS, PYTHON, REPOSITORY, Failed, commands, failures, fold,
                     free_port, make_home, peak_kb, pinned, recorded, run, say, shown, turned)  # fmt: skip

CLIENTS = 32
INFINITY = REPOSITORY / "build" / "venv-infinity" / "bin" / "infinity_emb"


def servers(threads, folder):
    """name -> (dtype, command, environment); {port} is put in later, and it runs in the folder $PWD of its environment"""
    # From within the model's folder: its onnxruntime engine finds the graph of a local model in no other way.
    infinity = [INFINITY, "v2", "--model-id", ".", "--served-model-name", MODEL_NAME, "--device", "cpu", "--host", "127.0.0.1",
                "--port", "{port}", "--url-prefix", "/v1", "--no-vector-disk-cache", "--pooling-method", "mean", "--log-level", "warning"]  # fmt: skip
    local = {"PWD": str(MODELS / "infinity"), "HF_HOME": str(MODELS / "infinity-cache")}
    return {
        "bantam serve": ("int8", [BINARY, "serve", "--model", MODEL_NAME, "--threads", threads, "--port", "{port}"],
                         {"BANTAM_HOME": str(make_home(folder / "home"))}),
        "infinity-emb (torch)": ("f32", [*infinity, "--engine", "torch"], local),
        "infinity-emb (onnxruntime)": ("int8", [*infinity, "--engine", "optimum"], local),
        "llama-server": ("q8_0", [LLAMA / "llama-server", "--model", MODELS / "llama-q8_0.gguf", "--embedding", "--pooling", "mean", "--threads", threads,
                                  "--threads-batch", threads, "--parallel", CLIENTS, "--ctx-size", 512 * CLIENTS, "--batch-size", 2048,
                                  "--ubatch-size", 2048, "--host", "127.0.0.1", "--port", "{port}"], {}),
        "fastapi + onnxruntime": ("int8", [PYTHON, "bench/embeddings_server.py", "{port}", threads, 1], {}),
        "fastapi + onnxruntime, batching": ("int8", [PYTHON, "bench/embeddings_server.py", "{port}", threads, CLIENTS], {}),
    }  # fmt: skip


class Server:
    def __init__(self, name, dtype, command, environment, threads, log):
        self.name, self.dtype, self.port, self.log = name, dtype, free_port(), log
        words = [str(word).format(port=self.port) if str(word) == "{port}" else str(word) for word in command]
        commands.setdefault(f"server: {name}", shown(command).replace("{port}", "PORT"))
        threads_of_libraries = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "DO_NOT_TRACK": "1"}
        with pinned(threads), open(log, "wb") as out:
            self.process = subprocess.Popen(words, stdout=out, stderr=out, start_new_session=True,
                                            cwd=environment.get("PWD", REPOSITORY),
                                            env={**ENVIRONMENT, **threads_of_libraries, **environment})  # fmt: skip

    def embed(self, text, timeout=60):
        body = json.dumps({"model": MODEL_NAME, "input": text}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v1/embeddings", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            return json.load(reply)["data"][0]["embedding"]

    def wait_until_ready(self, within=180):
        end = time.monotonic() + within
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended with {self.process.returncode}: {self.tail()}")
            try:
                self.embed("are you ready", timeout=10)
                return
            except OSError:
                time.sleep(0.1)
        raise Failed(f"{self.name} was not ready within {within} s: {self.tail()}")

    def tail(self):
        return Path(self.log).read_text(errors="replace").strip()[-500:]

    def signal(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    @contextmanager
    def running(self):
        self.signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.signal(signal.SIGSTOP)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()


def fitting(texts):
    """Cut where every contestant would at 256 tokens, so that servers with another limit do the same work."""
    tokenizer = data.Ids(MODEL).tokenizer
    for text in texts:
        offsets = [offset for offset in tokenizer.encode(text).offsets if offset[1] > 0]
        yield text[: offsets[-1][1]] if offsets else text


def load(server, bodies, seconds):
    # The client has the last core: its own where the server has one, shared where the server has two.
    last = str(max(os.sched_getaffinity(0)))
    command = ["taskset", "-c", last, BUILD / "bantam_load_client", server.port, "/v1/embeddings", CLIENTS, max(0.5, seconds / 4), seconds]
    commands.setdefault("load client", shown(command[:4]) + f" PORT /v1/embeddings {CLIENTS} {max(0.5, seconds / 4)} {seconds}")
    return json.loads(run(command, input=bodies, timeout=seconds + 120))


def part(rounds, seconds, thread_counts=(1, 2)):
    if not data.folder():
        return None
    mixes = {"questions": data.questions(1500), "ragged": list(fitting(data.ragged()))}
    bodies = {mix: "".join(json.dumps({"model": MODEL_NAME, "input": text}) + "\n" for text in texts) for mix, texts in mixes.items()}
    ids = data.Ids(MODEL)
    work = {mix: sum(goals.operations([len(ids(text))]) for text in texts) / len(texts) / 1e9 for mix, texts in mixes.items()}
    checked = mixes["questions"][:8] + mixes["ragged"][:8]
    reference = vectors("onnxruntime", "f32", checked)
    samples, peaks, cosines = {}, {}, {}
    for threads in thread_counts:
        with tempfile.TemporaryDirectory() as folder:
            started = []
            try:
                for name, (dtype, command, environment) in servers(threads, Path(folder)).items():
                    who = f"embeddings server: {name}"
                    if who in failures:
                        continue
                    say(f"embeddings, {threads} thread(s): starting {name}")
                    with recorded(who):
                        server = Server(name, dtype, command, environment, threads, Path(folder) / f"{len(started)}.log")
                        started.append(server)
                        server.wait_until_ready()
                        cosines[name] = check(server, checked, reference)
                        server.signal(signal.SIGSTOP)
                for number in range(rounds):
                    for server in turned(started, number):
                        who = f"embeddings server: {server.name}"
                        if who in failures:
                            continue
                        for mix in mixes:
                            say(f"embeddings, round {number + 1} of {rounds}, {threads} thread(s), {mix}, {server.name}")
                            with recorded(who), server.running():
                                result = load(server, bodies[mix], seconds)
                                samples.setdefault((server.name, server.dtype, threads, mix), {})[number] = result
                                peaks[server.name, threads] = peak_kb(server.process.pid) / 1024
            finally:
                for server in started:
                    server.kill()
    return [{"name": n, "dtype": d, "threads": th, "mix": mix, "by_round": {str(k): round(r["requests_per_s"], 2) for k, r in s.items()},
             "giga_operations": work[mix], "cosine": cosines.get(n), "peak_rss_mib": peaks.get((n, th)),
             **fold(list(s.values()), ["requests_per_s", "median_ms", "p99_ms", "client_cpu"])}
            for (n, d, th, mix), s in samples.items()]  # fmt: skip


def check(server, texts, reference):
    """-> the lowest cosine to the f32 vectors; a server that computes something else is no contestant."""
    import numpy

    found = numpy.asarray([server.embed(text) for text in texts])
    found /= numpy.linalg.norm(found, axis=1, keepdims=True)
    lowest = float((found * reference).sum(1).min())
    if lowest < 0.9:
        raise Failed(f"{server.name} gives other vectors: cosine {lowest:.4f} to the reference")
    return lowest

"""Text over HTTP, ours and llama-server's beside each other: clients at once, a system prompt that requests share, and the start."""

import http.client
import json
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import random_decoder
from contest import BINARY, ENVIRONMENT, LLAMA, Failed, commands, cores, free_port, make_home, peak_kb, real_home, recorded, say, shown, turned
from report import rate, table

THREADS = 2
MODELS = [("SmolLM2-135M", "Q8_0"), ("SmolLM2-135M", "Q4_0"), ("Qwen2.5-0.5B", "Q8_0")]
CLIENTS = {1: 3, 4: 3, 8: 3, 16: 2}  # how many requests each of them sends, one after the other
PROMPT, GENERATE, SHARED, SLOTS = 64, 64, 1000, 16
CONTEXT = 512 * SLOTS


def command(name, path, port):
    if name == "bantam":
        return [BINARY, "serve", "--model", path, "--threads", THREADS, "--parallel", SLOTS, "--context", CONTEXT, "--port", port]
    return [LLAMA / "llama-server", "--model", path, "--threads", THREADS, "--threads-batch", THREADS, "--parallel", SLOTS, "--ctx-size", CONTEXT,
            "--kv-unified", "--no-webui", "--host", "127.0.0.1", "--port", port]  # fmt: skip


class Server:
    """`more`: further arguments. The command is told on the page as `label`."""

    def __init__(self, name, path, folder, more=(), label="server"):
        self.name, self.path, self.folder, self.more, self.label = name, path, folder, more, label

    def __enter__(self):
        self.port = free_port()
        words = ["taskset", "-c", cores(THREADS), *map(str, command(self.name, self.path, self.port)), *self.more]
        commands.setdefault(f"{self.label}: {self.name}", shown(words).replace(str(self.port), "PORT"))
        self.log = self.folder / f"{self.name}.log"
        started = time.perf_counter()
        with open(self.log, "wb") as out:
            environment = {**ENVIRONMENT, "BANTAM_HOME": str(make_home(self.folder / "home"))}
            self.process = subprocess.Popen(words, stdout=out, stderr=out, env=environment)
        while True:
            try:
                self.ask(range(1, 9), 1)
                break
            except (OSError, http.client.HTTPException, Failed):
                if self.process.poll() is not None or time.perf_counter() > started + 120:
                    self.__exit__()
                    raise Failed(f"{self.name} does not answer: {self.log.read_text(errors='replace').strip()[-400:]}") from None
                time.sleep(0.002)
        self.first_answer_ms = (time.perf_counter() - started) * 1000
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def chat(self, message, tokens):
        """-> the most probable answer"""
        body = {"model": self.path.stem, "messages": [{"role": "user", "content": message}], "max_tokens": tokens, "temperature": 0}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        reply = json.load(connection.getresponse())
        connection.close()
        if "choices" not in reply:
            raise Failed(f"{self.name}: {json.dumps(reply)[:300]}")
        return reply["choices"][0]["message"]["content"]

    def ask(self, ids, generate):
        """-> (seconds to each event that has text, tokens)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        body = {"prompt": list(ids), "max_tokens": generate, "temperature": 0, "ignore_eos": True, "stream": True,
                "stream_options": {"include_usage": True}}  # fmt: skip
        started = time.perf_counter()
        connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        if reply.status != 200:
            raise Failed(f"{self.name}: {reply.status} {reply.read()[:300]!r}")
        times, usage = [], None
        for line in reply:
            if line.startswith(b"data: {"):
                if b'"choices":[]' not in line.replace(b" ", b""):
                    times.append(time.perf_counter() - started)
                if b'"usage":{' in line.replace(b" ", b""):
                    usage = json.loads(line[6:])["usage"] or usage
        connection.close()
        if not usage or usage["completion_tokens"] != generate:
            raise Failed(f"{self.name} wrote {usage} in place of {generate} tokens")
        return times, usage["completion_tokens"]

    def load(self, clients, requests, seed):
        """-> tokens a second of all clients, the median of the times to the first token in ms, the times between the events after it"""
        answers, failed = [], []

        def client(number):
            try:
                for request in range(requests):
                    answers.append(self.ask(prompt(PROMPT, seed, number, request), GENERATE))
            except Exception as error:  # ends this client: told by whoever waits for it
                failed.append(error)

        threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        elapsed = time.perf_counter() - started
        if failed:
            raise failed[0]
        gaps = sorted((b - a) * 1000 for times, _ in answers for a, b in zip(times, times[1:]))
        return {"tokens_per_s": sum(tokens for _, tokens in answers) / elapsed, "ttft_ms": statistics.median(times[0] for times, _ in answers) * 1000,
                "gap_p50_ms": gaps[len(gaps) // 2], "gap_p99_ms": gaps[int(0.99 * len(gaps))]}  # fmt: skip

    def shared_prompt(self, seed):
        """-> ms to the first token: of the first request, of the second"""
        system = prompt(SHARED, seed, 999, 0)
        return [self.ask(system + prompt(16, seed, 999, question), 1)[0][0] * 1000 for question in (1, 2)]


def prompt(length, *numbers):
    """Ids that no other request has, so that nothing is found in a cache."""
    seed = 0
    for number in numbers:
        seed = seed * 1009 + number + 1
    return [(seed * 7919 + i * 104_729) % 40_000 + 100 for i in range(length)]


def write_model(shape_name, format, path):
    vocabulary = next((real_home() / "models" / "smollm2").glob("*.gguf"), None)
    if vocabulary is None:
        raise Failed("the store has no smollm2, whose tokenizer the random models take: run make run once")
    random_decoder.write(next(shape for shape in random_decoder.SHAPES if shape.name == shape_name), format, path, vocabulary)


def measure(rounds, folder, only, results):
    """Adds for each model what the two servers did, [{model, name, clients: {n: what load() says}, shared, start_ms, peak_mib}] * 2, each
    figure a list of the rounds'."""
    for shape_name, format in MODELS:
        if only and shape_name not in only:
            continue
        path = folder / f"{shape_name}-{format}-http.gguf"
        try:
            write_model(shape_name, format, path)
            found = {name: {"model": f"{shape_name} {format}", "name": name, "clients": {}, "shared": [], "start_ms": [], "peak_mib": []}
                     for name in ("bantam", "llama-server")}  # fmt: skip
            for number in range(rounds):
                for name in turned(list(found), number):
                    say(f"HTTP, {path.stem}, round {number + 1} of {rounds}, {name}")
                    with recorded(f"HTTP: {path.stem}: {name}"), tempfile.TemporaryDirectory() as home, Server(name, path, Path(home)) as server:
                        row = found[name]
                        row["start_ms"].append(server.first_answer_ms)
                        row["shared"].append(server.shared_prompt(number))
                        for clients, requests in CLIENTS.items():
                            cell = row["clients"].setdefault(clients, {})
                            for key, value in server.load(clients, requests, 100 * number + clients).items():
                                cell.setdefault(key, []).append(value)
                        row["peak_mib"].append(peak_kb(server.process.pid) / 1024)
            results.append(list(found.values()))
        finally:
            path.unlink(missing_ok=True)


def page(results):
    speed, other = [], []
    for mine, theirs in results:
        for clients in CLIENTS:
            a, b = mine["clients"].get(clients), theirs["clients"].get(clients)
            if not a or not b:
                continue
            ratio = statistics.median(x / y for x, y in zip(a["tokens_per_s"], b["tokens_per_s"]))
            speed.append([mine["model"], str(clients), rate(statistics.median(a["tokens_per_s"])), rate(statistics.median(b["tokens_per_s"])), f"{ratio:.2f}",
                          *(f"{statistics.median(cell[key]):.0f} ms" for key in ("ttft_ms", "gap_p99_ms") for cell in (a, b))])  # fmt: skip
        if not mine["start_ms"] or not theirs["start_ms"]:
            continue
        median = statistics.median
        shared = [[median(pair[i] for pair in row["shared"]) for i in (0, 1)] for row in (mine, theirs)]
        other.append([mine["model"], *(f"{median(row['start_ms']):.0f} ms" for row in (mine, theirs)),
                      *(f"{first:.0f} ms, then {second:.0f} ms ({100 * second / first:.0f} %)" for first, second in shared),
                      *(f"{median(row['peak_mib']):.0f} MiB" for row in (mine, theirs))])  # fmt: skip
    return [
        f"## Over HTTP, {THREADS} threads\n",
        f"`POST /v1/completions`, streamed, {PROMPT} token ids in and {GENERATE} tokens out, each client one request after the other; both servers with"
        f" {SLOTS} sequences at once. The client runs on the same cores.\n",
        table(["model", "clients", "tokens/s in all: Bantam", "llama-server", "ratio", "first token: Bantam", "llama-server", "between two events, p99: Bantam", "llama-server"], speed),
        f"Start of the process to its first answer; a prompt of {SHARED} shared tokens and 16 of its own, then the next request that begins with the same;"
        " the most memory over all of it, the cache of keys and values included.\n",
        table(["model", "start: Bantam", "llama-server", "shared prompt: Bantam", "llama-server", "memory: Bantam", "llama-server"], other),
        "```\n" + "\n".join(f"{what}: {command}" for what, command in commands.items() if what.startswith("server: ")) + "\n```\n",
    ]

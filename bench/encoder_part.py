"""The encoder alone: token ids in, unit vectors out. One request of each length, uniform batches, ragged traffic."""

import json
import tempfile
from pathlib import Path

import data
from contest import (BINARY, MODEL, MODEL_NAME, PEERS, PYTHON, cores, fold, label, lines_of_json, recorded, failures, run, say,
                     turned)  # fmt: skip

LENGTHS = [8, 16, 32, 128, 256]
BATCHES = [(32, 16), (32, 128)]
THREADS = [1, 2]
BATCH = 32  # of ragged traffic
ONE_ROUND = [("llama.cpp", "f16")]  # slow, and between its f32 and its q8_0


def uniform(batch, tokens):
    return [[101, *((1000 + 37 * b + 7919 * i) % 20000 + 1000 for i in range(tokens - 2)), 102] for b in range(batch)]


def works(seconds, texts):
    """What every contestant computes, as bench/peers.py reads it."""
    ids = data.Ids(MODEL) if texts else None
    found = [{"name": f"1x{n}", "sequences": uniform(1, n), "batch": 1, "seconds": seconds, "runs": 10} for n in LENGTHS]
    found += [{"name": f"{b}x{n}", "sequences": uniform(b, n), "batch": b, "seconds": seconds, "runs": 2} for b, n in BATCHES]
    if texts:
        found.append({"name": "ragged", "sequences": [ids(text) for text in texts], "batch": BATCH, "seconds": seconds, "runs": 1})
    return found


def bantam_result(work, dtype, threads, texts_file):
    command = [BINARY, "bench", "embed", "--model", MODEL_NAME, "--dtype", dtype, "--threads", threads, "--batch", work["batch"],
               "--seconds", work["seconds"], "--json"]  # fmt: skip
    command += ["--data", texts_file] if work["name"] == "ragged" else ["--tokens", len(work["sequences"][0])]
    result = json.loads(run(["taskset", "-c", cores(threads), *command], f"bantam {dtype}"))
    expected = sum(map(len, work["sequences"]))
    if work["name"] == "ragged" and result["tokens"] != expected:
        raise ValueError(f"bantam reads the ragged texts as {result['tokens']} tokens, the others as {expected}")
    return {**result, "work": work["name"], "way": f"packed {work['batch']}"}


def measure(name, dtype, threads, todo, texts_file, ways):
    if name == "bantam":
        for work in todo:
            yield bantam_result(work, dtype, threads, texts_file)
        return
    chosen = [{**work, "way": ways.get((name, dtype, threads, work["name"]))} for work in todo]
    command = [PYTHON, "bench/peers.py", "time", name, "--dtype", dtype, "--threads", threads]
    stdin = "".join(json.dumps(work) + "\n" for work in chosen)
    for result in lines_of_json(run(["taskset", "-c", cores(threads), *command], f"{name} {dtype}", input=stdin)):
        ways[name, dtype, threads, result["work"]] = result["way"]
        yield result


def part(rounds, seconds, only_peers=None):
    texts = data.ragged() if data.folder() else []
    todo = works(seconds, texts)
    contestants = [("bantam", "int8"), ("bantam", "f32"), *(only_peers or PEERS)]
    samples, ways = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        texts_file = Path(folder) / "ragged.txt"
        texts_file.write_text("\n".join(texts) + "\n", encoding="utf-8")
        for number in range(rounds):
            for threads in THREADS:
                for name, dtype in turned(contestants, number):
                    who = f"encoder: {label(name, dtype)}"
                    if who in failures or (number > 0 and (name, dtype) in ONE_ROUND):
                        continue
                    say(f"encoder, round {number + 1} of {rounds}, {threads} thread(s), {name} {dtype}")
                    with recorded(who):
                        for result in measure(name, dtype, threads, todo, texts_file, ways):
                            samples.setdefault((name, dtype, threads, result["work"]), {})[number] = result
    sizes = {work["name"]: [len(row) for row in work["sequences"]] for work in todo}
    rows = [{"name": n, "dtype": d, "threads": th, "work": w, "by_round": {str(k): round(r["median_ms"], 5) for k, r in s.items()},
             **fold(list(s.values()), ["median_ms", "min_ms", "p99_ms", "sequences_per_s"])}
            for (n, d, th, w), s in samples.items()]  # fmt: skip
    return {"rows": rows, "sizes": sizes}

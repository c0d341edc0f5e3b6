"""What the machine can do at most, and what Bantam's matrix products alone make of it. Then the tokenizer."""

import json
import os
import tempfile
from pathlib import Path

import data
from contest import BINARY, BUILD, ENVIRONMENT, MODEL, MODEL_NAME, PYTHON, fold, lines_of_json, pinned_command, recorded, run, say

THREADS = [1, 2]


def peaks_part(rounds):
    """The best of the rounds: a peak is what the machine can do, and a neighbour can only take from it."""
    result = {}
    for number in range(rounds):
        for threads in THREADS:
            say(f"peaks, round {number + 1} of {rounds}, {threads} thread(s)")
            with recorded("peaks"):
                found = json.loads(run(pinned_command(threads, [BUILD / "bantam_peak_bench", threads]), "peaks"))
                best = result.setdefault(str(threads), {})
                for key, value in found.items():
                    best[key] = max(best.get(key, 0), value)
    return result


def products_part(rounds):
    config = json.loads((MODEL / "config.json").read_text())
    sizes = [config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]]
    samples = {}
    for number in range(rounds):
        for threads in THREADS:
            say(f"products, round {number + 1} of {rounds}, {threads} thread(s)")
            with recorded("products"):
                for row in lines_of_json(run(pinned_command(threads, [BUILD / "bantam_product_bench", threads, *sizes]), "products")):
                    samples.setdefault((row["dtype"], threads, row["rows"]), []).append(row)
    return [{**rows[-1], **fold(rows, ["gops", "qkv", "attention output", "intermediate", "output", "ms"])}
            for rows in samples.values()]  # fmt: skip


def tokenizer_part(rounds):
    if not data.folder():
        return []
    samples = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, lines in (("English", data.english_text()), ("mixed", data.mixed_text())):
            path = Path(folder) / f"{kind}.txt"
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            for number in range(rounds):
                say(f"tokenizer, round {number + 1} of {rounds}, {kind}")
                contestants = [
                    ("bantam", [BINARY, "bench", "tokenize", "--model", MODEL_NAME, "--data", path, "--threads", 1, "--seconds", 1, "--json"]),
                    ("tokenizers", [PYTHON, "bench/peer_tokenizer.py", path]),
                ]  # fmt: skip
                for name, command in contestants if number % 2 == 0 else contestants[::-1]:
                    with recorded(f"tokenizer: {name}"):
                        environment = {**ENVIRONMENT, "RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
                        found = json.loads(run(pinned_command(1, command), f"tokenizer: {name}", env=environment))
                        samples.setdefault((name, kind), []).append(found)
    rows = []
    for (name, kind), found in samples.items():
        rows.append({"name": name, "text": kind, **{k: found[-1][k] for k in ("bytes", "lines", "tokens")}, **fold(found, ["mb_per_s"])})
    tokens = {}
    for row in rows:
        tokens.setdefault(row["text"], set()).add(row["tokens"])
    for kind, counts in tokens.items():
        if len(counts) > 1:
            with recorded(f"tokenizer: {kind}"):
                raise ValueError(f"the contestants find different numbers of tokens: {sorted(counts)}")
    return rows


def load():
    return os.getloadavg()[0]

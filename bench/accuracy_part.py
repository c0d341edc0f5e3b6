"""What a speed costs: cosines to the reference's f32 vectors, Spearman on STS-B, accuracy on CLINC150. And whether all contestants compute
the same at all."""

import json
import tempfile
from pathlib import Path

import data
from contest import BINARY, LLAMA, MODEL, MODEL_NAME, MODELS, PEERS, PYTHON, REPOSITORY, label, recorded, run, say

REFERENCE = ("sentence-transformers", "f32")


def vectors(name, dtype, texts):
    """-> [len(texts), dimensions]"""
    import numpy

    if name == "bantam":
        command = [BINARY, "embed", "--model", MODEL_NAME, "--dtype", dtype]
        stdin = "\n".join(texts) + "\n"
    elif name == "llama.cpp":
        ids = data.Ids(MODEL)
        command = [LLAMA / "llama_peer", MODELS / f"llama-{dtype}.gguf", 2, "embed"]
        stdin = "".join(" ".join(map(str, ids(text))) + "\n" for text in texts)
    else:
        command = [PYTHON, "bench/peers.py", "embed", name, "--dtype", dtype, "--threads", 2]
        stdin = "\n".join(texts) + "\n"
    lines = run(command, f"accuracy: {label(name, dtype)}", input=stdin).splitlines()
    rows = numpy.asarray([json.loads(line)["embedding"] for line in lines])
    if len(rows) != len(texts):
        raise ValueError(f"{len(rows)} vectors for {len(texts)} texts")
    return rows


def spearman(rows, scores):
    from scipy.stats import spearmanr

    return float(spearmanr((rows[0::2] * rows[1::2]).sum(1), scores).statistic)


def clinc(dtype, folder):
    """Trained on CLINC150's training lines, judged on its test lines, by Bantam's own commands."""
    head = Path(folder) / f"{dtype}.safetensors"
    lines = data.folder() / "intent-clinc150" / "clinc150_full.jsonl"
    run([BINARY, "route", "train", "--data", lines, "--splits", "train,oos_train", "--model", MODEL_NAME, "--dtype", dtype, "--out", head],
        "accuracy: CLINC150, training")  # fmt: skip
    found = run([BINARY, "route", "eval", "--head", head, "--data", lines, "--splits", "test,oos_test", "--json"], "accuracy: CLINC150")
    return json.loads(found)


def part(with_clinc=True, only_peers=None):
    peers = only_peers or PEERS
    if data.folder():
        pairs, scores, split = data.sts_pairs()
        texts = [text for pair in pairs for text in pair]
        long = data.ragged()
    else:
        pairs, scores, split, long = [], [], None, []
        texts = (REPOSITORY / "bench" / "questions.txt").read_text().splitlines()
    result = {"rows": [], "texts": len(texts) + len(long), "sts_pairs": len(pairs), "sts_split": split}
    say("accuracy: the reference's vectors")
    reference = vectors(*REFERENCE, texts + long)
    for name, dtype in [REFERENCE, ("bantam", "f32"), ("bantam", "int8"), *(p for p in peers if p != REFERENCE)]:
        say(f"accuracy: {name} {dtype}")
        with recorded(f"accuracy: {label(name, dtype)}"):
            rows = reference if (name, dtype) == REFERENCE else vectors(name, dtype, texts + long)
            cosines = (rows * reference).sum(1)
            row = {"name": name, "dtype": dtype, "mean": float(cosines.mean()), "min": float(cosines.min())}
            if pairs:
                row["spearman"] = spearman(rows[: len(texts)], scores)
            result["rows"].append(row)
    if data.folder() and with_clinc:
        with tempfile.TemporaryDirectory() as folder:
            for dtype in ("f32", "int8"):
                say(f"accuracy: CLINC150 with bantam {dtype}")
                with recorded(f"accuracy: CLINC150 with bantam {dtype}"):
                    found = clinc(dtype, folder)
                    result.setdefault("clinc", {})[dtype] = {key: found[key] for key in ("in_scope_accuracy", "accuracy", "oos_auroc")}
    return result

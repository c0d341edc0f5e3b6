#!/usr/bin/env python3
"""Makes embeddings.safetensors beside this file: 2,000 texts of the data sets through sentence-transformers.

The texts themselves are named, not copied: "source" indexes the file and field in the metadata, "line" counts from 0, and
"crc32" notices a data set that changed. Full vectors of 2,000 texts would take 3 MB, so "vectors" holds those of every fifth
text, and "checks" holds for every text 8 projections p.v on fixed random signs (SplitMix64, seed below). For an error vector e
of ours the mean of (p.e)^2 is |e|^2 in expectation, and the largest coordinate of e is at most |e|: eight projections whose
root mean square is below 3e-6 leave an error above 1e-5 in some coordinate about one chance in two thousand per text.

  make_embeddings.py                     # the committed file
  make_embeddings.py --all FILE          # and FILE, with the full vectors of all texts, for a check by hand:
                                         # BANTAM_GOLDEN_EMBEDDINGS=FILE build/dev/src/tasks/bantam_tasks_test
"""
import argparse
import json
import os
import pathlib
import random
import zlib

import numpy as np
import sentence_transformers
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).resolve().parent
DATA = pathlib.Path(os.environ.get("BANTAM_TEST_DATA", HERE.parents[2] / "../shared/data"))
HOME = pathlib.Path(os.environ.get("BANTAM_HOME",
                                   pathlib.Path(os.environ.get("XDG_DATA_HOME", pathlib.Path.home() / ".local/share")) / "bantam"))

SOURCES = [("intent-clinc150/clinc150_full.jsonl", "text"), ("sts-benchmark/stsb.jsonl", "a"), ("sts-benchmark/stsb.jsonl", "b"),
           ("intent-slots-snips/snips.jsonl", "text"), ("code-search-cosqa/corpus.jsonl", "text"), ("commit-nngen/nngen.jsonl", "diff"),
           ("retrieval-cranfield/corpus.jsonl", "text"), ("error-eslint-rules/eslint_rules.jsonl", "text"),
           ("retrieval-vaswani-npl/corpus.jsonl", "text"), ("retrieval-cranfield/queries.jsonl", "text")]
# How many texts of which length, in tokens with the two special ones. Few long ones: the tests take their time on those.
BUCKETS = [(2, 8, 300), (9, 16, 500), (17, 32, 500), (33, 64, 380), (65, 128, 190), (129, 256, 70), (257, 10**9, 60)]
FULL_STEP = 5
PROJECTIONS = 8
SEED = 0x62616E74616D


def signs(count, columns):
    """[count, columns] of -1 and 1: the top bit of SplitMix64(SEED + index)."""
    mask = (1 << 64) - 1
    out = np.empty(count * columns)
    for i in range(count * columns):
        z = (SEED + (i + 1) * 0x9E3779B97F4A7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        out[i] = -1.0 if (z ^ (z >> 31)) >> 63 else 1.0
    return out.reshape(count, columns)


def pick(tokenizer):
    candidates = {bucket: [] for bucket in BUCKETS}
    rng = random.Random(7)
    for source, (file, field) in enumerate(SOURCES):
        lines = open(DATA / file, encoding="utf-8").read().split("\n")
        chosen = [n for n in range(len(lines)) if lines[n]]
        for n in rng.sample(chosen, min(len(chosen), 2500)):
            text = json.loads(lines[n]).get(field, "")
            if not text:
                continue
            length = len(tokenizer.encode(text, truncation=False, verbose=False))
            for bucket in BUCKETS:
                if bucket[0] <= length <= bucket[1]:
                    candidates[bucket].append((source, n, text, length))
    texts = []
    for bucket in BUCKETS:
        texts += rng.sample(candidates[bucket], bucket[2])
    rng.shuffle(texts)  # so that every fifth is of every length
    return texts


def embed(model, texts):
    """Texts of one length go together: padding would change the last bits."""
    by_length = {}
    for i, (_, _, _, length) in enumerate(texts):
        by_length.setdefault(min(length, model.max_seq_length), []).append(i)
    vectors = np.empty((len(texts), model.get_embedding_dimension()), dtype=np.float32)
    for members in by_length.values():
        vectors[members] = model.encode([texts[i][2] for i in members], batch_size=16, show_progress_bar=False)
    return vectors


def save(path, texts, vectors, limit, step):
    save_file({
        "source": np.array([t[0] for t in texts], dtype=np.int32),
        "line": np.array([t[1] for t in texts], dtype=np.int32),
        "crc32": np.array([zlib.crc32(t[2].encode()) for t in texts], dtype=np.uint32),
        "num_tokens": np.array([min(t[3], limit) for t in texts], dtype=np.int32),
        "truncated": np.array([t[3] > limit for t in texts], dtype=np.uint8),
        "checks": (vectors.astype(np.float64) @ signs(PROJECTIONS, vectors.shape[1]).T).astype(np.float32),
        "vectors": vectors[::step].copy(),
    }, path, metadata={
        "files": json.dumps(SOURCES), "seed": str(SEED), "step": str(step), "model": "all-MiniLM-L6-v2",
        "made_by": "make_embeddings.py with sentence-transformers " + sentence_transformers.__version__,
    })


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all")
    arguments = parser.parse_args()
    model = sentence_transformers.SentenceTransformer(str(HOME / "models/all-MiniLM-L6-v2"), device="cpu")
    texts = pick(model.tokenizer)
    vectors = embed(model, texts)
    limit = model.max_seq_length
    save(HERE / "embeddings.safetensors", texts, vectors, limit, FULL_STEP)
    if arguments.all:
        save(arguments.all, texts, vectors, limit, 1)
    print(f"{len(texts)} texts, {sum(min(t[3], limit) for t in texts)} tokens, {sum(t[3] > limit for t in texts)} truncated")


if __name__ == "__main__":
    main()

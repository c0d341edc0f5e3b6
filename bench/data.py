"""The texts that are measured with. From BANTAM_TEST_DATA, the folder of public data sets that the tests use too; without it what needs
them is left out and the report says so.

Ragged traffic: what a help desk, a search box and an indexer send, mixed in a fixed random order: questions of CLINC150, sentences of
STS-B, queries of CoSQA, functions of CoSQA and abstracts of Cranfield, cut at 256 tokens. Four questions and sentences come for each
longer text, so that lengths run from a few tokens to 256 as they do where people type and documents are stored.
"""

import json
import os
import random
from pathlib import Path

MAX_TOKENS = 256
RAGGED_TEXTS = 128  # four batches of 32: a pass of the slowest contestant takes some seconds


def folder():
    named = os.environ.get("BANTAM_TEST_DATA")
    return Path(named) if named and (Path(named) / "intent-clinc150").is_dir() else None


def jsonl(name):
    with open(folder() / name, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def one_line(text):
    return " ".join(text.split())


def shuffled(texts, count, seed=20261125):
    kept = list(dict.fromkeys(t for t in map(one_line, texts) if t))
    random.Random(seed).shuffle(kept)
    return kept[:count]


def questions(count):
    """CLINC150's test questions: short, all different."""
    return shuffled((row["text"] for row in jsonl("intent-clinc150/clinc150_full.jsonl") if row["split"] == "test"), count)


def ragged(count=RAGGED_TEXTS):
    fifth = count // 5 + 1
    parts = [
        shuffled((row["text"] for row in jsonl("intent-clinc150/clinc150_full.jsonl") if row["split"] == "test"), 2 * fifth),
        shuffled((pair[0] for pair in sts_pairs()[0]), fifth),
        shuffled((row["text"] for row in jsonl("code-search-cosqa/queries.jsonl")), fifth),
        shuffled((row["text"] for row in jsonl("code-search-cosqa/corpus.jsonl")), fifth // 2),
        shuffled((row["text"] for row in jsonl("retrieval-cranfield/corpus.jsonl")), fifth - fifth // 2),
    ]
    return shuffled((text for part in parts for text in part), count)


def sts_pairs():
    """-> (pairs of texts, their scores, the split): the test split of STS-B where the folder has it, else dev"""
    rows = jsonl("sts-benchmark/stsb.jsonl")
    split = "test" if any(row["split"] == "test" for row in rows) else "dev"
    rows = [row for row in rows if row["split"] == split]
    return [(one_line(row["a"]), one_line(row["b"])) for row in rows], [row["score"] for row in rows], split


def english_text():
    """Abstracts and questions: about a megabyte of plain English."""
    return shuffled([row["text"] for row in jsonl("retrieval-cranfield/corpus.jsonl")], 900) + questions(4500)


def mixed_text():
    """Python code beside words of many scripts: what the normalizer and the pre-tokenizer have their work with."""
    code = [row["text"] for row in jsonl("code-search-cosqa/corpus.jsonl")]
    # Of other scripts, whatever the vocabulary knows, in lines of twelve words.
    vocabulary = [w for w in (folder() / "tok-bert-vocab" / "uncased_vocab.txt").read_text(encoding="utf-8").split("\n")
                  if w and not w.startswith("[") and not w.isascii()]  # fmt: skip
    foreign = [word.removeprefix("##") for word in vocabulary]
    chosen = random.Random(7)
    lines = [" ".join(chosen.choice(foreign) + chosen.choice(["", "é", ",", "s", "."]) for _ in range(12)) for _ in range(3000)]
    return shuffled(code, 800) + shuffled(lines, 3000)


class Ids:
    """The default model's ids of a text, cut at 256, by Hugging Face's tokenizer: the same for every contestant."""

    def __init__(self, model):
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.tokenizer.no_padding()

    def __call__(self, text):
        return self.tokenizer.encode(text).ids

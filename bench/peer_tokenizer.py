"""Hugging Face `tokenizers` on a file of lines, one thread: whichever of its calls is fastest. Prints one JSON object.

    peer_tokenizer.py FILE        (BENCH_MODEL; RAYON_NUM_THREADS=1 keeps its batch calls on one thread)
"""

import json
import os
import sys
import time
from pathlib import Path

from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file(str(Path(os.environ["BENCH_MODEL"]) / "tokenizer.json"))
tokenizer.no_padding()
tokenizer.no_truncation()
lines = Path(sys.argv[1]).read_text(encoding="utf-8").rstrip("\n").split("\n")
size = sum(len(line.encode()) for line in lines)
calls = {
    "encode": lambda: [tokenizer.encode(line) for line in lines],
    "encode_batch": lambda: tokenizer.encode_batch(lines),
    "encode_batch_fast": lambda: tokenizer.encode_batch_fast(lines),
}
best = {}
for name, call in calls.items():
    tokens = sum(len(encoding.ids) for encoding in call())
    times = []
    for _ in range(3):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    found = {"way": name, "mb_per_s": size / 1e6 / sorted(times)[1], "bytes": size, "lines": len(lines), "tokens": tokens}
    if found["mb_per_s"] > best.get("mb_per_s", 0):
        best = found
print(json.dumps(best))

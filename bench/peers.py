"""The reference libraries, one process for each: prints one JSON object a line.

    peers.py time PEER --dtype int8|f32 --threads N < WORKS     one line for each piece of work
    peers.py embed PEER --dtype int8|f32 --threads N < TEXTS    lines in, vectors out; ends after the first line with --first

PEER is onnxruntime, openvino, ctranslate2, sentence-transformers or llama.cpp (of that only `time` and its dtypes f32, f16, q8_0).

A piece of work is one JSON object a line: {"name", "sequences": [[id, ...], ...], "batch", "seconds", "runs"} and, once known, "way". It is
timed from ids to unit vectors, without a tokenizer. A pass goes over all sequences. With one sequence there is one way to compute
it; with many, every way in `ways` is tried for a pass or two and the fastest is measured, so that each library has the batching that suits it.

The environment names the model's folder (BENCH_MODEL), that of the models made from it (BENCH_MODELS) and llama.cpp's (BENCH_LLAMA).
"""

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

MODEL = Path(os.environ["BENCH_MODEL"])
MODELS = Path(os.environ["BENCH_MODELS"])
MAX_TOKENS = 256
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["TQDM_DISABLE"] = "1"


def padded(rows):
    """-> (ids, mask), int64 matrices as long as the longest row"""
    import numpy

    longest = max(map(len, rows))
    ids = numpy.zeros((len(rows), longest), dtype=numpy.int64)
    mask = numpy.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return ids, mask


class OnnxRuntime:
    """`forms`: the exported graph and the one that its own BERT optimizer fuses; which is faster depends on the length and the machine."""

    def __init__(self, dtype, threads, form=""):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            str(MODELS / f"{dtype}{form}.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def prepare(self, rows):
        ids, mask = padded(rows)
        return {"input_ids": ids, "attention_mask": mask}

    def run(self, prepared):
        return self.session.run(None, prepared)[0]

    @staticmethod
    def streams(dtype, count, form=""):
        return [OnnxRuntime(dtype, 1, form) for _ in range(count)]


class OpenVino:
    def __init__(self, dtype, threads, streams=1, compiled=None):
        import openvino

        if compiled is None:
            core = openvino.Core()
            settings = {"PERFORMANCE_HINT": "LATENCY" if streams == 1 else "THROUGHPUT", "NUM_STREAMS": str(streams),
                        "INFERENCE_NUM_THREADS": str(threads)}  # fmt: skip
            if dtype == "f32":
                settings["INFERENCE_PRECISION_HINT"] = "f32"  # its own choice would be bfloat16 where the processor has it
            file = "f32.onnx" if dtype == "f32" else "openvino-int8.xml"
            compiled = core.compile_model(core.read_model(MODELS / file), "CPU", settings)
        self.compiled = compiled
        self.request = compiled.create_infer_request()

    prepare = OnnxRuntime.prepare

    def run(self, prepared):
        return next(iter(self.request.infer(prepared, share_inputs=True, share_outputs=True).values()))

    @staticmethod
    def streams(dtype, count):
        first = OpenVino(dtype, count, streams=count)
        return [first, *(OpenVino(dtype, count, compiled=first.compiled) for _ in range(count - 1))]


class CTranslate2:
    """It pads by itself and gives hidden states; the mean and the norm are taken by numpy, a few microseconds."""

    def __init__(self, dtype, threads, encoder=None, inter=1):
        import ctranslate2

        self.encoder = encoder or ctranslate2.Encoder(
            str(MODELS / "ctranslate2"), compute_type="float32" if dtype == "f32" else "int8", intra_threads=threads, inter_threads=inter
        )

    def prepare(self, rows):
        import numpy

        mask = padded(rows)[1][:, :, None].astype(numpy.float32)
        # The norm follows, so that the sum serves as well as the mean.
        return [list(map(int, row)) for row in rows], None if mask.all() else mask

    def run(self, prepared):
        import numpy

        rows, mask = prepared
        hidden = numpy.asarray(self.encoder.forward_batch(rows).last_hidden_state)
        total = (hidden if mask is None else hidden * mask).sum(axis=1)
        return total / numpy.linalg.norm(total, axis=1, keepdims=True)

    @staticmethod
    def streams(dtype, count):
        first = CTranslate2(dtype, 1, inter=count)
        return [first, *(CTranslate2(dtype, 1, encoder=first.encoder) for _ in range(count - 1))]


class SentenceTransformers:
    """Its own modules called directly, since `encode` adds work of another kind."""

    def __init__(self, dtype, threads, model=None):
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(threads)
        self.torch = torch
        self.model = model or SentenceTransformer(str(MODEL), device="cpu").eval()

    def prepare(self, rows):
        ids, mask = padded(rows)
        return {"input_ids": self.torch.from_numpy(ids), "attention_mask": self.torch.from_numpy(mask)}

    def run(self, prepared):
        with self.torch.inference_mode():
            return self.model(dict(prepared))["sentence_embedding"]

    @staticmethod
    def streams(dtype, count):
        first = SentenceTransformers(dtype, count)
        return [SentenceTransformers(dtype, count, model=first.model) for _ in range(count)]


PEERS = {
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
    "ctranslate2": CTranslate2,
    "sentence-transformers": SentenceTransformers,
}
FORMS = {"onnxruntime": {"exported": ("",), "fused": ("-fused",)}}


def chunks(rows, size):
    return [rows[i : i + size] for i in range(0, len(rows), size)]


def sorted_chunks(rows, batch, size):
    """Within each batch that arrives, rows of like length together: less padding, and nobody waits for a later batch."""
    return [part for arrived in chunks(rows, batch) for part in chunks(sorted(arrived, key=len), size)]


class Ways:
    """The ways in which one peer can compute a list of sequences: name -> a function that makes one pass."""

    def __init__(self, peer, dtype, threads):
        self.peer, self.dtype, self.threads = PEERS[peer], dtype, threads
        self.forms = {name: form for name, form in FORMS.get(peer, {"": ()}).items() if not form or (MODELS / f"{dtype}{form[0]}.onnx").is_file()}
        self.made = {}

    def whole(self, form):
        if form not in self.made:
            self.made[form] = self.peer(self.dtype, self.threads, *self.forms[form])
        return self.made[form]

    def parallel(self, form):
        key = form, "streams"
        if key not in self.made:
            self.made[key] = self.peer.streams(self.dtype, self.threads, *self.forms[form])
        return self.made[key]

    def names(self, rows, batch):
        lists = ["alone"]
        if len(rows) > 1:
            lists += [f"padded {batch}"]
            if len(set(map(len, rows))) > 1:
                lists += ["sorted 8"]
            lists += ["streams"] if self.threads > 1 else []
        return [f"{name}, {form}" if form else name for form in self.forms for name in lists]

    def make(self, name, rows, batch):
        way, _, form = name.partition(", ")
        if way == "streams":
            return self.stream_pass(self.parallel(form), rows)
        peer = self.whole(form)
        parts = {"alone": lambda: chunks(rows, 1), "sorted 8": lambda: sorted_chunks(rows, batch, 8)}.get(way, lambda: chunks(rows, batch))()
        prepared = [peer.prepare(part) for part in parts]

        def one_pass():
            for item in prepared:
                peer.run(item)

        return one_pass

    def stream_pass(self, peers, rows):
        prepared = [peers[0].prepare([row]) for row in rows]
        # torch counts threads for each thread: one for those of the pool, while whole batches keep all.
        alone = (lambda: peers[0].torch.set_num_threads(1)) if hasattr(peers[0], "torch") else None
        pool = ThreadPoolExecutor(len(peers), initializer=alone)

        def work(mine):
            # One shared list: whoever is free takes the next, with no barrier between batches.
            try:
                while True:
                    mine.run(queue.pop())
            except IndexError:
                pass

        def one_pass():
            queue[:] = prepared[::-1]
            list(pool.map(work, peers))

        queue = []
        return one_pass


def milliseconds(call):
    started = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - started) / 1e6


def best_way(ways, rows, batch):
    """The fastest over the first batch, each warmed up by a pass."""
    names = ways.names(rows, batch)
    if len(names) == 1:
        return names[0]
    rows = rows[:batch]
    tries = {}
    for name in names:
        one_pass = ways.make(name, rows, batch)
        one_pass()
        tries[name] = min(milliseconds(one_pass) for _ in range(1 if len(rows) > 1 else 7))
    return min(tries, key=tries.get)


def summary(times, count):
    ordered = sorted(times)
    median = ordered[len(ordered) // 2]
    return {
        "median_ms": median, "min_ms": ordered[0], "p99_ms": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
        "sequences_per_s": count * 1000 / median, "iterations": len(ordered),
    }  # fmt: skip


def measure(one_pass, seconds, runs):
    """-> milliseconds of each pass, after a warm-up of a fifth of the time"""
    warm_up = time.perf_counter()
    one_pass()
    while time.perf_counter() - warm_up < seconds / 5:
        one_pass()
    times, started = [], time.perf_counter()
    while len(times) < runs or time.perf_counter() - started < seconds:
        times.append(milliseconds(one_pass))
    return times


def time_works(peer, dtype, threads):
    ways = Ways(peer, dtype, threads)
    for work in map(json.loads, sys.stdin):
        rows, batch = work["sequences"], work.get("batch", 1)
        way = work.get("way") or best_way(ways, rows, batch)
        times = measure(ways.make(way, rows, batch), work["seconds"], work["runs"])
        print(json.dumps({"work": work["name"], "way": way, **summary(times, len(rows))}), flush=True)


def time_llama(dtype, threads):
    """bench/llama_peer.cc in processes of its own. Its ways: how many sequences to one call, always packed without padding."""
    program = Path(os.environ["BENCH_LLAMA"]) / "llama_peer"

    def once(rows, batch, seconds, runs):
        ids = "".join(" ".join(map(str, row)) + "\n" for row in rows)
        command = [str(program), str(MODELS / f"llama-{dtype}.gguf"), str(threads), "time", str(batch), str(seconds), str(runs)]
        return json.loads(subprocess.run(command, input=ids, capture_output=True, text=True, check=True).stdout)

    for work in map(json.loads, sys.stdin):
        rows, batch = work["sequences"], work.get("batch", 1)
        sizes = sorted({1, min(4, batch), min(8, batch)})
        way = work.get("way")
        size = int(way.split()[1]) if way else min(sizes, key=lambda s: once(rows[:batch], s, 0, 1)["min_ms"] if len(sizes) > 1 else 0)
        result = once(rows, size, work["seconds"], work["runs"])
        result["sequences_per_s"] = len(rows) * 1000 / result["median_ms"]
        print(json.dumps({"work": work["name"], "way": f"packed {size}", **result}), flush=True)


def embed(peer, dtype, threads, first_only):
    """Texts to vectors, one by one: how a batch is padded must not move a dynamically quantized vector."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    encoder = PEERS[peer](dtype, threads)
    for line in sys.stdin:
        vector = encoder.run(encoder.prepare([tokenizer.encode(line.rstrip("\n")).ids]))[0]
        print(json.dumps({"embedding": [float(x) for x in vector]}), flush=True)
        if first_only:
            return


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["time", "embed"])
    parser.add_argument("peer", choices=[*PEERS, "llama.cpp"])
    parser.add_argument("--dtype", default="f32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--first", action="store_true")
    arguments = parser.parse_args()
    if arguments.what == "embed":
        embed(arguments.peer, arguments.dtype, arguments.threads, arguments.first)
    elif arguments.peer == "llama.cpp":
        time_llama(arguments.dtype, arguments.threads)
    else:
        time_works(arguments.peer, arguments.dtype, arguments.threads)


if __name__ == "__main__":
    main()

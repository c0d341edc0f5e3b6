"""The reference libraries, one measurement per process: prints one JSON object a line.

    peers.py latency PEER --dtype int8|f32 --threads N --tokens 8,16 --iterations N
    peers.py first PEER --dtype int8|f32 --threads N        one embedding and out
    peers.py embed PEER --dtype int8|f32                    lines in, vectors out

PEER is onnxruntime, openvino, ctranslate2 or sentence-transformers.

The environment names the model's folder (BENCH_MODEL) and that of the models made from it (BENCH_MODELS). `latency` is ids in, unit vector out: no
tokenizer and, for sentence-transformers, its own modules called directly, since `encode` adds work of another kind.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

MODEL = Path(os.environ["BENCH_MODEL"])
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["TQDM_DISABLE"] = "1"


MODELS = Path(os.environ["BENCH_MODELS"])


class OneByOne:
    """Texts in, vectors out for the runtimes that know only ids."""

    def encode(self, texts):
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
        tokenizer.enable_truncation(256)
        tokenizer.no_padding()
        # A copy, because a runtime may give out its own buffer.
        return [list(self.run(self.prepare([tokenizer.encode(text).ids]))[0]) for text in texts]


class OnnxRuntime(OneByOne):
    def __init__(self, file, threads):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            str(MODELS / file), options, providers=["CPUExecutionProvider"]
        )

    def prepare(self, ids):
        import numpy

        ids = numpy.asarray(ids, dtype=numpy.int64)
        return {"input_ids": ids, "attention_mask": numpy.ones_like(ids)}

    def run(self, prepared):
        return self.session.run(None, prepared)[0]


class OpenVino(OneByOne):
    def __init__(self, dtype, threads):
        import openvino

        core = openvino.Core()
        settings = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": str(threads)}
        if dtype == "f32":
            settings["INFERENCE_PRECISION_HINT"] = "f32"  # its own choice would be bfloat16 where the processor has it
        file = "f32.onnx" if dtype == "f32" else "openvino-int8.xml"
        self.request = core.compile_model(core.read_model(MODELS / file), "CPU", settings).create_infer_request()

    prepare = OnnxRuntime.prepare

    def run(self, prepared):
        return next(iter(self.request.infer(prepared, share_inputs=True, share_outputs=True).values()))


class CTranslate2(OneByOne):
    """Its encoder gives hidden states; the mean and the norm are taken by numpy, a few microseconds."""

    def __init__(self, dtype, threads):
        import ctranslate2

        self.encoder = ctranslate2.Encoder(
            str(MODELS / "ctranslate2"), compute_type="float32" if dtype == "f32" else "int8", intra_threads=threads, inter_threads=1
        )

    def prepare(self, ids):
        return [list(map(int, row)) for row in ids]

    def run(self, ids):
        import numpy

        # Rows of one length: there is no padding to leave out of the mean.
        hidden = numpy.asarray(self.encoder.forward_batch(ids).last_hidden_state)
        mean = hidden.mean(axis=1)
        return mean / numpy.linalg.norm(mean, axis=1, keepdims=True)


class SentenceTransformers:
    def __init__(self, threads):
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        self.torch = torch
        self.model = SentenceTransformer(str(MODEL), device="cpu").eval()

    def prepare(self, ids):
        return self.torch.tensor(ids)

    def run(self, ids):
        features = {"input_ids": ids, "attention_mask": self.torch.ones_like(ids)}
        return self.model(features)["sentence_embedding"]

    def encode(self, texts):
        return [self.model.encode(text) for text in texts]


PEERS = {
    "onnxruntime": lambda dtype, threads: OnnxRuntime(f"{dtype}.onnx", threads),
    "openvino": OpenVino,
    "ctranslate2": CTranslate2,
    "sentence-transformers": lambda dtype, threads: SentenceTransformers(threads),
}


def measure(peer, ids, iterations):
    """-> milliseconds of each call, after a warm-up of a fifth as many."""
    prepared = peer.prepare(ids)
    times = []
    for i in range(-max(5, iterations // 5), iterations):
        started = time.perf_counter_ns()
        peer.run(prepared)
        elapsed = time.perf_counter_ns() - started
        if i >= 0:
            times.append(elapsed / 1e6)
    return times


def summary(times, batch):
    ordered = sorted(times)
    median = ordered[len(ordered) // 2]
    return {
        "median_ms": median, "min_ms": ordered[0], "p99_ms": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
        "sequences_per_s": batch * 1000 / median, "iterations": len(ordered),
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["latency", "first", "embed"])
    parser.add_argument("peer", choices=list(PEERS))
    parser.add_argument("--dtype", default="f32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tokens", default="16")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--iterations", type=int, default=200)
    arguments = parser.parse_args()

    if arguments.what == "latency":
        from make_models import VARIANTS

        if arguments.peer == "onnxruntime":
            peers = {file: OnnxRuntime(file, arguments.threads) for file in VARIANTS[arguments.dtype]}
        else:
            peers = {"only": PEERS[arguments.peer](arguments.dtype, arguments.threads)}
        for tokens in map(int, arguments.tokens.split(",")):
            ids = [[101, *((1000 + 37 * b + 7919 * i) % 20000 + 1000 for i in range(tokens - 2)), 102] for b in range(arguments.batch)]
            results = [{"variant": name, "tokens": tokens, **summary(measure(peer, ids, arguments.iterations), arguments.batch)}
                       for name, peer in peers.items()]  # fmt: skip
            print(json.dumps(min(results, key=lambda r: r["median_ms"])), flush=True)
        return
    peer = PEERS[arguments.peer](arguments.dtype, arguments.threads)
    texts = [line.rstrip("\n") for line in sys.stdin]
    for vector in peer.encode(texts):
        print(json.dumps({"embedding": [float(x) for x in vector]}), flush=True)


if __name__ == "__main__":
    main()

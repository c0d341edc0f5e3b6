#!/usr/bin/env python3
"""What 8-bit activations cost in accuracy: a scale for each row, found while it runs, against one scale for each
layer input, found beforehand on sample text.

Emulates both in torch, with the weights rounded per output channel as PackInt8 does, on every product of every layer:
    compare_activation_scales.py MODEL_FOLDER DATA_FOLDER [MODE ...]
Modes are f32, row, static (from the lowest to the highest value seen), and a share such as 1e-4 that static leaves out on
either side; all of them without one.
Calibrates on 500 sentences of STS-B `train`; measures on every second pair of `dev`, and the in-scope accuracy of CLINC150
with a logistic regression on the mode's own vectors of `train`. Needs the packages of tools/requirements-golden.txt.
"""

import functools
import json
import sys
from pathlib import Path

import torch
from scipy.stats import spearmanr
from sentence_transformers import SentenceTransformer
from sklearn.linear_model import LogisticRegression


class QuantLinear(torch.nn.Module):
    def __init__(self, linear):
        super().__init__()
        scale = linear.weight.abs().amax(1, keepdim=True) / 127
        self.exact = linear
        self.weight = torch.round(linear.weight / scale) * scale
        self.bias = linear.bias
        self.mode = "f32"
        self.low, self.high, self.sample = float("inf"), -float("inf"), []

    @functools.cache
    def static_range(self, mode):
        if mode == "static":
            return self.low, self.high
        # Without the outermost share of the values on either side.
        values = torch.cat(self.sample).sort().values
        cut = int(len(values) * float(mode))
        return values[cut].item(), values[-1 - cut].item()

    def forward(self, x):
        if self.mode == "f32":
            return self.exact(x)
        if self.mode == "calibrate":
            self.low, self.high = min(self.low, x.min().item()), max(self.high, x.max().item())
            self.sample.append(x.flatten()[torch.randint(x.numel(), (4000,))])
            return self.exact(x)
        if self.mode == "row":
            low, high = x.amin(-1, keepdim=True), x.amax(-1, keepdim=True)
        else:
            low, high = self.static_range(self.mode)
        step = (high - low) / 255
        quantized = torch.clamp(torch.round((x - low) / step), 0, 255) * step + low
        return torch.nn.functional.linear(quantized, self.weight, self.bias)


def replace_linears(module):
    made = []
    for name, child in module.named_children():
        if isinstance(child, torch.nn.Linear):
            made.append(QuantLinear(child))
            setattr(module, name, made[-1])
        else:
            made += replace_linears(child)
    return made


def main():
    model_folder, data = sys.argv[1], Path(sys.argv[2])
    torch.manual_seed(1)
    model = SentenceTransformer(model_folder, device="cpu")
    linears = replace_linears(model[0].auto_model.encoder)

    def embed(texts, mode):
        for linear in linears:
            linear.mode = mode
        return model.encode(texts, batch_size=16, normalize_embeddings=True, show_progress_bar=False)

    pairs = [json.loads(line) for line in open(data / "sts-benchmark/stsb.jsonl")]
    calibration = [p["a"] for p in pairs if p["split"] == "train"][:500]
    dev = [p for p in pairs if p["split"] == "dev"][::2]
    embed(calibration, "calibrate")
    lines = [json.loads(line) for line in open(data / "intent-clinc150/clinc150_full.jsonl")]
    train, test = ([l for l in lines if l["split"] == split] for split in ["train", "test"])
    exact = embed([p["a"] for p in dev], "f32")
    print("mode: cosine mean, lowest; STS-B Spearman; CLINC150 accuracy")
    for mode in sys.argv[3:] or ["f32", "row", "static", "1e-5", "1e-4"]:
        a, b = embed([p["a"] for p in dev], mode), embed([p["b"] for p in dev], mode)
        cosine = (a * exact).sum(1)
        rho = spearmanr((a * b).sum(1), [p["score"] for p in dev]).statistic
        head = LogisticRegression(C=10, max_iter=1000)
        head.fit(embed([l["text"] for l in train], mode), [l["label"] for l in train])
        accuracy = head.score(embed([l["text"] for l in test], mode), [l["label"] for l in test])
        print(f"{mode}: {cosine.mean():.4f}, {cosine.min():.4f}; {100 * rho:.2f}; {100 * accuracy:.2f}", flush=True)


main()

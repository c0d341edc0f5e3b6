#!/usr/bin/env python3
"""Writes sampler.jsonl beside this file: what is left of random logits after transformers' own logits processors.

A line has logits, prompt, text, the options of SamplingParams and `left`: token id -> probability. Bias, frequency and
presence penalties, which transformers does not have in the OpenAI form, are added by hand.
"""
import json
import pathlib
import random

import torch
import transformers as t

HERE = pathlib.Path(__file__).resolve().parent
VOCAB = 40


def left(logits, prompt, text, options):
    scores = torch.tensor([logits])
    ids = torch.tensor([prompt + text])
    for token, bias in options.get("logit_bias", []):
        scores[0, token] += bias
    if "repetition_penalty" in options:
        scores = t.RepetitionPenaltyLogitsProcessor(options["repetition_penalty"])(ids, scores)
    for token in set(text):
        scores[0, token] -= options.get("frequency_penalty", 0) * text.count(token) + options.get("presence_penalty", 0)
    for name, kind in [("temperature", t.TemperatureLogitsWarper), ("top_k", t.TopKLogitsWarper), ("top_p", t.TopPLogitsWarper),
                       ("min_p", t.MinPLogitsWarper), ("typical_p", t.TypicalLogitsWarper)]:
        if name in options:
            scores = kind(options[name])(ids, scores)
    probabilities = torch.softmax(scores[0].double(), 0)
    return {str(i): p for i, p in enumerate(probabilities.tolist()) if p > 0}


random.seed(11)
choices = {
    "temperature": lambda: random.choice([0.3, 0.7, 1.5, 4.0]), "top_k": lambda: random.choice([1, 2, 7, 39, 100]),
    "top_p": lambda: random.choice([0.05, 0.5, 0.9, 0.99]), "min_p": lambda: random.choice([0.01, 0.1, 0.6]),
    "typical_p": lambda: random.choice([0.1, 0.5, 0.95]), "repetition_penalty": lambda: random.choice([0.8, 1.3, 2.0]),
    "frequency_penalty": lambda: random.choice([-0.5, 0.4, 1.0]), "presence_penalty": lambda: random.choice([-0.7, 0.9]),
    "logit_bias": lambda: [[random.randrange(VOCAB), random.choice([-100.0, -1.5, 2.5])] for _ in range(3)],
}
lines = []
for case in range(240):
    # Alone, in pairs, and all together; no logit twice, whose order the processors leave open.
    names = random.sample(sorted(choices), [1, 2, 4, len(choices)][case % 4])
    options = {name: choices[name]() for name in sorted(names)}
    logits = [round(random.gauss(0, 2.5) + 1e-3 * i, 4) for i in range(VOCAB)]
    prompt, text = [[random.randrange(VOCAB) for _ in range(random.randrange(0, 12))] for _ in range(2)]
    if not prompt + text:
        prompt = [0]
    lines.append(json.dumps({"logits": logits, "prompt": prompt, "text": text, "options": options,
                             "left": left(logits, prompt, text, options)}))
(HERE / "sampler.jsonl").write_text("\n".join(lines) + "\n")
print(f"{len(lines)} cases")

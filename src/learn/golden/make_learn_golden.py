#!/usr/bin/env python3
"""Makes reference.safetensors beside this file: what scikit-learn, scipy and numpy say.

  blobs/  120 random points of 7 labels in 20 dimensions: logistic regression with C = 10 and C = 0.5
  real/   sentence-transformers' embeddings (rounded to F16) of 20 training and 10 test lines of 15 CLINC150 intents, C = 10
  metrics/  scores with ties: area under the ROC curve, quantiles, calibration error, macro F1
  calibration/  a temperature and a logistic regression under a prior
"""
import json
import os
import pathlib

import numpy as np
from safetensors.numpy import save_file
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax
from sentence_transformers import SentenceTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score

HERE = pathlib.Path(__file__).resolve().parent
DATA = pathlib.Path(os.environ.get("BANTAM_TEST_DATA", HERE.parents[2] / "../shared/data"))
HOME = pathlib.Path(os.environ.get("BANTAM_HOME",
                                   pathlib.Path(os.environ.get("XDG_DATA_HOME", pathlib.Path.home() / ".local/share")) / "bantam"))
OUT = {}


def put(name, value, dtype=np.float32):
    OUT[name] = np.ascontiguousarray(np.atleast_1d(np.asarray(value)).astype(dtype))


def regression(prefix, x, labels, test, c):
    # scikit-learn's default tolerance stops at probabilities that are off by 0.1.
    model = LogisticRegression(C=c, tol=1e-9, max_iter=100_000).fit(x.astype(np.float64), labels)
    put(prefix + "logits", model.decision_function(test.astype(np.float64)))
    put(prefix + "probabilities", model.predict_proba(test.astype(np.float64)))


def blobs():
    random = np.random.default_rng(7)
    centres = random.normal(size=(7, 20))
    labels = random.integers(0, 7, 120)
    labels[:7] = np.arange(7)
    x = (centres[labels] + 1.5 * random.normal(size=(120, 20))).astype(np.float32)
    test = (centres[random.integers(0, 7, 40)] + 1.5 * random.normal(size=(40, 20))).astype(np.float32)
    put("blobs/x", x)
    put("blobs/labels", labels, np.int32)
    put("blobs/test", test)
    for c in (10, 0.5):
        regression(f"blobs/{c}/", x, labels, test, c)


def real():
    rows = [json.loads(line) for line in open(DATA / "intent-clinc150/clinc150_full.jsonl", encoding="utf-8")]
    names = sorted({r["label"] for r in rows if r["split"] == "train"})[::10]
    texts, labels = {"train": [], "test": []}, {"train": [], "test": []}
    for number, name in enumerate(names):
        for split, count in (("train", 20), ("test", 10)):
            chosen = [r["text"] for r in rows if r["label"] == name and r["split"] == split][:count]
            texts[split] += chosen
            labels[split] += [number] * len(chosen)
    model = SentenceTransformer(str(HOME / "models/all-MiniLM-L6-v2"), device="cpu")
    vectors = {split: model.encode(texts[split]).astype(np.float16) for split in texts}
    put("real/x", vectors["train"], np.float16)
    put("real/labels", labels["train"], np.int32)
    put("real/test", vectors["test"], np.float16)
    put("real/test_labels", labels["test"], np.int32)
    x, test = (vectors[split].astype(np.float32) for split in ("train", "test"))
    regression("real/10/", x, np.array(labels["train"]), test, 10)
    accuracy = (OUT["real/10/probabilities"].argmax(1) == np.array(labels["test"])).mean()
    print(f"real: {accuracy:.4f} of {len(test)} test lines right")


def ece(confidence, right, bins=15):
    error = 0
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    for b in range(bins):
        inside = index == b
        if inside.any():
            error += inside.sum() / len(confidence) * abs(right[inside].mean() - confidence[inside].mean())
    return error


def metrics():
    random = np.random.default_rng(11)
    positives = np.round(random.beta(4, 2, 300), 2)  # two digits: many ties
    negatives = np.round(random.beta(2, 3, 130), 2)
    put("metrics/positives", positives, np.float64)
    put("metrics/negatives", negatives, np.float64)
    truth = np.r_[np.ones(300), np.zeros(130)]
    put("metrics/auroc", roc_auc_score(truth, np.r_[positives, negatives]), np.float64)
    levels = np.array([0, 0.04, 0.5, 0.731, 1])
    put("metrics/levels", levels, np.float64)
    put("metrics/quantiles", np.quantile(positives, levels), np.float64)
    confidence = np.r_[np.round(random.beta(5, 1, 200), 3), 0, 1, 1]
    right = (random.random(203) < confidence**1.3).astype(np.int32)
    put("metrics/confidence", confidence, np.float64)
    put("metrics/right", right, np.int32)
    put("metrics/ece", ece(confidence, right), np.float64)
    truth, predicted = random.integers(0, 6, 90), random.integers(0, 7, 90)
    truth[truth == 3] = 2  # label 3 is only ever predicted, label 7 neither
    put("metrics/truth", truth, np.int32)
    put("metrics/predicted", predicted, np.int32)
    put("metrics/macro_f1", f1_score(truth, predicted, average="macro", zero_division=0), np.float64)


def calibration():
    random = np.random.default_rng(13)
    n, k = 150, 6
    labels = random.integers(0, k, n)
    logits = random.normal(size=(n, k)).astype(np.float32)
    logits[np.arange(n), labels] += 1.2
    logits *= 2.5
    put("calibration/logits", logits)
    put("calibration/labels", labels, np.int32)

    def loss(temperature):
        p = log_softmax(logits.astype(np.float64) / temperature, axis=1)
        other = 1 / (n + 2)
        return -((1 - other) * p[np.arange(n), labels] + other * p.mean(axis=1)).mean()

    put("calibration/temperature", minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-10}).x, np.float64)

    positives, negatives = random.normal(size=(200, 3)), random.normal(size=(30, 3)) - [2, 1, -1.5]
    prior, deviation = np.array([1.5, 0.5, 0, 3]), 0.7
    put("calibration/positives", positives, np.float64)
    put("calibration/negatives", negatives, np.float64)
    put("calibration/prior", np.r_[prior, deviation], np.float64)

    def posterior(w):
        margins = [rows @ w[:3] + w[3] for rows in (positives, negatives)]
        return (30 / 200 * np.logaddexp(0, -margins[0]).sum() + np.logaddexp(0, margins[1]).sum()
                + ((w - prior) ** 2).sum() / (2 * deviation**2))

    put("calibration/coefficients", minimize(posterior, prior, method="BFGS", options={"gtol": 1e-9}).x, np.float64)


if __name__ == "__main__":
    blobs()
    real()
    metrics()
    calibration()
    save_file(OUT, HERE / "reference.safetensors")
    print(f"reference.safetensors: {(HERE / 'reference.safetensors').stat().st_size} bytes")

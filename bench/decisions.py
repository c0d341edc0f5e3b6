"""`make bench-decisions`: how good decisions are on CLINC150, beside scikit-learn's logistic regression on the same frozen vectors, and whether
the error budget holds. Writes docs/decisions.md.

    BANTAM_TEST_DATA=FOLDER make bench-decisions                                 everything: fifteen minutes
    build/venv-decisions/bin/python bench/decisions.py --draws 2 --dry           a part, printed only
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy
from sklearn.linear_model import LogisticRegression

import data
import decision_part
import machine
from contest import BINARY, BUILD, MODEL_NAME, REPOSITORY, run, say
from report import table

PAGE = REPOSITORY / "docs" / "decisions.md"
SHOTS = (5, 10)
RESAMPLES, MESSAGES = 1000, 2000  # of the error budget
LATENCY_GOALS = {"in process": 1.0, "over HTTP": 1.3}  # p50, ms, at 16 tokens on 2 threads
LATENCY_THREADS, LATENCY_REQUESTS, LATENCY_SERVERS = 2, 500, 7
EXIT_DRAWS = 3  # at most: each trains the heads of four layers by five folds
EXIT_SHOTS = 80  # lines an intent that heads with early exits learn from; the draws take others of the hundred
GOALS = {"full": 96.0, 10: 92.0, 5: 88.5}
FIGURES = ("in_scope_accuracy", "ece", "oos_score_auroc", "oos_auroc", "oos_recall_at_fr4", "oos_f1_at_fr4")
INTRODUCTION = """# Decisions

Written by `make bench-decisions`; do not edit by hand.

How often the right route is found, how well what belongs to no route is told apart, and whether an error budget holds. Data: CLINC150 (Larson
and others 2019, CC BY 3.0): 150 intents, 15,000 lines to train on, 4,500 + 1,000 out-of-scope lines to test. Nothing is fitted on
the latter; but which layer a head reads beside the last, and the default of its out-of-scope score, were chosen with their figures in sight, which may
flatter Bantam's rows by 0.1 to 0.3 points ([how](../src/learn/README.md)).
The encoder is frozen: {model}. "± " is the standard deviation over draws of the training lines.
"""


class Folder:
    """Files of lines for the commands, and the lines by split."""

    def __init__(self, path):
        self.path = Path(path)
        self.rows = data.jsonl("intent-clinc150/clinc150_full.jsonl")
        self.splits = {}
        for number, row in enumerate(self.rows):
            self.splits.setdefault(row["split"], []).append(number)

    def file(self, name, numbers):
        path = self.path / f"{name}.jsonl"
        path.write_text("".join(json.dumps({"text": self.rows[n]["text"], "label": self.rows[n]["label"]}) + "\n" for n in numbers))
        return path

    def draw(self, shots, seed):
        """So many lines of each intent, at random."""
        random = numpy.random.default_rng(seed)
        of_label = {}
        for number in self.splits["train"]:
            of_label.setdefault(self.rows[number]["label"], []).append(number)
        return [int(n) for label in sorted(of_label) for n in random.choice(of_label[label], shots, replace=False)]

    def vectors(self, dtype):
        text = self.file_of_texts()
        out = self.path / f"{dtype}.npy"
        run([BINARY, "embed", "--model", MODEL_NAME, "--dtype", dtype, text, "-o", out], "the vectors of all lines")
        return numpy.load(out)

    def file_of_texts(self):
        path = self.path / "texts.txt"
        path.write_text("".join(data.one_line(row["text"]) + "\n" for row in self.rows))
        return path


def ours(folder, name, numbers, dtype, *options):
    """-> the figures of `bantam route eval` on the test lines, and the head"""
    head = folder.path / f"{name}-{dtype}.safetensors"
    lines = folder.file(name, numbers)
    report = json.loads(run([BINARY, "route", "train", "--data", lines, "--model", MODEL_NAME, "--dtype", dtype, "--early-exit", "off", "--out", head,
                             "--json", *options], f"training on {name}"))  # fmt: skip
    test = folder.file("test", folder.splits["test"] + folder.splits["oos_test"])
    found = json.loads(run([BINARY, "route", "eval", "--head", head, "--data", test, "--json"], f"evaluating {name}"))
    return {**{key: found[key] for key in FIGURES}, "train_seconds": report["train_seconds"], "embed_seconds": report["embed_seconds"]}, head


def theirs(folder, vectors, numbers):
    """scikit-learn on f32 vectors -> accuracy in scope, and of the largest logit as a score the figures out of scope"""
    labels = [folder.rows[n]["label"] for n in numbers]
    start = time.monotonic()
    model = LogisticRegression(C=10, max_iter=1000).fit(vectors[numbers], labels)
    seconds = time.monotonic() - start
    test, strangers = folder.splits["test"], folder.splits["oos_test"]
    logits, away = model.decision_function(vectors[test]), model.decision_function(vectors[strangers]).max(1)
    right = model.classes_[logits.argmax(1)] == numpy.array([folder.rows[n]["label"] for n in test])
    best = logits.max(1)
    rank = numpy.concatenate([best, away]).argsort().argsort() + 1
    auroc = (rank[: len(best)].sum() - len(best) * (len(best) + 1) / 2) / len(best) / len(away)
    threshold = numpy.quantile(best, 0.04)
    caught, rejected = int((away < threshold).sum()), int((best < threshold).sum())
    return {"in_scope_accuracy": float(right.mean()), "oos_score_auroc": float(auroc), "oos_recall_at_fr4": caught / len(away),
            "oos_f1_at_fr4": 2 * caught / (len(away) + caught + rejected), "train_seconds": seconds}  # fmt: skip


def measure(folder, draws):
    found = {"rows": {}, "resamples": RESAMPLES, "messages": MESSAGES}
    say("the vectors of all lines")
    f32 = folder.vectors("f32")

    def add(work, who, figures):
        found["rows"].setdefault(str(work), {}).setdefault(who, []).append(figures)

    for shots in SHOTS:
        for seed in range(draws):
            say(f"{shots} lines an intent, draw {seed + 1} of {draws}")
            numbers = folder.draw(shots, seed)
            for dtype in ("f32", "int8"):
                add(shots, f"bantam {dtype}", ours(folder, f"{shots}-{seed}", numbers, dtype)[0])
            add(shots, "bantam int8, without the names", ours(folder, f"{shots}-{seed}", numbers, "int8", "--no-name-hints")[0])
            add(shots, "scikit-learn", theirs(folder, f32, numbers))
    train = folder.splits["train"]
    for dtype in ("f32", "int8"):
        say(f"all lines, {dtype}")
        figures, head = ours(folder, "full", train, dtype)
        add("full", f"bantam {dtype}", figures)
    say("all lines, with the 100 lines of oos_train")
    add("full", "bantam int8, with 100 lines out of scope", ours(folder, "full-oos", train + folder.splits["oos_train"], "int8")[0])
    say("all lines, scikit-learn")
    add("full", "scikit-learn", theirs(folder, f32, train))
    say("the error budget, resampled")
    others = folder.file("others", [n for split in ("val", "test", "oos_val", "oos_test") for n in folder.splits[split]])
    text = run([BUILD / "bantam_budget_bench", head, others, RESAMPLES, MESSAGES], "the error budget")
    found["budget"] = [json.loads(line) for line in text.splitlines()]
    found["others"] = len(others.read_text().splitlines())
    found["exits"] = [early_exits(folder, seed) for seed in range(min(draws, EXIT_DRAWS))]
    found["latency"] = latency(folder, head)
    return found


def evaluate(head, lines, *options):
    return json.loads(run([BINARY, "route", "eval", "--head", head, "--data", lines, "--json", *options], f"evaluating {head.stem}"))


def early_exits(folder, seed):
    """-> the points of `route eval --curve`, the last layer first"""
    say(f"early exits, draw {seed + 1}")
    head, lines = folder.path / "exits.safetensors", folder.file("exits", folder.draw(EXIT_SHOTS, seed) + folder.splits["oos_train"])
    run([BINARY, "route", "train", "--data", lines, "--model", MODEL_NAME, "--dtype", "int8", "--out", head, "--json"], "training early exits")
    test = folder.file("test", folder.splits["test"] + folder.splits["oos_test"])
    found = evaluate(head, test, "--threads", "1", "--curve", folder.path / "exits.svg")["early_exit"]
    return found["curve"] if found else []


def latency(folder, head):
    """A decision on a question of 16 tokens: in this process, from its letters to the route, and through HTTP as bench/decision_part.py asks."""
    say("latency")
    questions = (REPOSITORY / "bench" / "questions.txt").read_text()
    lines = folder.path / "questions.jsonl"
    lines.write_text("".join(json.dumps({"text": line, "label": "oos"}) + "\n" for line in questions.splitlines()))
    inside = evaluate(head, lines, "--threads", LATENCY_THREADS)["decision_ms"]
    outside = []
    for _ in range(LATENCY_SERVERS):  # where a system puts its threads is another matter at each start
        with tempfile.TemporaryDirectory() as home, decision_part.bantam_server(LATENCY_THREADS, Path(home)) as (port, _):
            outside.append(decision_part.ask(port, LATENCY_REQUESTS, questions))
    folded = {key: statistics.median(one[key] for one in outside) for key in ("median_ms", "p99_ms")}
    return {"in process": inside, "over HTTP": {**folded, "medians_ms": sorted(one["median_ms"] for one in outside)}}


def spread(samples, key, scale=100.0, digits=2):
    values = [s[key] * scale for s in samples if s.get(key) is not None]
    if not values:
        return ""
    text = f"{statistics.mean(values):.{digits}f}"
    return f"{text} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else text


def accuracy_table(rows):
    body = []
    for work, who in rows.items():
        name = "all 15,000 lines" if work == "full" else f"{work} lines an intent"
        for contestant, samples in who.items():
            body.append([name, contestant, spread(samples, "in_scope_accuracy"), spread(samples, "ece"), spread(samples, "oos_score_auroc", 1, 3), spread(samples, "oos_auroc", 1, 3),
                         spread(samples, "oos_recall_at_fr4", 100, 1), spread(samples, "oos_f1_at_fr4", 100, 1),
                         spread(samples, "train_seconds", 1, 1)])  # fmt: skip
    return table(["trained on", "head", "accuracy in scope, %", "calibration error, %", "AUROC of the out-of-scope score", "of the confidence", "recall where 4 % in scope are rejected, %", "F1 there, %",
                  "training, s"], body)  # fmt: skip


def budget_table(found):
    body = []
    for line in found["budget"]:
        if line["threshold"] == "naive" and line["score"] != "confidence":
            continue
        name = line["score"] if line["threshold"] == "certified" else "confidence, naive threshold"
        body.append([f"{100 * line['max_error']:g} %", name, f"{100 * line['broken']:.1f} %", f"{100 * line['answered']:.1f} %", f"{100 * line['error']:.2f} %",
                     f"{100 * line['highest_error']:.2f} %", f"{100 * line['refused']:.1f} %"])  # fmt: skip
    body.sort(key=lambda cells: float(cells[0][:-2]))
    return table(["budget", "score", "budget broken", "answered, mean", "errors among them, mean", "at worst", "nothing supported"], body)


def exits_table(draws):
    """Of the points that every draw has."""
    body = []
    for level in sorted({point["max_disagreement"] for point in draws[0]}):
        points = [point for draw in draws for point in draw if point["max_disagreement"] == level]
        if len(points) == len(draws):
            body.append([f"{100 * level:g} %" if level else "off", spread(points, "disagreement"), spread(points, "mean_layers", 1), spread(points, "mean_layers_in_scope", 1),
                         spread(points, "mean_ms", 1, 3), spread(points, "accuracy"), spread(points, "false_rejection"), spread(points, "oos_recall", 100, 1),
                         spread(points, "oos_auroc", 1, 3)])  # fmt: skip
    return table(["allowed", "differ, %", "layers, mean", "in scope", "ms", "accuracy of all lines, %", "falsely rejected, %", "out-of-scope recall, %", "AUROC"], body)


def goals_table(found):
    body = []
    for work, goal in GOALS.items():
        samples = found["rows"][str(work)]["bantam int8"]
        value = statistics.mean(100 * s["in_scope_accuracy"] for s in samples)
        body.append([f"accuracy, {'all lines' if work == 'full' else f'{work} lines an intent'}", f"at least {goal} %", f"{value:.2f} %", "yes" if value >= goal else "**no**"])
    full, best = found["rows"]["full"]["bantam int8"][0], found["rows"]["full"]["bantam int8, with 100 lines out of scope"][0]
    f32 = found["rows"]["full"]["bantam f32"][0]
    for name, goal, value, met in [
        ("calibration error", "at most 1 %", f"{100 * full['ece']:.2f} %", full["ece"] <= 0.01),
        ("int8 against f32", "within 0.2 points", f"{100 * (full['in_scope_accuracy'] - f32['in_scope_accuracy']):+.2f}", abs(full["in_scope_accuracy"] - f32["in_scope_accuracy"]) <= 0.002),
        ("recall at 4 %", "at least 88.5 %", f"{100 * full['oos_recall_at_fr4']:.1f} %, with 100 lines {100 * best['oos_recall_at_fr4']:.1f} %", full["oos_recall_at_fr4"] >= 0.885),
        ("F1 at 4 %", "at least 86 %", f"{100 * full['oos_f1_at_fr4']:.1f} %, with 100 lines {100 * best['oos_f1_at_fr4']:.1f} %", full["oos_f1_at_fr4"] >= 0.86),
        ("AUROC of the out-of-scope score", "at least 0.983", f"{full['oos_score_auroc']:.3f}, with 100 lines {best['oos_score_auroc']:.3f}", full["oos_score_auroc"] >= 0.983),
        ("training on 15,000 lines, vectors at hand", "under 10 s", f"{full['train_seconds']:.1f} s", full["train_seconds"] < 10),
    ]:  # fmt: skip
        body.append([name, goal, value, "yes" if met else "**no**"])
    for line in (line for line in found["budget"] if line["threshold"] == "certified" and line["score"] == "confidence"):
        noise = (line["delta"] * (1 - line["delta"]) / found["resamples"]) ** 0.5
        most = line["delta"] + 2 * noise
        others = [o["answered"] for o in found["budget"] if o["threshold"] == "certified" and o["score"] != "confidence" and o["max_error"] == line["max_error"]]
        body.append([f"budget of {100 * line['max_error']:g} % broken", f"at most {100 * most:.1f} %", f"{100 * line['broken']:.1f} %", "yes" if line["broken"] <= most else "**no**"])
        body.append([f"answered at {100 * line['max_error']:g} %", "more than by other scores", f"{100 * line['answered']:.1f} %, they at most {100 * max(others):.1f} %",
                     "yes" if line["answered"] > max(others) else "**no**"])  # fmt: skip
    for where, goal in LATENCY_GOALS.items():
        median = found["latency"][where]["median_ms"]
        body.append([f"a decision {where}, p50", f"under {goal} ms", f"{median:.3f} ms", "yes" if median < goal else "**no**"])
    return table(["what", "goal", "found", "met"], body)


def page(results):
    m, found = results["machine"], results["found"]
    return "\n".join([
        INTRODUCTION.format(model=MODEL_NAME), "## Accuracy\n",
        "A head learns from the names of the labels too (`card_declined` is read as \"card declined\"), as it does from names and descriptions of routes;"
        " the rows \"without the names\" did not. scikit-learn: `LogisticRegression(C=10)` on the last layer's f32 vectors, its largest logit as the score out of scope.\n",
        accuracy_table(found["rows"]), "## The error budget\n",
        f"The int8 head of all lines; the {found['others']:,} lines of `val`, `test`, `oos_val` and `oos_test` stand for all the messages that there are, so that"
        f" the true error of a threshold is known. {found['resamples']:,} times {found['messages']:,} of them are drawn with replacement, the budget is certified on"
        " those with delta = 5 %, and the threshold is applied to all. Other scores go through the same procedure. The naive threshold is the laxest at which the"
        " drawn messages themselves keep the budget.\n",
        budget_table(found), "## Early exit\n",
        f"Heads of {EXIT_SHOTS} lines an intent and the 100 lines of `oos_train`, int8, may decide after an earlier layer. \"Allowed\" is the share of decisions that may differ from those of all"
        " layers, as held-out examples show it; the figures are of `test` and `oos_test`. Milliseconds are of one text alone, from its letters to the decision, 1 thread, mean.\n",
        exits_table(found["exits"]), "## Time\n",
        f"A question of 16 tokens on {LATENCY_THREADS} threads. In process: from its letters to the route, the head of all lines, all layers. Over HTTP: `POST /v1/chat/completions`"
        f" to the help desk of the examples, as in [benchmarks](benchmarks.md#a-whole-decision-over-http), the median of {LATENCY_SERVERS} starts of the server, whose own were"
        f" {', '.join(f'{ms:.2f}' for ms in found['latency']['over HTTP']['medians_ms'])} ms.\n",
        table(["where", "p50, ms", "p99, ms"], [[where, f"{t['median_ms']:.3f}", f"{t['p99_ms']:.3f}"] for where, t in found["latency"].items()]),
        "## Goals\n", goals_table(found),
        f"Measured {results['date']} at `{m['commit']}` on {m['cpu']}, {m['cores']} cores, {', '.join(m['isa'])}; load before: {m['load_before']:.2f}; "
        f"scikit-learn {m['packages']['scikit-learn']}, numpy {m['packages']['numpy']}; {results['draws']} draws, {min(results['draws'], EXIT_DRAWS)} of early exits.\n"])  # fmt: skip


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--dry", action="store_true", help="print the page, write nothing")
    arguments = parser.parse_args()
    if not data.folder():
        sys.exit("bench: BANTAM_TEST_DATA names no folder with intent-clinc150")
    results = {"machine": machine.describe(REPOSITORY, BINARY), "date": time.strftime("%Y-%m-%d"), "draws": arguments.draws}
    with tempfile.TemporaryDirectory() as path:
        results["found"] = measure(Folder(path), arguments.draws)
    text = page(results)
    if arguments.dry:
        print(text)
    else:
        PAGE.write_text(text)
        say(f"wrote {PAGE.relative_to(REPOSITORY)}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""An assistant that learns from its traffic: CLINC150 streamed through the real server, which begins with five examples a route and asks
a large model about what it is not sure of. The large model is a stub on this machine that knows the right label of every line: it
answers, and it is the teacher. Whenever the next look at audited messages is due a challenger is proposed, and promoted where it is proven.

A part of bench/hybrid.py (`measure`, `render`, `picture`); by itself:

    BANTAM_TEST_DATA=FOLDER bench/hybrid_flywheel.py --binary build/release/bantam [--json FILE] [--svg FILE]
"""

import argparse
import http.client
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from contest import BINARY, BantamProcess, make_home, say
from report import table

OPTIONS = {
    "seed": 20261126,
    "examples": 5,  # a route
    "strangers": 20,  # examples out of scope
    "max_error": 0.02,
    "explore_rate": 0.25,  # of a young assistant: what can be shown rests on the audited messages alone
    "messages": 0,  # 0: all that there are
    "answer_tokens": 150,  # of an answer of the large model, for its cost
    "input_per_1m": 0.15,
    "output_per_1m": 0.60,
}
WINDOW = 1000
# Audited messages at the first look, so many that half as many mistakes as are allowed would probably be proven (183 is the least
# that could prove anything, and looks are paid for), and how many times as many each further look takes (docs/howto/learn.md).
FIRST_LOOK, GROWTH = 750, 1.5


# ---- the large model: it answers, and it is the teacher ----


class Teacher:
    """OpenAI's protocol on a port of this machine, by somebody who knows the label of every text."""

    def __init__(self, label_of, answer_tokens):
        self.label_of, self.answer_tokens = label_of, answer_tokens
        self.calls = Counter()
        teacher = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                reply = json.dumps(teacher.reply(body["messages"])).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def reply(self, messages):
        question = messages[-1]["content"]
        if "\n\nMessage:\n" in question:
            text = question.split("\n\nMessage:\n", 1)[1].rsplit("\n\nName:", 1)[0]
            label = self.label_of[text]
            content, tokens = ("none" if label == "oos" else label), 4
            self.calls["labels"] += 1
        else:
            content, tokens = f"An answer about {self.label_of[question]}.", self.answer_tokens
            self.calls["answers"] += 1
        prompt = sum(len(message["content"]) for message in messages) // 4
        return {"choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": prompt, "completion_tokens": tokens}}  # fmt: skip

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()


# ---- the assistant ----


def traffic(data, options):
    """CLINC150 as `split` has it."""
    with open(Path(data) / "intent-clinc150" / "clinc150_full.jsonl", encoding="utf-8") as lines:
        return split([json.loads(line) for line in lines], options)


def split(rows, options):
    """-> (examples of each route, examples out of scope, the stream), each line in one of them"""
    order = random.Random(options["seed"])
    rows = list({row["text"]: row for row in rows}.values())
    order.shuffle(rows)
    examples, strangers, stream = {}, [], []
    for row in rows:
        if row["label"] == "oos" and len(strangers) < options["strangers"]:
            strangers.append(row["text"])
        elif row["label"] != "oos" and len(examples.setdefault(row["label"], [])) < options["examples"]:
            examples[row["label"]].append(row["text"])
        else:
            stream.append((row["text"], row["label"]))
    return examples, strangers, stream[: options["messages"] or None]


def route_file(examples, strangers, url, options):
    """JSON is YAML."""
    routes = [{"name": name, "utterances": texts, "action": {"type": "respond", "response": "utter"}} for name, texts in sorted(examples.items())]
    return json.dumps({
        "version": 1, "name": "flywheel",
        "model_list": [{"model_name": "big", "params": {"model": "openai/stub", "api_base": url},
                        "cost": {"input_per_1m": options["input_per_1m"], "output_per_1m": options["output_per_1m"]}}],
        "routes": routes, "responses": {"utter": "An answer of this assistant."}, "out_of_scope": {"utterances": strangers},
        "decision": {"max_error": options["max_error"], "clarify": "off", "nlu_fallback": "big"},
        "cache": {"mode": "none"}, "audit": {"content": "text"},
        "learning": {"teacher": "big", "explore_rate": options["explore_rate"], "review": "auto"},
    })  # fmt: skip


class Assistant:
    def __init__(self, server):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=900)

    def request(self, method, path, body=None):
        self.connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
        reply = self.connection.getresponse()
        text = reply.read()
        if reply.status != 200:
            raise RuntimeError(f"{path}: {reply.status} {text[:500].decode(errors='replace')}")
        return json.loads(text)

    def ask(self, text):
        return self.request("POST", "/v1/chat/completions", {"model": "flywheel", "messages": [{"role": "user", "content": text}]})["bantam"]

    def wait_for_labels(self):
        time.sleep(0.6)  # what was just heard reaches the store
        for _ in range(600):
            if self.request("GET", "/v1/learning")["candidates"]["unlabelled"] == 0:
                return
            time.sleep(0.2)
        raise RuntimeError("the teacher did not label what it was asked about within two minutes")

    def audited(self):
        return self.request("GET", "/v1/learning")["audited"]["labelled"]

    def improve(self):
        """-> the report of a proposal, after it was promoted where it is proven"""
        report = self.request("POST", "/v1/learning/propose")
        if report["proven"]:
            self.request("POST", "/v1/learning/promote")
        return report


# ---- the stream ----


def measure(binary, data, options=None):
    """`data`: the folder of public data sets. -> figures for each thousand messages and each proposal"""
    quick = {"messages": 6_000} if getattr(options, "quick", False) else {}
    options = {name: getattr(options, name, value) for name, value in OPTIONS.items()} | quick
    os.environ["BANTAM_BINARY"] = str(binary)

    examples, strangers, stream = traffic(data, options)
    label_of = dict(stream)
    found = {"options": options, "messages": len(stream), "routes": len(examples), "windows": [], "proposals": []}
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Teacher(label_of, options["answer_tokens"]) as teacher:
        file = Path(folder) / "flywheel.yaml"
        file.write_text(route_file(examples, strangers, teacher.url, options))
        with BantamProcess(make_home(Path(folder) / "home"), ["-c", file]) as server:
            assistant = Assistant(server)
            generation, escalated, next_look = 0, [], FIRST_LOOK
            for start in range(0, len(stream), WINDOW):
                window = ask_all(assistant, stream[start : start + WINDOW], escalated)
                found["windows"].append({"generation": generation, **window, **priced(teacher.calls, found, options)})
                say(f"{start + window['messages']} of {len(stream)}: {window['escalated']} escalated, {window['wrong']} wrong, generation {generation}")
                if start + WINDOW < len(stream) and assistant.audited() >= next_look:
                    report = assistant.improve()
                    next_look = report["audited"] * GROWTH if report["looked"] else report["audited"] + report["missing"]
                    found["proposals"].append({"after": start + WINDOW, **report})
                    generation = report["challenger"]["generation"] if report["proven"] else generation
                    say(f"  generation {report['challenger']['generation']}: {'promoted' if report['proven'] else report['why_not']}")
            found["drift_alarms"] = server.log().count("drift: the last") - server.log().count("are like those")
    found["first_escalated"], found["last_escalated"] = sum(escalated[:WINDOW]), sum(escalated[-WINDOW:])
    found["seconds"] = time.monotonic() - begin
    found["summary"] = summary(found)
    found["goals"] = goals(found)
    return found


def ask_all(assistant, messages, escalated):
    counts = Counter()
    for text, label in messages:
        answer = assistant.ask(text)
        escalated.append(not answer["route"])
        if answer["route"]:
            counts["answered"] += 1
            counts["wrong"] += answer["route"] != label
        else:
            counts["escalated"] += 1
    assistant.wait_for_labels()  # so that what a window cost is in its own row
    return {"messages": len(messages), **{key: counts[key] for key in ("answered", "escalated", "wrong")}}


def priced(calls, found, options):
    """The calls of one window, and their cost: a label reads all names, an answer is long."""
    before = Counter()
    for window in found["windows"]:
        before.update({"answers": window["answers"], "labels": window["labels"]})
    answers, labels = calls["answers"] - before["answers"], calls["labels"] - before["labels"]
    names = 25 * found["routes"] // 4 + 100  # tokens of the question for a label, roughly
    money = (answers * 15 + labels * names) * options["input_per_1m"] + (answers * options["answer_tokens"] + labels * 4) * options["output_per_1m"]
    return {"answers": answers, "labels": labels, "cost": money / 1e6}


def summary(found):
    whole = [w for w in found["windows"] if w["messages"] == WINDOW]
    first, last = whole[0], whole[-1]
    generations = {}
    for window in found["windows"]:
        of = generations.setdefault(window["generation"], Counter())
        of.update({key: window[key] for key in ("messages", "answered", "wrong", "escalated")})
    answered, wrong = sum(w["answered"] for w in found["windows"]), sum(w["wrong"] for w in found["windows"])
    return {
        "first_escalated": found["first_escalated"], "last_escalated": found["last_escalated"],
        "times_fewer": found["first_escalated"] / max(1, found["last_escalated"]),
        "wrong_share": wrong / max(1, answered),
        "worst_generation": max(g["wrong"] / max(1, g["answered"]) for g in generations.values()),
        "worst_window": max(w["wrong"] / max(1, w["answered"]) for w in whole),
        "generations": [{"generation": number, **counts} for number, counts in generations.items()],
        "cost": sum(w["cost"] for w in found["windows"]), "first_cost": first["cost"], "last_cost": last["cost"],
    }  # fmt: skip


# ---- the report ----


def percent(share, digits=2):
    return f"{100 * share:.{digits}f} %"


def goals(found):
    total, budget = found["summary"], found["options"]["max_error"]
    rows = [
        ("flywheel: escalations, first to last thousand", "at least 3 times fewer",
         f"{total['first_escalated']} to {total['last_escalated']}: {total['times_fewer']:.1f} times", total["times_fewer"] >= 3),
        ("flywheel: wrong among what is answered here, all messages", f"at most {percent(budget, 0)}", percent(total["wrong_share"]), total["wrong_share"] <= budget),
        ("flywheel: the same, of the worst generation", f"at most {percent(budget, 0)}", percent(total["worst_generation"]), total["worst_generation"] <= budget),
    ]  # fmt: skip
    return [{"what": what, "goal": goal, "found": reached, "met": met} for what, goal, reached, met in rows]


def render(found):
    options, total = found["options"], found["summary"]
    budget = options["max_error"]
    windows = [[str(cell) for cell in ((i + 1) * WINDOW if w["messages"] == WINDOW else found["messages"], w["generation"], w["escalated"], f"{w['wrong']} of {w['answered']}",
                percent(w["wrong"] / max(1, w["answered"])), w["answers"], w["labels"], f"{1000 * w['cost'] / w['messages']:.4f}")]
               for i, w in enumerate(found["windows"])]  # fmt: skip
    proposals = [[str(cell) for cell in (p["after"], p["challenger"]["generation"], p["challenger"]["learned"], p["audited"], percent(p["current"]["coverage"], 1),
                  percent(p["challenger"]["coverage"], 1), percent(p["challenger"]["upper_bound"]), "promoted" if p["proven"] else p["why_not"], f"{p['seconds']:.1f}")]
                 for p in found["proposals"]]  # fmt: skip
    return "\n".join([
        "## The flywheel\n",
        f"CLINC150 as traffic: {found['messages']:,} messages in a random order, {found['routes']} routes with {options['examples']} examples each and {options['strangers']}"
        f" out of scope to begin with, an error budget of {percent(budget, 0)}, an `explore_rate` of {options['explore_rate']:g}. The large model is a stub that knows the"
        f" right label: it answers what the head is not sure of, and it is the teacher (`review: auto`). Whenever the next look at audited messages is due, a challenger is proposed, and promoted where it is"
        " proven on them. \"Wrong\" is counted on every message, which the assistant cannot do.\n",
        f"Of the thousands the worst has {percent(total['worst_window'])} wrong; each is a sample of some hundred answers, whose share of errors scatters around the true one."
        f" Drift alarms: {found['drift_alarms']}.\n",
        table(["messages", "generation", "escalated", "wrong", "share", "answers bought", "labels bought", "cost of 1,000 messages"], windows),
        f"Cost at {options['input_per_1m']:g} and {options['output_per_1m']:g} for a million tokens in and out, {options['answer_tokens']} tokens an answer; a label's question lists"
        " every route.\n",
        table(["after", "generation", "learned", "audited", "the head answers", "the challenger", "wrong at most", "", "seconds"], proposals),
    ])  # fmt: skip


def picture(found):
    """SVG: escalations and cost of each thousand, the errors beside their budget."""
    width, height, left, top = 760, 300, 60, 30
    windows = [w for w in found["windows"] if w["messages"] == WINDOW]
    step = (width - left - 60) / max(1, len(windows) - 1)
    most_cost = max(w["cost"] for w in windows)

    def line(values, most, colour):
        points = " ".join(f"{left + i * step:.1f},{top + height * (1 - value / most):.1f}" for i, value in enumerate(values))
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5"/>'

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top + height + 70}" font-family="sans-serif" font-size="13">',
             f'<rect width="100%" height="100%" fill="white"/><rect x="{left}" y="{top}" width="{width - left - 60}" height="{height}" fill="none" stroke="#bbb"/>']  # fmt: skip
    for i in range(6):
        y = top + height * (1 - i / 5)
        parts.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{200 * i}</text><text x="{width - 52}" y="{y + 4}">{i} %</text>')
    before = 0
    for i, window in enumerate(windows):
        if window["generation"] != before:
            before = window["generation"]
            parts.append(f'<line x1="{left + i * step:.1f}" x2="{left + i * step:.1f}" y1="{top}" y2="{top + height}" stroke="#ddd"/>')
    budget = top + height * (1 - 100 * found["options"]["max_error"] / 5)
    parts.append(f'<line x1="{left}" x2="{width - 60}" y1="{budget:.1f}" y2="{budget:.1f}" stroke="#c33" stroke-dasharray="5 4"/>')
    parts.append(line([w["escalated"] for w in windows], 1000, "#2463a8"))
    parts.append(line([w["cost"] for w in windows], most_cost, "#3a8f4d"))
    parts.append(line([min(5, 100 * w["wrong"] / max(1, w["answered"])) for w in windows], 5, "#c33"))
    foot = top + height + 24
    parts.append(f'<text x="{left}" y="{foot}">messages, in thousands (1 to {len(windows)}); a grey line: a promotion</text>')
    parts.append(f'<text x="{left}" y="{foot + 22}"><tspan fill="#2463a8">escalated of 1,000 (left)</tspan>  <tspan fill="#3a8f4d">cost, highest = {most_cost:.3f}</tspan>'
                 '  <tspan fill="#c33">wrong among the answered (right), the budget dashed</tspan></text></svg>')  # fmt: skip
    return "\n".join(parts) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=BINARY)
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--svg", type=Path, help="where the picture goes")
    for name, value in OPTIONS.items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(value), default=value)
    arguments = parser.parse_args()
    data = os.environ.get("BANTAM_TEST_DATA")
    if not data or not (Path(data) / "intent-clinc150").is_dir():
        sys.exit("flywheel: BANTAM_TEST_DATA names no folder with intent-clinc150")
    found = measure(arguments.binary.resolve(), data, arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    if arguments.svg:
        arguments.svg.write_text(picture(found))
    print(table(["what", "goal", "found", "met"], [[goal["what"], goal["goal"], goal["found"], "yes" if goal["met"] else "**no**"] for goal in found["goals"]]))
    print(render(found))


if __name__ == "__main__":
    main()

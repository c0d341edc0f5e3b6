#!/usr/bin/env python3
"""How often, and how surely, models answer typed questions right that they were never trained on: prints the table of docs/howto/decide.md.

    BANTAM_TEST_DATA=FOLDER build/venv-test/bin/python bench/decide.py MODEL... [--lines 200]

Choices among the 7 intents of SNIPS, by their names and by names with a description, and among 10 intents of CLINC150 in 20 draws; yes or
no: whether a line of CLINC150 is about an intent, which it is in half of them. Validation lines, in an order drawn with a fixed seed.
"""

import argparse
import json
import math
import os
import random
import re
import sys
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/support"))
from bantam_process import BantamProcess, make_home  # noqa: E402

DESCRIPTIONS = {
    "add to playlist": "put a song or an album on a playlist",
    "book restaurant": "reserve a table somewhere to eat",
    "get weather": "how the weather is or will be",
    "play music": "start music by a song, artist or album",
    "rate book": "give a book points or stars",
    "search creative work": "find a film, song, book or game by its name",
    "search screening event": "when and where a film is shown in cinemas",
}
WANT = "What does this person want?"


def words(label):
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label).replace("_", " ").lower()


def lines(file, split):
    for line in (Path(os.environ.get("BANTAM_TEST_DATA", ROOT.parent / "shared/data")) / file).open(encoding="utf-8"):
        row = json.loads(line)
        if row["split"] == split and row["label"] != "oos":
            yield row["text"], words(row["label"])


def choice(criteria):
    return {"type": "choice", "instructions": WANT, "criteria": criteria}


def tasks(count):
    """Name -> [(text, question, answer)]."""
    draw = random.Random(1)
    snips = list(lines("intent-slots-snips/snips.jsonl", "validate"))
    clinc = list(lines("intent-clinc150/clinc150_full.jsonl", "val"))
    draw.shuffle(snips)
    draw.shuffle(clinc)
    intents = sorted({label for _, label in clinc})
    ten = []
    for _ in range(20):
        some = draw.sample(intents, 10)
        own = [(text, choice(dict.fromkeys(some)), label) for text, label in clinc if label in some]
        ten += own[: count // 20]
    about = []
    for i, (text, label) in enumerate(clinc[:count]):
        named = label if i % 2 else draw.choice([other for other in intents if other != label])
        about.append((text, {"type": "noul", "instructions": f'Is this about "{named}"?'}, i % 2))
    return {
        "SNIPS, 7 names": [(text, choice(dict.fromkeys(DESCRIPTIONS)), label) for text, label in snips[:count]],
        "SNIPS, 7 described": [(text, choice(DESCRIPTIONS), label) for text, label in snips[:count]],
        "CLINC150, 10 names": ten,
        "CLINC150, yes or no": about,
    }


def measure(url, model, task):
    right = surprise = 0
    with httpx.Client(timeout=120) as client:
        for text, question, expected in task:
            reply = client.post(url + "/v1/systemone", json={"model": model, "state": text, "questions": {"q": question}})
            if reply.status_code != 200:
                return None
            answer = reply.json()["answers"]["q"]
            if "noul" in answer:
                p = answer["noul"] if expected else 1 - answer["noul"]
                right += p > 0.5
            else:
                p = answer["probabilities"][expected]
                right += answer["choice"] == expected
            surprise -= math.log(max(p, 1e-12))
    return right / len(task), surprise / len(task)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--lines", type=int, default=200)
    arguments = parser.parse_args()
    print("| " + " | ".join(["", *arguments.models]) + " |")
    print("|---" * (len(arguments.models) + 1) + "|")
    home = make_home(ROOT / "build/decide-home")
    with BantamProcess(home, [x for model in arguments.models for x in ("--model", model)]) as server:
        for name, task in tasks(arguments.lines).items():
            cells = [measure(server.url, Path(model).name, task) for model in arguments.models]
            print("| " + " | ".join([name, *("cannot" if cell is None else f"{cell[0]:.1%}, {cell[1]:.2f}" for cell in cells)]) + " |", flush=True)
        server.stop()


if __name__ == "__main__":
    main()

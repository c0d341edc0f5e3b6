"""bantam decide: one JSON object for each line, in the shape of /v1/systemone; and what is refused."""

import json
import pathlib

import pytest

INFERENCE = pathlib.Path(__file__).parents[2] / "src/tasks/golden/models/inference"
QUESTION = ["-q", "Which queue?"]
LINES = "I was charged twice for one invoice\nThe program crashes when I start it\n"


def decide(bantam, model, *arguments, text=LINES):
    return [json.loads(line) for line in bantam("decide", "--model", model, *arguments, text=text).splitlines()]


def test_choices_by_an_encoder(bantam):
    described = ["--describe", "technical=crashes and errors", "--describe", "billing=invoices and charges"]
    first, second = decide(bantam, "all-MiniLM-L6-v2", *QUESTION, "-c", "billing,technical,sales", *described)
    assert (first["type"], first["choice"], second["choice"]) == ("choice", "billing", "technical")
    assert list(first["probabilities"]) == ["billing", "technical", "sales"]
    assert sum(first["probabilities"].values()) == pytest.approx(1) and 0 < first["confidence"] < 1
    assert decide(bantam, "all-MiniLM-L6-v2", *QUESTION, "-c", "billing,technical,sales", *described, "--json", text=json.dumps(LINES.split("\n")[0])) == [first]


def test_levels_and_yes_or_no(bantam):
    for line in decide(bantam, INFERENCE, "-q", "How angry?", "--levels", "calm,annoyed,furious"):
        assert line["type"] == "score" and line["legend"] == {"0": "calm", "1": "annoyed", "2": "furious"}
        assert line["score"] == pytest.approx(line["probabilities"]["1"] + 2 * line["probabilities"]["2"])
    for line in decide(bantam, INFERENCE, "-q", "The customer is angry.", "--yes-no"):
        assert line["type"] == "noul" and 0 <= line["noul"] <= 1 and len(line) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 64, "--question is required"),
        ([*QUESTION], 64, "0 possible answers, expected 2 to 255"),
        ([*QUESTION, "-c", "one"], 64, "1 possible answers"),
        ([*QUESTION, "-c", "a,b", "--levels", "c,d"], 64, "excludes"),
        ([*QUESTION, "-c", "a,b", "--describe", "c=d"], 64, "--describe c=d: expected OPTION=TEXT"),
        ([*QUESTION, "--yes-no"], 64, "asks for a yes or no, but all-MiniLM-L6-v2 only compares texts"),
    ],
)
def test_what_is_wrong_is_said(bantam, arguments, code, says):
    assert says in bantam("decide", "--model", "all-MiniLM-L6-v2", *arguments, code=code, text=LINES)


def test_a_model_that_cannot_decide(bantam):
    said = bantam("decide", "--model", INFERENCE.parent / "rank_raw", *QUESTION, "-c", "a,b", code=65, text=LINES)
    assert "cannot decide: that takes a model that writes text" in said

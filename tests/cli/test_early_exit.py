"""Early exits on the command line: trained, measured, drawn, explained, and switched off."""

import json
import subprocess

import pytest

from bantam_process import REPOSITORY

HELPDESK = REPOSITORY / "examples/helpdesk/bantam.yaml"
LINES = [("I forgot my password", "password_reset"), ("the vpn does not connect", "vpn_help"), ("tell me a joke", "oos")]


def run(bantam_binary, *arguments):
    return subprocess.run([bantam_binary, *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def head(bantam_binary, tmp_path_factory):
    """Of the help desk's examples, too few for less than a few per cent."""
    path = tmp_path_factory.mktemp("head") / "head.safetensors"
    done = run(bantam_binary, "route", "train", "-c", HELPDESK, "--out", path, "--early-exit", "5%", "--json")
    assert done.returncode == 0, done.stderr
    return path, json.loads(done.stdout)


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "test.jsonl"
    path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in LINES * 5))
    return path


def test_training_reports_its_exits(head):
    exits = head[1]["early_exit"]
    assert exits["max_disagreement"] == 0.05 and exits["of"] == 6
    assert exits["layers"] == sorted(exits["layers"]) and 1 <= exits["layers"][0] and exits["layers"][-1] <= 4
    assert 0.5 <= exits["certainty"] < 1


def test_eval_compares_with_the_whole_encoder(bantam_binary, head, lines, tmp_path):
    curve = tmp_path / "curve.svg"
    done = run(bantam_binary, "route", "eval", "--head", head[0], "--data", lines, "--json", "--curve", curve)
    assert done.returncode == 0, done.stderr
    exits = json.loads(done.stdout)["early_exit"]
    assert 1 <= exits["mean_layers"] <= 6 and exits["num_layers"] == 6
    assert exits["mean_ms"] > 0 and exits["full_ms"] > 0
    assert 0 <= exits["disagreement"] <= 1
    assert [p["max_disagreement"] for p in exits["curve"]] == sorted(p["max_disagreement"] for p in exits["curve"])
    assert curve.read_text().startswith("<svg") and "5 %" in curve.read_text()


def test_eval_without_exits_is_as_before(bantam_binary, head, lines):
    done = run(bantam_binary, "route", "eval", "--head", head[0], "--data", lines, "--json", "--early-exit", "off")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["early_exit"] is None


def test_a_head_without_exits_has_no_curve(bantam_binary, lines, tmp_path):
    path = tmp_path / "head.safetensors"
    done = run(bantam_binary, "route", "train", "-c", HELPDESK, "--out", path, "--early-exit", "off", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["early_exit"] is None
    done = run(bantam_binary, "route", "eval", "--head", path, "--data", lines, "--curve", tmp_path / "curve.svg")
    assert done.returncode == 64
    assert "the head has no early exits; train it with --early-exit" in done.stderr


def test_explain_says_after_which_layer(bantam_binary):
    texts = ["I forgot my password", "the printer is out of paper", "my wifi is slow"]
    done = run(bantam_binary, "route", "explain", "-c", HELPDESK, "--early-exit", "5%", "--json", *texts)
    assert done.returncode == 0, done.stderr
    early = [json.loads(line) for line in done.stdout.splitlines()]
    done = run(bantam_binary, "route", "explain", "-c", HELPDESK, "--early-exit", "off", "--json", *texts)
    full = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["route"] for e in early] == [f["route"] for f in full]
    assert all(f["exit_layer"] is None and f["num_layers"] == 6 for f in full)
    for e in early:
        if e["exit_layer"] is not None:
            assert e["exit_layer"] < 6 and {n["route"] for n in e["nearest"]} == {e["route"]}


@pytest.mark.parametrize("value", ["0.5", "7%", "0%", "yes"])
def test_a_share_that_is_none_is_an_error(bantam_binary, value):
    done = run(bantam_binary, "route", "explain", "-c", HELPDESK, "--early-exit", value, "hello")
    assert done.returncode == 64
    assert "write a percentage above 0% and at most 5%, such as 0.5%, or off" in done.stderr

"""The semantic cache on the command line: what it would take for the same, and why not."""

import json
import subprocess

import pytest

ROUTE_FILE = """
version: 1
name: pairs
model_list:
  - {model_name: big, params: {model: x, api_base: "http://127.0.0.1:1/v1"}}
cache: {mode: exact_then_semantic}
routes:
  - {name: hours, utterances: ["when are you open", "opening hours", "when do you close"], action: {type: respond, response: utter_hours}}
  - {name: thanks, utterances: ["thanks", "thank you", "many thanks"], action: {type: respond, response: utter_thanks}}
out_of_scope: {utterances: ["tell me a joke", "how do I boil an egg", "who won the match"]}
decision: {nlu_fallback: big}
responses: {utter_hours: "From 9 to 17.", utter_thanks: "You are welcome."}
tests:
  - {cache_pair: ["how do I enable 2FA", "how do I disable 2FA"], expect: miss}
  - {cache_pair: ["how do I enable 2FA", "how can I turn on 2FA"], expect: hit}
"""


def run(bantam_binary, *arguments):
    return subprocess.run([bantam_binary, *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture
def route_file(tmp_path, monkeypatch):
    path = tmp_path / "pairs.yaml"
    path.write_text(ROUTE_FILE)
    return path


def test_the_pairs_of_the_program(bantam_binary):
    done = run(bantam_binary, "cache", "check-pairs", "--json")
    assert done.returncode == 0, done.stderr
    suite, held_out = [json.loads(line) for line in done.stdout.splitlines()]
    assert suite["wrong_hits"] == 0 and suite["must_miss"] >= 400 and suite["may_hit"] >= 150 and suite["hit_rate"] >= 0.6
    assert held_out["wrong_hits"] == 0 and held_out["must_miss"] >= 100 and held_out["hit_rate"] >= 0.5
    refused = [pair for pair in suite["pairs"] if pair["got"] == "miss"]
    assert all(pair["reason"] for pair in refused) and {pair["class"] for pair in refused} >= {"polarity", "number", "swap"}
    text = run(bantam_binary, "cache", "check-pairs").stdout
    assert "0 wrong hits in 577 pairs that must miss" in text


def test_pairs_of_ones_own(bantam_binary, route_file, tmp_path):
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text('{"pair": ["how do I enable 2FA", "how can I turn on 2FA"], "expect": "miss"}\n')
    done = run(bantam_binary, "cache", "check-pairs", pairs, "-c", route_file)
    assert done.returncode == 65 and "wrong hit" in done.stdout and "1 pair would get a wrong answer" in done.stderr
    pairs.write_text('{"pair": ["one"], "expect": "miss"}\n')
    done = run(bantam_binary, "cache", "check-pairs", pairs)
    assert done.returncode == 65 and "pairs.jsonl:1" in done.stderr
    route_file.write_text(ROUTE_FILE.replace("exact_then_semantic", "exact"))
    done = run(bantam_binary, "cache", "check-pairs", "-c", route_file)
    assert done.returncode == 78 and "mode: exact_then_semantic" in done.stderr


def test_explain_says_why_an_answer_is_not_given_again(bantam_binary, route_file):
    explain = ["route", "explain", "-c", route_file, "--cached", "how do I enable 2FA", "how do I disable 2FA", "how can I turn on 2FA"]
    done = run(bantam_binary, *explain, "--json")
    assert done.returncode == 0, done.stderr
    opposite, same = [json.loads(line)["cached"] for line in done.stdout.splitlines()]
    assert not opposite["hit"] and opposite["reason"] == 'polarity: "enable" and "disable"' and opposite["similarity"] > 0.6
    assert same["hit"] and same["reason"] is None
    assert "would not be given to it: polarity" in run(bantam_binary, *explain).stdout


def test_the_pairs_of_a_route_file(bantam_binary, route_file):
    done = run(bantam_binary, "route", "test", "-c", route_file)
    assert done.returncode == 0, done.stdout + done.stderr

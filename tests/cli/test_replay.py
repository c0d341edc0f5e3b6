"""bantam replay: a log that a server wrote is decided again, with the same bits; another threshold changes what it must."""

import json

import httpx
import pytest

from bantam_process import BantamProcess, make_home
from shop_routes import SHOP_ROUTES

FILE = """version: 1
name: shop
decision: {{policy: threshold, confidence_threshold: {threshold}}}
cache: {{mode: none}}
audit: {{content: text{key}}}
"""
MESSAGES = [
    "when do you open", "can i have my money back", "refund", "how late are you open tonight", "where is the moon", "please take this order back",
    "open on sundays?", "i would like to send a parcel back", "sing me a song", "business hours",
]  # fmt: skip


def write(folder, name, threshold, key=""):
    path = folder / name
    path.write_text(FILE.format(threshold=threshold, key=key) + SHOP_ROUTES)
    return path


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    """A home with the log of a server that was asked all messages, and their confidences."""
    folder = tmp_path_factory.mktemp("replay")
    home = make_home(folder / "home")
    confidences = {}
    with BantamProcess(home, ["-c", write(folder, "shop.yaml", 0.5)]) as server:
        for message in MESSAGES:
            body = {"model": "shop", "messages": [{"role": "user", "content": message}]}
            reply = httpx.post(f"http://127.0.0.1:{server.port}/v1/chat/completions", json=body, timeout=60).json()
            confidences[message] = reply["bantam"]["confidence"]
    return folder, home, confidences


def test_the_same_file_decides_with_the_same_bits(bantam, decided):
    folder, home, _ = decided
    report = json.loads(bantam("replay", "-c", folder / "shop.yaml", "--json", "--fail-on-change", home=home))
    assert (report["messages"], report["same_bits"], report["changed"]) == (len(MESSAGES), len(MESSAGES), 0)
    assert report["other_head"] == report["other_isa"] == report["other_route_file"] == 0
    assert "10 messages decided again: 10 with the same bits, 0 decided otherwise" in bantam("replay", "-c", folder / "shop.yaml", home=home)
    few = json.loads(bantam("replay", "-c", folder / "shop.yaml", "--json", "--limit", 3, home=home))
    assert few["messages"] == 3 and few["skipped"]["beyond_limit"] == 7


def test_another_threshold_changes_exactly_what_lies_between(bantam, decided):
    folder, home, confidences = decided
    known = sorted(value for value in confidences.values() if value >= 0.5)
    threshold = (known[0] + known[-1]) / 2
    expected = {message for message, value in confidences.items() if 0.5 <= value < threshold}
    assert expected and len(expected) < len(known)
    other = write(folder, "other.yaml", threshold)
    log = home / "state/shop/audit.jsonl"
    report = json.loads(bantam("replay", log, "-c", other, "--json", home=home))
    assert {change["question"] for change in report["changes"]} == expected
    assert report["same_bits"] == len(MESSAGES) and report["other_route_file"] == len(MESSAGES)
    picture = folder / "change.svg"
    bantam("replay", log, "-c", other, "--svg", picture, home=home)
    assert "<svg" in picture.read_text() and "not answered here any more" in picture.read_text()
    assert all(change["before"]["route"] and not change["after"]["route"] for change in report["changes"])
    error = bantam("replay", log, "-c", other, "--fail-on-change", home=home, code=65)
    assert f"{len(expected)} of {len(MESSAGES)} messages are decided otherwise" in error


def test_a_log_that_is_not_there_is_named(bantam, decided):
    folder, home, _ = decided
    assert "nothing.jsonl" in bantam("replay", folder / "nothing.jsonl", "-c", folder / "shop.yaml", home=home, code=65)


def test_a_curve_says_what_it_lacks(bantam, decided):
    folder, home, _ = decided
    assert "nothing to draw: No large model is asked" in bantam("route", "curve", "-c", folder / "shop.yaml", home=home, code=69)


def test_encrypted_texts_open_with_their_key(bantam, tmp_path):
    home = make_home(tmp_path / "home")
    key = tmp_path / "audit.key"
    bantam("key", "audit", key, home=home)
    file = write(tmp_path, "shop.yaml", 0.5, f", key_file: {key}")
    with BantamProcess(home, ["-c", file]) as server:
        for message in MESSAGES[:3]:
            body = {"model": "shop", "messages": [{"role": "user", "content": message}]}
            httpx.post(f"http://127.0.0.1:{server.port}/v1/chat/completions", json=body, timeout=60).raise_for_status()
    log = (home / "state/shop/audit.jsonl").read_text()
    assert MESSAGES[1] not in log
    assert json.loads(bantam("replay", "-c", file, "--json", home=home))["same_bits"] == 3
    bantam("audit", "verify", "-c", file, home=home)
    key.rename(tmp_path / "elsewhere.key")
    plain = write(tmp_path, "plain.yaml", 0.5)
    assert json.loads(bantam("replay", "-c", plain, "--key-file", tmp_path / "elsewhere.key", "--json", home=home))["messages"] == 3

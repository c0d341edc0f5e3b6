"""/v1/classify says what the assistant would decide: by the thresholds of the route file, not the head's own."""

import httpx
import pytest

from desk_routes import HEAD, HOURS, REFUND, RESPONSES

OWN_THRESHOLD = "    confidence_threshold: 1\n"  # of the route before it
DECISION = "decision: {policy: threshold, confidence_threshold: 0.01}\n"
ROUTE_FILE = HEAD + HOURS + REFUND + OWN_THRESHOLD + DECISION + RESPONSES
TEXTS = {
    "when are you open": ("hours", 0.01, True),
    "where is my refund": ("refund", 1, False),  # that route's own threshold
    "sing me the opening of an opera on sunday": ("hours", 0.01, True),  # the head's own threshold refuses it
}


@pytest.fixture
def desk(bantam_server, tmp_path):
    file = tmp_path / "desk.yaml"
    file.write_text(ROUTE_FILE)
    return bantam_server("-c", str(file))


def test_classify_agrees_with_chat(desk):
    reply = httpx.post(f"{desk.url}/v1/classify", json={"model": "desk", "input": list(TEXTS)}).json()
    assert reply["threshold"] == 0.01
    for item, (text, expected) in zip(reply["data"], TEXTS.items()):
        assert (item["label"], item["threshold"], item["accepted"]) == expected, item
        body = {"model": "desk", "messages": [{"role": "user", "content": text}]}
        decided = httpx.post(f"{desk.url}/v1/chat/completions", json=body).json()["bantam"]
        assert decided["route"] == (item["label"] if item["accepted"] else None)
        assert decided["threshold"] == pytest.approx(item["threshold"]) and decided["confidence"] == pytest.approx(item["confidence"], abs=1e-4)

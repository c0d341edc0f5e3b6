"""/v1/classify says what the assistant would decide: by the thresholds of the route file, not the head's own."""

import httpx
import pytest

ROUTE_FILE = """
version: 1
name: desk
encoder: {model: all-MiniLM-L6-v2, dtype: int8}
routes:
  - name: hours
    description: Opening hours
    utterances: [when are you open, what are your opening hours, are you open on sunday, when do you close, "until what time are you there", opening times please]
    action: {type: respond, response: utter_hours}
  - name: refund
    description: Refunds
    confidence_threshold: 1
    utterances: [where is my refund, refund not arrived, "I want my money back", when do I get my money back, status of my refund, "my refund is late"]
    action: {type: respond, response: utter_refund}
decision: {policy: threshold, confidence_threshold: 0.01}
responses:
  utter_hours: {text: "We are open 9 to 17."}
  utter_refund: {text: "Refunds take five days."}
"""
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

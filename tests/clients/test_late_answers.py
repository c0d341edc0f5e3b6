"""offline: queue: a question whose large model cannot be reached is kept, also by a server that is killed, and asked when it can; whoever
asked finds the answer by its id, and nobody else."""

import json
import os
import subprocess
import time

import httpx
import pytest
from recording_model import recording_model

ROUTE_FILE = """
version: 1
name: desk
model_list:
  - model_name: big
    params: {{model: openai/m, api_base: "http://127.0.0.1:{port}/v1", num_retries: 0}}
router_settings: {{cooldown_time: 1s}}
routes:
  - name: hours
    utterances: [when are you open, what are your opening hours, are you open on sunday, when do you close, opening times please]
    action: {{type: respond, response: utter_hours}}
  - name: refund
    utterances: [where is my refund, refund not arrived, "I want my money back", status of my refund, "my refund is late"]
    action: {{type: respond, response: utter_refund}}
decision: {{policy: threshold, confidence_threshold: 0.6, nlu_fallback: big}}
responses: {{utter_hours: "9 to 17.", utter_refund: "Five days."}}
offline: queue
"""
QUESTION = "compose a haiku about the moons of Jupiter"


@pytest.fixture
def upstream():
    with recording_model() as server:
        yield server


def headers(key="ann"):
    return {"Authorization": f"Bearer {key}"}


def test_a_question_waits_for_its_model(bantam_server, upstream, tmp_path):
    file = tmp_path / "desk.yaml"
    file.write_text(ROUTE_FILE.format(port=upstream.server_address[1]))
    server = bantam_server("-c", str(file))
    upstream.away = True
    body = {"model": "desk", "messages": [{"role": "user", "content": QUESTION}]}
    reply = httpx.post(f"{server.url}/v1/chat/completions", json=body, headers=headers(), timeout=30).json()
    details = reply["bantam"]
    assert details["queued"] is True and details["decision"] == "escalate" and details["upstream_error"]
    assert details["request_id"] in reply["choices"][0]["message"]["content"]  # honest, and with the id

    def find(id_, key="ann"):
        return httpx.get(f"{server.url}/v1/answers/{id_}", headers=headers(key))

    assert find(reply["id"]).json()["state"] == "waiting"
    assert find(details["request_id"]).json()["answer"] is None
    other = find(reply["id"], "bob")
    assert other.status_code == 404 and other.json()["error"]["param"] == "id"
    assert find("no-such-id").status_code == 404

    server.kill()
    server.start()
    assert find(reply["id"]).json()["state"] == "waiting"
    upstream.away = False
    deadline = time.monotonic() + 30
    while find(reply["id"]).json()["state"] == "waiting" and time.monotonic() < deadline:
        time.sleep(0.1)
    late = find(reply["id"]).json()
    assert late["state"] == "answered" and late["answer"] == QUESTION and late["upstream_model"] == "big"
    assert late["ended"] >= late["asked"] > 0
    assert find(reply["id"], "bob").status_code == 404
    assert len(upstream.seen) == 1
    assert server.stop() == 0


def test_the_queue_by_hand(bantam_server, bantam_binary, upstream, tmp_path):
    file = tmp_path / "desk.yaml"
    file.write_text(ROUTE_FILE.format(port=upstream.server_address[1]))
    server = bantam_server("-c", str(file))
    upstream.away = True
    ids = []
    for number in (1, 2):
        body = {"model": "desk", "messages": [{"role": "user", "content": f"{QUESTION}, number {number}"}]}
        ids.append(httpx.post(f"{server.url}/v1/chat/completions", json=body, headers=headers(), timeout=30).json()["bantam"]["request_id"])

    def queue(*words, code=0):
        environment = os.environ | {"BANTAM_HOME": str(server.home)}
        done = subprocess.run([bantam_binary, "queue", *words, "-c", file], env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stderr + done.stdout
        return done.stdout if code == 0 else done.stdout + done.stderr

    listed = [json.loads(line) for line in queue("list", "--json").splitlines()]
    assert [one["request_id"] for one in listed] == ids and listed[0]["question"] == f"{QUESTION}, number 1"
    assert listed[0]["model"] == "big" and listed[0]["route"] is None and listed[0]["asked"].startswith("20")
    assert ids[1] in queue("list") and "1 more" in queue("list", "-n", "1")
    stats = json.loads(queue("stats", "--json"))
    assert stats["waiting"] == 2 and stats["models"]["big"]["waiting"] == 2 and stats["process"] > 0
    for words in (["send"], ["drop", "all"]):
        assert f"process {stats['process']}" in queue(*words, code=69)
    assert server.stop() == 0

    assert "2 questions stay in the queue" in queue("send", code=69)
    assert "no question 77 waits" in queue("drop", "77", code=65)
    assert "is no question" in queue("drop", "first", code=64)
    assert queue("drop", str(listed[0]["number"])) == "1 dropped\n"
    upstream.away = False
    assert "1 answered, 0 given up, 0 still wait" in queue("send")
    assert queue("list") == "no question waits\n" and json.loads(queue("stats", "--json"))["waiting"] == 0

    server.start()
    ends = [httpx.get(f"{server.url}/v1/answers/{id_}", headers=headers()).json() for id_ in ids]
    assert [end["state"] for end in ends] == ["given_up", "answered"] and ends[1]["answer"] == f"{QUESTION}, number 2"
    assert ends[0]["problem"] == "a person dropped it unasked" and len(upstream.seen) == 1
    records = [json.loads(line) for line in (server.home / "state/desk/audit.jsonl").read_text().splitlines()]
    assert [record["request_id"] for record in records if record["decision"] == "queue"] == [ids[0]]
    assert server.stop() == 0

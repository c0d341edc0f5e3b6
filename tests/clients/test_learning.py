"""An assistant learns from its traffic: a teacher labels, a person reviews, a challenger is judged, promoted and rolled back, by HTTP and by the
command line, while the server answers. The large model is a small server that answers and labels."""

import http.server
import json
import os
import socketserver
import subprocess
import threading
import time

import httpx
import pytest

FILE = """version: 1
name: shop
model_list:
  - {{model_name: big, params: {{model: openai/stub, api_base: "http://127.0.0.1:{port}/v1"}}, cost: {{input_per_1m: 1, output_per_1m: 2}}}}
routes:
  - name: hours
    utterances: [when are you open, opening hours, are you open today, what time do you close, business hours please]
    action: {{type: respond, response: utter_hours}}
  - name: refund
    utterances: [i want my money back, refund please, give me a refund, i want to return my order, return this parcel]
    action: {{type: respond, response: utter_refund}}
out_of_scope: {{utterances: [tell me a joke, what is the capital of france, write a poem]}}
decision: {{policy: threshold, confidence_threshold: 0.6, nlu_fallback: big}}
cache: {{mode: none}}
audit: {{content: text}}
privacy: {{pii: {{}}}}
learning: {{explore_rate: 0.5, promote_if: {{upper_bound_error: 0.3, min_coverage_gain: 0.05}}}}
responses: {{utter_hours: From 9 to 17., utter_refund: Send it back.}}
"""
WAREHOUSE, PARCEL = "is the warehouse in town number {} staffed on that day", "parcel {} came in pieces and i will not keep it"


class Teacher(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(body)
        question = body["messages"][-1]["content"]
        message = question.rpartition("\n\nMessage:\n")[2]
        content = ("hours" if "warehouse" in message else "refund") if "\n\nName:" in question else "Let me see."
        reply = json.dumps({"choices": [{"message": {"content": content}}], "usage": {"prompt_tokens": 100, "completion_tokens": 2}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


@pytest.fixture
def teacher():
    server = Server(("127.0.0.1", 0), Teacher)
    server.requests = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def eventually(condition, within_s=30):
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return value


def test_the_round(bantam_server, bantam_binary, tmp_path, teacher):
    file = tmp_path / "shop.yaml"
    file.write_text(FILE.format(port=teacher.server_address[1]))
    server = bantam_server("-c", file)
    client = httpx.Client(base_url=server.url, timeout=120)

    def route_of(text):
        reply = client.post("/v1/chat/completions", json={"model": "shop", "messages": [{"role": "user", "content": text}]})
        return reply.json()["bantam"]["route"]

    def learn(*words, code=0):
        environment = os.environ | {"BANTAM_HOME": str(server.home)}
        done = subprocess.run([bantam_binary, "learn", *words, "-c", file], env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stderr + done.stdout
        return done.stdout if code == 0 else done.stderr

    assert client.post("/v1/learning/propose").status_code == 409
    assert client.post("/v1/learning/promote").json()["error"]["message"].startswith("there is no challenger")
    for number in range(30):
        route_of(WAREHOUSE.format(number))
        route_of(PARCEL.format(number) + ", says ann@example.org")

    def labelled():
        found = client.get("/v1/learning").json()
        return found if found["candidates"]["unlabelled"] == 0 and found["candidates"]["pending"] > 5 else None

    found = eventually(labelled)
    assert found["generation"] == 0 and found["challenger"] is None
    assert found["audited"]["messages"] > 10
    assert all("ann@" not in json.dumps(request) for request in teacher.requests), "masked before it leaves"
    assert all("ann@" not in candidate["text"] for candidate in found["to_review"])
    refused = client.post("/v1/learning/propose")
    assert refused.status_code == 409 and "wait to be reviewed" in refused.json()["error"]["message"]

    # What another threshold would cost and get wrong. Masked texts are not decided again: the parcels are left out.
    curve = client.get("/v1/learning/curve").json()
    assert curve["why_empty"] == "" and curve["messages"] == 30 and 5 < curve["labelled"] < 30
    points, now = curve["points"], curve["current"]
    assert points[0]["threshold"] == 0 and points[-1]["threshold"] == 1 and now["threshold"] == pytest.approx(0.6)
    for name in ("threshold", "escalated", "accuracy", "accuracy_low", "accuracy_high", "cost_per_1000"):
        values = [point[name] for point in points]
        assert values == sorted(values), name
    assert points[-1]["escalated"] == 1 and points[-1]["accuracy"] == 1
    assert now["cost_per_1000"] == pytest.approx(now["escalated"] * 0.104) and now["accuracy_low"] < now["accuracy"]
    picture = tmp_path / "curve.svg"
    arguments = [bantam_binary, "route", "curve", "-c", file, "--svg", picture]
    environment = os.environ | {"BANTAM_HOME": str(server.home)}
    drawn = subprocess.run([*arguments, "--json"], env=environment, capture_output=True, timeout=120, check=True)
    assert json.loads(drawn.stdout)["points"] == points
    assert picture.read_text().startswith("<svg") and "in force: threshold 0.6" in picture.read_text()
    table = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=120, check=True).stdout
    assert "> 0.600" in table and "30 messages decided again" in table

    # A person looks: one by the command line, the others by HTTP.
    ids = [candidate["id"] for candidate in found["to_review"]]
    assert str(ids[0]) in learn("review")
    assert learn("review", "reject", str(ids[0])) == "rejected 1\n"
    assert 'there is no route "houers"; did you mean "hours"?' in learn("review", "label", "houers", str(ids[1]), code=64)
    wrong = client.post("/v1/learning/review", json={"ids": ids, "verdict": "relabelled"})
    assert wrong.status_code == 400 and wrong.json()["error"]["param"] == "route"
    assert client.post("/v1/learning/review", json={"ids": ids[1:], "verdict": "accepted"}).json()["candidates"] == len(ids) - 1

    report = client.post("/v1/learning/propose").json()
    assert report["proven"], report
    assert report["challenger"]["coverage"] > report["current"]["coverage"]
    assert report["challenger"]["learned"] == len(ids) - 1
    # It decides beside the head in force, which answers as before.
    question = WAREHOUSE.format(900)
    assert not route_of(question)
    shadow = eventually(lambda: (s := client.get("/v1/learning").json()["shadow"])["messages"] and s)
    assert shadow["more"] >= 1

    assert client.post("/v1/learning/promote").json() == {"object": "learning.promotion", "generation": 1}
    assert route_of(question) == "hours"
    assert "generation 1 is in force" in learn("status")
    assert learn("rollback").startswith("the route file's own head is in force and the running server (process ")
    eventually(lambda: not route_of(question))

    audit = server.home / "state" / "shop" / "audit.jsonl"

    def outcomes():
        records = [json.loads(line) for line in audit.read_text().splitlines()]
        found = [record["outcome"] for record in records if record["decision"] == "learning"]
        return found if found and found[-1] == "rolled back" else None

    assert eventually(outcomes) == ["reviewed", "reviewed", "proposed", "promoted", "rolled back"]
    records = [json.loads(line) for line in audit.read_text().splitlines()]
    labels = [record for record in records if record["decision"] == "label"]
    assert labels and all(record["source"] == "teacher" and record["cost"] > 0 for record in labels)
    drawn = [record for record in records if "propensity" in record]
    assert all(record["propensity"] == 0.5 for record in drawn)
    subprocess.run([bantam_binary, "audit", "verify", "--log", audit], check=True, capture_output=True)


def test_an_assistant_that_does_not_learn(helpdesk_server):
    refused = httpx.get(helpdesk_server.url + "/v1/learning")
    assert refused.status_code == 404 and 'its route file has no "learning"' in refused.json()["error"]["message"]
    curve = httpx.get(helpdesk_server.url + "/v1/learning/curve").json()
    assert curve["points"] == [] and curve["current"] is None and curve["why_empty"]

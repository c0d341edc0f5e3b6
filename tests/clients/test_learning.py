"""An assistant learns from its traffic: a teacher labels, a person reviews, a challenger is judged, promoted and rolled back, by HTTP and by the
command line, while the server answers. The large model is a small server that answers and labels."""

import json
import os
import subprocess

import httpx
import pytest

from learning_shop import PARCEL, WAREHOUSE, eventually, write_shop


def test_the_round(bantam_server, bantam_binary, tmp_path, teacher):
    file = write_shop(tmp_path, teacher)
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
        heard = sum(generation["messages"] for generation in found["traffic"])
        return found if heard == 60 and found["candidates"]["unlabelled"] == 0 and found["candidates"]["pending"] > 5 else None

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
    relabelled = found["to_review"][1]
    assert learn("review", "label", "refund", str(relabelled["id"])) == "relabelled 1\n"
    back = client.post("/v1/learning/review", json={"ids": [relabelled["id"]], "verdict": "relabelled", "route": relabelled["label"]})
    assert back.json()["candidates"] == 1
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

    assert eventually(outcomes) == ["reviewed", "relabelled", "relabelled", "reviewed", "proposed", "promoted", "rolled back"]
    why = subprocess.run(
        [bantam_binary, "audit", "why", relabelled["request_id"], "--log", audit], capture_output=True, text=True, check=True
    ).stdout
    assert f'candidate {relabelled["id"]} was "{relabelled["label"]}", as the teacher said, and is "refund" now' in why
    assert f'candidate {relabelled["id"]} was "refund", as a person said, and is "{relabelled["label"]}" now' in why
    records = [json.loads(line) for line in audit.read_text().splitlines()]
    labels = [record for record in records if record["decision"] == "label"]
    assert labels and all(record["source"] == "teacher" and record["cost"] > 0 for record in labels)
    drawn = [record for record in records if "propensity" in record]
    assert all(record["propensity"] == 0.5 for record in drawn)
    subprocess.run([bantam_binary, "audit", "verify", "--log", audit], check=True, capture_output=True)

    # Each message by the head that decided it, however often that was changed since.
    environment = os.environ | {"BANTAM_HOME": str(server.home)}

    def run(*words, code=0):
        done = subprocess.run([bantam_binary, *words, "-c", file], env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stderr + done.stdout
        return done.stdout if code == 0 else done.stderr

    again = json.loads(run("replay", "--json"))
    assert again["messages"] == again["same_bits"] > 30 and again["other_heads"] == []
    first = json.loads(run("replay", "--json", "--generation", "1"))
    assert first["same_bits"] < again["messages"] and 30 < sum(head["messages"] for head in first["other_heads"]) < again["messages"]
    assert "keeps no generation 7 of its head; there is 0, 1" in run("replay", "--generation", "7", code=65)

    # One message leaves every file, once the folder is nobody else's.
    text = relabelled["text"]
    assert "stop it first" in run("audit", "purge", "--request", relabelled["request_id"], code=69)
    assert server.stop() == 0
    state = server.home / "state" / "shop"
    holding = [path.name for path in state.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]
    assert {"audit.jsonl", "candidates.db", "learned.jsonl"} <= set(holding)
    assert "1 candidates, 1 examples of learned heads and 0 queued questions were taken out" in run("audit", "purge", "--request", relabelled["request_id"])
    assert not [path.name for path in state.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]
    assert "no challenger" in run("learn", "status"), "what was proven of it is of another head"


def test_an_assistant_that_does_not_learn(helpdesk_server):
    refused = httpx.get(helpdesk_server.url + "/v1/learning")
    assert refused.status_code == 404 and 'its route file has no "learning"' in refused.json()["error"]["message"]
    curve = httpx.get(helpdesk_server.url + "/v1/learning/curve").json()
    assert curve["points"] == [] and curve["current"] is None and curve["why_empty"]

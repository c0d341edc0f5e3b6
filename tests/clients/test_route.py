"""/v1/route and /v1/feedback, error budgets and questions back, over HTTP and with the real encoder."""

import httpx
import pytest

from desk_routes import HEAD, HOURS, REFUND, RESPONSES

PERSON = """  - name: person
    utterances: [I want to talk to a person, a human please, get me an agent, is there somebody real, call somebody, "let me speak to someone"]
    action: {type: hand_over, response: utter_soon, queue_file: queue.jsonl}
out_of_scope: {utterances: [tell me a joke, what is the capital of France, book a flight to Rome, my bicycle is broken, is it going to rain]}
"""
ROUTES = HEAD + HOURS + REFUND + PERSON + RESPONSES + '  utter_soon: {text: "Somebody will write to you."}\n'
QUESTIONS = ["when are you open", "where is my refund", "how many moons has Jupiter", "где мои деньги, они не пришли"]


@pytest.fixture
def serve(bantam_server, tmp_path):
    def serve(more="", **options):
        (tmp_path / "desk.yaml").write_text(ROUTES + more)
        return bantam_server("-c", str(tmp_path / "desk.yaml"), **options)

    return serve


def chat(server, text, **more):
    body = {"model": "desk", "messages": [{"role": "user", "content": text}]} | more
    return httpx.post(f"{server.url}/v1/chat/completions", json=body).json()


def test_route_decides_as_a_chat_and_does_nothing(serve, tmp_path):
    server = serve()
    reply = httpx.post(f"{server.url}/v1/route", json={"input": [*QUESTIONS, "a human please"]}).json()
    assert [item["decision"] for item in reply["data"]] == ["answer", "answer", "escalate", "escalate", "escalate"]
    assert [item["route"] for item in reply["data"]] == ["hours", "refund", None, None, "person"]
    assert [item["action"] for item in reply["data"]] == ["respond", "respond", None, None, "hand_over"]
    assert not (tmp_path / "queue.jsonl").exists()
    assert "Cyrillic" in reply["data"][3]["reasons"][0] and reply["data"][3]["p_correct"] == 0
    for text, item in zip(QUESTIONS, reply["data"]):
        told = chat(server, text)["bantam"]
        assert told["route"] == item["route"] and told["threshold"] == pytest.approx(item["threshold"])
        assert told["p_correct"] == pytest.approx(item["p_correct"], abs=1e-4) and told["prediction_set"] == item["prediction_set"]
        assert told["budget"] is None and item["budget"] is None
        assert len(item["nearest"]) == 5 and item["reasons"]
    one = httpx.post(f"{server.url}/v1/route", json={"model": "desk", "input": "when are you open"}).json()
    assert one["data"][0]["confidence"] == pytest.approx(reply["data"][0]["confidence"], abs=1e-4)
    for body, code in [({"input": ""}, 400), ({"input": ["x", " "]}, 400), ({"model": "nope", "input": "x"}, 404), ({}, 400)]:
        assert httpx.post(f"{server.url}/v1/route", json=body).status_code == code, body
    assert chat(server, "a human please")["choices"][0]["message"]["content"] == "Somebody will write to you."
    assert "a human please" in (tmp_path / "queue.jsonl").read_text()


def test_a_budget_that_cannot_be_shown_answers_nothing_and_says_how_much_is_missing(serve):
    server = serve("decision: {policy: risk, max_error: 0.05}\n")
    assert "NOT SHOWN" in server.log()
    reply = chat(server, "when are you open")
    assert reply["bantam"]["decision"] == "unsure" and reply["bantam"]["threshold"] is None
    assert reply["bantam"]["budget"]["max_error"] == 0.05 and reply["bantam"]["budget"]["threshold"] is None
    listed = httpx.get(f"{server.url}/v1/models/desk").json()["bantam"]["decision"]
    assert listed["policy"] == "risk" and not listed["budget"]["supported"]
    assert listed["budget"]["num_calibration"] == 23 and "missing" in listed["budget"]  # null: no number would do


def test_feedback(serve):
    server = serve()
    answer = chat(server, "when are you open")
    say = lambda **body: httpx.post(f"{server.url}/v1/feedback", json=body)  # noqa: E731
    told = say(id=answer["id"], verdict="wrong", route="refund")
    assert told.json() == {"object": "feedback", "request_id": answer["bantam"]["request_id"], "verdict": "wrong", "route": "refund", "recorded": True}
    assert say(request_id=answer["bantam"]["request_id"], verdict="wrong", route="refund").json()["recorded"] is False
    assert say(id=answer["id"], verdict="right").json()["route"] == "hours"
    assert say(id="chatcmpl-nobody", verdict="right").status_code == 404
    for body in [{"verdict": "wrong", "route": "refnd"}, {"verdict": "wrong", "route": "hours"}, {"verdict": "maybe"}]:
        assert say(id=answer["id"], **body).status_code == 400, body

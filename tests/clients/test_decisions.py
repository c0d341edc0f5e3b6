"""Typed questions, answered with probabilities: /v1/decisions with the real `openai` client, /v1/systemone with TypeSafe's SDK and
the suite that servers of its shape are compared by, against a model that writes text, an encoder, a classifier of inference and an
assistant."""

import concurrent.futures
import json
import subprocess
import sys

import httpx
import openai
import pytest
import typesafe_sdk
from typesafe_sdk import Choice, Noul, Score, TypeSafeClient

from bantam_process import REPOSITORY, BantamProcess, make_home, real_home
from desk_routes import HEAD, HOURS, REFUND, RESPONSES

WRITER, ENCODER, INFERENCE = "smollm2", "all-MiniLM-L6-v2", "inference"
STATE = "I was charged twice for my March invoice and nobody answers my mails. Please give me my money back today!"
QUEUES = {"billing": "invoices, charges, money back", "technical": "bugs and outages", "sales": None}
PREDICATE = {"type": "predicate", "name": "money", "instructions": "The customer wants money back."}
CHOICE = {
    "type": "choice", "name": "queue", "instructions": "Which queue does this belong to?",
    "choices": [{"value": name, "description": text} if text else {"value": name} for name, text in QUEUES.items()],
}  # fmt: skip
SCORE = {"type": "score", "instructions": "How angry is the customer?", "levels": [{"label": "calm"}, {"label": "annoyed"}, {"label": "furious", "description": "shouts"}]}
BOOLEANS = {"type": "choice", "instructions": "Is it urgent?", "choices": [{"value": True}, {"value": "true"}, {"value": False}]}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if not (real_home() / "models" / WRITER).is_dir():
        pytest.skip(f"{WRITER} is not in the model store; fetch it with: make setup")
    models = [WRITER, ENCODER, REPOSITORY / "src/tasks/golden/models/inference", REPOSITORY / "src/tasks/golden/models/rank_raw"]
    arguments = [x for model in models for x in ("--model", model)] + ["--context", "8192", "--alias", f"jev-latest={WRITER}"]
    with BantamProcess(make_home(tmp_path_factory.mktemp("decisions") / "home"), arguments) as running:
        yield running
        assert running.stop() == 0, running.log()


@pytest.fixture(scope="module")
def client(server):
    return openai.OpenAI(base_url=server.url + "/v1", api_key="unused", max_retries=0, timeout=120)


@pytest.fixture(scope="module")
def typesafe(server):
    with TypeSafeClient(api_key="unused", base_url=server.url, timeout=120, model=WRITER) as made:
        yield made


def total(probabilities):
    return pytest.approx(sum(each.probability for each in probabilities), abs=1e-6)


# ------------------------------------------------------------------------------------------------------------- /v1/decisions


@pytest.mark.parametrize(("model", "state"), [(WRITER, STATE), (INFERENCE, "money back!")])  # that one reads 64 tokens
def test_every_kind_of_question(client, model, state):
    decision = client.decisions.create(model=model, input=state, questions=[PREDICATE, CHOICE, SCORE, BOOLEANS])
    assert decision.model == model
    predicate, choice, score, booleans = decision.answers
    assert (predicate.type, predicate.name) == ("predicate", "money") and 0 <= predicate.probability <= 1
    assert "confidence" not in predicate.model_dump()
    assert (choice.type, choice.name) == ("choice", "queue")
    assert [each.value for each in choice.probabilities] == list(QUEUES) and 1 == total(choice.probabilities)
    best = max(choice.probabilities, key=lambda each: each.probability)
    assert choice.choice == best.value and choice.confidence == pytest.approx((best.probability - 1 / 3) / (2 / 3))
    assert score.name is None and [(each.label, each.value) for each in score.probabilities] == [("calm", 0), ("annoyed", 1), ("furious", 2)]
    assert score.score == pytest.approx(sum(each.value * each.probability for each in score.probabilities))
    # A text and a boolean are not the same, whatever they say.
    assert [each.value for each in booleans.probabilities] == [True, "true", False] and 1 == total(booleans.probabilities)
    usage = decision.usage
    assert usage.input_tokens > 0 and usage.output_tokens == 0 and usage.total_tokens == usage.input_tokens
    assert usage.output_tokens_details.reasoning_tokens == 0


def test_an_encoder_chooses_and_says_what_it_cannot(client):
    decision = client.decisions.create(model=ENCODER, input=STATE, questions=[CHOICE, SCORE])
    assert decision.answers[0].choice == "billing" and decision.answers[0].confidence > 0.2
    with pytest.raises(openai.BadRequestError, match="questions\\[0\\] asks for a yes or no, but all-MiniLM-L6-v2 only compares") as refused:
        client.decisions.create(model=ENCODER, input=STATE, questions=[PREDICATE])
    assert refused.value.param == "questions"


def test_a_model_that_writes_knows_the_obvious(client):
    questions = [{"type": "choice", "instructions": "What is this about?", "choices": [{"value": "the weather"}, {"value": "music"}, {"value": "food"}]}]
    for text, expected in (("It will rain tomorrow, with strong wind.", "the weather"), ("She sings a song with her band.", "music")):
        assert client.decisions.create(model=WRITER, input=text, questions=questions).answers[0].choice == expected


def test_inputs_of_messages_calls_and_json(client):
    messages = [
        {"role": "system", "content": "You are a help desk."},
        {"role": "user", "content": [{"type": "input_text", "text": STATE}, {"type": "input_json", "data": {"plan": "pro", "tags": ["a", 1]}}]},
        {"type": "function_call", "call_id": "1", "name": "look_up", "arguments": '{"invoice": 3}'},
        {"type": "function_call_output", "call_id": "1", "output": [{"type": "input_text", "text": "charged twice"}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "I see."}]},
    ]
    whole = client.decisions.create(model=ENCODER, input=messages, questions=[CHOICE]).answers[0]
    text = (
        f"system: You are a help desk.\nuser: {STATE}\nplan: pro\ntags: [\"a\",1]\ncall of look_up: {{\"invoice\": 3}}\n"
        "output: charged twice\nassistant: I see."
    )  # fmt: skip
    assert client.decisions.create(model=ENCODER, input=text, questions=[CHOICE]).answers[0] == whole
    alone = client.decisions.create(model=ENCODER, input=[{"role": "user", "content": STATE}], questions=[CHOICE])
    assert alone.answers == client.decisions.create(model=ENCODER, input=STATE, questions=[CHOICE]).answers
    with pytest.raises(openai.BadRequestError, match="models here read text only"):
        image = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
        client.decisions.create(model=ENCODER, input=[{"role": "user", "content": [image]}], questions=[CHOICE])


def test_the_same_decision_whatever_else_is_computed(client):
    """Bit by bit: alone, beside other questions, beside other requests and texts."""
    ask = lambda questions: client.decisions.create(model=WRITER, input=STATE, questions=questions).answers  # noqa: E731
    expected = ask([CHOICE])[0]
    assert ask([SCORE, PREDICATE, CHOICE])[2] == expected
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        texts = [
            pool.submit(client.completions.create, model=WRITER, prompt=f"Once {i} times upon a time", max_tokens=24, temperature=1)
            for i in range(2)
        ]
        asked = [pool.submit(ask, [PREDICATE, CHOICE] if i % 2 else [CHOICE, SCORE]) for i in range(8)]
        for i, answers in enumerate(asked):
            assert answers.result()[i % 2] == expected
        for text in texts:
            assert text.result().choices[0].text


@pytest.mark.parametrize(
    ("change", "param", "says"),
    [
        ({"model": "gpt-9"}, "model", "not served here"),
        ({"model": "rank_raw"}, "model", "cannot decide"),
        ({"input": 3}, "input", "a text or a list"),
        ({"input": [{"role": "wizard", "content": "x"}]}, "input[0].role", "expected user"),
        ({"input": [{"type": "reasoning"}]}, "input[0].type", "expected message"),
        ({"questions": []}, "questions", "expected 1 to 400"),
        ({"questions": [PREDICATE] * 401}, "questions", "expected 1 to 400"),
        ({"questions": [{"type": "box", "instructions": "x"}]}, "questions[0].type", "predicate"),
        ({"questions": [{"type": "predicate"}]}, "questions[0].instructions", "missing"),
        ({"questions": [PREDICATE, {**CHOICE, "choices": CHOICE["choices"][:1]}]}, "questions[1].choices", "expected 2 to 255"),
        ({"questions": [{**CHOICE, "choices": [{"value": str(i)} for i in range(256)]}]}, "questions[0].choices", "expected 2 to 255"),
        ({"questions": [{**CHOICE, "choices": [{"value": "a"}, {"value": "a"}]}]}, "questions[0].choices[1].value", "another choice"),
        ({"questions": [{**CHOICE, "choices": [{"value": 1}, {"value": 2}]}]}, "questions[0].choices[0].value", "true or false"),
        ({"questions": [{**SCORE, "levels": [{"label": ""}, {"label": "b"}]}]}, "questions[0].levels[0].label", "empty"),
        ({"questions": [{**CHOICE, "choices": [{"value": f"{i} {k}"} for k in range(250)]} for i in range(20)]}, "questions", "the limit is 4096"),
        ({"questions": [{**CHOICE, "choices": [{"value": "word " * 80}, {"value": "b"}]}]}, "questions", "the limit is 64"),
        ({"input": "word " * 9000}, "questions", "nothing is cut"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(server, change, param, says):
    body = {"model": WRITER, "input": STATE, "questions": [PREDICATE]} | change
    reply = httpx.post(server.url + "/v1/decisions", json=body, timeout=60)
    error = reply.json()["error"]
    assert reply.status_code == (404 if change.get("model") == "gpt-9" else 400), error
    assert error["param"] == param and says in error["message"], error


def test_a_client_that_goes_away_takes_its_work_along(server):
    many = [{**CHOICE, "choices": [{"value": f"{i} {k} of them"} for k in range(200)]} for i in range(20)]
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(server.url + "/v1/decisions", json={"model": WRITER, "input": STATE, "questions": many}, timeout=0.5)
    # What comes next does not wait for it.
    asked = httpx.post(server.url + "/v1/decisions", json={"model": WRITER, "input": STATE, "questions": [PREDICATE]}, timeout=60)
    assert asked.status_code == 200


# ------------------------------------------------------------------------------------------------------------- /v1/systemone


@pytest.mark.parametrize("state", [STATE, {"subject": "Charged twice", "body": STATE, "customer": {"plan": "pro"}}, ["Charged twice.", STATE]])
def test_typesafe_sdk(typesafe, state):
    reply = typesafe.system_one(
        state=state,
        questions={
            "queue": Choice(instructions="Which queue does this belong to?", criteria=QUEUES),
            "money.back": Noul(instructions="Does the customer want money back?"),
            "threat": Noul(instructions=None, criteria={"true": "The customer threatens."}),
            "anger": Score(instructions=["How angry is the customer?"], criteria=["calm", {"label": "annoyed"}, "furious"]),
        },
    )
    assert list(reply.answers) == ["queue", "money.back", "threat", "anger"]
    queue, anger = reply.choices["queue"], reply.scores["anger"]
    assert list(queue.probabilities) == list(QUEUES) and queue.choice == max(queue.probabilities, key=queue.probabilities.get)
    assert sum(queue.probabilities.values()) == pytest.approx(1)
    assert 0 <= reply.nouls["money.back"].noul <= 1
    assert anger.legend == {0: "calm", 1: {"label": "annoyed"}, 2: "furious"}
    assert anger.score == pytest.approx(sum(level * p for level, p in anger.probabilities.items()))
    assert reply.usage.input_tokens > 0 and reply.usage.output_tokens == 0


def test_both_endpoints_decide_alike(server, client):
    body = {"model": WRITER, "state": STATE, "questions": {"queue": {"type": "choice", "instructions": CHOICE["instructions"], "criteria": QUEUES}}}
    one = httpx.post(server.url + "/v1/systemone", json=body, timeout=60).json()["answers"]["queue"]
    other = client.decisions.create(model=WRITER, input=STATE, questions=[CHOICE]).answers[0]
    assert one["probabilities"] == {each.value: each.probability for each in other.probabilities}


def test_typesafe_errors_and_models(server, typesafe):
    assert {WRITER, ENCODER, INFERENCE, "jev-latest"} == {model.name for model in typesafe.models.list().models}
    with pytest.raises(typesafe_sdk.TypeSafeUnprocessableEntityError, match="questions.q.criteria: .*has 1 options, expected 2 to 255"):
        typesafe.system_one(state=STATE, questions={"q": {"type": "choice", "criteria": {"only": None}}})
    with pytest.raises(typesafe_sdk.TypeSafeUnprocessableEntityError, match="cannot decide"):
        typesafe.system_one(state=STATE, questions={"q": Noul(instructions="?")}, model="rank_raw")
    with pytest.raises(typesafe_sdk.TypeSafeNotFoundError, match="not served here"):
        typesafe.system_one(state=STATE, questions={"q": Noul(instructions="?")}, model="gpt-9")
    refused = httpx.post(server.url + "/v1/systemone", json={"model": WRITER, "questions": {}}).json()
    assert refused["detail"][0]["loc"] == ["body", "state"] and refused["detail"][0]["type"] == "value_error"
    listed = httpx.get(server.url + "/v1/models").json()["data"]
    outputs = {model["id"]: model.get("architecture", {}).get("output_modalities") for model in listed}
    assert outputs == {WRITER: ["text", "decisions"], ENCODER: ["embeddings", "decisions"], INFERENCE: ["decisions"], "rank_raw": None, "jev-latest": ["text", "decisions"]}


def test_conformance_with_systemone(server, tmp_path):
    """jevcompat's requirements, of which servers of this shape are told to keep all that say MUST."""
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "jevcompat.cli", "test", server.url, "--model", WRITER, "--timeout", "120", "--json", report]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


# ------------------------------------------------------------------------------------------------------------- the assistant

@pytest.fixture
def desk(bantam_server, tmp_path):
    (tmp_path / "desk.yaml").write_text(HEAD + HOURS + REFUND + RESPONSES)
    return bantam_server("-c", str(tmp_path / "desk.yaml"))


def test_the_assistant_answers_by_its_head(desk):
    client = openai.OpenAI(base_url=desk.url + "/v1", api_key="unused", max_retries=0)
    routes = {"type": "choice", "name": "route", "instructions": "Which one?", "choices": [{"value": "refund"}, {"value": "hours"}]}
    text = "when do I get my money back"
    answer = client.decisions.create(model="desk", input=text, questions=[routes]).answers[0]
    classified = httpx.post(desk.url + "/v1/classify", json={"model": "desk", "input": text}).json()["data"][0]
    assert answer.choice == "refund" == classified["label"]
    assert {each.value: each.probability for each in answer.probabilities}["refund"] == pytest.approx(classified["probability"], abs=1e-6)
    more = answer.model_extra
    assert more["calibrated"] is True and more["p_correct"] == pytest.approx(classified["confidence"], abs=1e-6)
    assert more["decision"] == ("answer" if classified["accepted"] else "clarify")
    assert more["prediction_set"][0] == "refund" and more["risk"]["threshold"] == classified["threshold"]
    # Nothing that it knows: not sure, and no large model to ask.
    odd = client.decisions.create(model="desk", input="sing me an opera of Verdi", questions=[routes]).answers[0]
    assert odd.model_extra["decision"] == "escalate" and odd.model_extra["p_correct"] < more["p_correct"]
    # What is no route is the encoder's to answer, in the same request, and says nothing of being right.
    topic = {"type": "choice", "instructions": "About what?", "choices": [{"value": "money"}, {"value": "animals"}]}
    both = client.decisions.create(model="desk", input=text, questions=[topic, routes]).answers
    assert both[0].choice == "money" and "p_correct" not in both[0].model_extra and both[1] == answer
    systemone = {"state": text, "questions": {"route": {"type": "choice", "criteria": {"refund": None, "hours": None}}}}
    assert httpx.post(desk.url + "/v1/systemone", json=systemone).json()["answers"]["route"]["p_correct"] == more["p_correct"]

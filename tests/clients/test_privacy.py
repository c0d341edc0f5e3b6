"""What a large model gets to see, in each of its protocols: never an address, a number, a key, or the server's own key in a
place where it does not belong. The upstream records everything and answers with what it was asked, in pieces of three
characters, so that every placeholder arrives cut."""

import json

import httpx
import pytest
from recording_model import recording_model

PRIVATE = {
    "EMAIL": "ann.smith@example.org",
    "PHONE": "+44 20 7946 0958",
    "CARD": "4111 1111 1111 1111",
    "IBAN": "DE89 3704 0044 0532 0130 00",
    "IP": "203.0.113.42",
    "SECRET": "ghp_0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R",
}
QUESTION = "Compose a haiku about the moons of Jupiter for " + ", ".join(PRIVATE.values())
KEY = "upstream-key-0123456789"


ROUTE_FILE = """
version: 1
name: desk
model_list:
  - model_name: big
    params: {{model: {model}, api_base: "http://127.0.0.1:{port}{base}", api_key: os.environ/UPSTREAM_KEY, max_tokens: 2000}}
    cost: {{input_per_1m: 1000, output_per_1m: 1000}}
    max_budget: {budget}
routes:
  - name: hours
    utterances: [when are you open, what are your opening hours, are you open on sunday, when do you close, opening times please]
    action: {{type: respond, response: utter_hours}}
  - name: refund
    utterances: [where is my refund, refund not arrived, "I want my money back", status of my refund, "my refund is late"]
    action: {{type: respond, response: utter_refund}}
decision: {{policy: threshold, confidence_threshold: 0.6, nlu_fallback: big}}
responses: {{utter_hours: "9 to 17.", utter_refund: "Five days."}}
audit: {{content: text}}
privacy: {{pii: {{mask_before: [big]}}}}
offline: {offline}
"""
MODELS = {"openai": ("openai/m", "/v1"), "anthropic": ("anthropic/m", ""), "ollama": ("ollama/m", "")}


@pytest.fixture
def recorder():
    with recording_model() as server:
        yield server


@pytest.fixture
def serve(bantam_server, recorder, tmp_path):
    def start(protocol, budget=1000, offline="degrade", home=None):
        model, base = MODELS[protocol]
        file = tmp_path / "desk.yaml"
        port = recorder.server_address[1]
        file.write_text(ROUTE_FILE.format(model=model, base=base, port=port, budget=budget, offline=offline))
        return bantam_server("-c", str(file), environment={"UPSTREAM_KEY": KEY}, home=home)

    return start


def ask(server, messages, **more):
    body = {"model": "desk", "messages": messages, **more}
    headers = {"Authorization": "Bearer client-key-98765"}
    return httpx.post(f"{server.url}/v1/chat/completions", json=body, headers=headers, timeout=30)


def metric(server, name):
    lines = httpx.get(f"{server.url}/metrics").text.splitlines()
    found = (line.rsplit(" ", 1) for line in lines if line.startswith(name + "{"))
    return {series[len(name) :]: float(value) for series, value in found}


@pytest.mark.parametrize("protocol", MODELS)
def test_nothing_private_leaves_and_everything_comes_back(serve, recorder, protocol):
    server = serve(protocol)
    history = [{"role": "user", "content": f"I am {PRIVATE['EMAIL']}"}, {"role": "assistant", "content": f"Hello {PRIVATE['EMAIL']}!"}]
    question = [*history, {"role": "user", "content": QUESTION}]
    answer = ask(server, question, user=PRIVATE["EMAIL"], stop=[PRIVATE["PHONE"]]).json()
    assert answer["choices"][0]["message"]["content"] == QUESTION
    assert answer["usage"]["prompt_tokens"] == 100 and answer["usage"]["completion_tokens"] == 200
    streamed = ""
    for line in ask(server, [{"role": "user", "content": QUESTION + "!!"}], stream=True).text.splitlines():
        if line.startswith("data: {"):
            streamed += "".join(c["delta"].get("content") or "" for c in json.loads(line[6:])["choices"])
    assert streamed == QUESTION + "!!"
    recorder.cut = True
    broken = ask(server, [{"role": "user", "content": "Again: " + QUESTION}], stream=True).text
    assert '"error"' in broken and "[DONE]" not in broken.split('"error"')[0]
    assert len(recorder.seen) == 3  # a cut answer is not asked for again
    recorder.cut = False
    assert ask(server, [{"role": "user", "content": "Again: " + QUESTION}]).json()["bantam"]["source"] == "upstream"  # nor kept

    assert len(recorder.seen) == 4
    for path, headers, raw in recorder.seen:
        for type_, value in PRIVATE.items():
            assert value not in raw and value.replace(" ", "") not in raw, (path, type_)
            assert f"<{type_}_1>" in raw
        assert KEY not in raw and "client-key" not in raw
        sent_key = {"anthropic": "x-api-key"}.get(protocol, "authorization")
        carrying = [name.lower() for name, value in headers.items() if KEY in value]
        assert carrying == [sent_key]
        assert not any("client-key" in value for value in headers.values())
    log = (server.home / "state/desk/audit.jsonl").read_text()
    assert "<EMAIL_1>" in log and "moons of Jupiter" in log
    for text in (log, server.log()):
        for value in (*PRIVATE.values(), KEY, "client-key"):
            assert value not in text, value


def test_a_budget_holds_across_a_kill(serve, recorder):
    """One question costs 0.3 and may cost up to 2.3: a budget of 4 lets some through, says so, and is kept."""
    server = serve("openai", budget=4, offline="refuse")
    answers = [ask(server, [{"role": "user", "content": f"Compose haiku {n} about the moons of Jupiter"}]) for n in range(12)]
    passed = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert 1 <= len(passed) == len(recorder.seen) and refused
    assert refused[-1].status_code == 503 and "its budget of 4 is used up" in refused[-1].json()["error"]["message"]
    spent = metric(server, "bantam_spent")
    assert abs(spent['{upstream="big"}'] - 0.3 * len(passed)) < 1e-6
    assert abs(metric(server, "bantam_budget_left")['{upstream="big"}'] - (4 - 0.3 * len(passed))) < 1e-6
    server.kill()
    server.start()
    before = len(recorder.seen)
    assert ask(server, [{"role": "user", "content": "Compose a new haiku about the moons of Saturn"}]).status_code == 503
    assert len(recorder.seen) == before
    assert metric(server, "bantam_spent") == spent

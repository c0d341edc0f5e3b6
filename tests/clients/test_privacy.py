"""What a large model gets to see, in each of its protocols: never an address, a number, a key, or the server's own key in a
place where it does not belong. The upstream records everything and answers with what it was asked, in pieces of three
characters, so that every placeholder arrives cut."""

import http.server
import json
import socketserver
import threading

import httpx
import pytest

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


class Recorder(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def piece(self, text):
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def event(self, document, name=None):
        self.piece((f"event: {name}\n" if name else "") + f"data: {json.dumps(document)}\n\n")

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.seen.append((self.path, dict(self.headers), raw))
        echo = json.loads(raw)["messages"][-1]["content"]
        pieces = [echo[i : i + 3] for i in range(0, len(echo), 3)]
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson" if self.path == "/api/chat" else "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.server.cut:
            pieces = pieces[: len(pieces) // 2]
        {"/v1/chat/completions": self.openai, "/v1/messages": self.anthropic, "/api/chat": self.ollama}[self.path](pieces)
        if self.server.cut:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def openai(self, pieces):
        for piece in pieces:
            self.event({"choices": [{"index": 0, "delta": {"content": piece}}]})
        if not self.server.cut:
            usage = {"prompt_tokens": 100, "completion_tokens": 200}
            self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage})
            self.piece("data: [DONE]\n\n")

    def anthropic(self, pieces):
        self.event({"type": "message_start", "message": {"usage": {"input_tokens": 100, "output_tokens": 1}}}, "message_start")
        for piece in pieces:
            delta = {"type": "text_delta", "text": piece}
            self.event({"type": "content_block_delta", "index": 0, "delta": delta}, "content_block_delta")
        if not self.server.cut:
            end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 200}}
            self.event(end, "message_delta")
            self.event({"type": "message_stop"}, "message_stop")

    def ollama(self, pieces):
        for piece in pieces:
            self.piece(json.dumps({"message": {"role": "assistant", "content": piece}, "done": False}) + "\n")
        if not self.server.cut:
            self.piece(json.dumps({"done": True, "done_reason": "stop", "prompt_eval_count": 100, "eval_count": 200}) + "\n")


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


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
    server = Server(("127.0.0.1", 0), Recorder)
    server.seen, server.cut = [], False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


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

"""A question the assistant is not sure about goes to a large model; when that misbehaves, the user gets a clear answer,
the audit log says what happened, and nothing partial is cached. The upstream is a small server that does as it is told."""

import http.server
import json
import signal
import socketserver
import subprocess
import threading
import time

import httpx
import openai
import pytest

QUESTION = "compose a haiku about the moons of Jupiter in Latin"
PIECES = ["Luna ", "Iovis ", "micat."]


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def event(self, text):
        data = f"data: {text}\n\n".encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def chunk(self, content=None, finish=None):
        delta = {"content": content} if content is not None else {}
        self.event(json.dumps({"id": "1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}))

    def reply(self, status, body, content_type="application/json", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def do_POST(self):
        self.server.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.keys.append(self.headers.get("Authorization"))
        mode = self.server.modes.pop(0) if self.server.modes else self.server.mode
        if mode == "late":
            self.server.released.wait(20)
        if mode == "hang":
            self.server.released.wait(20)
            self.close_connection = True
            return
        if mode == "500":
            return self.reply(500, '{"error": {"message": "boom"}}')
        if mode == "429":
            return self.reply(429, '{"error": {"message": "slow down"}}', Retry_After="0")
        if mode == "401":
            return self.reply(401, '{"error": {"message": "bad key sk-secret-123"}}')
        if mode == "garbage":
            return self.reply(200, "<html>proxy login page</html>", "text/html")
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for i, piece in enumerate(PIECES):
            if mode == "cut" and i == 2:
                self.close_connection = True
                return
            self.chunk(piece)
            if mode == "slow":
                time.sleep(0.2)
        self.chunk(finish="stop")
        self.event(json.dumps({"id": "1", "choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 7}}))
        self.event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


@pytest.fixture
def upstream():
    server = Server(("127.0.0.1", 0), Upstream)
    server.mode, server.modes, server.requests, server.keys = "fine", [], [], []
    server.released = threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.released.set()
    server.shutdown()


ROUTE_FILE = """
version: 1
name: desk
encoder: {{model: all-MiniLM-L6-v2, dtype: int8}}
model_list:
  - model_name: big
    params: {{model: openai/large-1, api_base: "http://127.0.0.1:{port}/v1", api_key: os.environ/UPSTREAM_KEY, timeout: {seconds}s, connect_timeout: 1s, first_byte_timeout: {first}s, idle_timeout: 1s}}
    cost: {{input_per_1m: 1.0, output_per_1m: 2.0}}
routes:
  - name: hours
    description: Opening hours
    utterances: [when are you open, what are your opening hours, are you open on sunday, when do you close, "until what time are you there", opening times please]
    action: {{type: respond, response: utter_hours}}
  - name: refund
    description: Refunds
    utterances: [where is my refund, refund not arrived, "I want my money back", when do I get my money back, status of my refund, "my refund is late"]
    action: {{type: respond, response: utter_refund}}
decision: {{policy: threshold, confidence_threshold: 0.6, nlu_fallback: big}}
responses:
  utter_hours: {{text: "We are open 9 to 17."}}
  utter_refund: {{text: "Refunds take five days."}}
router_settings: {{num_retries: 1}}
audit: {{content: hash}}
"""


@pytest.fixture
def desk(request, bantam_server, upstream, tmp_path):
    file = tmp_path / "desk.yaml"
    seconds, first = getattr(request, "param", (3, 1))
    file.write_text(ROUTE_FILE.format(port=upstream.server_address[1], seconds=seconds, first=first))
    server = bantam_server("-c", str(file), environment={"UPSTREAM_KEY": "sk-secret-123"})
    server.client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="x", max_retries=0)
    return server


def ask(desk, text=QUESTION, **more):
    return desk.client.chat.completions.create(model="desk", messages=[{"role": "user", "content": text}], **more)


def audit(desk, bantam_binary):
    lines = (desk.home / "state/desk/audit.jsonl").read_text().splitlines()
    environment = {"BANTAM_HOME": str(desk.home), "PATH": "/usr/bin:/bin"}
    subprocess.run([bantam_binary, "audit", "verify", "--assistant", "desk"], env=environment, check=True, capture_output=True)
    return [json.loads(line) for line in lines]


def test_local_answers_stay_local(desk, upstream):
    assert ask(desk, "what are your opening hours?").choices[0].message.content == "We are open 9 to 17."
    assert upstream.requests == []


def test_escalation_streams_through_and_is_cached(desk, upstream, bantam_binary):
    answer = ask(desk, temperature=0.5)
    assert answer.choices[0].message.content == "".join(PIECES)
    extra = answer.model_extra["bantam"]
    assert extra["source"] == "upstream" and extra["decision"] == "escalate" and extra["confidence"] < extra["threshold"]
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (12, 7)
    sent = upstream.requests[0]
    assert sent["model"] == "large-1" and sent["stream"] is True and sent["temperature"] == 0.5
    assert upstream.keys == ["Bearer sk-secret-123"]
    again = ask(desk, temperature=0.5)
    assert again.model_extra["bantam"]["source"] == "cache" and len(upstream.requests) == 1
    ask(desk, temperature=0.6)  # another parameter is another question
    assert len(upstream.requests) == 2
    record = audit(desk, bantam_binary)[0]
    assert record["outcome"] == "ok" and abs(record["cost"] - (12 * 1.0 + 7 * 2.0) / 1e6) < 1e-12


PASSED_ON = {
    "temperature": 0.5, "top_p": 0.9, "presence_penalty": 0.1, "frequency_penalty": 0.2, "max_tokens": 50, "max_completion_tokens": 60,
    "seed": 7, "stop": ["END"], "response_format": {"type": "json_object"}, "logit_bias": {"50256": -100}, "reasoning_effort": "low",
    "verbosity": "low", "service_tier": "auto", "user": "u1", "safety_identifier": "s1", "prompt_cache_key": "k1",
}
WHO_ASKS = {"service_tier", "user", "safety_identifier", "prompt_cache_key"}


def test_parameters_are_passed_on_and_kept_apart_in_the_cache(desk, upstream):
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    ask(desk, extra_body=PASSED_ON | {"tools": [tool], "tool_choice": "auto", "made_up": 1, "metadata": {"session_id": "s"}})
    sent = upstream.requests[0]
    assert set(sent) == {"model", "messages", "stream", "stream_options", *PASSED_ON}
    assert {key: sent[key] for key in PASSED_ON} == PASSED_ON
    asked = 1
    for key in PASSED_ON:
        ask(desk, extra_body={k: v for k, v in PASSED_ON.items() if k != key})
        asked += key not in WHO_ASKS  # without another it is another question
        assert len(upstream.requests) == asked, key
    ask(desk, extra_body=PASSED_ON | {"made_up": 2})
    assert len(upstream.requests) == asked


def test_streaming_arrives_piece_by_piece(desk, upstream):
    upstream.mode = "slow"
    times, text = [], ""
    for chunk in ask(desk, stream=True):
        if chunk.choices[0].delta.content:
            times.append(time.monotonic())
            text += chunk.choices[0].delta.content
    assert text == "".join(PIECES)
    assert times[-1] - times[0] > 0.2  # not held back until the end


@pytest.mark.parametrize("mode,outcome,words", [
    ("hang", "upstream_timeout", "did not answer in time"), ("500", "upstream_server_error", "reported a fault"),
    ("429", "upstream_overloaded", "too much to do"), ("401", "upstream_rejected", "did not take the question"),
    ("cut", "upstream_truncated", "broke off"), ("garbage", "upstream_garbage", "can't read"),
])
def test_faults_get_a_clear_answer(desk, upstream, bantam_binary, mode, outcome, words):
    upstream.mode = mode
    answer = ask(desk)
    extra = answer.model_extra["bantam"]
    assert words in answer.choices[0].message.content and extra["upstream_error"]
    assert "sk-secret" not in json.dumps(answer.model_dump())
    assert "".join(PIECES) not in answer.choices[0].message.content
    records = audit(desk, bantam_binary)
    assert records[-1]["outcome"] == outcome
    attempts = len(upstream.requests)
    assert attempts <= 2
    upstream.mode = "fine"
    time.sleep(0.1)
    fresh = ask(desk)  # nothing of the failure was cached
    assert fresh.model_extra["bantam"]["source"] == "upstream"
    assert fresh.choices[0].message.content == "".join(PIECES)


def test_one_retry_before_the_first_byte(desk, upstream):
    upstream.modes = ["500"]
    assert ask(desk).choices[0].message.content == "".join(PIECES)
    assert len(upstream.requests) == 2


def test_a_cut_stream_ends_in_an_error_not_in_success(desk, upstream):
    upstream.mode = "cut"
    text, failed, finish = "", False, None
    try:
        for chunk in ask(desk, stream=True):
            text += chunk.choices[0].delta.content or ""
            finish = chunk.choices[0].finish_reason or finish
    except openai.APIError as error:
        failed = True
        assert "sk-secret" not in str(error)
    assert text == "".join(PIECES[:2]) and failed and finish is None
    assert len(upstream.requests) == 1  # never again once text was sent


def test_refused_connection(desk, upstream, bantam_binary):
    upstream.shutdown()
    upstream.server_close()
    answer = ask(desk)
    assert answer.model_extra["bantam"]["upstream_error"]
    assert audit(desk, bantam_binary)[-1]["outcome"] == "upstream_refused"


@pytest.mark.parametrize("desk", [(30, 20)], indirect=True)
def test_a_drain_can_be_seen_and_loses_nothing(desk, upstream):
    """SIGTERM with a question in flight: probes see it on new and on kept connections, work is refused, the answer comes."""
    upstream.mode = "late"
    kept, answers = httpx.Client(base_url=desk.url), []
    assert kept.get("/readyz").json() == {"status": "ready"}
    asking = threading.Thread(target=lambda: answers.append(ask(desk)))
    asking.start()
    while not upstream.requests:
        time.sleep(0.01)
    desk.process.send_signal(signal.SIGTERM)
    while (ready := httpx.get(desk.url + "/readyz")).status_code == 200:
        time.sleep(0.01)
    for ready in (ready, kept.get("/readyz")):
        assert ready.status_code == 503 and ready.json() == {"status": "draining"} and ready.headers["retry-after"] == "1"
    assert httpx.get(desk.url + "/healthz").status_code == 200
    body = {"model": "desk", "messages": [{"role": "user", "content": "when are you open"}]}
    refused = httpx.post(desk.url + "/v1/chat/completions", json=body)
    assert refused.status_code == 503 and "stopping" in refused.json()["error"]["message"]
    assert refused.headers["connection"] == "close" and refused.headers["retry-after"] == "1"
    assert desk.process.poll() is None and not answers
    upstream.released.set()
    asking.join()
    assert answers[0].choices[0].message.content == "".join(PIECES)
    assert desk.process.wait(30) == 0

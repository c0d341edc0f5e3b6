"""offline: queue: whoever asked while the large model was away is told so, and finds the answer by its id once it is back."""

import http.server
import json
import threading
import time

import httpx

from bantam_process import BantamProcess, free_port, make_home

FILE = """version: 1
name: shop
model_list:
  - {{model_name: big, params: {{model: openai/stub, api_base: "http://127.0.0.1:{port}/v1"}}}}
routes:
  - name: hours
    utterances: [when are you open, opening hours, are you open today, what time do you close, business hours please]
    action: {{type: respond, response: utter_hours}}
  - name: refund
    utterances: [i want my money back, refund please, give me a refund, i want to return my order, return this parcel]
    action: {{type: respond, response: utter_refund}}
out_of_scope: {{utterances: [tell me a joke, what is the capital of france, write a poem]}}
decision: {{policy: threshold, confidence_threshold: 0.6, nlu_fallback: big}}
offline: queue
responses: {{utter_hours: From 9 to 17., utter_refund: Send it back., utter_queued: "Later: ask for {{id}}."}}
"""


class Stub(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        reply = json.dumps({"choices": [{"message": {"content": "Green cheese."}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)


def test_the_answer_is_there_when_the_model_is(tmp_path):
    port = free_port()
    file = tmp_path / "shop.yaml"
    file.write_text(FILE.format(port=port))
    with BantamProcess(make_home(tmp_path / "home"), ["-c", file]) as server:
        url = f"http://127.0.0.1:{server.port}"
        body = {"model": "shop", "messages": [{"role": "user", "content": "what is the moon made of"}]}
        mine, other = ({"Authorization": f"Bearer {key}"} for key in ("mine", "other"))
        reply = httpx.post(f"{url}/v1/chat/completions", json=body, headers=mine, timeout=60).json()
        assert reply["bantam"]["queued"] is True
        assert reply["choices"][0]["message"]["content"] == f"Later: ask for {reply['bantam']['request_id']}."
        answer = httpx.get(f"{url}/v1/answers/{reply['id']}", headers=mine).json()
        assert (answer["state"], answer["answer"], answer["ended"]) == ("waiting", None, None)
        refused = httpx.get(f"{url}/v1/answers/{reply['id']}", headers=other)
        assert refused.status_code == 404 and "the key that it was asked with" in refused.json()["error"]["message"]
        stub = http.server.HTTPServer(("127.0.0.1", port), Stub)
        threading.Thread(target=stub.serve_forever, daemon=True).start()
        deadline = time.monotonic() + 60
        while answer["state"] == "waiting" and time.monotonic() < deadline:
            time.sleep(0.2)
            answer = httpx.get(f"{url}/v1/answers/{reply['bantam']['request_id']}", headers=mine).json()
        stub.shutdown()
        assert (answer["state"], answer["answer"], answer["problem"]) == ("answered", "Green cheese.", None)
        assert answer["ended"] >= answer["asked"]

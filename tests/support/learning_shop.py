"""A shop's assistant that learns, and the large model that it asks: a small server that answers and labels."""

import contextlib
import http.server
import json
import socketserver
import threading
import time

from shop_routes import SHOP_ROUTES

FILE = """version: 1
name: shop
model_list:
  - {{model_name: big, params: {{model: openai/stub, api_base: "http://127.0.0.1:{port}/v1"}}, cost: {{input_per_1m: 1, output_per_1m: 2}}, max_budget: 5}}
decision: {{policy: threshold, confidence_threshold: 0.6, nlu_fallback: big}}
cache: {{mode: none}}
audit: {{content: text}}
privacy: {{pii: {{}}}}
learning: {{explore_rate: 0.5, promote_if: {{upper_bound_error: 0.3, min_coverage_gain: 0.05}}}}
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


@contextlib.contextmanager
def shop_teacher():
    """`.requests` has the bodies of what it was asked."""
    server = Server(("127.0.0.1", 0), Teacher)
    server.requests = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def write_shop(folder, teacher):
    """-> the route file"""
    file = folder / "shop.yaml"
    file.write_text(FILE.format(port=teacher.server_address[1]) + SHOP_ROUTES)
    return file


def eventually(condition, within_s=30):
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return value

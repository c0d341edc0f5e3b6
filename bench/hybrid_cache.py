"""The cache's part of `make bench-hybrid`: which questions it takes for the same, how long a hit takes, and whether budgets hold with
many requests at once. Everything stays on this machine: the large models are stubs on the loopback interface."""

import http.server
import json
import re
import shutil
import socketserver
import subprocess
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from contest import BUILD, BantamProcess, make_home, run, say
from report import table

REDIS_SERVER = shutil.which("redis-server")
REQUESTS_AT_ONCE = 200
PRICE_IN, PRICE_OUT = 1.0, 4.0  # of a million tokens
PROMPT_TOKENS, ANSWER_TOKENS, MOST_TOKENS = 40, 60, 100
BUDGET = 0.02


def pairs(binary):
    return [json.loads(line) for line in run([binary, "cache", "check-pairs", "--json"], "pairs of questions").splitlines()]


class Redis:
    """A redis-server on a socket in a folder; .url is None where there is none on this machine."""

    def __init__(self, folder):
        self.url = self.process = None
        if REDIS_SERVER:
            socket = Path(folder) / "redis.sock"
            self.process = subprocess.Popen([REDIS_SERVER, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder], stdout=subprocess.DEVNULL)
            while not socket.exists():
                time.sleep(0.01)
            self.url = f"unix://{socket}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
            self.process.wait()


def times():
    """-> {what: {p50, p99}} in microseconds, of single calls in one process"""
    with tempfile.TemporaryDirectory() as folder, Redis(folder) as redis:
        text = run([BUILD / "bantam_store_bench", folder, *([redis.url] if redis.url else [])], "times of the stores")
    lines = re.findall(r"^(cache: .*?)\s+p50\s+([\d.]+) us\s+p99\s+([\d.]+) us", text, re.M)
    return {what.removeprefix("cache: "): {"p50": float(p50), "p99": float(p99)} for what, p50, p99 in lines}


class Stub(http.server.BaseHTTPRequestHandler):
    """A large model that counts what it was asked and answers with the usage it is paid for. The free one turns most away."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.asked += 1
            refused = self.server.free and self.server.asked % 10 != 1
        time.sleep(0.01)
        if refused:
            status, body = 429, {"error": {"message": "the free share is used up"}}
        else:
            with self.server.lock:
                self.server.answered += 1
            usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": ANSWER_TOKENS}
            status, body = 200, {"choices": [{"index": 0, "message": {"role": "assistant", "content": "an answer"}, "finish_reason": "stop"}], "usage": usage}
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class StubServer(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads, request_queue_size = True, 256

    def __init__(self, free):
        super().__init__(("127.0.0.1", 0), Stub)
        self.free, self.asked, self.answered, self.lock = free, 0, 0, threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()


ROUTE_FILE = """
version: 1
name: desk
model_list:
  - model_name: big
    params: {{model: openai/free, api_base: "http://127.0.0.1:{free}/v1", order: 1, num_retries: 0, max_tokens: {most}}}
  - model_name: big
    params: {{model: openai/paid, api_base: "http://127.0.0.1:{paid}/v1", order: 2, num_retries: 0, max_tokens: {most}}}
    cost: {{input_per_1m: {price_in}, output_per_1m: {price_out}}}
    max_budget: {budget}
router_settings: {{allowed_fails: 1000}}
routes:
  - name: legal
    utterances: [I will sue you, my lawyer will write to you, this goes to court]
    action: {{type: escalate, model: big}}
  - name: hours
    utterances: [when are you open, opening hours please, when do you close]
    action: {{type: respond, response: hours}}
decision: {{policy: threshold, confidence_threshold: 0.5, nlu_fallback: big}}
responses: {{hours: {{text: nine to five}}}}
cache: {{mode: none}}
"""


def budgets(rounds):
    """So many requests at once, again and again, until the budget has been used up for long."""
    free, paid = StubServer(True), StubServer(False)
    answers = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "desk.yaml"
        file.write_text(ROUTE_FILE.format(free=free.server_address[1], paid=paid.server_address[1], most=MOST_TOKENS, price_in=PRICE_IN, price_out=PRICE_OUT, budget=BUDGET))
        with BantamProcess(make_home(Path(folder) / "home"), ["-c", file]) as server:

            def ask(number):
                body = {"model": "desk", "messages": [{"role": "user", "content": f"I will sue you over case {number}"}]}
                request = urllib.request.Request(f"{server.url}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
                with urllib.request.urlopen(request, timeout=120) as reply:
                    return json.load(reply)["bantam"]["source"]

            with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
                for source in pool.map(ask, range(rounds * REQUESTS_AT_ONCE)):
                    answers[source] = answers.get(source, 0) + 1
    price = (PROMPT_TOKENS * PRICE_IN + ANSWER_TOKENS * PRICE_OUT) / 1e6
    return {"requests": rounds * REQUESTS_AT_ONCE, "at_once": REQUESTS_AT_ONCE, "free_answers": free.answered, "paid_answers": paid.answered, "sources": answers,
            "price": price, "budget": BUDGET, "spent": paid.answered * price}  # fmt: skip


def measure(binary, _data, options):
    suites = pairs(binary)
    say("times of the stores")
    found = {"pairs": [{key: suite[key] for key in ("suite", "must_miss", "wrong_hits", "may_hit", "right_hits", "hit_rate")} for suite in suites], "times": times()}
    say(f"budgets, {REQUESTS_AT_ONCE} requests at once")
    found["budgets"] = budgets(1 if options.quick else 5)
    wrong, misses = (sum(suite[key] for suite in suites) for key in ("wrong_hits", "must_miss"))
    hits = sum(suite["right_hits"] for suite in suites) / sum(suite["may_hit"] for suite in suites)
    exact, spent = found["times"]["exact hit, from request to answer"]["p50"], found["budgets"]
    found["goals"] = [
        {"what": "questions that must not get each other's answers", "goal": "none of at least 400 pairs does", "found": f"{wrong} of {misses}", "met": wrong == 0 and misses >= 400},
        {"what": "paraphrases that hit", "goal": "at least 60 %", "found": f"{100 * hits:.1f} %", "met": hits >= 0.6},
        {"what": "exact hit, from request to answer, in process, p50", "goal": "under 50 µs", "found": f"{exact:.1f} µs", "met": exact < 50},
        {"what": f"spent of a budget of {spent['budget']:g}, {REQUESTS_AT_ONCE} requests at once", "goal": "at most one request's price more", "found": f"{spent['spent']:.4f}",
         "met": spent["spent"] <= spent["budget"] + spent["price"]},
    ]  # fmt: skip
    return found


NAMES = {
    "exact hit, from request to answer": "exact hit, key, look-up and decoding",
    "hit in memory": "hit in memory", "miss": "miss, memory and disk", "hit on disk": "hit on disk", "store, back to back": "store, back to back",
    "nearest of 50,000 x 384": "the nearest of 50,000 questions of one partition", "one pair judged": "one pair judged by the verifier",
    "hit in Redis": "hit in a Redis of this machine", "miss in Redis": "miss there", "store in Redis": "store there",
}  # fmt: skip


def render(found):
    kinds = [[suite["suite"], str(suite["must_miss"]), str(suite["wrong_hits"]), str(suite["may_hit"]), f"{suite['right_hits']} ({100 * suite['hit_rate']:.1f} %)"] for suite in found["pairs"]]
    times_rows = [[name, f"{found['times'][what]['p50']:.2f}", f"{found['times'][what]['p99']:.2f}"] for what, name in NAMES.items() if what in found["times"]]
    spent = found["budgets"]
    return "\n".join([
        "\n## The cache\n",
        "Pairs of questions, judged by the semantic cache with all-MiniLM-L6-v2 in int8 (`bantam cache check-pairs`):\n",
        table(["pairs", "must miss", "wrong hits", "paraphrases", "hits"], kinds),
        "\nSingle calls in one process, microseconds. A semantic hit is the nearest of its partition, a pair or a few judged, and a hit; the vector of the question is there already.\n",
        table(["call", "p50", "p99"], times_rows),
        "\n## Budgets\n",
        f"{spent['requests']:,} questions, {spent['at_once']} at once, for a model with two endpoints: a free one that turns nine of ten away, and a paid one at {spent['price']:.6f} a question with a"
        f" `max_budget` of {spent['budget']:g}. The free one answered {spent['free_answers']:,}, the paid one {spent['paid_answers']:,}, which is {spent['spent']:.4f}; the others were told that no model"
        " could be asked.\n",
    ])  # fmt: skip

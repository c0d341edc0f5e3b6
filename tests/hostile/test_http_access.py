"""Who may ask, what is never obeyed, and what is never written down: H-32, H-33 and H-49 to H-52 of cases.txt."""

import json
import re
import subprocess

import httpx
import pytest

from bantam_process import BantamProcess, make_home
from raw_http import ENCODER, WRITER, exchange, post_json, refusal, request

PROBES = ("/healthz", "/readyz", "/health", "/v2/health/live", "/v2/health/ready")


@pytest.fixture(scope="module")
def guarded(bantam_binary, tmp_path_factory):
    """A server with one key."""
    folder = tmp_path_factory.mktemp("guarded")
    made = subprocess.run([bantam_binary, "key", "new", "user", "--file", folder / "keys.yaml", "--json"], capture_output=True, text=True, timeout=60)
    assert made.returncode == 0, made.stderr
    with BantamProcess(make_home(folder / "home"), ["--model", ENCODER, "--api-keys", folder / "keys.yaml"]) as server:
        server.key = json.loads(made.stdout)["key"]
        yield server
        assert server.stop() == 0
    assert server.key not in server.log()


def test_h32_every_route(guarded):
    """The document lists what the server's own table of routes has."""
    paths = httpx.get(guarded.url + "/openapi.json", headers={"Authorization": f"Bearer {guarded.key}"}).json()["paths"]
    assert len(paths) >= 50
    others = [("get", "/nothing/here"), ("post", "/v1/nothing"), ("get", "/metrics/"), ("get", "//metrics"), ("get", "/%6detrics"), ("options", "/metrics")]
    for method, path in [(method, path) for path, methods in paths.items() for method in methods] + others:
        status = exchange(guarded.port, request(method.upper(), re.sub(r"\{\w+\}", "x", path)), method=method.upper()).status
        assert status == (200 if path in PROBES else 401), (method, path, status)


def wrong_keys(key):
    flipped = ("x" if key[0] != "x" else "y") + key[1:]
    return {
        "one more": f"Bearer {key}0", "one less": f"Bearer {key[:-1]}", "first differs": f"Bearer {flipped}", "upper case": f"Bearer {key.upper()}",
        "none": "Bearer ", "scheme alone": "Bearer", "another scheme": f"Digest {key}", "two in one": f"Bearer {key}, Bearer {key}",
        "10 KB": "Bearer " + "k" * 10_240, "NUL": f"Bearer {key}\x01", "basic garbage": "Basic !!!!", "basic without a colon": "Basic YQ==",
    }  # fmt: skip


def test_h32_keys_that_are_wrong(guarded):
    for name, value in wrong_keys(guarded.key).items():
        reply = exchange(guarded.port, request("GET", "/v1/models", f"Authorization: {value}"), method="GET")
        assert reply.status in (400, 401), (name, reply.status)
        assert guarded.key not in reply.body.decode()
    for path in (f"/v1/models?api_key={guarded.key}", f"/v1/models?key={guarded.key}", f"/v1/models?access_token={guarded.key}"):
        assert exchange(guarded.port, request("GET", path), method="GET").status == 401
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert exchange(guarded.port, request("GET", "/v1/models", f"Authorization: {scheme} {guarded.key}"), method="GET").status == 200


def test_h32_two_headers(guarded):
    for second in (f"Bearer {guarded.key}", "Bearer wrong"):
        reply = exchange(guarded.port, request("GET", "/v1/models", f"Authorization: Bearer {guarded.key}", f"Authorization: {second}"), method="GET")
        assert reply.status in (400, 401), reply.status


def test_h49_labels_of_metrics_are_bounded(target, send):
    def series():
        return len([line for line in httpx.get(target.url + "/metrics").text.splitlines() if line and not line.startswith("#")])

    def ask(client, numbers):
        for i in numbers:
            client.post(target.url + "/v1/completions", json={"model": f"nobody-{i}", "prompt": "a"})
            client.get(target.url + f"/nothing/{i}")
            client.request(f"M{i}", target.url + "/v1/models")

    with httpx.Client() as client:
        ask(client, range(1))  # there is one series for each of these kinds, and for those who look at them
        series()
        before = series()
        ask(client, range(1, 400))
    assert series() == before


HOSTILE_TEXT = 'a\nlevel=error msg="forged"\r\n\x1b[31m\u2028\u2029\x00"\\'


def test_h50_no_line_of_the_log_is_forged(writer_file, bantam_server):
    server = bantam_server("--model", writer_file, "--log-format", "json")
    secret = "sk-secret-that-must-not-appear"
    for model in (HOSTILE_TEXT, WRITER):
        body = {"model": model, "prompt": HOSTILE_TEXT, "user": HOSTILE_TEXT, "max_tokens": 1}
        exchange(server.port, post_json("/v1/completions", body, f"Authorization: Bearer {secret}", "X-Request-Id: a\tb", "User-Agent: \x1b[31m\u2028".encode()))
    exchange(server.port, request("GET", "/a%0a%1b[31m", "Referer: \u2028".encode()), method="GET")
    exchange(server.port, request("GET", "/" + "\u2028".encode().decode("latin1")), method="GET")
    server.stop()
    log = server.log_path.read_bytes().decode()
    lines = [line for line in log.split("\n") if line.startswith("{")]
    assert lines and secret not in log and "\x1b" not in log and "\u2028" not in log and "\x00" not in log
    for line in lines:
        assert isinstance(json.loads(line), dict)
    assert not any(line.startswith("level=error") for line in log.splitlines())


def test_h51_nothing_manages_the_server(target, send):
    """There is no path by which a caller from elsewhere stops it, reloads it or reads its files."""
    for path in ("/shutdown", "/admin", "/reload", "/quit", "/debug/pprof", "/.env", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/web/../../etc/passwd",
                 "/pause", "/update_weights", "/v1/load_lora_adapter", "/server-status", "/.git/config", "/console.js/../../../etc/passwd"):  # fmt: skip
        for method in ("GET", "POST"):
            reply = send(request(method, path, "X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1", "X-Original-URL: /healthz"), method=method)
            refused = (403,) if (method, path) == ("POST", "/reload") else (400, 404, 405)
            assert reply.status in refused, (method, path, reply.status)
            assert b"root:" not in reply.body


def test_h51_management_from_behind_a_proxy(send):
    """Whoever says that somebody else asked is not this machine."""
    for header in ("X-Forwarded-For: 10.0.0.1", "Forwarded: for=10.0.0.1", "X-Real-IP: 10.0.0.1"):
        assert send(post_json("/api/copy", {"source": ENCODER, "destination": "mine"}, header)).status == 403
        for action in ("load", "unload"):
            assert send(post_json(f"/v2/repository/models/{ENCODER}/{action}", {}, header)).status == 403


def test_h52_a_request_names_no_upstream(ask):
    """Nobody listens on port 9 of this machine; had one of these been obeyed, the answer would be another."""
    other = "http://127.0.0.1:9/v1"
    for fields in ({"api_base": other}, {"base_url": other}, {"api_key": "sk-x"}, {"extra_headers": {"Host": "evil.com"}}, {"proxy": other}, {"model_list": []},
                   {"fallbacks": [{"api_base": other}]}, {"metadata": {"api_base": other}}):  # fmt: skip
        reply = ask("/v1/completions", {"model": WRITER, "prompt": "a", "max_tokens": 3, "temperature": 0, **fields})
        assert reply.status == 200
        reply = ask("/v1/completions", {"model": WRITER, "prompt": "a", "max_tokens": 3, "temperature": 0}, f"X-Upstream: {other}", f"Api-Base: {other}")
        assert reply.status == 200


def test_h36_the_log_takes_no_address_from_a_header(target, send):
    send(request("GET", "/v1/models", "X-Forwarded-For: 6.6.6.6"), method="GET")
    assert not re.search(r"\b6\.6\.6\.6\b", target.log())


def test_h33_keys_are_compared_as_digests(guarded):
    """How long a refusal takes is no business of a test here; that keys of any length and likeness are refused alike is."""
    bodies = {refusal(exchange(guarded.port, request("GET", "/v1/models", f"Authorization: Bearer {key}"), method="GET"), 401)["message"]
              for key in ("x", "x" * 1000, guarded.key[:-1], guarded.key[:-1] + "!", "!" + guarded.key[1:])}  # fmt: skip
    assert len(bodies) == 1

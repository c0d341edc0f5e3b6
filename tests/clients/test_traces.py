"""Traces of requests at an OpenTelemetry collector that checks each body against the official protobuf, and what a collector that is not
there, is slow or refuses does to the requests: nothing."""

import re
import time

import httpx
import pytest

import model_servers
from bantam_process import free_port
from collector import Collector, attributes_of
from desk_routes import HEAD, HOURS, REFUND, RESPONSES
from recording_model import recording_model

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SECRET_TEXT, SECRET_KEY = "compose a haiku about the moons of Jupiter", "sk-secret-123"
EMBEDDINGS, CHAT = "POST /v1/embeddings", "POST /v1/chat/completions"
ENCODER = "all-MiniLM-L6-v2"
OUTAGE = """  - name: outage
    description: Whether the service is up
    utterances: [is there an outage, is the service down, is the website up, why is your site not working, is something broken today]
    action: {type: http, url: "http://127.0.0.1:%d/status?q={text}", response: "{{summary}}"}
"""
LARGE_MODEL = """model_list:
  - model_name: big
    params: {model: openai/large-1, api_base: "http://127.0.0.1:%d/v1", api_key: os.environ/UPSTREAM_KEY}
router_settings: {num_retries: 1}
decision: {policy: threshold, confidence_threshold: 0.6, nlu_fallback: big}
"""


@pytest.fixture
def big():
    with recording_model() as model:
        yield model


class Service(model_servers.Server):
    """What an `http` action asks."""

    def answer(self, handler, request):
        model_servers.send(handler, 200, b'{"summary": "All is well."}')


@pytest.fixture
def service():
    with Service() as running:
        yield running


@pytest.fixture
def desk(big, service, bantam_server, tmp_path):
    def start(*arguments, **environment):
        file = tmp_path / "desk.yaml"
        file.write_text(HEAD + HOURS + REFUND + OUTAGE % service.http.server_address[1] + RESPONSES + LARGE_MODEL % big.server_address[1])
        return bantam_server("-c", str(file), *arguments, environment={"UPSTREAM_KEY": SECRET_KEY} | environment)

    return start


def embed(server, text="hello", **headers):
    reply = httpx.post(server.url + "/v1/embeddings", json={"model": ENCODER, "input": text}, headers=headers, timeout=30)
    assert reply.status_code == 200, reply.text
    return reply


def chat(server, text=SECRET_TEXT, **headers):
    body = {"model": "desk", "messages": [{"role": "user", "content": text}]}
    return httpx.post(server.url + "/v1/chat/completions", json=body, headers=headers, timeout=30)


def counter(server, name):
    return float(re.search(rf"^{name} (\S+)$", httpx.get(server.url + "/metrics").text, re.MULTILINE)[1])


@pytest.mark.works("opentelemetry-proto", "spans of requests over OTLP/HTTP in JSON, as its own protobuf reads them")
def test_a_request_is_a_trace(desk, big, service):
    with Collector() as collector:
        server = desk("--otlp", collector.url, OTEL_SERVICE_NAME="desk-1", OTEL_EXPORTER_OTLP_HEADERS="api-key=k%201")
        own = embed(server, traceparent=f"00-{TRACE}-{CALLER}-01", tracestate="vendor=1").headers["traceparent"]
        assert re.fullmatch(rf"00-{TRACE}-[0-9a-f]{{16}}-01", own) and CALLER not in own
        assert chat(server, Authorization="Bearer " + SECRET_KEY).json()["bantam"]["source"] == "upstream"
        asked = chat(server, "is there an outage")
        assert asked.json()["choices"][0]["message"]["content"] == "All is well."
        big.away = True
        failed = chat(server, SECRET_TEXT + "?").headers["traceparent"]
        assert httpx.get(server.url + "/healthz").headers.get("traceparent") is None
        assert httpx.post(server.url + "/v1/nowhere").status_code == 404
        assert server.stop() == 0, server.log()
        spans = collector.wait_for(lambda spans: True)
        assert not collector.problems and collector.headers[0]["api-key"] == "k 1"
        resource = attributes_of(collector.requests()[0].resource_spans[0].resource)
        assert resource["service.name"] == "desk-1" and resource["service.version"]

    (request,) = spans[EMBEDDINGS]
    assert (request.trace_id.hex(), request.parent_span_id.hex(), request.trace_state) == (TRACE, CALLER, "vendor=1")
    assert request.span_id.hex() == own.split("-")[2] and request.kind == 2 and request.status.code == 0
    told = attributes_of(request)
    assert told["http.request.method"] == "POST" and told["url.path"] == told["http.route"] == "/v1/embeddings"
    assert told["http.response.status_code"] == 200 and told["url.scheme"] == "http" and told["bantam.request_id"].startswith("req_")
    assert told["gen_ai.operation.name"] == "embeddings" and told["gen_ai.request.model"] == ENCODER and told["gen_ai.usage.input_tokens"] > 0
    assert len(spans[CHAT]) == 3
    for asked_for in [request, *spans[CHAT]]:
        for stage in ("queue", "tokenize", "compute"):
            (span,) = [span for span in spans[stage] if span.parent_span_id == asked_for.span_id]
            assert span.trace_id == asked_for.trace_id
            assert asked_for.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
            assert span.end_time_unix_nano <= asked_for.end_time_unix_nano + 1_000_000
    assert abs(request.end_time_unix_nano / 1e9 - time.time()) < 600

    (headers,) = [headers for _, headers, _ in big.seen]
    answered, *repeated = spans["chat large-1"]
    parent = next(span for span in spans[CHAT] if span.span_id == answered.parent_span_id)
    assert headers["traceparent"] == f"00-{parent.trace_id.hex()}-{answered.span_id.hex()}-01" and answered.kind == 3
    told = attributes_of(answered)
    assert told["gen_ai.provider.name"] == "openai" and told["gen_ai.request.model"] == "large-1" and told["server.address"] == "127.0.0.1"
    assert told["gen_ai.usage.input_tokens"] == 100 and told["gen_ai.usage.output_tokens"] == 200 and told["http.response.status_code"] == 200
    assert [attributes_of(span).get("http.request.resend_count") for span in repeated] == [None, 1]
    assert all(span.status.code == 2 and attributes_of(span)["error.type"] == "upstream_refused" for span in repeated)
    assert {span.trace_id.hex() for span in repeated} == {failed.split("-")[1]}

    (called,) = spans["GET"]
    (request,) = service.requests
    assert request.headers["traceparent"] == f"00-{called.trace_id.hex()}-{called.span_id.hex()}-01" and "outage" in request.query
    assert called.trace_id.hex() == asked.headers["traceparent"].split("-")[1] and attributes_of(called)["http.response.status_code"] == 200

    assert attributes_of(spans["POST"][0])["http.response.status_code"] == 404
    assert not any("healthz" in name for name in spans)
    everything = b"".join(collector.bodies)
    assert SECRET_TEXT.encode() not in everything and SECRET_KEY.encode() not in everything and b"hello" not in everything and b"outage" not in everything


def test_headers_of_callers(bantam_server):
    """What is malformed or comes twice is passed over; who keeps no spans of a trace gets none."""
    with Collector() as collector:
        server = bantam_server("--model", ENCODER, "--otlp", collector.url)
        good = f"00-{TRACE}-{CALLER}-01"
        wrong = [good[:-1], good.upper(), good.replace("00-", "ff-", 1), f"00-{'0' * 32}-{CALLER}-01", f"00-{TRACE}-{'0' * 16}-01", good + "-x", "x" * 4000, ""]
        for header in wrong:
            assert TRACE not in embed(server, traceparent=header).headers["traceparent"]
        twice = httpx.Headers([("traceparent", good), ("traceparent", good)])
        assert TRACE not in httpx.post(server.url + "/v1/embeddings", json={"model": ENCODER, "input": "a"}, headers=twice).headers["traceparent"]
        assert embed(server, traceparent=f"00-{TRACE}-{CALLER}-00").headers["traceparent"].endswith("-00")
        assert embed(server, traceparent=f"cc-{TRACE}-{CALLER}-01-more").headers["traceparent"].startswith(f"00-{TRACE}-")
        assert httpx.request("BREW", server.url + "/v1/%22").status_code == 404
        assert server.stop() == 0, server.log()
        spans = collector.spans()
        assert not collector.problems
    assert len(spans[EMBEDDINGS]) == len(wrong) + 2
    assert [span.trace_id.hex() for span in spans[EMBEDDINGS] if span.parent_span_id] == [TRACE]
    assert len({span.trace_id for span in spans[EMBEDDINGS]}) == len(wrong) + 2
    (other,) = spans["_OTHER"]
    assert attributes_of(other)["http.response.status_code"] == 404 and attributes_of(other)["url.path"] == '/v1/"'


def test_nobody_takes_them(bantam_server):
    server = bantam_server("--model", ENCODER, environment={"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"})
    for _ in range(50):
        embed(server)
    assert server.stop(within_s=10) == 0, server.log()
    assert server.log().count("what the collector does not take is dropped") == 1, server.log()


def test_a_collector_that_hangs(bantam_server):
    with Collector("hang", "hang") as collector:
        server = bantam_server("--model", ENCODER, "--otlp", collector.url, "--drain", "1")
        for _ in range(50):
            embed(server)
        assert counter(server, "bantam_trace_spans_sent_total") == 0
        assert server.stop(within_s=8) == 0, server.log()  # it gives up, and does not wait for the collector's own time


def test_a_collector_that_comes_back(bantam_server):
    with Collector(503, 429) as collector:
        server = bantam_server("--model", ENCODER, "--otlp", collector.url)
        embed(server)
        collector.wait_for(lambda spans: EMBEDDINGS in spans)
        deadline = time.monotonic() + 10
        while counter(server, "bantam_trace_spans_sent_total") < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert counter(server, "bantam_trace_spans_sent_total") == 4 and counter(server, "bantam_trace_spans_dropped_total") == 0
        assert "takes them again" in server.log() and server.stop() == 0, server.log()


def test_off_unless_asked_for(bantam_server, tmp_path):
    server = bantam_server("--model", ENCODER)
    assert "traceparent" not in embed(server, traceparent=f"00-{TRACE}-{CALLER}-01").headers
    assert "bantam_trace" not in httpx.get(server.url + "/metrics").text
    with pytest.raises(RuntimeError, match="--otlp: "):
        bantam_server("--model", ENCODER, "--otlp", "collector:4318")

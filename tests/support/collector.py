"""An OpenTelemetry collector that takes traces over OTLP/HTTP in JSON and holds each body against the official protobuf definition.

    with Collector() as collector:
        ... bantam serve --otlp collector.url ...
        collector.wait_for(lambda spans: "compute" in spans)   # spans by name; the oldest first

`.answers` is used up, a status for each request, or "hang"; after that it is 200. `.bodies` and `.headers` are what came.
"""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def ids_as_bytes(value):
    """OTLP writes ids in hexadecimal where protobuf's JSON has base64."""
    if isinstance(value, list):
        return [ids_as_bytes(item) for item in value]
    if not isinstance(value, dict):
        return value
    hexadecimal = ("traceId", "spanId", "parentSpanId")
    return {key: base64.b64encode(bytes.fromhex(item)).decode() if key in hexadecimal else ids_as_bytes(item) for key, item in value.items()}


def attributes_of(message):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in message.attributes}


class Collector:
    def __init__(self, *answers):
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                owner.take(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *_):
                pass

        self.answers, self.bodies, self.headers, self.problems = list(answers), [], [], []
        self.released = threading.Event()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def take(self, handler, body):
        answer = self.answers.pop(0) if self.answers else 200
        if answer == "hang":
            self.released.wait(30)
            handler.close_connection = True
            return
        if answer == 200:
            try:
                if handler.path != "/v1/traces" or handler.headers["Content-Type"] != "application/json":
                    raise ValueError(f"{handler.path} {handler.headers['Content-Type']}")
                json_format.ParseDict(ids_as_bytes(json.loads(body)), ExportTraceServiceRequest())
                self.headers.append(dict(handler.headers))
                self.bodies.append(body)
            except Exception as problem:  # whatever it is, the test is to see it
                self.problems.append(problem)
        handler.send_response(answer)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", "2")
        handler.end_headers()
        handler.wfile.write(b"{}")

    def requests(self):
        return [json_format.ParseDict(ids_as_bytes(json.loads(body)), ExportTraceServiceRequest()) for body in list(self.bodies)]

    def spans(self):
        """Lists by name."""
        by_name = {}
        for request in self.requests():
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        by_name.setdefault(span.name, []).append(span)
        return by_name

    def wait_for(self, enough, within_s=20):
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            assert not self.problems, self.problems
            spans = self.spans()
            if enough(spans):
                return spans
            time.sleep(0.05)
        raise AssertionError(f"the spans that came: {[(name, len(spans)) for name, spans in self.spans().items()]}")

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self.http.shutdown()
        self.http.server_close()

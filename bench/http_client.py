"""A client that costs little: one kept connection, requests written beforehand, replies read to their length.

    http_client.py PORT REQUESTS WARMUP MODEL [cached] < questions      one question a line; prints one JSON object

With `cached` every measured answer has to come from the cache, and the server's own time (`bantam.latency_ms`) is reported as well.
"""

import json
import socket
import sys
import time


def requests_for(questions, model, port, cached):
    control = "" if cached else "Cache-Control: no-store\r\n"
    for question in questions:
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": question}]}).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
            f"{control}Content-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


def ask(connection, request):
    """-> (status, head, body)"""
    connection.sendall(request)
    data = b""
    while b"\r\n\r\n" not in data:
        received = connection.recv(65536)
        if not received:
            raise SystemExit("the server closed the connection")
        data += received
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), None)
    if length is None:
        raise SystemExit(f"a reply without Content-Length: {head!r}")
    while len(body) < length:
        received = connection.recv(65536)
        if not received:
            raise SystemExit("the server closed the connection in the middle of a reply")
        body += received
    return int(head[9:12]), head, body


def figures(times):
    times = sorted(times)
    return {"median_ms": times[len(times) // 2], "min_ms": times[0], "p99_ms": times[int(len(times) * 0.99)]} if times else {}


def main():
    port, count, warmup, model = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    cached = sys.argv[5:] == ["cached"]
    requests = list(requests_for([line.strip() for line in sys.stdin if line.strip()], model, port, cached))
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    times, server_times, routes = [], [], {}
    for i in range(-warmup, count):
        started = time.perf_counter_ns()
        status, head, body = ask(connection, requests[i % len(requests)])
        elapsed = time.perf_counter_ns() - started
        if status != 200:
            raise SystemExit(f"status {status}: {body[:300]!r}")
        if (b"x-bantam-cache: hit" in head.lower()) != cached and i >= 0:
            raise SystemExit(f"answers are to come from the {'cache' if cached else 'model'}, this one did not: {head!r}")
        if i >= 0:
            times.append(elapsed / 1e6)
        if i >= 0 and cached:
            server_times.append(json.loads(body)["bantam"]["latency_ms"])
        if i >= 0 and i < len(requests):
            route = (json.loads(body).get("bantam") or {}).get("route")
            routes[str(route)] = routes.get(str(route), 0) + 1
    print(json.dumps({**figures(times), **{f"server_{key}": value for key, value in figures(server_times).items()},
                      "requests": len(times), "routes": routes}))  # fmt: skip


main()

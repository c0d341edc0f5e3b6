"""Requests that are wrong as HTTP: the cases H-03 to H-07 and H-34 to H-40 of cases.txt, over raw sockets."""

import pytest

from raw_http import ENCODER, WRITER, connect, is_closed, post_json, read_reply, refusal, request

PATH = "/v1/completions"
MIB = 1 << 20
GET = ("GET", "/v1/models")


def refused_and_closed(send, data, *statuses, method="POST"):
    reply = send(data, wait_for_close=True, method=method)
    error = refusal(reply, *statuses)
    assert reply.closed, "the framing is not trusted any more"
    return error


def padded(size):
    """A good request for an embedding of exactly so many bytes."""
    start = b'{"model": "%s", "input": "hello"' % ENCODER.encode()
    return start + b" " * (size - len(start) - 1) + b"}"


def test_h03_body_limit(send):
    assert send(post_json("/v1/embeddings", padded(4 * MIB))).status == 200
    error = refused_and_closed(send, post_json("/v1/embeddings", padded(4 * MIB + 1)), 413)
    assert str(4 * MIB) in error["message"]


def test_h03_ten_gigabytes_that_never_come(send):
    refused_and_closed(send, request("POST", PATH, "Content-Length: 10000000000"), 413)


def test_h03_chunks_without_end(target):
    with connect(target.port) as connection:
        connection.sendall(request("POST", PATH, "Transfer-Encoding: chunked"))
        piece = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
        try:
            for _ in range(200):
                connection.sendall(piece)
        except ConnectionError:
            pass
        refusal(read_reply(connection), 413)
        assert is_closed(connection)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "x-gzip", "identity, gzip"])
def test_h04_no_body_is_unpacked(send, coding):
    body = b"\x1f\x8b\x08\x00" + b"\0" * 60
    refusal(send(request("POST", PATH, "Content-Type: application/json", f"Content-Encoding: {coding}", body=body)), 415)


FRAMING = {
    "negative": ["Content-Length: -1"],
    "plus": ["Content-Length: +5"],
    "hex": ["Content-Length: 0x10"],
    "list": ["Content-Length: 5, 5"],
    "two differing": ["Content-Length: 5", "Content-Length: 6"],
    "two equal": ["Content-Length: 5", "Content-Length: 5"],
    "above 2^64": ["Content-Length: 18446744073709551621"],
    "empty": ["Content-Length:"],
    "inner space": ["Content-Length: 1 5"],
    "both": ["Content-Length: 5", "Transfer-Encoding: chunked"],
    "xchunked": ["Transfer-Encoding: xchunked"],
    "identity": ["Transfer-Encoding: chunked, identity"],
    "twice chunked": ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    "space before the colon": ["Transfer-Encoding : chunked"],
    "vertical tab": ["Transfer-Encoding: \x0bchunked"],
}


@pytest.mark.parametrize("headers", FRAMING.values(), ids=FRAMING)
def test_h05_smuggling(send, headers):
    refused_and_closed(send, request("POST", PATH, *headers, body=b"hello"), 400, 501)


def test_h05_chunked_in_http_1_0(send):
    refused_and_closed(send, b"POST /v1/completions HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400)


@pytest.mark.parametrize("chunk", ["-2", "0x5", "5;", "fffffffffffffffff", "+5", "5 5", " 5", "g"])
def test_h05_sizes_of_chunks(send, chunk):
    body = f"{chunk}\r\nhello\r\n0\r\n\r\n".encode()
    reply = send(request("POST", PATH, "Transfer-Encoding: chunked", body=body), wait_for_close=True)
    # An extension without a name is read as none; whatever else happens, `hello` is no request for a text.
    assert reply.status in (400, 413) and reply.json()["error"]["message"]


HEADS = {
    "65 headers": [f"X-{i}: 1" for i in range(64)],
    "one of 1 MB": ["X: " + "a" * MIB],
    "33 KiB": [f"X-{i}: " + "a" * 1100 for i in range(30)],
    "no colon": ["NoColonHere"],
    "space before the colon": ["X : 1"],
    "folded": ["X: 1", " 2"],
    "NUL": ["X: a\0b"],
    "bare CR": ["X: a\rb"],
    "bare LF": ["X: a\n\nGET / HTTP/1.1"],
    "name beyond ASCII": ["Xé: 1"],
    "empty name": [": 1"],
    "line of 9 KiB": None,
}


@pytest.mark.parametrize("name", HEADS)
def test_h07_heads(send, name):
    data = request("GET", "/" + "a" * 9216) if HEADS[name] is None else request(*GET, *HEADS[name])
    refused_and_closed(send, data, 400, 414, 431, method="GET")


def test_h07_trailers(target):
    """A hundred thousand of them are no way around the limit of a head."""
    with connect(target.port) as connection:
        connection.sendall(request("POST", PATH, "Content-Type: application/json", "Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n"))
        try:
            for first in range(0, 100_000, 1000):
                connection.sendall(b"".join(b"X-%d: 1\r\n" % i for i in range(first, first + 1000)))
            connection.sendall(b"\r\n")
        except ConnectionError:
            pass
        refusal(read_reply(connection), 431)
        assert is_closed(connection)


OTHER_HOSTS = ["evil.com", "127.0.0.1.evil.com", "localhost.evil.com", "foo.local", "metadata.internal", "0.0.0.0", "169.254.169.254",
               "x/ignored?", "localhost@evil.com", "a b", "", "[::1"]  # fmt: skip
OWN_HOSTS = ["localhost", "LOCALHOST:9999", "127.8.9.10", "[::1]", "[::1]:80"]


@pytest.mark.parametrize("host", OTHER_HOSTS)
def test_h34_other_hosts(send, host):
    refusal(send(request(*GET, host=host.encode()), method="GET"), 400, 421)


@pytest.mark.parametrize("host", OWN_HOSTS)
def test_h34_own_hosts(send, host):
    assert send(request(*GET, host=host.encode()), method="GET").status == 200


def test_h34_none_and_two(send):
    refused_and_closed(send, request(*GET, host=None), 400, method="GET")
    refused_and_closed(send, request(*GET, "Host: localhost"), 400, method="GET")


ORIGINS = ["https://evil.com", "null", "chrome-extension://abc", "http://localhost.evil.com", "file://"]


@pytest.mark.parametrize("origin", ORIGINS)
def test_h35_pages_of_other_sites(send, origin):
    for data in (request(*GET, f"Origin: {origin}"), post_json(PATH, {"model": WRITER, "prompt": "a"}, f"Origin: {origin}")):
        reply = send(data, method=data.split()[0].decode())
        refusal(reply, 403)
        assert not any(name.lower().startswith("access-control") for name in reply.headers)
    preflight = request("OPTIONS", PATH, f"Origin: {origin}", "Access-Control-Request-Method: POST", "Access-Control-Request-Private-Network: true")
    reply = send(preflight, method="OPTIONS")
    assert reply.status in (403, 405) and not any(name.lower().startswith("access-control") for name in reply.headers)


def test_h35_forms_of_pages(target, send):
    """What a page may send without a preflight."""
    body = b'{"model": "tiny", "prompt": "a", "max_tokens": 1}'
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        host = f"localhost:{target.port}"
        refusal(send(request("POST", PATH, f"Content-Type: {content_type}", f"Origin: http://{host}", body=body, host=host.encode())), 415)
        refusal(send(request("POST", PATH, f"Content-Type: {content_type}", "Sec-Fetch-Site: cross-site", body=body)), 403, 415)


@pytest.mark.parametrize("value", [",", ", ,", "1.1.1.1, " * 1000 + "1.1.1.1", "' OR 1=1", "::::", "\x7f"])
def test_h36_forwarded_for(send, value):
    reply = send(request(*GET, f"X-Forwarded-For: {value}"), method="GET")
    assert reply.status in (200, 400)


STRANGE = {
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/3.7": b"GET / HTTP/3.7\r\nHost: localhost\r\n\r\n",
    "lower case": b"GET / http/1.1\r\nHost: localhost\r\n\r\n",
    "LF alone": b"GET / HTTP/1.1\nHost: localhost\n\n",
    "TLS": bytes.fromhex("16030100c8010000c40303") + b"\0" * 190,
    "two spaces": b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "tab": b"GET\t/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "absolute target": b"GET http://evil.com/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "CONNECT": b"CONNECT evil.com:443 HTTP/1.1\r\nHost: evil.com:443\r\n\r\n",
    "control bytes": b"\0\1\2\3\r\n\r\n",
}


@pytest.mark.parametrize("data", STRANGE.values(), ids=STRANGE)
def test_h38_other_protocols(send, data):
    refused_and_closed(send, data, 400, 405, 421, 501, 505, method="GET")


def test_h38_leading_empty_lines(target):
    """RFC 9112 2.2 lets a server pass over some."""
    with connect(target.port) as connection:
        connection.sendall(b"\r\n\r\n" + request(*GET))
        assert read_reply(connection, "GET").status in (200, 400)


def test_h39_expectations(target, send):
    with connect(target.port) as connection:
        connection.sendall(request("POST", PATH, "Expect: 100-continue", f"Content-Length: {5 * MIB}"))
        refusal(read_reply(connection), 413)  # before a byte of the body
    refusal(send(request("POST", PATH, "Expect: 200-ok", body=b"{}")), 417)


@pytest.mark.parametrize("headers", [["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="],
                                     ["Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"]])  # fmt: skip
def test_h40_upgrades_are_ignored(send, headers):
    assert send(request(*GET, *headers), method="GET").status in (200, 400)

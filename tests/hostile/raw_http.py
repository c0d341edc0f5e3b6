"""HTTP as no client library would send it: bytes on a socket, and the reply read strictly. And what the attacked server serves."""

import http.client
import json
import socket

WRITER, ENCODER, ASSISTANT = "tiny", "all-MiniLM-L6-v2", "helpdesk"


class Reply:
    def __init__(self, status, headers, body, closed):
        self.status, self.headers, self.body, self.closed = status, headers, body, closed

    def json(self):
        return json.loads(self.body.decode())  # strictly UTF-8


def connect(port, timeout=60):
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def read_reply(connection, method="POST"):
    """The next reply on this connection; http.client passes over any 100."""
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    body = response.read()
    response.close()
    return Reply(response.status, response.headers, body, closed=False)


def is_closed(connection, within_s=10):
    """Whether the server ended the connection; what it still sends is thrown away."""
    connection.settimeout(within_s)
    try:
        while connection.recv(65536):
            pass
        return True
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def exchange(port, data, method="POST", wait_for_close=False):
    """Sends these bytes on a connection of its own; a server that refuses early may close while they are still being sent."""
    with connect(port) as connection:
        try:
            connection.sendall(data)
        except ConnectionError:
            pass
        reply = read_reply(connection, method)
        if wait_for_close:
            reply.closed = is_closed(connection)
        return reply


def request(method, path, *headers, body=b"", host=b"localhost"):
    """The bytes of a request, of which nothing is checked. Without a Content-Length among `headers` it gets a right one."""
    lines = [f"{method} {path} HTTP/1.1".encode()]
    if host is not None:
        lines.append(b"Host: " + host)
    lines += [h if isinstance(h, bytes) else h.encode() for h in headers]
    framed = any(line.lower().startswith((b"content-length", b"transfer-encoding")) for line in lines)
    if body and not framed:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def post_json(path, value, *headers):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return request("POST", path, "Content-Type: application/json", *headers, body=body)


def refusal(reply, *statuses):
    """The error object of a refusal in OpenAI's shape, its message fit for a log line."""
    assert reply.status in statuses, (reply.status, reply.body[:400])
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    message = error["message"]
    assert message and len(message) <= 1000 and not any(ord(c) < 32 or ord(c) == 127 for c in message), message
    return error

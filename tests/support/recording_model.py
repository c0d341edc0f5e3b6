"""A large model that keeps what it is asked, in each of the protocols, and answers with the last message, in pieces of three characters: what
goes out and what comes back can be compared, and every placeholder arrives cut."""

import contextlib
import http.server
import json
import socketserver
import threading


class Recorder(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def piece(self, text):
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def event(self, document, name=None):
        self.piece((f"event: {name}\n" if name else "") + f"data: {json.dumps(document)}\n\n")

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.server.away:
            self.close_connection = True
            return
        self.server.seen.append((self.path, dict(self.headers), raw))
        echo = json.loads(raw)["messages"][-1]["content"]
        pieces = [echo[i : i + 3] for i in range(0, len(echo), 3)]
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson" if self.path == "/api/chat" else "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.server.cut:
            pieces = pieces[: len(pieces) // 2]
        {"/v1/chat/completions": self.openai, "/v1/messages": self.anthropic, "/api/chat": self.ollama}[self.path](pieces)
        if self.server.cut:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def openai(self, pieces):
        for piece in pieces:
            self.event({"choices": [{"index": 0, "delta": {"content": piece}}]})
        if not self.server.cut:
            usage = {"prompt_tokens": 100, "completion_tokens": 200}
            self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage})
            self.piece("data: [DONE]\n\n")

    def anthropic(self, pieces):
        self.event({"type": "message_start", "message": {"usage": {"input_tokens": 100, "output_tokens": 1}}}, "message_start")
        for piece in pieces:
            delta = {"type": "text_delta", "text": piece}
            self.event({"type": "content_block_delta", "index": 0, "delta": delta}, "content_block_delta")
        if not self.server.cut:
            end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 200}}
            self.event(end, "message_delta")
            self.event({"type": "message_stop"}, "message_stop")

    def ollama(self, pieces):
        for piece in pieces:
            self.piece(json.dumps({"message": {"role": "assistant", "content": piece}, "done": False}) + "\n")
        if not self.server.cut:
            self.piece(json.dumps({"done": True, "done_reason": "stop", "prompt_eval_count": 100, "eval_count": 200}) + "\n")


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


@contextlib.contextmanager
def recording_model():
    """`.seen` has (path, headers, body) of each request; with `.cut` set, answers break off in the middle, with
    `.away` there are none."""
    server = Server(("127.0.0.1", 0), Recorder)
    server.seen, server.cut, server.away = [], False, False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()

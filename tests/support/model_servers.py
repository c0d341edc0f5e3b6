"""Servers on this machine that speak what a hub (Hugging Face's) and a registry (Ollama's) speak, and misbehave as told.

    with Hub() as hub:
        hub.add("owner/repo", {"model-Q4_K_M.gguf": data})
        hub.cut["model-Q4_K_M.gguf"] = [1000, 5000]      # the first two answers end after so many bytes of the body
        ... HF_ENDPOINT=hub.url ...
        hub.requests                                     # what was asked, with the headers

Large files are redirected to a second server, as the hub redirects to its storage: hub.storage, of another port, and
so another origin, with a signature in the address.
"""

import hashlib
import json
import re
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Request:
    method: str
    path: str  # without the query
    query: str
    headers: dict  # lower case


def git_blob(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Server:
    """One port, one function that answers; the rest is counting and bookkeeping."""

    def __init__(self, tls=None):
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path, _, query = self.path.partition("?")
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, urllib.parse.unquote(path), query, headers)
                with owner.lock:
                    owner.requests.append(request)
                try:
                    owner.answer(self, request)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self.lock = threading.Lock()
        self.requests = []
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        if tls:
            self.http.socket = tls.wrap_socket(self.http.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def answer(self, handler, request):
        raise NotImplementedError

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def asked(self, ending):
        with self.lock:
            return [r for r in self.requests if r.path.endswith(ending)]


def send(handler, status, body=b"", headers=()):
    handler.send_response(status)
    for name, value in headers:
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


@dataclass
class Behaviour:
    """What goes wrong with files, by their names. Lists are used up, one entry an answer."""

    cut: dict = field(default_factory=dict)  # bytes of the body after which the connection ends
    status: dict = field(default_factory=dict)  # statuses in place of an answer, or (status, headers)
    pause: dict = field(default_factory=dict)  # seconds between pieces of 4 KiB
    content: dict = field(default_factory=dict)  # other bytes than were announced
    etag: dict = field(default_factory=dict)  # entity tags, one an answer; the last stays
    no_ranges: set = field(default_factory=set)
    wrong_range: dict = field(default_factory=dict)  # answers 206 with another part than asked, so often
    chunked: set = field(default_factory=set)  # without a length
    hold: dict = field(default_factory=dict)  # name -> Event that the body waits for, after its first 4 KiB


def send_file(handler, request, name, data, be):
    """A file's bytes, or a range of them, with the misbehaviour of `name`."""
    data = be.content.get(name, data)
    if be.status.get(name):
        status = be.status[name].pop(0)
        status, headers = status if isinstance(status, tuple) else (status, ())
        return send(handler, status, b"no", headers)
    tags = be.etag.get(name) or [f'"{sha256(data)[:32]}"']
    tag = tags.pop(0) if len(tags) > 1 else tags[0]
    begin = 0
    wanted = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
    same = request.headers.get("if-range") in (None, tag)
    if wanted and same and name not in be.no_ranges:
        begin = int(wanted[1])
        if begin >= len(data):
            return send(handler, 416, b"", [("Content-Range", f"bytes */{len(data)}")])
        if be.wrong_range.get(name):
            be.wrong_range[name] -= 1
            begin //= 2
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
    else:
        handler.send_response(200)
    body = data[begin:]
    if tag:
        handler.send_header("ETag", tag)
    if name in be.chunked:
        handler.send_header("Connection", "close")
        handler.close_connection = True
    else:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command == "HEAD":
        return None
    cut = be.cut[name].pop(0) if be.cut.get(name) else None
    if cut is not None:
        body = body[:cut]
        handler.close_connection = True
    for at in range(0, len(body), 4096):
        handler.wfile.write(body[at : at + 4096])
        time.sleep(be.pause.get(name, 0))
        if name in be.hold:
            handler.wfile.flush()
            be.hold[name].wait(30)
    return None


class Storage(Server):
    """Where large files lie: /sha256?sign=NUMBER. A number works as often as it is said to."""

    def __init__(self, be, tls=None):
        super().__init__(tls)
        self.be = be
        self.files = {}  # sha256 -> (name, bytes)
        self.expired = set()  # signatures

    def answer(self, handler, request):
        signature = urllib.parse.parse_qs(request.query).get("sign", [""])[0]
        if signature in self.expired:
            return send(handler, 403, b"Request has expired")
        found = self.files.get(request.path.strip("/"))
        if not found:
            return send(handler, 404)
        return send_file(handler, request, *found, self.be)


class Hub(Server):
    TOKEN = "hf_test_token"

    def __init__(self, tls=None, storage_tls=None):
        super().__init__(tls)
        self.be = Behaviour()
        self.storage = Storage(self.be, storage_tls)
        self.repositories = {}  # name -> {"files", "commit", "private", "gated", "license", "listed"}
        self.redirects = {}  # name -> address, or a function of the request, in place of the storage's
        self.info_status = []
        self.signatures = 0
        self.expire_next = 0  # that many signatures are expired when they are given

    def __enter__(self):
        self.storage.__enter__()
        return super().__enter__()

    def __exit__(self, *arguments):
        super().__exit__(*arguments)
        self.storage.__exit__(*arguments)

    def add(self, name, files, **more):
        """`listed`: entries that replace what the list of files says of a file, by name; None leaves it out."""
        commit = hashlib.sha1(json.dumps([name, {k: sha256(v) for k, v in files.items()}]).encode()).hexdigest()
        self.repositories[name] = {"files": files, "commit": commit, **more}
        for path, data in files.items():
            if self.is_large(path):
                self.storage.files[sha256(data)] = (path, data)

    @staticmethod
    def is_large(path):
        return path.endswith((".gguf", ".safetensors", ".bin"))

    def info(self, name):
        repository = self.repositories[name]
        siblings = []
        for path, data in repository["files"].items():
            entry = {"rfilename": path, "blobId": git_blob(data), "size": len(data)}
            if self.is_large(path):
                entry["lfs"] = {"sha256": sha256(data), "size": len(data), "pointerSize": 134}
            entry.update(repository.get("listed", {}).get(path) or {})
            siblings.append(entry)
        return {
            "_id": "1", "id": name, "modelId": name, "private": False, "gated": repository.get("gated", False),
            "sha": repository["commit"], "cardData": {"license": repository.get("license", "mit")}, "siblings": siblings,
        }  # fmt: skip

    def refuses(self, handler, request, name, for_files):
        """The hub's answers to who may not; True when one was sent."""
        repository = self.repositories.get(name)
        allowed = request.headers.get("authorization") == f"Bearer {self.TOKEN}"
        if repository is None or (repository.get("private") and not allowed):
            status = 404 if repository is None and allowed else 401
            send(handler, status, b"{}", [("X-Error-Code", "RepoNotFound"), ("X-Error-Message", "Repository not found")])
            return True
        if repository.get("gated") and for_files and not (allowed and repository["gated"] == "accepted"):
            send(handler, 403 if allowed else 401, b"{}", [("X-Error-Code", "GatedRepo")])
            return True
        return False

    def answer(self, handler, request):
        if match := re.fullmatch(r"/api/models/([\w.-]+(?:/[\w.-]+)?)(?:/revision/(.+))?", request.path):
            name, revision = match[1], match[2] or "main"
            if self.info_status:
                return send(handler, self.info_status.pop(0))
            if self.refuses(handler, request, name, False):
                return None
            if revision not in ("main", self.repositories[name]["commit"], *self.repositories[name].get("revisions", ())):
                return send(handler, 404, b"{}", [("X-Error-Code", "RevisionNotFound")])
            body = self.repositories[name].get("raw_info") or json.dumps(self.info(name)).encode()
            return send(handler, 200, body, [("Content-Type", "application/json")])
        if match := re.fullmatch(r"/([\w.-]+(?:/[\w.-]+)?)/resolve/([^/]+)/(.+)", request.path):
            return self.answer_file(handler, request, *match.groups())
        return send(handler, 404)

    def answer_file(self, handler, request, name, revision, path):
        if self.refuses(handler, request, name, True):
            return None
        repository = self.repositories[name]
        data = repository["files"].get(path)
        if data is None:
            return send(handler, 404, b"{}", [("X-Error-Code", "EntryNotFound")])
        commit = ("X-Repo-Commit", repository["commit"])
        if path in self.redirects:
            target = self.redirects[path]
            return send(handler, 302, b"moved", [("Location", target(request) if callable(target) else target), commit])
        if not self.is_large(path):
            if request.headers.get("range") is None and handler.command == "HEAD":
                headers = [commit, ("ETag", f'"{git_blob(data)}"')]
                handler.send_response(200)
                for header in headers:
                    handler.send_header(*header)
                handler.send_header("Content-Length", str(len(data)))
                return handler.end_headers()
            return send_file(handler, request, path, data, self.be)
        self.signatures += 1
        signature = str(self.signatures)
        if self.expire_next > 0:
            self.expire_next -= 1
            self.storage.expired.add(signature)
        headers = [
            ("Location", f"{self.storage.url}/{sha256(data)}?sign={signature}"), commit,
            ("X-Linked-Size", str(len(data))), ("X-Linked-Etag", f'"{sha256(data)}"'),
        ]  # fmt: skip
        return send(handler, 302, b"Found. Redirecting", headers)


class Registry(Server):
    """name -> tag -> manifest; blobs by digest, redirected to a storage as the real one does."""

    LAYER = "application/vnd.ollama.image."

    def __init__(self):
        super().__init__()
        self.be = Behaviour()
        self.storage = Storage(self.be)
        self.manifests = {}  # "library/name:tag" -> bytes
        self.digest_header = None

    def __enter__(self):
        self.storage.__enter__()
        return super().__enter__()

    def __exit__(self, *arguments):
        super().__exit__(*arguments)
        self.storage.__exit__(*arguments)

    def add(self, name, layers, change=lambda manifest: None):
        """layers: [(type, bytes)]; `change` edits the manifest before it is published."""
        config = json.dumps({"model_format": "gguf"}).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": self.layer("application/vnd.docker.container.image.v1+json", config),
            "layers": [self.layer(self.LAYER + kind, data) for kind, data in layers],
        }
        change(manifest)
        self.manifests[name] = json.dumps(manifest).encode()

    def layer(self, kind, data):
        self.storage.files[sha256(data)] = (f"sha256:{sha256(data)}", data)
        return {"mediaType": kind, "digest": f"sha256:{sha256(data)}", "size": len(data)}

    def answer(self, handler, request):
        if match := re.fullmatch(r"/v2/([\w.-]+/[\w.-]+)/manifests/([\w.-]+)", request.path):
            body = self.manifests.get(f"{match[1]}:{match[2]}")
            if body is None:
                return send(handler, 404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
            digest = self.digest_header or f"sha256:{sha256(body)}"
            return send(handler, 200, body, [("Docker-Content-Digest", digest)])
        if match := re.fullmatch(r"/v2/[\w.-]+/[\w.-]+/blobs/sha256:([0-9a-f]{64})", request.path):
            if match[1] not in self.storage.files:
                return send(handler, 404, b"{}")
            return send(handler, 307, b"", [("Location", f"{self.storage.url}/{match[1]}?sign=x")])
        return send(handler, 404)

"""What changes models over Ollama's API, on a store of its own: copies, removals, pulls from a hub that runs here; and who may."""

import hashlib
import json
import re
import socket
import threading
import time

import httpx
import ollama
import pytest

from bantam_process import BantamProcess
from model_servers import Hub
from tiny_decoder import write_tiny_decoder

NAME = "owner/tiny"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_tiny_decoder(tmp_path_factory.mktemp("file") / "tiny-Q8_0.gguf").read_bytes()


@pytest.fixture
def hub(file):
    with Hub() as running:
        running.add(NAME, {"tiny-Q8_0.gguf": file, "README.md": b"# tiny"})
        yield running


@pytest.fixture
def server(tmp_path, hub, file):
    models = tmp_path / "home/models"
    models.mkdir(parents=True)
    (models / "tiny.gguf").write_bytes(file)
    with BantamProcess(tmp_path / "home", ["--model", "tiny"], {"HF_ENDPOINT": hub.url, "HF_TOKEN": ""}) as running:
        running.models = models
        yield running
        assert running.stop() == 0, running.log()


@pytest.fixture
def client(server):
    return ollama.Client(host=server.url, timeout=60)


def names(client):
    return sorted(model.model for model in client.list().models)


@pytest.mark.works("ollama", "`copy`, `delete`, by callers on the server's machine")
def test_a_copy_answers_at_once_and_goes(server, client):
    client.copy("tiny", "gpt-4")
    assert names(client) == ["gpt-4:latest", "tiny:latest"]
    assert client.generate("gpt-4", "x", options={"num_predict": 2}).model == "gpt-4"
    assert [m["id"] for m in httpx.get(server.url + "/v1/models").json()["data"]] == ["tiny", "gpt-4"]
    assert httpx.get(server.url + "/v1/models/gpt-4").json()["root"] == "tiny"
    assert (server.models / "gpt-4.gguf").stat().st_ino == (server.models / "tiny.gguf").stat().st_ino
    with pytest.raises(ollama.ResponseError, match="served already") as refused:
        client.copy("tiny", "gpt-4:latest")
    assert refused.value.status_code == 409
    client.delete("gpt-4:latest")
    assert names(client) == ["tiny:latest"] and not (server.models / "gpt-4.gguf").exists()
    for name, status in (("gpt-4", 404), ("tiny", 409), ("../tiny", 400)):
        with pytest.raises(ollama.ResponseError) as refused:
            client.delete(name)
        assert refused.value.status_code == status, refused.value
    assert (server.models / "tiny.gguf").exists()
    with pytest.raises(ollama.ResponseError, match="no model"):
        client.copy("nobody", "other")
    with pytest.raises(ollama.ResponseError, match="64 letters"):
        client.copy("tiny", "../other")


@pytest.mark.works("ollama", "`create` of a copy (`from_`), by callers on the server's machine")
def test_create_makes_copies_and_says_what_it_does_not_make(server, client):
    assert client.create("mario", from_="tiny").status == "success"
    assert [part.status for part in client.create("luigi", from_="tiny", stream=True)] == ["success"]
    assert names(client) == ["luigi:latest", "mario:latest", "tiny:latest"]
    for more in ({"system": "You are Mario."}, {"quantize": "q4_K_M"}, {"parameters": {"temperature": 1}}):
        with pytest.raises(ollama.ResponseError, match=f'"{next(iter(more))}" is not supported'):
            client.create("peach", from_="tiny", **more)
    with pytest.raises(ollama.ResponseError, match="send one of them"):
        client.create("peach", from_="tiny", files={"a.gguf": "sha256:" + "0" * 64})
    assert client.create("wario", from_="tiny").status == "success"


@pytest.mark.works("ollama", "`create_blob`, `create` of `files`, by callers on the server's machine")
def test_create_makes_a_model_of_files(tmp_path, file):
    store, path, page = tmp_path / "store", tmp_path / "x.gguf", tmp_path / "page.gguf"
    path.write_bytes(file)
    page.write_text("<html>")
    store.mkdir()
    with BantamProcess(store, ["--max-body", "100000"]) as server:
        assert len(file) > 100_000
        client = ollama.Client(host=server.url, timeout=60)
        digest = client.create_blob(path)
        assert httpx.head(f"{server.url}/api/blobs/{digest}").status_code == 200
        assert client.create("own:small", files={"x.gguf": digest}).status == "success"
        assert names(client) == ["own-small:latest"] and not list((store / "models/.blobs").iterdir())
        assert client.generate("own:small", "x", options={"num_predict": 2}).eval_count == 2
        assert httpx.head(f"{server.url}/api/blobs/{digest}").status_code == 404
        # Of a newer one the store has the newer one, and what is in memory is replaced.
        client.create_blob(path)
        assert client.create("own:small", files={"y.gguf": digest}).status == "success"
        assert [file.name for file in (store / "models/own-small").glob("*.gguf")] == ["y.gguf"]
        with pytest.raises(ollama.ResponseError, match="^model.gguf: this is an HTML page"):
            client.create("junk", files={"model.gguf": client.create_blob(page)})
        with pytest.raises(ollama.ResponseError, match="is not here: send it first") as missing:
            client.create("other", files={"x.gguf": digest})
        assert missing.value.status_code == 404
        assert names(client) == ["own-small:latest"]
        assert server.stop() == 0, server.log()


def test_uploads_that_are_refused_leave_nothing(tmp_path, file):
    digest = "sha256:" + hashlib.sha256(file).hexdigest()
    (tmp_path / "store").mkdir()
    with BantamProcess(tmp_path / "store", ["--max-body", "100000"]) as server:
        url = f"{server.url}/api/blobs/"
        wrong = httpx.post(url + digest, content=file + b"x")
        assert wrong.status_code == 400 and digest in wrong.json()["error"]
        assert httpx.post(url + "sha256:..%2f..%2fx", content=b"x").status_code in (400, 404)
        assert httpx.post(url + "x", content=file).status_code == 400
        assert httpx.post(url + digest, content=b"x", headers={"X-Forwarded-For": "10.0.0.1"}).status_code == 403
        for page in ({"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}):
            assert httpx.post(url + digest, content=b"x", headers=page).status_code == 403
        assert not (tmp_path / "store/models/.blobs").exists() or not list((tmp_path / "store/models/.blobs").iterdir())
        chunked = httpx.post(url + digest, content=iter([file[:70_000], file[70_000:]]))
        assert chunked.status_code == 201
        with socket.create_connection(("127.0.0.1", server.port)) as half:
            half.sendall(f"POST /api/blobs/sha256:{'1' * 64} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n".encode() + b"x" * 300_000)
            time.sleep(0.3)
            left = [path.name for path in (tmp_path / "store/models/.blobs").iterdir()]
            assert len(left) == 2, left
        deadline = time.monotonic() + 5
        while len(list((tmp_path / "store/models/.blobs").iterdir())) > 1 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert [path.name for path in (tmp_path / "store/models/.blobs").iterdir()] == [digest.replace(":", "-")]
        huge = f"POST /api/blobs/sha256:{'2' * 64} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {1 << 62}\r\n\r\nx"
        with socket.create_connection(("127.0.0.1", server.port)) as one:
            one.sendall(huge.encode())
            assert b" 507 " in one.recv(4096)
        assert server.stop() == 0, server.log()


@pytest.mark.works("ollama", "`pull`, whole and streamed, by callers on the server's machine")
def test_pull_tells_its_progress(server, client, hub, file):
    parts = list(client.pull(f"hf.co/{NAME}:Q8_0", stream=True))
    states = [part.status for part in parts]
    assert states[0] == "pulling manifest" and states[-1] == "success" and "writing manifest" in states
    fetched = [part for part in parts if part.digest]
    assert fetched[-1].completed == fetched[-1].total == len(file) and re.fullmatch("sha256:[0-9a-f]{64}", fetched[-1].digest)
    stored = [path for path in server.models.iterdir() if path.is_dir()]
    assert len(stored) == 1 and next(stored[0].glob("*.gguf")).read_bytes() == file
    assert client.pull(f"hf.co/{NAME}:Q8_0").status == "success"  # it is there


@pytest.mark.works("ollama", "`generate` with `keep_alive`, `ps`: models come on demand and go")
def test_models_on_demand_come_and_go(tmp_path, hub, file):
    models = tmp_path / "store/models"
    models.mkdir(parents=True)
    (models / "tiny.gguf").write_bytes(file)
    with BantamProcess(tmp_path / "store", ["--alias", "gpt-4=tiny"], {"HF_ENDPOINT": hub.url, "HF_TOKEN": ""}) as server:
        client = ollama.Client(host=server.url, timeout=60)
        listed = client.list().models
        assert [(m.model, m.size, m.details.format) for m in listed] == [("tiny:latest", len(file), "gguf")] and not client.ps().models
        assert client.generate("tiny", "x", options={"num_predict": 2}, keep_alive="1h").eval_count == 2
        (running,) = client.ps().models
        left = running.expires_at.timestamp() - time.time()
        assert running.model == "tiny:latest" and 3500 < left <= 3601 and names(client) == ["gpt-4:latest", "tiny:latest"]
        assert client.generate("tiny", keep_alive=0).done_reason == "unload"
        deadline = time.monotonic() + 10
        while client.ps().models and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not client.ps().models
        assert client.generate("gpt-4", keep_alive=-1).done_reason == "load" and client.ps().models[0].expires_at.year == 2300
        # What is pulled can be asked for at once.
        client.pull(f"hf.co/{NAME}:Q8_0")
        (pulled,) = {m.model for m in client.list().models} - {"tiny:latest", "gpt-4:latest"}
        assert client.chat(pulled, [{"role": "user", "content": "x"}], options={"num_predict": 2}).eval_count == 2
        # A copy is a model of its own.
        client.copy("tiny", "second")
        assert client.generate("second", "x", options={"num_predict": 2}).eval_count == 2
        assert {m.model for m in client.ps().models} == {"tiny:latest", pulled, "second:latest"}


def test_a_pulled_version_is_tried_out_before_it_takes_its_place(tmp_path, hub, file):
    (tmp_path / "store/models").mkdir(parents=True)
    with BantamProcess(tmp_path / "store", [], {"HF_ENDPOINT": hub.url, "HF_TOKEN": ""}) as server:
        client = ollama.Client(host=server.url, timeout=60)
        client.pull(f"hf.co/{NAME}:Q8_0")
        (model,) = names(client)
        stored = next((tmp_path / "store/models").glob("*/*.gguf"))

        def tell():
            return client.generate(model, "x", options={"num_predict": 8, "temperature": 0}).response

        text = tell()
        hub.add(NAME, {"tiny-Q8_0.gguf": file[: len(file) // 2], "README.md": b"# tiny"})
        with pytest.raises(ollama.ResponseError, match="tiny-Q8_0.gguf"):
            client.pull(f"hf.co/{NAME}:Q8_0")
        assert tell() == text and stored.read_bytes() == file, "neither what is served nor what is stored has changed"
        other = write_tiny_decoder(tmp_path / "other.gguf", seed=2).read_bytes()
        hub.add(NAME, {"tiny-Q8_0.gguf": other, "README.md": b"# tiny"})
        assert client.pull(f"hf.co/{NAME}:Q8_0").status == "success"
        assert stored.read_bytes() == other and tell() != text
        assert "was replaced by its new version" in server.log()


def test_pull_refusals(server, client):
    for name, says in (("hf.co/owner/nothing", "nothing"), (f"hf.co/{NAME}:Q2_K", "Q2_K"), ("hf.co/../../x", ""), ("http://169.254.169.254/x", "")):
        reply = httpx.post(server.url + "/api/pull", json={"model": name, "stream": False}, timeout=60)
        assert 400 <= reply.status_code < 600 and set(reply.json()) == {"error"} and says in reply.json()["error"], reply.text
        streamed = httpx.post(server.url + "/api/pull", json={"model": name}, timeout=60)
        assert "error" in json.loads(streamed.text.splitlines()[-1])
    reply = httpx.post(server.url + "/api/pull", json={"model": f"hf.co/{NAME}", "insecure": True})
    assert reply.status_code == 400 and "insecure" in reply.json()["error"]
    assert httpx.post(server.url + "/api/pull", json={}).status_code == 400


def test_a_client_that_goes_away_stops_its_pull_and_the_next_goes_on(server, client, hub):
    hub.be.pause["tiny-Q8_0.gguf"] = 0.05
    with httpx.stream("POST", server.url + "/api/pull", json={"model": f"hf.co/{NAME}:Q8_0"}, timeout=60) as reply:
        for line in reply.iter_lines():
            if json.loads(line).get("completed"):
                break
    time.sleep(1)  # what was on its way has come
    parts = [p for p in server.models.rglob("parts/*") if not p.name.endswith(".etag")]
    assert len(parts) == 1
    size = parts[0].stat().st_size
    time.sleep(0.5)
    assert parts[0].stat().st_size == size > 0
    hub.be.pause.clear()
    completed = [part.completed for part in client.pull(f"hf.co/{NAME}:Q8_0", stream=True) if part.completed is not None]
    assert completed[0] >= size


def test_the_server_ends_while_it_pulls(server, client, hub):
    hub.be.hold["tiny-Q8_0.gguf"] = threading.Event()
    with httpx.stream("POST", server.url + "/api/pull", json={"model": f"hf.co/{NAME}:Q8_0"}, timeout=60) as reply:
        for line in reply.iter_lines():
            if json.loads(line).get("digest"):
                break
    # The client is gone; nothing holds the end up.
    assert server.stop(within_s=15) == 0
    hub.be.hold["tiny-Q8_0.gguf"].set()
    server.start()


@pytest.mark.parametrize(
    "method, path, body",
    [
        ("POST", "/api/pull", {"model": f"hf.co/{NAME}"}), ("POST", "/api/copy", {"source": "tiny", "destination": "x"}),
        ("POST", "/api/create", {"model": "x", "from": "tiny"}), ("DELETE", "/api/delete", {"model": "tiny"}),
        ("POST", "/api/push", {"model": "tiny"}), ("GET", "/api/blobs/sha256:0", None),
    ],
)  # fmt: skip
def test_only_callers_on_this_machine_change_models(server, hub, method, path, body):
    for header in ({"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=10.0.0.1"}, {"X-Real-IP": "10.0.0.1"}):
        reply = httpx.request(method, server.url + path, json=body, headers=header)
        assert reply.status_code == 403 and "own machine" in reply.json()["error"], reply.text
    assert httpx.request(method, server.url + path, json=body, headers={"Origin": "https://evil.example"}).status_code == 403
    assert not hub.requests and (server.models / "tiny.gguf").exists()
    assert [path.name for path in server.models.iterdir()] == ["tiny.gguf"]


def test_not_from_other_machines(tmp_path, file):
    """The server listens everywhere; this machine's other address is that of a stranger."""
    models = tmp_path / "home/models"
    models.mkdir(parents=True)
    (models / "tiny.gguf").write_bytes(file)
    with BantamProcess(tmp_path / "home", ["--model", "tiny", "--host", "0.0.0.0"]) as server:
        address = other_address()
        url = f"http://{address}:{server.port}"
        assert httpx.get(url + "/api/tags").status_code == 200
        assert httpx.post(url + "/api/copy", json={"source": "tiny", "destination": "x"}).status_code == 403
        assert httpx.post(server.url + "/api/copy", json={"source": "tiny", "destination": "x"}, headers={"Host": "models.example"}).status_code == 403
        assert httpx.post(server.url + "/api/copy", json={"source": "tiny", "destination": "x"}).status_code == 200


def other_address():
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: only asks which address would be used
        except OSError:
            pytest.skip("this machine has no address but loopback")
        address = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    return address

"""Keys: who is let in, by the real clients, and what a key may do."""

import json
import signal
import subprocess
import time

import httpx
import ollama
import openai
import pytest

from bantam_process import BantamProcess, make_home


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return make_home(tmp_path_factory.mktemp("keys") / "home")


@pytest.fixture(scope="module")
def new_key(bantam_binary):
    def new(file, name, *more):
        done = subprocess.run([bantam_binary, "key", "new", name, "--file", file, "--json", *more], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        made = json.loads(done.stdout)
        assert made["key"] not in file.read_text() and made["sha256"] in file.read_text()
        return made["key"]

    return new


@pytest.fixture(scope="module")
def server(home, new_key, tmp_path_factory):
    file = tmp_path_factory.mktemp("keys") / "keys.yaml"
    keys = {"user": new_key(file, "user"), "admin": new_key(file, "admin", "--role", "admin"),
            "slow": new_key(file, "slow", "--requests-per-minute", "2")}  # fmt: skip
    with BantamProcess(home, ["--model", "all-MiniLM-L6-v2", "--api-keys", file], {"BANTAM_API_KEY": "from-the-environment"}) as running:
        running.keys, running.file = keys, file
        yield running
        status = running.stop()
    assert status == 0, running.log()
    for key in [*keys.values(), "from-the-environment"]:
        assert key not in running.log()


def client(server, key):
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0, timeout=60)


def embed(server, key):
    return client(server, key).embeddings.create(model="all-MiniLM-L6-v2", input="hello").data[0].embedding


def test_a_key_opens_and_nothing_else_does(server):
    vector = embed(server, server.keys["user"])
    assert embed(server, "from-the-environment") == vector
    for key in ("wrong", server.keys["user"][:-1], server.keys["user"] + "0", server.keys["user"].upper()):
        with pytest.raises(openai.AuthenticationError) as caught:
            embed(server, key)
        assert caught.value.body["type"] == "authentication_error" and key not in str(caught.value)


@pytest.mark.parametrize("header", ["X-Api-Key", "Api-Key"])
def test_other_headers(server, header):
    reply = httpx.get(server.url + "/v1/models", headers={header: server.keys["user"]})
    assert reply.status_code == 200


def test_every_route_asks_but_those_of_probes(server):
    paths = httpx.get(server.url + "/openapi.json", headers={"X-Api-Key": server.keys["user"]}).json()["paths"]
    assert len(paths) > 20
    for path, methods in paths.items():
        for method in methods:
            reply = httpx.request(method.upper(), server.url + path.replace("{name}", "x"), headers={"Content-Type": "application/json"})
            assert reply.status_code == (200 if path in ("/healthz", "/readyz", "/health", "/v2/health/live", "/v2/health/ready") else 401), (method, path, reply.status_code)
    assert httpx.get(server.url + "/nothing/here").status_code == 401


def test_errors_have_the_shape_of_the_family(server):
    assert set(httpx.post(server.url + "/v1/embeddings", json={}).json()["error"]) == {"message", "type", "param", "code"}
    with pytest.raises(ollama.ResponseError, match="Authorization: Bearer") as caught:
        ollama.Client(host=server.url).embed("all-MiniLM-L6-v2", "hello")
    assert caught.value.status_code == 401
    assert httpx.post(server.url + "/embed", json={}).json().keys() >= {"error", "error_type"}


def test_management_takes_an_admin(server):
    user, admin = (ollama.Client(host=server.url, headers={"Authorization": f"Bearer {server.keys[name]}"}) for name in ("user", "admin"))
    assert user.list().models
    with pytest.raises(ollama.ResponseError, match="admin") as caught:
        user.copy("all-MiniLM-L6-v2", "mine")
    assert caught.value.status_code == 403
    with pytest.raises(ollama.ResponseError) as caught:
        admin.copy("no-such-model", "mine")
    assert caught.value.status_code == 404


def test_a_browser_is_asked(server):
    reply = httpx.get(server.url + "/", headers={"Accept": "text/html"})
    assert reply.status_code == 401 and reply.headers["www-authenticate"].startswith("Basic ")
    page = httpx.get(server.url + "/", headers={"Accept": "text/html"}, auth=("anybody", server.keys["user"]))
    assert page.status_code == 200 and "<html" in page.text
    assert httpx.get(server.url + "/v1/models").headers["www-authenticate"].startswith("Bearer")


def test_so_many_a_minute(server):
    embed(server, server.keys["slow"])
    embed(server, server.keys["slow"])
    with pytest.raises(openai.RateLimitError, match="2 times a minute") as caught:
        embed(server, server.keys["slow"])
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 30
    embed(server, server.keys["user"])


def test_the_file_is_read_again_and_a_broken_one_is_not(server, new_key):
    def eventually(holds):
        deadline = time.monotonic() + 30
        while not holds():
            assert time.monotonic() < deadline, server.log()
            time.sleep(0.02)

    late = new_key(server.file, "late")
    with pytest.raises(openai.AuthenticationError):
        embed(server, late)
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: "read again" in server.log())
    embed(server, late)
    server.file.write_text("keys:\n  - name: late\n    sha256: oops\n")
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: "stay as they were" in server.log())
    assert "keys.yaml:3:13" in server.log() and "64 hexadecimal digits" in server.log()
    embed(server, late)


def test_a_broken_file_does_not_start(home, bantam_binary, tmp_path):
    file = tmp_path / "keys.yaml"
    file.write_text("keys:\n  - name: a\n")
    done = subprocess.run([bantam_binary, "serve", "--api-keys", file, "--port", "0"], capture_output=True, text=True, timeout=60,
                          env={"BANTAM_HOME": str(home), "PATH": "/usr/bin"})  # fmt: skip
    assert done.returncode == 78 and "keys.yaml:2" in done.stderr

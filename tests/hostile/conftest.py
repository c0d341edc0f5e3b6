"""The server that is attacked, and what must hold after every attack: it is healthy, and an ordinary request gets the same bytes as
before."""

import httpx
import pytest

from bantam_process import BantamProcess, make_home
from raw_http import ASSISTANT, ENCODER, WRITER, exchange, post_json
from tiny_decoder import write_tiny_decoder


@pytest.fixture(scope="session")
def writer_file(tmp_path_factory):
    return write_tiny_decoder(tmp_path_factory.mktemp("hostile") / f"{WRITER}.gguf")


@pytest.fixture(scope="session")
def target(writer_file, tmp_path_factory):
    """An assistant, an encoder and a model that writes, on loopback as `bantam serve` has them."""
    home = make_home(tmp_path_factory.mktemp("target") / "home")
    with BantamProcess(home, ["-c", "examples/helpdesk/bantam.yaml", "--model", writer_file]) as server:
        yield server
        status = server.stop()
    assert status == 0, f"bantam ended with {status} after SIGTERM:\n{server.log()}"


def ask_canary(server):
    """What an ordinary caller gets: a text, a vector, a decision, without what names the request or tells its time."""
    def post(path, **body):
        reply = httpx.post(server.url + path, json=body, timeout=120)
        assert reply.status_code == 200, reply.text
        return reply.json()

    text = post("/v1/completions", model=WRITER, prompt="canary", temperature=0, max_tokens=12)["choices"]
    vector = post("/v1/embeddings", model=ENCODER, input="canary", encoding_format="base64")["data"]
    decision = post("/v1/classify", model=ASSISTANT, input="where is my parcel")["data"]
    return text, vector, decision


@pytest.fixture(scope="session")
def canary(target):
    return ask_canary(target)


@pytest.fixture(autouse=True)
def unharmed(request):
    """After every test against the shared server."""
    if "target" not in request.fixturenames:
        yield
        return
    target, before = request.getfixturevalue("target"), request.getfixturevalue("canary")
    yield
    assert target.process.poll() is None, target.log()[-4000:]
    assert httpx.get(target.url + "/healthz").status_code == 200
    assert ask_canary(target) == before


@pytest.fixture
def send(target):
    """send(bytes) -> the reply, on a connection of its own."""
    return lambda data, **more: exchange(target.port, data, **more)


@pytest.fixture
def ask(target):
    """ask(path, value or bytes) -> the reply to a JSON body."""
    return lambda path, value, *headers: exchange(target.port, post_json(path, value, *headers))

"""Models of the store that come when a request names them, and go when their memory is wanted or nobody asks any more."""

import concurrent.futures
import subprocess
import time

import httpx
import openai
import pytest

from bantam_process import BantamProcess, make_home
from stories_model import write_stories

TEMPLATE = "{{ bos_token }}{% for message in messages %}{{ message.content + '\\n' }}{% endfor %}"


@pytest.fixture(scope="module")
def home(test_data, tmp_path_factory):
    """A store of its own: the default encoder and two decoders."""
    folder = tmp_path_factory.mktemp("on-demand")
    encoder = make_home(folder / "real") / "models" / "all-MiniLM-L6-v2"
    models = folder / "home" / "models"
    models.mkdir(parents=True)
    (models / "all-MiniLM-L6-v2").symlink_to(encoder.resolve())
    for name in ("one", "two"):
        write_stories(test_data / "weights-stories260k", models / f"{name}.gguf", chat_template=TEMPLATE)
    return folder / "home"


@pytest.fixture
def serve(home):
    running = []

    def start(*arguments):
        server = BantamProcess(home, ["--context", 256, *arguments]).start()
        running.append(server)
        return server, openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused", max_retries=0, timeout=120)

    yield start
    for server in running:
        status = server.stop()
        assert status == 0, server.log()


def loaded(server):
    return {model["name"]: model for model in httpx.get(server.url + "/api/ps").json()["models"]}


def say(client, model):
    return client.completions.create(model=model, prompt="Once upon a time", max_tokens=8, temperature=0).choices[0].text


def test_told_nothing_the_server_has_the_store(serve):
    server, client = serve()
    listed = {model.id: model for model in client.models.list().data}
    assert set(listed) == {"all-MiniLM-L6-v2", "one", "two"} and loaded(server) == {}
    assert all(model.bantam == {"loaded": False} for model in listed.values())
    assert client.models.retrieve("one").id == "one"

    # Each kind of request loads what it names: small ones for embeddings, which no worker has in hand, too.
    vector = client.embeddings.create(model="all-MiniLM-L6-v2", input="hello").data[0].embedding
    assert len(vector) == 384 and client.embeddings.create(model="all-MiniLM-L6-v2:latest", input="hello").data[0].embedding == vector
    assert say(client, "one") == say(client, "two")
    chat = client.chat.completions.create(model="two", messages=[{"role": "user", "content": "Once"}], max_tokens=4)
    assert chat.choices[0].message.content
    assert set(loaded(server)) == {"all-MiniLM-L6-v2:latest", "one:latest", "two:latest"}
    assert all(model["expires_at"] < "2300" and model["size"] > 0 for model in loaded(server).values())
    assert {model.id: model.bantam.get("tasks") for model in client.models.list().data}["one"] == "generate, chat"
    assert "the 3 models of the store, loaded when asked for" in server.log()


def test_names_that_the_store_does_not_have(serve):
    _, client = serve()
    for name in ("three", "../models/one", "/etc/passwd", "one/../two", ""):
        with pytest.raises((openai.NotFoundError, openai.BadRequestError)) as caught:
            say(client, name)
        assert caught.value.body["param"] == "model"
        with pytest.raises((openai.NotFoundError, openai.BadRequestError)):
            client.embeddings.create(model=name, input="hello")
    with pytest.raises(openai.NotFoundError, match="bantam list"):
        say(client, "three")
    # A model that there is, for what it cannot do.
    with pytest.raises(openai.BadRequestError, match="cannot embed"):
        client.embeddings.create(model="one", input="hello")
    with pytest.raises(openai.BadRequestError, match="cannot generate text"):
        say(client, "all-MiniLM-L6-v2")


def test_memory_is_a_limit(serve):
    server, client = serve("--memory", "16M")
    say(client, "one")
    need = loaded(server)["one:latest"]["size"]
    assert need < 16 << 20
    say(client, "two")
    assert set(loaded(server)) == {"two:latest"}
    # The encoder alone is larger.
    with pytest.raises(openai.APIStatusError, match="--memory allows 16.0 MiB") as caught:
        client.embeddings.create(model="all-MiniLM-L6-v2", input="hello")
    assert caught.value.status_code == 503 and "weights" in str(caught.value)
    assert set(loaded(server)) == {"two:latest"}


def test_a_model_goes_when_nobody_asks(serve):
    server, client = serve("--keep-alive", "1s")
    say(client, "one")
    assert set(loaded(server)) == {"one:latest"}
    deadline = time.monotonic() + 30
    while loaded(server) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert loaded(server) == {}
    assert say(client, "one")


def test_models_named_at_the_start_stay(serve):
    server, client = serve("--model", "one", "--keep-alive", "0s")
    assert set(loaded(server)) == {"one:latest"} and loaded(server)["one:latest"]["expires_at"].startswith("2300")
    with pytest.raises(openai.NotFoundError, match="served: one"):
        say(client, "two")


def test_many_ask_at_once_while_models_come_and_go(serve):
    server, client = serve("--memory", "16M", "--keep-alive", "0s")

    def ask(number):
        while True:
            try:
                return say(client, ("one", "two")[number % 2])
            except openai.RateLimitError as error:  # the other one is in use, and there is room for one
                assert "in use" in str(error)
                time.sleep(0.01)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(ask, range(24)))
    assert len(set(texts)) == 1
    assert httpx.get(server.url + "/healthz").status_code == 200


def test_a_time_that_is_none_is_refused(bantam_binary):
    done = subprocess.run([bantam_binary, "serve", "--keep-alive", "soon", "--port", "0"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 64 and "--keep-alive soon: expected a time such as 5m" in done.stderr

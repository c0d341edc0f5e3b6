"""What replies tell of the work behind them in headers: model, tokens, and where the time went."""

import pathlib
import re

import httpx
import pytest

from bantam_process import BantamProcess

MODELS = pathlib.Path(__file__).parents[2] / "src/tasks/golden/models"
TEXT = {"model": "smollm2", "max_tokens": 4, "temperature": 0}
CHAT = {"messages": [{"role": "user", "content": "Name a fruit."}]}
TASKS = {
    "/v1/embeddings": {"model": "all-MiniLM-L6-v2", "input": ["hello", "world"]},
    "/embed": {"model": "all-MiniLM-L6-v2", "inputs": "hello"},
    "/embed_all": {"model": "all-MiniLM-L6-v2", "inputs": "hello"},
    "/v2/embed": {"model": "all-MiniLM-L6-v2", "texts": ["hello"], "embedding_types": ["float"]},
    "/api/embed": {"model": "all-MiniLM-L6-v2", "input": "hello"},
    "/api/embeddings": {"model": "all-MiniLM-L6-v2", "prompt": "hello"},
    "/similarity": {"model": "all-MiniLM-L6-v2", "inputs": {"source_sentence": "hello", "sentences": ["world"]}},
    "/v1/score": {"model": "all-MiniLM-L6-v2", "queries": "hello", "documents": ["world"]},
    "/embed_sparse": {"model": "masked", "inputs": "where is my parcel?"},
    "/predict": {"model": "classes", "inputs": "where is my parcel?"},
    "/v1/classify": {"model": "classes", "input": "where is my parcel?"},
    "/infinity/classify": {"model": "classes", "input": ["where is my parcel?"]},
    "/v1/rerank": {"model": "rank_raw", "query": "parcel", "documents": ["a parcel", "a refund"]},
    "/rerank": {"model": "rank_raw", "query": "parcel", "texts": ["a parcel", "a refund"]},
    "/v1/tag": {"model": "names", "input": "ada wrote a program"},
    "/v1/qa": {"model": "answers", "question": "who wrote it?", "context": "ada wrote a program"},
    "/v1/fill-mask": {"model": "masked", "input": "where is my [MASK]?"},
    "/v1/completions": TEXT | {"prompt": "Once upon a time"},
    "/v1/chat/completions": TEXT | CHAT,
    "/v1/messages": TEXT | CHAT,
    "/v1/responses": {"model": "smollm2", "max_output_tokens": 4, "temperature": 0, "input": "Name a fruit."},
    "/api/generate": {"model": "smollm2", "prompt": "Once upon a time", "stream": False, "options": {"num_predict": 4}},
    "/api/chat": {"model": "smollm2", "stream": False, "options": {"num_predict": 4}} | CHAT,
}
TIMES = ("x-bantam-queue-ms", "x-bantam-tokenize-ms", "x-bantam-compute-ms")


@pytest.fixture(scope="module")
def server(bantam_home):
    models = [x for name in ("classes", "rank_raw", "names", "answers", "masked") for x in ("--model", MODELS / name)]
    with BantamProcess(bantam_home, ["--model", "all-MiniLM-L6-v2", "--model", "smollm2", *models, "--embedding-cache", "4M"]) as running:
        yield running


def milliseconds(reply, name):
    assert re.fullmatch(r"\d+\.\d{3}", reply.headers[name]), (name, reply.headers[name])
    return float(reply.headers[name])


@pytest.mark.parametrize("path", list(TASKS))
def test_every_task_tells(server, path):
    body = TASKS[path]
    reply = httpx.post(server.url + path, json=body, timeout=60)
    assert reply.status_code == 200, reply.text
    assert reply.headers["x-bantam-model"] == body["model"]
    assert int(reply.headers["x-bantam-tokens"]) > 1
    spent = [milliseconds(reply, name) for name in TIMES if name in reply.headers]
    cached = reply.headers.get("x-bantam-cache") == "hit"
    assert len(spent) == (2 if cached else 3) and sum(spent) <= reply.elapsed.total_seconds() * 1000


def test_the_hash_is_that_of_the_weights(server):
    reply = httpx.post(server.url + "/embed", json=TASKS["/embed"])
    assert reply.headers["x-bantam-model-sha256"] == httpx.get(server.url + "/info").json()["model_sha"]


def test_tokens_are_those_of_the_usage(server):
    reply = httpx.post(server.url + "/v1/embeddings", json=TASKS["/v1/embeddings"])
    assert int(reply.headers["x-bantam-tokens"]) == reply.json()["usage"]["prompt_tokens"]
    reply = httpx.post(server.url + "/v1/chat/completions", json=TEXT | CHAT, timeout=60)
    usage = reply.json()["usage"]
    assert int(reply.headers["x-bantam-tokens"]) == usage["prompt_tokens"]
    assert int(reply.headers["x-bantam-completion-tokens"]) == usage["completion_tokens"]


def test_a_cached_embedding_says_so_and_was_not_computed(server):
    body = {"model": "all-MiniLM-L6-v2", "input": "a text that nobody has sent before"}
    first, again = (httpx.post(server.url + "/v1/embeddings", json=body) for _ in range(2))
    assert [r.headers["x-bantam-cache"] for r in (first, again)] == ["miss", "hit"]
    assert "x-bantam-compute-ms" in first.headers and "x-bantam-compute-ms" not in again.headers
    assert first.headers["x-bantam-tokens"] == again.headers["x-bantam-tokens"]


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/chat/completions", "/api/generate"])
def test_a_stream_tells_what_is_known_at_its_head(server, path):
    body = TASKS[path] | {"stream": True}
    with httpx.stream("POST", server.url + path, json=body, timeout=60) as reply:
        assert reply.headers["x-bantam-model"] == "smollm2" and int(reply.headers["x-bantam-tokens"]) > 0
        assert milliseconds(reply, "x-bantam-queue-ms") >= 0 and milliseconds(reply, "x-bantam-tokenize-ms") >= 0
        assert "x-bantam-compute-ms" not in reply.headers  # it is not over yet
        reply.read()


def test_a_refusal_tells_nothing(server):
    reply = httpx.post(server.url + "/v1/embeddings", json={"model": "all-MiniLM-L6-v2", "input": ""})
    assert reply.status_code == 400 and not [name for name in reply.headers if name.startswith("x-bantam")]


def test_the_assistant_tells_its_name_and_its_encoder(helpdesk_server):
    chat = {"model": "helpdesk", "messages": [{"role": "user", "content": "where is my refund?"}]}
    first, again = (httpx.post(helpdesk_server.url + "/v1/chat/completions", json=chat, timeout=60) for _ in range(2))
    for reply in (first, again):
        assert reply.headers["x-bantam-model"] == "helpdesk" and len(reply.headers["x-bantam-model-sha256"]) == 64
        assert milliseconds(reply, "x-bantam-queue-ms") >= 0 and milliseconds(reply, "x-bantam-tokenize-ms") >= 0
    fresh = httpx.post(helpdesk_server.url + "/v1/chat/completions", json=chat, headers={"Cache-Control": "no-store"}, timeout=60)
    assert milliseconds(fresh, "x-bantam-compute-ms") > 0
    assert again.headers["x-bantam-cache"] == "hit" and "x-bantam-compute-ms" not in again.headers, "nothing was computed"
    reply = httpx.post(helpdesk_server.url + "/v1/classify", json={"model": "helpdesk", "input": "where is my refund?"})
    assert reply.headers["x-bantam-model"] == "helpdesk" and milliseconds(reply, "x-bantam-compute-ms") > 0

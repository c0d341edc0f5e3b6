"""The client packages for Node beside those of test_compatibility.py: the same server, the same rows of docs/compatibility.md."""

import json

import pytest

import node_clients
from test_compatibility import ENCODER, QUESTION, SCHEMA, TEXTS, WRITER, same, url, vectors  # noqa: F401: fixtures

works = pytest.mark.works
SHORT = {"model": WRITER, "messages": QUESTION, "temperature": 0, "max_tokens": 12}


@pytest.fixture(scope="module")
def ask(url):  # noqa: F811
    node_clients.install()
    return lambda script, name, request: node_clients.call(script, name, url, request)


@works("openai (Node)", "`chat.completions.create`, whole and streamed, `stream_options`; a stream that the client leaves")
def test_openai_chat(ask):
    answer = ask("openai", "chat", SHORT)
    assert answer["whole"] and answer["whole"] == answer["streamed"] and answer["usage"]["completion_tokens"] == 12
    assert ask("openai", "abort", SHORT | {"max_tokens": 400}) == 1


@works("openai (Node)", "`chat.completions.stream` with `tools`, `chat.completions.parse` with a JSON Schema")
def test_openai_shapes(ask):
    tools = [{"type": "function", "function": {"name": "save", "description": "Saves a person.", "parameters": SCHEMA}}]
    (tool, *_) = ask("openai", "tools", SHORT | {"tools": tools, "tool_choice": "required", "seed": 1, "max_tokens": 200})
    assert tool["name"] == "save" and set(json.loads(tool["arguments"])) == {"name", "age"}
    shape = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA}}
    assert set(ask("openai", "parse", SHORT | {"response_format": shape, "max_tokens": 200})) == {"name", "age"}


@works("openai (Node)", "`responses.create`, whole and streamed")
def test_openai_responses(ask):
    answer = ask("openai", "responses", {"model": WRITER, "input": QUESTION, "temperature": 0, "max_output_tokens": 12})
    assert answer["whole"] and answer["whole"] == answer["streamed"] and answer["usage"]["output_tokens"] == 12


@works("openai (Node)", "`embeddings.create`: base64, which it asks for unless told otherwise, and floats")
def test_openai_embeddings(ask, vectors):  # noqa: F811
    for rows in ask("openai", "embeddings", {"model": ENCODER, "input": TEXTS}):
        same(rows, vectors)


@works("openai (Node)", "`models.list`, errors as its exceptions")
def test_openai_models(ask):
    answer = ask("openai", "models", SHORT)
    assert set(answer["ids"]) >= {WRITER, ENCODER} and (answer["error"], answer["status"]) == ("NotFoundError", 404)


@works("ollama (JavaScript)", "`chat`, `generate`, whole and streamed; `format` as a JSON Schema")
def test_ollama_texts(ask):
    options = {"temperature": 0, "num_predict": 12}
    for name, request in (("chat", {"messages": QUESTION}), ("generate", {"prompt": "The sky is"})):
        answer = ask("ollama", name, {"model": WRITER, "options": options} | request)
        assert answer["whole"] and answer["whole"] == answer["streamed"], name
    shaped = ask("ollama", "chat", {"model": WRITER, "messages": QUESTION, "format": SCHEMA, "options": {"seed": 1, "temperature": 0}})
    assert set(json.loads(shaped["whole"])) == {"name", "age"}


@works("ollama (JavaScript)", "`embed`, `list`, `show`, `ps`")
def test_ollama_models(ask, vectors):  # noqa: F811
    same(ask("ollama", "embed", {"model": ENCODER, "input": TEXTS}), vectors)
    answer = ask("ollama", "models", {"model": WRITER})
    assert f"{WRITER}:latest" in answer["names"] and answer["format"] == "gguf" and answer["running"]

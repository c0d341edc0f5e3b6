"""What is refused, and how: the status, and the field at fault in `param`, as OpenAI's clients show it."""

import json
import socket

import httpx
import openai
import pytest

ASSISTANT, ENCODER = "helpdesk", "all-MiniLM-L6-v2"


def post(server, path, body, **headers):
    if isinstance(body, str):
        headers["Content-Type"] = "application/json"
        return httpx.post(server.url + path, content=body, headers=headers)
    return httpx.post(server.url + path, json=body, headers=headers)


def refusal(reply, status=400):
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["message"]
    assert error["type"] == {400: "invalid_request_error", 404: "not_found_error"}[status]
    return error


def chat(*messages, **more):
    return {"model": ASSISTANT, "messages": list(messages) or [{"role": "user", "content": "where is my parcel"}], **more}


USER = {"role": "user", "content": "where is my parcel"}

CHAT = [
    ("{", None),
    ("[]", None),
    ({"messages": [USER]}, "model"),
    ({"model": 5, "messages": [USER]}, "model"),
    ({"model": ASSISTANT}, "messages"),
    ({"model": ASSISTANT, "messages": []}, "messages"),
    ({"model": ASSISTANT, "messages": ["hello"]}, "messages[0]"),
    (chat({"role": "assistant", "content": "hello"}), "messages"),
    (chat(USER, {"role": "wizard", "content": "x"}), "messages[1].role"),
    (chat(USER, {"content": "x"}), "messages[1].role"),
    (chat({"role": "user", "content": 7}), "messages[0].content"),
    (chat({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://169.254.169.254/"}}]}), "messages[0].content"),
    (chat(temperature=3), "temperature"),
    (chat(temperature="hot"), "temperature"),
    (chat(top_p=2), "top_p"),
    (chat(n=2), "n"),
    (chat(max_tokens=0), "max_tokens"),
    (chat(max_completion_tokens=-1), "max_completion_tokens"),
    (chat(seed=1.5), "seed"),
    (chat(stop=5), "stop"),
    (chat(stream="yes"), "stream"),
    (chat(response_format="json"), "response_format"),
    (chat(logit_bias=[1]), "logit_bias"),
    (chat(user=5), "user"),
    (chat(stream_options={"include_usage": 1}), "stream_options.include_usage"),
    (chat(metadata={"session_id": 5}), "metadata.session_id"),
    (chat(metadata={"session_id": "x" * 257}), "metadata.session_id"),
]


@pytest.mark.parametrize("body,param", CHAT, ids=[f"{i}-{row[1]}" for i, row in enumerate(CHAT)])
def test_chat_names_the_field(helpdesk_server, body, param):
    assert refusal(post(helpdesk_server, "/v1/chat/completions", body))["param"] == param


TEXTS = [
    ({"input": "x"}, "model"),
    ({"model": "{model}"}, "input"),
    ({"model": "{model}", "input": ""}, "input"),
    ({"model": "{model}", "input": []}, "input"),
    ({"model": "{model}", "input": ["a", ""]}, "input[1]"),
    ({"model": "{model}", "input": ["a", 5]}, "input[1]"),
]
EMBEDDINGS = [
    ({"model": "{model}", "input": "x", "encoding_format": "hex"}, "encoding_format"),
    ({"model": "{model}", "input": "x", "encoding_format": 5}, "encoding_format"),
    ({"model": "{model}", "input": "x", "dimensions": 385}, "dimensions"),
    ({"model": "{model}", "input": "x", "dimensions": 0}, "dimensions"),
    ({"model": "{model}", "input": "x", "output_dimension": -1}, "output_dimension"),
    ({"model": "{model}", "input": "x", "embedding_types": ["float", "int3"]}, "embedding_types"),
    ({"model": "{model}", "input": "x", "embedding_types": [5]}, "embedding_types"),
    ({"model": "{model}", "input": "x", "output_dtype": 5}, "output_dtype"),
    ({"model": "{model}", "input": "x", "prompt_name": "no such"}, "prompt_name"),
    ({"model": "{model}", "input": "x", "input_type": "poem"}, "input_type"),
    ({"model": "{model}", "input": "x", "prompt": "a: ", "input_type": "query"}, "input_type"),
    ({"model": "{model}", "input": "x", "truncate": "START"}, "truncate"),
    ({"model": "{model}", "input": "x", "truncate": 1}, "truncate"),
    ({"model": "{model}", "input": "word " * 300, "truncate": False}, "input"),
]


@pytest.mark.parametrize("path,model,body,param", [("/v1/embeddings", ENCODER, *row) for row in TEXTS + EMBEDDINGS]
                         + [("/v1/classify", ASSISTANT, *row) for row in TEXTS])
def test_embeddings_and_classify_name_the_field(helpdesk_server, path, model, body, param):
    body = {key: model if value == "{model}" else value for key, value in body.items()}
    assert refusal(post(helpdesk_server, path, body))["param"] == param


@pytest.mark.parametrize("path,model", [("/v1/chat/completions", ASSISTANT), ("/v1/embeddings", ENCODER), ("/v1/classify", ASSISTANT)])
def test_syntax_and_headers_have_no_field(helpdesk_server, path, model):
    assert refusal(post(helpdesk_server, path, '{"model": '))["param"] is None
    body = {"model": model, "messages": [USER], "input": "x"}
    assert refusal(post(helpdesk_server, path, body, **{"X-Bantam-Timeout-Ms": "soon"}))["param"] is None


def test_a_header_is_not_a_field(helpdesk_server):
    assert refusal(post(helpdesk_server, "/v1/chat/completions", chat(), **{"X-Bantam-Session": "x" * 257}))["param"] is None


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings", "/v1/classify"])
def test_an_unknown_model_and_the_wrong_kind_of_model(helpdesk_server, path):
    body = {"messages": [USER], "input": "x"}
    unknown = refusal(post(helpdesk_server, path, {**body, "model": "gpt-9"}), 404)
    assert (unknown["param"], unknown["code"]) == ("model", "model_not_found")
    wrong, right = (ASSISTANT, ENCODER) if path == "/v1/embeddings" else (ENCODER, ASSISTANT)
    error = refusal(post(helpdesk_server, path, {**body, "model": wrong}))
    assert (error["param"], error["code"]) == ("model", None)
    assert error["message"].endswith(f"here: {right}") and "not served" not in error["message"]


NOTHING = [
    {"role": "user", "content": ""},
    {"role": "user", "content": None},
    {"role": "user"},
    {"role": "user", "content": []},
    {"role": "user", "content": " \t\r\n\u3000\u00a0"},
    {"role": "user", "content": "\u0301\u0308"},  # combining marks with nothing under them
    {"role": "user", "content": "\u200b\u200e\ufeff\u00ad"},  # format characters
    {"role": "user", "content": [{"type": "text", "text": " "}, {"type": "text", "text": ""}]},
]


@pytest.mark.parametrize("message", NOTHING, ids=range(len(NOTHING)))
def test_a_question_without_text(helpdesk_server, message):
    error = refusal(post(helpdesk_server, "/v1/chat/completions", chat(USER, {"role": "assistant", "content": "?"}, message)))
    assert error["param"] == "messages" and "messages[2].content" in error["message"]


@pytest.mark.parametrize("text", [" ", "\u0301", "\u200b"])
def test_classify_without_text(helpdesk_server, text):
    assert refusal(post(helpdesk_server, "/v1/classify", {"model": ASSISTANT, "input": ["hello", text]}))["param"] == "input[1]"


@pytest.mark.parametrize("text", ["?", "7", "\u9000", "\U0001f642", "\u00e9"])
def test_one_character_is_text(helpdesk_server, text):
    client = openai.OpenAI(base_url=f"{helpdesk_server.url}/v1", api_key="unused", max_retries=0)
    assert client.chat.completions.create(model=ASSISTANT, messages=[{"role": "user", "content": text}]).choices[0].message.content


def test_other_messages_may_be_empty(helpdesk_server):
    messages = [{"role": "system", "content": ""}, {"role": "assistant", "content": None}, USER, {"role": "assistant", "content": ""}]
    assert post(helpdesk_server, "/v1/chat/completions", chat(*messages)).status_code == 200


def test_errors_below_http_have_the_same_shape(helpdesk_server):
    """A body over the limit, sent whole by a client that reads only then; and a head whose lines end with LF alone."""
    size = (4 << 20) + 1
    head = f"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode()
    for request, status in ((head + b"x" * size, 413), (b"GET /healthz HTTP/1.1\nHost: localhost\n\n", 400)):
        with socket.create_connection(("127.0.0.1", helpdesk_server.port), timeout=5) as connection:
            connection.sendall(request)
            reply = b"".join(iter(lambda: connection.recv(65536), b""))
        first, _, body = reply.partition(b"\r\n\r\n")
        assert first.startswith(b"HTTP/1.1 %d " % status)
        assert json.loads(body)["error"]["type"] == "invalid_request_error"


def test_messages_say_what_is_wrong(helpdesk_server):
    def said(path, body):
        return refusal(post(helpdesk_server, path, body))["message"]

    assert "one question gets one answer" in said("/v1/chat/completions", chat(n=2))
    assert "an integer from 1 to 1000000000" in said("/v1/chat/completions", chat(max_tokens=-1))
    assert "half of a surrogate pair" in said("/v1/chat/completions", json.dumps(chat({"role": "user", "content": "\ud800"})))
    for wrong, place in ((["a", 5], '"input[1]" is 5, expected a string'), ([["a"]], '"input[0]" is ["a"], expected a string')):
        message = said("/v1/embeddings", {"model": ENCODER, "input": wrong})
        assert place in message and "token ids" not in message
    for ids in ([1, 2], [[1, 2], [3]]):
        assert "token ids" in said("/v1/embeddings", {"model": ENCODER, "input": ids})


def test_a_form_that_asks_nothing_says_null(helpdesk_server):
    def turn(text):
        headers = {"X-Bantam-Session": "asked-null"}
        body = chat({"role": "user", "content": text})
        return post(helpdesk_server, "/v1/chat/completions", body, **headers).json()["bantam"]["form"]

    assert turn("I forgot my password")["asked"]
    assert turn("never mind")["asked"] is None

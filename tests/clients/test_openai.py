"""The real `openai` package, unchanged, against the real server."""

import base64
import concurrent.futures
import json

import httpx
import numpy as np
import openai
import pytest

QUESTION = "where is my parcel, I ordered a week ago"


@pytest.fixture(scope="module")
def client(helpdesk_server):
    return openai.OpenAI(base_url=f"{helpdesk_server.url}/v1", api_key="unused", max_retries=0)


def ask(client, text, session=None, **more):
    metadata = {"session_id": session} if session else {}
    return client.chat.completions.create(
        model="helpdesk", messages=[{"role": "user", "content": text}], metadata=metadata, **more
    )


def test_models(client):
    ids = [model.id for model in client.models.list()]
    assert ids == ["helpdesk", "all-MiniLM-L6-v2"]
    assert client.models.retrieve("all-MiniLM-L6-v2:latest").id == "all-MiniLM-L6-v2"
    with pytest.raises(openai.NotFoundError) as refused:
        client.models.retrieve("../../etc/passwd")
    assert "served: helpdesk, all-MiniLM-L6-v2" in str(refused.value)


def test_chat(client):
    answer = ask(client, QUESTION)
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content
    extra = answer.model_extra["bantam"]
    assert extra["route"] and 0 <= extra["confidence"] <= 1 and 0 < extra["threshold"] < 1
    assert extra["source"] in ("local model", "cache", "rule")
    assert len(extra["nearest"]) >= 1 and extra["nearest"][0]["similarity"] <= 1.0001


def test_usage_counts_the_answer(client):
    def tokens(text):  # without [CLS] and [SEP]
        return client.embeddings.create(model="all-MiniLM-L6-v2", input=text).usage.prompt_tokens - 2

    for text in ("hello", "where is my parcel? it was ordered a week ago", "I forgot my password"):
        for _ in range(2):  # decided, and from the cache
            answer = ask(client, text)
            usage = answer.usage
            assert usage.completion_tokens == tokens(answer.choices[0].message.content) > 0
            assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    *_, last = ask(client, "hello", stream=True, stream_options={"include_usage": True})
    assert last.usage.completion_tokens > 0


def test_stream_is_the_same_answer(client):
    whole = ask(client, QUESTION).choices[0].message.content
    pieces, finish, details, usage = [], None, None, None
    stream = ask(client, QUESTION, stream=True, stream_options={"include_usage": True})
    ids = set()
    for chunk in stream:
        ids.add(chunk.id)
        if not chunk.choices:
            usage = chunk.usage
            continue
        pieces.append(chunk.choices[0].delta.content or "")
        finish = chunk.choices[0].finish_reason or finish
        details = (chunk.model_extra or {}).get("bantam", details)
    assert "".join(pieces) == whole
    assert finish == "stop" and len(ids) == 1 and usage is not None and details["route"]


def test_no_usage_chunk_unless_asked(client):
    assert all(chunk.choices for chunk in ask(client, QUESTION, stream=True))


def test_unsure_is_an_answer(client):
    answer = ask(client, "compose a haiku about the moons of Jupiter in Latin")
    assert answer.choices[0].message.content.startswith("I'm not sure")
    extra = answer.model_extra["bantam"]
    assert extra["decision"] == "unsure" and extra["confidence"] < extra["threshold"]


def test_repeated_question_comes_from_the_cache(client):
    raw = client.chat.completions.with_raw_response
    question = "how do I connect to the office wifi as a guest?"

    def call(**headers):
        return raw.create(model="helpdesk", messages=[{"role": "user", "content": question}], extra_headers=headers)

    call()
    again = call()
    assert again.headers["x-bantam-cache"] == "hit"
    assert again.parse().model_extra["bantam"]["source"] == "cache"
    fresh = call(**{"Cache-Control": "no-store"})
    assert fresh.headers["x-bantam-cache"] == "miss"
    assert fresh.parse().choices[0].message.content == again.parse().choices[0].message.content


def test_embeddings_base64_and_float_agree(client):
    texts = ["hello there", "Where is my refund?", "日本語のテキスト 😀"]
    default = client.embeddings.create(model="all-MiniLM-L6-v2", input=texts)  # the package asks for base64
    floats = client.embeddings.create(model="all-MiniLM-L6-v2", input=texts, encoding_format="float")
    for i, text in enumerate(texts):
        assert default.data[i].index == i
        a, b = np.array(default.data[i].embedding), np.array(floats.data[i].embedding)
        assert a.shape == (384,) and np.array_equal(a.astype("f4"), b.astype("f4"))
        assert abs(np.linalg.norm(a) - 1) < 1e-5
        alone = client.embeddings.create(model="all-MiniLM-L6-v2:latest", input=text)
        assert np.dot(np.array(alone.data[0].embedding), a) > 0.999
    assert default.usage.prompt_tokens == default.usage.total_tokens > 10


def test_embeddings_dimensions_are_cut_and_renormalised(client):
    long = np.array(client.embeddings.create(model="all-MiniLM-L6-v2", input="hello").data[0].embedding)
    short = np.array(client.embeddings.create(model="all-MiniLM-L6-v2", input="hello", dimensions=64).data[0].embedding)
    expected = long[:64] / np.linalg.norm(long[:64])
    assert short.shape == (64,) and np.allclose(short, expected, atol=1e-6)
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model="all-MiniLM-L6-v2", input="hello", dimensions=385)


def test_raw_base64_is_little_endian_float32(helpdesk_server):
    body = {"model": "all-MiniLM-L6-v2", "input": "hello", "encoding_format": "base64"}
    reply = httpx.post(f"{helpdesk_server.url}/v1/embeddings", json=body).json()
    vector = np.frombuffer(base64.b64decode(reply["data"][0]["embedding"]), dtype="<f4")
    assert vector.shape == (384,) and abs(float(np.linalg.norm(vector)) - 1) < 1e-5


def test_truncation_is_reported(helpdesk_server):
    body = {"model": "all-MiniLM-L6-v2", "input": ["short", "word " * 1000]}
    reply = httpx.post(f"{helpdesk_server.url}/v1/embeddings", json=body)
    assert reply.headers["x-bantam-truncated"] == "1"
    assert reply.json()["bantam"] == {"truncated": [1], "text_tokens": [1002], "max_tokens": 256}
    assert reply.json()["usage"]["prompt_tokens"] == 3 + 256


def test_token_ids_are_refused_with_the_mend(client):
    for ids in ([1, 2, 3], [[1, 2], [3]]):
        with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length"):
            client.embeddings.create(model="all-MiniLM-L6-v2", input=ids)


def test_large_batches_keep_their_order(client):
    texts = [f"ticket number {i} about {'printers' if i % 2 else 'refunds'}" for i in range(700)]
    reply = client.embeddings.create(model="all-MiniLM-L6-v2", input=texts)
    assert [item.index for item in reply.data] == list(range(700))
    some = client.embeddings.create(model="all-MiniLM-L6-v2", input=texts[611])
    assert np.dot(some.data[0].embedding, reply.data[611].embedding) > 0.999


def test_classify(helpdesk_server):
    body = {"model": "helpdesk", "input": ["I forgot my password", "who won the world cup in 1954"]}
    reply = httpx.post(f"{helpdesk_server.url}/v1/classify", json=body).json()
    first, second = reply["data"]
    assert first["label"] == "password_reset" and first["accepted"] and first["confidence"] >= reply["threshold"]
    assert not second["accepted"] and second["out_of_scope"] > first["out_of_scope"]


def test_a_form_by_session_and_by_messages_alone(client):
    """A chat client that only keeps `messages` gets the same conversation as one with a session id."""
    turns = ["I forgot my password"]
    with_session = [ask(client, turns[0], session="s1")]
    history = [{"role": "user", "content": turns[0]}]
    without = [client.chat.completions.create(model="helpdesk", messages=history)]
    assert with_session[0].model_extra["bantam"]["form"]["asked"]
    for text in ("never mind",):
        with_session.append(ask(client, text, session="s1"))
        history += [{"role": "assistant", "content": without[-1].choices[0].message.content}, {"role": "user", "content": text}]
        without.append(client.chat.completions.create(model="helpdesk", messages=history))
    for a, b in zip(with_session, without):
        assert a.choices[0].message.content == b.choices[0].message.content
    assert with_session[-1].model_extra["bantam"]["form"]["state"] == "cancelled"


def test_concurrent_clients_each_get_their_own_answer(client):
    questions = ["I forgot my password", "the printer is jammed", "where is my parcel", "my vpn keeps dropping"]
    expected = {q: ask(client, q).model_extra["bantam"]["route"] for q in questions}
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        asked = [questions[i % 4] for i in range(200)]
        answers = list(pool.map(lambda q: ask(client, q, extra_headers={"Cache-Control": "no-store"}), asked))
    for question, answer in zip(asked, answers):
        assert answer.model_extra["bantam"]["route"] == expected[question]


BAD_BODIES = [
    ("", 400),
    ("{", 400),
    ("[]", 400),
    ("null", 400),
    ('{"model":"helpdesk"}', 400),
    ('{"model":"helpdesk","messages":[]}', 400),
    ('{"model":"helpdesk","messages":[{"role":"user","content":7}]}', 400),
    ('{"model":"helpdesk","messages":[{"role":"wizard","content":"x"}]}', 400),
    ('{"model":"helpdesk","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://169.254.169.254/"}}]}]}', 400),
    ('{"model":"helpdesk","model":"x","messages":[{"role":"user","content":"x"}]}', 400),
    ('{"model":"helpdesk","messages":[{"role":"user","content":"x"}],"temperature":3}', 400),
    ('{"model":"helpdesk","messages":[{"role":"user","content":"x"}],"temperature":1e400}', 400),
    ('{"model":"helpdesk","messages":[{"role":"user","content":"x"}],"n":1000000000}', 400),
    ('{"model":"helpdesk","messages":[{"role":"user","content":"x"}],"max_tokens":0}', 400),
    ('{"model":"nope","messages":[{"role":"user","content":"x"}]}', 404),
    ('{"model":"../../etc/passwd","messages":[{"role":"user","content":"x"}]}', 404),
    ('{"model":"all-MiniLM-L6-v2","messages":[{"role":"user","content":"x"}]}', 400),
    ("[" * 100_000, 400),
]


@pytest.mark.parametrize("body,status", BAD_BODIES, ids=range(len(BAD_BODIES)))
def test_bad_bodies(helpdesk_server, body, status):
    url = f"{helpdesk_server.url}/v1/chat/completions"
    reply = httpx.post(url, content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert error["message"] and error["type"] in ("invalid_request_error", "not_found_error")
    assert httpx.get(f"{helpdesk_server.url}/healthz").status_code == 200


def test_unknown_fields_are_ignored(client):
    answer = ask(client, QUESTION, extra_body={"verbosity": "low", "service_tier": "auto", "made_up": {"x": [1]}}, temperature=0.2, seed=1)
    assert answer.choices[0].message.content


def test_other_methods_types_and_paths(helpdesk_server):
    url = helpdesk_server.url
    assert httpx.get(f"{url}/v1/chat/completions").status_code == 405
    # What a page of any site could send without asking; programs may leave the type out.
    page = {"Content-Type": "text/plain", "Sec-Fetch-Site": "cross-site"}
    assert httpx.post(f"{url}/v1/chat/completions", content="{}", headers=page).status_code == 415
    assert httpx.post(f"{url}/v1/chat/completions", content="{}", headers={"Content-Type": "text/plain"}).json()["error"]["param"] == "model"
    assert httpx.get(f"{url}/nothing/here").status_code == 404
    assert httpx.get(f"{url}/v1/models", headers={"Origin": "https://elsewhere.example"}).status_code == 403
    assert "access-control-allow-origin" not in httpx.get(f"{url}/v1/models").headers


def test_metrics_count(client, helpdesk_server):
    def value(name):
        lines = httpx.get(f"{helpdesk_server.url}/metrics").text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    before = value("bantam_decisions_total")
    ask(client, QUESTION)
    assert value("bantam_decisions_total") == before + 1
    assert value("bantam_http_requests_total") > 0 and value("bantam_engine_tokens_total") > 0


def test_console_documents(helpdesk_server):
    stats = httpx.get(f"{helpdesk_server.url}/v1/console/stats").json()
    assert stats["assistant"]["name"] == "helpdesk" and stats["assistant"]["routes"] >= 25
    assert stats["model"]["dtype"] == "int8" and json.dumps(stats)
    assert len(httpx.get(f"{helpdesk_server.url}/v1/console/examples").json()["examples"]) == 6
    browser = {"Accept": "text/html"}
    page = httpx.get(helpdesk_server.url + "/", headers=browser)
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert httpx.get(helpdesk_server.url + "/", headers=browser | {"If-None-Match": page.headers["etag"]}).status_code == 304


def test_a_long_question_says_that_it_was_cut(client):
    filler = "and then it said that the page was not there "
    long = ask(client, "where is my parcel? " + filler * 40).model_extra["bantam"]
    assert long["truncated"] is True
    assert ask(client, "where is my parcel? " + filler * 40).model_extra["bantam"]["truncated"] is True  # from the cache
    assert "truncated" not in ask(client, "where is my parcel? " + filler * 20).model_extra["bantam"]  # 22 + 20 * 10 tokens
    *_, last = ask(client, "where is my parcel? " + filler * 40, stream=True)
    assert last.model_extra["bantam"]["truncated"] is True

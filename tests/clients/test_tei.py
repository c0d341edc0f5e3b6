"""Text Embeddings Inference's endpoints, vLLM's /score, /classify and /pooling and Infinity's: shapes from their own specifications (where those are
here), numbers from our other endpoints, whose own are the reference libraries'."""

import base64
import json
import pathlib

import httpx
import jsonschema
import numpy as np
import pytest
import tokenizers

from bantam_process import BantamProcess, real_home

MODELS = pathlib.Path(__file__).parents[2] / "src/tasks/golden/models"
ENCODER = "all-MiniLM-L6-v2"
TEXTS = ["Where is my parcel?", "Zürich \U0001f642 isn’t far", "parcel"]


@pytest.fixture(scope="module")
def server(bantam_home):
    arguments = [x for name in ("classes", "rank_raw", "inference") for x in ("--model", MODELS / name)]
    with BantamProcess(bantam_home, [*arguments, "--model", ENCODER, "--dtype", "f32"]) as running:
        yield running


def with_null(schema):
    """A schema of OpenAPI 3.0, where "nullable" says what later versions say with a list of types."""
    if isinstance(schema, list):
        return [with_null(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: with_null(value) for key, value in schema.items()}
    return {"anyOf": [{"type": "null"}, schema]} if schema.pop("nullable", False) is True else schema


@pytest.fixture(scope="module")
def check(test_data):
    """Checks a document against a schema of TEI's own OpenAPI file."""
    spec = with_null(json.loads((test_data / "api-specs/tei/openapi.json").read_text()))

    def check(name, document):
        schema = {"$ref": f"#/components/schemas/{name}", "components": spec["components"]}
        jsonschema.Draft7Validator(schema).validate(document)

    return check


def post(server, path, status=200, **body):
    reply = httpx.post(server.url + path, json=body, timeout=60)
    assert reply.status_code == status, reply.text
    return reply.json()


def test_predict(server, check):
    single = post(server, "/predict", model="classes", inputs="where is my parcel?")
    check("PredictResponse", single)
    ours = post(server, "/v1/classify", model="classes", input="where is my parcel?")["data"][0]["ranking"]
    assert single == ours and [row["score"] for row in single] == sorted((row["score"] for row in single), reverse=True)
    # Two texts are a pair, not a batch; a batch has lists of one or two.
    pair = post(server, "/predict", model="classes", inputs=["a parcel", "arrived"])
    assert pair == post(server, "/v1/classify", model="classes", input=[["a parcel", "arrived"]])["data"][0]["ranking"]
    batch = post(server, "/predict", model="classes", inputs=[["where is my parcel?"], ["a parcel", "arrived"]])
    check("PredictResponse", batch)
    assert batch == [single, pair]
    raw = post(server, "/predict", model="classes", inputs="a parcel", raw_scores=True)
    assert sum(row["score"] for row in raw) != pytest.approx(1, abs=1e-3)
    assert httpx.post(server.url + "/predict", json={"model": "classes", "inputs": "parcel " * 200}).headers["x-bantam-truncated"] == "1"


def test_rerank_in_the_union_of_dialects(server, check):
    documents = ["the parcel arrived", "ada wrote a program", "refund " * 3]
    tei = post(server, "/rerank", model="rank_raw", query="where is my parcel?", texts=documents, return_text=True)
    for row in tei:
        check("Rank", row)
    jina = post(server, "/rerank", model="rank_raw", query="where is my parcel?", documents=documents, return_documents=True, top_n=2)
    assert [(row["index"], row["score"], row["text"]) for row in tei[:2]] == [
        (row["index"], row["relevance_score"], row["document"]["text"]) for row in jina["results"]
    ]
    assert len(tei) == 3 and tei == sorted(tei, key=lambda row: -row["score"])
    for path in ("/v1/rerank", "/v2/rerank"):
        assert post(server, path, model="rank_raw", query="where is my parcel?", documents=documents, top_n=2)["results"][0]["index"] == tei[0]["index"]
    assert "text" not in post(server, "/rerank", query="q", texts=documents)[0]
    # Each dialect has its own errors.
    assert set(post(server, "/rerank", 422, query="q", texts=["a", 5])) == {"error", "error_type"}
    assert set(post(server, "/rerank", 400, query="q", documents=["a", 5])["error"]) == {"message", "type", "param", "code"}
    assert set(post(server, "/v2/rerank", 400, query="q", documents=["a", 5])) == {"message"}
    assert "truncate" in post(server, "/rerank", 422, query="q", texts=["parcel " * 200], truncate=False)["error"]


def test_similarity(server):
    scores = post(server, "/similarity", inputs={"source_sentence": TEXTS[0], "sentences": [TEXTS[0], *TEXTS[1:]]})
    vectors = np.array(post(server, "/embed", inputs=TEXTS))
    np.testing.assert_allclose(scores, [1, *(vectors[1:] @ vectors[0])], atol=1e-6)
    limited = {"inputs": {"source_sentence": "a", "sentences": ["word " * 300]}, "parameters": {"truncate": False}}
    assert "256" in post(server, "/similarity", 422, **limited)["error"]


def test_tokenize_and_decode(server, check):
    answer = post(server, "/tokenize", model=ENCODER, inputs=TEXTS)
    check("TokenizeResponse", answer)
    reference = tokenizers.Tokenizer.from_file(str(real_home() / "models" / ENCODER / "tokenizer.json"))
    reference.no_truncation()
    reference.no_padding()
    for text, tokens in zip(TEXTS, answer, strict=True):
        expected = reference.encode(text)
        assert [token["id"] for token in tokens] == expected.ids
        assert [token["special"] for token in tokens] == [bool(mask) for mask in expected.special_tokens_mask]
        assert tokens[0] == {"id": 101, "text": "[CLS]", "special": True, "start": None, "stop": None}
        for token, (start, stop) in zip(tokens[1:-1], expected.offsets[1:-1], strict=True):
            assert (token["start"], token["stop"], token["text"]) == (start, stop, text[start:stop])
    bare = post(server, "/tokenize", model=ENCODER, inputs=TEXTS[0], add_special_tokens=False)[0]
    assert bare == [token for token in answer[0] if not token["special"]]
    ids = [[token["id"] for token in tokens] for tokens in answer]
    assert post(server, "/decode", model=ENCODER, ids=ids) == [reference.decode(row) for row in ids]
    assert post(server, "/decode", model=ENCODER, ids=ids[0], skip_special_tokens=False) == [reference.decode(ids[0], skip_special_tokens=False)]
    assert post(server, "/v1/tokenize", model=ENCODER, inputs=TEXTS[0])[0] == answer[0]


def test_info_and_health(server, check):
    info = httpx.get(server.url + "/info").json()
    check("Info", info)
    assert info["model_id"] == "classes" and set(info["model_type"]["classifier"]["id2label"]) == {"0", "1", "2"}
    assert info["model_dtype"] == "f32" and info["auto_truncate"] is True and info["max_client_batch_size"] == 2048
    assert httpx.get(server.url + "/health").status_code == 200


@pytest.mark.parametrize(
    "path, body, status, kind, says",
    [
        ("/predict", {"model": "classes", "inputs": []}, 400, "Empty", "inputs"),
        ("/embed", {"inputs": []}, 400, "Empty", "inputs"),
        ("/tokenize", {"inputs": []}, 400, "Empty", "inputs"),
        ("/decode", {"ids": []}, 400, "Empty", "ids"),
        ("/rerank", {"query": "q", "texts": []}, 400, "Empty", "texts"),
        ("/predict", {"model": "classes"}, 422, "Validation", "inputs"),
        ("/predict", {"model": "classes", "inputs": ["a", "b", "c"]}, 422, "Validation", "inputs"),
        ("/predict", {"model": "classes", "inputs": [["a"], 5]}, 422, "Validation", "inputs[1]"),
        ("/predict", {"model": "classes", "inputs": "parcel " * 200, "truncate": False}, 422, "Validation", "truncate"),
        ("/predict", {"model": ENCODER, "inputs": "a"}, 422, "Validation", "cannot classify"),
        ("/predict", {"model": "nobody", "inputs": "a"}, 422, "Validation", "not served here"),
        ("/similarity", {"inputs": "a"}, 422, "Validation", "inputs"),
        ("/similarity", {"inputs": {"source_sentence": "a", "sentences": []}}, 422, "Validation", "sentences"),
        ("/similarity", {"model": "classes", "inputs": {"source_sentence": "a", "sentences": ["b"]}}, 422, "Validation", "cannot embed"),
        ("/embed", {"model": "classes", "inputs": "a"}, 422, "Validation", "cannot embed"),
        ("/tokenize", {"inputs": "a", "prompt_name": "poem", "model": ENCODER}, 422, "Validation", "poem"),
        ("/decode", {"ids": [-1]}, 422, "Validation", "ids"),
        ("/decode", {"ids": [[1], 5]}, 422, "Validation", "ids"),
        ("/decode", {"ids": [2147483647]}, 200, None, None),
    ],
)  # fmt: skip
def test_refusals(server, check, path, body, status, kind, says):
    error = post(server, path, status, **body)
    if status != 200:
        check("ErrorResponse", error)
        assert error["error_type"] == kind and says in error["error"]


def test_errors_of_the_wire_have_the_familys_shape(server, check):
    for reply, status in ((httpx.post(server.url + "/predict", content="{"), 422), (httpx.get(server.url + "/predict"), 405)):
        assert reply.status_code == status
        check("ErrorResponse", reply.json())


def test_score_as_vllm(server):
    queries, documents = ["where is my parcel?"], ["the parcel arrived", "ada wrote a program"]
    reply = post(server, "/score", model="rank_raw", queries=queries[0], documents=documents)
    assert reply["object"] == "list" and [row["object"] for row in reply["data"]] == ["score"] * 2 and reply["usage"]["total_tokens"] > 4
    ranked = {row["index"]: row["score"] for row in post(server, "/rerank", query=queries[0], texts=documents)}
    assert [row["score"] for row in reply["data"]] == [ranked[0], ranked[1]]
    assert post(server, "/v1/score", model="rank_raw", text_1=queries, text_2=documents)["data"] == reply["data"]
    pairs = post(server, "/score", model="rank_raw", text_1=queries * 2, text_2=documents)
    assert pairs["data"] == reply["data"]
    near = post(server, "/score", model=ENCODER, text_1=TEXTS[0], text_2=TEXTS)["data"]
    expected = post(server, "/similarity", inputs={"source_sentence": TEXTS[0], "sentences": TEXTS})
    np.testing.assert_allclose([row["score"] for row in near], expected, atol=1e-6)
    for body, param in (({"text_1": ["a"] * 2, "text_2": ["b"] * 3}, "text_1"), ({"text_2": "b"}, "queries"), ({"queries": "a"}, "documents"),
                        ({"text_1": "a", "text_2": ["b", ""]}, "text_2[1]")):  # fmt: skip
        assert post(server, "/score", 400, model="rank_raw", **body)["error"]["param"] == param
    assert post(server, "/score", 400, model="classes", text_1="a", text_2="b")["error"]["param"] == "model"
    assert "truncate" in post(server, "/score", 400, model="rank_raw", text_1="a", text_2="parcel " * 200, truncate=False)["error"]["message"]


def test_classify_as_vllm_and_as_infinity(server, test_data):
    vllm = post(server, "/classify", model="classes", input=["where is my parcel?", "a refund"])
    assert vllm["object"] == "list" and vllm["data"][0]["num_classes"] == 3 and len(vllm["data"][0]["probs"]) == 3
    infinity = post(server, "/infinity/classify", model="classes", input=["where is my parcel?", "a refund"])
    spec = json.loads((test_data / "api-specs/infinity/openapi.json").read_text())
    schema = {"$ref": "#/components/schemas/ClassifyResult", "components": spec["components"]}
    jsonschema.Draft202012Validator(schema).validate(infinity)
    assert infinity["data"] == [row["ranking"] for row in vllm["data"]]
    ranked = post(server, "/infinity/rerank", model="rank_raw", query="parcel", documents=TEXTS, return_documents=True)
    schema["$ref"] = "#/components/schemas/ReRankResult"
    jsonschema.Draft202012Validator(schema).validate(ranked)
    jina = post(server, "/v1/rerank", model="rank_raw", query="parcel", documents=TEXTS, return_documents=True)["results"]
    assert [(row["index"], row["document"]) for row in ranked["results"]] == [(row["index"], row["document"]["text"]) for row in jina]
    assert post(server, "/infinity/classify", 400, model="classes", input=[])["error"]["param"] == "input"


def test_pooling(server):
    def pool(status=200, **body):
        reply = post(server, "/pooling", status, **body)
        if status != 200:
            return reply["error"]
        assert set(reply) >= {"id", "object", "created", "model", "data", "usage"} and reply["id"].startswith("pool-")
        assert [(row["index"], row["object"]) for row in reply["data"]] == [(i, "pooling") for i in range(len(reply["data"]))]
        return [row["data"] for row in reply["data"]]

    def floats(text):
        return np.frombuffer(base64.b64decode(text), dtype="<f4")

    vectors = np.array(post(server, "/embed", inputs=TEXTS), dtype=np.float32)
    np.testing.assert_array_equal(np.array(pool(model=ENCODER, input=TEXTS), dtype=np.float32), vectors)
    np.testing.assert_array_equal([floats(text) for text in pool(model=ENCODER, input=TEXTS, encoding_format="base64", task="embed")], vectors)
    assert np.linalg.norm(pool(model=ENCODER, input="a", dimensions=64)[0]) == pytest.approx(1, abs=1e-5)
    # Tokens: of the length of their texts' vectors, or as the encoder leaves them; base64 is of all rows together.
    raw = [np.array(rows) for rows in post(server, "/embed_all", inputs=TEXTS)]
    as_they_are = pool(model=ENCODER, input=TEXTS, task="token_embed", use_activation=False)
    for rows, expected in zip(as_they_are, raw, strict=True):
        np.testing.assert_allclose(rows, expected, atol=1e-6)
    tokens = pool(model=ENCODER, input=TEXTS, task="token_embed")
    np.testing.assert_allclose(tokens[0], raw[0] / np.linalg.norm(raw[0], axis=1, keepdims=True), atol=1e-6)
    np.testing.assert_allclose(floats(pool(model=ENCODER, input=TEXTS, task="token_embed", encoding_format="base64")[0]).reshape(-1, 384), tokens[0], atol=1e-6)
    # Labels: probabilities, or what they are made of; of a cross-encoder the one score.
    ours = post(server, "/v1/classify", model="classes", input=[TEXTS[0], ["a", "b"]])["data"]
    np.testing.assert_allclose(pool(model="classes", input=[TEXTS[0], ["a", "b"]]), [row["probs"] for row in ours], rtol=1e-6)
    assert sum(pool(model="classes", input="a", task="classify", use_activation=False)[0]) != pytest.approx(1, abs=1e-3)
    assert len(pool(model="rank_raw", input=[["a", "b"]])[0]) == 1
    for body, param in (({"task": "classify"}, "task"), ({"task": "token_classify"}, "task"), ({"encoding_format": "bytes"}, "encoding_format"),
                        ({"use_activation": False}, "use_activation"), ({"embed_dtype": "fp8"}, "embed_dtype"), ({"endianness": "big"}, "endianness"),
                        ({"truncate_prompt_tokens": 5}, "truncate_prompt_tokens"), ({"task": "token_embed", "dimensions": 5}, "dimensions"),
                        ({"input": []}, "input")):  # fmt: skip
        assert pool(400, **{"model": ENCODER, "input": "a"} | body)["param"] == param
    assert "truncate" in pool(400, model="classes", input="parcel " * 200, truncate=False)["message"]

"""Models with heads over HTTP: the shapes that the clients of Jina, Cohere, vLLM and Transformers read."""

import json
import pathlib

import httpx
import openai
import pytest

MODELS = pathlib.Path(__file__).parents[2] / "src/tasks/golden/models"
NAMES = ("classes", "rank_raw", "inference", "names", "answers", "masked", "sparse")


@pytest.fixture(scope="module")
def server(bantam_home):
    from bantam_process import BantamProcess

    with BantamProcess(bantam_home, [x for name in NAMES for x in ("--model", MODELS / name)] + ["--dtype", "f32"]) as running:
        yield running


def post(server, path, status=200, headers=None, **body):
    reply = httpx.post(server.url + path, json=body, headers=headers)
    assert reply.status_code == status, reply.text
    return reply.json()


def test_models_say_what_they_can(server):
    listed = openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused").models.list().data
    tasks = {model.id: model.model_extra["bantam"]["tasks"] for model in listed}
    assert tasks == {"classes": "classify", "rank_raw": "classify, rerank", "inference": "classify", "names": "tag", "answers": "qa",
                     "masked": "embed, fill-mask, embed_sparse", "sparse": "fill-mask, embed_sparse"}  # fmt: skip


def test_classify(server):
    reply = post(server, "/v1/classify", model="classes", input=["where is my parcel?", "", ["short", "parcel " * 200]])
    assert reply["object"] == "list" and reply["usage"]["total_tokens"] > 64
    for index, item in enumerate(reply["data"]):
        assert item["index"] == index and item["num_classes"] == 3
        assert sum(item["probs"]) == pytest.approx(1, abs=1e-5)
        assert item["label"] == item["ranking"][0]["label"] and item["ranking"][0]["score"] == max(item["probs"])
    assert [item.get("truncated", False) for item in reply["data"]] == [False, False, True]
    pair = post(server, "/v1/classify", model="classes", input=[{"text": "a", "text_pair": "b"}, "a"], top_k=1)
    assert pair["data"][0]["probs"] != pair["data"][1]["probs"] and len(pair["data"][0]["ranking"]) == 1
    raw = post(server, "/v1/classify", model="classes", input="a", raw_scores=True)["data"][0]["probs"]
    assert sum(raw) != pytest.approx(1, abs=1e-3)


def test_classify_by_labels_of_ones_own(server):
    reply = post(server, "/v1/classify", model="inference", input="where is my parcel?", candidate_labels=["delivery", "praise"])
    assert {r["label"] for r in reply["data"][0]["ranking"]} == {"delivery", "praise"}
    assert sum(reply["data"][0]["probs"]) == pytest.approx(1, abs=1e-5)
    error = post(server, "/v1/classify", 400, model="classes", input="x", candidate_labels=["a"])["error"]
    assert error["param"] == "candidate_labels" and "entail" in error["message"]


def test_rerank(server):
    documents = ["the parcel arrived", {"text": "ada wrote a program"}, "", "refund " * 200]
    reply = post(server, "/v1/rerank", model="rank_raw", query="where is my parcel?", documents=documents, return_documents=True)
    scores = [r["relevance_score"] for r in reply["results"]]
    assert scores == sorted(scores, reverse=True) and {r["index"] for r in reply["results"]} == {0, 1, 2, 3}
    texts = [d if isinstance(d, str) else d["text"] for d in documents]
    assert all(r["document"] == {"text": texts[r["index"]]} for r in reply["results"])
    assert reply["bantam"] == {"truncated": [3], "max_tokens": 64} and reply["meta"]["api_version"]["version"] == "1"
    cohere = post(server, "/v2/rerank", query="where is my parcel?", documents=texts, top_n=2)  # the only one that ranks
    assert [r["index"] for r in cohere["results"]] == [r["index"] for r in reply["results"][:2]]
    assert set(cohere["results"][0]) == {"index", "relevance_score"} and cohere["id"] and cohere["model"] == "rank_raw"
    assert post(server, "/rerank", query="x", documents=["a"])["results"][0]["index"] == 0


def test_tag_qa_and_fill_mask(server):
    text = "Ada Lovelace was born in London."
    tagged = post(server, "/v1/tag", model="names", input=[text, "where " * 200], aggregation_strategy="first", ignore_labels=["O"])
    assert all(text[e["start"] : e["end"]].lower().replace(" ", "") == e["word"].replace(" ", "") for e in tagged["data"][0]["entities"])
    assert tagged["data"][1]["windows"] > 2
    answered = post(server, "/v1/qa", question="who?", context=text, top_k=3, handle_impossible_answer=True)
    assert len(answered["answers"]) == 3 and all(text[a["start"] : a["end"]] == a["answer"] for a in answered["answers"])
    filled = post(server, "/v1/fill-mask", model="masked", input="where is my [MASK]?", top_k=2, targets=["parcel", "refund", "program"])
    assert len(filled["data"][0]["masks"][0]) == 2 and filled["data"][0]["masks"][0][0]["token_str"] in ("parcel", "refund", "program")


def test_sparse_as_text_embeddings_inference(server):
    case = json.loads((MODELS / "sparse" / "answers.json").read_text())[0]
    texts, expected = case["inputs"][:3], case["answers"][:3]
    reply = post(server, "/embed_sparse", model="sparse", inputs=texts)
    for ours, theirs in zip(reply, expected, strict=True):
        values = [entry["value"] for entry in ours]
        assert values == sorted(values, reverse=True) and min(values) > 0
        kept = {str(entry["index"]): entry["value"] for entry in ours if entry["value"] > 1e-3}
        assert kept == pytest.approx({k: v for k, v in theirs.items() if v > 1e-3}, abs=1e-4)
    assert len(post(server, "/embed_sparse", model="sparse", inputs="parcel", top_k=2)[0]) == 2
    error = post(server, "/embed_sparse", 422, model="sparse", inputs="parcel " * 90, truncate=False)
    assert error["error_type"] == "Validation" and "sparse reads 64" in error["error"]


@pytest.mark.parametrize(
    "path, body, status, param, says",
    [
        ("/v1/rerank", {"model": "classes", "query": "x", "documents": ["a"]}, 400, "model", "served for classify; models here that can: rank_raw"),
        ("/v1/rerank", {"model": "nobody", "query": "x", "documents": ["a"]}, 404, "model", "not served here"),
        ("/v1/rerank", {"documents": ["a"]}, 400, "query", "query"),
        ("/v1/rerank", {"query": "x", "documents": []}, 400, "documents", "empty"),
        ("/v1/rerank", {"query": "x", "documents": ["a", 5]}, 400, "documents[1]", "expected a string"),
        ("/v1/rerank", {"query": "x", "documents": ["a"], "top_n": 0}, 400, "top_n", "top_n"),
        ("/v1/rerank", {"query": "x", "documents": ["a"] * 2049}, 400, "documents", "limit is 2048"),
        ("/v1/tag", {"input": "x", "aggregation_strategy": "sum"}, 400, "aggregation_strategy", "none, simple"),
        ("/v1/tag", {"input": "x", "stride": 62}, 400, "stride", "smaller stride"),
        ("/v1/qa", {"question": "", "context": "x"}, 400, None, "question is empty"),
        ("/v1/fill-mask", {"model": "masked", "input": "no mask"}, 400, "input", "has no [MASK]"),
        ("/v1/classify", {"model": "names", "input": "x"}, 400, "model", "served for: tag"),
        ("/v1/classify", {"model": "classes", "input": [5]}, 400, "input[0]", "expected"),
        ("/v1/classify", {"model": "classes", "input": "x", "function_to_apply": "tanh"}, 400, "function_to_apply", "softmax"),
        ("/v1/embeddings", {"model": "sparse", "input": "x"}, 400, "model", "cannot embed: it is served for fill-mask, embed_sparse"),
        ("/v1/embeddings", {"model": "classes", "input": "x"}, 400, "model", "cannot embed: it is served for classify"),
    ],
)  # fmt: skip
def test_refusals_name_the_field(server, path, body, status, param, says):
    error = post(server, path, status, **body)["error"]
    assert says in error["message"]
    if param is not None:
        assert error["param"] == param


def test_a_masked_language_model_embeds_too(server):
    reply = post(server, "/v1/embeddings", model="masked", input="where is my parcel?")
    assert len(reply["data"][0]["embedding"]) == 32
    metrics = httpx.get(server.url + "/metrics").text
    assert 'bantam_engine_requests_total{model="rank_raw"}' in metrics

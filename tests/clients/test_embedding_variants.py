"""Embeddings as the clients of several services ask for them: types, dimensions, prompts, truncation; TEI's and Cohere's paths."""

import base64
import json
import shutil
from pathlib import Path

import httpx
import numpy as np
import pytest

MODEL = "all-MiniLM-L6-v2"
TEXTS = ["where is my parcel?", "the invoice is wrong", "hello"]
SENTENCE = Path(__file__).resolve().parents[2] / "src/tasks/golden/sentence"


def post(server, path, status=200, **body):
    reply = httpx.post(f"{server.url}{path}", json=body, timeout=60)
    assert reply.status_code == status, reply.text
    return reply


def embed(server, **body):
    data = post(server, "/v1/embeddings", model=MODEL, input=TEXTS, **body).json()["data"]
    return [item["embedding"] for item in data]


@pytest.fixture(scope="module")
def floats(helpdesk_server):
    return np.array(embed(helpdesk_server), dtype=np.float32)


@pytest.fixture(scope="module")
def prompted(tmp_path_factory):
    """The tiny model with prompts, as one folder."""
    folder = tmp_path_factory.mktemp("models") / "prompted"
    shutil.copytree(SENTENCE / "base", folder)
    shutil.copytree(SENTENCE / "cases/prompts", folder, dirs_exist_ok=True)
    return folder


def steps(vectors, reach):
    return np.clip(np.floor((vectors + reach) / np.float32(2 * reach / 255)), 0, 255)


def test_bits_are_those_of_packbits(helpdesk_server, floats):
    expected = np.packbits(floats > 0, axis=-1)
    for field in ({"embedding_types": ["ubinary"]}, {"output_dtype": "ubinary"}, {"encoding_format": "ubinary"}):
        np.testing.assert_array_equal(np.array(embed(helpdesk_server, **field), dtype=np.uint8), expected)
    signed = np.array(embed(helpdesk_server, embedding_type="binary"), dtype=np.int64)
    np.testing.assert_array_equal(signed, expected.astype(np.int64) - 128)


def test_bytes_have_ranges_that_no_request_changes(helpdesk_server, floats):
    reach = np.float32(4 / np.sqrt(384))
    unsigned = np.array(embed(helpdesk_server, embedding_types=["uint8"]), dtype=np.int64)
    assert np.abs(unsigned - steps(floats, reach)).max() <= 1
    signed = np.array(embed(helpdesk_server, embedding_types=["int8"]), dtype=np.int64)
    np.testing.assert_array_equal(signed, unsigned - 128)
    alone = post(helpdesk_server, "/v1/embeddings", model=MODEL, input=TEXTS[0], embedding_types=["int8"]).json()
    assert alone["data"][0]["embedding"] == signed[0].tolist()
    # Close enough to be searched with.
    back = (unsigned + 0.5) / 255 * 2 * reach - reach
    cosines = (back * floats).sum(1) / np.linalg.norm(back, axis=1)
    assert cosines.min() > 0.997  # one word has values beyond the reach, which are cut


def test_base64_of_any_type(helpdesk_server):
    for name, dtype in (("float", "<f4"), ("int8", "i1"), ("uint8", "u1"), ("binary", "i1"), ("ubinary", "u1")):
        plain = np.array(embed(helpdesk_server, embedding_types=[name]), dtype=dtype)
        packed = embed(helpdesk_server, embedding_types=[name], encoding_format="base64")
        np.testing.assert_array_equal(np.array([np.frombuffer(base64.b64decode(row), dtype) for row in packed]), plain)


def test_several_types_at_once(helpdesk_server, floats):
    both = embed(helpdesk_server, embedding_types=["float", "ubinary"])
    assert [set(item) for item in both] == [{"float", "ubinary"}] * 3
    np.testing.assert_array_equal(np.array([item["float"] for item in both], dtype=np.float32), floats)


def test_dimensions_come_before_types(helpdesk_server, floats):
    short = np.array(embed(helpdesk_server, dimensions=100), dtype=np.float32)
    cut = floats[:, :100] / np.linalg.norm(floats[:, :100], axis=1, keepdims=True)
    np.testing.assert_allclose(short, cut, atol=1e-6)
    bits = np.array(embed(helpdesk_server, output_dimension=100, output_dtype="ubinary"), dtype=np.uint8)
    np.testing.assert_array_equal(bits, np.packbits(short > 0, axis=-1))
    assert bits.shape == (3, 13)


def test_what_is_too_long_is_refused_when_asked(helpdesk_server):
    for field in ({"truncate": False}, {"truncate": "NONE"}, {"truncation": False}):
        error = post(helpdesk_server, "/v1/embeddings", 400, model=MODEL, input=["hello", "word " * 300], **field).json()["error"]
        assert error["param"] == "input" and "text 2 has 302 tokens" in error["message"] and "reads 256" in error["message"]
    for field in ({"truncate": True}, {"truncate": "END"}, {}):
        reply = post(helpdesk_server, "/v1/embeddings", model=MODEL, input="word " * 300, **field)
        assert reply.headers["x-bantam-truncated"] == "1"


def test_a_model_without_prompts_takes_any_input_type(helpdesk_server, floats):
    for word in ("query", "search_document", "classification"):
        np.testing.assert_array_equal(np.array(embed(helpdesk_server, input_type=word), dtype=np.float32), floats)
    prompted = np.array(embed(helpdesk_server, prompt="subject: "), dtype=np.float32)
    spelled = post(helpdesk_server, "/v1/embeddings", model=MODEL, input=["subject: " + text for text in TEXTS]).json()["data"]
    np.testing.assert_array_equal(prompted, np.array([item["embedding"] for item in spelled], dtype=np.float32))


def test_prompts_by_name(bantam_server, prompted):
    server = bantam_server("--model", str(prompted))

    def vector(text, **more):
        reply = post(server, "/v1/embeddings", model="prompted", input=text, **more).json()
        return reply["data"][0]["embedding"]

    query, plain = vector("the cat", prompt_name="query"), vector("the cat")
    assert query == vector("the cat", input_type="query") == vector("the cat", input_type="search_query")
    assert query == vector("query: the cat") == vector("the cat", prompt="query: ")
    assert query != plain
    assert vector("the cat", input_type="document") == vector("represent this sentence for the cat: the cat")
    assert vector("the cat", input_type="passage") == vector("passage: the cat")  # a prompt of just that name
    error = post(server, "/v1/embeddings", 400, model="prompted", input="x", prompt_name="poem").json()["error"]
    assert "passage" in error["message"]
    # Of a stranger's prompt no special token is made.
    assert vector("the cat", prompt="[SEP]") == vector("[SEP]the cat")


def test_tei(helpdesk_server, floats):
    reply = post(helpdesk_server, "/embed", inputs=TEXTS)
    np.testing.assert_array_equal(np.array(reply.json(), dtype=np.float32), floats)
    one = post(helpdesk_server, "/embed", inputs=TEXTS[0], dimensions=64, truncate=True, normalize=True).json()
    assert len(one) == 1 and len(one[0]) == 64
    assert post(helpdesk_server, "/embed", inputs="word " * 300).headers["x-bantam-truncated"] == "1"
    for body in ({"inputs": "word " * 300, "truncate": False}, {"inputs": "x", "prompt_name": "y"},
                 {"inputs": "x", "normalize": False}, {"inputs": "x", "truncation_direction": "left"}):
        error = post(helpdesk_server, "/embed", 422, **body).json()
        assert set(error) == {"error", "error_type"} and error["error_type"] == "Validation"


def test_cohere(helpdesk_server, floats):
    reply = post(helpdesk_server, "/v2/embed", model=MODEL, texts=TEXTS, input_type="search_document",
                 embedding_types=["float", "int8", "ubinary", "base64"]).json()
    assert set(reply["embeddings"]) == {"float", "int8", "ubinary", "base64"} and reply["texts"] == TEXTS and reply["id"]
    assert reply["meta"]["billed_units"]["input_tokens"] > 6
    raw = [np.frombuffer(base64.b64decode(row), "<f4") for row in reply["embeddings"]["base64"]]
    np.testing.assert_array_equal(np.array(raw), floats)
    np.testing.assert_array_equal(np.array(reply["embeddings"]["ubinary"], dtype=np.uint8), np.packbits(floats > 0, axis=-1))
    old = post(helpdesk_server, "/v1/embed", texts=TEXTS).json()
    np.testing.assert_array_equal(np.array(old["embeddings"], dtype=np.float32), floats)
    cut = post(helpdesk_server, "/v2/embed", texts=["word " * 300]).json()
    assert "256" in cut["meta"]["warnings"][0]
    refused = post(helpdesk_server, "/v2/embed", 400, texts=["word " * 300], truncate="NONE").json()
    assert set(refused) == {"message"} and "302 tokens" in refused["message"]


def test_ranges_of_the_folder(bantam_server, prompted, tmp_path):
    folder = tmp_path / "calibrated"
    shutil.copytree(prompted, folder)
    ranges = np.stack([np.full(32, -0.25), np.full(32, 0.5)]).astype(np.float32)
    np.save(folder / "embedding_ranges.npy", ranges)
    server = bantam_server("--model", str(folder))
    body = {"model": "calibrated", "input": "the cat"}
    exact = np.array(post(server, "/v1/embeddings", **body).json()["data"][0]["embedding"], dtype=np.float32)
    got = post(server, "/v1/embeddings", **body, output_dtype="uint8").json()["data"][0]["embedding"]
    step = (ranges[1] - ranges[0]) / 255
    np.testing.assert_array_equal(got, np.clip(np.floor((exact - ranges[0]) / step), 0, 255).astype(int))


def test_bytes_need_ranges_where_lengths_differ(bantam_server, tmp_path):
    folder = tmp_path / "raw"
    shutil.copytree(SENTENCE / "base", folder)
    shutil.copytree(SENTENCE / "cases/pool_mean", folder, dirs_exist_ok=True)
    server = bantam_server("--model", str(folder))
    error = post(server, "/v1/embeddings", 400, model="raw", input="x", embedding_types=["int8"]).json()["error"]
    assert error["param"] == "embedding_types" and "--save-ranges" in error["message"]
    raw = np.array(post(server, "/v1/embeddings", model="raw", input="the cat").json()["data"][0]["embedding"])
    tei = np.array(post(server, "/embed", inputs="the cat").json()[0])
    np.testing.assert_allclose(tei, raw / np.linalg.norm(raw), atol=1e-6)
    np.testing.assert_array_equal(post(server, "/embed", inputs="the cat", normalize=False).json()[0], raw)
    assert json.loads(json.dumps(raw.tolist()))

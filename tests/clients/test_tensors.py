"""The Open Inference Protocol over REST, as Triton's client speaks it, with tensors in JSON and in bytes: the same numbers as our other
endpoints give. And the model repository, on a store of its own."""

import json
import struct
import urllib.parse

import httpx
import numpy as np
import pytest

from bantam_process import REPOSITORY, BantamProcess, make_home
from tiny_decoder import write_tiny_decoder

MODELS = REPOSITORY / "src/tasks/golden/models"
ENCODER, WRITER, ALIAS = "all-MiniLM-L6-v2", "tiny", "hf.co/owner/repo"
TEXTS = ["Where is my parcel?", "Zürich \U0001f642 isn’t far"]
works, does_not = pytest.mark.works, pytest.mark.does_not


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tensors")
    models = [ENCODER, write_tiny_decoder(folder / f"{WRITER}.gguf"), *(MODELS / name for name in ("classes", "rank_raw", "names", "answers", "sparse"))]
    arguments = [x for model in models for x in ("--model", model)] + ["--alias", f"{ALIAS}={ENCODER}", "--context", "256"]
    with BantamProcess(make_home(folder / "home"), arguments) as running:
        yield running
        assert running.stop() == 0, running.log()


@pytest.fixture
def client(server):
    import tritonclient.http

    with tritonclient.http.InferenceServerClient(f"127.0.0.1:{server.port}") as client:
        yield client


def tensor(name, texts, binary=True, shape=None):
    import tritonclient.http

    array = np.array([text.encode() for text in texts], dtype=np.object_).reshape(shape or [len(texts)])
    made = tritonclient.http.InferInput(name, array.shape, "BYTES")
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def wanted(*names, binary=True):
    import tritonclient.http

    return [tritonclient.http.InferRequestedOutput(name, binary_data=binary) for name in names]


def strings(result, name):
    return [text.decode() if isinstance(text, bytes) else text for text in result.as_numpy(name).tolist()]


def post(server, path, status=200, **body):
    reply = httpx.post(server.url + path, json=body, timeout=60)
    assert reply.status_code == status, reply.text
    return reply.json()


def given(name="text", texts=("a",), **more):
    return {"name": name, "shape": [len(texts)], "datatype": "BYTES", "data": list(texts), **more}


# --------------------------------------------------------------------------------------------------------- tritonclient


@works("tritonclient", "`is_server_live`, `is_server_ready`, `is_model_ready`, `get_server_metadata`, `get_model_metadata`, HTTP")
def test_metadata(client):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready(ENCODER) and client.is_model_ready(ENCODER, "1") and client.is_model_ready(ALIAS)
    assert not client.is_model_ready(ENCODER, "2") and not client.is_model_ready("nothing")
    assert set(client.get_server_metadata()["extensions"]) == {"binary_tensor_data", "model_repository", "parameters"}
    told = client.get_model_metadata(ALIAS)
    assert told == {
        "name": ENCODER, "versions": ["1"], "platform": "bantam_safetensors",
        "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
        "outputs": [{"name": "embedding", "datatype": "FP32", "shape": [-1, 384]}],
    }  # fmt: skip
    outputs = {name: [tensor["name"] for tensor in client.get_model_metadata(name, "1")["outputs"]] for name in ("classes", "rank_raw", "names", "answers", "sparse", WRITER)}
    assert outputs == {"classes": ["label", "score", "scores"], "rank_raw": ["score"], "names": ["entities"], "answers": ["answer", "score"],
                       "sparse": ["weights"], WRITER: ["text", "finish_reason"]}  # fmt: skip
    assert len(client.get_model_metadata("classes")["outputs"][2]["parameters"]["labels"]) == 3


@works("tritonclient", "`infer` of an encoder, `async_infer`, tensors in JSON and in bytes, HTTP")
def test_embeddings(client, server):
    rows = post(server, "/v1/embeddings", model=ENCODER, input=TEXTS)["data"]
    expected = np.array([row["embedding"] for row in rows], dtype=np.float32)
    for binary in (True, False):
        result = client.infer(ENCODER, [tensor("text", TEXTS, binary)], outputs=wanted("embedding", binary=binary), request_id="seven")
        np.testing.assert_array_equal(result.as_numpy("embedding"), expected)
        assert result.get_response()["id"] == "seven" and result.get_output("embedding")["shape"] == [2, 384]
    # What servers that make batches of models of their own want of their clients: a second dimension.
    result = client.infer(ALIAS, [tensor("text", TEXTS, shape=[2, 1])], model_version="1", parameters={"dimensions": 64})
    assert result.as_numpy("embedding").shape == (2, 64) and result.get_response()["model_name"] == ENCODER
    later = [client.async_infer(ENCODER, [tensor("text", [text])]) for text in TEXTS]
    np.testing.assert_array_equal(np.concatenate([one.get_result().as_numpy("embedding") for one in later]), expected)


@works("tritonclient", "`infer` of a classifier, a cross-encoder, a tagger, a model that answers questions, HTTP")
def test_heads(client, server):
    ranking = post(server, "/v1/classify", model="classes", input=[[TEXTS[0], "parcel"], [TEXTS[1], "far"]])["data"]
    result = client.infer("classes", [tensor("text", TEXTS), tensor("text_pair", ["parcel", "far"], binary=False)])
    assert strings(result, "label") == [row["label"] for row in ranking]
    np.testing.assert_allclose(result.as_numpy("scores"), [row["probs"] for row in ranking], rtol=1e-6)
    np.testing.assert_array_equal(result.as_numpy("score"), result.as_numpy("scores").max(axis=1))
    assert [output["name"] for output in client.infer("classes", [tensor("text", TEXTS)], outputs=wanted("score", "label")).get_response()["outputs"]] == ["score", "label"]
    scores = post(server, "/v1/score", model="rank_raw", queries=TEXTS[0], documents=TEXTS)["data"]
    result = client.infer("rank_raw", [tensor("query", TEXTS[:1]), tensor("text", TEXTS)])
    np.testing.assert_allclose(result.as_numpy("score"), [row["score"] for row in scores], rtol=1e-6)
    spans = post(server, "/v1/tag", model="names", input=TEXTS)["data"]
    assert [json.loads(text) for text in strings(client.infer("names", [tensor("text", TEXTS)]), "entities")] == [row["entities"] for row in spans]
    answer = post(server, "/v1/qa", model="answers", question=TEXTS[0], context="The parcel is in Zürich.")["answers"][0]
    result = client.infer("answers", [tensor("question", TEXTS[:1]), tensor("context", ["The parcel is in Zürich."])])
    assert strings(result, "answer") == [answer["answer"]] and result.as_numpy("score")[0] == pytest.approx(answer["score"])
    weights = post(server, "/embed_sparse", model="sparse", inputs=TEXTS)
    assert [json.loads(text) for text in strings(client.infer("sparse", [tensor("text", TEXTS)]), "weights")] == weights


@works("tritonclient", "`infer` of a model that writes text, with `parameters`, `priority`, `timeout`, HTTP")
def test_texts(client, server):
    call = {"model": WRITER, "temperature": 0, "max_tokens": 6, "seed": 1}
    expected = [row["text"] for row in post(server, "/v1/completions", prompt=TEXTS, **call)["choices"]]
    parameters = {key: call[key] for key in ("temperature", "max_tokens", "seed")}
    result = client.infer(WRITER, [tensor("text", TEXTS)], parameters=parameters, priority=1, timeout=60_000_000)
    assert strings(result, "text") == expected and set(strings(result, "finish_reason")) <= {"length", "stop"}
    chat = post(server, "/v1/chat/completions", messages=[{"role": "user", "content": TEXTS[0]}], **call)["choices"][0]["message"]["content"]
    assert strings(client.infer(WRITER, [tensor("text", TEXTS[:1])], parameters=parameters | {"chat": True}), "text") == [chat]


@works("tritonclient", "`infer` of the assistant of a route file, HTTP")
def test_the_assistant(helpdesk_server):
    import tritonclient.http

    question = "where is my refund?"
    with tritonclient.http.InferenceServerClient(f"127.0.0.1:{helpdesk_server.port}") as client:
        told = client.get_model_metadata("helpdesk")
        assert told["inputs"][0]["shape"] == [1] and told["platform"] == "bantam_route"
        result = client.infer("helpdesk", [tensor("text", [question])])
    answer = post(helpdesk_server, "/v1/chat/completions", model="helpdesk", messages=[{"role": "user", "content": question}])
    assert strings(result, "answer") == [answer["choices"][0]["message"]["content"]]
    assert strings(result, "route") == [answer["bantam"]["route"]] and strings(result, "decision") == ["answer"]
    assert result.as_numpy("p_correct")[0] == pytest.approx(answer["bantam"]["p_correct"])
    for texts in (["a", "b"], [" "]):
        assert "text" in post(helpdesk_server, "/v2/models/helpdesk/infer", 400, inputs=[given(texts=texts)])["error"]


@works("tritonclient", "`get_model_repository_index`, `load_model`, `unload_model`, by callers on the server's machine, HTTP")
def test_repository(tmp_path):
    import tritonclient.http
    import tritonclient.utils

    home = tmp_path / "home"
    (home / "models").mkdir(parents=True)
    write_tiny_decoder(home / "models/tiny.gguf")
    stays = write_tiny_decoder(tmp_path / "stays.gguf")
    with BantamProcess(home, ["--model", stays, "--on-demand", "--context", "256"]) as server, tritonclient.http.InferenceServerClient(f"127.0.0.1:{server.port}") as client:

        def states():
            return {model["name"]: model["state"] for model in client.get_model_repository_index()}

        assert states() == {"stays": "READY", "tiny": "UNAVAILABLE"}
        assert not client.is_model_ready("tiny")
        client.load_model("tiny")
        client.load_model("tiny")
        assert client.is_model_ready("tiny") and states() == {"stays": "READY", "tiny": "READY"}
        assert httpx.get(server.url + "/api/ps").json()["models"][1]["expires_at"] > "2300"
        client.unload_model("tiny")
        assert not client.is_model_ready("tiny") and states()["tiny"] == "UNAVAILABLE"
        client.unload_model("tiny")
        # What names it still gets it.
        assert len(strings(client.infer("tiny", [tensor("text", ["a"])]), "text")) == 1 and client.is_model_ready("tiny")
        for call, words in ((lambda: client.unload_model("stays"), "stays as long"), (lambda: client.load_model("none"), "not served"),
                            (lambda: client.load_model("tiny", config="{}"), "config")):  # fmt: skip
            with pytest.raises(tritonclient.utils.InferenceServerException, match=words):
                call()
        assert server.stop() == 0, server.log()


@does_not("tritonclient", "`get_model_config`, `get_inference_statistics`, shared memory, HTTP", "404: a model has no configuration to give; `/metrics` counts")
def test_what_is_not_there(client):
    import tritonclient.utils

    for call in (lambda: client.get_model_config(ENCODER), lambda: client.get_inference_statistics(), lambda: client.get_system_shared_memory_status()):
        with pytest.raises(tritonclient.utils.InferenceServerException):
            call()


# -------------------------------------------------------------------------------------------------------------- by hand


def element(text):
    return struct.pack("<I", len(text.encode())) + text.encode()


def test_bytes_behind_the_json(server):
    """The body as the extension has it, written and read without any client."""
    tail = b"".join(map(element, TEXTS))
    asked = {"name": "text", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": len(tail)}}
    head = json.dumps({"inputs": [asked], "outputs": [{"name": "label", "parameters": {"binary_data": True}}, {"name": "score"}]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}
    reply = httpx.post(server.url + "/v2/models/classes/infer", content=head + tail, headers=headers)
    assert reply.status_code == 200 and reply.headers["content-type"] == "application/octet-stream", reply.text
    length = int(reply.headers["inference-header-content-length"])
    label, score = json.loads(reply.content[:length])["outputs"]
    assert label["parameters"]["binary_data_size"] == len(reply.content) - length and len(score["data"]) == 2
    assert reply.headers["x-bantam-model"] == "classes" and int(reply.headers["x-bantam-tokens"]) > 2
    # One text without JSON.
    raw = httpx.post(server.url + "/v2/models/classes/infer", content=TEXTS[0].encode(), headers={"Inference-Header-Content-Length": "0"})
    first = json.loads(raw.content[: int(raw.headers["inference-header-content-length"])])["outputs"][0]
    one = raw.content[int(raw.headers["inference-header-content-length"]) :][: first["parameters"]["binary_data_size"]]
    assert reply.content[length:].startswith(one)


def test_names_with_slashes(server):
    whole = post(server, f"/v2/models/{ENCODER}/infer", inputs=[given()])
    for name in (ALIAS, urllib.parse.quote(ALIAS, safe="")):
        for path in (f"/v2/models/{name}/infer", f"/v2/models/{name}/versions/1/infer", f"/v1/v2/models/{name}/infer"):
            assert post(server, path, inputs=[given()]) == whole
    assert httpx.get(server.url + f"/v2/models/{ALIAS}/ready").json() == {"name": ALIAS, "ready": True}


@pytest.mark.parametrize(
    ("model", "status", "body", "words"),
    [
        ("nothing", 404, {"inputs": [given()]}, "not served here"),
        (f"{ENCODER}/versions/2", 404, {"inputs": [given()]}, "no version"),
        (ENCODER, 400, {"inputs": [given("words")]}, "it has: text"),
        (ENCODER, 400, {"inputs": [given()], "outputs": [{"name": "vector"}]}, "it has: embedding"),
        (ENCODER, 400, {"inputs": [given(texts=["a", ""])]}, "element 1 is an empty text"),
        (ENCODER, 400, {"inputs": [given()], "parameters": {"dimensions": 0}}, "dimensions"),
        (ENCODER, 400, {"inputs": [given(texts=["word " * 600])], "parameters": {"truncate": False}}, "tokens"),
        ("classes", 400, {"inputs": [given(), given("text_pair", ["a", "b"])]}, "as many of each"),
        ("classes", 400, {"inputs": [given(texts=["word " * 600])], "parameters": {"truncate": False}}, "element 0 is longer"),
        ("rank_raw", 400, {"inputs": [given()]}, 'input "query" is missing'),
        ("rank_raw", 400, {"inputs": [given(texts=["a"] * 3), given("query", ["a"] * 2)]}, "or one"),
        (WRITER, 400, {"inputs": [given()], "parameters": {"temperature": 5}}, "temperature"),
        (WRITER, 400, {"inputs": [given(texts=["a" * 400])]}, "element 0: the prompt has"),
        (WRITER, 400, {"inputs": [given(texts=["a"] * 129)]}, "at most 128"),
    ],
)
def test_refusals(server, model, status, body, words):
    assert words in post(server, f"/v2/models/{model}/infer", status, **body)["error"]


def test_time_is_over(server):
    reply = httpx.post(server.url + f"/v2/models/{WRITER}/infer", json={"inputs": [given()], "parameters": {"timeout": 1, "max_tokens": 200}})
    assert reply.status_code == 504 and "time" in reply.json()["error"]


def test_health_without_a_client(server):
    assert httpx.get(server.url + "/v2/health/live").json() == {"live": True}
    assert httpx.get(server.url + "/v2/health/ready").json() == {"live": True, "ready": True}
    assert httpx.get(server.url + "/v2").json()["name"] == "bantam"
    assert "error" in httpx.get(server.url + "/v2/models/x/versions/1").json()
    assert httpx.post(server.url + "/v2/health/live").status_code == 405

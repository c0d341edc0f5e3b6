"""The Open Inference Protocol over gRPC, as Triton's client speaks it with `bantam-grpc`: what REST answers (test_tensors.py), by other
messages. And what becomes of deadlines, of clients that leave, of keys and of a server that is not there."""

import http.server
import json
import re
import shutil
import socket
import threading
import time

import httpx
import numpy as np
import pytest

from bantam_process import BantamProcess, free_port, make_home
from gateway_process import GatewayProcess
from test_tensors import ENCODER, MODELS, TEXTS, WRITER, post, strings
from tiny_decoder import write_tiny_decoder

ALIAS = "hf.co/owner/repo ü%"
works, does_not = pytest.mark.works, pytest.mark.does_not


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tensors")
    models = [ENCODER, write_tiny_decoder(folder / f"{WRITER}.gguf"), MODELS / "classes"]
    arguments = [x for model in models for x in ("--model", model)] + ["--alias", f"{ALIAS}={ENCODER}", "--context", "4096", "--log-format", "json"]
    with BantamProcess(make_home(folder / "home"), arguments) as running:
        yield running
        assert running.stop() == 0, running.log()


@pytest.fixture(scope="module")
def gateway(server):
    with GatewayProcess(server.url) as running:
        yield running
        assert running.stop() == 0


def connect(address):
    import tritonclient.grpc

    return tritonclient.grpc.InferenceServerClient(address)


@pytest.fixture
def client(gateway):
    with connect(gateway.address) as client:
        yield client


def tensor(name, texts, shape=None):
    import tritonclient.grpc

    array = np.array([text.encode() for text in texts], dtype=np.object_).reshape(shape or [len(texts)])
    made = tritonclient.grpc.InferInput(name, array.shape, "BYTES")
    made.set_data_from_numpy(array)
    return made


def refused(code, words, call):
    import tritonclient.utils

    with pytest.raises(tritonclient.utils.InferenceServerException, match=words) as refusal:
        call()
    assert refusal.value.status() == f"StatusCode.{code}"


@works("tritonclient", "`is_server_live`, `is_server_ready`, `is_model_ready`, `get_server_metadata`, `get_model_metadata`, gRPC")
def test_metadata(client, server):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready(ENCODER) and client.is_model_ready(ENCODER, "1") and client.is_model_ready(ALIAS)
    assert not client.is_model_ready(ENCODER, "2") and not client.is_model_ready("nothing")
    told = client.get_server_metadata(as_json=True)
    assert told["name"] == "bantam" and told["extensions"] == ["model_repository", "parameters"]
    told = client.get_model_metadata(ALIAS, as_json=True)
    rest = httpx.get(f"{server.url}/v2/models/{ENCODER}").json()
    for tensors in (told["inputs"], told["outputs"]):  # numbers of 64 bits are texts in protobuf's JSON
        for one in tensors:
            one["shape"] = [int(size) for size in one["shape"]]
    assert told == rest
    refused("NOT_FOUND", "not served here", lambda: client.get_model_metadata("nothing"))


@works("tritonclient", "`infer` of an encoder, `async_infer`, gRPC")
def test_embeddings(client, server):
    import tritonclient.grpc

    rows = post(server, "/v1/embeddings", model=ENCODER, input=TEXTS)["data"]
    expected = np.array([row["embedding"] for row in rows], dtype=np.float32)
    outputs = [tritonclient.grpc.InferRequestedOutput("embedding")]
    for named in (outputs, None):
        result = client.infer(ENCODER, [tensor("text", TEXTS)], outputs=named, request_id="seven")
        np.testing.assert_array_equal(result.as_numpy("embedding"), expected)
        assert result.get_response().id == "seven" and list(result.get_output("embedding").shape) == [2, 384]
    result = client.infer(ALIAS, [tensor("text", TEXTS, [2, 1])], model_version="1", parameters={"dimensions": 64})
    assert result.as_numpy("embedding").shape == (2, 64) and result.get_response().model_name == ENCODER
    came = []
    client.async_infer(ENCODER, [tensor("text", TEXTS)], callback=lambda result, error: came.append((result, error)))
    deadline = time.monotonic() + 20
    while not came and time.monotonic() < deadline:
        time.sleep(0.01)
    np.testing.assert_array_equal(came[0][0].as_numpy("embedding"), expected)


@works("tritonclient", "`infer` of a classifier and of a model that writes text, with `parameters`, `priority`, `timeout`, gRPC")
def test_labels_and_texts(client, server):
    ranking = post(server, "/v1/classify", model="classes", input=TEXTS)["data"]
    result = client.infer("classes", [tensor("text", TEXTS)])
    assert strings(result, "label") == [row["label"] for row in ranking]
    np.testing.assert_allclose(result.as_numpy("scores"), [row["probs"] for row in ranking], rtol=1e-6)
    call = {"temperature": 0, "max_tokens": 6, "seed": 1}
    expected = [row["text"] for row in post(server, "/v1/completions", model=WRITER, prompt=TEXTS, **call)["choices"]]
    result = client.infer(WRITER, [tensor("text", TEXTS)], parameters=call, priority=1, timeout=60_000_000)
    assert strings(result, "text") == expected


@works("tritonclient", "`get_model_repository_index`, `load_model`, `unload_model`, by callers on the gateway's machine, gRPC")
def test_repository(tmp_path):
    home = tmp_path / "home"
    (home / "models").mkdir(parents=True)
    write_tiny_decoder(home / "models/tiny.gguf")
    stays = write_tiny_decoder(tmp_path / "stays.gguf")
    with BantamProcess(home, ["--model", stays, "--on-demand", "--context", "256"]) as server, GatewayProcess(server.url) as gateway, connect(gateway.address) as client:

        def states():
            return {model.name: model.state for model in client.get_model_repository_index().models}

        assert states() == {"stays": "READY", "tiny": "UNAVAILABLE"} and not client.is_model_ready("tiny")
        client.load_model("tiny")
        assert client.is_model_ready("tiny") and states() == {"stays": "READY", "tiny": "READY"}
        client.unload_model("tiny")
        assert not client.is_model_ready("tiny")
        refused("FAILED_PRECONDITION", "stays as long", lambda: client.unload_model("stays"))
        refused("NOT_FOUND", "not served", lambda: client.load_model("none"))
        refused("INVALID_ARGUMENT", "config", lambda: client.load_model("tiny", config="{}"))


@does_not("tritonclient", "`get_model_config`, `get_inference_statistics`, `start_stream`, shared memory, gRPC", "UNIMPLEMENTED: as over HTTP; a call of `infer` is answered as a whole")
def test_what_is_not_there(client):
    for call in (lambda: client.get_model_config(ENCODER), lambda: client.get_inference_statistics(), lambda: client.get_system_shared_memory_status()):
        refused("UNIMPLEMENTED", None, call)


# -------------------------------------------------------------------------------------------------------------- by hand


def ask(gateway, message, **more):
    """-> the reply, and the metadata behind it."""
    import grpc
    from tritonclient.grpc import service_pb2_grpc

    with grpc.insecure_channel(gateway.address) as channel:
        return service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer.with_call(message, timeout=20, **more)


def message(**more):
    from tritonclient.grpc import service_pb2

    return service_pb2.ModelInferRequest(**({"model_name": "classes"} | more))


def test_contents_in_the_message(gateway, client):
    inputs = [{"name": "text", "datatype": "BYTES", "shape": [2], "contents": {"bytes_contents": [text.encode() for text in TEXTS]}}]
    reply, call = ask(gateway, message(inputs=inputs))
    assert list(reply.raw_output_contents) == list(client.infer("classes", [tensor("text", TEXTS)]).get_response().raw_output_contents)
    told = dict(call.trailing_metadata())
    assert told["x-bantam-model"] == "classes" and int(told["x-bantam-tokens"]) > 2 and told["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    ("inputs", "raw", "words"),
    [
        ([{"name": "text", "datatype": "FP32", "shape": [1], "contents": {"fp32_contents": [1]}}], [], "models here read texts"),
        ([{"name": "text", "datatype": "BYTES", "shape": [1], "contents": {"bytes_contents": [b"a"]}}], [b"\1\0\0\0a"], "send one of the two"),
        ([{"name": "text", "datatype": "BYTES", "shape": [1]}], [b"\1\0\0\0a", b""], "2 entries"),
        ([{"name": "text", "datatype": "BYTES", "shape": [1]}], [b"\xff\0\0\0a"], "text"),
        ([{"name": "text", "datatype": "BYTES", "shape": [-1]}], [b"\1\0\0\0a"], "shape"),
        ([{"name": "text", "datatype": "BYTES", "shape": [1], "contents": {"bytes_contents": [b"\xff"]}}], [], "UTF-8"),
        ([], [], "inputs"),
    ],
)
def test_refusals(gateway, inputs, raw, words):
    import grpc

    with pytest.raises(grpc.RpcError, match=words) as refusal:
        ask(gateway, message(inputs=inputs, raw_input_contents=raw))
    assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def running_texts(server):
    return float(re.search(r'^bantam_generation_running\{model="tiny"\} (\S+)$', httpx.get(server.url + "/metrics").text, re.MULTILINE)[1])


def wait_for(true, within_s=20):
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def write_for_long(ask, **more):
    return ask(WRITER, [tensor("text", ["a"] * 128)], parameters={"max_tokens": 3000, "ignore_eos": True}, **more)


def test_a_client_that_leaves_ends_its_work(client, server):
    errors = []
    call = write_for_long(client.async_infer, callback=lambda result, error: errors.append(error))
    wait_for(lambda: running_texts(server) > 0)
    call.cancel()
    wait_for(lambda: running_texts(server) == 0)
    wait_for(lambda: errors)
    refused("DEADLINE_EXCEEDED", None, lambda: write_for_long(client.infer, client_timeout=0.3))
    wait_for(lambda: running_texts(server) == 0)
    wait_for(lambda: server.log().count('"status":499') == 2)


def test_keys_and_names_of_any_letters(tmp_path):
    shutil.copytree(MODELS / "classes", tmp_path / "Gefühle")
    with BantamProcess(make_home(tmp_path / "home"), ["--model", tmp_path / "Gefühle"], {"BANTAM_API_KEY": "one"}) as server:
        with GatewayProcess(server.url) as gateway, connect(gateway.address) as client:
            call = ("Gefühle", [tensor("text", ["a"])])
            refused("UNAUTHENTICATED", "key", lambda: client.infer(*call))
            refused("UNAUTHENTICATED", "key", lambda: client.infer(*call, headers={"authorization": "Bearer two"}))
            assert len(strings(client.infer(*call, headers={"authorization": "Bearer one"}), "label")) == 1
            assert client.is_server_live()


def own_address():
    """Of this machine in its network; nothing is sent. None: it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return probe.getsockname()[0]


def test_callers_from_elsewhere_do_not_manage(tmp_path):
    address = own_address()
    if address is None or address.startswith("127."):
        pytest.skip("this machine has no address beside loopback")
    home = tmp_path / "home"
    (home / "models").mkdir(parents=True)
    write_tiny_decoder(home / "models/tiny.gguf")
    with BantamProcess(home, ["--on-demand"]) as server, GatewayProcess(server.url, host=address) as gateway, connect(gateway.address) as client:
        refused("PERMISSION_DENIED", "own machine", lambda: client.load_model("tiny"))
        assert len(strings(client.infer("tiny", [tensor("text", ["a"])], parameters={"max_tokens": 2}), "text")) == 1


HEAD = {"model_name": "a", "model_version": "1", "outputs": [{"name": "label", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 5}}]}
OUTPUT = HEAD["outputs"][0]


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (json.dumps(HEAD), None),
        (json.dumps(HEAD), "many"),
        (json.dumps(HEAD), "9999"),
        (json.dumps(HEAD), "-1"),
        ("<html>a proxy</html>", "20"),
        ("[" * 1000, "1000"),
        (json.dumps(HEAD | {"outputs": 7}), ""),
        (json.dumps(HEAD | {"outputs": [OUTPUT, OUTPUT]}), ""),
        *((json.dumps(HEAD | {"outputs": [OUTPUT | {"parameters": {"binary_data_size": size}}]}), "") for size in (6, -1, 2**63, "5", None)),
    ],
)
def test_a_server_that_lies(head, length):
    """length: what it says of its JSON; "": the truth."""

    class Liar(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            if length is not None:
                self.send_header("Inference-Header-Content-Length", length or str(len(head)))
            self.end_headers()
            self.wfile.write(head.encode() + b"\1\0\0\0a")

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Liar) as liar:
        threading.Thread(target=liar.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        with GatewayProcess(f"http://127.0.0.1:{liar.server_address[1]}") as gateway, connect(gateway.address) as client:
            refused("INTERNAL", "reply", lambda: client.infer("a", [tensor("text", ["a"])]))
            assert gateway.stop() == 0
        liar.shutdown()


def test_a_server_that_is_not_there():
    with GatewayProcess(f"http://127.0.0.1:{free_port()}", "--max-message", "4096") as gateway, connect(gateway.address) as client:
        assert not client.is_server_live() and not client.is_server_ready() and not client.is_model_ready("a")
        refused("UNAVAILABLE", "127.0.0.1", lambda: client.get_server_metadata())
        refused("RESOURCE_EXHAUSTED", None, lambda: client.infer("a", [tensor("text", ["a" * 5000])]))
        with pytest.raises(RuntimeError, match="cannot listen"):
            GatewayProcess("http://127.0.0.1:1", port=gateway.address.split(":")[1])
        assert gateway.stop() == 0
    with pytest.raises(RuntimeError, match="--server: "):
        GatewayProcess("127.0.0.1:8080")

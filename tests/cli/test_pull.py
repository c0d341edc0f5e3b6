"""bantam pull: the real binary against servers of this machine that speak the hub's and the registry's protocols."""

import json
import os
import resource
import shutil
import signal
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest

from bantam_process import REPOSITORY, find_binary
from model_servers import Hub, Registry, sha256

GGUF = (REPOSITORY / "src/tasks/golden/models/rank_raw_gguf/model.gguf").read_bytes()
FOLDER = REPOSITORY / "src/models/golden/bert"
NAME = "tiny-Q8_0.gguf"
REPO = "owner/tiny-GGUF"
SHA = sha256(GGUF)


@pytest.fixture
def hub():
    with Hub() as server:
        server.add(REPO, {NAME: GGUF, "README.md": b"# tiny\n", ".gitattributes": b"*.gguf filter=lfs\n"}, license="apache-2.0")
        yield server


@pytest.fixture
def registry():
    with Registry() as server:
        yield server


@pytest.fixture
def pull(bantam_binary, tmp_path):
    """pull(server, "hf.co/owner/repo", ...) -> what it printed; with a code other than 0, what it said on stderr."""

    def environment(server, more):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING_FACE", "BANTAM_", "XDG_", "SSL_CERT"))}
        kept |= {"BANTAM_HOME": str(tmp_path / "home"), "HOME": str(tmp_path / "user"), "no_proxy": "127.0.0.1,localhost"}
        url = {"BANTAM_OLLAMA_REGISTRY" if isinstance(server, Registry) else "HF_ENDPOINT": server.url}
        return kept | url | (more or {})

    def start(server, *arguments, environment_=None, **more):
        return subprocess.Popen(
            [bantam_binary, "pull", *map(str, arguments)],
            env=environment(server, environment_), stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more,
        )  # fmt: skip

    def run(server, *arguments, code=0, env=None, **more):
        process = start(server, *arguments, environment_=env, **more)
        out, err = process.communicate(timeout=120)
        assert process.returncode == code, f"{process.returncode}: {err.decode()}{out.decode()[:2000]}"
        return out.decode() if code == 0 else err.decode()

    run.start = start
    run.store = tmp_path / "home/models"
    return run


def files_of(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def manifest_of(folder):
    return json.loads((folder / "bantam.json").read_text())


def ranges(server, ending):
    return [request.headers.get("range") for request in server.asked(ending)]


# What comes, and under which name.


def test_a_gguf_model(hub, pull):
    out = pull(hub, f"hf.co/{REPO}")
    assert out.startswith("tiny-Q8_0: ")
    folder = pull.store / "tiny-Q8_0"
    assert set(files_of(folder)) == {NAME, "bantam.json"} and (folder / NAME).read_bytes() == GGUF
    manifest = manifest_of(folder)
    assert manifest["reference"] == manifest["source"] == f"hf.co/{REPO}:Q8_0" and manifest["license"] == "apache-2.0"
    assert manifest["revision"] == hub.repositories[REPO]["commit"]
    assert manifest["files"] == {NAME: {"size": len(GGUF), "sha256": SHA}}
    assert [p.name for p in pull.store.iterdir()] == ["tiny-Q8_0"]  # nothing half-made beside it
    # The list, the file by its commit, the storage; no second question.
    assert [r.path for r in hub.requests] == [
        f"/api/models/{REPO}/revision/main",
        f"/{REPO}/resolve/{manifest['revision']}/{NAME}",
    ]


def test_it_can_be_named_as_it_was_pulled(hub, pull, bantam_binary):
    pull(hub, f"{REPO}:q8_0", "--name", "mine")
    run = lambda *a: subprocess.run(  # noqa: E731
        [bantam_binary, *a], env=os.environ | {"BANTAM_HOME": str(pull.store.parent)}, capture_output=True, text=True
    )
    for name in (f"hf.co/{REPO}:q8_0", f"huggingface.co/{REPO}", f"https://hf.co/{REPO}/blob/main/{NAME}"):
        shown = run("show", name, "--json")
        assert shown.returncode == 0, shown.stderr
    listed = json.loads(run("list", "--json", "--verify").stdout)["models"]
    assert [m["name"] for m in listed] == ["mine"] and listed[0]["verified"] is True
    assert "no model was pulled as" in run("show", "hf.co/owner/none").stderr
    shown = json.loads(run("show", "mine", "--json").stdout)
    assert (shown["license"], shown["source"]) == ("apache-2.0", f"hf.co/{REPO}:Q8_0")


def test_a_folder_of_safetensors(hub, pull):
    files = {"config.json": (FOLDER / "config.json").read_bytes(), "model.safetensors": (FOLDER / "model.safetensors").read_bytes()}
    others = {"pytorch_model.bin": b"\x80\x02", "modeling.py": b"import os", "onnx/model.onnx": b"x", "optimizer.pt": b"x"}
    width = json.loads(files["config.json"])["hidden_size"]
    pooling = json.dumps({"word_embedding_dimension": width, "pooling_mode_mean_tokens": True}).encode()
    listed = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
              {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]  # fmt: skip
    modules = {"modules.json": json.dumps(listed).encode(), "1_Pooling/config.json": pooling}
    hub.add("owner/bert", files | others | modules)
    pull(hub, "owner/bert@main")
    folder = pull.store / "bert"
    got = files_of(folder)
    del got["bantam.json"]
    assert got == files | modules
    assert manifest_of(folder)["files"]["1_Pooling/config.json"] == {"size": len(pooling), "sha256": sha256(pooling)}
    assert not hub.asked(".bin") and not hub.asked(".py")


def test_a_split_model_and_a_choice(hub, pull):
    assert "has no \"Q2_K\"; there is Q8_0" in pull(hub, f"{REPO}:Q2_K", code=65)
    names = [f"m-Q4_K_M-0000{i}-of-00003.gguf" for i in (1, 2, 3)]
    hub.add("owner/big", {f"Q4_K_M/{n}": b"GGUF" + n.encode() for n in names} | {"m-Q8_0.gguf": GGUF})
    pull(hub, "owner/big:Q4_K_M", "--name", "big", code=65)  # whole, and no model that can be read: it says so
    assert set(files_of(pull.store / "big")) == {*names, "bantam.json"}


def test_an_ollama_model(registry, pull):
    layers = [("model", GGUF), ("template", b"{{ .Prompt }}"), ("params", b'{"stop":["x"]}'), ("system", b"You."),
              ("license", b"MIT"), ("license", b"more"), ("unheard-of", b"?")]  # fmt: skip
    registry.add("library/tiny:135m", layers)
    pull(registry, "tiny:135m")
    got = files_of(pull.store / "tiny-135m")
    manifest = json.loads(got.pop("bantam.json"))
    assert got == {
        "model.gguf": GGUF, "ollama/template": b"{{ .Prompt }}", "ollama/params.json": b'{"stop":["x"]}',
        "ollama/system": b"You.", "ollama/license": b"MIT", "ollama/license-2": b"more",
    }  # fmt: skip
    assert manifest["reference"] == "ollama.com/library/tiny:135m"
    assert manifest["revision"] == "sha256:" + sha256(registry.manifests["library/tiny:135m"])
    assert pull(registry, "ollama.com/library/tiny:135m").startswith("tiny-135m: is there, whole")


def test_json_lines_have_ollamas_shape(hub, pull):
    lines = [json.loads(line) for line in pull(hub, REPO, "--json").splitlines()]
    statuses = [line.get("status") for line in lines]
    assert statuses[0] == "pulling manifest" and statuses[-2] == "success" and "writing manifest" in statuses
    fetching = [line for line in lines if line.get("digest") == f"sha256:{SHA}"]
    assert fetching[-1]["completed"] == fetching[-1]["total"] == len(GGUF)
    assert lines[-1]["model"]["fetched_bytes"] == len(GGUF)
    failed = pull.start(hub, "owner/none", "--json")
    out, _ = failed.communicate(timeout=60)
    assert failed.returncode == 74 and "does not exist or is private" in json.loads(out.splitlines()[-1])["error"]


# Connections that break, servers that are slow or busy.


def test_cut_connections_go_on_where_they_stopped(hub, pull):
    hub.be.cut[NAME] = [10_000, 20_000, 0, 5]
    pull(hub, REPO)
    assert (pull.store / "tiny-Q8_0" / NAME).read_bytes() == GGUF
    asked = ranges(hub.storage, SHA)
    assert asked == [None, "bytes=10000-", "bytes=30000-", "bytes=30000-", "bytes=30005-"]
    tags = [request.headers.get("if-range") for request in hub.storage.requests]
    assert tags[0] is None and set(tags[1:]) == {f'"{SHA[:32]}"'}


def test_a_connection_without_a_length_that_ends_early(hub, pull):
    hub.be.chunked.add(NAME)
    hub.be.cut[NAME] = [30_000]
    pull(hub, REPO)
    assert ranges(hub.storage, SHA) == [None, "bytes=30000-"]


def test_gives_up_and_says_how_far_it_came(hub, pull):
    hub.be.cut[NAME] = [10_000, 0, 0, 0]
    said = pull(hub, REPO, "--retries", 1, code=69)
    assert "9.8 KiB of 70.2 KiB are there, the same command goes on" in said
    assert hub.storage.url in said and "?sign" not in said  # where, without the signature
    before = len(hub.storage.requests)
    hub.be.cut.clear()
    assert "fetched_bytes" in pull(hub, REPO, "--json")
    assert ranges(hub.storage, SHA)[before:] == ["bytes=10000-"]


def test_a_file_that_changed_meanwhile_is_fetched_anew(hub, pull):
    hub.be.cut[NAME] = [10_000]
    hub.be.etag[NAME] = ['"one"', '"two"']
    pull(hub, REPO)
    assert (pull.store / "tiny-Q8_0" / NAME).read_bytes() == GGUF
    assert ranges(hub.storage, SHA) == [None, "bytes=10000-"]  # and the answer was the whole file


@pytest.mark.parametrize("fault", ["no_ranges", "wrong_range"])
def test_servers_that_cannot_go_on(hub, pull, fault):
    hub.be.cut[NAME] = [10_000]
    if fault == "no_ranges":
        hub.be.no_ranges.add(NAME)
    else:
        hub.be.wrong_range[NAME] = 1
    pull(hub, REPO)
    assert (pull.store / "tiny-Q8_0" / NAME).read_bytes() == GGUF


def test_expired_addresses_are_asked_for_again(hub, pull):
    hub.expire_next = 2
    pull(hub, REPO)
    assert len(hub.asked(NAME)) == 3
    hub.expire_next = 100
    hub.add("owner/two", {"two-Q8_0.gguf": GGUF[:-1]})
    said = pull(hub, "owner/two", "--retries", 1, code=69)
    assert "answers with status 403" in said


def test_what_it_waits_for_is_told(hub, pull):
    hub.info_status = [503]
    process = pull.start(hub, REPO)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and b"answers with status 503" in err and b"again in 0.5 s" in err


def test_a_busy_server_is_given_the_time_it_asks_for(hub, pull):
    hub.info_status = [503]
    hub.be.status[NAME] = [(429, [("Retry-After", "1")]), 500, 502]
    start = time.monotonic()
    pull(hub, REPO)
    assert time.monotonic() - start > 1
    hub.add("owner/two", {"two-Q8_0.gguf": GGUF[:-1]})
    hub.be.status["two-Q8_0.gguf"] = [(429, [("Retry-After", "4000")])]
    assert "asks to come back in 4000 s" in pull(hub, "owner/two", code=69)


def test_a_slow_server_is_waited_for(hub, pull):
    hub.be.pause[NAME] = 0.05
    process = pull.start(hub, REPO, "--json")
    out, _ = process.communicate(timeout=60)
    lines = [json.loads(line) for line in out.splitlines()]
    assert len({line["completed"] for line in lines if "completed" in line}) > 3  # it told on the way


def test_ctrl_c_leaves_what_has_come(hub, pull):
    for number in (signal.SIGINT, signal.SIGTERM):
        hub.be.hold[NAME] = threading.Event()
        before = len(hub.storage.requests)
        process = pull.start(hub, REPO)
        while len(hub.storage.requests) == before:
            time.sleep(0.01)
        time.sleep(0.3)
        process.send_signal(number)
        _, err = process.communicate(timeout=10)
        assert process.returncode == 130
        assert f"what has come is kept, and 'bantam pull {REPO}' goes on with it" in err.decode()
        hub.be.hold[NAME].set()
    del hub.be.hold[NAME]
    assert not (pull.store / "tiny-Q8_0").exists()
    pull(hub, REPO)
    assert ranges(hub.storage, SHA)[-1] == "bytes=8192-"  # 4 KiB of each
    assert (pull.store / "tiny-Q8_0" / NAME).read_bytes() == GGUF


def test_kill_minus_nine_does_too(hub, pull):
    hub.be.hold[NAME] = threading.Event()
    process = pull.start(hub, REPO)
    while not hub.storage.requests:
        time.sleep(0.01)
    time.sleep(0.3)
    process.kill()
    process.wait()
    hub.be.hold.pop(NAME).set()
    pull(hub, REPO)
    assert ranges(hub.storage, SHA)[-1] == "bytes=4096-"


def test_two_at_once_fetch_it_once(hub, pull):
    hub.be.hold[NAME] = threading.Event()
    first = pull.start(hub, REPO)
    while not hub.storage.requests:
        time.sleep(0.01)
    second = pull.start(hub, REPO)
    assert b"waiting for another process" in second.stderr.readline()
    hub.be.hold[NAME].set()
    said = [process.communicate(timeout=60) for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], said
    assert len(hub.storage.requests) == 1
    assert b"is there, whole" not in said[0][0] and b"is there, whole" in said[1][0]


# What is checked.


def test_a_wrong_digest_is_refused_and_nothing_kept(hub, pull):
    hub.be.content[NAME] = GGUF[:-1] + b"!"
    said = pull(hub, REPO, code=65)
    assert f"came with sha256 {sha256(GGUF[:-1] + b'!')}, expected {SHA}" in said and NAME in said
    assert len(hub.storage.requests) == 1  # whole in one piece: asking again would bring the same
    parts = list((pull.store / ".tiny-Q8_0.pulling").rglob("*"))
    assert [p.name for p in parts if p.is_file()] == []
    hub.be.content.clear()
    pull(hub, REPO)


def test_a_damaged_partial_file_costs_one_more_try(hub, pull):
    hub.be.cut[NAME] = [10_000, 0]
    pull(hub, REPO, "--retries", 0, code=69)
    part = next((pull.store / ".tiny-Q8_0.pulling/parts").glob("sha256-*[!g]"))
    data = bytearray(part.read_bytes())
    data[100] ^= 1
    part.write_bytes(data)
    hub.be.cut.clear()
    pull(hub, REPO)
    assert ranges(hub.storage, SHA)[-2:] == ["bytes=10000-", None]


def test_small_files_are_checked_by_their_git_object(hub, pull):
    hub.add("owner/bert", {"config.json": b"{}", "model.safetensors": b"x" * 100})
    hub.be.content["config.json"] = b"[]"
    assert "came with git sha1" in pull(hub, "owner/bert", code=65)


@pytest.mark.parametrize(
    "listed, says",
    [
        ({"lfs": {"sha256": SHA, "size": len(GGUF) - 1}}, "the list of files says"),
        ({"lfs": {"sha256": SHA, "size": len(GGUF) + 1}}, "the list of files says"),
        ({"lfs": {"sha256": SHA, "size": -1}}, "expected an integer"),
        ({"lfs": {"sha256": SHA, "size": 1e30}}, "size"),
        ({"lfs": {"sha256": SHA, "size": "7"}}, "size"),
        ({"lfs": {"sha256": "../../../etc/passwd", "size": 7}}, "64 lower-case hex digits"),
        ({"lfs": {"sha256": SHA.upper(), "size": 7}}, "64 lower-case hex digits"),
        ({"lfs": None, "blobId": "x"}, "40 lower-case hex digits"),
        ({"lfs": None, "blobId": None}, "blobId"),
    ],
)
def test_hostile_lists(hub, pull, listed, says):
    hub.repositories[REPO]["listed"] = {NAME: listed}
    assert says in pull(hub, REPO, "--retries", 0, code=65)
    assert not (pull.store / "tiny-Q8_0").exists()


def test_more_bytes_than_announced(hub, pull):
    hub.be.chunked.add(NAME)
    hub.be.content[NAME] = GGUF + b"x" * 100_000
    assert f"sends more than the {len(GGUF)} bytes" in pull(hub, REPO, code=65)


@pytest.mark.parametrize(
    "name",
    ["../x-Q8_0.gguf", "/etc/x-Q8_0.gguf", "a/../../x-Q8_0.gguf", "..\\x-Q8_0.gguf", "x\n-Q8_0.gguf", "a//x-Q8_0.gguf"],
)
def test_names_that_lead_out_of_the_folder(hub, pull, name):
    hub.add("owner/evil", {name: GGUF})
    said = pull(hub, "owner/evil", "--name", "evil", code=65)
    assert "owner/evil: the file name" in said
    assert not (pull.store / "evil").exists() and not list(pull.store.parent.rglob("*x-Q8_0*"))


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"{}", b'{"sha": "main", "siblings": []}', b"{" * 1000, b'{"a":1,"a":2}'])
def test_answers_that_are_none(hub, pull, raw):
    hub.repositories[REPO]["raw_info"] = raw or b" "
    said = pull(hub, REPO, code=65)
    assert f"{hub.url}/api/models/{REPO}/revision/main" in said


def test_compression_that_was_not_asked_for(hub, pull):
    hub.be.status[NAME] = [(200, [("Content-Encoding", "gzip")])]
    assert "sends the file compressed (gzip)" in pull(hub, REPO, code=65)
    assert all(r.headers["accept-encoding"] == "identity" for r in hub.storage.requests)


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda m: m["layers"][0].update(digest="sha256:../../../../etc/ld.so.preload"), "expected sha256: and 64"),
        (lambda m: m["layers"][0].update(digest="md5:" + "a" * 32), "expected sha256: and 64"),
        (lambda m: m["layers"][0].update(size=-1), "size"),
        (lambda m: m["layers"][0].update(size=len(GGUF) - 1), "the list of files says"),
        (lambda m: m.update(layers=[m["layers"][0]] * 300), "the limit is 256"),
        (lambda m: m.update(layers=[m["layers"][0]] * 2), "two layers of type"),
        (lambda m: m.update(layers=[]), "none of its layers is a GGUF model"),
        (lambda m: m.update(layers=7), "layers"),
        (lambda m: m.update(schemaVersion=1), "expected 2"),
        (lambda m: m["layers"][0].update(mediaType=Registry.LAYER + "adapter"), "adapter"),
    ],
)
def test_hostile_manifests(registry, pull, change, says):
    registry.add("library/tiny:latest", [("model", GGUF)], change)
    assert says in pull(registry, "tiny", "--retries", 0, code=65)
    assert not (pull.store / "tiny").exists()


def test_a_manifest_that_is_not_what_the_registry_says(registry, pull):
    registry.add("library/tiny:latest", [("model", GGUF)])
    registry.digest_header = "sha256:" + "0" * 64
    assert "its server says 0000" in pull(registry, "tiny", code=65)


def test_a_blob_with_a_wrong_digest(registry, pull):
    registry.add("library/tiny:latest", [("model", GGUF)])
    registry.storage.be.content[f"sha256:{SHA}"] = GGUF[:-1] + b"!"
    assert f"expected {SHA}" in pull(registry, "tiny", code=65)


# Who may, and what is told to whom.


def test_a_token_goes_to_its_own_server_only(hub, pull):
    hub.repositories[REPO]["private"] = True
    said = pull(hub, REPO, code=74)
    assert "does not exist or is private" in said and "set HF_TOKEN" in said
    pull(hub, REPO, env={"HF_TOKEN": Hub.TOKEN})
    assert all(r.headers["authorization"] == f"Bearer {Hub.TOKEN}" for r in hub.requests[1:])
    assert hub.storage.requests and not any("authorization" in r.headers for r in hub.storage.requests)


def test_a_token_is_not_sent_back_after_a_detour(hub, pull):
    """The hub, elsewhere, the hub again: whoever stands between could have chosen the last address."""
    with Hub() as other:
        other.redirects["x-Q8_0.gguf"] = lambda r: f"{hub.url}/stolen?{r.headers.get('authorization')}"
        other.add("owner/x", {"x-Q8_0.gguf": GGUF})
        commit = other.repositories["owner/x"]["commit"]
        hub.redirects[NAME] = f"{other.url}/owner/x/resolve/{commit}/x-Q8_0.gguf"
        pull(hub, REPO, "--retries", 0, env={"HF_TOKEN": Hub.TOKEN}, code=65)
        assert "authorization" in hub.asked(NAME)[0].headers
        assert not any("authorization" in r.headers for r in other.requests + hub.asked("/stolen"))


def test_the_token_file_of_the_hubs_own_client(hub, pull, tmp_path):
    hub.repositories[REPO]["private"] = True
    place = tmp_path / "user/.cache/huggingface"
    place.mkdir(parents=True)
    (place / "token").write_text(Hub.TOKEN + "\n")
    pull(hub, REPO, env={"HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}, code=74)
    pull(hub, REPO)


def test_gated_models_say_what_to_do(hub, pull):
    hub.repositories[REPO]["gated"] = "auto"
    said = pull(hub, REPO, code=74)
    assert f"accepted its terms: do so at {hub.url}/{REPO}, then set HF_TOKEN" in said
    assert "a token of the account that did" in pull(hub, REPO, env={"HF_TOKEN": Hub.TOKEN}, code=74)
    hub.repositories[REPO]["gated"] = "accepted"
    pull(hub, REPO, env={"HF_TOKEN": Hub.TOKEN})


def test_what_is_not_there(hub, registry, pull):
    assert 'has no revision "v9"' in pull(hub, f"{REPO}@v9", code=65)
    assert "does not exist" in pull(hub, "owner/none", env={"HF_TOKEN": Hub.TOKEN}, code=65)
    assert "the registry has no ollama.com/library/none:latest" in pull(registry, "none", code=65)
    hub.repositories[REPO]["revisions"] = ["refs/pr/1"]
    pull(hub, f"{REPO}@refs/pr/1")
    assert hub.requests[-2].path.endswith("/revision/refs/pr/1")


def test_an_endpoint_that_would_show_the_token(hub, pull):
    said = pull(hub, REPO, env={"HF_ENDPOINT": "http://hub.example", "HF_TOKEN": "x"}, code=64)
    assert "would travel there unencrypted" in said
    assert "HF_ENDPOINT" in pull(hub, REPO, env={"HF_ENDPOINT": "ftp://x"}, code=64)


def test_redirects_that_do_not_end(hub, pull):
    hub.redirects[NAME] = lambda r: f"{hub.url}{r.path}"
    assert "redirects more than 10 times" in pull(hub, REPO, "--retries", 0, code=69)
    assert len(hub.asked(NAME)) == 11


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://x/y", "http://user:password@127.0.0.1/", "http:///x"])
def test_redirects_to_what_is_no_server(hub, pull, target):
    hub.redirects[NAME] = target
    assert "redirects to an address that is refused" in pull(hub, REPO, code=74)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("no openssl program to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out",
         folder / "cert.pem"], check=True, capture_output=True,
    )  # fmt: skip
    return folder


def test_https_is_never_left_for_http(certificate, pull):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    trust = {"SSL_CERT_FILE": str(certificate / "cert.pem")}
    with Hub(tls, tls) as hub:
        hub.add(REPO, {NAME: GGUF})
        assert "cannot trust" in pull(hub, REPO, "--retries", 0, code=69)
        pull(hub, REPO, env=trust)
        with Hub() as plain:
            hub.redirects[NAME] = f"{plain.url}/x"
            said = pull(hub, REPO, "--name", "other", "--retries", 0, env=trust)  # the bytes are there already
            hub.add("owner/two", {"two-Q8_0.gguf": GGUF + b"2"})
            hub.redirects["two-Q8_0.gguf"] = f"{plain.url}/x"
            said = pull(hub, "owner/two", env=trust, code=74)
            assert "redirects from https to http" in said and not plain.requests


# Disks.


def test_what_would_not_fit_is_not_begun(hub, pull):
    hub.repositories[REPO]["listed"] = {NAME: {"lfs": {"sha256": SHA, "size": 1 << 60}}}
    said = pull(hub, REPO, code=74)
    assert "needs 1" in said and "free" in said and "bantam rm" in said
    assert not hub.asked(NAME)
    two = {"listed": {n: {"lfs": {"sha256": sha256(n.encode()), "size": (1 << 63) - 1}} for n in ("a-00001-of-00002.gguf", "a-00002-of-00002.gguf")}}
    hub.add("owner/two", {"a-00001-of-00002.gguf": b"1", "a-00002-of-00002.gguf": b"2"}, **two)
    assert "add up to more than there can be" in pull(hub, "owner/two", code=65)


def limit_file_size(size):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    return limit


def test_a_disk_that_fills_up(hub, pull):
    """A limit on the size of files stands for it: writing fails in the middle, as on a full disk."""
    said = pull(hub, REPO, code=74, preexec_fn=limit_file_size(20_000), restore_signals=False)
    assert "sha256-" in said and "File too large" in said
    assert not (pull.store / "tiny-Q8_0").exists()
    pull(hub, REPO)


def test_a_small_file_system(hub, pull, tmp_path):
    """A real one, in a namespace of its own: the check before the start, and the partial file after it is mended."""
    script = f"mount -t tmpfs -o size=64k none {tmp_path}/home && exec \"$@\""
    (tmp_path / "home").mkdir()
    probe = subprocess.run(["unshare", "-rm", "true"], capture_output=True)
    if probe.returncode != 0:
        pytest.skip("this system lets nobody mount in a namespace of his own")
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", str(find_binary()), "pull", REPO],
        env=os.environ | {"BANTAM_HOME": str(tmp_path / "home"), "HF_ENDPOINT": hub.url}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 74 and "needs 70.2 KiB" in done.stderr, done.stderr
    assert not hub.asked(NAME)


def test_a_store_that_cannot_be_written(hub, pull, tmp_path):
    (tmp_path / "home").write_text("a file in its place")
    assert "cannot make the folder" in pull(hub, REPO, code=65)


# Again, beside others, and in place of an older state.


def test_pulling_again_checks_every_byte_and_mends(hub, pull):
    pull(hub, REPO)
    for again in (REPO, f"{REPO}:q8_0", f"{REPO}:{NAME}"):  # one model, however it is picked
        assert pull(hub, again).startswith("tiny-Q8_0: is there, whole")
    assert len(hub.storage.requests) == 1
    weights = pull.store / "tiny-Q8_0" / NAME
    weights.write_bytes(bytes(len(GGUF)))  # as a bad disk leaves it: the size is right
    pull(hub, REPO)
    assert weights.read_bytes() == GGUF and len(hub.storage.requests) == 2
    (pull.store / "tiny-Q8_0" / "stray").write_text("x")
    assert pull(hub, REPO).startswith("tiny-Q8_0: is there, whole")


def test_a_new_revision_takes_the_old_ones_place(hub, pull):
    files = {"config.json": b"{}", "tokenizer.json": b"{} ", "model.safetensors": b"x" * 5000}
    hub.add("owner/bert", files)
    pull(hub, "owner/bert", code=65)  # it is no model, which is not the point
    old = (pull.store / "bert/model.safetensors").stat().st_ino
    hub.add("owner/bert", files | {"config.json": b"{ }"})
    hub.requests.clear()
    hub.storage.requests.clear()
    pull(hub, "owner/bert", code=65)
    assert (pull.store / "bert/config.json").read_bytes() == b"{ }"
    assert (pull.store / "bert/model.safetensors").stat().st_ino == old
    assert not hub.storage.requests and not hub.asked("tokenizer.json")  # what is the same is not fetched
    assert [p.name for p in pull.store.iterdir()] == ["bert"]


def test_names_that_are_taken(hub, pull):
    pull(hub, REPO)
    hub.add("other/tiny-GGUF", {NAME: GGUF + b"x"})
    said = pull(hub, "other/tiny-GGUF", code=69)
    assert f'has a model "tiny-Q8_0" already, from hf.co/{REPO}' in said and "--name" in said
    (pull.store / "own").mkdir()
    assert "a folder of unknown origin" in pull(hub, REPO, "--name", "own", code=69)
    (pull.store / "alone.gguf").write_bytes(b"GGUF")
    assert "has a file alone.gguf" in pull(hub, REPO, "--name", "alone", code=69)
    assert "64 letters" in pull(hub, REPO, "--name", "../x", code=64)


def test_the_same_bytes_are_fetched_and_kept_once(hub, registry, pull):
    pull(hub, REPO)
    registry.add("library/tiny:latest", [("model", GGUF), ("license", b"MIT")])
    pull(registry, "tiny")
    assert not registry.storage.asked(SHA)
    assert (pull.store / "tiny/model.gguf").stat().st_nlink == 2


@pytest.mark.parametrize("reference", ["a/b/c", "https://evil.example/x", "", "x:y:z", "hf.co/../x"])
def test_references_that_are_none(hub, pull, reference):
    assert "hf.co/OWNER/REPO[:QUANT]" in pull(hub, reference, code=64)


def test_the_hubs_own_client_takes_our_server_for_one(hub, tmp_path):
    """So that what these tests show holds for the hub: its own client gets the same bytes from this server."""
    hub_client = pytest.importorskip("huggingface_hub")
    got = hub_client.hf_hub_download(REPO, NAME, endpoint=hub.url, cache_dir=tmp_path / "cache", token=False)
    assert Path(got).read_bytes() == GGUF
    small = hub_client.hf_hub_download(REPO, "README.md", endpoint=hub.url, cache_dir=tmp_path / "cache", token=False)
    assert Path(small).read_bytes() == b"# tiny\n"
    info = hub_client.HfApi(endpoint=hub.url, token=False).model_info(REPO, files_metadata=True)
    assert {s.rfilename: s.size for s in info.siblings}[NAME] == len(GGUF)

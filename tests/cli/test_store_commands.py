"""bantam list, cp, rm and ps: the real binary on a store of its own."""

import json
import os
import pty
import shutil
import subprocess
import time

import pytest

from bantam_process import REPOSITORY, BantamProcess
from model_servers import sha256

GGUF = REPOSITORY / "src/tasks/golden/models/rank_raw_gguf/model.gguf"
BERT = REPOSITORY / "src/models/golden/bert"


@pytest.fixture
def store(tmp_path):
    """A GGUF file by itself, a folder with a manifest, one without."""
    models = tmp_path / "home/models"
    (models / "bert").mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        shutil.copy(BERT / name, models / "bert")
    files = {p.name: {"size": p.stat().st_size, "sha256": sha256(p.read_bytes())} for p in (models / "bert").iterdir()}
    (models / "bert/bantam.json").write_text(
        json.dumps({"name": "bert", "source": "hf.co/o/bert", "reference": "hf.co/o/bert", "license": "mit", "files": files})
    )
    shutil.copy(GGUF, models / "alone.gguf")
    (models / ".half.pulling/parts").mkdir(parents=True)
    (models / ".half.pulling/parts/sha256-x").write_bytes(b"x" * 1000)
    return models


@pytest.fixture
def run(bantam_binary, store):
    def run(*arguments, code=0, env=None):
        done = subprocess.run(
            [bantam_binary, *map(str, arguments)], env=os.environ | {"BANTAM_HOME": str(store.parent)} | (env or {}),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == code, f"{done.returncode}: {done.stderr}{done.stdout[:2000]}"
        return done.stdout if code == 0 else done.stderr

    return run


def test_list_tells_format_and_age(run, store):
    old = time.time() - 3 * 86_400
    os.utime(store / "bert/bantam.json", (old, old))
    lines = run("list").splitlines()
    assert lines[0].split() == ["NAME", "ID", "SIZE", "PARAMETERS", "FORMAT", "LICENCE", "MODIFIED"]
    assert "gguf" in lines[1] and "just now" in lines[1]
    digest = sha256((BERT / "model.safetensors").read_bytes())
    assert digest[:12] in lines[2] and "safetensors F32" in lines[2] and "3 days ago" in lines[2]
    alone, bert = json.loads(run("list", "--json"))["models"]
    assert (alone["name"], alone["format"]) == ("alone", "gguf") and alone["parameters"] > 0
    assert (bert["sha256"], bert["format"], bert["quantization_level"]) == (digest, "safetensors", "F32")
    assert bert["reference"] == "hf.co/o/bert" and bert["modified_at"].endswith("Z")
    shown = json.loads(run("show", "hf.co/o/bert", "--json"))
    assert (shown["format"], shown["quantization_level"], shown["sha256"]) == ("safetensors", "F32", digest)


def test_a_copy_shares_its_bytes_and_goes_its_own_way(run, store):
    assert "bert-2: " in run("cp", "bert", "bert-2")
    assert (store / "bert-2/model.safetensors").stat().st_nlink == 2
    assert json.loads(run("list", "--json", "--verify"))["models"][-1]["verified"] is True
    run("rm", "--yes", "bert")
    assert json.loads(run("show", "bert-2", "--json"))["name"] == "bert-2"
    run("cp", "alone", "other:7b")
    assert (store / "other-7b.gguf").stat().st_nlink == 2
    run("show", "other:7b")
    assert "is there already" in run("cp", "alone", "bert-2", code=69)
    assert "no model" in run("cp", "none", "x", code=65)
    assert "64 letters" in run("cp", "alone", "../x", code=64)


def test_rm_asks_people_and_wants_yes_of_scripts(run, store, bantam_binary):
    said = run("rm", "bert", code=64)
    assert "would remove bert (" in said and "--yes" in said and (store / "bert").exists()
    for answer, code in ((b"n\n", 130), (b"y\n", 0)):
        reader, terminal = pty.openpty()
        process = subprocess.Popen(
            [bantam_binary, "rm", "bert"], env=os.environ | {"BANTAM_HOME": str(store.parent)},
            stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        os.write(reader, answer)
        out, err = process.communicate(timeout=60)
        os.close(reader)
        os.close(terminal)
        assert process.returncode == code and b"[y/N]" in err, (out, err)
    assert not (store / "bert").exists()


def test_rm_takes_all_or_none(run, store):
    assert "no model" in run("rm", "--yes", "bert", "none", code=65)
    assert (store / "bert").exists()
    removed = json.loads(run("rm", "--yes", "--json", "bert", "bert", "alone"))["removed"]
    assert [m["name"] for m in removed] == ["bert", "alone"]
    assert removed[1]["freed_bytes"] == removed[1]["size_bytes"] == GGUF.stat().st_size
    assert [p.name for p in store.iterdir()] == [".half.pulling"]
    assert "of an unfinished pull" in run("rm", "-y", "half")
    assert list(store.iterdir()) == []
    for name in ("..", "../home", "/etc", ""):
        assert "64 letters" in run("rm", "--yes", name, code=64)


def test_what_a_server_has_loaded(run, store):
    with BantamProcess(store.parent, ["--model", "alone"]) as server:
        listed = json.loads(run("ps", "--url", server.url, "--json"))["models"]
        assert [m["name"] for m in listed] == ["alone:latest"]
        assert listed[0]["digest"] == sha256(GGUF.read_bytes()) and listed[0]["size"] > 0
        assert listed[0]["details"]["format"] == "gguf" and listed[0]["context_length"] > 0
        table = run("ps", env={"BANTAM_HOST": f":{server.port}"}).splitlines()
        assert table[0].split() == ["NAME", "ID", "SIZE", "PROCESSOR", "CONTEXT", "UNTIL"] and "Forever" in table[1]
        said = run("rm", "--yes", "alone", code=69)
        assert "loaded by a running bantam" in said and (store / "alone.gguf").exists()
        run("rm", "--yes", "--force", "alone")
        assert len(json.loads(run("ps", "--url", server.url, "--json"))["models"]) == 1  # it goes on
        assert server.stop() == 0
    said = run("ps", "--url", server.url, code=69)
    assert "cannot connect" in said and "bantam serve" in said

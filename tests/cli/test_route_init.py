"""bantam route init and route import: files that are right, and tests that pass with the real encoder."""

import json
import os
import pty
import subprocess

import pytest

from bantam_process import make_home


@pytest.fixture
def run(bantam_binary, tmp_path):
    home = make_home(tmp_path / "home")

    def run(*arguments, code=0, **options):
        done = subprocess.run([bantam_binary, *arguments], env=os.environ | {"BANTAM_HOME": str(home)}, cwd=tmp_path,
                              capture_output=True, text=True, timeout=120, stdin=options.pop("stdin", subprocess.DEVNULL), **options)  # fmt: skip
        assert done.returncode == code, f"{done.returncode}: {done.stderr}{done.stdout}"
        return done

    return run


def test_init_writes_a_file_whose_tests_pass(run, tmp_path):
    said = run("route", "init", "--name", "desk", "--topics", "refunds, opening hours, gift cards, broken products", "--model", "openai").stdout
    assert said.startswith("wrote bantam.yaml: 5 routes and 6 tests")
    run("check", "-c", "bantam.yaml")
    report = json.loads(run("route", "test", "-c", "bantam.yaml", "--json", "--junit", "junit.xml").stdout)
    assert report["passed"] == report["tests"] == 6
    assert 'failures="0"' in (tmp_path / "junit.xml").read_text()
    assert "is there already" in run("route", "init", "--name", "x", "--topics", "a,b", code=69).stderr
    assert "give --topics" in run("route", "init", "-o", "other.yaml", code=64).stderr
    assert "name 2 to 50" in run("route", "init", "-o", "other.yaml", "--topics", "one", code=64).stderr


def test_init_asks_people(bantam_binary, tmp_path):
    parent, child = pty.openpty()
    process = subprocess.Popen([bantam_binary, "route", "init"], stdin=child, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, text=True)
    os.write(parent, b"desk\nrefunds, opening hours\n\n")
    said, asked = process.communicate(timeout=30)
    assert process.returncode == 0, asked
    assert "wrote bantam.yaml" in said and asked.count("?") >= 3
    text = (tmp_path / "bantam.yaml").read_text()
    assert "name: desk\n" in text and "opening_hours" in text and "model_list" not in text


def test_import_refuses_by_name_what_has_no_counterpart(run, tmp_path):
    (tmp_path / "layer.json").write_text(json.dumps({"routes": [
        {"name": "a", "utterances": ["one", "two"], "score_threshold": 0.5}, {"name": "b", "utterances": ["three", "four"]}]}))  # fmt: skip
    refused = run("route", "import", "--from", "semantic-router", "layer.json", code=78)
    assert "layer.json:1:" in refused.stderr and "--lossy" in refused.stderr and refused.stdout == ""
    imported = run("route", "import", "--from", "semantic-router", "layer.json", "--lossy")
    assert "not imported: layer.json:1:" in imported.stderr and "# Not imported:" in imported.stdout
    (tmp_path / "out.yaml").write_text(imported.stdout)
    run("check", "-c", "out.yaml", "--no-model")
    run("route", "import", "--from", "semantic-router", "layer.json", "--lossy", "-o", "written.yaml", "--name", "desk")
    assert "name: desk" in (tmp_path / "written.yaml").read_text()

"""bantam check on the real binary: what serving a route file needs is what its check asks for."""

import json
import os
import subprocess

import pytest

FILE = """version: 1
name: desk
encoder: {model: nope}
routes:
  - {name: a, utterances: [one thing, two things], action: {type: respond, response: utter_a}}
  - {name: b, utterances: [other words, more words], action: {type: respond, response: utter_a}}
responses: {utter_a: {text: "A."}}
"""


@pytest.fixture
def run(bantam_binary, tmp_path):
    def run(*arguments, text=FILE, code=78):
        (tmp_path / "desk.yaml").write_text(text)
        environment = os.environ | {"BANTAM_HOME": str(tmp_path / "home")}
        done = subprocess.run([bantam_binary, arguments[0], "-c", "desk.yaml", *arguments[1:]], env=environment, cwd=tmp_path,
                              capture_output=True, text=True, timeout=60)  # fmt: skip
        assert done.returncode == code, f"{done.returncode}: {done.stderr}{done.stdout}"
        return done

    return run


def test_a_missing_encoder_is_a_mistake_of_the_file(run):
    assert run("check").stderr.startswith("bantam: desk.yaml:3:18: ")
    assert "desk.yaml:3:18: " in run("serve").stderr
    run("check", "--no-model", code=0)


def test_every_mistake_has_a_line_of_ours(run):
    done = run("check", text=FILE.replace("name: a", "nam: a").replace("name: b", "nam: b"))
    assert len(done.stderr.splitlines()) > 1
    assert all(line.startswith("bantam: desk.yaml:") for line in done.stderr.splitlines())


def test_json_gives_places(run):
    errors = json.loads(run("check", "--json").stdout)["errors"]
    assert [(e["line"], e["column"]) for e in errors] == [(3, 18)] and "nope" in errors[0]["message"]

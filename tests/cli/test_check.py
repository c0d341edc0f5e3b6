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


TESTED = """version: 1
name: desk
routes:
  - {name: hours, utterances: [when are you open, opening hours, when do you close], action: {type: respond, response: utter_a}}
  - {name: thanks, utterances: [thanks, thank you, many thanks], action: {type: respond, response: utter_a}}
out_of_scope: {utterances: [tell me a joke, who won the match]}
responses: {utter_a: {text: "A."}}
tests:
  - {say: opening hours, expect: {text: "A."}}
  - {say: many thanks, expect: {text: "B."}}
"""


def test_the_files_own_tests_are_run(bantam_binary, bantam_home, tmp_path):
    file = tmp_path / "desk.yaml"
    file.write_text(TESTED)

    def check(*arguments):
        return subprocess.run([bantam_binary, "check", "-c", file, *arguments], env=os.environ | {"BANTAM_HOME": str(bantam_home)},
                              capture_output=True, text=True, timeout=120)  # fmt: skip

    failed = check()
    assert failed.returncode == 78 and failed.stderr == f'bantam: {file}:10:5: the test "many thanks": text: expected "B." in the answer, which is "A."\n'
    (error,) = json.loads(check("--json").stdout)["errors"]
    assert (error["line"], error["column"]) == (10, 5)
    assert check("--no-tests").returncode == 0 and check("--no-model").returncode == 0
    file.write_text(TESTED.replace("B.", "A."))
    right = check()
    assert right.returncode == 0, right.stderr
    assert not (bantam_home / "state" / "desk").exists(), "nothing is written"

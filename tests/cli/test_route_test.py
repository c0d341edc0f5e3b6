"""bantam route test: what CI gets of tests that pass and fail, with the real encoder; and the evidence beside an answer."""

import json
import os
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from bantam_process import make_home
from desk_routes import HEAD, HOURS, REFUND, RESPONSES

TESTS = """tests:
  - {say: "when are you open", expect: {route: hours}}
  - {say: "where is <my> & \\"her\\" refund", expect: {route: hours}}
  - conversation:
      - {say: "what time do you close", expect: {route: hours}}
      - {say: "and my refund?", expect: {text: "ten days"}}
"""


@pytest.fixture(scope="module")
def tested(bantam_binary, tmp_path_factory):
    """(the finished process, its folder)"""
    folder = tmp_path_factory.mktemp("tested")
    (folder / "desk.yaml").write_text(HEAD + HOURS + REFUND + RESPONSES + TESTS)
    home = make_home(folder / "home")
    done = subprocess.run([bantam_binary, "route", "test", "-c", "desk.yaml", "--json", "--junit", "junit.xml"], cwd=folder,
                          env=os.environ | {"BANTAM_HOME": str(home)}, capture_output=True, text=True, timeout=120)  # fmt: skip
    return done, folder


def test_failures_are_in_the_junit_report_and_the_exit_status(tested):
    done, folder = tested
    assert done.returncode == 65 and "2 of 3 tests" in done.stderr
    suite = ElementTree.parse(folder / "junit.xml").getroot().find("testsuite")
    assert suite.attrib["name"] == "desk" and suite.attrib["tests"] == "3" and suite.attrib["failures"] == "2"
    cases = suite.findall("testcase")
    assert [case.find("failure") is not None for case in cases] == [False, True, True]
    assert cases[1].attrib["name"] == 'where is <my> & "her" refund' and cases[1].attrib["file"] == "desk.yaml"
    assert 'expected "hours", got "refund"' in cases[1].find("failure").attrib["message"]
    # Of a conversation the report names the turn that failed.
    assert "and my refund?" in cases[2].find("failure").text and "ten days" in cases[2].find("failure").text
    lines = (folder / "desk.yaml").read_text().splitlines()
    assert all(case.attrib["name"].split('"')[0] in lines[int(case.attrib["line"]) - 1] for case in cases)


def test_a_failure_carries_its_evidence(tested):
    done, _ = tested
    report = json.loads(done.stdout)
    assert (report["tests"], report["passed"], report["failed"]) == (3, 1, 2)
    failure = report["failures"][0]
    assert failure["route"] == "refund" and failure["confidence"] >= failure["threshold"]
    nearest = failure["nearest"][0]
    assert nearest["route"] == "refund" and nearest["text"] == "where is my refund" and 0.5 < nearest["similarity"] <= 1

"""/openapi.json: whether it is an OpenAPI document, whether it and the documentation name the same paths, and whether the server keeps
to it, asked by schemathesis with requests that it makes of the schemas."""

import itertools
import re

import httpx
import openapi_spec_validator
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from bantam_process import REPOSITORY, BantamProcess, make_home
from tiny_decoder import write_tiny_decoder

MODELS = REPOSITORY / "src/tasks/golden/models"
SERVED = ("tiny", "all-MiniLM-L6-v2", "classes", "rank_raw", "inference", "names", "answers", "masked")
# What refuses by 501, as it says, and what changes the store: test_ollama_manage.py, test_tensors.py. What takes an assistant, one that learns, or one
# whose questions wait: test_usage.py, test_learning.py, test_late_answers.py.
NOT_ASKED = re.compile(r"/api/(push|blobs|pull|copy|create|delete)\b|/v1/(usage|learning|answers|console/route-file)\b|/v2/repository/models\b")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("openapi")
    models = [write_tiny_decoder(folder / "tiny.gguf"), "all-MiniLM-L6-v2", *(MODELS / name for name in SERVED[2:])]
    arguments = [x for model in models for x in ("--model", model)] + ["--context", "256"]
    with BantamProcess(make_home(folder / "home"), arguments) as running:
        yield running
        status = running.stop()
    assert status == 0, running.log()


@pytest.fixture(scope="module")
def document(server):
    return httpx.get(server.url + "/openapi.json").json()


def test_it_is_an_openapi_document(document):
    openapi_spec_validator.validate(document)
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations) >= 50
    assert all("default" in operation["responses"] for operation in operations)


def test_it_names_the_paths_of_the_documentation(document):
    page = (REPOSITORY / "docs/reference/http-api.md").read_text(encoding="utf-8")
    for path in document["paths"]:
        if path.startswith(("/v1/console/", "/web/")):
            continue
        told = re.sub(r"\{\w+\}", lambda value: value.group()[1:-1].upper(), path)
        assert told in page, f"{path} is not in docs/reference/http-api.md"


def test_the_server_keeps_to_it(server):
    api = schemathesis.openapi.from_url(server.url + "/openapi.json")
    names = itertools.cycle(SERVED)
    asked, answered, wrong = set(), set(), []
    for found in api.get_all_operations():
        operation = found.ok()
        if NOT_ASKED.match(operation.path):
            continue
        asked.add(operation.label)

        @given(case=operation.as_strategy())
        @settings(max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
        def ask(case):
            # Names made up would all be refused alike.
            if isinstance(case.body, dict) and "model" in case.body:
                case.body["model"] = next(names)
            if isinstance(case.body, dict):
                case.body.pop("timeout_ms", None)  # a millisecond, say, whose 504 is right
            if "name" in (case.path_parameters or {}):
                case.path_parameters |= {"name": next(names)} | ({"version": "1"} if "version" in case.path_parameters else {})
            response = case.call(timeout=60)
            if response.status_code == 200:
                answered.add(operation.label)
            case.validate_response(response, checks=[not_a_server_error, content_type_conformance, response_schema_conformance])

        try:
            ask()
        except (Exception, BaseExceptionGroup) as error:  # one operation's does not hide the others'
            wrong.append(f"{operation.label}: {error}")
    assert not wrong, "\n\n".join(wrong)
    # Nearly all of them are reached, not only refused.
    assert len(asked) > 40 and len(answered) > 0.8 * len(asked), asked - answered

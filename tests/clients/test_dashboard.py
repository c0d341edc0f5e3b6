"""The dashboard of deploy/grafana asks for nothing that the server does not have."""

import json
import re

import httpx
import pytest

from bantam_process import REPOSITORY, BantamProcess, make_home, real_home

BOARD = json.loads((REPOSITORY / "deploy/grafana/bantam.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
HELP_DESK = ["-c", "examples/helpdesk/bantam.yaml"]


def asked(panel):
    """Names of metrics and their `by (...)` labels in the panel's queries."""
    text = " ".join(target["expr"] for target in panel["targets"])
    return set(re.findall(r"bantam_\w+", text)), set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", text))))


@pytest.fixture(scope="module")
def scraped(tmp_path_factory):
    """/metrics of a help desk with a model that writes, after a request of each kind."""
    if not (real_home() / "models/smollm2").is_dir():
        pytest.skip("smollm2 is not in the model store; fetch it with: make setup")
    home = make_home(tmp_path_factory.mktemp("dashboard"))
    with BantamProcess(home, [*HELP_DESK, "--model", "smollm2"]) as server:
        chat = {"messages": [{"role": "user", "content": "i forgot my password"}], "max_tokens": 4}
        for model in ("helpdesk", "smollm2"):
            assert httpx.post(server.url + "/v1/chat/completions", json=chat | {"model": model}, timeout=120).status_code == 200
        assert httpx.post(server.url + "/embed", json={"inputs": "hello"}).status_code == 200
        return httpx.get(server.url + "/metrics").text


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_metrics_exist(panel, scraped):
    metrics, labels = asked(panel)
    assert metrics
    for name in metrics:
        rows = re.findall(rf"^{name}(?:\{{([^}}]*)\}})? ", scraped, re.MULTILINE)
        assert rows, f"{name} is not in /metrics"
        for label in labels:
            assert f'{label}="' in rows[0], f"{name} has no label {label}"


def test_panels_do_not_overlap():
    places = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not places & cells, panel["title"]
        places |= cells
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])

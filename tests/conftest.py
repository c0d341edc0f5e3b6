"""Fixtures shared by tests/clients and tests/browser: the real binary, the real model, a real browser."""

import importlib.metadata
import os
from pathlib import Path

import pytest

import node_clients
from bantam_process import REPOSITORY, BantamProcess, find_binary, make_home
from learning_shop import shop_teacher


@pytest.fixture(autouse=True)
def compatibility_row(request, record_property):
    """What tools/compatibility.py reads in the report of a run: the marks `works` and `does_not`, and the client's version."""
    mark = request.node.get_closest_marker("works") or request.node.get_closest_marker("does_not")
    if mark is None:
        return
    package, call, *note = mark.args
    name, _, place = package.partition(" (")  # "openai (Node)"
    version = node_clients.version(name) if place else importlib.metadata.version(name)
    row = {"client": package, "version": version, "call": call}
    row |= {"works": "yes" if mark.name == "works" else "no", "note": "".join(note)}
    for name, value in row.items():
        record_property(name, value)


@pytest.fixture(scope="session")
def bantam_binary():
    return find_binary()


@pytest.fixture(scope="session")
def test_data():
    """The folder of data sets. Missing, it is a skip that says so, and in CI a failure."""
    folder = Path(os.environ.get("BANTAM_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        message = f"no data sets at {folder}; name their folder with BANTAM_TEST_DATA"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(scope="session")
def bantam_home(tmp_path_factory):
    return make_home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def tiny_models_server(tmp_path_factory):
    """Decoders of random weights that may call functions: "tiny", and "thinker" with thoughts. Do not stop it."""
    from tiny_decoder import THINKING_TEMPLATE, write_tiny_decoder

    folder = tmp_path_factory.mktemp("tiny")
    models = [write_tiny_decoder(folder / "tiny.gguf"), write_tiny_decoder(folder / "thinker.gguf", chat_template=THINKING_TEMPLATE)]
    with BantamProcess(make_home(folder / "home"), [x for model in models for x in ("--model", model)]) as server:
        yield server
        status = server.stop()
    assert status == 0, server.log()


@pytest.fixture(scope="session")
def helpdesk_server(bantam_home):
    """The help desk of examples/, shared by the tests of a run: .url, .port, .home, .log(). Do not stop it."""
    with BantamProcess(bantam_home, ["-c", "examples/helpdesk/bantam.yaml"]) as server:
        yield server
        status = server.stop()
    assert status == 0, f"bantam ended with {status} after SIGTERM:\n{server.log()}"


@pytest.fixture
def bantam_server(tmp_path):
    """For tests that need a server of their own: call it with the arguments of `bantam serve`."""
    running = []

    def start(*arguments, environment=None, home=None):
        server = BantamProcess(home or make_home(tmp_path / f"home{len(running)}"), arguments, environment)
        running.append(server)
        return server.start()

    yield start
    for server in running:
        server.kill()


@pytest.fixture
def teacher():
    """The large model of learning_shop.py."""
    with shop_teacher() as server:
        yield server


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium under Selenium. Sized like a desktop window; a test may resize it."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = "/usr/bin/chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in (
        "--headless=new",
        "--no-sandbox",  # its sandbox needs a user namespace, which a container or chroot may not give
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--window-size=1280,900",
        "--no-proxy-server",
        "--disable-background-networking",
    ):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    yield driver
    driver.quit()

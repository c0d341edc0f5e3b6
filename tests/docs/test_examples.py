"""Every example of README, how-tos, reference and topics, run as it stands (docs_examples.py says how)."""

import os
import shutil
import subprocess

import pytest

from bantam_process import REPOSITORY, free_port, real_home
from docs_examples import LANGUAGES, read_page

PAGES = [read_page(path) for path in [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*/*.md"))]]


def name_of(page):
    return str(page.path.relative_to(REPOSITORY))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_says_what_it_is(page):
    for block in page.blocks:
        assert block.language in LANGUAGES, f"{name_of(page)}:{block.line}: ```{block.language}"


@pytest.fixture
def trained(helpdesk_server):
    """Files of the help desk's head, so that no page waits for its training."""
    return list((helpdesk_server.home / "state" / "helpdesk").glob("*.safetensors"))


@pytest.mark.parametrize("page", [page for page in PAGES if page.script], ids=name_of)
def test_the_examples_of_a_page_run(page, trained, bantam_binary, tmp_path):
    # A store that looks like the set-up's, in which a page may write and remove.
    store = tmp_path / "home" / "models"
    store.mkdir(parents=True)
    for model in (real_home() / "models").iterdir():
        (store / model.name).symlink_to(model)
    state = tmp_path / "home" / "state" / "helpdesk"
    state.mkdir(parents=True)
    for file in trained:
        shutil.copy(file, state)
    work = tmp_path / "work"
    shutil.copytree(REPOSITORY / "examples", work / "examples")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "bantam").symlink_to(bantam_binary)
    environment = os.environ | {"BANTAM_HOME": str(store.parent), "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
                                "REPOSITORY": str(REPOSITORY), "no_proxy": "*"}  # fmt: skip
    done = subprocess.run(["bash", "-c", page.shell_script(free_port())], cwd=work, env=environment,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)  # fmt: skip
    assert done.returncode == 0, f"{name_of(page)}: {done.stderr}\n{done.stdout[-3000:]}"

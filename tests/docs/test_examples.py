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


def test_every_block_says_what_it_is():
    unknown = [f"{name_of(page)}:{block.line}: ```{block.language}" for page in PAGES for block in page.blocks
               if block.language not in LANGUAGES]  # fmt: skip
    assert unknown == []


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


PAGE = """<!-- first:
said[ID]=7
-->
```sh
echo ID
```

<!-- not run: needs a moon -->
```sh
launch
```

<!-- file: a.yaml -->
```yaml
a: 1
```
   ```sh
   cat a.yaml
   false
   ```
"""


def test_what_comments_say(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    page = read_page(path)
    assert [block.language for block in page.blocks] == ["sh", "sh", "yaml", "sh"]
    assert page.blocks[1].not_run == "needs a moon" and "launch" not in page.shell_script(1)
    done = subprocess.run(["bash", "-c", page.shell_script(1)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == "ID\na: 1\n" and done.stderr == "FAILED at line 17\n"
    path.write_text(PAGE + "<!-- not run: nothing follows -->\n\nText\n")
    with pytest.raises(AssertionError, match="no block after"):
        read_page(path)

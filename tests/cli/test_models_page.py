"""docs/models.md, and bench/shapes.py that it is written from, name every architecture that loads."""

import importlib.util
import json
import re

import pytest

from bantam_process import REPOSITORY


@pytest.fixture(scope="module")
def known(bantam, tmp_path_factory):
    """What the binary says it knows, asked with a model_type that there is not."""
    folder = tmp_path_factory.mktemp("unknown")
    (folder / "config.json").write_text(json.dumps({"model_type": "no_such_architecture"}))
    (folder / "model.safetensors").write_bytes((8).to_bytes(8, "little") + b"{}      ")
    message = bantam("embed", "--model", f"{folder}/", text="a", code=65)
    return set(re.search(r"known: (.+)$", message.strip()).group(1).split(", "))


@pytest.fixture(scope="module")
def shapes():
    specification = importlib.util.spec_from_file_location("shapes", REPOSITORY / "bench/shapes.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_every_architecture_has_a_shape_or_is_another_name_of_one(known, shapes):
    assert len(known) >= 15
    types, aliases = {shape.model_type for shape in shapes.SHAPES}, {name for name, _, _ in shapes.ALIASES}
    assert types | aliases == known and not types & aliases
    assert {like for _, _, like in shapes.ALIASES} <= types


def test_the_page_names_every_architecture_and_checkpoint(known, shapes):
    page = (REPOSITORY / "docs/models.md").read_text(encoding="utf-8")
    assert {name for name in known if f"`{name}`" not in page} == set()
    assert [shape.checkpoint for shape in shapes.SHAPES if shape.checkpoint not in page] == []
    # And none that is not known: the first cells of the table of sizes, below its head.
    assert set(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)) - {"model_type"} <= known

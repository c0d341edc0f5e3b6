"""bantam embed's prompts, dimensions, types and truncation, and what bantam show says of a sentence model."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

SENTENCE = Path(__file__).resolve().parents[2] / "src/tasks/golden/sentence"
TEXT = "the cat sat on the mat\nwhere is my refund\nhello\n\npay the bill\n"


@pytest.fixture(scope="module")
def bantam(bantam_binary, bantam_home):
    def run(*arguments, code=0, text=""):
        done = subprocess.run([bantam_binary, *map(str, arguments)], env=os.environ | {"BANTAM_HOME": str(bantam_home)},
                              input=text.encode(), capture_output=True, timeout=120)
        assert done.returncode == code, f"{done.returncode}: {done.stderr.decode()}{done.stdout.decode()[:2000]}"
        return done.stdout.decode(), done.stderr.decode()

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    def assemble(case):
        made = tmp_path_factory.mktemp("models") / case
        over = json.loads((SENTENCE / "cases" / case / "reference.json").read_text())["over"]
        shutil.copytree(SENTENCE / over, made)
        shutil.copytree(SENTENCE / "cases" / case, made, dirs_exist_ok=True)
        return made

    return assemble


def matrix(bantam, model, *arguments, text=TEXT, dtype=np.float32):
    out, _ = bantam("embed", "--model", model, *arguments, text=text)
    return np.array([json.loads(line)["embedding"] for line in out.splitlines()], dtype=dtype)


def test_prompts(bantam, folder):
    model = folder("prompts")
    spelled = "".join(f"query: {line}\n" for line in TEXT.splitlines())
    query = matrix(bantam, model, text=spelled)
    for arguments in (["--prompt-name", "query"], ["--input-type", "query"], ["--prompt", "query: "]):
        np.testing.assert_array_equal(matrix(bantam, model, *arguments), query)
    by_default = folder("prompt_by_default")
    passage = matrix(bantam, by_default, text="".join(f"passage: {line}\n" for line in TEXT.splitlines()), dtype=np.float64)
    assert not np.array_equal(matrix(bantam, by_default), passage)  # that has the prompt twice
    plain = matrix(bantam, by_default, "--prompt", "")
    np.testing.assert_array_equal(matrix(bantam, by_default), matrix(bantam, by_default, "--prompt-name", "passage"))
    assert not np.array_equal(plain, matrix(bantam, by_default))


def test_dimensions_and_types(bantam, folder, tmp_path):
    model = folder("mean_normalized")
    exact = matrix(bantam, model)
    short = exact[:, :10] / np.linalg.norm(exact[:, :10], axis=1, keepdims=True)
    np.testing.assert_allclose(matrix(bantam, model, "--dimensions", 10), short, atol=1e-6)
    packed = np.packbits(matrix(bantam, model, "-d", 10) > 0, axis=-1)
    for kind, dtype, expected in (("ubinary", np.uint8, packed), ("binary", np.int8, (packed.astype(int) - 128).astype(np.int8))):
        np.testing.assert_array_equal(matrix(bantam, model, "-d", 10, "--output-type", kind, dtype=dtype), expected)
        bantam("embed", "-m", model, "-d", 10, "--output-type", kind, "-o", tmp_path / "bits.npy", text=TEXT)
        loaded = np.load(tmp_path / "bits.npy")
        assert loaded.dtype == dtype
        np.testing.assert_array_equal(loaded, expected)


def quantized(vectors, ranges):
    step = (ranges[1] - ranges[0]) / np.float32(255)
    step = np.where(step == 0, np.float32(1), step)
    return np.clip(np.floor((vectors - ranges[0]) / step), 0, 255)


def test_int8_by_own_and_by_given_ranges(bantam, folder, tmp_path):
    model = folder("mean_normalized")
    exact = matrix(bantam, model)
    own = np.stack([exact.min(0), exact.max(0)])
    bantam("embed", "-m", model, "--output-type", "int8", "--save-ranges", tmp_path / "r.npy", "-o", tmp_path / "q.npy", text=TEXT)
    np.testing.assert_array_equal(np.load(tmp_path / "r.npy"), own)
    q = np.load(tmp_path / "q.npy")
    assert q.dtype == np.int8
    np.testing.assert_array_equal(q, (quantized(exact, own) - 128).astype(np.int8))
    one = matrix(bantam, model, "--output-type", "uint8", "--ranges", tmp_path / "r.npy", text="hello\n", dtype=np.uint8)
    np.testing.assert_array_equal(one[0], quantized(exact, own)[2].astype(np.uint8))
    _, error = bantam("embed", "-m", model, "-d", 5, "--output-type", "int8", "--ranges", tmp_path / "r.npy", text="x", code=65)
    assert "(2, 5)" in error
    _, error = bantam("embed", "-m", model, "--ranges", tmp_path / "r.npy", text="x", code=64)
    assert "--output-type" in error


def test_truncation_is_never_silent(bantam, folder, tmp_path):
    model = folder("pool_mean")
    text = "cat\n" + "cat " * 60 + "\n"
    out, error = bantam("embed", "-m", model, text=text)
    rows = [json.loads(line) for line in out.splitlines()]
    assert "truncated" not in rows[0] and rows[1]["truncated"] is True and rows[1]["tokens"] == 62
    assert "1 of 2 lines were cut at 40 tokens" in error
    _, error = bantam("embed", "-m", model, "-o", tmp_path / "v.npy", text=text)
    assert "1 of 2 lines were cut at 40 tokens" in error
    _, error = bantam("embed", "-m", model, "--no-truncate", "-o", tmp_path / "w.npy", text="cat\n" * 300 + text, code=64)
    assert "line 302 has 62 tokens" in error and "reads 40" in error
    assert not (tmp_path / "w.npy").exists()


@pytest.mark.parametrize("arguments,code,part", [
    (["--dimensions", 0], 64, "--dimensions"),
    (["--dimensions", 33], 64, "gives 32"),
    (["--output-type", "int3"], 64, "int3"),
    (["--prompt-name", "poem"], 64, "passage"),
    (["--prompt-name", "query", "--prompt", "x"], 64, "excludes"),
    (["--input-type", "poem"], 64, "poem"),
    (["--output-type", "int8", "--ranges", "/no/such"], 65, "/no/such"),
])
def test_refusals(bantam, folder, arguments, code, part):
    _, error = bantam("embed", "-m", folder("prompts"), *arguments, text="x", code=code)
    assert part in error


def test_show_says_what_is_done(bantam, folder):
    out, _ = bantam("show", folder("dense_after_several"))
    assert "mean, then max, side by side" in out and "Dense 64 to 24, GELU" in out and "Normalize" in out
    shown = json.loads(bantam("show", folder("dense_after_several"), "--json")[0])
    assert shown["dimensions"] == 24 and shown["pooling_modes"] == ["mean", "max"] and shown["normalized"] is True
    out, _ = bantam("show", folder("prompt_by_default"))
    assert 'query "query: "' in out and "passage unless told otherwise" in out
    assert "without the prompt's tokens" in bantam("show", folder("prompt_not_pooled_cls"))[0]

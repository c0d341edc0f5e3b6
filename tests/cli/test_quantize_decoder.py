"""bantam quantize and bantam perplexity on models that write text: the file is one that GGUF's own package reads."""

import json

import gguf
import pytest
from stories_model import write_stories

TEXT = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball. "


@pytest.fixture(scope="module")
def stories(test_data, tmp_path_factory):
    return write_stories(test_data / "weights-stories260k", tmp_path_factory.mktemp("stories") / "stories.gguf")


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text(TEXT * 80)
    return path


@pytest.mark.parametrize("type", ["q8_0", "q5_0", "q4_0", "Q4_K"])
def test_the_copy_is_a_gguf_file_with_its_report(bantam, stories, text, tmp_path, type):
    out = tmp_path / "copy.gguf"
    report = json.loads(bantam("quantize", stories, out, "--type", type, "--data", text, "--json"))
    assert report["path"] == str(out) and report["text"] == "text.txt"
    assert report["bytes_after"] < report["bytes_before"] / 2
    reader = gguf.GGUFReader(out)
    original = gguf.GGUFReader(stories)
    assert json.loads(reader.fields["bantam.quantization"].contents())["kl_mean"] == report["kl_mean"]
    assert {t.name: list(t.shape) for t in reader.tensors} == {t.name: list(t.shape) for t in original.tensors}
    types = {t.name: t.tensor_type.name for t in reader.tensors}
    assert all(types[row["name"]] == row["type"] for row in report["matrices"])
    assert set(original.fields) <= set(reader.fields)
    # What its values are is what GGUF's own package takes them for.
    for tensor in reader.tensors:
        before = next(t for t in original.tensors if t.name == tensor.name)
        values, expected = (gguf.quants.dequantize(t.data, t.tensor_type) for t in (tensor, before))
        assert ((values - expected) ** 2).sum() <= 0.03 * (expected**2).sum()
    assert json.loads(bantam("show", out, "--json"))["quantization_report"]["kl_mean"] == pytest.approx(report["kl_mean"])
    shown = bantam("show", out)
    assert "nats a token" in shown and f"{report['after']['perplexity']:.2f}" in shown
    assert bantam("run", out, "Once upon", "--temperature", 0, "-n", 8).startswith(" a time")


def test_more_bits_are_nearer(bantam, stories, text, tmp_path):
    divergences = []
    for type in ("q8_0", "q5_0", "q4_0"):
        bantam("quantize", stories, tmp_path / f"{type}.gguf", "--type", type, "--data", text)
        divergences.append(json.loads(bantam("perplexity", text, "--model", tmp_path / f"{type}.gguf", "--against", stories, "--max-tokens", 4000, "--json")))
    kl = [d["kl_mean"] for d in divergences]
    assert 5 * kl[0] < kl[1] and 2 * kl[1] < kl[2]
    assert divergences[0]["same_top"] > 0.98
    alone = json.loads(bantam("perplexity", text, "--model", stories, "--dtype", "f32", "--max-tokens", 4000, "--json"))
    assert alone["perplexity"] == pytest.approx(divergences[0]["original"]["perplexity"])


def test_the_perplexity_rises_by_no_more_than_it_may(bantam, stories, text, tmp_path):
    def quantize(*arguments, code=0):
        answer = bantam("quantize", stories, tmp_path / "copy.gguf", "--force", "--data", text, "--extra", 0, "--json", *arguments, code=code)
        return json.loads(answer) if code == 0 else answer

    free = quantize("--type", "q4_0")
    assert free["trials"] == 1 and free["rise"] == pytest.approx(100 * (free["after"]["perplexity"] / free["before"]["perplexity"] - 1))
    for part in ("before", "after"):
        assert free[part]["prefill_tokens_per_s"] > 0 and free[part]["decode_tokens_per_s"] > 0
    limit = free["rise"] / 4
    held = quantize("--type", "q4_0", "--max-drop", limit)
    assert held["trials"] > 1 and held["rise"] <= limit == held["max_rise"]
    assert free["bytes_after"] < held["bytes_after"] < held["bytes_before"]
    before = (tmp_path / "copy.gguf").read_bytes()
    refused = quantize("--type", "q8_0", "--max-drop", 0, code=65)
    assert "nothing was written" in refused and (tmp_path / "copy.gguf").read_bytes() == before


def test_mistakes_are_named(bantam, stories, text, tmp_path):
    out = tmp_path / "copy.gguf"
    assert "ends in .gguf" in bantam("quantize", stories, f"{tmp_path}/copy", "--type", "q4_0", code=64)
    assert "is the model itself" in bantam("quantize", stories, stories, "--type", "q4_0", code=64)
    out.write_text("something else")
    assert "--force" in bantam("quantize", stories, out, "--type", "q4_0", "--data", text, code=64)
    assert out.read_text() == "something else"
    bantam("quantize", stories, out, "--type", "q4_0", "--data", text, "--force")
    assert "known: llama" in bantam("quantize", "all-MiniLM-L6-v2", tmp_path / "a.gguf", "--type", "q8_0", code=65)
    short = tmp_path / "short.txt"
    short.write_text("Too short.")
    assert "half to measure on" in bantam("quantize", stories, tmp_path / "b.gguf", "--type", "q4_0", "--data", short, code=64)
    assert "less than one window" in bantam("perplexity", short, "--model", stories, code=64)
    assert "a context of 4096 tokens" in bantam("perplexity", text, "--model", stories, "--context", 4096, code=64)

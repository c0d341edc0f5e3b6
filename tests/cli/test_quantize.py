"""bantam quantize: the real binary on the real model, written, read back by every command, guarded and refused."""

import json
import os
import shutil
import struct

import numpy as np
import pytest

MODEL = "all-MiniLM-L6-v2"


@pytest.fixture(scope="module")
def pairs(test_data, tmp_path_factory):
    """Some pairs of STS-B's dev split under sentence1, sentence2, score."""
    lines = [json.loads(line) for line in (test_data / "sts-benchmark/stsb.jsonl").open()]
    dev = [line for line in lines if line["split"] == "dev"][::7]
    file = tmp_path_factory.mktemp("data") / "pairs.jsonl"
    file.write_text(
        "".join(json.dumps({"sentence1": d["a"], "sentence2": d["b"], "score": d["score"]}) + "\n" for d in dev)
    )
    return file


@pytest.fixture(scope="module")
def quantized(bantam, tmp_path_factory):
    """A folder for each type, without data."""
    folder = tmp_path_factory.mktemp("quantized")
    return {
        dtype: (folder / dtype, json.loads(bantam("quantize", MODEL, folder / dtype, "--type", dtype, "--json")))
        for dtype in ("int8", "int4")
    }


@pytest.fixture(scope="module")
def exact_pairs(bantam, tmp_path_factory):
    """Pairs whose scores are the original's own cosines: it gets 100, and any quantisation loses some of that."""
    rng = np.random.default_rng(1)
    words = "river lamp cold engine paper green dance bread window storm teacher salt copper letter garden".split()
    texts = [" ".join(rng.choice(words, 6)) for _ in range(240)]
    exact = vectors(bantam("embed", text="\n".join(texts)))
    cosines = (exact[0::2].astype(np.float64) * exact[1::2]).sum(1)
    file = tmp_path_factory.mktemp("data") / "exact.jsonl"
    file.write_text(
        "".join(
            json.dumps({"text1": a, "text2": b, "score": float(c)}) + "\n"
            for a, b, c in zip(texts[0::2], texts[1::2], cosines)
        )
    )
    return file


TEXT = "Where is my refund?\n\nThe train from Oslo is forty minutes late.\n" + "word " * 300 + "\n"


def vectors(output):
    return np.array([json.loads(line)["embedding"] for line in output.splitlines()], dtype=np.float32)


def header(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        return json.loads(file.read(size))


def test_stored_int8_gives_the_bits_of_int8_at_load(bantam, quantized):
    folder, _ = quantized["int8"]
    stored = bantam("embed", "--model", folder, text=TEXT)
    assert stored == bantam("embed", "--model", MODEL, "--dtype", "int8", text=TEXT)


@pytest.mark.parametrize("dtype", ["int8", "int4"])
def test_the_folder_is_a_hugging_face_folder(quantized, bantam_home, dtype):
    folder, report = quantized[dtype]
    original = bantam_home / "models" / MODEL
    config = json.loads((folder / "config.json").read_text())
    quantization = config.pop("quantization_config")
    assert config == json.loads((original / "config.json").read_text())
    assert (quantization["quant_method"], quantization["bits"]) == ("bantam", int(dtype[3:]))
    for name in ("tokenizer.json", "modules.json", "1_Pooling/config.json", "sentence_bert_config.json"):
        assert (folder / name).read_bytes() == (original / name).read_bytes(), name
    tensors = header(folder / "model.safetensors")
    metadata = tensors.pop("__metadata__")
    stored_report = json.loads((folder / "quantization_report.json").read_text())
    assert json.loads(metadata["bantam.quantization"]) == stored_report
    assert {key: value for key, value in report.items() if key != "path"} == stored_report
    name = "encoder.layer.3.intermediate.dense.weight"
    if dtype == "int8":
        assert (tensors[name]["dtype"], tensors[name]["shape"]) == ("I8", [1536, 384])
        assert (tensors[name + "_scale"]["dtype"], tensors[name + "_scale"]["shape"]) == ("F32", [1536])
    else:
        assert (tensors[name]["dtype"], tensors[name]["shape"]) == ("U8", [1536, 192])
        assert (tensors[name + "_scale"]["dtype"], tensors[name + "_scale"]["shape"]) == ("BF16", [1536, 12])
    assert tensors["encoder.layer.3.intermediate.dense.bias"]["dtype"] == "F32"
    size = (folder / "model.safetensors").stat().st_size
    assert size < {"int8": 0.27, "int4": 0.22}[dtype] * (original / "model.safetensors").stat().st_size


def test_the_report_says_what_it_cost(quantized):
    for dtype, (folder, report) in quantized.items():
        assert report["type"] == dtype and report["task"] == "sentences" and "metric" not in report
        assert report["path"] == str(folder)
        assert report["cosine_mean"] > {"int8": 0.998, "int4": 0.97}[dtype]
        assert 0 < report["after"]["memory_bytes"] < 0.3 * report["before"]["memory_bytes"]
        assert report["after"]["file_bytes"] < 0.3 * report["before"]["file_bytes"]
        assert all(report[when][key] > 0 for when in ("before", "after") for key in ("ms_16_tokens", "ms_128_tokens"))
        assert report["kept"] == []
    assert quantized["int4"][1]["after"]["memory_bytes"] < quantized["int8"][1]["after"]["memory_bytes"]


def test_every_command_takes_it(bantam, quantized, tmp_path):
    exact = vectors(bantam("embed", "--model", MODEL, text=TEXT))
    examples = tmp_path / "examples.jsonl"
    examples.write_text(
        "".join(
            json.dumps({"text": f"{verb} my {thing}", "label": verb}) + "\n"
            for verb in ("cancel", "return", "find")
            for thing in ("order", "parcel", "shoes", "flight", "card")
        )
    )
    for dtype, (folder, _) in quantized.items():
        got = vectors(bantam("embed", "--model", folder, text=TEXT))
        cosine = (got * exact).sum(1) / np.linalg.norm(got, axis=1) / np.linalg.norm(exact, axis=1)
        assert cosine.min() > {"int8": 0.99, "int4": 0.9}[dtype]
        bench = json.loads(bantam("bench", "embed", "--model", folder, "--repeat", 3, "--json"))
        assert bench["dtype"] == dtype
        head = tmp_path / f"{dtype}.safetensors"
        trained = json.loads(
            bantam("route", "train", "--data", examples, "--model", folder, "--out", head, "--json")
        )
        assert trained["dtype"] == dtype
        bantam("route", "eval", "--head", head, "--model", folder, "--data", examples)
        shown = bantam("show", folder)
        assert f"quantised     {dtype}" in shown and "cosine" in shown and "22.7M" in shown
        described = json.loads(bantam("show", folder, "--json"))
        assert described["quantization"]["bits"] == int(dtype[3:])
        assert described["quantization_report"]["type"] == dtype
        assert described["parameters"] == 22_565_376 + 147_840


def test_another_type_cannot_be_asked_of_stored_weights(bantam, quantized):
    folder, _ = quantized["int8"]
    message = bantam("embed", "--model", folder, "--dtype", "f32", text="x", code=64)
    assert "stored as int8" in message and "leave --dtype out" in message
    bantam("embed", "--model", folder, "--dtype", "int8", text="x")
    assert "quantised already" in bantam("quantize", folder, f"{folder}-again", "--type", "int4", code=65)


def test_int4_at_load_works_wherever_int8_does(bantam):
    exact = vectors(bantam("embed", "--model", MODEL, text=TEXT))
    for _ in range(2):  # from the floats, then from the packed file
        got = vectors(bantam("embed", "--dtype", "int4", text=TEXT))
        assert (got * exact).sum(1).min() > 0.85  # rounded without a look at the inputs
    # and the packed int8 weights are still theirs
    assert (vectors(bantam("embed", "--dtype", "int8", text=TEXT)) * exact).sum(1).min() > 0.99
    assert json.loads(bantam("bench", "embed", "--dtype", "int4", "--repeat", 3, "--json"))["dtype"] == "int4"


def test_a_plain_name_goes_to_the_store(bantam, bantam_home, tmp_path):
    try:
        bantam("quantize", MODEL, "minilm-small", "--type", "int8", cwd=tmp_path)
        assert os.listdir(tmp_path) == []
        rows = json.loads(bantam("list", "--json"))
        assert "minilm-small" in json.dumps(rows)
        first = bantam("embed", "--model", "minilm-small", text=TEXT)
        assert (bantam_home / "models/minilm-small/packed").is_dir()
        assert bantam("embed", "--model", "minilm-small", text=TEXT) == first
        assert first == bantam("embed", "--dtype", "int8", text=TEXT)
    finally:
        shutil.rmtree(bantam_home / "models/minilm-small", ignore_errors=True)


def test_what_is_there_is_not_overwritten(bantam, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "holiday.jpg").write_text("x")
    assert "--force" in bantam("quantize", MODEL, out, "--type", "int8", code=64)
    assert "not a model's folder" in bantam("quantize", MODEL, out, "--type", "int8", "--force", code=64)
    assert os.listdir(out) == ["holiday.jpg"]
    (out / "config.json").write_text("{}")
    bantam("quantize", MODEL, out, "--type", "int8", "--force")
    assert not (out / "holiday.jpg").exists() and (out / "model.safetensors").exists()
    assert os.listdir(tmp_path) == ["out"]


def test_the_users_own_metric(bantam, pairs, tmp_path):
    table = bantam("quantize", MODEL, tmp_path / "out", "--type", "int8", "--data", pairs)
    assert "spearman, %" in table and "drop" in table and f"wrote {tmp_path / 'out'}" in table
    report = json.loads((tmp_path / "out/quantization_report.json").read_text())
    num_texts = 2 * len(pairs.read_text().splitlines())
    assert report["task"] == "similarity" and report["texts"] == num_texts and report["data"] == "pairs.jsonl"
    before, after = report["before"]["metric"], report["after"]["metric"]
    assert 75 < before < 95 and abs(report["drop"] - (before - after)) < 1e-9 and abs(report["drop"]) < 1.5


def test_accuracy_of_labels(bantam, test_data, tmp_path):
    lines = [json.loads(line) for line in (test_data / "intent-clinc150/clinc150_small.jsonl").open()]
    wanted = {"balance", "translate", "weather", "timer", "oos"}
    data = tmp_path / "labels.jsonl"
    data.write_text("".join(json.dumps(line) + "\n" for line in lines if line["label"] in wanted))
    report = json.loads(
        bantam("quantize", MODEL, tmp_path / "out", "--type", "int8", "--data", data, "--splits", "train", "--json")
    )
    assert report["metric"] == "accuracy" and report["texts"] >= 100
    assert report["before"]["metric"] > 95 and abs(report["drop"]) < 2


def test_sensitive_layers_stay_higher_until_it_fits(bantam, exact_pairs, tmp_path):
    def quantize(out, *more):
        return json.loads(bantam("quantize", MODEL, out, "--type", "int4", "--data", exact_pairs, "--json", *more))

    alone = quantize(tmp_path / "alone")
    assert alone["before"]["metric"] > 99.99 and alone["drop"] > 0.02 and alone["kept"] == []
    limit = 0.6 * alone["drop"]
    guarded = quantize(tmp_path / "mixed", "--max-drop", limit)
    assert guarded["drop"] <= limit < alone["drop"]
    assert len(guarded["kept"]) > 0 and guarded["trials"] > 1
    assert all(layer["loss"] > 0 for layer in guarded["layers"])
    config = json.loads((tmp_path / "mixed/config.json").read_text())["quantization_config"]
    assert set(config["kept"].values()) <= {8, 32} and (config["kept"] or config["embedding_bits"] > 4)
    # The vectors are those that were measured.
    lines = [json.loads(line) for line in exact_pairs.open()]
    first, second = (
        vectors(bantam("embed", "--model", tmp_path / "mixed", text="\n".join(line[key] for line in lines)))
        for key in ("text1", "text2")
    )
    ranks = [np.argsort(np.argsort(v)) for v in ((first * second).sum(1), [line["score"] for line in lines])]
    assert 100 * np.corrcoef(*ranks)[0, 1] == pytest.approx(guarded["after"]["metric"], abs=0.05)
    shown = bantam("show", tmp_path / "mixed")
    assert "\nkept higher  " in shown
    assert set(guarded["kept"]) <= {line.removeprefix("kept higher").strip() for line in shown.splitlines()}  # one on each line


def test_what_cannot_fit_is_refused_and_leaves_nothing(bantam, exact_pairs, tmp_path):
    message = bantam(
        "quantize", MODEL, tmp_path / "out", "--type", "int4", "--data", exact_pairs, "--max-drop", 0, code=65
    )
    assert "nothing written" in message and "spearman falls from 100.00" in message and "--max-drop is 0" in message
    assert os.listdir(tmp_path) == []


def test_mistakes_on_the_command_line(bantam, tmp_path):
    out = tmp_path / "out"
    bantam("quantize", MODEL, out, code=64)
    bantam("quantize", MODEL, out, "--type", "int3", code=64)
    assert "--data" in bantam("quantize", MODEL, out, "--type", "int8", "--max-drop", 1, code=64)
    bantam("quantize", MODEL, out, "--type", "int8", "--data", tmp_path / "none.jsonl", code=65)
    (tmp_path / "odd.jsonl").write_text('{"question": "x"}\n')
    assert "odd.jsonl:1" in bantam("quantize", MODEL, out, "--type", "int8", "--data", tmp_path / "odd.jsonl", code=64)
    assert not out.exists()

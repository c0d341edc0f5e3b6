"""bantam embed, show, list and tokenize on GGUF files that the format's own package wrote, beside the folders they were made of."""

import json
import shutil

import gguf
import numpy as np
import pytest

from bantam_process import REPOSITORY
from gguf_models import (
    add_bert_vocabulary,
    bert_parameters,
    distilbert_parameters,
    modern_parameters,
    nomic_parameters,
    qwen3_parameters,
    read_safetensors,
    roberta_parameters,
    write_classifier,
    write_encoder,
    write_sentence_bert,
)

ARCH = gguf.MODEL_ARCH
MINILM = "all-MiniLM-L6-v2"
GOLDEN = REPOSITORY / "src/models/golden"
LINES = ["Where is my refund?", "", "Grüße, naïve café! 漢字 1234", "a parcel that never came " * 40, "I want to cancel my order"]


def embed(bantam, model, dtype="f32", lines=LINES):
    output = bantam("embed", "--model", model, "--dtype", dtype, text="".join(line + "\n" for line in lines))
    return np.array([json.loads(line)["embedding"] for line in output.splitlines()], np.float32)


def cosines(a, b):
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.fixture(scope="module")
def minilm(bantam_home, tmp_path_factory):
    """Writes all-MiniLM-L6-v2 in a type of tensors."""
    folder = bantam_home / "models" / MINILM
    target = tmp_path_factory.mktemp("gguf")

    def write(kind, as_floats=False):
        path = target / f"minilm-{kind}{'-as-floats' if as_floats else ''}.gguf"
        if not path.exists():
            write_sentence_bert(folder, path, kind, as_floats)
        return path

    return write


def test_f32_is_the_same_model(bantam, minilm):
    ours = embed(bantam, minilm("F32"))
    np.testing.assert_allclose(ours, embed(bantam, MINILM), atol=1e-5)
    # Bit for bit, as the weights are.
    np.testing.assert_array_equal(ours, embed(bantam, MINILM))
    np.testing.assert_array_equal(embed(bantam, minilm("F32"), "int8"), embed(bantam, MINILM, "int8"))


# Types of 32 to a block; the rows of all-MiniLM-L6-v2, 384 long, are no multiple of 256 but for those of one matrix.
@pytest.mark.parametrize("kind", ["F16", "BF16", "Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0", "Q6_K", "Q4_K"])
def test_quantised_tensors(bantam, minilm, kind):
    """The bits of the floats that the package reads out of the blocks; and still the same model."""
    for dtype in ("f32", "int8"):
        np.testing.assert_array_equal(embed(bantam, minilm(kind), dtype), embed(bantam, minilm(kind, as_floats=True), dtype))
    assert cosines(embed(bantam, minilm(kind)), embed(bantam, MINILM)).min() > 0.9


def test_tokenize_is_the_same(bantam, minilm):
    text = "\n".join(LINES)
    assert bantam("tokenize", "--model", minilm("F16"), text=text) == bantam("tokenize", "--model", MINILM, text=text)


def test_show(bantam, minilm):
    shown = json.loads(bantam("show", minilm("Q8_0"), "--json"))
    assert shown["name"] == "minilm-Q8_0" and shown["architecture"] == "bert" and shown["known"]
    assert shown["dimensions"] == 384 and shown["layers"] == 6 and shown["pooling"] == "mean" and shown["normalized"]
    assert shown["max_tokens"] == 512 and shown["license"] == "apache-2.0"
    assert shown["tokenizer"] == {"kind": "WordPiece", "vocab_size": 30522}
    assert shown["size_bytes"] == minilm("Q8_0").stat().st_size
    # All but the pooler's, which its converter leaves out.
    assert shown["parameters"] == 22713216 - 384 * 385
    text = bantam("show", minilm("Q8_0"))
    assert "Q8_0" in text and "F32" in text


def test_in_the_store(bantam, minilm, tmp_path):
    models = tmp_path / "models"
    (models / "split").mkdir(parents=True)
    shutil.copy(minilm("Q8_0"), models / "tiny.gguf")
    shutil.copy(minilm("F16"), models / "split" / "anything.gguf")
    listed = {row["name"]: row for row in json.loads(bantam("list", "--json", home=tmp_path))["models"]}
    assert set(listed) == {"tiny", "split"} and listed["tiny"]["size_bytes"] == minilm("Q8_0").stat().st_size
    assert "GGUF file" in bantam("list", home=tmp_path)
    for name in ("tiny", "split"):
        assert json.loads(bantam("show", name, "--json", home=tmp_path))["dimensions"] == 384
        bantam("embed", "--model", name, home=tmp_path, text="a\n")
        bantam("tokenize", "--model", name, home=tmp_path, text="a\n")


def test_quantize_wants_the_original(bantam, minilm, tmp_path):
    assert "starts from the folder of the original model" in bantam("quantize", "--type", "int8", minilm("Q8_0"), tmp_path / "out", code=65)


# The tiny random models of the tests, with a tokenizer of words "w5" for every id.
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = {word: number for number, word in enumerate(SPECIAL + [f"w{number}" for number in range(5, 99)])}
TOKENIZER = {
    "version": "1.0", "truncation": None, "padding": None,
    "added_tokens": [{"id": n, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
                     for n, t in enumerate(SPECIAL)],
    "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
    "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": WORDS},
}  # fmt: skip
POOLINGS = {gguf.PoolingType.MEAN: "mean_tokens", gguf.PoolingType.CLS: "cls_token", gguf.PoolingType.LAST: "lasttoken"}


FAMILIES = {
    "bert": (ARCH.BERT, bert_parameters, gguf.PoolingType.CLS),
    "distilbert": (ARCH.BERT, distilbert_parameters, gguf.PoolingType.MEAN),
    "roberta": (ARCH.BERT, roberta_parameters, gguf.PoolingType.MEAN),
    "xlm_roberta": (ARCH.BERT, roberta_parameters, gguf.PoolingType.MEAN),
    "nomic_bert": (ARCH.NOMIC_BERT, nomic_parameters, gguf.PoolingType.MEAN),
    "modernbert": (ARCH.MODERN_BERT, modern_parameters, gguf.PoolingType.CLS),
    "qwen3": (ARCH.QWEN3, qwen3_parameters, gguf.PoolingType.LAST),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_architecture(bantam, name, tmp_path):
    """The folder's vectors, from a file whose tensors are named by the package's own table."""
    architecture, parameters, pooling = FAMILIES[name]
    folder = tmp_path / name
    shutil.copytree(GOLDEN / name, folder, ignore=shutil.ignore_patterns("reference.safetensors"))
    (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    modules = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")]
    (folder / "modules.json").write_text(json.dumps([
        {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"} for n, (kind, path) in enumerate(modules)]))  # fmt: skip
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling/config.json").write_text(json.dumps({f"pooling_mode_{POOLINGS[pooling]}": True}))

    config = json.loads((folder / "config.json").read_text())
    if name == "qwen3":
        config["rope_theta"] = config.get("rope_theta") or config["rope_parameters"]["rope_theta"]
    tensors = {}
    for tensor, values in read_safetensors(folder).items():
        for prefix in ("bert.", "roberta.", "model."):
            tensor = tensor.removeprefix(prefix)
        if tensor.startswith(("classifier", "pooler", "head.", "cls.", "lm_head", "qa_outputs", "embeddings.position_ids")):
            continue
        if name.endswith("roberta") and tensor == "embeddings.position_embeddings.weight":
            values = values[config["pad_token_id"] + 1 :]  # as its converter does
        tensors[tensor] = values
    if name == "qwen3":  # as it calls them
        tensors = {f"model.{tensor}": values for tensor, values in tensors.items()}

    def keys(writer):
        parameters(writer, config)
        writer.add_pooling_type(pooling)

    layers = next(config[key] for key in ("num_hidden_layers", "n_layers", "n_layer") if key in config)
    file = write_encoder(tmp_path / f"{name}.gguf", architecture, tensors, layers, keys, lambda writer: add_bert_vocabulary(writer, WORDS))
    lines = ["w5 w98 nothing w33", "", "w7", " ".join(f"w{5 + n * 13 % 94}" for n in range(60))]
    np.testing.assert_allclose(embed(bantam, file, lines=lines), embed(bantam, f"{folder}/", lines=lines), atol=1e-6)


HEADS = REPOSITORY / "src/tasks/golden/models"


def rank(bantam, model, code=0):
    line = json.dumps({"query": "where is my parcel?", "documents": ["a parcel that never came", "refund, please", "Ada wrote a program"]})
    return bantam("rerank", "--model", model, "--dtype", "f32", text=line + "\n", code=code)


def test_quantised_heads(bantam, tmp_path):
    """The bits of the floats that the package reads out of the blocks, in the head's layers too. F32 and F16: tests/cli/test_tasks.py."""
    blocks = write_classifier(HEADS / "rank_xlm_roberta", tmp_path / "q8.gguf", "Q8_0")
    floats = write_classifier(HEADS / "rank_xlm_roberta", tmp_path / "floats.gguf", "Q8_0", as_floats=True)
    assert "Q8_0" in bantam("show", blocks) and rank(bantam, blocks) == rank(bantam, floats)
    shown = json.loads(bantam("show", blocks, "--json"))
    assert shown["head"] == {"kind": "sequence", "labels": ["LABEL_0"], "multi_label": False}


def test_a_bert_without_its_pooler(bantam, tmp_path):
    """What llama.cpp's converter makes of a BERT: its scores would not be the model's. Its vectors are."""
    file = write_classifier(HEADS / "rank_raw", tmp_path / "bare.gguf", pooler=False)
    assert "tensor 'cls.weight' is missing" in rank(bantam, file, code=65)
    assert "unusable: " in bantam("show", file)
    whole = write_classifier(HEADS / "rank_raw", tmp_path / "whole.gguf")
    np.testing.assert_array_equal(embed(bantam, file), embed(bantam, whole))


def test_without_a_head(bantam, minilm):
    assert "(its file has no 'cls.output.weight'); use bantam embed" in rank(bantam, minilm("F16"), code=65)


def test_what_is_wrong_is_named(bantam, minilm, tmp_path):
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(minilm("Q8_0").read_bytes()[:-1000])
    message = bantam("embed", "--model", cut, code=65)
    assert "ends beyond the file: is it cut short?" in message and str(cut) in message
    other = tmp_path / "model.safetensors"
    shutil.copy(minilm("Q8_0"), other)
    assert json.loads(bantam("show", other, "--json"))["architecture"] == "bert"  # told by what is in it
    writer = gguf.GGUFWriter(str(tmp_path / "jina.gguf"), "jina-bert-v2")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    message = bantam("embed", "--model", tmp_path / "jina.gguf", code=65)
    assert '"jina-bert-v2"' in message and "known: bert, distilbert" in message
    assert "not known here" in bantam("show", tmp_path / "jina.gguf")

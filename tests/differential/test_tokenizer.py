"""`bantam tokenize` against the reference, the Python package `tokenizers`: every text of every data set and a file of
awkward strings, with uncased and cased vocabularies. Ids and offsets must be equal; there is no tolerance."""

import csv
import json
import os
import subprocess

import pytest
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

from awkward_text import awkward_strings
from bantam_process import real_home

TEXT_FILES = {".jsonl", ".txt", ".tsv", ".csv", ".md", ".mdx", ".conllu", ".msg", ".diff"}
AWKWARD_STRINGS = 60_000
# Two full passes over the data sets take minutes, most of them the reference's. BANTAM_TEST_ALL=1: every tokenizer sees all.
EVERY_DATA_TEXT = {"all-MiniLM-L6-v2", "cased"}
# The same vocabulary and parts as all-MiniLM-L6-v2, saved by other programs: a sample shows that they load alike.
SAMPLED = {"e5-small-v2", "model2vec-bert"}


def strings_of(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings_of(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings_of(item)


def texts_of(path):
    content = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".jsonl":
        for line in content.splitlines():
            if line.strip():
                strings = list(strings_of(json.loads(line)))
                yield from strings
                yield " ".join(strings)  # the tokens of a tagged sentence
    elif path.suffix in {".tsv", ".csv"}:
        for row in csv.reader(content.splitlines(), delimiter="\t" if path.suffix == ".tsv" else ",", quoting=csv.QUOTE_NONE):
            yield from row
    else:
        yield from content.split("\n")


@pytest.fixture(scope="module")
def data_texts(test_data):
    """Each distinct text of the data sets, without line feeds: the command reads lines."""
    texts = {}
    for path in sorted(test_data.rglob("*")):
        # Vocabularies and audio transcripts are data sets too; only what is not text is left out.
        if path.suffix in TEXT_FILES and path.is_file():
            texts.update(dict.fromkeys(text.replace("\n", " ") for text in texts_of(path)))
    assert len(texts) > 100_000, f"only {len(texts)} texts under {test_data}"
    return list(texts)


def built_from_vocabulary(vocabulary, folder, name, normalizer, added=()):
    """A tokenizer.json for a vocab.txt, as Hugging Face would save it; [CLS] and [SEP] are added where it lacks them."""
    vocab = {token: id_ for id_, token in enumerate(vocabulary.read_text(encoding="utf-8").rstrip("\n").split("\n"))}
    for token in ("[CLS]", "[SEP]"):
        vocab.setdefault(token, len(vocab))
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = [token for token in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]") if token in vocab]
    tokenizer.add_special_tokens(special)
    tokenizer.add_tokens(list(added))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, vocab[token]) for token in ("[CLS]", "[SEP]")])
    path = folder / f"{name}.json"
    tokenizer.save(str(path))
    return path


ADDED = [
    AddedToken("[MASK2]", special=True, normalized=False, lstrip=True),
    AddedToken("<ent>", normalized=False, rstrip=True),
    AddedToken("Ångström", normalized=True),
    AddedToken("x\u0301y", normalized=True, single_word=True),
    AddedToken("the", normalized=True, single_word=True, lstrip=True, rstrip=True),
    AddedToken("東京", normalized=False),
    AddedToken("don't", normalized=False, single_word=True),
]

TOKENIZERS = {
    "all-MiniLM-L6-v2": lambda data, folder: real_home() / "models/all-MiniLM-L6-v2/tokenizer.json",
    "e5-small-v2": lambda data, folder: data / "tok-hf-json/e5-small-v2/tokenizer.json",
    "model2vec-bert": lambda data, folder: data / "tok-hf-json/model2vec-bert/tokenizer.json",
    "cased": lambda data, folder: built_from_vocabulary(
        data / "tok-bert-vocab/cased_vocab.txt", folder, "cased", normalizers.BertNormalizer(lowercase=False)),
    "cased-stripped": lambda data, folder: built_from_vocabulary(
        data / "tok-bert-vocab/cased_vocab.txt", folder, "cased-stripped",
        normalizers.BertNormalizer(lowercase=False, strip_accents=True, clean_text=False)),
    "lowered-with-accents": lambda data, folder: built_from_vocabulary(
        data / "tok-bert-vocab/uncased_vocab.txt", folder, "lowered-with-accents",
        normalizers.BertNormalizer(strip_accents=False, handle_chinese_chars=False)),
    "small-with-added-tokens": lambda data, folder: built_from_vocabulary(
        data / "tok-bert-vocab/test_wp_en_vocab.txt", folder, "small-with-added-tokens", normalizers.BertNormalizer(), ADDED),
}


def check_all(binary, tokenizer_json, texts, folder):
    reference = Tokenizer.from_file(str(tokenizer_json))
    reference.no_truncation()
    reference.no_padding()
    lines = folder / "lines.txt"
    lines.write_bytes("".join(text + "\n" for text in texts).encode("utf-8"))
    with lines.open("rb") as stdin, (folder / "out.jsonl").open("wb+") as stdout:
        done = subprocess.run([binary, "tokenize", "--model", tokenizer_json], stdin=stdin, stdout=stdout, timeout=600)
        assert done.returncode == 0
        stdout.seek(0)
        answers = stdout.read().decode("ascii").splitlines()
    assert len(answers) == len(texts)
    differences = []
    for start in range(0, len(texts), 10_000):
        batch = texts[start : start + 10_000]
        for text, encoding, answer in zip(batch, reference.encode_batch(batch), answers[start:]):
            # Compared as text: parsing our line would take longer than making theirs.
            expected = f'{{"ids": {encoding.ids}, "offsets": {encoding.offsets}}}'.replace("(", "[").replace(")", "]")
            if answer != expected:
                differences.append(f"{ascii(text)}\n  ours      {answer}\n  reference {expected}")
    assert not differences, f"{len(differences)} of {len(texts)} differ\n" + "\n".join(differences[:10])


@pytest.fixture(params=TOKENIZERS)
def tokenizer_json(request, test_data, tmp_path):
    path = TOKENIZERS[request.param](test_data, tmp_path)
    if not path.is_file():
        message = f"no {path}; make setup fetches the default model"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return path


def sample(request, texts, every):
    name = request.node.callspec.params["tokenizer_json"]
    return texts if every(name) or os.environ.get("BANTAM_TEST_ALL") == "1" else texts[::8]


def test_data_sets(request, bantam_binary, tokenizer_json, data_texts, tmp_path):
    texts = sample(request, data_texts, EVERY_DATA_TEXT.__contains__)
    check_all(bantam_binary, tokenizer_json, texts, tmp_path)


def test_awkward_strings(request, bantam_binary, tokenizer_json, tmp_path):
    texts = sample(request, awkward_strings(AWKWARD_STRINGS), lambda name: name not in SAMPLED)
    check_all(bantam_binary, tokenizer_json, texts, tmp_path)


def test_without_offsets_and_without_a_last_line_feed(bantam_binary, test_data, tmp_path):
    path = test_data / "tok-hf-json/e5-small-v2/tokenizer.json"
    done = subprocess.run([binary := bantam_binary, "tokenize", "--model", path, "--no-offsets"], input=b"hello\n\nworld",
                          capture_output=True, check=True, timeout=60)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"ids": [101, 7592, 102]}, {"ids": [101, 102]}, {"ids": [101, 2088, 102]}]
    missing = subprocess.run([binary, "tokenize", "--model", "no-such-model"], input=b"", capture_output=True, timeout=60)
    assert missing.returncode == 65 and b'no model "no-such-model"' in missing.stderr and b"make setup" in missing.stderr

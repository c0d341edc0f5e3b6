"""`bantam tokenize` and `bantam tokenize --decode` against the references, for every kind of tokenizer beside BERT's:

- every tokenizer.json of the data set tok-hf-json, against `tokenizers`: ids, offsets and the way back;
- SentencePiece models against `sentencepiece`, of its own data set and trained here (BPE with byte fallback);
- tiktoken's ranks against `tiktoken`; vocab.json with merges.txt against `tokenizers`.

Samples by default; BANTAM_TEST_ALL=1: all texts of the data sets and 100,000 generated strings."""

import base64
import io
import json
import os
import random
import subprocess

import pytest
import sentencepiece
import tiktoken
import tiktoken_ext.openai_public
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from awkward_text import awkward_strings
from test_tokenizer import data_texts  # noqa: F401  (a fixture)

ALL = os.environ.get("BANTAM_TEST_ALL") == "1"
HF_JSON = ["clip", "e5-small-v2", "falcon", "model2vec-bert", "modernbert", "phi-2", "phi-3-mini", "roberta-base", "t5-small", "whisper-tiny"]
SENTENCEPIECE = ["test_model", "test_ja_model", "fast_sentencepiece"]
TIKTOKEN = ["r50k_base", "p50k_base", "cl100k_base", "o200k_base"]
# What the patterns and normalizers turn on, and the awkward strings seldom hold.
PIECES = ["'ſ", "'LL", "we'Re", "\t ", "  ", "\r", "\x0b\x85", "ABC\u0301DEF", "aBc", "1234567", "٣٤٥", "ﷺ", "㍿", "e\u0323\u0301", "©\u200d", "\u0600a",
          "▁", "<0x0A>", "漢字123", "///", "...!!", "\u3000", "ﬀ", "½²", "각ᆨ"]  # fmt: skip


def texts_for(data, seed, tokens=()):
    """Texts of the data sets and generated strings, some of them with `tokens` in them."""
    random_ = random.Random(seed)
    texts = data if ALL else random_.sample(data, 1_500)
    awkward = awkward_strings(120_000 if ALL else 60_000)
    texts = texts + (awkward if ALL else awkward[:17_408:16] + random_.sample(awkward[17_408:], 1_000))
    parts = PIECES + list(tokens)[:200]
    for _ in range(10_000 if ALL else 500):
        texts.append("".join(random_.choice([random_.choice(parts), random_.choice(awkward)[:12], " "]) for _ in range(random_.randint(1, 8))))
    return [text.replace("\n", " ") for text in texts]


def run(binary, model, lines, *options):
    done = subprocess.run([binary, "tokenize", "--model", model, *options], input="".join(line + "\n" for line in lines).encode(),
                          capture_output=True, timeout=1_200)  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    answers = done.stdout.decode("utf-8").split("\n")[:-1]
    assert len(answers) == len(lines)
    return answers


def compare(texts, answers, expected):
    differences = [f"{ascii(text)}\n  ours      {answer}\n  reference {right}" for text, answer, right in zip(texts, answers, expected) if answer != right]
    assert not differences, f"{len(differences)} of {len(texts)} differ\n" + "\n".join(differences[:5])


def as_line(ids, offsets):
    return f'{{"ids": {list(ids)}, "offsets": {[list(span) for span in offsets]}}}'


def check_hugging_face(binary, model, reference, texts):
    encodings = reference.encode_batch(texts)
    compare(texts, run(binary, model, texts), [as_line(e.ids, e.offsets) for e in encodings])
    ids = [list(e.ids) for e in encodings]
    decoded = [json.loads(line) for line in run(binary, model, [str(i) for i in ids], "--decode")]
    compare(ids, decoded, reference.decode_batch(ids, skip_special_tokens=False))


@pytest.mark.parametrize("name", HF_JSON)
def test_tokenizer_json(bantam_binary, test_data, data_texts, name):  # noqa: F811
    path = test_data / "tok-hf-json" / name / "tokenizer.json"
    reference = Tokenizer.from_file(str(path))
    reference.no_truncation()
    reference.no_padding()
    added = [token.content for token in reference.get_added_tokens_decoder().values() if "\n" not in token.content]
    check_hugging_face(bantam_binary, path, reference, texts_for(data_texts, name, added))


def test_vocabulary_and_merges(bantam_binary, test_data, data_texts, tmp_path):  # noqa: F811
    roberta = test_data / "tok-hf-json/roberta-base"
    for name in ("vocab.json", "merges.txt"):
        (tmp_path / name).symlink_to(roberta / name)
    texts = texts_for(data_texts, "merges")
    expected = run(bantam_binary, roberta / "tokenizer.json", texts)
    compare(texts, run(bantam_binary, tmp_path, texts), expected)

    folder = test_data / "tok-hf-json/gpt2-vocab-merges"
    reference = Tokenizer(models.BPE.from_file(str(folder / "gpt2.vocab"), str(folder / "gpt2.merges.txt")))
    reference.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    reference.decoder = decoders.ByteLevel()
    reference.add_special_tokens(["<|endoftext|>"])
    check_hugging_face(bantam_binary, folder / "gpt2.vocab", reference, texts_for(data_texts, "gpt2", ["<|endoftext|>"]))


def check_sentencepiece(binary, path, texts):
    reference = sentencepiece.SentencePieceProcessor(model_file=str(path))
    ids = [reference.encode(text) for text in texts]
    offsets = [reference.encode(text, return_type="offset_mapping")["offsets"] for text in texts]
    compare(texts, run(binary, path, texts), [as_line(*pair) for pair in zip(ids, offsets)])
    decoded = [json.loads(line) for line in run(binary, path, [str(i) for i in ids], "--decode")]
    compare(ids, decoded, [reference.decode(i) for i in ids])


@pytest.mark.parametrize("name", SENTENCEPIECE)
def test_sentencepiece(bantam_binary, test_data, data_texts, name):  # noqa: F811
    check_sentencepiece(bantam_binary, test_data / f"tok-sentencepiece/{name}.model", texts_for(data_texts, name, ["<s>", "</s>", "<unk>"]))


def test_a_long_text_is_cut_as_short_ones_are(bantam_binary, test_data):
    """Sums of scores begin anew every 100,000: in single precision they would tell less and less."""
    text = " ".join((test_data / "tok-sentencepiece/botchan.txt").read_text(encoding="utf-8").split()) + " "
    check_sentencepiece(bantam_binary, test_data / "tok-sentencepiece/test_model.model", [text * 6, "-" * 3_001 + text * 3 + "-" * 3_001])


@pytest.mark.parametrize("options", [
    dict(model_type="bpe", vocab_size=2_000, byte_fallback=True, user_defined_symbols=["<sep>", "of the"], normalization_rule_name="identity"),
    dict(model_type="bpe", vocab_size=1_000, remove_extra_whitespaces=False, add_dummy_prefix=False),
    dict(model_type="unigram", vocab_size=1_000, byte_fallback=True, user_defined_symbols=["<sep>", "the"], treat_whitespace_as_suffix=True),
], ids=["bpe_bytes", "bpe_spaces", "unigram_suffix"])  # fmt: skip
def test_sentencepiece_trained_here(bantam_binary, test_data, data_texts, tmp_path, options):  # noqa: F811
    lines = (test_data / "tok-sentencepiece/botchan.txt").read_text(encoding="utf-8").splitlines()
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(lines), model_writer=model, minloglevel=2, **options)
    path = tmp_path / "trained.model"
    path.write_bytes(model.getvalue())
    check_sentencepiece(bantam_binary, path, texts_for(data_texts, str(options), ["<sep>", "of the", "the"]))


@pytest.mark.parametrize("name", TIKTOKEN)
def test_tiktoken(bantam_binary, test_data, data_texts, monkeypatch, name):  # noqa: F811
    path = test_data / f"tok-tiktoken/{name}.tiktoken"
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in path.read_bytes().splitlines() if line)}
    monkeypatch.setattr(tiktoken_ext.openai_public, "load_tiktoken_bpe", lambda *_, **__: ranks)
    reference = tiktoken.Encoding(**getattr(tiktoken_ext.openai_public, name)())
    texts = texts_for(data_texts, name, ["<|endoftext|>"])
    expected = [reference.encode(text, allowed_special="all") for text in texts]
    compare(texts, run(bantam_binary, path, texts, "--no-offsets"), [f'{{"ids": {ids}}}' for ids in expected])
    decoded = [json.loads(line) for line in run(bantam_binary, path, [str(ids) for ids in expected], "--decode")]
    compare(expected, decoded, [reference.decode(ids) for ids in expected])


def test_decode_refuses_what_is_no_list_of_ids(bantam_binary, test_data):
    path = test_data / "tok-tiktoken/r50k_base.tiktoken"
    for line, why in [("[1, 60000]", "60000 is no id: expected an integer from 0 to 50256"), ("[-1]", "-1 is no id"), ("hello", ""),
                      ('{"text": 1}', 'expected [ids] or {"ids": [ids]}')]:  # fmt: skip
        done = subprocess.run([bantam_binary, "tokenize", "--decode", "--model", path], input=line.encode(), capture_output=True, timeout=60)
        assert done.returncode in (64, 65) and "standard input:1" in done.stderr.decode() and why in done.stderr.decode(), done.stderr

"""`bantam tokenize` on vocabularies inside GGUF files, written here as llama.cpp's converter writes them, against the tokenizers that they
come from: SentencePiece models (Unigram with its normalisation, BPE with bytes), T5's, and byte-level BPE under several pre-tokenizers.

Samples by default; BANTAM_TEST_ALL=1: all texts of the data sets and 100,000 generated strings."""

import base64
import json
import struct
from random import Random

import gguf
import pytest
import sentencepiece
from tokenizers import Tokenizer

from test_tokenizer import data_texts  # noqa: F401  (a fixture)
from test_tokenizer_kinds import compare, run, texts_for

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)


def write(path, fill):
    writer = gguf.GGUFWriter(str(path), "llama")
    fill(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def piece_type(model, piece):
    return (CONTROL if model.is_control(piece) else UNKNOWN if model.is_unknown(piece) else BYTE if model.is_byte(piece)
            else UNUSED if model.is_unused(piece) else NORMAL)  # fmt: skip


def charsmap(serialized):
    """normalizer_spec (3) . precompiled_charsmap (2) of the protocol buffer."""

    def fields(data):
        at = 0

        def varint():
            nonlocal at
            value = shift = 0
            while True:
                byte = data[at]
                at += 1
                value |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    return value

        while at < len(data):
            key = varint()
            if key & 7 == 2:
                length = varint()
                yield key >> 3, data[at : at + length]
                at += length
            elif key & 7 == 5:
                at += 4
            elif key & 7 == 1:
                at += 8
            else:
                varint()

    normalizer = next(value for number, value in fields(serialized) if number == 3)
    return next((value for number, value in fields(normalizer) if number == 2), b"")


def sentencepiece_vocabulary(model, kind, remove_extra_whitespaces):
    def fill(writer):
        pieces = range(model.vocab_size())
        writer.add_tokenizer_model(kind)
        writer.add_token_list([model.id_to_piece(piece) for piece in pieces])
        writer.add_token_scores([model.get_score(piece) for piece in pieces])
        writer.add_token_types([piece_type(model, piece) for piece in pieces])
        writer.add_unk_token_id(model.unk_id())
        writer.add_add_space_prefix(True)
        writer.add_add_bos_token(False)
        writer.add_add_eos_token(False)
        writer.add_remove_extra_whitespaces(remove_extra_whitespaces)
        rules = charsmap(model.serialized_model_proto())
        if rules and kind == "t5":
            writer.add_precompiled_charsmap(rules)

    return fill


def ids(answers):
    return [json.loads(answer)["ids"] for answer in answers]


def without_control(texts):
    """`bantam tokenize` finds control tokens that a text spells, as llama.cpp does; sentencepiece itself cannot be asked to."""
    return [text for text in texts if not any(token in text for token in ("<s>", "</s>", "<unk>"))]


@pytest.mark.parametrize("name", ["test_model", "test_ja_model"])
def test_sentencepiece_unigram(name, bantam_binary, test_data, data_texts, tmp_path):  # noqa: F811
    model = sentencepiece.SentencePieceProcessor(model_file=str(test_data / f"tok-sentencepiece/{name}.model"))
    path = write(tmp_path / "m.gguf", sentencepiece_vocabulary(model, "t5", True))
    texts = without_control(texts_for(data_texts, 11))
    compare(texts, ids(run(bantam_binary, path, texts)), model.encode(texts))


def test_sentencepiece_bpe(bantam_binary, data_texts, tmp_path):  # noqa: F811
    trained = tmp_path / "bpe"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(data_texts[:4_000]), model_prefix=str(trained), model_type="bpe", vocab_size=2_000, byte_fallback=True,
        normalization_rule_name="identity", remove_extra_whitespaces=False, character_coverage=0.999, minloglevel=2)  # fmt: skip
    model = sentencepiece.SentencePieceProcessor(model_file=f"{trained}.model")
    path = write(tmp_path / "m.gguf", sentencepiece_vocabulary(model, "llama", False))
    texts = without_control(texts_for(data_texts, 12))
    compare(texts, ids(run(bantam_binary, path, texts)), model.encode(texts))


def t5_pieces(document):
    special = {token["content"] for token in document["added_tokens"]}
    kinds = {token: CONTROL for token in special} | {"<unk>": UNKNOWN}
    return [(token, score, kinds.get(token, NORMAL)) for token, score in document["model"]["vocab"]]


def compare_with_t5(binary, path, file, texts):
    document = json.loads(file.read_text(encoding="utf-8"))
    reference = Tokenizer.from_file(str(file))
    reference.no_truncation()
    reference.no_padding()
    # Where it takes control tokens from a text, ours does so too: `tokenize` recognises them.
    # Of white space beyond ASCII its tokenizer.json makes more than its SentencePiece model.
    texts = [text for text in texts if text.isprintable() and all(ord(c) < 0x250 for c in text)]
    ours = ids(run(binary, path, texts))
    expected = [encoding.ids for encoding in reference.encode_batch(texts)]
    # Of cuts with equal scores, as in "-----", rounding decides: the reference sums each word by itself, SentencePiece and ours the text.
    scores = [score for _, score in document["model"]["vocab"]]
    ties = [n for n, (a, b) in enumerate(zip(ours, expected)) if a != b and len(a) == len(b) and abs(sum(scores[i] for i in a) - sum(scores[i] for i in b)) < 1e-3]
    assert len(ties) < len(texts) / 20
    for n in ties:
        ours[n] = expected[n]
    compare(texts, ours, expected)


def test_t5(bantam_binary, test_data, data_texts, tmp_path):  # noqa: F811
    file = test_data / "tok-hf-json/t5-small/tokenizer.json"
    document = json.loads(file.read_text(encoding="utf-8"))

    def fill(writer):
        tokens, scores, kinds = zip(*t5_pieces(document))
        writer.add_tokenizer_model("t5")
        writer.add_token_list(tokens)
        writer.add_token_scores(scores)
        writer.add_token_types(kinds)
        writer.add_eos_token_id(1)
        writer.add_unk_token_id(2)
        writer.add_add_space_prefix(True)
        writer.add_remove_extra_whitespaces(True)
        writer.add_precompiled_charsmap(base64.b64decode(document["normalizer"]["precompiled_charsmap"]))

    compare_with_t5(bantam_binary, write(tmp_path / "t5.gguf", fill), file, texts_for(data_texts, 13))


def field(number, value):
    """Of a protocol buffer (sentencepiece_model.proto): bytes, a float or a whole number."""

    def varint(rest):
        out = bytearray()
        while rest > 127:
            out.append(rest & 127 | 128)
            rest >>= 7
        return bytes([*out, rest])

    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    return varint(number << 3 | 5) + struct.pack("<f", value) if isinstance(value, float) else varint(number << 3) + varint(value)


def test_t5_of_pieces(bantam_binary, test_data, data_texts, tmp_path):  # noqa: F811
    """spiece.model, and the sentinels that only its tokenizer's code has."""
    file = test_data / "tok-hf-json/t5-small/tokenizer.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    pieces = [token_score_kind for token_score_kind in t5_pieces(document) if not token_score_kind[0].startswith("<extra_id_")]
    charsmap = base64.b64decode(document["normalizer"]["precompiled_charsmap"])
    model = b"".join(field(1, field(1, token.encode()) + field(2, score) + field(3, kind)) for token, score, kind in pieces)
    model += field(2, field(3, 1)) + field(3, field(2, charsmap) + field(3, 1) + field(4, 1) + field(5, 1))  # unigram, and as T5 normalises
    (tmp_path / "spiece.model").write_bytes(model)
    (tmp_path / "config.json").write_text('{"model_type": "t5"}')
    random = Random(5)
    texts = texts_for(data_texts, 13)
    spelled = [text[: (cut := random.randrange(len(text) + 1))] + random.choice(["", " "]) + f"<extra_id_{random.randrange(101)}>" + text[cut:] for text in texts]
    compare_with_t5(bantam_binary, tmp_path / "spiece.model", file, texts + spelled)


@pytest.mark.parametrize("name, pre", [("phi-2", "phi-2"), ("roberta-base", "roberta-bpe"), ("modernbert", "modern-bert")])
def test_byte_level_bpe(name, pre, bantam_binary, test_data, data_texts, tmp_path):  # noqa: F811
    file = test_data / f"tok-hf-json/{name}/tokenizer.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    reference = Tokenizer.from_file(str(file))
    reference.no_truncation()
    reference.no_padding()
    added = {token["id"]: token for token in document["added_tokens"]}

    def fill(writer):
        tokens = {number: token for token, number in reference.get_vocab(with_added_tokens=True).items()}
        size = max(tokens) + 1
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre)
        writer.add_token_list([tokens.get(number, f"[PAD{number}]") for number in range(size)])
        writer.add_token_types([UNUSED if number not in tokens else NORMAL if number not in added else CONTROL if added[number]["special"]
                                else USER_DEFINED for number in range(size)])  # fmt: skip
        writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in document["model"]["merges"]])

    path = write(tmp_path / "bpe.gguf", fill)
    # Added tokens that take white space with them say so nowhere in a GGUF file.
    awkward = [token["content"] for token in document["added_tokens"] if token["lstrip"] or token["rstrip"]]
    texts = [text for text in texts_for(data_texts, 14) if not any(token in text for token in awkward)]
    expected = [encoding.ids for encoding in reference.encode_batch(texts, add_special_tokens=False)]
    compare(texts, ids(run(bantam_binary, path, texts)), expected)

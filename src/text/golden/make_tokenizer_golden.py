"""Writes the golden files of the tokenizer tests: small tokenizers of several kinds (NAME.tokenizer.json) and what the
reference makes of awkward texts with each (NAME.jsonl). Run by `make golden`; needs the packages of
tools/requirements-golden.txt and, for real vocabulary, the data sets.

A line of NAME.jsonl: {"text", "special": are special tokens recognised, "add": are they added around, "max": limit or 0,
"ids", "offsets"}.
"""

import json
import os
import random
import sys
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "support"))
from awkward_text import SPECIAL, WORDS, awkward_strings  # noqa: E402

DATA = Path(os.environ.get("BANTAM_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
NAMES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

TEXTS = [
    "", " ", "\n", "\n\n\t \r\n", "Hello, world!", "hello\nworld\r\nagain", "The quick brown fox's e-mail: a.b@c.de",
    "unaffable internationalization antidisestablishmentarianism", "x" * 99, "x" * 100, "x" * 101, "é" * 100, "é" * 101,
    "e\u0301" * 101, "a " * 200, "!" * 64, "日本" * 32, "\u0301" * 64, "a" + "\u0301\u0323" * 40 + "b", "\u0130\u0130x \u0130",
    "a\u0000b\ufffdc", "\ufeffbyte order mark", "a\u200bb\u200dc\u2060d\u00ade", "\ue000private\U000f0000use\U0010ffff",
    "\u0378unassigned\U000e0080", "½ ² ﬁ ﬀ ŉ ǰ ΐ", "가각힣ᄀ각 한국어", "नमस्ते क़ हिन्दी", "ﷺ العربية שָׁלוֹם \u202eabc\u202c",
    "👩‍👩‍👧‍👦🏳️‍🌈🇩🇪1️⃣", "\u302e\u302f\u1d16d \U0001d165\U0001d16d\U0001d15f", "\u1ec7\u0323\u0302\u0344\u0345",
    "中文字符，测试。混合English文本", "﨑丽 \U00020000\U0002f800\u3400", "ばびぶぱが ヷ", "\u037e\u0387\u1fef\u2126\u212a\u212b",
    "a\u0085b\u000bc\u000cd\u001ce\u2028f\u2029g\u3000h\u1680i\u180ej", "[CLS] [SEP] [MASK][MASK] [mask] [UNK][PAD]", "##ing ## # a##b",
    "don't can't won't it's", "$3.14 €5 £6 ¥7 ~`^|\\<>=+", "ÀÁÂÃÄÅÇÈÉ àáâãäåçèé ẞß ŁłØø Đđ", "ΑΣ ὈΔΥΣΣΕΎΣ ς", "ǅ ǈ ǋ Ⅷ Ⓐ Ａ",
    "\U00010400\U0001e900\U00016e40 deseret adlam", "ꭰᏸᎠ cherokee", "ⴀႠᲐა georgian", "İıIi", "\u0345\u0399\u0308\u0301",
]  # fmt: skip


def texts(count):
    return TEXTS + [" ".join(SPECIAL), " ".join(WORDS)] + awkward_strings(60_000, seed=7)[20_000 : 20_000 + count]


def vocabulary(lines):
    """The part of the real vocabularies that the lines use, and all single characters among the first 2,000 tokens."""
    kept = dict.fromkeys(NAMES)
    for name, lowercase in (("uncased", True), ("cased", False)):
        words = (DATA / f"tok-bert-vocab/{name}_vocab.txt").read_text(encoding="utf-8").split("\n")
        full = Tokenizer(models.WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
        full.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
        full.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        for encoding in full.encode_batch(lines):
            kept.update(dict.fromkeys(encoding.tokens))
    kept.update(dict.fromkeys(["##", "#", "a", "##a", "x", "##x", "东", "ing", "##ing", "e\u0301", "ᄀ", "##ᅡ", "\u302e", "##\u302e"]))
    return {token: i for i, token in enumerate(kept)}


def tokenizer(vocab, normalizer, pre_tokenizer=True, post_processor=True, **options):
    out = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", **options))
    if normalizer:
        out.normalizer = normalizer
    if pre_tokenizer:
        out.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    out.add_special_tokens(NAMES)
    if post_processor:
        out.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[("[CLS]", vocab["[CLS]"]), ("[SEP]", vocab["[SEP]"])])
    return out


def tokenizers(vocab):
    bert = normalizers.BertNormalizer
    yield "uncased", tokenizer(vocab, bert()), 110
    yield "cased", tokenizer(vocab, bert(lowercase=False)), 60
    yield "lowered_with_accents", tokenizer(vocab, bert(strip_accents=False, handle_chinese_chars=False)), 60
    yield "stripped_unclean", tokenizer(vocab, bert(clean_text=False, strip_accents=True, lowercase=False)), 60
    yield "only_the_model", tokenizer(vocab, None, pre_tokenizer=False, post_processor=False), 10
    yield "short_words", tokenizer(vocab, bert(), max_input_chars_per_word=5, continuing_subword_prefix=""), 20
    added = tokenizer(vocab, bert())
    added.add_tokens([
        AddedToken("[A]", normalized=False, rstrip=True), AddedToken(" x", normalized=False),
        AddedToken("[B]", normalized=False, lstrip=True, special=True), AddedToken("[BB]", normalized=False, single_word=True),
        AddedToken("Ångström", normalized=True), AddedToken("the", normalized=True, single_word=True, lstrip=True, rstrip=True),
        AddedToken("東京", normalized=False), AddedToken("e\u0301", normalized=False), AddedToken("don't", normalized=True),
        AddedToken("[MASK][MASK]", normalized=True, special=True),
    ])  # fmt: skip
    yield "added_tokens", added, 40


ADDED_TEXTS = ["[A]  xx [A] x", "[A] \u3000\u2028 [B] [B][B]x", "a [BB] a[BB] [BB]b é[BB] \u0301[BB]_ [BB]", "THE the  The\tthese lathe the",
               "ÅNGSTRÖM angstrom Ångström\u0323", "東京都 in 東京", "cafe\u0301 e\u0301\u0323", "DON'T don't", "[mask][mask] [MASK][MASK]", "[[A]][A",
               "  x  x [A]   x"]  # fmt: skip


def main():
    lines = texts(110)
    vocab = vocabulary(lines)
    total = 0
    for name, reference, count in tokenizers(vocab):
        random_ = random.Random(name)
        path = HERE / f"{name}.tokenizer.json"
        path.write_text(json.dumps(json.loads(reference.to_str()), separators=(",", ":")) + "\n", encoding="utf-8")
        total += path.stat().st_size
        out = []
        for text in texts(count) + (ADDED_TEXTS if name == "added_tokens" else []):
            special, add = random_.random() < 0.6, random_.random() < 0.8
            limit = random_.choice([0, 0, 0, 3, 4, 8, 17])
            reference.encode_special_tokens = not special
            if limit:
                reference.enable_truncation(limit)
            else:
                reference.no_truncation()
            encoding = reference.encode(text, add_special_tokens=add)
            out.append(json.dumps(dict(text=text, special=special, add=add, max=limit, ids=encoding.ids, offsets=encoding.offsets),
                                  separators=(",", ":")))  # fmt: skip
        path = HERE / f"{name}.jsonl"
        path.write_text("\n".join(out) + "\n", encoding="utf-8", newline="\n")
        total += path.stat().st_size
    print(f"{len(vocab)} tokens, {total} bytes")


if __name__ == "__main__":
    sys.exit(main())

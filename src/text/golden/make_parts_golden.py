"""Writes parts/: small tokenizers of every kind but BERT's, and what the references give for awkward texts with them.

  parts/NAME.tokenizer.json, NAME.jsonl     the package `tokenizers`: BPE, Unigram and WordLevel with the parts of real models
  parts/NAME.model, NAME.jsonl              `sentencepiece`: unigram, and BPE with byte fallback and user-defined symbols
  parts/ENCODING.tiktoken, ENCODING.jsonl   `tiktoken`, with 400 ranks

Run by `make golden`; needs the packages of tools/requirements-golden.txt.
"""

import base64
import io
import json
import random
import sys
from pathlib import Path

import sentencepiece
import tiktoken
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parents[2] / "tests/support"))

from awkward_text import WORDS, awkward_strings  # noqa: E402
from make_category_tables import charsmap  # noqa: E402
from make_tokenizer_golden import TEXTS  # noqa: E402

OUT = HERE / "parts"
PATTERN_TEXTS = [
    "I'LL we're you'Ve 's'S 'ſ he'd'm", "abc   def\t\tghi \n\n x\r\n\r\n  y  ", "end of line  \n  and of text   ", "\n \n", " \u3000\u2028 a",
    "1 22 333 4444 55555 ٣٤٥ ⅧⅨ ½²", "ABCdefGHI aBcDEf ǅab ʰaʰB ªBC \u0301ABC\u0301DEF x\u0301Y", "!!!abc ...DEF ,x /path/to//file \\n @user #tag $5",
    "漢字かなカナ한글 mixed混ぜ 123漢字456", "<|startoftext|>hi<|endoftext|> <|endoftext|", "foo_bar __x__ a-b--c", "a,b.c|d(e)f", "   leading", "x" * 40,
    "tab\there", "ﬀ ﷺ ㍿ Ǆ e\u0323\u0301 ạ\u0301", "\r\r\n\x0b\x85\u2029", "©\u200d\u0301 x©\u200d👩 \u0600a", "e\u0301 E\u0301\u0302 ae\u0301",
]  # fmt: skip
SPECIAL = ["<unk>", "<s>", "</s>", "<pad>"]


def corpus():
    base = [t for t in TEXTS + PATTERN_TEXTS + WORDS if t]
    common = ["the quick brown fox jumps over the lazy dog", "where is my refund for the order of last week", "2026 1000 250 99",
              "internationalization of the information station", "hello world this is a test of the tokenizer"]  # fmt: skip
    return base + common * 20


def latin():
    """For models whose size grows with the alphabet."""
    return [text for text in corpus() if all(ord(c) < 0x180 and c != "\0" for c in text)]


def trained(model, trainer, normalizer=None, pre_tokenizer=None):
    tokenizer = Tokenizer(model)
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator(latin() if isinstance(model, models.Unigram) else corpus(), trainer)
    return tokenizer


def byte_level_bpe(pre_tokenizer, normalizer=None, size=400, special=("<|endoftext|>",), **changes):
    tokenizer = trained(models.BPE(), trainers.BpeTrainer(vocab_size=size, special_tokens=list(special), show_progress=False,
                        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()), normalizer, pre_tokenizer)  # fmt: skip
    tokenizer.decoder = decoders.ByteLevel()
    if changes:
        state = json.loads(tokenizer.to_str())
        state["model"].update(changes)
        tokenizer = Tokenizer.from_str(json.dumps(state))
    return tokenizer


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior, invert=invert)


def level():
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


CL100K = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = CL100K.replace(r"\p{N}{1,3}", r"\p{N}")
QWEN35 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER, CONTRACTION = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
LEAD = r"[^\r\n\p{L}\p{N}]?"
O200K = f"{LEAD}{UPPER}*{LOWER}+{CONTRACTION}|{LEAD}{UPPER}+{LOWER}*{CONTRACTION}|" + r"\p{N}{1,3}" + TAIL
TEKKEN = f"{LEAD}{UPPER}*{LOWER}+|{LEAD}{UPPER}+{LOWER}*|" + r"\p{N}" + TAIL
DEEPSEEK3 = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
             ).replace('\\"', '"')  # fmt: skip
CLIP = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"


def hugging_face():
    sequence = pre_tokenizers.Sequence
    gpt2 = byte_level_bpe(pre_tokenizers.ByteLevel(add_prefix_space=True))
    gpt2.post_processor = processors.ByteLevel(trim_offsets=True)
    yield "gpt2", gpt2

    roberta = byte_level_bpe(pre_tokenizers.ByteLevel(add_prefix_space=False), special=SPECIAL)
    roberta.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    roberta.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 1), trim_offsets=True, add_prefix_space=False)
    yield "roberta", roberta

    llama3 = byte_level_bpe(sequence([split(CL100K), level()]), special=("<|begin|>", "<|end|>"), ignore_merges=True)
    llama3.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=True, add_prefix_space=False),
        processors.TemplateProcessing(single="<|begin|> $A", pair="<|begin|> $A <|begin|> $B", special_tokens=[("<|begin|>", 0)])])  # fmt: skip
    yield "llama3", llama3
    yield "qwen2", byte_level_bpe(sequence([split(QWEN2), level()]), normalizers.NFC())
    yield "qwen35", byte_level_bpe(sequence([split(QWEN35), level()]), normalizers.NFC())
    yield "o200k", byte_level_bpe(sequence([split(O200K, "removed", True), level()]))
    yield "tekken", byte_level_bpe(sequence([split(TEKKEN), level()]))
    yield "deepseek_v3", byte_level_bpe(sequence([split(r"\p{N}{1,3}"), split("[一-龥\u3040-ゟ゠-ヿ]+"), split(DEEPSEEK3), level()]))
    yield "deepseek_coder", byte_level_bpe(sequence([
        split(r"[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split(r"\s+$"), split("[一-龥ࠀ-一가-\ud7ff]+"),
        pre_tokenizers.Digits(individual_digits=True), level()]))  # fmt: skip
    yield "falcon", byte_level_bpe(sequence([pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.ByteLevel(add_prefix_space=False),
                                             pre_tokenizers.Digits(), split("[0-9][0-9][0-9]")]))  # fmt: skip
    yield "bloom", byte_level_bpe(sequence([split(BLOOM), level()]))

    clip = trained(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"),
                   trainers.BpeTrainer(vocab_size=600, special_tokens=["<|startoftext|>", "<|endoftext|>"], end_of_word_suffix="</w>", show_progress=False),
                   normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]),
                   sequence([split(CLIP, "removed", True), level()]))  # fmt: skip
    clip.post_processor = processors.RobertaProcessing(("<|endoftext|>", 1), ("<|startoftext|>", 0), trim_offsets=False, add_prefix_space=False)
    clip.decoder = decoders.BPEDecoder("</w>")
    yield "clip", clip

    bytes_ = [f"<0x{i:02X}>" for i in range(256)]
    llama = trained(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True),
                    trainers.BpeTrainer(vocab_size=600, special_tokens=SPECIAL + bytes_, show_progress=False, limit_alphabet=60),
                    normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]))  # fmt: skip
    llama = without_byte_tokens(llama)
    llama.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    llama.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    yield "llama", llama

    unknown = trained(models.BPE(unk_token="<unk>", continuing_subword_prefix="##"),
                      trainers.BpeTrainer(vocab_size=300, special_tokens=SPECIAL, continuing_subword_prefix="##", limit_alphabet=30, show_progress=False),
                      normalizers.NFKD(), pre_tokenizers.Whitespace())  # fmt: skip
    unknown.decoder = decoders.WordPiece("##", cleanup=True)
    yield "bpe_with_prefix", unknown

    t5 = trained(models.Unigram(), trainers.UnigramTrainer(vocab_size=320, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False),
                 normalizers.Sequence([charsmap("e\u0301", "é"), normalizers.Nmt(), normalizers.NFKC()]),
                 sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]))  # fmt: skip
    t5.decoder = decoders.Metaspace()
    t5.add_tokens([AddedToken("<extra>", rstrip=True), AddedToken("fox", single_word=True)])
    t5.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 2)])
    yield "t5", t5

    xlmr = trained(models.Unigram(), trainers.UnigramTrainer(vocab_size=320, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False),
                   normalizers.Sequence([normalizers.Strip(), normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()]),
                   pre_tokenizers.Metaspace(prepend_scheme="first", split=False))  # fmt: skip
    state = json.loads(xlmr.to_str())
    state["model"]["vocab"] += [[token, -20.0] for token in bytes_]
    state["model"]["byte_fallback"] = True
    xlmr = Tokenizer.from_str(json.dumps(state))
    xlmr.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first", split=False)])
    xlmr.post_processor = processors.BertProcessing(("</s>", 2), ("<s>", 1))
    yield "xlmr", xlmr

    words = {word: i for i, word in enumerate(dict.fromkeys(SPECIAL + " ".join(corpus()).lower().split()[:200] + list(".,!?'")))}
    for name, pre in [
        ("words", sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(True)])),
        ("words_punctuation", sequence([pre_tokenizers.Punctuation("merged_with_previous"), pre_tokenizers.CharDelimiterSplit(" ")])),
        ("words_re2", sequence([split(r"\w{2,9}|[^\w\s]", "merged_with_next"), split(r"(?:\d\d|x\s)", "removed")])),
        ("words_fixed", sequence([pre_tokenizers.FixedLength(3), pre_tokenizers.BertPreTokenizer()])),
    ]:
        level_ = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
        level_.normalizer = normalizers.Lowercase()
        level_.pre_tokenizer = pre
        level_.add_special_tokens(SPECIAL)
        if name == "words_fixed":
            level_.decoder = decoders.CTC("<pad>", "|")
        yield name, level_


def without_byte_tokens(tokenizer):
    """The trainer makes the byte tokens special; in real files they are plain tokens of the vocabulary."""
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [t for t in state["added_tokens"] if not t["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(state))


def write(name, lines):
    path = OUT / f"{name}.jsonl"
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines), encoding="utf-8", newline="\n")
    return path.stat().st_size


def texts(name):
    random_ = random.Random(name)
    awkward = [t for t in awkward_strings(60_000, seed=7)[20_000:40_000] if len(t) < 60]
    return PATTERN_TEXTS + random_.sample(TEXTS, 18) + random_.sample(awkward, 22) + [" ".join(SPECIAL) + " <mask>  <extra>  fox foxes"]


def main():
    OUT.mkdir(exist_ok=True)
    total = 0
    for name, reference in hugging_face():
        random_ = random.Random(name)
        path = OUT / f"{name}.tokenizer.json"
        path.write_text(json.dumps(json.loads(reference.to_str()), separators=(",", ":")) + "\n", encoding="utf-8")
        total += path.stat().st_size
        lines = []
        for text in texts(name):
            special, add, limit = random_.random() < 0.6, random_.random() < 0.8, random_.choice([0, 0, 0, 3, 8])
            # Where the model itself would find a special token in plain text, we do not, and the reference does.
            special = special or (name in ("t5", "xlmr") or name.startswith("words")) and any(t in text for t in SPECIAL)
            reference.encode_special_tokens = not special
            reference.no_truncation() if not limit else reference.enable_truncation(limit)
            encoding = reference.encode(text, add_special_tokens=add)
            lines.append(dict(text=text, special=special, add=add, max=limit, ids=encoding.ids, offsets=encoding.offsets,
                              decoded=reference.decode(encoding.ids, skip_special_tokens=False),
                              decoded_plain=reference.decode(encoding.ids, skip_special_tokens=True)))  # fmt: skip
        total += write(name, lines)

    for name, options in [("sp_unigram", dict(model_type="unigram", vocab_size=180, user_defined_symbols=["<sep>", "fox"], normalization_rule_name="nmt_nfkc_cf")),
                          ("sp_bpe", dict(model_type="bpe", vocab_size=500, byte_fallback=True, normalization_rule_name="identity",
                                          remove_extra_whitespaces=False, user_defined_symbols=["<sep>", "\n"], split_digits=True)),
                          ("sp_suffix", dict(model_type="unigram", vocab_size=180, treat_whitespace_as_suffix=True, normalization_rule_name="identity"))]:  # fmt: skip
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(latin()), model_writer=model, hard_vocab_limit=False, minloglevel=2,
                                                 character_coverage=0.98, **options)  # fmt: skip
        (OUT / f"{name}.model").write_bytes(model.getvalue())
        total += len(model.getvalue())
        reference = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
        lines = []
        for text in texts(name) + ["fox<sep>  <sep>x\nfox", "<s> </s> <unk>"]:
            ids = reference.encode(text)
            lines.append(dict(text=text, special=False, add=True, max=0, ids=ids, offsets=reference.encode(text, return_type="offset_mapping")["offsets"],
                              decoded=reference.decode(ids)))  # fmt: skip
        total += write(name, lines)

    ranks = [bytes([i]) for i in range(256)]
    trained_ = byte_level_bpe(pre_tokenizers.ByteLevel(add_prefix_space=False), size=400, special=())
    alphabet = {c: b for b, c in gpt2_alphabet().items()}
    for token, _ in sorted(trained_.get_vocab().items(), key=lambda item: item[1]):
        spelled = bytes(alphabet[c] for c in token)
        if spelled not in ranks:
            ranks.append(spelled)
    import tiktoken_ext.openai_public as public

    public.load_tiktoken_bpe = lambda *_, **__: {token: rank for rank, token in enumerate(ranks)}
    for name in ("r50k_base", "cl100k_base", "o200k_base"):
        path = OUT / f"{name}.tiktoken"
        path.write_bytes(b"".join(base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(ranks)))
        total += path.stat().st_size
        options = getattr(public, name)()
        reference = tiktoken.Encoding(**{**options, "explicit_n_vocab": None})
        lines = []
        for i, text in enumerate(texts(name) + ["<|endoftext|> x <|endofprompt|>"] * 2):
            ids = reference.encode(text, allowed_special="all") if i % 2 else reference.encode_ordinary(text)
            lines.append(dict(text=text, special=bool(i % 2), add=True, max=0, ids=ids, decoded=reference.decode(ids)))
        total += write(name, lines)
    print(f"{total} bytes")


def gpt2_alphabet():
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    out = {b: chr(b) for b in printable}
    for n, b in enumerate(b for b in range(256) if b not in out):
        out[b] = chr(256 + n)
    return out


if __name__ == "__main__":
    sys.exit(main())

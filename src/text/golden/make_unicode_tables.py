"""Writes unicode_tables.inc: the characters as the reference tokenizer sees them.

The reference (the Python package `tokenizers`) mixes tables of several Unicode versions: its punctuation, marks and
controls are those of one library, its decompositions those of another, its white space and lower case those of a third.
No published table has the same answers, so every answer here is the reference's own: each code point is put through it
and what comes out is written down. Run by `make golden`; needs the packages of tools/requirements-golden.txt.

Canonical ordering needs a combining class for each mark. The reference does not tell it, but it reorders: two marks change
places when the first has the larger class. One well-known character of each class (the anchors, from Python's own
unicodedata) places every other character: it belongs to the class whose anchor it never changes places with.
"""

import sys
import unicodedata
from pathlib import Path

import tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

OUTPUT = Path(__file__).resolve().parent.parent / "unicode_tables.inc"
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
BLOCK_BITS = 7
FLAGS = ["kRemoved", "kSpace", "kIdeograph", "kNonspacingMark", "kPunctuation", "kWordCharacter", "kDecomposes", "kHangulSyllable", "kLowers"]


def bert(**on):
    options = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**options, **on})


def mapping(normalizer, code_points=CODE_POINTS):
    """Code point -> what the normalizer makes of it, where that is not the character itself."""
    out = {}
    for c in code_points:
        result = normalizer.normalize_str(chr(c))
        if result != chr(c):
            out[c] = result
    return out


def probe_added_token(**behaviour):
    """A function: encodes a character followed by an added token; returns the added token's offsets, or None."""
    content = "\uf8fe\uf8ff"
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.add_tokens([AddedToken(content, normalized=False, **behaviour)])

    def probe(c):
        encoding = tokenizer.encode(chr(c) + content)
        return next((span for id_, span in zip(encoding.ids, encoding.offsets) if id_ == 1), None)

    return probe


def combining_classes(decompositions):
    nfd = normalizers.NFD()

    def swaps(a, b):
        return nfd.normalize_str(chr(a) + chr(b)) == chr(b) + chr(a) and a != b

    lowest, highest = 0x0334, 0x0345  # classes 1 and 240, the ends of the range
    marks = [c for c in CODE_POINTS
             if c not in decompositions and (c in (lowest, highest) or swaps(c, lowest) or swaps(highest, c))]
    anchors = {}
    for c in marks:  # the first of a class is its oldest
        anchors.setdefault(unicodedata.combining(chr(c)), c)
    ordered = sorted(anchors)
    assert (ordered[0], ordered[-1]) == (1, 240)
    for i, low in enumerate(ordered):
        for high in ordered[i + 1 :]:
            assert swaps(anchors[high], anchors[low]) and not swaps(anchors[low], anchors[high]), (low, high)

    classes = {}
    for c in marks:
        equal = [v for v in ordered if not swaps(c, anchors[v]) and not swaps(anchors[v], c)]
        assert len(equal) == 1, (hex(c), equal)
        classes[c] = equal[0]
    return classes


def probe():
    decompositions = mapping(normalizers.NFD())
    hangul = set(range(0xAC00, 0xD7A4))
    for c in hangul:
        index = c - 0xAC00
        parts = [0x1100 + index // 588, 0x1161 + index % 588 // 28] + ([0x11A7 + index % 28] if index % 28 else [])
        assert decompositions.pop(c) == "".join(map(chr, parts)), hex(c)
    for result in decompositions.values():
        assert not any(ord(d) in decompositions or ord(d) in hangul for d in result), "a decomposition is not final"

    clean = mapping(bert(clean_text=True))
    assert set(clean.values()) == {"", " "}
    ideographs = mapping(bert(handle_chinese_chars=True))
    assert all(result == f" {chr(c)} " for c, result in ideographs.items())
    marks = mapping(bert(strip_accents=True), [c for c in CODE_POINTS if c not in decompositions and c not in hangul])
    assert set(marks.values()) == {""}
    lower = mapping(normalizers.Lowercase())

    pieces = {}
    split = pre_tokenizers.BertPreTokenizer()
    for c in CODE_POINTS:
        pieces[c] = [piece for piece, _ in split.pre_tokenize_str(f"a{chr(c)}a")]
    spaces = {c for c in CODE_POINTS if pieces[c] == ["a", "a"]}
    punctuation = {c for c in CODE_POINTS if pieces[c] == ["a", chr(c), "a"]}
    assert all(pieces[c] == [f"a{chr(c)}a"] for c in CODE_POINTS if c not in spaces and c not in punctuation)
    # clean_text removes some white space (U+000B, U+000C, U+0085) as control characters before it looks for white space.
    assert {c for c, result in clean.items() if result == " "} | {0x20} == spaces - {c for c in clean if not clean[c]}
    strips = probe_added_token(lstrip=True)
    assert {c for c in CODE_POINTS if strips(c) == (0, 3)} == spaces, "another notion of white space"
    single = probe_added_token(single_word=True)
    word = {c for c in CODE_POINTS if single(c) is None}

    classes = combining_classes({**decompositions, **dict.fromkeys(hangul)})
    # strip_accents relies on this: within one decomposition the marks are in order already.
    for result in decompositions.values():
        values = [classes.get(ord(d), 0) for d in result]
        assert all(a <= b or b == 0 for a, b in zip(values, values[1:])), result

    sets = dict(kRemoved={c for c, result in clean.items() if result == ""}, kSpace=spaces, kIdeograph=set(ideographs),
                kNonspacingMark=set(marks), kPunctuation=punctuation, kWordCharacter=word, kDecomposes=set(decompositions),
                kHangulSyllable=hangul, kLowers=set(lower))
    assert list(sets) == FLAGS
    return sets, classes, decompositions, lower


def numbers(values):
    """Comma-separated, wrapped at 120 columns."""
    lines, line = [], ""
    for value in values:
        text = f"{value},"
        if len(line) + len(text) > 120:
            lines.append(line)
            line = ""
        line += text
    return "\n".join([*lines, line])


def class_tables(sets, classes):
    kinds, blocks, index = {}, {}, []
    of = [0] * 0x110000
    for c in range(0x110000):
        bits = sum(1 << bit for bit, name in enumerate(FLAGS) if c in sets[name])
        of[c] = kinds.setdefault((bits, classes.get(c, 0)), len(kinds))
    assert len(kinds) <= 256, len(kinds)
    for start in range(0, 0x110000, 1 << BLOCK_BITS):
        index.append(blocks.setdefault(tuple(of[start : start + (1 << BLOCK_BITS)]), len(blocks)))
    return kinds, blocks, index


def map_tables(name, entries):
    """Pages of 256 code points; in a page the low bytes in order, for each the place of its result in the pool."""
    pool, places = [], {}
    starts, keys, values = [], [], []
    last_page = max(entries) >> 8
    for page in range(last_page + 1):
        starts.append(len(keys))
        for c in sorted(c for c in entries if c >> 8 == page):
            result = entries[c]
            if result not in places:
                places[result] = len(pool)
                pool.extend(map(ord, result))
            assert len(result) <= 4 and places[result] < 1 << 14
            keys.append(c & 0xFF)
            values.append(places[result] << 2 | (len(result) - 1))
    starts.append(len(keys))
    return f"""
inline constexpr uint16_t k{name}Page[] = {{
{numbers(starts)}}};
inline constexpr uint8_t k{name}Key[] = {{
{numbers(keys)}}};
inline constexpr uint16_t k{name}Value[] = {{  // place in the pool * 4 + (length - 1)
{numbers(values)}}};
inline constexpr uint32_t k{name}Pool[] = {{
{numbers(pool)}}};
"""


def main():
    sets, classes, decompositions, lower = probe()
    kinds, blocks, index = class_tables(sets, classes)
    flags = "\n".join(f"inline constexpr uint16_t {name} = {1 << bit};  // {len(sets[name])} code points" for bit, name in enumerate(FLAGS))
    text = f"""// Generated by golden/make_unicode_tables.py from tokenizers {tokenizers.__version__}; do not edit. What each table says is in unicode.h.

{flags}

struct CharacterClass {{
  uint16_t flags;
  uint8_t combining_class;
}};
inline constexpr CharacterClass kCharacterClasses[] = {{
{numbers("{%d,%d}" % kind for kind in kinds)}}};
inline constexpr int kBlockBits = {BLOCK_BITS};
inline constexpr uint8_t kBlockOf[] = {{
{numbers(index)}}};
inline constexpr uint8_t kClassOf[] = {{
{numbers(value for block in blocks for value in block)}}};
"""
    assert len(blocks) <= 256, len(blocks)
    text += map_tables("Decomposition", decompositions) + map_tables("Lower", lower)
    OUTPUT.write_text(text, encoding="utf-8")
    print(f"{OUTPUT.name}: {len(text)} bytes; {len(kinds)} classes, {len(blocks)} blocks, "
          f"{len(decompositions)} decompositions, {len(lower)} lower-case mappings, {len(classes)} marks with a class")


if __name__ == "__main__":
    sys.exit(main())

"""Writes category_tables.inc: what unicode_tables.inc lacks for tokenizers other than BERT's.

As there, every answer is the reference's own, found by putting each code point through it: the general categories as the
regular expressions of `tokenizers` (Oniguruma) and of `tiktoken` (Rust's) see them, which differ; its numbers and combining
marks; its compatibility decompositions and compositions; and, for precompiled character maps, where it joins characters to
a grapheme of fewer than six bytes. Run by `make golden`; needs the packages of tools/requirements-golden.txt.
"""

import sys
from pathlib import Path

import tiktoken
import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

from make_unicode_tables import BLOCK_BITS, CODE_POINTS, mapping, numbers

OUTPUT = Path(__file__).resolve().parent.parent / "category_tables.inc"
CATEGORIES = ["Lu", "Ll", "Lt", "Lm", "Lo", "M", "N", "Nd", "P", "S", "Pc"]
EVERYTHING = "".join(map(chr, CODE_POINTS))
# Bits of the table, in this order; kGrapheme... are those of a grapheme's characters.
FLAGS = [f"kHf{name}" for name in CATEGORIES] + [f"kTt{name}" for name in CATEGORIES] + [
    "kHfWord", "kNumeric", "kCombiningMark", "kJoinsBefore", "kJoinsAfter", "kNeverJoined", "kPictograph"]


def reference_set(pattern):
    split = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    found = {ord(c) for piece, _ in split.pre_tokenize_str(EVERYTHING) for c in piece}
    return found


def tiktoken_set(pattern):
    encoding = tiktoken.Encoding("probe", pat_str=pattern, mergeable_ranks={bytes([i]): i for i in range(256)}, special_tokens={})
    return set(map(ord, bytes(encoding.encode_ordinary(EVERYTHING)).decode("utf-8")))


def charsmap(key, value):
    """A precompiled character map with one entry."""
    key = key.encode("utf-8")
    units = [0] * (256 * (len(key) + 2))
    at, base = 0, 0
    for i, byte in enumerate(key):
        at = base ^ byte
        base = 256 * (i + 1)
        units[at] = (at ^ base) << 10 | (1 << 8 if i + 1 == len(key) else 0) | byte
    units[base] = 1 << 31
    trie = b"".join(unit.to_bytes(4, "little") for unit in units)
    return normalizers.Precompiled(len(trie).to_bytes(4, "little") + trie + value.encode("utf-8") + b"\0")


def graphemes():
    a = charsmap("a", "z")
    before = {c for c in CODE_POINTS if a.normalize_str("a" + chr(c)) == "z"}
    copyright_ = charsmap("\xa9", "z")
    pictographs = {c for c in CODE_POINTS if copyright_.normalize_str("\xa9\u200d" + chr(c)).startswith("z\u200d")}
    after, never = set(), set()
    for c in CODE_POINTS:
        if c == 0 or c in before:
            continue
        probe = None
        if c < 0x10000:  # with more bytes the grapheme has six
            probe = charsmap(chr(c), "z")
            if probe.normalize_str(chr(c) + "\u0301") != "z":
                never.add(c)
        if (0x600 <= c < 0x10000 or 0x11000 <= c < 0x12000) and (probe or charsmap(chr(c), "z")).normalize_str(chr(c) + "a") == "z":
            after.add(c)
    never |= {0}
    return before, after, never, pictographs


def compositions():
    decompositions = mapping(normalizers.NFD())
    nfc = normalizers.NFC()
    pairs = {}
    for c, parts in decompositions.items():
        if 0xAC00 <= c < 0xD7A4 or nfc.normalize_str(chr(c)) != chr(c) or len(parts) < 2:
            continue
        first = nfc.normalize_str(parts[:-1])
        assert len(first) == 1 and nfc.normalize_str(first + parts[-1]) == chr(c), hex(c)
        pairs[ord(first), ord(parts[-1])] = c
    return pairs


def compatibility():
    canonical = mapping(normalizers.NFD())
    return {c: result for c, result in mapping(normalizers.NFKD()).items() if canonical.get(c) != result}


def probe():
    sets = []
    for name in CATEGORIES:
        sets.append(reference_set(rf"\p{{{name}}}"))
    for name in CATEGORIES:
        sets.append(tiktoken_set(rf"\p{{{name}}}"))
    spaces = reference_set(r"\s")
    assert spaces == tiktoken_set(r"\s"), "two notions of white space"
    assert reference_set(r"\d") == sets[CATEGORIES.index("Nd")]
    sets.append(reference_set(r"\w"))
    digits = pre_tokenizers.Digits(individual_digits=True)
    joined = "a" + "a".join(map(chr, CODE_POINTS)) + "a"
    sets.append({ord(piece) for piece, _ in digits.pre_tokenize_str(joined) if "a" not in piece})
    sets.append({c for c, result in mapping(normalizers.StripAccents()).items() if result == ""})
    sets += graphemes()
    assert len(sets) == len(FLAGS)
    return sets


def main():
    sets = probe()
    kinds, blocks, index = {}, {}, []
    of = [0] * 0x110000
    for c in range(0x110000):
        bits = sum(1 << bit for bit, found in enumerate(sets) if c in found)
        of[c] = kinds.setdefault(bits, len(kinds))
    assert len(kinds) <= 256, len(kinds)
    for start in range(0, 0x110000, 1 << BLOCK_BITS):
        index.append(blocks.setdefault(tuple(of[start : start + (1 << BLOCK_BITS)]), len(blocks)))
    assert len(blocks) < 1 << 16
    flags = "\n".join(f"inline constexpr uint32_t {name} = {1 << bit};  // {len(found)} code points"
                      for bit, (name, found) in enumerate(zip(FLAGS, sets)))
    pool, places, values = [], {}, []
    compatible = compatibility()
    for c in sorted(compatible):
        result = compatible[c]
        if result not in places:
            places[result] = len(pool)
            pool.extend(map(ord, result))
        values.append(places[result] << 5 | len(result))
        assert len(result) < 32
    pairs = compositions()
    text = f"""// Generated by golden/make_category_tables.py from tokenizers {tokenizers.__version__} and tiktoken {tiktoken.__version__}; do not edit.
// What each table says is in unicode_categories.h.

{flags}

inline constexpr uint32_t kCategories[] = {{
{numbers(kinds)}}};
inline constexpr uint16_t kCategoryBlockOf[] = {{
{numbers(index)}}};
inline constexpr uint8_t kCategoryOf[] = {{
{numbers(value for block in blocks for value in block)}}};
inline constexpr uint32_t kCompatibilityKey[] = {{
{numbers(sorted(compatible))}}};
inline constexpr uint32_t kCompatibilityValue[] = {{  // place in the pool * 32 + length
{numbers(values)}}};
inline constexpr uint32_t kCompatibilityPool[] = {{
{numbers(pool)}}};
inline constexpr uint64_t kCompositionKey[] = {{  // first * 2^32 + second
{numbers(f"{a << 32 | b}U" for a, b in sorted(pairs))}}};
inline constexpr uint32_t kCompositionValue[] = {{
{numbers(pairs[pair] for pair in sorted(pairs))}}};
"""
    OUTPUT.write_text(text, encoding="utf-8")
    print(f"{OUTPUT.name}: {len(text)} bytes; {len(kinds)} kinds, {len(blocks)} blocks, {len(compatible)} compatibility decompositions, "
          f"{len(pairs)} compositions")


if __name__ == "__main__":
    sys.exit(main())

"""Strings that tokenizers disagree about, made from a seed: the same seed gives the same strings on every machine.

Nothing here depends on the Unicode version of this Python: characters are drawn by number.
"""

import random

# Where things happen: (first, last), drawn from with equal weight, however small.
RANGES = [
    (0x00, 0x1F), (0x20, 0x7E), (0x7F, 0x9F), (0xA0, 0xFF), (0x100, 0x17F), (0x180, 0x24F), (0x250, 0x2AF),
    (0x2B0, 0x2FF), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x52F), (0x530, 0x58F), (0x590, 0x5FF), (0x600, 0x6FF),
    (0x700, 0x8FF), (0x900, 0xDFF), (0xE00, 0xFFF), (0x1000, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x139F),
    (0x13A0, 0x167F), (0x1680, 0x180F), (0x1800, 0x1AAF), (0x1AB0, 0x1AFF), (0x1B00, 0x1CFF), (0x1D00, 0x1DBF),
    (0x1DC0, 0x1DFF), (0x1E00, 0x1EFF), (0x1F00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x20CF), (0x20D0, 0x20FF),
    (0x2100, 0x218F), (0x2190, 0x23FF), (0x2400, 0x2BFF), (0x2C00, 0x2DFF), (0x2E00, 0x2E7F), (0x2E80, 0x2FFF),
    (0x3000, 0x303F), (0x3040, 0x30FF), (0x3100, 0x33FF), (0x3400, 0x4DBF), (0x4DC0, 0x9FFF), (0xA000, 0xABFF),
    (0xAC00, 0xD7A3), (0xD7A4, 0xD7FF), (0xE000, 0xF8FF), (0xF900, 0xFAFF), (0xFB00, 0xFB4F), (0xFB50, 0xFDFF),
    (0xFE00, 0xFE2F), (0xFE30, 0xFE6F), (0xFE70, 0xFEFF), (0xFF00, 0xFFEF), (0xFFF0, 0xFFFF), (0x10000, 0x107FF),
    (0x10800, 0x10FFF), (0x11000, 0x11FFF), (0x12000, 0x16FFF), (0x17000, 0x1AFFF), (0x1B000, 0x1CFFF),
    (0x1D000, 0x1D1FF), (0x1D200, 0x1DFFF), (0x1E000, 0x1EFFF), (0x1F000, 0x1FAFF), (0x1FB00, 0x1FFFF),
    (0x20000, 0x2A6DF), (0x2A6E0, 0x2F7FF), (0x2F800, 0x2FA1F), (0x30000, 0x3FFFF), (0xE0000, 0xE0FFF),
    (0xF0000, 0x10FFFF),
]  # fmt: skip
SPECIAL = ["[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]", "[cls]", "[ SEP ]", "[[SEP]]", "[MASK", "##", "##ing", "[unused5]"]
WORDS = ["the", "Refund", "unaffable", "internationalization", "I'm", "don't", "e-mail", "3.14", "2026-11-22", "naïve",
         "Ångström", "straße", "İstanbul", "ﬁnance", "Tiếng Việt", "Ελλάς", "Москва", "한국어", "日本語", "東京タワー", "ภาษาไทย",
         "हिन्दी", "العربية", "עִבְרִית", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "1️⃣", "x\u200dy", "\ufeffbom", "a\u0000b", "…", "№", "½", "ǅ"]  # fmt: skip
MARKS = [0x300, 0x301, 0x302, 0x303, 0x307, 0x308, 0x323, 0x327, 0x328, 0x334, 0x338, 0x345, 0x344, 0x5B0, 0x64B, 0x93C,
         0x94D, 0x9BC, 0xF71, 0xF72, 0xF73, 0xF74, 0xF80, 0xF81, 0x1037, 0x1B44, 0x1BAA, 0x20DD, 0x302A, 0x302E, 0x302F,
         0x3099, 0x309A, 0xA953, 0xA9C0, 0xFB1E, 0xFE20, 0x10A0F, 0x11133, 0x1D165, 0x1D166, 0x1D16D, 0x1D172, 0x1E8D0]  # fmt: skip
DECOMPOSE = [0xC5, 0xE9, 0x1EC7, 0x1E69, 0x1F82, 0x344, 0x390, 0xAC00, 0xAC01, 0xD7A3, 0x1D15F, 0x1D160, 0x2126, 0x212B,
             0x37E, 0x387, 0x1FEF, 0x2000, 0x2ADC, 0xF900, 0x2F800, 0xFB1D, 0xFB2C, 0x958, 0x9CB, 0x1026, 0x1B06, 0x1109A]  # fmt: skip


def character(random_):
    first, last = random_.choice(RANGES)
    return chr(random_.randint(first, last))


def piece(random_):
    kind = random_.randrange(12)
    if kind < 3:
        return "".join(character(random_) for _ in range(random_.randint(1, 6)))
    if kind < 5:
        return random_.choice(WORDS)
    if kind == 5:
        return random_.choice(SPECIAL)
    if kind == 6:
        return "".join(chr(random_.choice(MARKS)) for _ in range(random_.randint(1, 8)))
    if kind == 7:
        return chr(random_.choice(DECOMPOSE)) + "".join(chr(random_.choice(MARKS)) for _ in range(random_.randint(0, 4)))
    if kind == 8:
        return "".join(random_.choices(" \t\r\x0b\x0c\x85\xa0\u1680\u2000\u2009\u2028\u2029\u202f\u205f\u3000\u200b", k=random_.randint(1, 4)))
    if kind == 9:
        return "".join(chr(random_.randint(0x20, 0x7E)) for _ in range(random_.randint(1, 12)))
    if kind == 10:
        return "".join(random_.choices("abcdefghijklmnopqrstuvwxyz", k=random_.randint(1, 20)))
    return random_.choice([random_.choice(WORDS).upper(), chr(random_.randint(0x61, 0x7A)) * random_.randint(95, 105)])


def awkward_strings(count, seed=20261122):
    """`count` strings without line feeds; the first ones hold every code point once, in order."""
    random_ = random.Random(seed)
    strings = []
    for first in range(0, 0x110000, 64):
        characters = [chr(c) for c in range(first, first + 64) if not 0xD800 <= c <= 0xDFFF and c != 0x0A]
        if characters:
            strings.append("a".join(characters) if first % 128 else "".join(characters))
    while len(strings) < count:
        separator = random_.choice(["", "", " "])
        text = separator.join(piece(random_) for _ in range(random_.randint(1, 8)))
        strings.append(text.replace("\n", " "))
    return strings[:count]

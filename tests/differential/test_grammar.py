"""`bantam grammar` against Python: whatever a schema's automaton can write is valid for `jsonschema`, and patterns match what `re`
matches. Texts are made by walking at random through what is allowed, byte by byte."""

import json
import random
import re
import subprocess
import unicodedata

import jsonschema
import pytest
import regex
from jsonschema import _keywords, _legacy_keywords, _utils

_keywords.re = _legacy_keywords.re = _utils.re = regex  # Python's own knows no \p{Letter}
SEEDS = 20
VALIDATORS = {
    "draft2020-12": jsonschema.Draft202012Validator,
    "draft2019-09": jsonschema.Draft201909Validator,
    "draft7": jsonschema.Draft7Validator,
    "draft6": jsonschema.Draft6Validator,
    "draft4": jsonschema.Draft4Validator,
}


# Valid by the standard and the suite; jsonschema counts no properties for an "additionalProperties" that is a schema.
NOT_AS_JSONSCHEMA = {("draft2019-09", "unevaluatedProperties with adjacent non-bool additionalProperties")}


def run_batch(binary, lines):
    done = subprocess.run([binary, "grammar", "--batch"], input="".join(json.dumps(line) + "\n" for line in lines).encode(), capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr.decode()
    answers = [json.loads(line) for line in done.stdout.decode("utf-8").split("\n")[:-1]]
    assert len(answers) == len(lines)
    return answers


def check_samples(binary, schemas, validator):
    """schemas: [(name, schema)]. Every text of every schema that compiles is valid."""
    lines = [{"schema": schema, "narrow": narrow, "samples": SEEDS, "seed": 1} for _, schema in schemas for narrow in (True, False)]
    names = [f"{name}, narrow={narrow}" for name, _ in schemas for narrow in (True, False)]
    compiled, checked, unfinished = 0, 0, 0
    for name, line, answer in zip(names, lines, run_batch(binary, lines)):
        if "error" in answer:
            assert answer["error"]["code"] in ("unsupported", "invalid argument", "too large"), (name, answer)
            continue
        compiled += 1
        unfinished += answer["unfinished"]
        judge = validator(line["schema"], format_checker=validator.FORMAT_CHECKER)
        for text in answer["samples"]:
            document = json.loads(text)
            errors = [error.message for error in judge.iter_errors(document)]
            assert not errors, (name, line["schema"], text, errors)
            checked += 1
    print(f"{compiled} of {len(lines)} compile; {checked} texts valid, {unfinished} walks without an end")
    return compiled, checked


@pytest.mark.parametrize("draft", VALIDATORS)
def test_suite_schemas_give_valid_documents(bantam_binary, test_data, draft):
    schemas = []
    for path in sorted((test_data / "schema-testsuite/tests" / draft).rglob("*.json")):
        if path.name == "ecmascript-regex.json":
            continue  # jsonschema reads patterns as Python's re does
        for group in json.loads(path.read_text("utf-8")):
            if (draft, group["description"]) in NOT_AS_JSONSCHEMA:
                continue
            schemas.append((f"{path.name}: {group['description']}", group["schema"]))
    compiled, checked = check_samples(bantam_binary, schemas, VALIDATORS[draft])
    assert compiled > 100 and checked > 1000


def test_llama_cpp_schemas_give_valid_documents(bantam_binary, test_data):
    rows = [json.loads(line) for line in (test_data / "schema-llamacpp/schema_strings.jsonl").read_text("utf-8").splitlines()]
    rows += [json.loads(line) for line in (test_data / "schema-llamacpp/schema_to_gbnf.jsonl").read_text("utf-8").splitlines()]
    schemas = [(row["name"], json.loads(row["schema"])) for row in rows if row.get("status", "SUCCESS") == "SUCCESS"]
    compiled, checked = check_samples(bantam_binary, schemas, jsonschema.Draft7Validator)
    assert compiled > 150 and checked > 2000


# ECMA-262's meaning where Python's is another.
IN_PYTHON = {r"\s": "[\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]", ".": "[^\n\r\u2028\u2029]", "$": r"\Z"}


def random_pattern(rng, depth=0):
    """The same pattern, for ECMA-262 and for Python."""
    parts = []
    for _ in range(rng.randint(1, 3)):
        kind = rng.randrange(10 if depth < 3 else 6)
        if kind < 3:
            part = rng.choice("abc01 _é")
        elif kind < 4:
            part = rng.choice([r"\d", r"\w", r"\s", r"\.", ".", r"\D", r"\n", r"\x61", r"\u0062"])
        elif kind < 6:
            part = rng.choice(["[a-c]", "[^a-c]", r"[\d_]", "[^é]", "[a-]", r"[\w.]"])
        elif kind < 9:
            alternatives = [random_pattern(rng, depth + 1) for _ in range(rng.randint(1, 3))]
            opening = "(?:" if rng.random() < 0.5 else "("
            part = tuple(f"{opening}{'|'.join(pair[i] for pair in alternatives)})" for i in (0, 1))
        else:
            part = rng.choice("^$")
            parts.append((part, IN_PYTHON.get(part, part)))
            continue
        pair = part if isinstance(part, tuple) else (part, IN_PYTHON.get(part, part))
        times = rng.choice(["*", "+", "?", "{2}", "{1,}", "{0,2}", "*?", "+?"]) if rng.random() < 0.4 else ""
        parts.append((pair[0] + times, pair[1] + times))
    return "".join(pair[0] for pair in parts), "".join(pair[1] for pair in parts)


def test_patterns_match_as_pythons(bantam_binary):
    rng = random.Random(11)
    lines, expected = [], []
    for _ in range(400):
        pattern, pythons = random_pattern(rng)
        python = re.compile(pythons, re.ASCII)
        texts = ["".join(rng.choice("abc01 _é.\nx") for _ in range(rng.randrange(7))) for _ in range(25)]
        lines.append({"schema": {"type": "string", "pattern": pattern}, "texts": [json.dumps(text, ensure_ascii=False) for text in texts], "samples": 4, "seed": 5})
        expected.append((pattern, python.search, texts))
        lines.append({"regex": pattern, "texts": texts, "samples": 4, "seed": 5})
        expected.append((pattern, python.fullmatch, texts))
    refused = 0
    for (pattern, match, texts), line, answer in zip(expected, lines, run_batch(bantam_binary, lines)):
        if "error" in answer and answer["error"]["code"] == "too large":
            refused += 1
            continue
        if "error" in answer:
            assert answer["error"]["message"].endswith("no text at all satisfies it"), (pattern, answer)
            assert not any(match(text) for text in texts), pattern
            refused += 1
            continue
        assert answer["accepts"] == [match(text) is not None for text in texts], (pattern, texts)
        for sample in answer["samples"]:
            assert match(json.loads(sample) if "schema" in line else sample), (pattern, sample)
    print(f"{refused} of {len(lines)} have no text or too many states")
    assert refused < len(lines) / 3


def test_unicode_properties_are_those_of_the_standard(bantam_binary):
    """All characters that Python's Unicode knows, but for two ranges of letters that are all alike."""
    names = ["L", "Cased_Letter", "Lu", "gc=Ll", "Lt", "Lm", "General_Category=Other_Letter", "M", "N", "Decimal_Number", "P", "Pc", "S"]
    texts = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Co", "Cs")]
    texts = [text for text in texts if text < "\u3400" or text > "\uf900"]
    answers = run_batch(bantam_binary, [{"regex": rf"\p{{{name}}}", "texts": texts} for name in names])
    for name, answer in zip(names, answers):
        brief = {"Cased_Letter": "LC", "Other_Letter": "Lo", "Decimal_Number": "Nd"}.get(name.split("=")[-1], name.split("=")[-1])
        categories = ("Lu", "Ll", "Lt") if brief == "LC" else (brief,)
        assert not [text for text, ours in zip(texts, answer["accepts"]) if ours != unicodedata.category(text).startswith(categories)], name


def test_refusals_end_soon(bantam_binary):
    """Hostile ones: an error or an answer, all of them within a minute on any machine."""
    lines = [
        {"grammar": "root ::= " + "(" * 60000},
        {"grammar": 'root ::= "a"{0,1000000000}'},
        {"grammar": "root ::= " + " ".join(f"r{i}" for i in range(3000)) + "\n" + "\n".join(f'r{i} ::= "x"?' for i in range(3000))},
        {"regex": "((a{1000}){1000}){1000}"},
        {"regex": "(a|b)*a(a|b){30}"},
        {"schema": {"$ref": "#"}},
        {"schema": {"type": "string", "pattern": "(x+x+)+y" * 50}},
        {"schema": {"allOf": [{"anyOf": [{"minimum": i}, {"maximum": -i}]} for i in range(30)]}},
        {"schema": {"properties": {f"p{i}": {"$ref": "#"} for i in range(2000)}}},
        {"schema": {"type": "object", "patternProperties": {f"(a|b)*a(a|b){{{i}}}": {} for i in range(1, 7)}}},
        {"schema": {"enum": list(range(20000))}},
        {"schema": {"type": "array", "maxItems": 100000, "items": {"type": "string", "maxLength": 100}}},
    ]
    for line, answer in zip(lines, run_batch(bantam_binary, lines)):
        if "error" in answer:
            assert answer["error"]["code"] in ("invalid argument", "too large", "unsupported"), line

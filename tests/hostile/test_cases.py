"""cases.txt against the tests that there are."""

import re

from suite import HERE, cpp_tests, python_tests, read_cases, resolve


def test_every_test_of_the_list_exists():
    cpp, python = cpp_tests(), python_tests()
    for case in read_cases():
        assert case.reason or resolve(case, cpp, python)


def test_ids_are_unique_and_in_order():
    ids = [case.id for case in read_cases()]
    groups = "FHRDP"
    assert ids == sorted(set(ids), key=lambda i: (groups.index(i[0]), i)) and len(ids) > 120


def test_every_test_here_is_in_the_list_under_its_number():
    listed = {case.id: set(case.tests) for case in read_cases()}
    for path in HERE.glob("test_*.py"):
        for letter, number, rest in re.findall(r"^def test_([fhrd])(\d\d)_(\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE):
            name = f"tests/hostile/{path.name}::test_{letter}{number}_{rest}"
            assert name in listed[f"{letter.upper()}-{number}"], f"cases.txt does not name {name}"

"""cases.txt, and the tests that there are: which test shows which case, in which program."""

import re
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
GROUPS = {"F": "files", "H": "http", "R": "limits", "D": "faults", "P": "parsers"}
FUZZERS = REPOSITORY / "tests/faults/fuzz"
NOT_PROMISED = "not promised: "


@dataclass
class Case:
    id: str
    what: str
    tests: list  # "Suite.Test", "Suite.*", "tests/hostile/test_x.py::test_y"
    reason: str = ""  # why there are none

    @property
    def group(self):
        return GROUPS[self.id[0]]


def read_cases(path=HERE / "cases.txt"):
    cases = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        fields = [field.strip() for field in line.split("|", 2)]
        if len(fields) != 3 or not re.fullmatch(r"[FHRDP]-\d\d", fields[0]) or not fields[2]:
            raise ValueError(f"{path.name}:{number}: expected ID | what is wrong | tests")
        if fields[2].startswith(NOT_PROMISED):
            cases.append(Case(fields[0], fields[1], [], fields[2].removeprefix(NOT_PROMISED)))
        else:
            cases.append(Case(fields[0], fields[1], [python_path(test) for test in fields[2].split(", ")]))
    return cases


def python_path(test):
    if ".py" not in test:
        return test
    return f"tests/{test}" if "/" in test.split("::")[0] else f"tests/hostile/{test}"


def cpp_tests():
    """-> {"Suite.Test": the program that has it}."""
    tests = {}
    macro = re.compile(r"^(?:TEST|TEST_F|TEST_P)\(\s*(\w+),\s*(\w+)\)", re.MULTILINE)
    for path in [*REPOSITORY.glob("src/*/**/*_test.cc"), *REPOSITORY.glob("tests/faults/*_test.cc")]:
        parts = path.relative_to(REPOSITORY).parts
        program = f"bantam_{parts[1]}_test" if parts[0] == "src" else f"bantam_{path.stem}"
        for suite, name in macro.findall(path.read_text(encoding="utf-8")):
            tests[f"{suite}.{name}"] = program
    for path in FUZZERS.glob("*_fuzz.cc"):
        tests[f"fuzz.{path.stem.removesuffix('_fuzz')}"] = f"bantam_{path.stem}"
    return tests


def python_tests():
    """-> {"tests/hostile/test_x.py::test_y"}."""
    tests = set()
    for path in REPOSITORY.glob("tests/*/test_*.py"):
        name = path.relative_to(REPOSITORY).as_posix()
        for test in re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE):
            tests.add(f"{name}::{test}")
    return tests


def resolve(case, cpp, python):
    """The tests of a case, one by one: [(program or None for Python, test)]. An error names what there is none of."""
    found = []
    for wanted in case.tests:
        if wanted.endswith(".*"):
            matching = [(program, test) for test, program in cpp.items() if test.startswith(wanted[:-1])]
        elif ".py" in wanted:
            matching = [(None, test) for test in sorted(python) if wanted in (test, test.split("::")[0])]
        else:
            matching = [(cpp[wanted], wanted)] if wanted in cpp else []
        if not matching:
            raise LookupError(f"cases.txt: {case.id}: there is no test {wanted}")
        found += matching
    return found

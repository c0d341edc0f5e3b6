#!/usr/bin/env python3
"""The last lines of `make test`: skipped tests with their reasons, then each runner's own summary, then the sum.

    tools/test_summary.py LOGS      reads ctest.xml, ctest.log, pytest.xml and pytest.log there, and aarch64.* after a run
                                    that had the cross-built tests
"""

import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def gtest_reason(output):
    """What GTEST_SKIP() << "…" printed: the lines between "Skipped" and "[  SKIPPED ]"."""
    match = re.search(r": Skipped\n(.*?)\n\[  SKIPPED \]", output, re.DOTALL)
    return " ".join(match[1].split()) if match else "no reason given"


def read_cases(path):
    """-> (passed, failed, [(name, reason)]) of one JUnit file."""
    passed, failed, skipped = 0, 0, []
    for case in ElementTree.parse(path).iter("testcase"):
        name = case.get("name")
        if case.get("classname") and case.get("classname") != name:
            name = f"{case.get('classname')}.{name}"
        skip = case.find("skipped")
        message = skip.get("message") or "" if skip is not None else ""
        if case.get("status") == "notrun" and not message.startswith("SKIP_"):
            failed += 1  # ctest could not start it: not built, not found
        elif skip is not None:
            output = case.findtext("system-out") or ""
            skipped.append((name, gtest_reason(output) if message.startswith("SKIP_") else message))
        elif case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail":
            failed += 1
        else:
            passed += 1
    return passed, failed, skipped


def own_summary(log, pattern):
    lines = [line for line in log.read_text(errors="replace").splitlines() if re.search(pattern, line)]
    return lines[-1] if lines else f"{log.name}: no summary line; the runner stopped early"


def main():
    logs = Path(sys.argv[1])
    passed = failed = 0
    skipped = []
    complete = True
    runners = ["ctest", "pytest"]
    if (logs / "aarch64.log").exists():
        runners.insert(1, "aarch64")
    for runner in runners:
        path = logs / f"{runner}.xml"
        if not path.is_file():
            print(f"{runner}: wrote no report")
            complete = False
            continue
        p, f, s = read_cases(path)
        passed, failed = passed + p, failed + f
        skipped += [(runner, *entry) for entry in s]

    print(f"\n== skipped tests: {len(skipped)}")
    for runner, name, reason in skipped:
        print(f"  {runner}: {name}: {reason}")
    print("\n== summary")
    ctest_sum = r"tests passed, \d+ tests failed out of"
    for runner, pattern in (("ctest", ctest_sum), ("aarch64", ctest_sum), ("pytest", r"^=+ .*\b(passed|failed|error|no tests ran)")):
        log = logs / f"{runner}.log"
        if log.is_file():
            print(own_summary(log, pattern))
    print(f"{passed} passed, {failed} failed, {len(skipped)} skipped")
    return 0 if complete and not failed else 1


if __name__ == "__main__":
    sys.exit(main())

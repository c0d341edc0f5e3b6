#!/usr/bin/env python3
"""Runs the real client packages against the real server and writes docs/compatibility.md from that run: which client, which version,
which calls, whether they work, and why not. A test tells its row by a `works` or `does_not` mark.

    tools/compatibility.py                 runs and writes (make compatibility)
    tools/compatibility.py REPORT.xml      writes from a run that was: pytest --junitxml=REPORT.xml
    tools/compatibility.py --check REPORT.xml   says whether the page is what that run gives; exits 1 if not
"""

import os
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/compatibility.md"
HEAD = """# Compatibility

What clients do against `bantam serve`, each with its real package, unchanged but for the address. The table is made by
`tools/compatibility.py` from a run of the tests in `tests/clients`, and `make test` says when it is another; do not edit it. What does not work is
tested, too: the answer is the one that is told here.

The server has the default models, a classifier and a cross-encoder; `--alias NAME=MODEL` gives them the names that a client insists on.
[The API](reference/http-api.md) says what each field does.

| client | version | calls | works |
|---|---|---|---|
"""


def run():
    report = ROOT / "build/compatibility.xml"
    report.parent.mkdir(exist_ok=True)
    environment = subprocess.run(
        [ROOT / "tools/venv.sh", "test", "tools/requirements-test.txt"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
    tests = [f"tests/clients/test_{part}.py" for part in ("compatibility", "compatibility_node", "ollama_manage", "tensors", "tensors_grpc", "traces")]
    command = [ROOT / environment / "bin/python", "-m", "pytest", "-p", "no:cacheprovider", *tests, f"--junitxml={report}"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"})
    if done.returncode != 0:
        sys.exit("compatibility: a test failed (see above); the page is as it was")
    return report


def rows(report):
    """By client, what works first. Ends the program where a test was skipped: then there is nothing to compare with."""
    found = []
    for case in xml.parse(report).iter("testcase"):
        told = {entry.get("name"): entry.get("value") for entry in case.iter("property")}
        if "client" not in told:
            continue
        if case.find("skipped") is not None:
            print(f"compatibility: {case.get('name')} was skipped: the page is as it was")
            sys.exit(0)
        if case.find("failure") is not None or case.find("error") is not None:
            sys.exit(f"compatibility: {case.get('name')} failed: there is nothing to tell")
        works = told["works"] if not told["note"] else f"{told['works']}: {told['note']}"
        row = f"| {told['client']} | {told['version']} | {told['call']} | {works} |\n"
        found.append((told["client"], told["works"] == "no", row))
    return "".join(row for *_, row in sorted(found))


def main():
    arguments = sys.argv[1:]
    check = "--check" in arguments
    reports = [argument for argument in arguments if argument != "--check"]
    page = HEAD + rows(reports[0] if reports else run())
    if page == HEAD:
        sys.exit("compatibility: no test told of a client")
    if check:
        same = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page
        print("compatibility: docs/compatibility.md is what the run gives" if same else "compatibility: make compatibility rewrites docs/compatibility.md")
        sys.exit(0 if same else 1)
    PAGE.write_text(page, encoding="utf-8")
    print(f"compatibility: wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()

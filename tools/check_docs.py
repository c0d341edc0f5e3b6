#!/usr/bin/env python3
"""Checks that every relative link and picture in the Markdown files leads to a file, and every #heading to a heading.

    tools/check_docs.py [ROOT]
"""

import re
import subprocess
import sys
from pathlib import Path

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^\s*(```|~~~)")


def lines_outside_code(path):
    fenced = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield number, re.sub(r"`[^`]*`", "", line), line


def anchor(heading):
    """What the usual viewers make of a heading's text."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(path):
    headings = (re.match(r"#+\s+(.*)", line) for _, _, line in lines_outside_code(path))
    return {anchor(match[1]) for match in headings if match}


def check(path, root):
    for number, line, _ in lines_outside_code(path):
        for target in LINK.findall(line):
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            file, _, heading = target.partition("#")
            wanted = (path.parent / file).resolve() if file else path
            if not wanted.exists():
                yield f"{path.relative_to(root)}:{number}: {target}: no such file"
            elif heading and wanted.suffix == ".md" and heading not in anchors(wanted):
                yield f"{path.relative_to(root)}:{number}: {target}: no such heading"


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1]).resolve()
    listed = subprocess.run(
        ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.md"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    files = sorted(root / name for name in listed.split("\0") if name and (root / name).is_file())
    complaints = [c for file in files for c in check(file, root)]
    print("\n".join(complaints) if complaints else f"docs: {len(files)} pages, every link leads somewhere")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())

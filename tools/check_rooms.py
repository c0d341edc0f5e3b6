#!/usr/bin/env python3
"""Checks that every room under src/ includes only rooms before it, and has its README and CMake list.

The order is that of the table in docs/architecture.md. A room may include itself and any room above it there.
Prints file:line for each backward step and exits 1.

    tools/check_rooms.py [ROOT]
"""

import re
import sys
from pathlib import Path

ARCHITECTURE = Path(__file__).parents[1] / "docs/architecture.md"
# Earliest first: the rows that begin with | `room/` |.
ROOMS = re.findall(r"^\| `([a-z]+)/` \|", ARCHITECTURE.read_text(encoding="utf-8"), re.MULTILINE)

# Steps that the order allows and the house does not: reach for the next room, not three down.
FORBIDDEN = {"api": {"models", "kernels"}}

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
SOURCES = {".h", ".cc", ".c", ".inl", ".cpp", ".hpp"}


def check_include(room, quote, target):
    """-> what is wrong with this include in that room, or None."""
    if target.startswith("../") or "/../" in target:
        return f'"{target}" steps out of its folder; write the path from src/'
    other = target.split("/")[0] if "/" in target else None
    if other not in ROOMS:
        return None
    if quote == "<":
        return f"<{target}> is ours; include it with quotes"
    if ROOMS.index(other) > ROOMS.index(room):
        return f"{room}/ includes {other}/, which comes after it"
    if other in FORBIDDEN.get(room, ()):
        return f"{room}/ includes {other}/, which it must reach through the rooms between"
    return None


def check_room(folder, root):
    room = folder.name
    complaints = []
    if room not in ROOMS:
        return [f"{folder.relative_to(root)}:1: not a room; the rooms are {' '.join(ROOMS)}"]
    for name in ("README.md", "CMakeLists.txt"):
        if not (folder / name).is_file():
            complaints.append(f"{folder.relative_to(root)}/{name}:1: missing")
    for path in sorted(p for p in folder.rglob("*") if p.suffix in SOURCES):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            wrong = match and check_include(room, match[1], match[2])
            if wrong:
                complaints.append(f"{path.relative_to(root)}:{number}: {wrong}")
    return complaints


def main():
    if not ROOMS:
        print(f"rooms: {ARCHITECTURE} has no table of rooms", file=sys.stderr)
        return 1
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1]).resolve()
    rooms = sorted(p for p in (root / "src").iterdir() if p.is_dir())
    if not rooms:
        print(f"rooms: no folder under {root}/src", file=sys.stderr)
        return 1
    complaints = [c for room in rooms for c in check_room(room, root)]
    for complaint in complaints:
        print(complaint)
    if not complaints:
        print(f"rooms: {len(rooms)} rooms, no backward step")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())

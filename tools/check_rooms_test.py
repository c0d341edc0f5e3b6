#!/usr/bin/env python3
"""Shows that check_rooms.py refuses what it should: each case is a tiny source tree."""

import subprocess
import sys
import tempfile
from pathlib import Path

CHECK = Path(__file__).with_name("check_rooms.py")

# (file, its text, what the complaint must hold; None for a clean tree)
CASES = [
    ("src/engine/a.cc", '#include "base/result.h"\n#include "engine/a.h"\n#include <vector>\n', None),
    ("src/api/a.cc", '#include "route/router.h"\n', None),
    ("src/base/a.h", '#pragma once\n#include "text/tokenizer.h"\n', "src/base/a.h:2: base/ includes text/"),
    ("src/text/a_test.cc", '#  include "api/server.h"\n', "src/text/a_test.cc:1: text/ includes api/"),
    ("src/api/endpoints/a.cc", '#include "kernels/kernel_table.h"\n', "src/api/endpoints/a.cc:1: api/ includes kernels/"),
    ("src/cli/a.cc", "#include <base/result.h>\n", "include it with quotes"),
    ("src/files/a.cc", '#include "../api/server.h"\n', "steps out of its folder"),
    ("src/misc/a.cc", "", "src/misc:1: not a room"),
    ("src/net/a.cc", '#include "kernels/isa.h"\n', "src/net/a.cc:1: net/ includes kernels/"),
    ("src/base/README.md", "", "src/base/CMakeLists.txt:1: missing"),
]


def run(file, text, expected):
    with tempfile.TemporaryDirectory() as root:
        path = Path(root, file)
        path.parent.mkdir(parents=True)
        room = Path(root, *Path(file).parts[:2])
        (room / "README.md").write_text("")
        if "CMakeLists.txt" not in (expected or ""):
            (room / "CMakeLists.txt").write_text("")
        path.write_text(text)
        result = subprocess.run([sys.executable, CHECK, root], capture_output=True, text=True)
    if expected is None:
        return result.returncode == 0
    return result.returncode == 1 and expected in result.stdout


failed = [case for case in CASES if not run(*case)]
for file, _, expected in failed:
    print(f"check_rooms_test: {file}: expected {expected or 'no complaint'}")
sys.exit(1 if failed else 0)

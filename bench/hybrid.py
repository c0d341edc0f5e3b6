"""`make bench-hybrid`: what stands between an assistant and a large model, part by part. Writes docs/hybrid.md.

    BANTAM_TEST_DATA=FOLDER make bench-hybrid                                everything
    build/venv-decisions/bin/python bench/hybrid.py --only cache --dry      one part, printed only

A part is a module with `measure(binary, data, options) -> dict`, which says under "goals" what was to be reached and what was, and
`render(dict) -> markdown`; one with `picture(dict) -> SVG` is drawn beside the page.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import hybrid_cache
import hybrid_flywheel
import hybrid_replay
import machine
from contest import BINARY, REPOSITORY, say
from report import table

PAGE = REPOSITORY / "docs" / "hybrid.md"
RESULTS = REPOSITORY / "bench" / "hybrid.json"
PARTS = {"cache": hybrid_cache, "flywheel": hybrid_flywheel, "replay": hybrid_replay}
INTRODUCTION = """# Cheap and self-improving: figures

Written by `make bench-hybrid`; do not edit by hand. The figures are in `bench/hybrid.json`.

What stands between an assistant and a large model ([how the cache works](howto/audit-and-cache.md), [large models and what they may cost](howto/upstreams-and-privacy.md)), and what it is worth.
"""


def goals_table(found):
    """Of every part: what, goal, reached, whether it is met."""
    rows = [[goal["what"], goal["goal"], goal["found"], "yes" if goal["met"] else "**no**"] for part in found.values() for goal in part.get("goals", [])]
    return table(["what", "goal", "found", "met"], rows)


def drawing(name):
    return PAGE.with_name(f"hybrid-{name}.svg")


def drawn(name):
    return f"\n![{name}]({drawing(name).name})\n" if hasattr(PARTS[name], "picture") else ""


def measured(part):
    m = part["machine"]
    return f"Measured {part['date']} at `{m['commit']}` on {m['cpu']}, {m['cores']} cores, {', '.join(m['isa'])}; load before: {m['load_before']:.2f}.\n"


def page(parts):
    texts = [PARTS[name].render(part) + drawn(name) + "\n" + measured(part) for name, part in parts.items()]
    return "\n".join([INTRODUCTION, "## Goals\n", goals_table(parts), *texts])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=PARTS, action="append", help="this part; the others stay as they are in bench/hybrid.json")
    parser.add_argument("--quick", action="store_true", help="a look: fewer of everything")
    parser.add_argument("--dry", action="store_true", help="print the page, write nothing")
    options = parser.parse_args()
    data = Path(os.environ["BANTAM_TEST_DATA"]) if os.environ.get("BANTAM_TEST_DATA") else None
    before = json.loads(RESULTS.read_text()) if options.only and RESULTS.exists() else {}
    parts = {}
    for name, part in PARTS.items():
        if options.only and name not in options.only:
            if name in before:
                parts[name] = before[name]
            continue
        say(f"part {name}")
        described = {"machine": machine.describe(REPOSITORY, BINARY), "date": time.strftime("%Y-%m-%d")}
        parts[name] = described | part.measure(BINARY, data, options)
    text = page(parts)
    if options.dry:
        print(text)
        return
    RESULTS.write_text(json.dumps(parts, indent=1) + "\n")
    PAGE.write_text(text)
    for name, part in parts.items():
        if drawn(name):
            drawing(name).write_text(PARTS[name].picture(part))
    say(f"wrote {PAGE.relative_to(REPOSITORY)}")
    if not all(goal["met"] for part in parts.values() for goal in part.get("goals", [])):
        sys.exit("bench: a goal is not met; the page says which")


if __name__ == "__main__":
    main()

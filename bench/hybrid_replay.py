"""The replay's part of `make bench-hybrid`: decisions that the real server logged are decided again, with the same bits; and another
threshold changes exactly the decisions whose logged confidence lies between the two. The large model is a stub on this machine.

By itself:

    BANTAM_TEST_DATA=FOLDER build/venv-decisions/bin/python bench/hybrid_replay.py --binary build/release/bantam [--messages 1000]
"""

import argparse
import json
import os
import struct
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from contest import BINARY, ENVIRONMENT, BantamProcess, make_home, run, say
from hybrid_flywheel import Assistant, Teacher, traffic
from report import table

OPTIONS = {
    "seed": 20261127,
    "examples": 40,  # a route
    "strangers": 100,  # examples out of scope
    "messages": 10_000,
    "threshold": 0.6,
    "others": (0.8, 0.4),  # thresholds that the log is decided by again
    "answer_tokens": 150,
}
AT_ONCE = 8


def route_file(examples, strangers, url, threshold):
    """JSON is YAML. Nothing but the threshold decides: neither asking back nor looking for several requests, nor early exits, which are taken at
    thresholds up to the head's own alone and have scores of their own."""
    routes = [{"name": name, "utterances": texts, "action": {"type": "respond", "response": "utter"}} for name, texts in sorted(examples.items())]
    return json.dumps({
        "version": 1, "name": "flywheel",
        "model_list": [{"model_name": "big", "params": {"model": "openai/stub", "api_base": url}, "cost": {"input_per_1m": 0.15, "output_per_1m": 0.60}}],
        "routes": routes, "responses": {"utter": "An answer of this assistant."}, "out_of_scope": {"utterances": strangers},
        "decision": {"policy": "threshold", "confidence_threshold": threshold, "clarify": "off", "multiple": "off", "nlu_fallback": "big"},
        "router_settings": {"early_exit": "off"}, "cache": {"mode": "none"}, "audit": {"content": "text"},
    })  # fmt: skip


def ask_all(server, stream):
    mine = threading.local()

    def ask(text):
        if not hasattr(mine, "assistant"):
            mine.assistant = Assistant(server)
        mine.assistant.ask(text)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(ask, (text for text, _ in stream)))


def single(number):
    """A confidence as the program compares it: in single precision."""
    return struct.unpack("f", struct.pack("f", number))[0]


def changes_between(records, before, after):
    """Request ids of the decisions that another threshold changes, by the log alone: of those whose confidence lies between the two."""
    low, high = sorted((before, after))
    return {record["request_id"] for record in records if low <= single(record["confidence"]) < high}


def replayed(binary, home, log, file, folder):
    """-> (what `bantam replay` says, seconds)"""
    begin = time.monotonic()
    text = run([binary, "replay", log, "-c", file, "--json", "--svg", Path(folder) / "change.svg"], timeout=1800, env=ENVIRONMENT | {"BANTAM_HOME": str(home)})
    return json.loads(text), time.monotonic() - begin


def measure(binary, data, options=None):
    quick = {"messages": 1_000} if getattr(options, "quick", False) else {}
    options = {name: getattr(options, name, value) for name, value in OPTIONS.items()} | quick
    os.environ["BANTAM_BINARY"] = str(binary)
    examples, strangers, stream = traffic(data, options)
    found = {"options": options, "asked": len(stream), "routes": len(examples), "others": []}
    with tempfile.TemporaryDirectory() as folder, Teacher(dict(stream), options["answer_tokens"]) as teacher:
        home = make_home(Path(folder) / "home")

        def written(threshold):
            file = Path(folder) / f"at-{threshold}.yaml"
            file.write_text(route_file(examples, strangers, teacher.url, threshold))
            return file

        file = written(options["threshold"])
        with BantamProcess(home, ["-c", file]) as server:
            begin = time.monotonic()
            ask_all(server, stream)
            found["logging_seconds"] = time.monotonic() - begin
        log = home / "state" / "flywheel" / "audit.jsonl"
        records = [json.loads(line) for line in log.read_text().splitlines()]
        found["logged"], found["isa"] = len(records), sorted({record["isa"] for record in records})
        found["decisions"] = Counter(record["decision"] for record in records)
        say(f"{found['logged']} decisions logged in {found['logging_seconds']:.0f} s")
        report, found["seconds"] = replayed(binary, home, log, file, folder)
        found["same"] = {key: report[key] for key in ("messages", "same_bits", "changed", "other_head", "other_isa", "other_route_file")}
        say(f"decided again in {found['seconds']:.1f} s: {report['same_bits']} with the same bits, {report['changed']} otherwise")
        for other in options["others"]:
            report, seconds = replayed(binary, home, log, written(other), folder)
            expected, changed = changes_between(records, options["threshold"], other), {change["request_id"] for change in report["changes"]}
            found["others"].append({"threshold": other, "expected": len(expected), "changed": len(changed), "missed": len(expected - changed),
                                    "more": len(changed - expected), "same_bits": report["same_bits"], "seconds": seconds,
                                    "large_model": report["large_model"], "cost": report["cost"]})  # fmt: skip
            say(f"threshold {other}: {len(changed)} changed, {len(expected)} expected, {len(expected ^ changed)} differ")
    found["goals"] = goals(found)
    return found


def goals(found):
    same, asked = found["same"], found["asked"]
    alike = same["messages"] == same["same_bits"] == found["logged"] == asked and same["changed"] == same["other_isa"] == 0
    rows = [{"what": f"replay: {asked:,} logged decisions, decided again on the same level of instructions", "goal": "the same bits for all",
             "found": f"{same['same_bits']:,} of {same['messages']:,}", "met": alike}]  # fmt: skip
    for other in found["others"]:
        exact = other["missed"] == other["more"] == 0 and other["expected"] > 0 and other["same_bits"] == asked
        rows.append({"what": f"replay: threshold {found['options']['threshold']:g} to {other['threshold']:g}", "goal": "exactly the decisions that change",
                     "found": f"{other['changed']:,} found, {other['expected']:,} expected, {other['missed'] + other['more']} differ", "met": exact})  # fmt: skip
    return rows


def render(found):
    options = found["options"]
    rows = [[f"{options['threshold']:g} (as logged)", str(found["same"]["changed"]), "0", str(found["same"]["same_bits"]), "", f"{found['seconds']:.1f}"]]
    for other in found["others"]:
        rows.append([f"{other['threshold']:g}", str(other["changed"]), str(other["expected"]), str(other["same_bits"]),
                     f"{other['large_model']['before']} to {other['large_model']['after']}", f"{other['seconds']:.1f}"])  # fmt: skip
    return "\n".join([
        "\n## Replay\n",
        f"CLINC150: {found['asked']:,} questions, {found['routes']} routes with {options['examples']} examples each, a threshold of {options['threshold']:g}, `early_exit: off`, asked of the server ({AT_ONCE} at a time,"
        f" {found['logging_seconds']:.0f} s) and logged with their texts ({', '.join(found['isa'])}); then the log is decided again by `bantam replay`, by the same route file and by others. Expected are,"
        " by the log alone, the decisions whose confidence lies between the two thresholds.\n",
        table(["threshold", "decided otherwise", "expected", "the same bits", "asked of the large model", "seconds"], rows),
        f"The seconds are of the whole command: loading, and {found['asked']:,} messages decided one after the other.\n",
    ])  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=BINARY)
    parser.add_argument("--messages", type=int, default=OPTIONS["messages"])
    arguments = parser.parse_args()
    data = os.environ.get("BANTAM_TEST_DATA")
    if not data or not (Path(data) / "intent-clinc150").is_dir():
        sys.exit("replay: BANTAM_TEST_DATA names no folder with intent-clinc150")
    found = measure(arguments.binary.resolve(), data, arguments)
    print(table(["what", "goal", "found", "met"], [[goal["what"], goal["goal"], goal["found"], "yes" if goal["met"] else "**no**"] for goal in found["goals"]]))
    print(render(found))


if __name__ == "__main__":
    main()

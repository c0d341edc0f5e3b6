"""`make bench`: Bantam beside onnxruntime, OpenVINO, CTranslate2, PyTorch, llama.cpp and the servers made of them, in one run.

Every round runs each contestant once, in an order that turns with the round, so that a slow minute of the machine meets all of them.
A figure is the median over the rounds of what a round gives (its median, its 99th percentile, its minimum); a ratio is the median of the
rounds' ratios. Writes bench/results.json, docs/benchmarks.md and docs/benchmarks.svg.

    make bench                                                                   everything, about 20 minutes of two quiet cores
    build/venv-bench/bin/python bench/run.py --quick --dry                       a look at everything: one short round, nothing written
    build/venv-bench/bin/python bench/run.py --only encoder --rounds 1 --dry     a part of it
    build/venv-bench/bin/python bench/run.py --only http --keep                  measure one part again, the others as they were written
"""

import argparse
import json
import os
import time

import contest
import machine
import report
from contest import LLAMA, MODEL, MODELS, PYTHON, REPOSITORY, commands, failures, recorded, run, say

PARTS = ["peaks", "products", "tokenizer", "start", "encoder", "accuracy", "http", "decision"]


def prepare(wanted):
    """Builds and installs what the parts need beside the binary and this environment; each thing that cannot be had is recorded."""
    for target in ("bantam_peak_bench", "bantam_product_bench", "bantam_load_client"):
        with recorded(f"building {target}"):
            run(["tools/build.sh", "release", target], timeout=3600)
    if {"encoder", "start", "accuracy", "http"} & set(wanted):
        with recorded("llama.cpp"):
            say("building llama.cpp, unless it is there: some minutes")
            run(["bench/llama.sh", "peer"], timeout=2 * 3600)
    if "http" in wanted:
        with recorded("llama-server"):
            say("building llama-server, unless it is there: some minutes")
            run(["bench/llama.sh", "server"], timeout=2 * 3600)
        with recorded("infinity-emb"):
            say("installing infinity-emb, unless it is there: some minutes")
            run(["tools/venv.sh", "infinity", "bench/requirements-infinity.txt"], timeout=2 * 3600)
    if {"encoder", "start", "accuracy", "http", "decision"} & set(wanted):
        with recorded("making models"):
            say("making the other runtimes' models, unless they are there")
            for line in contest.lines_of_json(run([PYTHON, "bench/make_models.py", MODEL, MODELS], timeout=3600)):
                contest.record_failure(f"model for {line['made']}", line["error"])


def peers_here():
    """Without llama.cpp's program there is no use in trying each of its rows."""
    have_llama = (LLAMA / "llama_peer").is_file()
    return [peer for peer in contest.PEERS if have_llama or peer[0] != "llama.cpp"]


def measure(wanted, arguments, results):
    import accuracy_part
    import decision_part
    import embeddings_part
    import encoder_part
    import machine_part
    import start_part

    rounds, quick, peers = arguments.rounds, arguments.quick, peers_here()
    parts = {
        "peaks": lambda: machine_part.peaks_part(rounds),
        "products": lambda: machine_part.products_part(min(rounds, 2)),
        "tokenizer": lambda: machine_part.tokenizer_part(rounds),
        "start": lambda: start_part.part(rounds, peers),
        "encoder": lambda: encoder_part.part(rounds, 0.1 if quick else 0.3, peers),
        "accuracy": lambda: accuracy_part.part(not quick, peers),
        "http": lambda: embeddings_part.part(rounds, 0.7 if quick else 2, (1,) if quick else (1, 2)),
        "decision": lambda: decision_part.part(rounds, 100 if quick else 500),
    }
    for name in wanted:
        started = time.monotonic()
        with recorded(f"part {name}"):
            results[name] = parts[name]()
        results.setdefault("seconds", {})[name] = round(time.monotonic() - started, 1)
        if not arguments.dry:  # so that a run that is ended from outside has not been for nothing
            MODELS.mkdir(parents=True, exist_ok=True)
            (MODELS / "unfinished.json").write_text(json.dumps(results))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", help=f"of {', '.join(PARTS)}; several with commas")
    parser.add_argument("--rounds", type=int, help="default 3, or 1 with --quick")
    parser.add_argument("--quick", action="store_true", help="a look: one short round of everything")
    parser.add_argument("--keep", action="store_true", help="keep the parts of bench/results.json that are not measured now")
    parser.add_argument("--dry", action="store_true", help="print the results, write nothing")
    arguments = parser.parse_args()
    arguments.rounds = arguments.rounds or (1 if arguments.quick else 3)
    wanted = (arguments.only or ",".join(PARTS)).split(",")
    if unknown := set(wanted) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(PYTHON), os.environ.get("PATH", "")])

    file = REPOSITORY / "bench" / "results.json"
    results = json.loads(file.read_text()) if arguments.keep and file.is_file() else {}
    say(f"parts: {', '.join(wanted)}; rounds: {arguments.rounds}")
    prepare(wanted)
    results.update(machine=machine.describe(REPOSITORY, contest.BINARY), date=time.strftime("%Y-%m-%d"), rounds=arguments.rounds)
    if results["machine"]["load_before"] > 0.5:
        say(f"the machine is busy (load {results['machine']['load_before']:.1f}); figures will be worse and noisier than they need be")
    measure(wanted, arguments, results)
    results["commands"] = {**results.get("commands", {}), **commands}
    results["failures"] = failures
    if not arguments.dry:
        file.write_text(json.dumps(results, indent=1) + "\n")
    page = report.markdown(results)
    print(page)
    if not arguments.dry:
        (REPOSITORY / "docs" / "benchmarks.md").write_text(page)
        (REPOSITORY / "docs" / "benchmarks.svg").write_text(report.chart(results))
        (MODELS / "unfinished.json").unlink(missing_ok=True)
        say("wrote docs/benchmarks.md, docs/benchmarks.svg and bench/results.json")


if __name__ == "__main__":
    main()

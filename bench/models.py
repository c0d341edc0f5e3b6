"""`make bench-models`: every architecture in its real shape, and the larger ones beside onnxruntime and OpenVINO. Writes docs/models.md.

    make bench-models                                                           everything: about half an hour, 10 GB free under build/
    build/venv-bench/bin/python bench/models.py --only bert-base,mobilebert --dry    a part, printed only
"""

import argparse
import json
import shutil
import time

import contest
import machine
from contest import BINARY, ENVIRONMENT, MODELS, PYTHON, REPOSITORY, cores, failures, fold, lines_of_json, record_failure, recorded, run, say, turned
from encoder_part import uniform
from report import ms, table
from shapes import ALIASES, SHAPES

LENGTHS = (16, 128)
DTYPES = ("f32", "int8", "int4")
PEERS = (("onnxruntime", "int8"), ("openvino", "int8"))
PAGE = REPOSITORY / "docs" / "models.md"
INTRODUCTION = """# Models

Written by `make bench-models`; do not edit by hand.

What loads: a Hugging Face folder whose `config.json` names one of the architectures below, with its weights in safetensors and its tokenizer
beside it. `bantam show FOLDER` says what is in a folder and what will be used; [bring your own model](howto/bring-your-own-model.md) goes through it.
Classification, tagging, question-answering and masked-language-model heads of these architectures are read too.
"""


def ours(folder, dtype, tokens, threads):
    command = ["taskset", "-c", cores(threads), BINARY, "bench", "embed", "--model", f"{folder}/model", "--dtype", dtype, "--threads", threads,
               "--tokens", tokens, "--seconds", "0.5", "--json"]  # fmt: skip
    return json.loads(run(command))


def theirs(folder, name, dtype, threads):
    works = [{"name": str(n), "sequences": uniform(1, n), "batch": 1, "seconds": 0.5, "runs": 5} for n in LENGTHS]
    command = ["taskset", "-c", cores(threads), PYTHON, "bench/peers.py", "time", name, "--dtype", dtype, "--threads", threads]
    text = run(command, input="".join(json.dumps(w) + "\n" for w in works), env={**ENVIRONMENT, "BENCH_MODELS": str(folder)})
    return {int(result["work"]): result for result in lines_of_json(text)}


def measure(shape, folder, rounds):
    """-> {"sizes", "rows": {dtype: {tokens: ms}}, "beside": {contestant: {threads: {tokens: [ms of each round]}}}}"""
    found = {"sizes": {}, "rows": {}, "beside": {}}
    for dtype in DTYPES:
        with recorded(f"{shape.name} {dtype}"):
            results = {n: [ours(folder, dtype, n, 1) for _ in range(rounds)] for n in LENGTHS}
            found["parameters"] = results[LENGTHS[0]][0]["parameters"]
            found["sizes"][dtype] = results[LENGTHS[0]][0]["weight_bytes"]
            found["rows"][dtype] = {n: fold(r, ["median_ms"])["median_ms"] for n, r in results.items()}
    if not shape.beside:
        return found
    contestants = [("bantam", "int8"), *PEERS]
    for number in range(rounds):
        for threads in (1, 2):
            for name, dtype in turned(contestants, number):
                who = f"{shape.name}: {name} {dtype}"
                if who in failures:
                    continue
                with recorded(who):
                    results = {n: ours(folder, dtype, n, threads) for n in LENGTHS} if name == "bantam" else theirs(folder, name, dtype, threads)
                    for n, result in results.items():
                        found["beside"].setdefault(name, {}).setdefault(threads, {}).setdefault(n, []).append(result["median_ms"])
    return found


def mebibytes(size):
    return f"{size / 2**20:.0f}" if size else ""


def main_table(found):
    body = []
    for shape in SHAPES:
        if not (one := found.get(shape.name)):
            continue
        times = [ms(one["rows"][d][n]) if d in one["rows"] else "" for n in LENGTHS for d in DTYPES]
        body.append([f"`{shape.model_type}`", shape.checkpoint, shape.licence, f"{one.get('parameters', 0) / 1e6:.1f} M",
                     *(mebibytes(one["sizes"].get(d)) for d in DTYPES), *times])  # fmt: skip
    return table(["`model_type`", "a usual checkpoint of the shape", "its licence", "parameters", "f32 MiB", "int8", "int4",
                  *(f"{n} tokens, {d}{', ms' if d == 'f32' else ''}" for n in LENGTHS for d in DTYPES)], body)  # fmt: skip


def beside_table(found):
    body = []
    for shape in (s for s in SHAPES if found.get(s.name, {}).get("beside")):
        beside = found[shape.name]["beside"]
        for threads in (1, 2):
            for n in LENGTHS:
                mine = beside.get("bantam", {}).get(threads, {}).get(n, [])
                cells = [f"{shape.name}, {n} tokens, {threads} thread{'s' if threads > 1 else ''}", ms(sorted(mine)[len(mine) // 2]) if mine else ""]
                for name, _ in PEERS:
                    other = beside.get(name, {}).get(threads, {}).get(n, [])
                    ratios = sorted(b / a for a, b in zip(mine, other))
                    cells.append(f"{ms(sorted(other)[len(other) // 2])} × {ratios[len(ratios) // 2]:.2f}" if ratios else "")
                body.append(cells)
    return table(["int8, ms", "Bantam", *(f"{name}, and how many times as long" for name, _ in PEERS)], body)


def also_loads():
    return "".join(f"`{name}` ({what}) loads too, and costs what `{like}` does.\n" for name, what, like in ALIASES)


def page(results):
    m = results["machine"]
    parts = [INTRODUCTION, also_loads(), "## Size and speed\n",
             "Random weights in the shape of the checkpoint, one request, one thread. MiB: the packed weights as they lie in memory, which is all but"
             " a few MiB of what the process has.\n", main_table(results["shapes"]),
             "## Beside onnxruntime and OpenVINO\n",
             "The same shapes and ids in all three, contestants in turn, medians of the rounds; onnxruntime int8 is dynamic, per channel (the faster of the"
             " exported and the fused graph), OpenVINO's is NNCF's with static scales. The factor is the median of the rounds' ratios.\n",
             beside_table(results["shapes"])]  # fmt: skip
    if results["failures"]:
        parts += ["What could not be measured:\n", table(["what", "why"], [[k, " ".join(v.split())[:200].replace("|", "/")] for k, v in results["failures"].items()])]
    packages = ", ".join(f"{k} {m['packages'][k]}" for k in ("onnxruntime", "openvino", "nncf", "torch", "transformers"))
    parts.append(f"Measured {results['date']} at `{m['commit']}` on {m['cpu']}, {m['cores']} cores, {m['memory_gib']} GiB, {', '.join(m['isa'])}; load before:"
                 f" {m['load_before']:.2f}; {m['compiler']}; {packages}. {results['rounds']} rounds.\n")  # fmt: skip
    return "\n".join(parts)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", help="shapes of bench/shapes.py, several with commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dry", action="store_true", help="print the page, write nothing")
    arguments = parser.parse_args()
    wanted = [s for s in SHAPES if not arguments.only or s.name in arguments.only.split(",")]
    if not wanted:
        parser.error(f"no such shape; there are {', '.join(s.name for s in SHAPES)}")
    results = {"machine": machine.describe(REPOSITORY, BINARY), "date": time.strftime("%Y-%m-%d"), "rounds": arguments.rounds, "shapes": {}}
    for shape in wanted:
        folder = MODELS / "shapes" / shape.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        say(f"{shape.name}: making it")
        try:
            with recorded(f"making {shape.name}"):
                for line in lines_of_json(run([PYTHON, "bench/make_shape.py", shape.name, folder], timeout=3600)):
                    record_failure(f"{shape.name}: making the model for {line['made']}", line["error"])
                say(f"{shape.name}: measuring")
                results["shapes"][shape.name] = measure(shape, folder, arguments.rounds)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    results["failures"] = failures
    text = page(results)
    print(text)
    if not arguments.dry:
        PAGE.write_text(text)
        contest.say(f"wrote {PAGE.relative_to(REPOSITORY)}")


if __name__ == "__main__":
    main()

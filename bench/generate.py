"""`make bench-generate`: small decoders beside llama.cpp, the same files, in turn. Writes docs/generation-speed.md.

    make bench-generate                                                             everything: about 40 minutes, 2 GB free under build/
    build/venv-bench/bin/python bench/generate.py --only SmolLM2-135M --dry           a part, printed only
"""

import argparse
import json
import statistics
import time

import contest
import generate_http
import machine
import random_decoder
from contest import BINARY, LLAMA, MODELS, REPOSITORY, cores, failures, recorded, run, say, turned
from report import rate, table

PAGE = REPOSITORY / "docs" / "generation-speed.md"
PROMPT, GENERATE = 512, 128


def ours(path, threads):
    def bench(prompt, generate):
        command = ["taskset", "-c", cores(threads), BINARY, "bench", "generate", "--model", path, "--prompt", prompt, "--generate", generate,
                   "--threads", threads, "--repeat", 1, "--json"]  # fmt: skip
        return json.loads(run(command, "bantam, " + ("prompt" if generate == 1 else "generate")))

    # Each alone, as llama-bench does: text that follows no prompt.
    return {"prompt": bench(PROMPT, 1)["prefill_tokens_per_s"], "generate": bench(1, GENERATE)["decode_tokens_per_s"]}


def llama(path, threads):
    command = ["taskset", "-c", cores(threads), LLAMA / "llama-bench", "-m", path, "-p", PROMPT, "-n", GENERATE, "-t", threads, "-r", 1, "-o", "json"]
    rows = json.loads(run(command, "llama-bench"))
    return {"prompt" if row["n_gen"] == 0 else "generate": row["avg_ts"] for row in rows}


CONTESTANTS = {"bantam": ours, "llama.cpp": llama}


def measure(path, rounds):
    """-> {threads: {contestant: {what: [tokens/s of each round]}}}"""
    found = {}
    for number in range(rounds):
        for threads in (1, 2):
            for name in turned(list(CONTESTANTS), number):
                with recorded(f"{path.stem}: {name}"):
                    for what, value in CONTESTANTS[name](path, threads).items():
                        found.setdefault(threads, {}).setdefault(name, {}).setdefault(what, []).append(value)
    return found


def rows(name, size, found):
    for threads, by_name in sorted(found.items()):
        cells = [f"{name} ({size / 2**20:.0f} MiB), {threads} thread{'s' if threads > 1 else ''}"]
        for what in ("prompt", "generate"):
            mine, theirs = (by_name.get(who, {}).get(what, []) for who in ("bantam", "llama.cpp"))
            if not mine or not theirs:
                cells += ["", "", ""]
                continue
            ratios = [a / b for a, b in zip(mine, theirs)]
            cells += [rate(statistics.median(mine)), rate(statistics.median(theirs)), f"{statistics.median(ratios):.2f}"]
        speed = by_name.get("bantam", {}).get("generate")
        cells.append(f"{statistics.median(speed) * size / 1e9:.1f}" if speed else "")
        yield cells


def page(results):
    m = results["machine"]
    body = [row for model in results["models"] for row in rows(*model)]
    parts = [
        "# Generating text: how fast\n",
        "Written by `make bench-generate`; do not edit by hand.\n",
        f"Tokens a second: a prompt of {PROMPT} tokens, and {GENERATE} tokens generated after one, each alone, one stream. The same GGUF files for both:"
        " random weights in the shapes and block formats that llama.cpp's quantiser writes. In turn, medians of the rounds; the ratio is the median of"
        " the rounds' ratios. GB/s: what generating draws of the file.\n",
        table(["model", "prompt: Bantam", "llama.cpp", "ratio", "generate: Bantam", "llama.cpp", "ratio", "GB/s"], body),
    ]
    if results["http"]:
        parts += generate_http.page(results["http"])
    if results["failures"]:
        parts += ["What could not be measured:\n", table(["what", "why"], [[k, " ".join(v.split())[:200]] for k, v in results["failures"].items()])]
    parts.append(f"Measured {results['date']} at `{m['commit']}` on {m['cpu']}, {m['cores']} cores, {m['memory_gib']} GiB, {', '.join(m['isa'])}; load before:"
                 f" {m['load_before']:.2f}; {m['compiler']}; llama.cpp of llama-cpp-python {m['packages']['llama-cpp-python (its llama.cpp)']}, built for this"
                 f" processor. {results['rounds']} rounds.\n")  # fmt: skip
    return "\n".join(parts)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", help="a shape of bench/random_decoder.py, several with commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dry", action="store_true", help="print the page, write nothing")
    arguments = parser.parse_args()
    for what in ("tools", "server"):
        run([REPOSITORY / "bench" / "llama.sh", what], timeout=2 * 3600)
    folder = MODELS / "decoders"
    folder.mkdir(parents=True, exist_ok=True)
    results = {"machine": machine.describe(REPOSITORY, BINARY), "date": time.strftime("%Y-%m-%d"), "rounds": arguments.rounds, "models": []}
    for shape in random_decoder.SHAPES:
        if arguments.only and shape.name not in arguments.only.split(","):
            continue
        for format in random_decoder.FORMATS:
            path = folder / f"{shape.name}-{format}.gguf"
            try:
                random_decoder.write(shape, format, path)
                say(path.stem)
                results["models"].append((f"{shape.name} {format}", path.stat().st_size, measure(path, arguments.rounds)))
            finally:
                path.unlink(missing_ok=True)
    results["http"] = []
    with recorded("over HTTP"):
        generate_http.measure(arguments.rounds, folder, arguments.only and arguments.only.split(","), results["http"])
    results["failures"] = failures
    text = page(results)
    print(text)
    if not arguments.dry:
        PAGE.write_text(text)
        contest.say(f"wrote {PAGE.relative_to(REPOSITORY)}")


if __name__ == "__main__":
    main()

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
import greedy_part
import machine
import random_decoder
import schema_part
from contest import BINARY, BUILD, LLAMA, MODELS, REPOSITORY, cores, failures, recorded, run, say, turned
from report import rate, table

PAGE = REPOSITORY / "docs" / "generation-speed.md"
PROMPT, GENERATE = 512, 128
OTHER_PROMPTS = [128, 2048]  # with two threads, of the models for which that does not take minutes
OTHER_PROMPTS_UP_TO = 600 << 20  # bytes of the file


def lengths(path, threads):
    return [PROMPT, *(OTHER_PROMPTS if threads == 2 and path.stat().st_size < OTHER_PROMPTS_UP_TO else [])]


def named(length):
    return "prompt" if length == PROMPT else f"prompt of {length}"


def ours(path, threads):
    def bench(prompt, generate):
        command = ["taskset", "-c", cores(threads), BINARY, "bench", "generate", "--model", path, "--prompt", prompt, "--generate", generate,
                   "--threads", threads, "--repeat", 1, "--json"]  # fmt: skip
        return json.loads(run(command, "bantam, " + ("prompt" if generate == 1 else "generate")))

    # Each alone, as llama-bench does: text that follows no prompt.
    found = {named(length): bench(length, 1)["prefill_tokens_per_s"] for length in lengths(path, threads)}
    return found | {"generate": bench(1, GENERATE)["decode_tokens_per_s"]}


def llama(path, threads):
    prompts = ",".join(map(str, lengths(path, threads)))
    command = ["taskset", "-c", cores(threads), LLAMA / "llama-bench", "-m", path, "-p", prompts, "-n", GENERATE, "-t", threads, "-r", 1, "-o", "json"]
    rows = json.loads(run(command, "llama-bench"))
    return {named(row["n_prompt"]) if row["n_gen"] == 0 else "generate": row["avg_ts"] for row in rows}


CONTESTANTS = {"bantam": ours, "llama.cpp": llama}


def peaks(threads):
    """What cores and memory can do at most, in the same minute: GOPS of 8-bit products, GB/s of reads from memory."""
    found = json.loads(run(["taskset", "-c", cores(threads), BUILD / "bantam_peak_bench", threads], "peaks"))
    return {"prompt": found["int8_vpdpbusd_512"] or found["int8_vpmaddubsw_256"], "generate": found["read_memory"]}


def measure(path, rounds):
    """-> {threads: {contestant: {what: [tokens/s of each round]}}}, the machine's peaks as one of the contestants"""
    found = {}
    for number in range(rounds):
        for threads in (1, 2):
            with recorded(f"{path.stem}: peaks"):
                for what, value in peaks(threads).items():
                    found.setdefault(threads, {}).setdefault("peak", {}).setdefault(what, []).append(value)
            for name in turned(list(CONTESTANTS), number):
                with recorded(f"{path.stem}: {name}"):
                    for what, value in CONTESTANTS[name](path, threads).items():
                        found.setdefault(threads, {}).setdefault(name, {}).setdefault(what, []).append(value)
    return found


def rows(name, size, work, found):
    """work: what a token takes, {"prompt": giga-operations, "generate": gigabytes read}"""
    for threads, by_name in sorted(found.items()):
        cells = [f"{name} ({size / 2**20:.0f} MiB), {threads} thread{'s' if threads > 1 else ''}"]
        for what, unit in (("prompt", "GOPS"), ("generate", "GB/s")):
            mine, theirs, peak = (by_name.get(who, {}).get(what, []) for who in ("bantam", "llama.cpp", "peak"))
            if not mine or not theirs or not peak:
                cells += ["", "", "", ""]
                continue
            ratios = [a / b for a, b in zip(mine, theirs)]
            cells += [rate(statistics.median(mine)), rate(statistics.median(theirs)), f"{statistics.median(ratios):.2f}"]
            reached = work[what] * statistics.median(mine)
            cells.append(f"{rate(reached)} {unit} ({100 * reached / max(peak):.0f} %)")
        yield cells


def other_rows(name, size, _, found):
    by_name = found.get(2, {})
    for length in OTHER_PROMPTS:
        mine, theirs = (by_name.get(who, {}).get(named(length), []) for who in ("bantam", "llama.cpp"))
        if mine and theirs:
            ratio = statistics.median(a / b for a, b in zip(mine, theirs))
            yield [f"{name} ({size / 2**20:.0f} MiB)", str(length), rate(statistics.median(mine)), rate(statistics.median(theirs)), f"{ratio:.2f}"]


def page(results):
    m = results["machine"]
    body = [row for model in results["models"] for row in rows(*model)]
    parts = [
        "# Generating text: how fast\n",
        "Written by `make bench-generate`; do not edit by hand.\n",
        f"Tokens a second: a prompt of {PROMPT} tokens, and {GENERATE} tokens generated after one, each alone, one stream. The same GGUF files for both:"
        " random weights in the shapes and block formats that llama.cpp's quantiser writes. In turn, medians of the rounds; the ratio is the median of"
        " the rounds' ratios. GOPS: multiplications and additions of the layers' matrices alone, beside the most 8-bit ones that the cores do; GB/s: what is read"
        " of the weights for each token, beside the most that the cores read from memory; both peaks by `bantam_peak_bench` in the same rounds.\n",
        table(["model", "prompt: Bantam", "llama.cpp", "ratio", "Bantam of the peak", "generate: Bantam", "llama.cpp", "ratio", "Bantam of the peak"], body),
    ]
    if other := [row for model in results["models"] for row in other_rows(*model)]:
        parts += ["Shorter and longer prompts, 2 threads:\n", table(["model", "tokens", "Bantam", "llama.cpp", "ratio"], other)]
    if results["http"]:
        parts += generate_http.page(results["http"])
    if results["schema"]:
        parts += schema_part.page(results["schema"])
    if results["greedy"]:
        parts += greedy_part.page(results["greedy"])
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
                size = path.stat().st_size
                work = random_decoder.work_of_a_token(shape, format, size)
                results["models"].append((f"{shape.name} {format}", size, work, measure(path, arguments.rounds)))
            finally:
                path.unlink(missing_ok=True)
    results["http"] = []
    with recorded("over HTTP"):
        generate_http.measure(arguments.rounds, folder, arguments.only and arguments.only.split(","), results["http"])
    results["schema"] = {}
    with recorded("held to a schema"):
        results["schema"] = schema_part.measure()
    results["greedy"] = []
    with recorded("greedy text"):
        results["greedy"] = greedy_part.measure(folder)
    results["failures"] = failures
    text = page(results)
    print(text)
    if not arguments.dry:
        PAGE.write_text(text)
        contest.say(f"wrote {PAGE.relative_to(REPOSITORY)}")


if __name__ == "__main__":
    main()

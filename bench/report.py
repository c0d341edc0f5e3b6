"""results.json -> docs/benchmarks.md. `report.py FILE` prints the page again without measuring."""

import json
import sys
from pathlib import Path

import goals
from chart import chart  # noqa: F401  run.py takes both from here

SHORTFALLS = Path(__file__).with_name("shortfalls.md")


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def ms(value):
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


def rate(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def label(row):
    return f"{row['name']} {row['dtype']}"


def threads_of(rows):
    return sorted({r["threads"] for r in rows})


def plural(threads):
    return f"{threads} thread{'s' if threads > 1 else ''}"


def goals_section(results):
    body = [goal.cells() for goal in goals.goals(results)]
    unmet = sum(cells[-1] == "**no**" for cells in body)
    return (
        "## Goals\n\nHow many times as fast as the fastest other contestant in that row, the median of the rounds (and their spread). The share"
        " is of the machine's measured peak, over the whole pass (int8 rows: of 8-bit dot products; f32 rows: of f32 multiply-adds). A speed row"
        f" is met at its ratio, or at {100 * goals.PEAK_SHARE:.0f} % of the peak. {unmet} rows are not met; what bounds them is said"
        " [below](#where-a-row-falls-short).\n\n"
        + table(["work", "goal", "reached", "the fastest other", "share of the peak", "met"], body)
    )  # fmt: skip


def shortfalls_section():
    if not SHORTFALLS.is_file():
        return ""
    return "## Where a row falls short\n\n" + SHORTFALLS.read_text(encoding="utf-8").strip() + "\n"


def failures_section(failures):
    if not failures:
        return ""
    body = [[who, " ".join(text.split())[:300].replace("|", "/")] for who, text in failures.items()]
    return "## What could not be measured\n\n" + table(["what", "why"], body)


def peaks_section(peaks):
    names = {
        "int8_vpdpbusd_512": "8-bit dot products (vpdpbusd, 512 bits), GOPS", "int8_vpdpbusd_256": "8-bit dot products (vpdpbusd, 256 bits), GOPS",
        "int8_vpmaddubsw_256": "8-bit products by AVX2 (vpmaddubsw), GOPS", "f32_fma_512": "f32 multiply-adds (512 bits), GFLOPS",
        "f32_fma_256": "f32 multiply-adds (256 bits), GFLOPS", "bf16_dot_512": "bfloat16 dot products, GFLOPS", "read_l1": "reads from L1, GB/s",
        "read_l2": "reads from L2, GB/s", "read_l3": "reads from L3, GB/s", "read_memory": "reads from memory, GB/s",
    }  # fmt: skip
    columns = sorted(peaks, key=int)
    body = [[text, *(f"{peaks[c][key]:.0f}" if key in peaks[c] else "" for c in columns)] for key, text in names.items()
            if any(key in peaks[c] for c in columns)]  # fmt: skip
    return ("## What this machine can do\n\nMeasured by `bench/peak_bench.cc` in the same run, the best of all rounds; every thread reads memory of its"
            " own.\n\n" + table(["", *(plural(int(c)) for c in columns)], body))  # fmt: skip


def products_section(products, results):
    rows = sorted({r["rows"] for r in products})
    body = []
    for dtype in ("int8", "f32"):
        for threads in threads_of(products):
            best = goals.peak(results, dtype, threads)
            cells = [next((r for r in products if (r["dtype"], r["threads"], r["rows"]) == (dtype, threads, n)), None) for n in rows]
            body.append([f"bantam {dtype}, {plural(threads)}",
                         *(f"{c['gops']:.0f}" + (f" ({100 * c['gops'] / best:.0f} %)" if best else "") if c else "" for c in cells)])  # fmt: skip
    return ("## The matrix products alone\n\nThe four products of a layer, at this model's sizes, by number of rows (tokens): giga-operations a second and"
            " the share of the peak, with bias, activation and residual as in the model (`bench/product_bench.cc`)."
            " The encoder takes large batches in groups of some hundred tokens; 4096 rows in one product are here to show why.\n\n"
            + table(["", *(f"{n} rows" for n in rows)], body))  # fmt: skip


def latency_tables(rows, works, cosines):
    names = list(dict.fromkeys(label(r) for r in rows))
    for threads in threads_of(rows):
        by_key = {(label(r), r["work"]): r for r in rows if r["threads"] == threads}
        header = ["", *(f"{w.split('x')[1]} tokens" for w in works)]
        body = [[name, cosines.get(name, ""), *(f"{ms(c['median_ms'])} / {ms(c['p99_ms'])}" if (c := by_key.get((name, w))) else "" for w in works)]
                for name in names]  # fmt: skip
        yield f"{plural(threads)}, p50 / p99 in milliseconds:\n"
        yield table(["", "cosine", *header[1:]], body)
        ratios = []
        for name in [n for n in names if not n.startswith("bantam")]:
            dtype = "f32" if name.endswith(" f32") else "int8"
            cells = []
            for work in works:
                mine, other = by_key.get((f"bantam {dtype}", work)), by_key.get((name, work))
                found = goals.ratios(mine, other) if mine and other else []
                cells.append(goals.spread(found) if found else "")
            ratios.append([f"{name} ÷ bantam {dtype}", *cells])
        yield "How many times as long the other takes (above 1: Bantam is faster):\n"
        yield table(header, ratios)


def throughput_tables(rows, works, sizes, cosines):
    names = list(dict.fromkeys(label(r) for r in rows))
    for threads in threads_of(rows):
        by_key = {(label(r), r["work"]): r for r in rows if r["threads"] == threads}
        body = []
        for name in names:
            cells = []
            for work in works:
                row = by_key.get((name, work))
                mine = by_key.get(("bantam f32" if name.endswith(" f32") else "bantam int8", work))
                if row is None:
                    cells.append("")
                    continue
                found = goals.ratios(mine, row) if mine and mine is not row else []
                cells.append(f"{rate(row['sequences_per_s'])} ({row['way']})" + (f" × {goals.spread(found)}" if found else ""))
            body.append([name, cosines.get(name, ""), *cells])
        yield f"{plural(threads)}, sequences/s (the way that was fastest) × how many times Bantam's is:\n"
        yield table(["", "cosine", *("ragged traffic" if w == "ragged" else w.replace("x", " x ") for w in works)], body)
    if "ragged" in sizes:
        lengths = sorted(sizes["ragged"])
        yield (f"Ragged traffic: {len(lengths)} texts of {lengths[0]} to {lengths[-1]} tokens (median {lengths[len(lengths) // 2]}, mean"
               f" {sum(lengths) / len(lengths):.0f}), in batches of 32 as they arrive. The ways: *alone* one text after the other; *padded* the"
               " batch as it is; *sorted* the batch's texts by length, eight at once; *streams* one text on each thread at a time, without a barrier"
               " between batches; *packed* without padding. *exported* and *fused*: onnxruntime's two forms of the graph.\n")  # fmt: skip


def encoder_section(part, accuracy=None):
    # The mean to the reference, so that no speed stands without what it costs.
    cosines = {label(r): f"{r['mean']:.5f}" for r in (accuracy or {}).get("rows", [])}
    rows, sizes = part["rows"], part["sizes"]
    single = [w for w in sizes if w.startswith("1x")]
    many = [w for w in sizes if not w.startswith("1x")]
    isa = sorted({r["isa"] for r in rows if r.get("isa")})
    parts = ["## The encoder alone: ids in, unit vectors out\n", "*Cosine*: the mean to the reference's f32 vectors, from [below](#what-the-speed-costs).\n" if cosines else "",
             "### One request\n", *latency_tables([r for r in rows if r["work"] in single], single, cosines),
             "### Batches and ragged traffic\n", *throughput_tables([r for r in rows if r["work"] in many], many, sizes, cosines),
             f"Bantam's kernels here: {', '.join(isa) or 'unknown'}.\n"]  # fmt: skip
    return "\n".join(parts)


def accuracy_section(part):
    exact = {r["name"]: r for r in part["rows"] if r["dtype"] == "f32"}
    body = []
    for row in part["rows"]:
        cells = [label(row), f"{row['mean']:.6f}", f"{row['min']:.6f}"]
        if part["sts_pairs"]:
            base = exact.get(row["name"], exact.get("sentence-transformers"))
            cells += [f"{100 * row['spearman']:.2f}", f"{100 * (row['spearman'] - base['spearman']):+.2f}" if base else ""]
        body.append(cells)
    header = ["", "mean cosine", "lowest"] + (["Spearman", "against its own f32"] if part["sts_pairs"] else [])
    text = f"## What the speed costs\n\nCosine to sentence-transformers' f32 vectors over {part['texts']} texts, one by one"
    text += f", and Spearman's correlation (times 100) on the {part['sts_pairs']} pairs of STS-B's {part['sts_split']} split" if part["sts_pairs"] else ""
    text += ".\n\n" + table(header, body)
    if clinc := part.get("clinc"):
        text += "\nCLINC150, a head trained on its training lines (`bantam route train`, `bantam route eval`), on its test lines:\n\n"
        text += table(["", "accuracy in scope", "accuracy of all lines", "AUROC out of scope"],
                      [[f"bantam {d}", *(f"{100 * c[k]:.2f} %" for k in ("in_scope_accuracy", "accuracy", "oos_auroc"))] for d, c in clinc.items()])  # fmt: skip
    return text


def http_section(rows):
    parts = ["## `/v1/embeddings` over HTTP, 32 clients\n",
             "Each client keeps a connection and sends its next request when it has its answer (`bench/load_client.cc`, the same for all servers). The server"
             " is pinned to the first core, or to both; the client to the last. So with 1 thread each has a core to itself, and with 2 the client takes its"
             " share of one: *client* is its processor time, in shares of one core. *Cosine*: the lowest to the f32 vectors over 16 of the texts, as the"
             " server gave them.\n"]  # fmt: skip
    for threads in threads_of(rows):
        for mix in dict.fromkeys(r["mix"] for r in rows):
            here = [r for r in rows if r["threads"] == threads and r["mix"] == mix]
            mine = next((r for r in here if r["name"] == "bantam serve"), None)
            body = []
            for row in here:
                found = goals.ratios(mine, row, True) if mine and row is not mine else []
                body.append([label(row), rate(row["requests_per_s"]), ms(row["median_ms"]), ms(row["p99_ms"]), goals.spread(found) if found else "",
                             f"{row['cosine']:.4f}" if row.get("cosine") else "", f"{row['peak_rss_mib']:.0f} MiB" if row.get("peak_rss_mib") else "",
                             f"{row['client_cpu']:.2f}"])  # fmt: skip
            what = "short questions (CLINC150)" if mix == "questions" else "ragged traffic"
            parts.append(f"{plural(threads)}, {what}:\n")
            parts.append(table(["server", "requests/s", "p50 ms", "p99 ms", "Bantam's ÷ its", "cosine", "peak memory", "client"], body))
    return "\n".join(parts)


def decision_section(http):
    parts = ["## A whole decision over HTTP\n",
             "`POST /v1/chat/completions` with a question of 16 tokens, one after the other on a kept connection, the cache off"
             " (`Cache-Control: no-store`). Time as the client sees it, in milliseconds.\n"]  # fmt: skip
    body = [[row["name"], str(row["threads"]), ms(row["median_ms"]), ms(row["p99_ms"]), f"{row['peak_rss_mib']:.0f} MiB"] for row in http["rows"]]
    parts.append(table(["server", "threads", "p50", "p99", "peak memory"], body))
    for threads in threads_of(http["rows"]):
        ours = next((r for r in http["rows"] if r["threads"] == threads and r["name"] == "bantam"), None)
        theirs = next((r for r in http["rows"] if r["threads"] == threads and r["name"] != "bantam"), None)
        if ours and theirs:
            found = [b / a for a, b in zip(ours["rounds"], theirs["rounds"])]
            parts.append(f"With {plural(threads)} the other takes {goals.spread(found)} times as long (p50).")
    for row in http["cached"]:
        parts.append(f"With {plural(row['threads'])} and the cache on, an answer from the cache takes"
                     f" {ms(row['median_ms'])} / {ms(row['p99_ms'])} ms (p50 / p99), of which the server's own decision"
                     f" {ms(row['server_median_ms'])} / {ms(row['server_p99_ms'])}.")  # fmt: skip
    parts.append("\nThe other server (`bench/peer_server.py`) is FastAPI on uvicorn with uvloop and httptools, tokenizers, onnxruntime int8 and a"
                 " scikit-learn head trained on the same examples; it does the same steps and writes an audit record too. Server and client"
                 " are pinned: with 1 thread each has a core, with 2 the client shares one.\n")  # fmt: skip
    return "\n".join(parts)


def tokenizer_section(rows):
    body = [[r["name"] + (f", {r['way']}" if r.get("way") else ""), r["text"], f"{r['bytes'] / 1e6:.2f} MB, {r['lines']} lines", str(r["tokens"]),
             f"{r['mb_per_s']:.2f}"] for r in rows]  # fmt: skip
    return ("## The tokenizer\n\nText in, token ids out, one thread. Of `tokenizers` the fastest of its calls.\n\n"
            + table(["", "text", "size", "tokens", "MB/s"], body))  # fmt: skip


def start_section(part):
    body = [[r["name"], f"{r['first_embedding_ms']:.0f} ms ({min(r['rounds']):.0f}–{max(r['rounds']):.0f})", f"{r['peak_rss_mib']:.0f} MiB"] for r in part["rows"]]
    return ("## From the start of the process to its first embedding\n\nOne thread, one short text, files in the page cache; the peak of resident"
            " memory includes mapped files.\nThe first start ever also packs the weights; later ones map the packed file.\n\n"
            + table(["", "first embedding", "peak memory"], body))  # fmt: skip


def head_section(results):
    m = results["machine"]
    seconds = results.get("seconds", {})
    return "\n".join([
        "# Benchmarks\n",
        "Written by `make bench`; do not edit by hand. Model: all-MiniLM-L6-v2. Contestants take turns within every round; a figure is the"
        f" median over {results['rounds']} rounds of that round's p50 or p99, a ratio the median of the rounds' ratios.\n",
        "![Latency, throughput and requests per second](benchmarks.svg)\n",
        f"Measured {results['date']} at `{m['commit']}` on {m['cpu']}, {m['cores']} cores, {m['memory_gib']} GiB, {', '.join(m['isa'])};"
        f" load before: {m['load_before']:.2f}; Linux {m['kernel']}, {m['compiler']}, Python {m['python']}; "
        + ", ".join(f"{k} {v}" for k, v in m["packages"].items())
        + f". It took {sum(seconds.values()) / 60:.0f} minutes.\n",
    ])  # fmt: skip


def markdown(results):
    sections = [head_section(results), goals_section(results), shortfalls_section(), failures_section(results.get("failures"))]
    for key, section in (("encoder", encoder_section), ("accuracy", accuracy_section), ("http", http_section), ("decision", decision_section),
                         ("tokenizer", tokenizer_section), ("start", start_section), ("peaks", peaks_section)):  # fmt: skip
        if results.get(key):
            sections.append(section(results[key], results.get("accuracy")) if key == "encoder" else section(results[key]))
    if results.get("products"):
        sections.append(products_section(results["products"], results))
    sections.append("## The commands\n\n```\n" + "\n".join(f"{k}: {v}" for k, v in results["commands"].items()) + "\n```\n")
    return "\n".join(section for section in sections if section)


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        print(markdown(json.load(file)))

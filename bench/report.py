"""results.json -> docs/benchmarks.md and its chart. `report.py FILE` prints the page again without measuring."""

import json
import sys
from html import escape


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def ms(value):
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


def label(row):
    return f"{row['name']} {row['dtype']}" if "dtype" in row else row["name"]


def latency_section(rows):
    parts = ["## The encoder alone: ids in, unit vector out, one sequence\n"]
    for threads in sorted({r["threads"] for r in rows}):
        lengths = sorted({r["tokens"] for r in rows})
        names = list(dict.fromkeys(label(r) for r in rows))
        by_key = {(label(r), r["tokens"]): r for r in rows if r["threads"] == threads}
        body = []
        for name in names:
            cells = [by_key.get((name, tokens)) for tokens in lengths]
            body.append([name, *(f"{ms(c['median_ms'])} / {ms(c['p99_ms'])}" if c else "" for c in cells)])
        parts.append(f"{threads} thread{'s' if threads > 1 else ''}, p50 / p99 in milliseconds:\n")
        parts.append(table(["", *(f"{tokens} tokens" for tokens in lengths)], body))
        ratios = []
        for dtype in ("int8", "f32"):
            others = [n for n in names if n.endswith(dtype) and not n.startswith("bantam")]
            mine = [by_key.get((f"bantam {dtype}", t)) for t in lengths]
            for name in others:
                pairs = zip(mine, (by_key.get((name, t)) for t in lengths))
                ratios.append([f"{name} ÷ bantam {dtype}", *(f"{b['median_ms'] / a['median_ms']:.2f}" if a and b else "" for a, b in pairs)])
            best = [min((by_key[n, t]["median_ms"] for n in others if (n, t) in by_key), default=None) for t in lengths]
            ratios.append([f"**the fastest other {dtype}** ÷ bantam {dtype}", *(f"**{b / a['median_ms']:.2f}**" if a and b else "" for a, b in zip(mine, best))])
        parts.append("How many times as long the other takes (above 1: Bantam is faster), from the p50:\n")
        parts.append(table(["", *(f"{tokens} tokens" for tokens in lengths)], ratios))
    variants = sorted({f"{label(r)}: {r['variant']}" for r in rows if r.get("variant", "only") != "only"})
    isa = sorted({r["isa"] for r in rows if r.get("isa")})
    parts.append("Of onnxruntime, each figure is the better of the exported graph and the one that its own BERT optimizer fuses"
                 f" ({'; '.join(variants)}). Bantam's kernels here: {', '.join(isa) or 'unknown'}.\n")  # fmt: skip
    return "\n".join(parts)


def http_section(http):
    parts = ["## A whole decision over HTTP\n",
             "`POST /v1/chat/completions` with a question of 16 tokens, one after the other on a kept connection, the cache off"
             " (`Cache-Control: no-store`). Time as the client sees it, in milliseconds.\n"]  # fmt: skip
    body = [[row["name"], str(row["threads"]), ms(row["median_ms"]), ms(row["p99_ms"]), f"{row['peak_rss_mib']:.0f} MiB"] for row in http["rows"]]
    parts.append(table(["server", "threads", "p50", "p99", "peak memory"], body))
    for threads in sorted({r["threads"] for r in http["rows"]}):
        ours = next((r for r in http["rows"] if r["threads"] == threads and r["name"] == "bantam"), None)
        theirs = next((r for r in http["rows"] if r["threads"] == threads and r["name"] != "bantam"), None)
        if ours and theirs:
            parts.append(f"With {threads} thread{'s' if threads > 1 else ''} the other takes {theirs['median_ms'] / ours['median_ms']:.2f} times as long (p50).")
    for row in http["cached"]:
        parts.append(f"With {row['threads']} thread{'s' if row['threads'] > 1 else ''} and the cache on, an answer from the cache takes"
                     f" {ms(row['median_ms'])} / {ms(row['p99_ms'])} ms (p50 / p99), of which the server's own decision"
                     f" {ms(row['server_median_ms'])} / {ms(row['server_p99_ms'])}.")  # fmt: skip
    parts.append("\nThe other server (`bench/peer_server.py`) is FastAPI on uvicorn with uvloop and httptools, tokenizers, onnxruntime int8 and a"
                 " scikit-learn head trained on the same examples; it does the same steps and writes an audit record too. Server and client"
                 " are pinned: with 1 thread each has a core, with 2 the client shares one.\n")  # fmt: skip
    return "\n".join(parts)


def start_section(rows):
    body = [[row["name"], f"{row['first_embedding_ms']:.0f} ms", f"{row['peak_rss_mib']:.0f} MiB"] for row in rows]
    return ("## From the start of the process to its first embedding\n\nOne thread, one short text, files in the page cache; the peak of resident"
            " memory includes mapped files.\nThe first start ever also packs the weights; later ones map the packed file.\n\n"
            + table(["", "first embedding", "peak memory"], body))  # fmt: skip


def agreement_section(agreement):
    body = [[name, f"{c['mean']:.6f}", f"{c['min']:.6f}"] for name, c in agreement.items()]
    return ("## Do they compute the same?\n\nCosine to sentence-transformers' vectors over the questions of `bench/questions.txt`:\n\n"
            + table(["", "mean", "lowest"], body))  # fmt: skip


def markdown(results):
    m = results["machine"]
    parts = [
        "# Benchmarks\n",
        "Written by `make bench`; do not edit by hand. Model: all-MiniLM-L6-v2. Contestants take turns within every round; a figure is the"
        f" median over {results['rounds']} rounds of that round's p50 or p99. Lower is better everywhere.\n",
        "![p50 in milliseconds](benchmarks.svg)\n",
        f"Measured {results['date']} at `{m['commit']}` on {m['cpu']}, {m['cores']} cores, {m['memory_gib']} GiB, {', '.join(m['isa'])};"
        f" load before: {m['load_before']:.2f}; Linux {m['kernel']}, {m['compiler']}, Python {m['python']}; "
        + ", ".join(f"{k} {v}" for k, v in m["packages"].items()) + ".\n",
    ]  # fmt: skip
    for key, section in (("latency", latency_section), ("http", http_section), ("start", start_section), ("agreement", agreement_section)):
        if key in results:
            parts.append(section(results[key]))
    parts.append("## The commands\n\n```\n" + "\n".join(f"{k}: {v}" for k, v in results["commands"].items()) + "\n```\n")
    return "\n".join(parts)


def chart(results):
    """Bars of the p50 at 16 tokens and one thread: the encoder alone, then the whole decision."""
    groups = []
    for title, rows in (("encoder, 16 tokens, 1 thread", results.get("latency", [])),
                        ("whole HTTP decision, 16 tokens, 1 thread", results.get("http", {}).get("rows", []))):  # fmt: skip
        chosen = [(label(r), r["median_ms"]) for r in rows if r["tokens"] == 16 and r["threads"] == 1]
        if chosen:
            groups.append((title, sorted(chosen, key=lambda pair: pair[1])))
    width, left, bar, y, shapes = 760, 270, 20, 16, []
    for title, rows in groups:
        longest = max(value for _, value in rows)
        shapes.append(f'<text x="8" y="{y + 12}" font-weight="bold">{escape(title)}</text>')
        y += 26
        for name, value in rows:
            length = max(2, (width - left - 90) * value / longest)
            colour = "#c2410c" if name.startswith("bantam") else "#94a3b8"
            shapes.append(f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>')
            shapes.append(f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar - 3}" fill="{colour}"/>')
            shapes.append(f'<text x="{left + length + 6:.1f}" y="{y + 14}">{ms(value)} ms</text>')
            y += bar + 3
        y += 16
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}" font-family="sans-serif"'
            f' font-size="13" fill="#334155"><rect width="{width}" height="{y}" fill="#ffffff"/>\n' + "\n".join(shapes) + "\n</svg>\n")  # fmt: skip


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        print(markdown(json.load(file)))

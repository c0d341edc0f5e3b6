"""The picture of docs/benchmarks.md: bars of one row of each kind, on one thread."""

from html import escape


def chosen(results):
    """-> (title, [(name, value)], unit, whether longer is better)"""
    rows = (results.get("encoder") or {}).get("rows", [])
    one = [(f"{r['name']} {r['dtype']}", r["median_ms"]) for r in rows if r["work"] == "1x16" and r["threads"] == 1]
    yield "one request of 16 tokens, 1 thread, p50: shorter is better", one, "ms", False
    ragged = [(f"{r['name']} {r['dtype']}", r["sequences_per_s"]) for r in rows if r["work"] == "ragged" and r["threads"] == 1]
    yield "ragged traffic, 1 thread: longer is better", ragged, "sequences/s", True
    http = [(r["name"], r["requests_per_s"]) for r in results.get("http") or [] if r["mix"] == "questions" and r["threads"] == 1]
    yield "/v1/embeddings, short questions, 32 clients, 1 thread: longer is better", http, "requests/s", True


def shown(value):
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def chart(results):
    width, left, bar, y, shapes = 820, 270, 20, 16, []
    for title, pairs, unit, longer_is_better in chosen(results):
        if not pairs:
            continue
        longest = max(value for _, value in pairs)
        shapes.append(f'<text x="8" y="{y + 12}" font-weight="bold">{escape(title)}</text>')
        y += 26
        for name, value in sorted(pairs, key=lambda pair: pair[1], reverse=longer_is_better):
            length = max(2, (width - left - 150) * value / longest)
            colour = "#c2410c" if name.startswith("bantam") else "#94a3b8"
            shapes.append(f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>')
            shapes.append(f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar - 3}" fill="{colour}"/>')
            shapes.append(f'<text x="{left + length + 6:.1f}" y="{y + 14}">{shown(value)} {unit}</text>')
            y += bar + 3
        y += 16
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}" font-family="sans-serif"'
            f' font-size="13" fill="#334155"><rect width="{width}" height="{y}" fill="#ffffff"/>\n' + "\n".join(shapes) + "\n</svg>\n")  # fmt: skip

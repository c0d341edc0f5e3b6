#!/usr/bin/env python3
"""Makes a website of the Markdown pages: static files that ask no other host for anything and open from a disk, too.

    tools/docs_site.py [FOLDER]          build/site by default; a site that is there is replaced

A page is every Markdown file that the README leads to. Other files that they link to come along as they are.
"""

import html
import json
import posixpath
import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt

from check_docs import anchor

ROOT = Path(__file__).resolve().parents[1]
PARTS = Path(__file__).with_suffix("")

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

# The groups of the navigation, and what belongs to them: folders, or pages by name; the longest that fits decides.
GROUPS = {
    "Topics": ["docs/topics/"],
    "How to": ["docs/howto/"],
    "Reference": ["docs/reference/", "docs/compatibility.md"],
    "Explanation": ["docs/explanation/", "docs/architecture.md", "docs/reliability.md"],
    "Measured": ["docs/"],
    "Project": ["CONTRIBUTING.md", "CHANGELOG.md", "docs/dependencies.md", "docs/fuzzing.md", ""],
}


@dataclass
class Page:
    path: str  # of the Markdown file, in the repository
    title: str = ""
    tokens: list = field(default_factory=list)  # what markdown-it made of it
    links: list = field(default_factory=list)  # (token, its attribute, path in the repository, "#part")
    sections: list = field(default_factory=list)  # [heading, anchor, text]

    @property
    def url(self):
        return "index.html" if self.path == "README.md" else self.path.removeprefix("docs/").removesuffix(".md").lower() + ".html"

    @property
    def group(self):
        if self.path == "README.md":
            return None
        fits = [(len(what), name) for name, parts in GROUPS.items() for what in parts if self.path.startswith(what)]
        return max(fits)[1]


def resolve(page_path, target):
    """A relative link of a page -> (path in the repository, "#part"); None for what leads elsewhere."""
    if re.match(r"[a-z][a-z0-9+.-]*:", target):
        return None
    file, _, part = target.partition("#")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page_path), file)) if file else page_path
    return path, "#" + part if part else ""


def relative(url, page):
    return posixpath.relpath(url, posixpath.dirname(page.url) or ".")


def text_of(inline):
    return "".join(child.content or " " for child in inline.children or [] if child.type != "html_inline")


def read_page(path):
    page = Page(path)
    tokens = MARKDOWN.parse((ROOT / path).read_text(encoding="utf-8"))
    used = {}
    for i, token in enumerate(tokens):
        if token.type == "heading_open":
            title = text_of(tokens[i + 1])
            name = anchor(tokens[i + 1].content)
            count = used[name] = used.get(name, -1) + 1
            token.attrSet("id", name + (f"-{count}" if count else ""))
            page.title = page.title or title
            page.sections.append([title, token.attrGet("id"), ""])
        elif token.type == "table_open":
            token.attrSet("tabindex", "0")
        elif token.type in ("inline", "fence", "code_block") and page.sections and tokens[i - 1].type != "heading_open":
            page.sections[-1][2] += " " + (text_of(token) if token.type == "inline" else token.content)
        for child in token.children or []:
            key = {"link_open": "href", "image": "src"}.get(child.type)
            if key and (found := resolve(path, child.attrGet(key))):
                page.links.append((child, key, *found))
    page.tokens = [token for token in tokens if not (token.type == "html_block" and token.content.startswith("<!--"))]
    return page


def read_pages():
    pages, waiting = {}, ["README.md"] + sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md"))
    while waiting:
        path = waiting.pop(0)
        if path in pages:
            continue
        pages[path] = read_page(path)
        waiting += [target for _, _, target, _ in pages[path].links if target.endswith(".md")]
    return pages


def short(title):
    """Of a page, for the navigation: "Routes" of "Routes: what ...", "Write a route file" of "How to write ..."."""
    name = title.split(": ")[0].removeprefix("How to ")
    return name[:1].upper() + name[1:]


def navigation(pages, here):
    out = []
    for group in GROUPS:
        members = [page for page in pages.values() if page.group == group]
        if not members:
            continue
        is_open = group == (here.group or "How to")
        out.append(f"<details{' open' if is_open else ''}><summary>{group}</summary><ul>")
        for page in members:
            current = ' aria-current="page"' if page is here else ""
            out.append(f'<li><a href="{relative(page.url, here)}"{current}>{html.escape(short(page.title))}</a></li>')
        out.append("</ul></details>")
    return "\n".join(out)


def contents(page):
    parts = [(title, name) for title, name, _ in page.sections[1:]]
    if len(parts) < 3:
        return ""
    rows = "".join(f'<li><a href="#{name}">{html.escape(title)}</a></li>' for title, name in parts)
    return f'<nav class="contents" aria-label="On this page"><h2>On this page</h2><ul>{rows}</ul></nav>'


def build(folder):
    pages = read_pages()
    files = set()
    for page in pages.values():
        for child, key, target, part in page.links:
            if target in pages:
                child.attrSet(key, relative(pages[target].url, page) + part)
            elif (ROOT / target).is_file():
                # Text that a browser would download is shown; pictures stay what they are.
                name = target if target.endswith((".svg", ".png")) else target + ".txt"
                files.add((target, name))
                child.attrSet(key, relative("files/" + name, page))
            else:
                raise SystemExit(f"docs_site: {page.path}: {target} is neither a page nor a file")
    template = (PARTS / "page.html").read_text(encoding="utf-8")
    for page in pages.values():
        parts = {"title": html.escape(page.title), "root": relative(".", page), "navigation": navigation(pages, page),
                 "contents": contents(page), "body": MARKDOWN.renderer.render(page.tokens, MARKDOWN.options, {})}  # fmt: skip
        place = folder / page.url
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template), encoding="utf-8")
    for target, name in files:
        (folder / "files" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / target, folder / "files" / name)
    for part in (PARTS / "site.css", PARTS / "site.js", ROOT / "web" / "theme.js"):
        shutil.copyfile(part, folder / part.name)
    index = [
        {"page": page.title, "title": title, "url": f"{page.url}#{name}" if i else page.url, "text": re.sub(r"\s+", " ", text).strip()}
        for page in pages.values() for i, (title, name, text) in enumerate(page.sections)
    ]  # fmt: skip
    # A script and not JSON: pages that were opened from a disk may not fetch.
    (folder / "search.js").write_text(f"window.searchIndex = {json.dumps(index, ensure_ascii=False)};\n", encoding="utf-8")
    return len(pages)


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "site")
    if (folder / "search.js").is_file():  # one that was made before: pages may have gone
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    print(f"docs: {build(folder)} pages; open {folder / 'index.html'}")


if __name__ == "__main__":
    main()

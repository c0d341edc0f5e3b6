"""The website that tools/docs_site.py makes of the pages: whole, without any other host, and usable in a browser."""

import html.parser
import re
import subprocess
import sys
from urllib.parse import unquote

import pytest

from bantam_process import REPOSITORY


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    subprocess.run([sys.executable, REPOSITORY / "tools" / "docs_site.py", folder], check=True, stdout=subprocess.DEVNULL)
    return folder


class Page(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loads = set(), [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids.add(attributes.get("id"))
        if tag == "a":
            self.links.append(attributes["href"])
        elif tag in ("script", "link", "img"):
            self.loads.append(attributes.get("src") or attributes.get("href"))


def test_every_link_leads_somewhere(site):
    pages = {path: Page(path) for path in site.rglob("*.html")}
    assert len(pages) > 50
    for path, page in pages.items():
        for link in page.links + page.loads:
            if re.match(r"(https?|mailto):", link):
                assert link not in page.loads, f"{path}: {link} is another host"
                continue
            file, _, part = link.partition("#")
            target = (path.parent / unquote(file)).resolve() if file else path
            assert target.is_file(), f"{path}: {link}"
            assert not part or unquote(part) in pages[target].ids, f"{path}: {link}"


def test_every_page_of_the_docs_is_there(site):
    for path in (REPOSITORY / "docs").rglob("*.md"):
        assert (site / path.relative_to(REPOSITORY / "docs").with_suffix(".html")).is_file()
    page = (site / "howto" / "route-file.html").read_text()
    assert "<!--" not in page.split("<main", 1)[1] and 'aria-current="page">Write a route file' in page


def test_in_a_browser(site, browser):
    browser.get_log("browser")
    browser.set_window_size(1280, 900)
    browser.get((site / "index.html").as_uri())
    run = browser.execute_script
    wanted = "const done = arguments[0]; const look = () => document.querySelector('#found [role=option] a') ? done() : setTimeout(look, 20); look();"
    field = browser.find_element("id", "search")
    field.send_keys("error budget")
    browser.execute_async_script(wanted)
    titles = [row.text.split("\n")[0] for row in browser.find_elements("css selector", "#found [role=option]")]
    assert "How to write a route file › An error budget" in titles
    found = browser.find_element("css selector", "#found [aria-selected=true] a").get_attribute("href")
    field.send_keys("\ue007")
    assert browser.current_url == found
    colours = []
    for _ in range(2):
        colours.append(run("return getComputedStyle(document.body).backgroundColor"))
        browser.find_element("id", "theme").click()
    assert colours[0] != colours[1]
    for width in (1280, 500):
        browser.set_window_size(width, 900)
        for page in ("index", "reference/http-api", "topics/routes", "dependencies"):
            browser.get((site / f"{page}.html").as_uri())
            assert run("return document.documentElement.scrollWidth <= innerWidth"), (page, width)
    assert not browser.find_element("id", "pages").is_displayed()
    browser.find_element("id", "menu").click()
    assert browser.find_element("id", "pages").is_displayed()
    browser.set_window_size(1280, 900)
    assert browser.get_log("browser") == []

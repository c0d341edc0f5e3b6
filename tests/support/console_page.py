"""The console in a browser, used as a person uses it."""

import contextlib
import re

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE_S = 30
DRAWS = """
const [chart, variable] = arguments, canvas = chart.querySelector("canvas");
if (!canvas || Math.round(canvas.getBoundingClientRect().width) !== chart.clientWidth) return false;
const digits = getComputedStyle(document.documentElement).getPropertyValue(variable).trim().slice(1);
const [red, green, blue] = digits.match(/../g).map((pair) => parseInt(pair, 16));
const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
for (let at = 0; at < data.length; at += 4) {
  if (data[at] === red && data[at + 1] === green && data[at + 2] === blue && data[at + 3] === 255) return true;
}
return false;
"""


def find(root, selector):
    return root.find_element(By.CSS_SELECTOR, selector)


def find_all(root, selector):
    return root.find_elements(By.CSS_SELECTOR, selector)


class Console:
    """The page, used as a person uses it."""

    def __init__(self, browser, url):
        self.browser = browser
        self.url = url

    def wait(self, condition, what):
        waiting = WebDriverWait(self.browser, PATIENCE_S, 0.05, [StaleElementReferenceException])
        return waiting.until(lambda _: condition(), f"waited {PATIENCE_S} s for {what}")

    def open(self, view=""):
        """`view`: "#learning", "#playground/tag"; or the conversation."""
        self.browser.get("about:blank")  # another fragment alone would not load the page again
        self.browser.get(f"{self.url}/{view}")
        self.wait(lambda: find(self.browser, "#connection").get_attribute("data-state") == "up", "the first counters")
        return self

    def first_paint(self, path):
        """Loads a page with nothing in the browser's cache; -> milliseconds until its first text stood there."""
        self.browser.get("about:blank")
        self.browser.execute_cdp_cmd("Network.clearBrowserCache", {})
        self.browser.get(self.url + path)
        painted = "return performance.getEntriesByName('first-contentful-paint').map((entry) => entry.startTime)"
        return self.wait(lambda: self.browser.execute_script(painted), "the first paint")[0]

    def say(self, text):
        """Types, presses Enter; -> the finished turn."""
        before = len(find_all(self.browser, ".turn"))
        field = find(self.browser, "#question")
        field.send_keys(text)
        field.send_keys(Keys.ENTER)
        self.wait(lambda: len(find_all(self.browser, ".turn")) == before + 1, "the question in the log")
        self.wait(lambda: find(self.browser, "#log").get_attribute("aria-busy") is None, "the answer")
        return self.last_turn()

    def last_turn(self):
        """The newest turn once it has faded in: what is still transparent counts as unseen, and has no text."""
        turn = find_all(self.browser, ".turn")[-1]
        running = "return arguments[0].getAnimations({subtree: true}).length"
        self.wait(lambda: self.browser.execute_script(running, turn) == 0, "the turn to fade in")
        return turn

    def counter(self, name):
        return int(re.sub(r"\D", "", find(self.browser, f"#{name}").text) or 0)

    def draws(self, chart, variable):
        """Whether the chart's canvas fills its width and has pixels of the colour that the variable has now."""
        return self.browser.execute_script(DRAWS, chart, variable)

    def errors(self):
        """What the page's console has of errors: failed requests, exceptions, what the Content-Security-Policy refused."""
        return [entry for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]

    def resources(self):
        """What the page was made of, by address."""
        return self.browser.execute_script("return performance.getEntriesByType('resource').map((e) => e.name)")

    @contextlib.contextmanager
    def phone(self, width=390):
        size = {"width": width, "height": 844, "deviceScaleFactor": 2, "mobile": True}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        try:
            yield
        finally:
            self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    @contextlib.contextmanager
    def system_theme(self):
        """Yields a function that makes the system "light" or "dark"."""
        def system(value):
            features = [{"name": "prefers-color-scheme", "value": value}]
            self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

        try:
            yield system
        finally:
            self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    def theme(self):
        return self.browser.execute_script("return document.documentElement.dataset.theme")

    def scrolls_sideways(self):
        return self.browser.execute_script(
            "return [document.scrollingElement, document.getElementById('log'), ...document.querySelectorAll('.ledger')]"
            ".some((e) => e.scrollWidth > e.clientWidth)"
        )

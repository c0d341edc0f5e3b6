"""The console's view of learning and cost in a real browser, against a shop that learns from a small large model."""

import json
import re
import types

import httpx
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from bantam_process import BantamProcess, make_home
from console_page import Console, find, find_all
from learning_shop import PARCEL, WAREHOUSE, eventually, shop_teacher, write_shop

MARKUP = "is the <b>warehouse</b> staffed <img src=x onerror=alert(1)> at night"
LONG = "is the warehouse at https://example.org/" + "x" * 300 + " staffed"


def point(threshold, escalated, accuracy):
    return {"threshold": threshold, "escalated": escalated, "accuracy": accuracy, "accuracy_low": accuracy - 0.02,
            "accuracy_high": min(1, accuracy + 0.02), "cost_per_1000": 2 * escalated}  # fmt: skip


CURVE = {"points": [point(0.2, 0.1, 0.9), point(0.5, 0.3, 0.96), point(0.9, 0.8, 0.99)], "current": point(0.5, 0.3, 0.96),
         "labelled": 81, "messages": 1234, "confidence": 0.95, "why_empty": ""}  # fmt: skip
# So that the curve is a known one, whatever the traffic of the test has come to.
KNOWN_CURVE = """
const ask = window.fetch;
window.fetch = (path, ...rest) =>
  String(path).endsWith("v1/learning/curve") ? Promise.resolve(Response.json(window.curve)) : ask(path, ...rest);
window.curve = """


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    with shop_teacher() as teacher, BantamProcess(make_home(folder / "home"), ["-c", write_shop(folder, teacher)]) as server:
        with httpx.Client(base_url=server.url, timeout=60) as client:

            def say(text):
                message = {"model": "shop", "messages": [{"role": "user", "content": text}]}
                return client.post("/v1/chat/completions", json=message).json()["bantam"]

            def learning():
                return client.get("/v1/learning").json()

            def to_review():
                return {candidate["id"]: candidate for candidate in learning()["to_review"]}

            texts = [form.format(number) for number in range(30) for form in (WAREHOUSE, PARCEL)]
            for text in (*texts, MARKUP, LONG, "when are you open", "refund please"):
                say(text)

            def settled():  # what was said is kept within a second, and then labelled
                found = learning()
                return sum(head["messages"] for head in found["traffic"]) == 64 and found["candidates"]["unlabelled"] == 0

            eventually(settled)
            yield types.SimpleNamespace(url=server.url, client=client, say=say, learning=learning, to_review=to_review)


@pytest.fixture
def page(browser, shop):
    browser.get_log("browser")  # what an earlier test left there
    script = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": KNOWN_CURVE + json.dumps(CURVE)})
    console = Console(browser, shop.url).open("#learning")
    console.wait(lambda: find(browser, "#heads-rows").text and find(browser, "#cost-facts").text, "the first numbers")
    yield console
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    assert console.errors() == []
    assert [name for name in console.resources() if not name.startswith((shop.url, "data:"))] == []
    browser.get("about:blank")


def press(page, *keys):
    ActionChains(page.browser).send_keys(*keys).perform()


def go_to_review(page):
    page.browser.execute_script("document.getElementById('review').scrollIntoView()")


def shown(page):
    return int(find(page.browser, "#candidate").get_attribute("data-id"))


def fact(page, name):
    [row] = [row for row in find_all(page.browser, "#cost-facts div") if find(row, "dt").text == name]
    return find(row, "dd").text


def row(page, name):
    [found] = [row for row in find_all(page.browser, "#heads-rows tr") if find(row, "th").text == name]
    return [cell.text for cell in found.find_elements(By.TAG_NAME, "td")]


def test_it_shows_the_servers_numbers(page, shop):
    browser = page.browser
    usage = shop.client.get("/v1/usage").json()
    days = usage["histories"][2]["buckets"]
    total = {key: sum(day[key] for day in days) for key in ("messages", "escalated", "local_model", "rule", "cost", "label_cost")}
    assert total["messages"] == 64 and total["escalated"] > 40
    assert fact(page, "Messages") == str(total["messages"])
    assert fact(page, "Handed on") == str(total["escalated"])
    assert fact(page, "Answered here") == str(total["local_model"] + total["rule"])
    spent = total["cost"] + total["label_cost"]
    assert float(find(browser, "#cost-spent").text) == pytest.approx(spent, rel=0.01) and spent > 0
    assert "would have cost about" in find(browser, "#cost-words").text
    [budget] = usage["budgets"]
    assert budget["max_budget"] == 5 and budget["spent"] == pytest.approx(spent, rel=0.01)
    assert re.fullmatch(r"big\n(4\.99|5\.00) of 5\.00 left today", find(browser, "#budgets li").text)

    chart = find(browser, "#rate-chart")
    assert find(chart, ".readout").text.endswith("in the last 2 hours"), "of a server that is young"
    find_all(browser, "#spans button")[1].click()
    rate = f"{100 * total['escalated'] / total['messages']:.1f}".removesuffix(".0")
    assert find(chart, ".readout").text == f"{rate} % of 64 messages handed on in the last 7 days"
    page.wait(lambda: page.draws(chart, "--upstream"), "the chart")
    said = find(chart, ".plot[role=img]").get_attribute("aria-label")
    assert said.startswith("Escalation rate over time. ") and rate in said
    find(chart, "summary").click()
    hours = [hour for hour in usage["histories"][1]["buckets"] if hour["messages"]]
    rows = [[cell.text for cell in row.find_elements(By.TAG_NAME, "td")] for row in find_all(chart, "tbody tr")]
    assert [[int(row[1]), int(row[2])] for row in rows] == [[hour["messages"], hour["escalated"]] for hour in hours]
    find_all(browser, "#spans button")[2].click()
    assert find(chart, ".readout").text.endswith("in the last 90 days")
    assert len(find_all(chart, "canvas")) == 1, "drawn again where it was"

    learning = shop.learning()
    assert find(browser, "#review-count").text == f"{len(learning['to_review'])} waiting"
    assert find(browser, "#waiting").text == str(len(learning["to_review"]))
    assert row(page, "Generation") == ["the file's own", "none yet"]
    [traffic] = learning["traffic"]
    assert row(page, "Handed on in traffic")[0].endswith(f"of {traffic['messages']}")


def test_the_curve_its_band_and_where_we_are(page):
    browser = page.browser
    page.wait(lambda: find(browser, "#curve-chart .mark"), "the curve")
    chart = find(browser, "#curve-chart")
    assert page.draws(chart, "--local")
    assert find(chart, ".mark-label").text == "now"
    assert find(chart, ".readout").text == "Now: 96 % without a wrong answer (94 % to 98 %), 30 % handed on, 0.6 for 1,000 messages"
    find(chart, "summary").click()
    assert [find(row, "td").text for row in find_all(chart, "tbody tr")] == ["0.200", "0.500", "0.900"]
    assert "81 labelled messages of 1,234" in find(browser, "#curve-from").text
    ActionChains(browser).move_to_element(find(chart, ".u-over")).perform()
    assert find(chart, ".readout").text.startswith("Threshold 0.50: 96 % without a wrong answer")


def test_one_key_for_each_verdict(page, shop):
    before, counts = shop.to_review(), shop.learning()["candidates"]
    go_to_review(page)
    first = shown(page)
    press(page, Keys.ARROW_RIGHT)
    second = shown(page)
    assert second != first
    press(page, Keys.ARROW_LEFT)
    assert shown(page) == first
    page.wait(lambda: len(find_all(page.browser, "#candidate-near li")) == 3, "the nearest examples")

    press(page, "a")
    assert shown(page) == second
    eventually(lambda: shop.learning()["candidates"]["accepted"] == counts["accepted"] + 1)
    assert first not in shop.to_review()
    press(page, "r")
    eventually(lambda: shop.learning()["candidates"]["rejected"] == counts["rejected"] + 1)
    assert second not in shop.to_review()
    third = shown(page)
    assert find(page.browser, "#candidate-text").text == before[third]["text"]
    other = "refund" if before[third]["label"] == "hours" else "hours"
    press(page, "l", other[:3], Keys.ENTER)
    eventually(lambda: shop.learning()["candidates"]["relabelled"] == counts["relabelled"] + 1)
    assert f"Relabelled as {other}" in find(page.browser, "#review-note").text

    page.wait(lambda: find(page.browser, "#undo").is_enabled(), "the way back")
    press(page, "u")
    eventually(lambda: third in shop.to_review())
    assert shop.to_review()[third]["label"] == before[third]["label"], "as it was"
    page.wait(lambda: shown(page) == third, "the candidate again")
    press(page, "u")
    eventually(lambda: second in shop.to_review() and shop.learning()["candidates"]["rejected"] == counts["rejected"])
    assert shop.learning()["candidates"]["accepted"] == counts["accepted"] + 1


def test_the_type_ahead(page):
    browser = page.browser
    go_to_review(page)
    press(page, "l")
    field = find(browser, "#route")
    assert browser.switch_to.active_element == field
    assert [find(option, ".route").text for option in find_all(browser, "#routes li")] == ["hours", "refund", "oos"]
    press(page, "none")
    assert [find(option, ".route").text for option in find_all(browser, "#routes li")] == ["oos"], "found by its description"
    press(page, "x")
    assert find(browser, "#routes").text == "No such route."
    before = shown(page)
    press(page, Keys.ENTER, "a", Keys.ESCAPE)
    assert not field.is_displayed() and shown(page) == before, "letters typed there are no verdicts"


def test_a_verdict_that_does_not_arrive_is_no_verdict(page, shop):
    browser = page.browser
    go_to_review(page)
    before, review = shown(page), shop.to_review()
    browser.execute_script("window.fetch = () => Promise.reject(new TypeError('away'))")
    press(page, "a")
    page.wait(lambda: find(browser, "#review-note").text == "The server cannot be reached.", "what went wrong")
    assert shown(page) == before and shop.to_review().keys() == review.keys()
    page.wait(lambda: find(browser, "#ledger-trouble").is_displayed(), "the page to say so")


def test_nothing_is_judged_that_cannot_be_seen(page, shop):
    browser = page.browser
    before, review = shown(page), shop.to_review()
    browser.set_window_size(1000, 500)
    try:
        browser.execute_script("document.getElementById('learning-view').scrollTop = 1e6")
        press(page, "r")
        page.wait(lambda: 0 < find(browser, "#candidate").rect["y"] < 500, "the candidate in view")
        assert shown(page) == before
        assert shop.to_review().keys() == review.keys()
    finally:
        browser.set_window_size(1280, 900)


def test_what_people_wrote_is_text_and_a_phone_has_room_for_it_light_and_dark(page, shop):
    browser = page.browser
    texts = [candidate["text"] for candidate in shop.to_review().values()]
    with page.phone(360), page.system_theme() as system:
        for theme in ("light", "dark"):
            system(theme)
            page.wait(lambda theme=theme: page.theme() == theme, "the theme")
            for name, colour in (("rate", "--upstream"), ("curve", "--local")):
                chart = find(browser, f"#{name}-chart")
                page.wait(lambda chart=chart, colour=colour: page.draws(chart, colour), f"the chart of the {name} in {theme} colours")
            assert not page.scrolls_sideways()
        go_to_review(page)
        for _ in texts:
            press(page, Keys.ARROW_RIGHT)
            assert find(browser, "#candidate-text").text in texts
            assert not page.scrolls_sideways()
        assert find_all(browser, "#candidate b:not(#candidate-label), #candidate img") == []
        for button in find_all(browser, "#verdicts button"):
            assert button.rect["x"] >= 0 and button.rect["x"] + button.rect["width"] <= 360
        canvas = find(browser, "#rate-chart canvas").rect
        assert canvas["x"] + canvas["width"] <= 360


def test_train_promote_and_roll_back_ask_first(page, shop):
    browser = page.browser
    ids = list(shop.to_review())
    assert shop.client.post("/v1/learning/review", json={"ids": ids, "verdict": "accepted"}).status_code == 200
    assert not find(browser, "#promote").is_enabled() and not find(browser, "#rollback").is_enabled()
    find(browser, "#propose").click()
    page.wait(lambda: find(browser, "#promote").is_enabled(), "a challenger that is proven")
    report = shop.learning()["challenger_report"]
    assert row(page, "Generation") == ["the file's own", "1"]
    for column, head in enumerate((report["current"], report["challenger"])):
        assert row(page, "Wrong, of what it answered")[column] == f"{head['wrong']} of {head['answered']}"
        assert row(page, "Answers by itself")[column] == f"{100 * head['coverage']:.1f} %".replace(".0 %", " %")
        assert row(page, "Messages learned from")[column] == str(head["learned"])
    assert "Proven" in find(browser, "#heads-verdict").text

    find(browser, "#promote").click()
    dialog = find(browser, "#confirm")
    assert dialog.is_displayed() and "Generation 1 takes the place of the file's own head" in dialog.text
    press(page, Keys.ENTER)  # Cancel has the focus
    page.wait(lambda: not dialog.is_displayed(), "the question to go")
    assert shop.learning()["generation"] == 0
    find(browser, "#promote").click()
    find(browser, "#confirm-yes").click()
    page.wait(lambda: row(page, "Generation")[0] == "1", "the challenger in force")
    assert shop.learning()["generation"] == 1
    assert shop.say(WAREHOUSE.format(901))["route"] == "hours"
    page.wait(lambda: find(browser, "#rollback").is_enabled(), "the way back")
    find(browser, "#rollback").click()
    assert "back to the file's own head" in dialog.text
    find(browser, "#confirm-yes").click()
    page.wait(lambda: row(page, "Generation")[0] == "the file's own", "the head from before")
    assert shop.learning()["generation"] == 0
    page.wait(lambda: "Nothing waits for you" in find(browser, "#review-none").text, "the end of the work")


def test_a_server_without_an_assistant(browser, bantam_server):
    browser.get_log("browser")
    console = Console(browser, bantam_server("--model", "all-MiniLM-L6-v2").url).open("#learning")
    console.wait(lambda: "no assistant" in find(browser, "#ledger-none").text, "the reason")
    assert not find(browser, "#ledger-body").is_displayed()
    assert console.errors() == []
    browser.get("about:blank")


def test_an_assistant_that_does_not_learn(browser, helpdesk_server):
    browser.get_log("browser")
    console = Console(browser, helpdesk_server.url).open()
    find(browser, "#to-learning").click()
    console.wait(lambda: find(browser, "#cost-facts").text, "what it costs")
    assert "does not learn" in find(browser, "#not-learning").text
    assert not any(find(browser, f"#{part}").is_displayed() for part in ("review", "heads", "curve", "question"))
    find(browser, "#to-conversation").click()
    console.wait(lambda: browser.switch_to.active_element == find(browser, "#question"), "the conversation")
    assert console.errors() == []

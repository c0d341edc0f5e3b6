"""The console's models, playground, requests and route file in a real browser: with an assistant of two routes, three small models with heads, and a
model that writes in the store."""

import json
import re
import subprocess
import types

import httpx
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from bantam_process import REPOSITORY, BantamProcess, make_home
from console_page import Console, find, find_all
from desk_routes import HEAD, HOURS, REFUND, RESPONSES
from tiny_decoder import write_tiny_decoder

MODELS = REPOSITORY / "src/tasks/golden/models"
SECRET = "sk-do-not-show-1234"
# Its first test fails.
ROUTE_FILE = f"""{HEAD}{HOURS}{REFUND}{RESPONSES}model_list:
  - model_name: big
    params: {{model: openai/big, api_base: "http://127.0.0.1:9/v1", api_key: {SECRET}}}
cache: {{url: "redis://me:word@127.0.0.1:9/0"}}
tests:
  - {{say: when are you open, expect: {{route: refund}}}}
  - {{say: where is my refund, expect: {{route: refund}}}}
"""
# An answer that never ends.
ENDLESS = """
const ask = window.fetch;
const event = {choices: [{delta: {content: "so far"}}]};
window.fetch = (path, options) => !String(path).endsWith("v1/chat/completions") ? ask(path, options) : Promise.resolve(new Response(new ReadableStream({
  start(stream) {
    stream.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(event)}\\n\\n`));
    options.signal.addEventListener("abort", () => stream.error(options.signal.reason));
  }})));"""


def home_with_a_writer(folder):
    """A store of its own: the default encoder and a small model that writes."""
    encoder = make_home(folder / "real") / "models" / "all-MiniLM-L6-v2"
    models = folder / "home" / "models"
    models.mkdir(parents=True)
    (models / "all-MiniLM-L6-v2").symlink_to(encoder.resolve())
    write_tiny_decoder(models / "writer.gguf")
    return folder / "home"


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    heads = [x for name in ("classes", "names", "rank_raw") for x in ("--model", MODELS / name)]
    folder = tmp_path_factory.mktemp("views")
    file = folder / "desk.yaml"
    file.write_text(ROUTE_FILE)
    with BantamProcess(home_with_a_writer(folder), ["-c", file, *heads, "--on-demand", "--context", "512"]) as server:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            yield types.SimpleNamespace(url=server.url, client=client, file=file)


@pytest.fixture
def page(browser, desk):
    browser.get_log("browser")  # what an earlier test left there
    console = Console(browser, desk.url)
    yield console
    assert console.errors() == []
    assert [name for name in console.resources() if not name.startswith((desk.url, "data:"))] == []
    browser.get("about:blank")


def post(desk, path, **body):
    reply = desk.client.post(path, json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()


def run(page):
    """Presses the button of the task; -> the answer's card."""
    find(page.browser, ".play-ask .act.first").click()
    page.wait(lambda: find_all(page.browser, ".play-answer .took") and find(page.browser, ".play-answer").get_attribute("aria-busy") is None, "the answer")
    return find(page.browser, ".play-answer")


def write(field, text):
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(text)


def took(answer):
    return {find(row, "dt").text: find(row, "dd").text for row in find_all(answer, ".took dl div")}


def model_row(page, name):
    return find(page.browser, f'#models-rows tr[data-name="{name}"]')


def test_models_are_listed_loaded_and_let_go(page, desk):
    browser = page.open("#models").browser
    page.wait(lambda: find_all(browser, "#models-rows tr"), "the models")
    assert [row.get_attribute("data-name") for row in find_all(browser, "#models-rows tr")] == [model["id"] for model in desk.client.get("/v1/models").json()["data"]]
    assert "assistant" in model_row(page, "desk").text
    assert find_all(model_row(page, "desk"), "button") == []
    assert "tag" in model_row(page, "names").text
    facts = {find(fact, "dt").text: find(fact, "dd").text for fact in find_all(browser, "#machine div")}
    assert facts["Threads of each"] == str(desk.client.get("/v1/console/stats").json()["threads"])

    def state():
        return find(model_row(page, "writer"), ".state").text

    assert state() == "in the store"
    find(model_row(page, "writer"), "button").click()
    page.wait(lambda: state() == "in memory, stays", "the model to be loaded")
    assert "writer is in memory" in find(browser, "#models-note").text
    assert "generate, chat" in model_row(page, "writer").text
    find(model_row(page, "writer"), "button").click()
    page.wait(lambda: state() == "in the store", "the model to go")

    find(model_row(page, "names"), "button").click()
    page.wait(lambda: "named when the server started" in find(browser, "#models-note").text, "why it stays")
    assert [error for error in page.errors() if "409" not in error["message"]] == []


def test_texts_are_compared(page, desk):
    browser = page.open("#playground/embed").browser
    page.wait(lambda: find_all(browser, ".play-ask"), "the task")
    texts = ["where is my parcel", "my parcel is late", "are you open on Sunday"]
    write(find(browser, ".play-ask textarea"), "\n".join(texts))
    answer = run(page)
    vectors = [one["embedding"] for one in post(desk, "/v1/embeddings", model="all-MiniLM-L6-v2", input=texts)["data"]]
    rows = [[cell.text for cell in row.find_elements(By.TAG_NAME, "td")] for row in find_all(answer, ".heat tbody tr")]
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            assert float(cell) == pytest.approx(sum(a * b for a, b in zip(vectors[i], vectors[j], strict=True)), abs=0.006)
    assert find(answer, ".play-headline").text.startswith("Closest are 1 and 2, with ")
    times = took(answer)
    assert times["Model"] == "all-MiniLM-L6-v2" and int(times["Tokens read"]) > 10
    assert all(re.fullmatch(r"[\d.]+ (ms|s)", times[stage]) for stage in ("Waiting", "Reading the text", "Computing", "Round trip"))

    write(find(browser, ".play-ask textarea"), "one alone")
    find(browser, ".play-ask .act.first").click()
    assert find(browser, ".play-ask .note").text == "Write at least 2 texts, one a line."


def test_tags_stand_where_the_server_says(page, desk):
    browser = page.open("#playground/tag").browser
    page.wait(lambda: find_all(browser, ".play-ask"), "the task")
    text = "\U0001f99c Zoë flew to Genève"  # of whose first letter a script's strings make two
    browser.execute_script("document.querySelector('.play-ask textarea').value = arguments[0]", text)  # send_keys knows no such letter
    answer = run(page)
    [found] = post(desk, "/v1/tag", model="names", input=text)["data"]
    marks = find_all(answer, ".tagged mark")
    assert len(marks) == len(found["entities"]) > 0
    for mark, entity in zip(marks, found["entities"], strict=True):
        label = find(mark, ".mark-label").text
        assert label == entity["entity_group"]
        assert mark.text.removesuffix(label).strip() == text[entity["start"] : entity["end"]].strip()


def test_documents_are_ranked(page, desk):
    browser = page.open("#playground/rerank").browser
    page.wait(lambda: find_all(browser, ".play-ask"), "the task")
    documents = ["a refund takes five days", "we are open from nine to five", "parcels go by mail"]
    write(find(browser, ".play-ask textarea"), "\n".join(documents))
    answer = run(page)
    results = post(desk, "/v1/rerank", model="rank_raw", query=find(browser, ".play-ask input").get_attribute("value"), documents=documents)["results"]
    assert [row.text for row in find_all(answer, ".ranked-text")] == [documents[one["index"]] for one in results]
    assert [row.text for row in find_all(answer, ".ranked .bar-number")] == [f"{one['relevance_score']:.3f}" for one in results]


def test_labels_have_bars(page, desk):
    browser = page.open("#playground/classify").browser
    page.wait(lambda: find_all(browser, ".play-ask select option"), "the models")
    find(browser, ".play-ask select option:nth-child(2)").click()
    answer = run(page)
    assert took(answer)["Model"] == "classes"
    text = find(browser, ".play-ask textarea").get_attribute("value")
    [found] = post(desk, "/v1/classify", model="classes", input=text)["data"]
    assert [bar.text for bar in find_all(answer, ".bar-name")] == [one["label"] for one in found["ranking"]]
    widths = [bar.size["width"] for bar in find_all(answer, ".bars .meter-fill")]
    assert widths == sorted(widths, reverse=True)


def test_a_decision_says_why_and_is_a_line_for_the_shell(page, desk):
    browser = page.open("#playground/decide").browser
    page.wait(lambda: find_all(browser, ".play-ask"), "the task")
    write(find(browser, ".play-ask textarea"), "where's my friend's refund")
    answer = run(page)
    [found] = post(desk, "/v1/route", input="where's my friend's refund")["data"]
    assert [chip.text for chip in find_all(answer, ".set .slot")] == found["prediction_set"]
    assert [reason.text for reason in find_all(answer, ".reasons li")] == found["reasons"]
    assert find(answer, ".confidence").text == f"{100 * found['p_correct']:.0f} %"
    assert find_all(answer, ".near li")

    browser.execute_script("navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }")
    find(browser, ".play-ask .act:not(.first)").click()
    page.wait(lambda: browser.execute_script("return window.copied"), "the copy")
    line = browser.execute_script("return window.copied")
    told = subprocess.run(["bash", "-c", line.replace("curl ", "curl -s ", 1)], capture_output=True, text=True, timeout=30, check=True).stdout
    assert json.loads(told)["data"][0]["route"] == found["route"]


def test_a_chat_is_written_and_stopped(page, desk):
    post(desk, "/v2/repository/models/writer/load")
    browser = page.open("#playground/chat").browser
    page.wait(lambda: find_all(browser, ".play-ask"), "the task")
    answer = run(page)
    assert len(find_all(answer, ".turn-mine")) == len(find_all(answer, ".turn-model")) == 1
    times = took(answer)
    assert int(times["Tokens written"]) > 1 and float(times["Tokens a second"]) > 0 and "Reading the text" in times

    browser.execute_script(ENDLESS)
    find(browser, ".play-ask textarea").send_keys("and then?", Keys.CONTROL, Keys.ENTER)
    page.wait(lambda: "so far" in find_all(browser, ".turn-model")[-1].text, "the first words")
    button = find(browser, ".play-ask .act.first")
    assert button.text == "Stop"
    button.click()
    page.wait(lambda: button.text.startswith("Send"), "the end")
    assert "so far (stopped)" in find_all(browser, ".turn-model")[-1].text
    post(desk, "/v2/repository/models/writer/unload")


def test_a_task_that_nothing_can_do_says_so(browser, helpdesk_server):
    browser.get_log("browser")
    page = Console(browser, helpdesk_server.url).open("#playground/rerank")
    page.wait(lambda: find(browser, ".play-none").is_displayed(), "the sentence")
    assert find(browser, ".play-none").text.startswith("No model here ranks.")
    assert not find(browser, ".play-ask").is_displayed()
    assert page.errors() == []


def test_requests_as_they_happen(page, desk):
    browser = page.open("#requests").browser
    private = "nobody else should read this"

    def rows():
        return [row.text for row in find_all(browser, "#requests-rows tr")]

    post(desk, "/v1/embeddings", model="all-MiniLM-L6-v2", input=private)
    page.wait(lambda: any("/v1/embeddings" in row and "200" in row for row in rows()), "the request")
    row = next(row for row in find_all(browser, "#requests-rows tr") if "/v1/embeddings" in row.text)
    assert find(row, ".stages").get_attribute("aria-label").count(" ms") >= 3
    assert find(row, ".by").text == "all-MiniLM-L6-v2"
    assert private not in browser.page_source
    chart = find(browser, "#requests-chart")
    assert "half of them within" in find(chart, ".readout").text
    page.wait(lambda: page.draws(chart, "--local"), "its point in the chart")
    assert re.search(r"the \d+ requests? of the last minute", find(chart, "[role=img]").get_attribute("aria-label"))

    assert desk.client.post("/v1/embeddings", json={"model": "nothing", "input": private}).status_code == 404
    page.wait(lambda: any("404" in row for row in rows()), "the refusal")
    find_all(browser, "#requests-which button")[2].click()
    assert rows() and all(re.search(r"\b4\d\d\b", row) for row in rows())
    find_all(browser, "#requests-which button")[0].click()

    def tagged():
        return sum("/v1/tag" in row for row in rows())

    before = tagged()
    find(browser, "#requests-view").send_keys(Keys.SPACE)
    assert find(browser, "#requests-pause").text == "Go on"
    post(desk, "/v1/tag", model="names", input="Anna")
    latest = desk.client.get("/v1/console/requests/0").json()["data"][-1]
    assert (latest["path"], latest["model"], latest["status"]) == ("/v1/tag", "names", 200)
    assert tagged() == before
    find(browser, "#requests-pause").click()
    page.wait(lambda: tagged() == before + 1, "what came meanwhile")


def test_requests_and_the_route_file_are_for_this_machine(desk):
    for path in ("/v1/console/requests/0", "/v1/console/route-file"):
        assert desk.client.get(path, headers={"X-Forwarded-For": "10.0.0.1"}).status_code == 403
    assert desk.client.get("/v1/console/requests/none").status_code == 400
    assert desk.client.get("/no/such/" + "x" * 5000).status_code == 404
    latest = desk.client.get("/v1/console/requests/0").json()["data"][-1]
    assert latest["path"].startswith("/no/such/xxx") and len(latest["path"]) < 200
    numbers = [one["number"] for one in desk.client.get("/v1/console/requests/0").json()["data"]]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert desk.client.get(f"/v1/console/requests/{numbers[-1] - 1}").json()["data"][0]["number"] == numbers[-1]


def test_the_route_file_and_its_tests(page, desk):
    browser = page.open("#routefile").browser
    page.wait(lambda: find_all(browser, ".line"), "the file")
    assert find(browser, "#file-path").text == str(desk.file)
    assert len(find_all(browser, ".line")) == len(ROUTE_FILE.splitlines())
    assert SECRET not in browser.page_source and "me:word" not in browser.page_source
    text = find(browser, "#file-text").text
    assert "api_key: [hidden]" in text and "redis://[hidden]@127.0.0.1:9/0" in text

    find(browser, "#file-test").click()
    page.wait(lambda: find_all(browser, ".tests-list .failed"), "the failing test")
    assert find(browser, "#tests-summary").text.startswith("1 of 2 tests failed")
    assert 'expected "refund", got "hours"' in find(browser, ".failed .mismatches").text
    assert [one.text for one in find_all(browser, ".passed .test-say")] == ["where is my refund"]
    find(browser, ".failed .test-say").click()
    assert "say: when are you open" in find(browser, ".line.found code").text

    desk.file.write_text(ROUTE_FILE.replace("{route: refund}}\n", "{route: hours}}\n", 1))
    page.open("#routefile")
    page.wait(lambda: find(browser, "#file-changed").is_displayed(), "the word that it changed")
    assert not find(browser, "#file-text").is_displayed()
    find(browser, "#file-reload").click()
    page.wait(lambda: "2 tests passed" in find(browser, "#tests-summary").text, "the new file")
    assert not find(browser, "#file-changed").is_displayed() and find_all(browser, ".line")


def test_keys_go_from_view_to_view(page):
    browser = page.open("#models").browser

    def press(*keys):
        ActionChains(browser).send_keys(*keys).perform()

    def current():
        return find(browser, ".views a[aria-current]").text

    page.wait(lambda: find_all(browser, "#models-rows tr"), "the models")
    press("?")
    assert find(browser, "#keys-help").is_displayed()
    press("4")  # not behind the dialogue
    press(Keys.ESCAPE)
    assert not find(browser, "#keys-help").is_displayed() and current() == "Models"
    press("2")
    page.wait(lambda: current() == "Playground" and find_all(browser, ".tasks [aria-selected=true]"), "the playground")
    tab = find(browser, ".tasks [aria-selected=true]")
    tab.click()
    tab.send_keys(Keys.ARROW_RIGHT)
    page.wait(lambda: find(browser, ".tasks [aria-selected=true]") == browser.switch_to.active_element != tab, "the next task")
    press("/")
    assert browser.switch_to.active_element.tag_name in ("textarea", "input")
    press("5")
    assert current() == "Playground", "a digit that is written goes nowhere"
    reachable = browser.execute_script("return [...document.querySelectorAll('.views a, .tasks [aria-selected=true], .play-ask button')].map((e) => e.tabIndex)")
    assert len(reachable) >= 9 and set(reachable) == {0}


def test_on_a_small_phone_no_view_scrolls_sideways(page):
    with page.phone(360):
        for view in ("models", "requests", "routefile", "playground/embed", "playground/decide", "playground/chat"):
            page.open(f"#{view}")
            ready = {"models": "#models-rows tr", "requests": "#requests-rows tr", "routefile": ".line"}.get(view, ".play")
            page.wait(lambda ready=ready: find_all(page.browser, ready), view)
            assert not page.scrolls_sideways(), view

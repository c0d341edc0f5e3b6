// The route file that is in force, to be read, and its tests, to be run: beside what is served, so that nothing is recorded,
// called or sent.

import {$, askJson, call, count, make, milliseconds, plural} from "./page.js";

const view = {text: undefined};

// ---------------------------------------------------------------- the text

// A line of YAML in parts: what is before a comment with its key, and the comment. Enough for eyes, no parser.
function parts(line) {
  const comment = /(^|\s)#.*$/.exec(line), code = comment ? line.slice(0, comment.index) : line;
  const key = /^(\s*(?:- )*)([\w./-]+|"[^"]*")(:(?:\s|$))/.exec(code);
  return [
    ...(key ? [key[1], make("span", {class: "key"}, key[2]), code.slice(key[1].length + key[2].length)] : [code]),
    ...(comment ? [make("span", {class: "comment"}, comment[0])] : []),
  ];
}

function showText(text) {
  if (text === view.text) return;
  view.text = text;
  $("file-text").replaceChildren(...(text ?? "").replace(/\n$/, "").split("\n").map((line, i) =>
    make("div", {class: "line", id: `line-${i + 1}`}, make("span", {class: "line-number", "aria-hidden": "true"}, String(i + 1)), make("code", {}, ...parts(line)))));
}

function goTo(line) {
  for (const old of document.querySelectorAll(".line.found")) old.classList.remove("found");
  const element = $(`line-${line}`);
  if (!element) return;
  element.classList.add("found");
  const box = $("file-text");
  box.scrollTop = element.offsetTop - box.offsetTop - box.clientHeight / 2;
  box.scrollIntoView({block: "nearest"}); // on a phone it is not beside the tests
}

// ---------------------------------------------------------------- its tests

function failure(test) {
  const {failure: why} = test;
  return make("li", {class: "failed"},
    make("button", {type: "button", class: "test-say", onclick: () => goTo(why.line)}, why.say),
    make("span", {class: "test-line"}, `line ${why.line}` + (test.num_turns > 1 ? `, turn ${why.turn} of ${test.num_turns}` : "")),
    make("ul", {class: "mismatches"}, ...why.mismatches.map((text) => make("li", {}, text))));
}

function passed(test) {
  return make("li", {class: "passed"},
    make("button", {type: "button", class: "test-say", onclick: () => goTo(test.line)}, test.say),
    make("span", {class: "test-line"}, (test.num_turns > 1 ? `${test.num_turns} turns, ` : "") + milliseconds(test.seconds * 1000)));
}

async function runTests() {
  const button = $("file-test"), summary = $("tests-summary");
  button.disabled = true;
  button.textContent = "Running";
  try {
    const report = await askJson("v1/console/route-file/tests", {});
    const all = plural(report.tests.length, "test");
    summary.className = report.failed ? "verdict unproven" : "verdict proven";
    summary.textContent = report.failed ? `${count(report.failed)} of ${all} failed, in ${milliseconds(report.seconds * 1000)}.` : `All ${all} passed, in ${milliseconds(report.seconds * 1000)}.`;
    $("tests-list").replaceChildren(...report.tests.filter((test) => !test.passed).map(failure), ...report.tests.filter((test) => test.passed).map(passed));
  } catch (error) {
    summary.className = "note bad";
    summary.textContent = error.message;
  } finally {
    button.disabled = false;
    button.textContent = "Run its tests";
  }
}

// ---------------------------------------------------------------- looking, and reading again

async function look() {
  const trouble = $("file-trouble");
  try {
    const {data} = await askJson("v1/models");
    const assistant = data.some((model) => model.bantam?.decision);
    $("file-none").hidden = assistant;
    $("file-body").hidden = $("file-test").hidden = $("file-reload").hidden = !assistant;
    if (!assistant) return;
    const file = await askJson("v1/console/route-file");
    $("file-path").textContent = file.path;
    $("file-changed").hidden = !file.changed;
    showText(file.text);
    $("file-text").hidden = file.text === null;
    if (!$("tests-list").children.length && !$("tests-summary").textContent) {
      $("tests-summary").textContent = file.num_tests ? `${plural(file.num_tests, "test")} in the file.` : "The file has no tests. Add some under “tests”.";
    }
    trouble.hidden = true;
  } catch (error) {
    trouble.hidden = false;
    trouble.textContent = error.message;
  }
}

async function reload() {
  const button = $("file-reload"), trouble = $("file-trouble");
  button.disabled = true;
  button.textContent = "Reloading";
  try {
    const {reply} = await call("v1/reload", {});
    const part = reply.parts.find((one) => one.kind === "assistant");
    if (part?.result === "reloaded") $("tests-list").replaceChildren();
    await look();
    $("tests-summary").className = "quiet";
    $("tests-summary").textContent = part?.result === "reloaded" ? `Served since now: ${part.note}.` : "Nothing has changed.";
  } catch (error) {
    trouble.hidden = false;
    trouble.textContent = error.message;
  } finally {
    button.disabled = false;
    button.textContent = "Reload";
  }
}

export function start() {
  $("file-test").addEventListener("click", runTests);
  $("file-reload").addEventListener("click", reload);
}

export function show(shown) {
  if (shown) look();
}

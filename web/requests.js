// The requests as they happen: which they were, how they ended, and where their time went. The server keeps the latest few
// hundred, and never a text.

import {$, askJson, clock, count, isNumber, make, milliseconds, repeat} from "./page.js";
import {stageBar} from "./stages.js";
import {drawStrip} from "./strip.js";

const LOOK_MS = 1000;
const MOST_ROWS = 256; // as many as the server keeps
const KINDS = [() => true, (one) => one.model !== null, (one) => one.status >= 400];

const view = {end: null, latest: 0, requests: [], kind: 0, paused: false, ahead: 0};

function row(one) {
  const stages = {queue: one.queue_ms, tokenize: one.tokenize_ms, compute: one.compute_ms};
  const tone = one.status >= 500 || one.status === 499 ? "bad" : one.status >= 400 ? "refused" : "fine";
  return make("tr", {class: "arrive"},
    make("td", {class: "when"}, clock(one.ended_ms, true)),
    make("th", {scope: "row"}, make("span", {class: "method"}, one.method), " ", one.path),
    make("td", {class: "by"}, one.model || ""),
    make("td", {}, make("span", {class: "status", "data-tone": tone, title: one.status === 499 ? "The client left before its reply" : ""}, String(one.status))),
    make("td", {class: "number"}, milliseconds(one.ms)),
    make("td", {class: "where"}, stageBar(stages, one.ms)));
}

function showNone() {
  const words = view.requests.length ? "None of the latest requests is of this kind."
    : "Nothing was asked yet. Requests stand here as soon as they are answered: try the playground in another window.";
  $("requests-none").hidden = $("requests-rows").rows.length > 0;
  $("requests-none").textContent = words;
}

function showSummary() {
  const now = view.requests.at(-1)?.ended_ms;
  const minute = view.requests.filter((one) => one.ended_ms > now - 60000 && one.model !== null);
  const times = minute.map((one) => one.ms).sort((a, b) => a - b);
  $("requests-summary").textContent = times.length
    ? `In the minute up to ${clock(now, true)}: ${count(times.length)} that asked a model, half of them within ` +
      `${milliseconds(times[Math.floor((times.length - 1) / 2)])}, the slowest ${milliseconds(times.at(-1))}.`
    : "";
}

function redraw() {
  $("requests-rows").replaceChildren(...view.requests.filter(KINDS[view.kind]).reverse().map(row));
  showNone();
}

function add(fresh) {
  if (!fresh.length) return;
  if (fresh[0].number <= view.latest) view.requests = []; // the server began anew
  view.latest = fresh.at(-1).number;
  const begins = !view.requests.length;
  view.requests = [...view.requests, ...fresh].slice(-MOST_ROWS);
  if (begins) return redraw();
  $("requests-rows").prepend(...fresh.filter(KINDS[view.kind]).reverse().map(row));
  while ($("requests-rows").rows.length > MOST_ROWS) $("requests-rows").lastElementChild.remove();
}

async function look() {
  if (view.paused) return;
  const trouble = $("requests-trouble");
  try {
    const {data} = await askJson(`v1/console/requests/${view.latest}`);
    if (view.paused) return;
    add(data);
    showNone();
    showSummary();
    // By the server's clock, which may not be this machine's.
    if (data.length) view.ahead = data.at(-1).ended_ms - Date.now();
    drawStrip($("requests-strip"), view.requests, Date.now() + view.ahead);
    trouble.hidden = true;
  } catch (error) {
    trouble.hidden = false;
    if (trouble.textContent !== error.message) trouble.textContent = error.message;
  }
}

function choose(kind) {
  view.kind = kind;
  [...$("requests-which").children].forEach((button, i) => button.setAttribute("aria-pressed", String(i === kind)));
  redraw();
}

function pause() {
  view.paused = !view.paused;
  $("requests-pause").setAttribute("aria-pressed", String(view.paused));
  $("requests-pause").textContent = view.paused ? "Go on" : "Pause";
  look();
}

export function start() {
  [...$("requests-which").children].forEach((button, kind) => button.addEventListener("click", () => choose(kind)));
  $("requests-pause").addEventListener("click", pause);
  $("requests-view").addEventListener("keydown", (event) => {
    if (event.key !== " " || event.target !== $("requests-view")) return;
    event.preventDefault();
    pause();
  });
}

export function show(shown) {
  view.end?.();
  view.end = shown ? repeat(look, LOOK_MS) : null;
}

// The requests as they happen: which they were, how they ended, and where their time went. The server keeps the latest few
// hundred, and never a text.

import {$, askJson, clock, count, make, milliseconds, plural, repeat} from "./page.js";
import {axis, colour, drawChart} from "./charts.js";
import {stageBar} from "./stages.js";

const LOOK_MS = 1000;
const MOST_ROWS = 256; // as many as the server keeps
const KINDS = [() => true, (one) => one.model !== null, (one) => one.status >= 400];

const view = {end: null, latest: 0, requests: [], charted: [], kind: 0, paused: false, ahead: 0};

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

// ---------------------------------------------------------------- the last minute

const SPAN_MS = 60000;
const LEAST_MS = 0.01; // the scale is of powers of ten, which has no 0

const MARKS = [
  {colour: colour("--comb"), has: (one) => one.status >= 400},
  {colour: colour("--local"), has: (one) => one.model !== null},
  {colour: colour("--unsure"), has: () => true},
];

const markOf = (one) => MARKS.find((mark) => mark.has(one));
const took = (one) => Math.max(LEAST_MS, one.ms);

// A line from when a request came to its point, which is when it was answered.
function drawWays(plot) {
  const {ctx, bbox} = plot;
  ctx.save();
  ctx.globalAlpha = 0.4;
  ctx.lineWidth = 2 * devicePixelRatio;
  for (const mark of MARKS) {
    ctx.strokeStyle = mark.colour();
    ctx.beginPath();
    for (const one of view.charted.filter((each) => markOf(each) === mark)) {
      const [from, to] = [one.ended_ms - one.ms, one.ended_ms].map((at) => plot.valToPos(at / 1000, "x", true)), height = plot.valToPos(took(one), "y", true);
      ctx.moveTo(Math.max(bbox.left, from), height);
      ctx.lineTo(to, height);
    }
    ctx.stroke();
  }
  ctx.restore();
}

const powers = (plot, ticks) => ticks.map((tick) => (Number.isInteger(Number(Math.log10(tick).toFixed(6))) ? tick : null));

const chartOptions = ({rangeLog}) => ({
  scales: {y: {distr: 3, range: (plot, low, high) => rangeLog(low ?? 1, high ?? 100, 10, true)}},
  axes: [
    axis({grid: {show: false}, space: 100, values: (plot, ticks) => ticks.map((tick) => clock(tick * 1000, true))}),
    axis({scale: "y", filter: powers, grid: {filter: powers}, values: (plot, ticks) => ticks.map((tick) => (tick === null ? null : tick < 1000 ? `${tick} ms` : `${tick / 1000} s`))}),
  ],
  series: [{}, ...MARKS.map((mark) => ({scale: "y", paths: () => null, points: {show: true, size: 7, width: 0, fill: mark.colour}}))],
  hooks: {drawAxes: [drawWays]},
});

function summary() {
  const now = view.requests.at(-1)?.ended_ms;
  const minute = view.requests.filter((one) => one.ended_ms > now - SPAN_MS && one.model !== null);
  const times = minute.map((one) => one.ms).sort((a, b) => a - b);
  return times.length
    ? `In the minute up to ${clock(now, true)}: ${count(times.length)} that asked a model, half of them within ` +
      `${milliseconds(times[Math.floor((times.length - 1) / 2)])}, the slowest ${milliseconds(times.at(-1))}.`
    : "";
}

// `now`: in the server's time, at the right edge.
function showTimes(now) {
  view.charted = view.requests.filter((one) => one.ended_ms > now - SPAN_MS);
  drawChart($("requests-chart"), {
    title: `How long the ${plural(view.charted.length, "request")} of the last minute took`, summary: summary(), height: 190, x: [(now - SPAN_MS) / 1000, now / 1000],
    data: [view.charted.map((one) => one.ended_ms / 1000), ...MARKS.map((mark) => view.charted.map((one) => (markOf(one) === mark ? took(one) : null)))],
    told: view.charted.map((one) => `${clock(one.ended_ms, true)}: ${one.method} ${one.path}${one.model === null ? "" : `, ${one.model}`}, ${one.status}, ${milliseconds(one.ms)}`),
  }, chartOptions);
}

// ---------------------------------------------------------------- the list

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
    // By the server's clock, which may not be this machine's.
    if (data.length) view.ahead = data.at(-1).ended_ms - Date.now();
    showTimes(Date.now() + view.ahead);
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

// The view of what the assistant costs and learns: the curve, the heads, and what is looked at when. Its other cards are
// in usage.js and review.js.

import {$, askJson, count, isNumber, make, money, percent, plural, repeat} from "./page.js";
import {axis, colour, drawChart, plainly} from "./charts.js";
import {showCandidates, startReview} from "./review.js";
import {showUsage, startUsage} from "./usage.js";

const USAGE_MS = 5000, LEARNING_MS = 10000, CURVE_MS = 600000; // between two looks; the curve decides anew on messages of the log

const view = {
  assistant: undefined, // {name, learns}, as /v1/console/stats tells; null: there is none
  shown: false,
  learning: null,
  ends: [], // of what is looked at again and again
};

// ---------------------------------------------------------------- accuracy against cost

const curveOptions = (priced) => () => ({
  scales: {x: {time: false}, y: {range: {min: {pad: 0.1, hard: 0}, max: {pad: 0.1, hard: 1}}}},
  axes: [
    axis({grid: {show: false}, label: priced ? "cost of 1,000 messages" : "share handed on",
          values: priced ? plainly : (plot, ticks) => ticks.map((tick) => percent(tick, 1))}),
    axis({scale: "y", label: "without a wrong answer", values: (plot, ticks) => ticks.map((tick) => percent(tick, 1))}),
  ],
  bands: [{series: [1, 2]}],
  series: [
    {},
    {alpha: 0.16, fill: colour("--local"), width: 0, points: {show: false}},
    {width: 0, points: {show: false}},
    {stroke: colour("--local"), width: 2, points: {show: false}},
  ],
});

function showCurve(curve) {
  const points = curve.points.filter((point) => isNumber(point.accuracy));
  $("curve").hidden = false;
  $("curve-empty").textContent = points.length ? "" : curve.why_empty;
  $("curve-chart").hidden = !points.length;
  if (!points.length) return;
  const priced = points.some((point) => point.cost_per_1000 > 0);
  const at = (point) => (priced ? point.cost_per_1000 : point.escalated);
  const ordered = [...points].sort((a, b) => at(a) - at(b));
  const tell = (point) => `${percent(point.accuracy, 1)} without a wrong answer (${percent(point.accuracy_low, 1)} to ${percent(point.accuracy_high, 1)}), ` +
    `${percent(point.escalated, 1)} handed on` + (priced ? `, ${money(point.cost_per_1000)} for 1,000 messages` : "");
  const current = curve.current && isNumber(curve.current.accuracy) ? curve.current : null;
  drawChart($("curve-chart"), {
    kind: priced ? "priced" : "shares", title: "Accuracy against cost", height: 300,
    summary: current ? `Now: ${tell(current)}` : `From ${plural(curve.labelled, "labelled message")}`,
    x: [0, 1.03 * Math.max(...ordered.map(at)) || 1],
    data: [ordered.map(at), ordered.map((point) => point.accuracy_high ?? point.accuracy), ordered.map((point) => point.accuracy_low ?? point.accuracy),
           ordered.map((point) => point.accuracy)],
    mark: current ? {x: at(current), y: current.accuracy, label: "now"} : null,
    told: ordered.map((point) => (isNumber(point.threshold) ? `Threshold ${point.threshold.toFixed(2)}: ` : "") + tell(point)),
    table: {headers: ["Threshold", "Handed on", "Without a wrong answer", "At least", "At most", "Cost of 1,000"],
            rows: ordered.map((point) => [isNumber(point.threshold) ? point.threshold.toFixed(3) : "none", percent(point.escalated, 1), percent(point.accuracy, 1),
                                          percent(point.accuracy_low, 1), percent(point.accuracy_high, 1), money(point.cost_per_1000)])},
  }, curveOptions(priced));
  $("curve-from").textContent = `From ${plural(curve.labelled, "labelled message")} of ${count(curve.messages)}; what holds of all messages is in the band, ${percent(curve.confidence)} certain.`;
}

// ---------------------------------------------------------------- the heads

const headName = (generation) => (generation === 0 ? "the file's own head" : `generation ${generation}`);

function showHeads(learning) {
  const beside = learning.challenger_report, own = learning.current_report;
  const current = beside ? beside.current : own ? own.challenger : null;
  const challenger = beside ? beside.challenger : null;
  const traffic = new Map(learning.traffic.map((one) => [one.generation, one]));
  const now = traffic.get(learning.generation), {audited} = learning;
  const judged = (head, write) => (head ? write(head) : "–");
  const rows = [
    ["Generation", learning.generation || "the file's own", challenger ? challenger.generation : "none yet"],
    ["Messages learned from", judged(current || {learned: 0}, (head) => count(head.learned)), judged(challenger, (head) => count(head.learned))],
    ["Answers by itself", judged(current, (head) => percent(head.coverage, 1)), judged(challenger, (head) => percent(head.coverage, 1))],
    ["Wrong, of what it answered", current ? `${count(current.wrong)} of ${count(current.answered)}` : audited.answered ? `${count(audited.wrong)} of ${count(audited.answered)}` : "–",
     judged(challenger, (head) => `${count(head.wrong)} of ${count(head.answered)}`)],
    ["Wrong at most", current ? percent(current.upper_bound, 1) : audited.answered ? percent(audited.upper_bound, 1) : "–", judged(challenger, (head) => percent(head.upper_bound, 1))],
    ["From confidence", judged(current, (head) => (isNumber(head.threshold) ? head.threshold.toFixed(3) : "answers nothing")),
     judged(challenger, (head) => (isNumber(head.threshold) ? head.threshold.toFixed(3) : "answers nothing"))],
    ["Handed on in traffic", now ? `${percent(now.escalation_rate, 1)} of ${count(now.messages)}` : "–", "–"],
  ];
  $("heads-rows").replaceChildren(...rows.map(([name, ...cells]) =>
    make("tr", {}, make("th", {scope: "row"}, name), ...cells.map((cell) => make("td", {}, String(cell))))));
  const verdict = $("heads-verdict");
  verdict.className = !beside ? "verdict" : beside.proven ? "verdict proven" : "verdict unproven";
  verdict.textContent = beside
    ? beside.proven ? `Proven: it errs in at most ${percent(beside.upper_bound_error, 1)} of its answers, ${percent(1 - beside.delta, 1)} certain.`
                    : `Not proven: ${beside.why_not}.` + (isNumber(beside.missing) ? ` ${plural(beside.missing, "audited message")} would do.` : "")
    : `${plural(learning.audited.labelled, "audited message")} to judge a challenger on, ${count(learning.candidates.accepted + learning.candidates.relabelled)} accepted to learn from.`;
  const {shadow} = learning;
  $("heads-shadow").textContent = challenger
    ? shadow.messages ? `Beside the head in force it decided ${plural(shadow.messages, "message")}: ${percent(shadow.agreed / shadow.messages, 1)} alike; ` +
                        `it alone would have answered ${count(shadow.more)}, and not ${count(shadow.fewer)} that were.`
                      : "It decides beside the head in force from the next message on."
    : "";
  const earlier = learning.traffic.filter((one) => one.messages > 0 && one.generation !== learning.generation);
  $("heads-earlier").textContent = earlier.length
    ? `Handed on before: ${earlier.map((one) => `${percent(one.escalation_rate, 1)} of ${count(one.messages)} under ${headName(one.generation)}`).join(", ")}.` : "";
  $("promote").disabled = !beside?.proven;
  $("rollback").disabled = learning.generation === 0;
}

// Shows what will happen; -> whether it shall.
function confirmed(title, text, yes) {
  const dialog = $("confirm");
  $("confirm-title").textContent = title;
  $("confirm-text").textContent = text.replaceAll(" %", "\u00a0%"); // stays in one line
  $("confirm-yes").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), {once: true}));
}

async function act(button, path, working) {
  const note = $("heads-note"), label = button.textContent;
  const buttons = [$("propose"), $("promote"), $("rollback")];
  const were = buttons.map((one) => one.disabled);
  buttons.forEach((one) => { one.disabled = true; });
  button.textContent = working;
  note.className = "note";
  note.textContent = "";
  try {
    const reply = await askJson(path, {});
    note.textContent = reply.object === "learning.proposal" ? `Generation ${reply.challenger.generation} is trained and judged.`
      : `In force: ${headName(reply.generation)}.`;
  } catch (error) {
    note.className = "note bad";
    note.textContent = error.message;
  } finally {
    buttons.forEach((one, i) => { one.disabled = were[i]; });
    button.textContent = label;
    await lookAtLearning();
    lookAtCurve();
  }
}

async function promote() {
  const {challenger_report: report, generation} = view.learning;
  const text = `Generation ${report.challenger.generation} takes the place of ${headName(generation)}. It answers ${percent(report.challenger.coverage, 1)} of the ` +
    `audited messages by itself, in place of ${percent(report.current.coverage, 1)}, and is wrong in at most ${percent(report.challenger.upper_bound, 1)}. A rollback returns.`;
  if (await confirmed("Promote the challenger?", text, "Promote")) act($("promote"), "v1/learning/promote", "Promoting");
}

async function rollback() {
  const {generation, earlier, challenger} = view.learning;
  const text = `From generation ${generation} back to ${headName(earlier[0] ?? 0)}. ` +
    (challenger === null ? `Generation ${generation} stays as the challenger.` : `The challenger stays; generation ${generation} is given up.`);
  if (await confirmed("Roll back?", text, "Roll back")) act($("rollback"), "v1/learning/rollback", "Rolling back");
}

// ---------------------------------------------------------------- looking again and again

const troubles = new Map(); // path: what was wrong when it was last asked

async function look(path, show) {
  try {
    show(await askJson(path));
    troubles.delete(path);
  } catch (error) {
    troubles.set(path, error.message);
  }
  const note = $("ledger-trouble"), text = [...new Set(troubles.values())].join(" ");
  note.hidden = !text;
  if (note.textContent !== text) note.textContent = text; // it is read aloud when it changes
}

const lookAtUsage = () => look("v1/usage", showUsage);
const lookAtLearning = () => look("v1/learning", (learning) => {
  view.learning = learning;
  for (const id of ["review", "heads"]) $(id).hidden = false;
  showHeads(learning);
  showCandidates(learning);
});
// A server that cannot draw one has a page without it.
const lookAtCurve = () => askJson("v1/learning/curve").then(showCurve, () => { $("curve").hidden = true; });

function stop() {
  for (const end of view.ends.splice(0)) end();
}

function begin() {
  stop();
  const {assistant} = view;
  $("ledger-body").hidden = !assistant;
  $("ledger-none").hidden = assistant !== null;
  if (!assistant) return;
  if (!assistant.learns) for (const id of ["review", "heads", "curve"]) $(id).hidden = true;
  $("not-learning").hidden = Boolean(assistant.learns);
  view.ends.push(repeat(lookAtUsage, USAGE_MS));
  if (!assistant.learns) return;
  view.ends.push(repeat(lookAtLearning, LEARNING_MS), repeat(lookAtCurve, CURVE_MS));
}

export function assistantIs(assistant) {
  const identity = (one) => one && `${one.name} ${one.learns}`;
  const same = identity(view.assistant) === identity(assistant);
  view.assistant = assistant;
  if (view.shown && !same) begin();
}

export function show(shown) {
  view.shown = shown;
  if (shown) begin();
  else stop();
}

export function start() {
  startUsage();
  $("propose").addEventListener("click", () => act($("propose"), "v1/learning/propose", "Training"));
  $("promote").addEventListener("click", promote);
  $("rollback").addEventListener("click", rollback);
  startReview(lookAtLearning);
}

// What the assistant costs and how often it hands a message on: the first two cards of the second view.

import {$, count, duration, isNumber, make, money, percent, plural, sized} from "./page.js";
import {drawChart, niceTicks} from "./charts.js";

const SPANS = ["the last 2 hours", "the last 7 days", "the last 90 days"]; // of the histories of /v1/usage

const shown = {usage: null, span: -1}; // the span is chosen with the first answer, or by a button

// ---------------------------------------------------------------- cost

const sum = (buckets, key) => buckets.reduce((total, bucket) => total + bucket[key], 0);

function showCost(usage, buckets) {
  const labels = sum(buckets, "label_cost"), spent = sum(buckets, "cost") + labels;
  const messages = sum(buckets, "messages"), escalated = sum(buckets, "escalated");
  const all = isNumber(usage.answer_cost) ? sum(buckets, "cost_if_all_escalated") : null;
  const saved = all > 0 ? 1 - spent / all : null;
  $("cost-spent").textContent = money(spent);
  sized($("cost-fill"), all > 0 ? spent / all : 0);
  const words = all === null ? "What a large model's answer costs is not known yet: none has answered."
    : all === 0 ? "The route file has no prices, or nothing was asked in this time."
    : `A large model for every message would have cost about ${money(all)}` + (saved > 0 ? `: ${percent(saved)} saved.` : ".");
  $("cost-words").textContent = words;
  $("cost-meter").setAttribute("aria-label", `Spent ${money(spent)}. ${words}`);
  const start = usage.since_start;
  const facts = [
    ["Messages", count(messages)],
    ["Answered here", count(sum(buckets, "local_model") + sum(buckets, "rule"))],
    ["From the cache", count(sum(buckets, "cache"))],
    ["Handed on", count(escalated)],
    ["Of what was spent, for labels", money(labels)],
    [`Since the start, ${duration(usage.time - usage.start_time)} ago`, money(start.cost + start.label_cost)],
  ];
  $("cost-facts").replaceChildren(...facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
  $("budgets").replaceChildren(...usage.budgets.flatMap(budgetLines));
}

const PERIODS = {3600: "this hour", 86400: "today", 604800: "this week", 2592000: "these 30 days"};

function budgetLines(budget) {
  const when = PERIODS[budget.period_s] || `in ${duration(budget.period_s)}`;
  const line = (limit, spent, write, unit) => {
    const share = limit > 0 ? spent / limit : 1;
    return make("li", {class: share >= 0.9 ? "budget low" : "budget"},
      make("span", {class: "budget-name"}, budget.name),
      make("span", {class: "budget-left"}, `${write(Math.max(0, limit - spent))} of ${write(limit)}${unit} left ${when}`),
      make("span", {class: "meter", "aria-hidden": "true"}, sized(make("span", {class: "meter-fill"}), share)));
  };
  return [
    isNumber(budget.max_budget) ? line(budget.max_budget, budget.spent, money, "") : null,
    isNumber(budget.token_budget) ? line(budget.token_budget, budget.spent_tokens, count, " tokens") : null,
  ].filter(Boolean);
}

// ---------------------------------------------------------------- escalation over time

const two = (number) => String(number).padStart(2, "0");
const DAY = (date) => `${date.toLocaleString("en", {month: "short"})} ${date.getDate()}`;
const CLOCK = (date) => `${two(date.getHours())}:${two(date.getMinutes())}`;

// One minute has too few messages for a rate: five of them make a point.
function points(history) {
  const width = Math.max(300, history.bucket_width_s);
  const gathered = new Map();
  for (const bucket of history.buckets) {
    const start = bucket.start_time - bucket.start_time % width;
    const point = gathered.get(start) || {start, messages: 0, escalated: 0};
    point.messages += bucket.messages;
    point.escalated += bucket.escalated;
    gathered.set(start, point);
  }
  return {width, found: [...gathered.values()].filter((point) => point.messages)};
}

function timeTicks(from, to, width) {
  const step = width < 3600 ? 1800 : 86400 * (width === 3600 ? 1 : 14);
  const first = new Date(from * 1000); // ticks stand at round hours and days of whoever looks
  first.setMinutes(0, 0, 0);
  if (step >= 86400) first.setHours(0);
  const ticks = [];
  for (let at = first.getTime() / 1000; at <= to; at += step) if (at >= from) ticks.push(at);
  return ticks.length ? ticks : [from];
}

function showRate(usage, history) {
  const {width, found} = points(history);
  const messages = sum(found, "messages"), escalated = sum(found, "escalated");
  const overall = messages ? `${percent(escalated / messages, 1)} of ${plural(messages, "message")} handed on in ${SPANS[shown.span]}`
    : `No messages in ${SPANS[shown.span]}`;
  $("rate-empty").textContent = messages ? "" : `${overall}.`;
  $("rate-chart").hidden = !messages;
  if (!messages) return;
  const to = usage.time - usage.time % width + width, span = history.bucket_width_s * history.num_buckets;
  const known = usage.known_since - usage.known_since % width;
  const from = Math.min(Math.max(to - span, known), to - 12 * width, found[0].start);
  const lines = [], told = [];
  for (const {start, messages: of, escalated: on} of found) {
    const point = {x: start + width / 2, y: on / of};
    const last = lines.at(-1)?.at(-1);
    if (last && point.x - last.x < 1.5 * width) lines.at(-1).push(point);
    else lines.push([point]);
    const date = new Date(start * 1000);
    const when = width === 86400 ? DAY(date) : `${DAY(date)}, ${CLOCK(date)}`;
    told.push({x: point.x, text: `${when}: ${percent(point.y, 1)} of ${plural(of, "message")} handed on`,
               row: [when, count(of), count(on), percent(point.y, 1)]});
  }
  const top = Math.max(0.1, ...found.map((point) => point.escalated / point.messages));
  const ticks = niceTicks(0, top, 4).filter((tick) => tick <= 1.0001);
  drawChart($("rate-chart"), {
    title: "Escalation rate over time", summary: overall, height: 330, lines, points: told,
    x: {min: from, max: to, ticks: timeTicks(from, to, width), format: (at) => (width < 3600 ? CLOCK : DAY)(new Date(at * 1000)), label: "bars: messages"},
    y: {min: 0, max: Math.max(top, ticks.at(-1)), ticks, format: (value) => percent(value)},
    bars: found.map((point) => ({x: point.start, width, value: point.messages})),
    table: {headers: ["Time", "Messages", "Handed on", "Rate"], rows: told.map((point) => point.row)},
  });
}

function choose(span) {
  shown.span = span;
  [...$("spans").children].forEach((button, i) => button.setAttribute("aria-pressed", String(i === span)));
}

export function showUsage(usage) {
  shown.usage = usage;
  if (shown.span < 0) choose(usage.time - usage.known_since < 4 * 3600 ? 0 : 1);
  const history = usage.histories[shown.span];
  showCost(usage, history.buckets);
  showRate(usage, history);
}

export function startUsage() {
  [...$("spans").children].forEach((button, span) => button.addEventListener("click", () => {
    choose(span);
    if (shown.usage) showUsage(shown.usage);
  }));
}

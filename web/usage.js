// What the assistant costs and how often it hands a message on: the first two cards of the second view.

import {$, count, duration, isNumber, make, money, percent, plural, sized} from "./page.js";
import {axis, colour, drawChart, plainly} from "./charts.js";

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

// One minute has too few messages for a rate: five of them make a point. Times without a message are there, too.
function points(history) {
  const width = Math.max(300, history.bucket_width_s);
  const start = (bucket) => bucket.start_time - bucket.start_time % width;
  const busy = history.buckets.filter((bucket) => bucket.messages);
  const found = new Map();
  if (busy.length) for (let at = start(busy[0]); at <= start(busy.at(-1)); at += width) found.set(at, {start: at, messages: 0, escalated: 0});
  for (const bucket of busy) {
    const point = found.get(start(bucket));
    point.messages += bucket.messages;
    point.escalated += bucket.escalated;
  }
  return {width, found: [...found.values()]};
}

const FOOT = 0.25;  // of the height above it: room for the bars
const BARS = 0.17;  // of the whole height, for the tallest

const notBelow = (plot, ticks) => ticks.map((tick) => (tick < 0 ? null : tick));
const most = (plot) => plot.scales.messages.max * BARS;

// Where a line is too dense for a dot at each point: dots beside its gaps, between which a point may be alone.
const ends = ({data}, series, all) => (all ? null : [...data[series].keys()].filter((i) => data[series][i - 1] == null || data[series][i + 1] == null));

const rateOptions = ({paths}) => ({
  scales: {
    y: {range: (plot, low, high) => [-FOOT * Math.max(0.1, high), Math.max(0.1, high)]},
    messages: {range: (plot, low, high) => [0, high / BARS]},
  },
  axes: [
    axis({grid: {show: false}, values: (plot, ticks) => ticks.map((tick) => {
      const date = new Date(tick * 1000);
      return date.getHours() || date.getMinutes() ? CLOCK(date) : DAY(date);
    })}),
    axis({scale: "y", label: "handed on", filter: notBelow, grid: {filter: notBelow}, values: (plot, ticks) => ticks.map((tick) => tick === null ? null : percent(tick, 1))}),
    axis({scale: "messages", side: 1, label: "messages", grid: {show: false}, splits: (plot) => [0, most(plot)], values: plainly}),
  ],
  series: [
    {},
    {scale: "messages", alpha: 0.35, fill: colour("--soft"), width: 0, points: {show: false}, paths: paths.bars({size: [0.9, 60, 2]})},
    {scale: "y", stroke: colour("--upstream"), width: 2, points: {size: 5, fill: colour("--upstream"), filter: ends}},
  ],
});

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
  const rates = found.map((point) => (point.messages ? point.escalated / point.messages : null));
  const when = found.map(({start}) => {
    const date = new Date(start * 1000);
    return width === 86400 ? DAY(date) : `${DAY(date)}, ${CLOCK(date)}`;
  });
  drawChart($("rate-chart"), {
    title: "Escalation rate over time", summary: overall, height: 330, x: [from, to],
    data: [found.map(({start}) => start + width / 2), found.map((point) => point.messages), rates],
    told: found.map((point, i) => (point.messages ? `${when[i]}: ${percent(rates[i], 1)} of ${plural(point.messages, "message")} handed on` : `${when[i]}: no message`)),
    table: {headers: ["Time", "Messages", "Handed on", "Rate"],
            rows: found.flatMap((point, i) => (point.messages ? [[when[i], count(point.messages), count(point.escalated), percent(rates[i], 1)]] : []))},
  }, rateOptions);
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

// Where the time of a request went: a bar of its stages, and the numbers that headers of the reply tell.

import {count, isNumber, make, milliseconds, sized} from "./page.js";

const WORDS = {queue: "waiting", tokenize: "reading the text", compute: "computing", rest: "the rest"};

// stages: {queue, tokenize, compute} in milliseconds, each may be missing; what they leave of `total` is the rest.
export function stageBar(stages, total) {
  const known = ["queue", "tokenize", "compute"].filter((name) => stages[name] > 0).map((name) => [name, stages[name]]);
  if (!known.length) return make("span", {class: "unseen"}, "not told");
  const rest = total - known.reduce((sum, [, time]) => sum + time, 0);
  const parts = rest > 0 ? [...known, ["rest", rest]] : known;
  const whole = parts.reduce((sum, [, time]) => sum + time, 0) || 1;
  const words = parts.map(([name, time]) => `${WORDS[name]} ${milliseconds(time)}`).join(", ");
  return make("span", {class: "stages", role: "img", "aria-label": words, title: words},
    ...parts.map(([name, time]) => sized(make("i", {class: name}), time / whole)));
}

// Of the headers of a reply: {model, tokens, written, queue, tokenize, compute}, null what it does not tell.
export function timesOf(headers) {
  const number = (name) => (headers.has(name) ? Number(headers.get(name)) : null);
  return {
    model: headers.get("x-bantam-model"), requestId: headers.get("x-request-id"),
    tokens: number("x-bantam-tokens"), written: number("x-bantam-completion-tokens"),
    queue: number("x-bantam-queue-ms"), tokenize: number("x-bantam-tokenize-ms"), compute: number("x-bantam-compute-ms"),
  };
}

// The bar and the numbers below it. ms: seen from this page; more: [name, text] of numbers that only the caller knows.
export function stageFacts(headers, ms, more = []) {
  const times = timesOf(headers);
  const fact = (name, text, tone) => make("div", {class: tone || ""}, make("dt", {}, name), make("dd", {}, text));
  const stage = (name) => (isNumber(times[name]) ? fact(WORDS[name][0].toUpperCase() + WORDS[name].slice(1), milliseconds(times[name]), name) : null);
  return make("div", {class: "took"},
    stageBar(times, ms),
    make("dl", {},
      stage("queue"), stage("tokenize"), stage("compute"),
      fact("Round trip", milliseconds(ms)),
      isNumber(times.tokens) ? fact("Tokens read", count(times.tokens)) : null,
      ...more.map(([name, text]) => fact(name, text)),
      times.model ? fact("Model", times.model) : null));
}

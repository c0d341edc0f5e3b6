// The task of the playground that decides: what the assistant would do with a message and why, or which of a few answers
// another model thinks likeliest.

import {isNumber, make, percent} from "./page.js";
import {area, bars, field, linesOf, share} from "./play_frame.js";
import {gauge, nearestList} from "./receipt.js";

const message = area("where is my refund? I sent the shoes back last week", 3);
const question = make("input", {type: "text", value: "Which queue does this belong to?", autocomplete: "off"});
const options = area("billing\ndelivery\ntechnical help", 4);
const others = make("div", {class: "play-others"}, field("Question", question), field("Answers to choose from, one a line", options));

const WORDS = {answer: "Answered here", clarify: "Asked back", escalate: "Handed on"};

function section(title, ...children) {
  return make("section", {class: "play-part"}, make("h4", {}, title), ...children);
}

// Of POST /v1/route.
function showRoute(reply) {
  const [found] = reply.data;
  const set = found.prediction_set || [], budget = found.budget;
  return [
    make("p", {class: "play-headline"}, WORDS[found.decision] || found.decision, found.route ? make("span", {class: "route"}, found.route) : null),
    make("p", {class: "play-gauge"}, gauge({confidence: found.p_correct, threshold: found.threshold}),
      make("span", {class: "quiet"}, isNumber(found.threshold) ? `the chance that “${found.likeliest}” is right; ${percent(found.threshold)} is enough` : "no confidence would be enough")),
    section("Why", make("ul", {class: "reasons"}, ...found.reasons.map((reason) => make("li", {}, reason)))),
    section("Still possible", set.length ? make("p", {class: "set"}, ...set.map((route) => make("span", {class: "slot"}, route))) : make("p", {class: "quiet"}, "None of the routes."),
      budget ? make("p", {class: "quiet"}, `At most ${percent(budget.max_error, 1)} of the answers may be wrong, ${percent(1 - budget.delta, 1)} certain.`) : null),
    section("Likeliest routes", bars(found.ranking.map((one) => ({name: one.route, share: one.probability, text: share(one.probability), strong: one.route === found.route})))),
    found.nearest.length ? section("Nearest examples", nearestList(found.nearest, (text) => { message.value = text; message.focus(); })) : null,
  ];
}

// Of POST /v1/decisions.
function showChoice(reply) {
  const [found] = reply.answers;
  const ranked = found.probabilities.map((one) => ({name: String(one.value), share: one.probability})).sort((a, b) => b.share - a.share);
  return [
    make("p", {class: "play-headline"}, String(found.choice)),
    bars(ranked.map((one, i) => ({...one, text: share(one.share), strong: i === 0}))),
    make("p", {class: "quiet"}, `Confidence ${percent(found.confidence)}: how far the likeliest stands out. It is not the chance of being right.`),
  ];
}

export const decide = {
  id: "decide", name: "Decide",
  lead: "What the assistant would do with a message, without doing it. Another model chooses among your answers, by their probability.",
  empty: "The decision will stand here, and why.",
  none: "Nothing here decides. Serve an assistant with “bantam serve -c FILE”, or a model that embeds or writes.",
  can: (model) => model.assistant || model.decides,
  modelIs: (model) => { others.hidden = model.assistant; },
  fields: () => [field("Message", message), others],
  request(model) {
    const input = message.value.trim();
    if (!input) throw new Error("Write a message.");
    if (model.assistant) return {path: "v1/route", body: {model: model.id, input}};
    const choices = linesOf(options).map((value) => ({value}));
    if (choices.length < 2) throw new Error("Write at least two answers to choose from, one a line.");
    return {path: "v1/decisions", body: {model: model.id, input, questions: [{type: "choice", instructions: question.value.trim(), choices}]}};
  },
  show: (reply) => (reply.answers ? showChoice(reply) : showRoute(reply)),
};

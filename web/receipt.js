// What stands under an answer: why it was given, the form it belongs to, or what went wrong.

import {isNumber, make, milliseconds, percent, sentence, sized} from "./page.js";

export function gauge(bantam) {
  const confidence = bantam.confidence, threshold = bantam.threshold;
  if (!isNumber(confidence) || bantam.source === "rule") return null; // a rule estimates nothing
  const below = isNumber(threshold) && confidence < threshold;
  const words = `Confidence ${percent(confidence)}` + (isNumber(threshold) ? `, threshold ${percent(threshold)}` : "");
  const track = make("span", {class: "track", role: "img", "aria-label": words, title: words}, sized(make("span", {class: "fill"}), confidence));
  if (isNumber(threshold)) track.append(sized(make("span", {class: "notch"}), threshold));
  return make("span", {class: below ? "gauge below" : "gauge"}, track, make("span", {class: "confidence"}, percent(confidence)));
}

// pick(text): somebody wants to ask that.
export function nearestList(nearest, pick) {
  return make("ul", {class: "near"}, ...nearest.map((example) => make("li", {},
    make("span", {class: "similarity", title: "Similarity, 1 is the same"}, isNumber(example.similarity) ? example.similarity.toFixed(2) : "–"),
    make("button", {type: "button", title: "Put this into the question field", onclick: () => pick(example.text)}, String(example.text)),
    make("span", {class: "of"}, String(example.route ?? "")))));
}

const DECISION_WORDS = {unsure: "unsure", escalate: "handed on", clarify: "asked back"};

function explanation(bantam) {
  const known = isNumber(bantam.confidence) && isNumber(bantam.threshold);
  if (bantam.source === "rule") {
    const form = bantam.form?.name ? ` (form ${String(bantam.form.name).replaceAll("_", " ")})` : "";
    if (!form && bantam.decision !== "form" && bantam.route) return "You said which one you meant. The large model was not asked to decide.";
    const looked = Array.isArray(bantam.nearest) && bantam.nearest.length ? " The encoder looked whether the message meant another route." : "";
    return `A rule answered${form}.${looked} The large model was not asked.`;
  }
  if (bantam.decision === "clarify") return "A few routes were left, so the question is which of them you mean.";
  if (bantam.budget && bantam.budget.threshold === null && bantam.source !== "cache") {
    return "The calibration messages cannot show that the error budget holds, so nothing is answered here.";
  }
  if (bantam.decision === "unsure") {
    return known ? `The best guess reached ${percent(bantam.confidence)}; an answer needs ${percent(bantam.threshold)}.` : "No route was close enough.";
  }
  if (bantam.source === "cache") return "The same question was answered before, so nothing was computed.";
  if (bantam.source === "upstream") return "The local model was not sure enough, so the large model answered.";
  if (bantam.decision === "escalate") return "This route is always handed on.";
  return known ? `The local model is ${percent(bantam.confidence)} sure; ${percent(bantam.threshold)} is enough.` : "The local model chose this route.";
}

export function receipt(bantam, trip, pick) {
  const source = String(bantam.source ?? "unknown");
  const tone = bantam.decision === "unsure" && source === "local model" ? "unsure" : source;
  const nearest = Array.isArray(bantam.nearest) ? bantam.nearest : [];
  const server = isNumber(bantam.latency_ms) ? bantam.latency_ms : NaN;
  const decision = DECISION_WORDS[bantam.decision];
  return make("details", {class: "receipt arrive", open: true},
    make("summary", {class: "receipt-line"},
      make("span", {class: bantam.route ? "route" : "route none"}, bantam.route ? String(bantam.route) : "no route"),
      gauge(bantam),
      make("span", {class: "source", "data-tone": tone}, source),
      decision ? make("span", {class: "decision"}, decision) : null,
      make("span", {class: "time", title: "Time in the server"}, milliseconds(server)),
      make("span", {class: "turner", "aria-hidden": "true"})),
    make("div", {class: "why"},
      make("p", {}, explanation(bantam)),
      nearest.length ? make("h4", {}, "Nearest examples") : null,
      nearest.length ? nearestList(nearest, pick) : null,
      make("p", {class: "ids"},
        make("span", {title: "Time in the server"}, "Server ", make("span", {class: "server-ms"}, milliseconds(server))),
        make("span", {title: "Seen from this page, network and browser included"}, "Round trip ", make("span", {class: "trip-ms"}, milliseconds(trip))),
        bantam.request_id ? make("span", {}, "Request ", make("code", {class: "request-id"}, String(bantam.request_id))) : null)));
}

export function formCard(form) {
  const filled = Object.entries(form.slots && typeof form.slots === "object" ? form.slots : {});
  const missing = Array.isArray(form.missing) ? form.missing : [];
  const words = {confirming: "waiting for your yes", done: "done", cancelled: "cancelled", failed: "failed"};
  const asked = form.asked ?? (form.state && form.state !== "asking" ? "" : missing[0]);
  return make("div", {class: "form"},
    make("span", {class: "form-title"}, String(form.name ?? "form").replaceAll("_", " ")),
    make("span", {}, words[form.state] ? `, ${words[form.state]}` : missing.length ? `, ${missing.length} to go` : ""),
    make("div", {class: "slots"},
      ...filled.map(([name, value]) => make("span", {class: "slot"}, make("span", {class: "name"}, name), String(value))),
      ...missing.map((name) => make("span", {class: name === asked ? "slot open asked" : "slot open"}, String(name)))));
}

// A form that waits for yes or no gets two buttons.
export function quickReplies(bantam, submit) {
  if (bantam?.form?.state !== "confirming") return null;
  return make("div", {class: "replies"}, ...["Yes", "No"].map((word) =>
    make("button", {class: "chip", type: "button", onclick: () => submit(word)}, word)));
}

export function troubleCard(trouble, retry) {
  const button = make("button", {class: "chip", type: "button", onclick: retry}, "Ask again");
  let left = trouble.retryAfterSeconds;
  const count = () => {
    button.disabled = left > 0;
    button.textContent = left > 0 ? `Ask again in ${left} s` : "Ask again";
    if (left-- > 0) setTimeout(count, 1000);
  };
  count();
  return make("div", {class: "trouble arrive", role: "alert"},
    make("strong", {}, trouble.title), make("p", {}, sentence(trouble.message)),
    trouble.mend ? make("p", {class: "mend"}, trouble.mend) : null, button);
}

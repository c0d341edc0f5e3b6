// Candidates to review, one at a time: what was said, what the teacher says it is about, and one key for each verdict.

import {$, askJson, count, isNumber, make, percent, plural} from "./page.js";

const MOST_SHOWN = 8; // routes that the type-ahead offers

const review = {
  queue: [],          // candidates that wait, as the server lists them
  at: 0,              // the one that is shown
  judged: new Set(),  // ids: a list that was on its way meanwhile may still have them
  done: [],           // {candidate, verdict}, for the way back
  labels: [],         // {route, description}
  waiting: 0,         // all of them; the list has the first ones
  near: new Map(),    // id: the nearest examples
  changed: () => {},  // called after each verdict
};

const shown = () => review.queue[review.at];

// ---------------------------------------------------------------- one candidate

const WHO = {teacher: "The teacher says", person: "A person says"};
const labelName = (label) => (label === "oos" ? "none of the routes" : label);

function facts(candidate) {
  return [
    candidate.guess ? `The head's best guess: ${labelName(candidate.guess)}` + (isNumber(candidate.confidence) ? `, ${percent(candidate.confidence)}` : "") : null,
    candidate.heard > 1 ? `said ${count(candidate.heard)} times` : null,
    candidate.sources?.length ? `from ${candidate.sources.join(" and ")}` : null,
    candidate.last ? `last on ${candidate.last.slice(0, 10)}` : null,
  ].filter(Boolean).join(" · ");
}

async function showNear(candidate) {
  const list = $("candidate-near");
  list.replaceChildren();
  if (!review.near.has(candidate.id)) {
    if (review.near.size > 500) review.near.clear();
    const reply = await askJson("v1/route", {input: candidate.text}).catch(() => null);
    review.near.set(candidate.id, reply?.data?.[0]?.nearest?.slice(0, 3) || []);
  }
  if (shown()?.id !== candidate.id) return;
  list.replaceChildren(...review.near.get(candidate.id).map((example) => make("li", {},
    make("span", {class: "similarity", title: "Similarity, 1 is the same"}, example.similarity.toFixed(2)),
    make("span", {}, example.text), make("span", {class: "of"}, example.route))));
}

function render() {
  const candidate = shown();
  $("review-some").hidden = !candidate;
  $("review-none").hidden = Boolean(candidate);
  $("review-count").textContent = review.waiting ? `${count(review.waiting)} waiting` : "";
  $("waiting").textContent = count(review.waiting);
  $("waiting").hidden = review.waiting === 0;
  $("undo").disabled = review.done.length === 0;
  $("verdicts").hidden = !candidate && review.done.length === 0;
  for (const id of ["accept", "relabel", "reject"]) $(id).disabled = !candidate;
  $("previous").disabled = review.at === 0;
  $("next").disabled = review.at >= review.queue.length - 1;
  $("review-place").textContent = !candidate ? "" : `${count(review.at + 1)} of ${count(review.queue.length)}`;
  if (!candidate) { closeRelabel(); return; }
  if ($("candidate").dataset.id === String(candidate.id) && $("candidate-label").textContent === labelName(candidate.label)) return;
  closeRelabel();
  $("candidate").dataset.id = candidate.id;
  $("candidate-text").textContent = candidate.text;
  $("candidate-text").scrollTop = 0;
  $("candidate-who").textContent = WHO[candidate.labelled_by] || "It is labelled";
  $("candidate-label").textContent = labelName(candidate.label);
  $("candidate-facts").textContent = facts(candidate);
  showNear(candidate);
}

// What the server lists now; the one that is being looked at stays.
export function showCandidates(learning) {
  const id = shown()?.id;
  review.labels = learning.labels || [];
  review.queue = learning.to_review.filter((candidate) => !review.judged.has(candidate.id));
  review.waiting = Math.max(review.queue.length, learning.candidates.pending - (learning.to_review.length - review.queue.length));
  const found = review.queue.findIndex((candidate) => candidate.id === id);
  review.at = found >= 0 ? found : Math.min(review.at, Math.max(0, review.queue.length - 1));
  const {accepted, relabelled, rejected, unlabelled} = learning.candidates;
  $("review-none").textContent = [
    unlabelled ? `${plural(unlabelled, "message")} ${unlabelled === 1 ? "waits" : "wait"} for the large model's label.` : "Nothing waits for you.",
    accepted + relabelled + rejected ? `${count(accepted + relabelled)} accepted and ${count(rejected)} rejected so far.`
      : "What the assistant is not sure of comes here, once the large model has said which route it is about.",
  ].join(" ");
  render();
}

// ---------------------------------------------------------------- verdicts

function tell(text, bad = false) {
  $("review-note").className = bad ? "note bad" : "note";
  $("review-note").textContent = text;
}

const WORDS = {accepted: "Accepted", rejected: "Rejected", relabelled: "Relabelled"};
const short = (text) => (text.length > 60 ? `${text.slice(0, 58)}…` : text);

function putBack(candidate, at) {
  review.judged.delete(candidate.id);
  if (!review.queue.some((one) => one.id === candidate.id)) {
    review.at = Math.min(at, review.queue.length);
    review.queue.splice(review.at, 0, candidate);
    review.waiting += 1;
  }
  render();
}

const send = (candidate, verdict, route) => askJson("v1/learning/review", {ids: [candidate.id], verdict, ...(route ? {route} : {})});

async function judge(verdict, route) {
  const candidate = shown(), at = review.at;
  if (!candidate) return;
  review.judged.add(candidate.id);
  review.queue.splice(at, 1);
  review.at = Math.min(at, Math.max(0, review.queue.length - 1));
  review.waiting = Math.max(0, review.waiting - 1);
  tell(`${WORDS[verdict]}${verdict === "rejected" ? "" : ` as ${labelName(route || candidate.label)}`}: “${short(candidate.text)}”`);
  render();
  try {
    await send(candidate, verdict, route);
    review.done.push({candidate, verdict, at});
    render();
    review.changed();
  } catch (error) {
    tell(error.message, true);
    putBack(candidate, at);
  }
}

async function undo() {
  const last = review.done.pop();
  if (!last) return;
  render();
  try {
    // A verdict that is taken back leaves the label alone: the one before is given back first.
    if (last.verdict === "relabelled") await send(last.candidate, "relabelled", last.candidate.label);
    await send(last.candidate, "pending");
    tell(`Taken back: “${short(last.candidate.text)}”`);
    putBack(last.candidate, last.at);
    review.changed();
  } catch (error) {
    review.done.push(last);
    tell(error.message, true);
    render();
  }
}

function move(by) {
  review.at = Math.min(Math.max(0, review.at + by), Math.max(0, review.queue.length - 1));
  render();
}

// ---------------------------------------------------------------- another route, with type-ahead

let chosen = 0; // of those offered

function offered() {
  const typed = $("route").value.trim().toLowerCase();
  const begins = (label) => label.route.toLowerCase().startsWith(typed);
  const holds = (label) => !begins(label) && `${label.route} ${label.description}`.toLowerCase().includes(typed);
  return [...review.labels.filter(begins), ...review.labels.filter(holds)].slice(0, MOST_SHOWN);
}

function showOffered() {
  const labels = offered();
  chosen = Math.min(Math.max(0, chosen), Math.max(0, labels.length - 1));
  $("routes").replaceChildren(...labels.map((label, i) => make("li", {
    id: `route-${i}`, role: "option", "aria-selected": String(i === chosen),
    onpointerdown: (event) => { event.preventDefault(); take(label); },
  }, make("span", {class: "route"}, label.route), make("span", {class: "route-words"}, label.description))));
  if (!labels.length) $("routes").append(make("li", {class: "route-words"}, "No such route."));
  if (labels.length) $("route").setAttribute("aria-activedescendant", `route-${chosen}`);
  else $("route").removeAttribute("aria-activedescendant");
}

function openRelabel() {
  if (!shown()) return;
  $("relabelling").hidden = false;
  $("relabel").setAttribute("aria-expanded", "true");
  $("route").value = "";
  chosen = 0;
  showOffered();
  $("route").focus();
}

function closeRelabel() {
  if ($("relabelling").hidden) return;
  const had = $("relabelling").contains(document.activeElement);
  $("relabelling").hidden = true;
  $("relabel").setAttribute("aria-expanded", "false");
  if (had) $("review").focus({preventScroll: true});
}

function take(label) {
  closeRelabel();
  if (label.route === shown()?.label) judge("accepted");
  else judge("relabelled", label.route);
}

function onRouteKey(event) {
  const labels = offered();
  if (event.key === "Enter") {
    event.preventDefault();
    if (labels[chosen]) take(labels[chosen]);
  } else if (event.key === "Escape") {
    closeRelabel();
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && labels.length) {
    event.preventDefault();
    chosen = (chosen + (event.key === "ArrowDown" ? 1 : -1) + labels.length) % labels.length;
    showOffered();
  } else {
    return;
  }
  event.stopPropagation();
}

// ---------------------------------------------------------------- keys

// A key judges only what can be seen: otherwise it brings it into view.
function inView() {
  const box = $("candidate").getBoundingClientRect(), room = $("learning-view").getBoundingClientRect();
  return box.top >= room.top - 8 && box.top < room.bottom - 60;
}

const KEYS = {
  a: () => judge("accepted"), r: () => judge("rejected"), l: openRelabel, u: undo,
  ArrowLeft: () => move(-1), ArrowRight: () => move(1),
};

function onKey(event) {
  const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if ($("learning-view").hidden || $("review").hidden || document.querySelector("dialog[open]")) return;
  if (event.target instanceof HTMLElement && event.target.closest("input, textarea, select, .scroll")) return;
  event.preventDefault();
  if (shown() && !inView()) {
    $("review").focus({preventScroll: true});
    $("review").scrollIntoView({block: "start"});
    return;
  }
  action();
}

export function startReview(changed) {
  review.changed = changed;
  const on = {accept: KEYS.a, reject: KEYS.r, relabel: () => ($("relabelling").hidden ? openRelabel() : closeRelabel()), undo, previous: KEYS.ArrowLeft, next: KEYS.ArrowRight};
  for (const [id, action] of Object.entries(on)) $(id).addEventListener("click", action);
  $("route").addEventListener("input", () => { chosen = 0; showOffered(); });
  $("route").addEventListener("keydown", onRouteKey);
  document.addEventListener("keydown", onKey);
}

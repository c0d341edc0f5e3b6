// The console's conversation: asks the assistant and shows, for each answer, why it was given. The other view is in
// learning.js.
//
// Plain JavaScript, no request to another host. Text from people and servers reaches the page only as textContent, never
// as markup. The server's Content-Security-Policy allows no inline script or style, so widths are set through the style
// object as custom properties (--value), which that policy lets pass.

import {$, count, duration, isNumber, make, milliseconds, percent, sentence, sized} from "./page.js";
import {assistantIs, showLearning, startLearning} from "./learning.js";

const POLL_MS = 2000;
const POLL_SLOW_MS = 8000;     // while the server is away
const ANSWER_LIMIT_MS = 90000; // longer than any upstream may take
const HISTORY_TURNS = 12;      // so many messages travel along, for an upstream model to follow the thread
const SOURCES = ["local model", "cache", "rule", "upstream"];

// ---------------------------------------------------------------- state

// randomUUID exists only in secure contexts; the console is also opened over plain HTTP in a local network.
function newSessionId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return "console-" + Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

const state = {
  session: newSessionId(),
  history: [],      // [{role, content}], what was said in this conversation
  assistant: null,  // {name, routes} from the server, once known
  busy: null,       // AbortController of the answer under way
  epoch: 0,         // grows with every new conversation, so that a late answer does not land in it
};

// ---------------------------------------------------------------- asking

class Trouble extends Error {
  constructor(title, message, mend, retryAfterSeconds = 0) {
    super(message);
    Object.assign(this, {title, mend, retryAfterSeconds});
  }
}

function troubleFromStatus(response, body) {
  const error = body && typeof body === "object" ? body.error : null;
  const said = error && typeof error === "object" ? error.message : typeof error === "string" ? error : "";
  const requestId = response.headers.get("x-request-id");
  const suffix = requestId ? ` Request ${requestId}.` : "";
  const wait = Number(response.headers.get("retry-after"));
  if (response.status === 429 || response.status === 503) {
    const seconds = Number.isFinite(wait) ? Math.min(60, Math.max(1, Math.ceil(wait))) : 1;
    return new Trouble("The server is busy", said || "It has more questions than it can take right now.",
                       "Nothing is lost; ask again in a moment." + suffix, seconds);
  }
  if (response.status === 413) {
    return new Trouble("That was too long", said || "The server takes shorter questions only.", "Please shorten it." + suffix);
  }
  if (response.status >= 500) {
    return new Trouble("The server could not answer", said || `It replied with status ${response.status}.`,
                       "Its log says more; asking again may help." + suffix);
  }
  return new Trouble("The server refused the question", said || `It replied with status ${response.status}.`, suffix.trim());
}

function troubleFromException(error, timedOut) {
  if (error instanceof Trouble) return error;
  if (timedOut) {
    return new Trouble("No answer in time", `Nothing came for ${ANSWER_LIMIT_MS / 1000} seconds.`, "Ask again, or look at the server's log.");
  }
  if (error instanceof SyntaxError) {
    return new Trouble("The answer makes no sense", "It is not the JSON that it says it is.", "Is this address really a Bantam server?");
  }
  const trouble = new Trouble("The server cannot be reached", "The connection was refused or broke off.",
                              "Start it with “bantam serve -c FILE”, then ask again.");
  trouble.unreachable = true;
  return trouble;
}

// Reads server-sent events; calls onEvent with each parsed object until [DONE] or the end.
async function readEvents(stream, onEvent) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let buffer = "", finished = false;
  while (!finished) {
    const {done, value} = await reader.read();
    buffer += decoder.decode(value, {stream: !done}).replaceAll("\r\n", "\n");
    const events = buffer.split("\n\n");
    buffer = done ? "" : events.pop();
    for (const event of events) {
      const data = event.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart()).join("\n");
      if (data === "[DONE]") { finished = true; break; }
      if (data) onEvent(JSON.parse(data));
    }
    if (done) break;
  }
  return finished;
}

// Asks and returns {text, bantam}; onPiece gets the text as it comes.
async function askServer(question, signal, onPiece) {
  const messages = [...state.history.slice(-HISTORY_TURNS), {role: "user", content: question}];
  const response = await fetch("v1/chat/completions", {
    method: "POST",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify({
      model: state.assistant?.name || "assistant",
      messages,
      stream: true,
      metadata: {session_id: state.session},
    }),
    signal,
  });
  const isStream = (response.headers.get("content-type") || "").startsWith("text/event-stream");
  if (!response.ok || !isStream) {
    const body = await response.json().catch(() => null);
    if (!response.ok) throw troubleFromStatus(response, body);
    const text = body?.choices?.[0]?.message?.content;
    if (typeof text !== "string") throw new Trouble("The answer makes no sense", "It holds no text.", "Is this address really a Bantam server?");
    onPiece(text);
    return {text, bantam: body.bantam || null};
  }
  let text = "", bantam = null, complete = false;
  complete = await readEvents(response.body, (event) => {
    if (event.error) throw new Trouble("The answer broke off", event.error.message || "The server reported an error.", "What is above may be incomplete.");
    if (event.bantam) bantam = event.bantam;
    const piece = event.choices?.[0]?.delta?.content;
    if (piece) { text += piece; onPiece(piece); }
  });
  if (!complete) throw new Trouble("The answer broke off", "The connection ended before the answer did.", "What is above may be incomplete.");
  return {text, bantam};
}

async function ask(question) {
  const epoch = state.epoch;
  const abort = new AbortController();
  let timedOut = false;
  const timer = setTimeout(() => { timedOut = true; abort.abort(); }, ANSWER_LIMIT_MS);
  state.busy = abort;
  updateSend();
  $("welcome").hidden = true;

  const text = make("div", {class: "answer-text"});
  const waiting = make("div", {class: "waiting"}, make("i"), make("i"), make("i"));
  const answer = make("div", {class: "answer"}, waiting);
  const turn = make("li", {class: "turn"}, make("p", {class: "said arrive"}, question), answer);
  // What older answers have opened and offered is put away, so that the newest one is what meets the eye.
  for (const old of document.querySelectorAll(".receipt[open]")) old.open = false;
  for (const old of document.querySelectorAll(".replies")) old.remove();
  $("turns").append(turn);
  $("log").setAttribute("aria-busy", "true");
  reveal(turn);

  const started = performance.now();
  try {
    const reply = await askServer(question, abort.signal, (piece) => {
      if (waiting.isConnected) { waiting.replaceWith(text); answer.classList.add("streaming"); }
      text.append(piece);
      reveal(turn);
    });
    if (epoch !== state.epoch) return;
    if (waiting.isConnected) waiting.replaceWith(text);
    const trip = performance.now() - started;
    state.history.push({role: "user", content: question}, {role: "assistant", content: reply.text});
    if (reply.bantam?.form) answer.append(formCard(reply.bantam.form));
    if (reply.bantam) answer.append(receipt(reply.bantam, trip));
    const replies = quickReplies(reply.bantam);
    if (replies) answer.append(replies);
    setConnection("up");
  } catch (error) {
    if (epoch !== state.epoch) return;
    waiting.remove();
    if (abort.signal.aborted && !timedOut) {
      answer.append(make("p", {class: "trouble"}, "Stopped."));
    } else {
      const trouble = troubleFromException(error, timedOut);
      answer.append(troubleCard(trouble, () => { if (!state.busy) { turn.remove(); submit(question); } }));
      if (trouble.unreachable) setConnection("down");
    }
  } finally {
    clearTimeout(timer);
    answer.classList.remove("streaming");
    if (state.busy === abort) state.busy = null;
    $("log").removeAttribute("aria-busy");
    updateSend();
    reveal(turn);
    poll();
  }
}

// Scrolls so that the end of the turn is seen, but never so far that its beginning is not.
function reveal(turn) {
  const log = $("log");
  const box = log.getBoundingClientRect(), at = turn.getBoundingClientRect();
  const toEnd = at.bottom - box.bottom + 24, toStart = at.top - box.top - 16;
  const by = Math.min(toEnd, toStart);
  if (by > 0) log.scrollTop += by;
}

// ---------------------------------------------------------------- showing an answer

function gauge(bantam) {
  const confidence = bantam.confidence, threshold = bantam.threshold;
  if (!isNumber(confidence) || bantam.source === "rule") return null; // a rule estimates nothing
  const below = isNumber(threshold) && confidence < threshold;
  const words = `Confidence ${percent(confidence)}` + (isNumber(threshold) ? `, threshold ${percent(threshold)}` : "");
  const track = make("span", {class: "track", role: "img", "aria-label": words, title: words}, sized(make("span", {class: "fill"}), confidence));
  if (isNumber(threshold)) track.append(sized(make("span", {class: "notch"}), threshold));
  return make("span", {class: below ? "gauge below" : "gauge"}, track, make("span", {class: "confidence"}, percent(confidence)));
}

function nearestList(nearest) {
  return make("ul", {class: "near"}, ...nearest.map((example) => make("li", {},
    make("span", {class: "similarity", title: "Similarity, 1 is the same"}, isNumber(example.similarity) ? example.similarity.toFixed(2) : "–"),
    make("button", {type: "button", title: "Put this into the question field", onclick: () => fillQuestion(example.text)}, String(example.text)),
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

function receipt(bantam, trip) {
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
      nearest.length ? nearestList(nearest) : null,
      make("p", {class: "ids"},
        make("span", {title: "Time in the server"}, "Server ", make("span", {class: "server-ms"}, milliseconds(server))),
        make("span", {title: "Seen from this page, network and browser included"}, "Round trip ", make("span", {class: "trip-ms"}, milliseconds(trip))),
        bantam.request_id ? make("span", {}, "Request ", make("code", {class: "request-id"}, String(bantam.request_id))) : null)));
}

function formCard(form) {
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
function quickReplies(bantam) {
  if (bantam?.form?.state !== "confirming") return null;
  return make("div", {class: "replies"}, ...["Yes", "No"].map((word) =>
    make("button", {class: "chip", type: "button", onclick: () => submit(word)}, word)));
}

function troubleCard(trouble, retry) {
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

// ---------------------------------------------------------------- the question field

function fitQuestion() {
  const field = $("question");
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}

function fillQuestion(text) {
  $("question").value = text;
  fitQuestion();
  updateSend();
  $("question").focus();
}

function updateSend() {
  const button = $("send");
  button.classList.toggle("busy", state.busy !== null);
  button.setAttribute("aria-label", state.busy ? "Stop" : "Send");
  button.disabled = !state.busy && !$("question").value.trim();
}

function submit(text) {
  const question = text.trim();
  if (!question || state.busy) return;
  ask(question);
}

function onSubmit(event) {
  event.preventDefault();
  if (state.busy) { state.busy.abort(); return; }
  const question = $("question").value;
  if (!question.trim()) return;
  fillQuestion("");
  submit(question);
}

function onKey(event) {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    if (!state.busy) onSubmit(event);
  } else if (event.key === "Escape") {
    if ($("question").value) fillQuestion("");
    else if (state.busy) state.busy.abort();
  }
}

function newConversation() {
  state.busy?.abort();
  state.busy = null;
  state.epoch += 1;
  state.session = newSessionId();
  state.history = [];
  $("turns").replaceChildren();
  $("welcome").hidden = false;
  $("log").scrollTop = 0;
  fillQuestion("");
}

async function loadExamples() {
  try {
    const response = await fetch("v1/console/examples");
    if (!response.ok) return;
    const {examples} = await response.json();
    if (!Array.isArray(examples)) return;
    $("chips").replaceChildren(...examples.slice(0, 6).map((example) =>
      make("li", {}, make("button", {class: "chip", type: "button", onclick: () => submit(String(example))}, String(example)))));
  } catch { /* suggestions are a kindness; their absence is shown by the connection already */ }
}

// ---------------------------------------------------------------- live counters

function setConnection(connection) {
  const element = $("connection");
  if (element.dataset.state === connection) return;
  element.dataset.state = connection;
  element.firstElementChild.textContent = connection === "up" ? "connected" : "server not reachable";
  $("live").classList.toggle("stale", connection !== "up");
  if (connection === "up") loadExamples();
}

function showNumber(id, text) {
  const [, number, unit] = /^(\S+)(?: (.+))?$/.exec(text) || [null, text, ""];
  $(id).replaceChildren(number, ...(unit ? [make("small", {}, unit)] : []));
}

function showStats(stats) {
  const latency = stats.latency_ms || {}, model = stats.model || {}, decisions = stats.decisions || {};
  const requests = isNumber(stats.requests) ? stats.requests : 0;
  const hits = isNumber(stats.cache_hit_rate) ? percent(stats.cache_hit_rate) : "–";
  showNumber("s-requests", count(requests));
  showNumber("s-cache", hits);
  showNumber("s-p50", milliseconds(latency.p50));
  showNumber("s-p99", milliseconds(latency.p99));
  $("live-short").textContent = `${count(requests)} requests · ${milliseconds(latency.p50)} median`;

  const counts = SOURCES.map((source) => [source, isNumber(decisions[source]) ? decisions[source] : 0]);
  const total = counts.reduce((sum, [, number]) => sum + number, 0);
  $("share").replaceChildren(...counts.filter(([, number]) => number > 0)
    .map(([source, number]) => sized(make("i", {"data-tone": source}), number / total)));
  $("share").setAttribute("aria-label", total ? counts.map(([source, number]) => `${source} ${number}`).join(", ") : "Nothing answered yet");
  // "unsure" is a decision, not a source: such answers are counted above already.
  const unsure = isNumber(decisions.unsure) ? decisions.unsure : 0;
  const rows = [...counts.map(([source, number]) => [source, source, number]), ["unsure", "of these, unsure", unsure]];
  $("legend").replaceChildren(...rows.map(([tone, label, number]) =>
    make("li", {"data-tone": tone, class: number ? "" : "zero"}, label, make("b", {}, count(number)))));

  const assistant = stats.assistant && stats.assistant.name ? stats.assistant : null;
  state.assistant = assistant;
  assistantIs(assistant);
  $("assistant-name").textContent = assistant ? assistant.name : "";
  $("s-assistant").textContent = assistant ? `${assistant.name}, ${assistant.routes} routes` : "none";
  $("s-model").textContent = [model.name, model.dtype].filter(Boolean).join(", ") || "–";
  $("s-isa").textContent = model.isa || "–";
  $("s-uptime").textContent = duration(stats.uptime_s);
  $("welcome-line").textContent = assistant
    ? `Ask in your own words. ${assistant.routes} routes are chosen by a model on this machine; every answer shows why it was given.`
    : "This server has no assistant. Start it with “bantam serve -c FILE” to talk to one.";
}

let pollTimer = 0, polling = false;

async function poll() {
  clearTimeout(pollTimer);
  if (polling) return;
  polling = true;
  try {
    if (!document.hidden) {
      const response = await fetch("v1/console/stats", {cache: "no-store", signal: AbortSignal.timeout(5000)});
      if (!response.ok) throw new Error(`status ${response.status}`);
      showStats(await response.json());
      setConnection("up");
    }
  } catch {
    setConnection("down");
  } finally {
    polling = false;
    pollTimer = setTimeout(poll, $("connection").dataset.state === "down" ? POLL_SLOW_MS : POLL_MS);
  }
}

// ---------------------------------------------------------------- the two views

function showView() {
  const learning = location.hash === "#learning";
  $("talk-view").hidden = learning;
  $("new").hidden = learning;
  for (const [id, current] of [["to-talk", !learning], ["to-learning", learning]]) {
    if (current) $(id).setAttribute("aria-current", "page");
    else $(id).removeAttribute("aria-current");
  }
  showLearning(learning);
  if (learning) $("learning-view").focus();
  else $("question").focus();
}

// ---------------------------------------------------------------- start

function start() {
  $("new").addEventListener("click", newConversation);
  $("ask").addEventListener("submit", onSubmit);
  $("question").addEventListener("keydown", onKey);
  $("question").addEventListener("input", () => { fitQuestion(); updateSend(); });
  // The counters stand open beside the conversation where there is room, and fold into one line where there is not.
  const wide = matchMedia("(min-width: 861px)");
  const foldLive = () => { $("live").open = wide.matches; };
  wide.addEventListener("change", foldLive);
  foldLive();
  $("live").querySelector("summary").addEventListener("click", (event) => { if (wide.matches) event.preventDefault(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
  updateSend();
  startLearning();
  addEventListener("hashchange", showView);
  showView();
  poll();
}

start(); // a module runs once the page is read

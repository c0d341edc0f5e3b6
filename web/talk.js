// The conversation: asks the assistant and shows, for each answer, why it was given.

import {$, make} from "./page.js";
import {readEvents, Trouble, troubleFromException, troubleFromStatus} from "./events.js";
import {live, poll, setConnection} from "./live.js";
import {formCard, quickReplies, receipt, troubleCard} from "./receipt.js";

const ANSWER_LIMIT_MS = 90000; // longer than any upstream may take
const HISTORY_TURNS = 12;      // so many messages travel along, for an upstream model to follow the thread

// ---------------------------------------------------------------- state

// randomUUID exists only in secure contexts; the console is also opened over plain HTTP in a local network.
function newSessionId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return "console-" + Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

const state = {
  session: newSessionId(),
  history: [],      // [{role, content}], what was said in this conversation
  busy: null,       // AbortController of the answer under way
  epoch: 0,         // grows with every new conversation, so that a late answer does not land in it
};

// ---------------------------------------------------------------- asking

// Asks and returns {text, bantam}; onPiece gets the text as it comes.
async function askServer(question, signal, onPiece) {
  const messages = [...state.history.slice(-HISTORY_TURNS), {role: "user", content: question}];
  const response = await fetch("v1/chat/completions", {
    method: "POST",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify({
      model: live.assistant?.name || "assistant",
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
    if (reply.bantam) answer.append(receipt(reply.bantam, trip, fillQuestion));
    const replies = quickReplies(reply.bantam, submit);
    if (replies) answer.append(replies);
    setConnection("up");
  } catch (error) {
    if (epoch !== state.epoch) return;
    waiting.remove();
    if (abort.signal.aborted && !timedOut) {
      answer.append(make("p", {class: "trouble"}, "Stopped."));
    } else {
      const trouble = troubleFromException(error, timedOut ? ANSWER_LIMIT_MS : 0);
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

export async function loadExamples() {
  try {
    const response = await fetch("v1/console/examples");
    if (!response.ok) return;
    const {examples} = await response.json();
    if (!Array.isArray(examples)) return;
    $("chips").replaceChildren(...examples.slice(0, 6).map((example) =>
      make("li", {}, make("button", {class: "chip", type: "button", onclick: () => submit(String(example))}, String(example)))));
  } catch { /* suggestions are a kindness; their absence is shown by the connection already */ }
}

export function startTalk() {
  $("new").addEventListener("click", newConversation);
  $("ask").addEventListener("submit", onSubmit);
  $("question").addEventListener("keydown", onKey);
  $("question").addEventListener("input", () => { fitQuestion(); updateSend(); });
  updateSend();
}

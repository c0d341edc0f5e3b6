// The task of the playground that writes: a conversation with a model, word by word.

import {count, isNumber, make, milliseconds, send} from "./page.js";
import {readEvents} from "./events.js";
import {area, field} from "./play_frame.js";

const system = make("input", {type: "text", autocomplete: "off", placeholder: "You are a helpful assistant."});
const message = area("Why is the sky blue? Answer in one sentence.", 3);
const temperature = make("input", {type: "number", min: "0", max: "2", step: "0.1", value: "0.7"});
const longest = make("input", {type: "number", min: "1", max: "4096", step: "1", value: "200"});
const said = []; // [{role, content}], of this conversation

// An answer that failed leaves the question where it was.
function body(model) {
  const content = message.value.trim();
  if (!content) throw new Error("Write a message.");
  const first = system.value.trim() ? [{role: "system", content: system.value.trim()}] : [];
  return {
    model: model.id, messages: [...first, ...said, {role: "user", content}],
    temperature: Number(temperature.value) || 0, max_tokens: Number(longest.value) || 200,
    stream: true, stream_options: {include_usage: true},
  };
}

// Fills `turn` as the answer comes; -> its text, when its first and last words came, and how many tokens it has.
async function read(response, turn) {
  const text = turn.querySelector(".turn-text"), thoughts = turn.querySelector(".turn-thoughts");
  const got = {text: "", first: 0, last: 0, tokens: null, cut: false};
  const complete = await readEvents(response.body, (event) => {
    if (event.error) throw new Error(event.error.message || "The answer broke off.");
    const choice = event.choices?.[0], piece = choice?.delta?.content || "", thought = choice?.delta?.reasoning_content || "";
    if (event.usage) got.tokens = event.usage.completion_tokens;
    if (choice?.finish_reason === "length") got.cut = true;
    if (!piece && !thought) return;
    got.last = performance.now();
    got.first ||= got.last;
    got.text += piece;
    text.append(piece);
    thoughts.append(thought);
    turn.scrollIntoView({block: "nearest"});
  });
  if (!complete) throw new Error("The connection ended before the answer did.");
  return got;
}

async function run({model, output, signal}) {
  const asked = body(model), question = asked.messages.at(-1);
  const turn = make("li", {class: "turn-model"}, make("span", {class: "turn-thoughts"}), make("span", {class: "turn-text"}));
  const mine = make("li", {class: "turn-mine"}, question.content);
  if (!said.length) output.replaceChildren(make("ol", {class: "turns-list"}));
  output.firstElementChild.append(mine, turn);
  message.value = "";
  const started = performance.now();
  try {
    const response = await send("v1/chat/completions", asked, signal);
    const got = await read(response, turn);
    said.push(question, {role: "assistant", content: got.text});
    if (got.cut) turn.append(make("span", {class: "quiet"}, " (cut off at the most tokens)"));
    const writing = (got.last - got.first) / 1000;
    return {
      headers: response.headers, ms: performance.now() - started,
      facts: [
        ["First word after", got.first ? milliseconds(got.first - started) : "–"],
        ["Tokens written", count(got.tokens)],
        // The first one is there when the clock starts.
        ["Tokens a second", isNumber(got.tokens) && got.tokens > 1 && writing > 0 ? ((got.tokens - 1) / writing).toFixed(1) : "–"],
      ],
    };
  } catch (error) {
    message.value ||= question.content;
    const text = turn.textContent;
    if (error.name === "AbortError" && text) {
      said.push(question, {role: "assistant", content: text});
      turn.append(make("span", {class: "quiet"}, " (stopped)"));
      if (message.value === question.content) message.value = "";
    } else {
      mine.remove();
      turn.remove();
    }
    throw error;
  }
}

function beginAgain(event) {
  said.length = 0;
  event.target.closest(".play").querySelector(".play-output").replaceChildren(make("p", {class: "quiet empty"}, chat.empty));
  message.focus();
}

export const chat = {
  id: "chat", name: "Chat", button: "Send",
  lead: "A conversation with a model that writes. The assistant of a route file has a view of its own, Conversation.",
  empty: "What you and the model say will stand here.",
  none: "No model here writes text. Serve one with “bantam serve --model smollm2”, or load one of the store under Models.",
  can: (model) => model.does("chat") && !model.assistant,
  fields: () => [
    field("Message", message), field("What the model is told first", system),
    make("div", {class: "play-pair"}, field("Temperature", temperature), field("Most tokens", longest)),
  ],
  actions: () => [make("button", {class: "act bare", type: "button", onclick: beginAgain}, "Begin again")],
  request: (model) => ({path: "v1/chat/completions", body: body(model)}),
  run,
};

// What every task of the playground has: the model that is asked, a button that asks it, the answer, where its time went,
// and the same request for a shell.
//
// A task is {id, name, lead, empty, button, can(model), none, fields(), request(model), show(reply, body)}, perhaps with
// modelIs(model), told which model is chosen, and actions(), more buttons. Where more happens than one request and one
// reply it has run({model, output, signal}) in place of show: -> {headers, ms, facts}.

import {call, make, percent, sentence, sized} from "./page.js";
import {stageFacts} from "./stages.js";

// A labelled field that keeps what is written; hint stands below it.
export function field(label, control, hint) {
  return make("label", {class: "play-field"}, make("span", {class: "play-label"}, label), control, hint ? make("span", {class: "quiet"}, hint) : null);
}

export const area = (value, rows = 5) => make("textarea", {rows, spellcheck: "false"}, value);
export const linesOf = (control) => control.value.split("\n").map((line) => line.trim()).filter(Boolean);

// A probability, of which the least is told from none.
export const share = (value) => (value > 0 && value < 0.0005 ? "< 0.1 %" : percent(value, 1));

// A list of bars: [{name, share, text, strong}].
export function bars(rows) {
  return make("ul", {class: "bars"}, ...rows.map(({name, share, text, strong}) => make("li", {class: strong ? "strong" : ""},
    make("span", {class: "bar-name"}, name),
    make("span", {class: "meter", "aria-hidden": "true"}, sized(make("span", {class: "meter-fill"}), share)),
    make("span", {class: "bar-number"}, text))));
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curlOf({path, body}) {
  return `curl ${new URL(path, document.baseURI).href} \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(JSON.stringify(body))}`;
}

// The clipboard is there in secure contexts only; the console is also opened over plain HTTP in a local network.
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const hidden = make("textarea", {class: "unseen"}, text);
  document.body.append(hidden);
  hidden.select();
  const copied = document.execCommand("copy");
  hidden.remove();
  if (!copied) throw new Error("the browser does not let this page copy");
}

async function ask(task, {model, output, signal}) {
  const {path, body} = task.request(model);
  const {reply, headers, ms} = await call(path, body, signal);
  output.replaceChildren(...[task.show(reply, body)].flat().filter(Boolean));
  return {headers, ms};
}

function makeFrame(task) {
  let models = [], busy = null;
  const select = make("select", {});
  const only = make("b", {class: "play-only"});
  const label = task.button || "Run", answerWith = task.run || ((asked) => ask(task, asked));
  const button = make("button", {class: "act first", type: "submit"}, label, make("kbd", {}, "Ctrl ↵"));
  const curl = make("button", {class: "act", type: "button"}, "Copy as curl");
  const note = make("p", {class: "note bad", role: "alert"});
  const output = make("div", {class: "play-output"}, make("p", {class: "quiet empty"}, task.empty));
  const took = make("div", {});
  const form = make("form", {class: "card play-ask"},
    make("p", {class: "quiet"}, task.lead),
    make("label", {class: "play-field play-model"}, make("span", {class: "play-label"}, "Model"), select, only),
    ...task.fields(),
    make("div", {class: "verdicts"}, button, curl, ...(task.actions?.() || [])), note);
  const answer = make("section", {class: "card play-answer", "aria-label": "Answer", "aria-live": "polite"}, output, took);
  const none = make("p", {class: "card quiet play-none"}, task.none);
  const model = () => models.find((one) => one.id === select.value) || models[0];

  async function run() {
    if (busy) return busy.abort();
    const abort = busy = new AbortController();
    button.replaceChildren("Stop");
    note.textContent = "";
    took.replaceChildren();
    answer.setAttribute("aria-busy", "true");
    if (matchMedia("(max-width: 860px)").matches) answer.scrollIntoView(); // where it is below, not beside
    try {
      const {headers, ms, facts} = await answerWith({model: model(), output, signal: abort.signal});
      took.replaceChildren(stageFacts(headers, ms, facts));
    } catch (error) {
      note.textContent = error.name === "AbortError" ? "Stopped." : sentence(error.message);
    } finally {
      busy = null;
      button.replaceChildren(label, make("kbd", {}, "Ctrl ↵"));
      answer.removeAttribute("aria-busy");
    }
  }

  async function copyCurl() {
    try {
      await copy(curlOf(task.request(model())));
      curl.textContent = "Copied";
      setTimeout(() => { curl.textContent = "Copy as curl"; }, 1500);
    } catch (error) {
      note.textContent = sentence(error.message);
    }
  }

  form.addEventListener("submit", (event) => { event.preventDefault(); run(); });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit(); }
  });
  curl.addEventListener("click", copyCurl);
  select.addEventListener("change", () => task.modelIs?.(model()));

  function update(able) {
    models = able;
    const chosen = select.value;
    select.replaceChildren(...able.map((one) => make("option", {selected: one.id === chosen}, one.id)));
    select.hidden = able.length < 2;
    only.textContent = able.length === 1 ? able[0].id : "";
    none.hidden = able.length > 0;
    form.hidden = answer.hidden = !able.length;
    if (able.length) task.modelIs?.(model());
  }

  return {element: make("div", {class: "play"}, none, form, answer), update};
}

const frames = new Map(); // of tasks by their id: what was written in one is there when somebody comes back

// The task's frame, for the models that can do it now.
export function frameOf(task, models) {
  if (!frames.has(task.id)) frames.set(task.id, makeFrame(task));
  const frame = frames.get(task.id);
  frame.update(models.filter(task.can));
  return frame.element;
}

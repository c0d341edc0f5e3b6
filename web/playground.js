// The playground: each task that served models can do, tried by hand.

import {$, askJson, make} from "./page.js";
import {frameOf} from "./play_frame.js";
import {classify, embed, rerank, tag} from "./play_texts.js";
import {chat} from "./play_chat.js";
import {decide} from "./play_decide.js";

const TASKS = [embed, classify, tag, rerank, chat, decide];

const view = {models: [], task: TASKS[0]};

// What a model can, of its object in /v1/models. What is not in memory tells nothing.
function readModel(object) {
  const tasks = (object.bantam?.tasks || "").split(", ");
  return {
    id: object.id,
    assistant: Boolean(object.bantam?.decision),
    does: (task) => tasks.includes(task),
    decides: Boolean(object.architecture?.output_modalities?.includes("decisions")),
  };
}

function render() {
  for (const task of TASKS) {
    const tab = $(`task-${task.id}`), chosen = task === view.task;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    if (chosen) tab.scrollIntoView({block: "nearest", inline: "nearest"});
    tab.classList.toggle("none", !view.models.some(task.can));
  }
  const frame = frameOf(view.task, view.models);
  if ($("task").firstElementChild !== frame) $("task").replaceChildren(frame);
  $("task").setAttribute("aria-labelledby", `task-${view.task.id}`);
}

function onTabKey(event) {
  const by = {ArrowRight: 1, ArrowLeft: -1}[event.key];
  if (!by) return;
  event.preventDefault();
  const next = TASKS[(TASKS.indexOf(view.task) + by + TASKS.length) % TASKS.length];
  location.hash = `playground/${next.id}`;
  $(`task-${next.id}`).focus();
}

export function start() {
  $("tasks").append(...TASKS.map((task) => make("button", {
    id: `task-${task.id}`, type: "button", role: "tab", "aria-controls": "task", onclick: () => { location.hash = `playground/${task.id}`; },
  }, task.name)));
  $("tasks").addEventListener("keydown", onTabKey);
}

export async function show(shown, id) {
  if (!shown) return;
  view.task = TASKS.find((task) => task.id === id) || view.task;
  if (view.models.length) render();
  try {
    const {data} = await askJson("v1/models");
    view.models = data.filter((object) => !object.root).map(readModel);
  } catch (error) {
    if (!view.models.length) return $("task").replaceChildren(make("p", {class: "banner", role: "alert"}, error.message));
  }
  // Without a word about which, the first that something here can do.
  if (!id && !view.models.some(view.task.can)) view.task = TASKS.find((task) => view.models.some(task.can)) || view.task;
  render();
}

// The console: its views, of which the address after the # names one, and the keys that go from one to the next.
//
// Plain JavaScript, no request to another host. Text from people and servers reaches the page only as textContent, never
// as markup. The server's Content-Security-Policy allows no inline script or style, so widths are set through the style
// object as custom properties (--value), which that policy lets pass. A view that not everybody opens is loaded when it is
// first opened.

import {$, loadPart} from "./page.js";
import {live, startLive} from "./live.js";
import {loadExamples, startTalk} from "./talk.js";

// What the first view does not need does not hold up its paint.
const LATER = ["learning.css", "playground.css", "tables.css"];

// A view has a section NAME-view and a link to-NAME. show(shown, rest): it is opened, with what follows its name in the
// address, or left. assistantIs(assistant), where a view has one: what the server serves, when that is known or changes.
const VIEWS = [
  {name: "conversation", show: () => {}, focus: "question"},
  {name: "playground", load: () => import("./playground.js")},
  {name: "models", load: () => import("./models.js")},
  {name: "requests", load: () => import("./requests.js")},
  {name: "routefile", load: () => import("./routefile.js")},
  {name: "learning", load: () => import("./learning.js")},
];

let current = null;

async function showView() {
  const [name, rest = ""] = location.hash.slice(1).split("/");
  const next = VIEWS.find((view) => view.name === name) || VIEWS[0];
  const before = current;
  current = next;
  for (const view of VIEWS) {
    const shown = view === next;
    $(`${view.name}-view`).hidden = !shown;
    if (shown) $(`to-${view.name}`).setAttribute("aria-current", "page");
    else $(`to-${view.name}`).removeAttribute("aria-current");
  }
  $("new").hidden = next.name !== "conversation";
  $(`to-${next.name}`).scrollIntoView({block: "nearest", inline: "nearest"});
  if (before !== next) {
    before?.show?.(false);
    $(next.focus || `${next.name}-view`).focus();
  }
  if (!next.show) {
    next.loading ??= next.load();
    const module = await next.loading.catch(() => { next.loading = null; }); // the header says that the server is away
    if (!module) return;
    if (!next.show) {
      module.start?.();
      module.assistantIs?.(live.assistant);
      Object.assign(next, {show: module.show, assistantIs: module.assistantIs});
    }
    if (current !== next) return;
  }
  next.show(true, rest);
}

const isTyping = (element) => element.matches?.("input, textarea, select, [contenteditable]");

const firstField = () => [...$(`${current.name}-view`).querySelectorAll("textarea, input")].find((field) => field.offsetParent);

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const view = VIEWS[Number(event.key) - 1];
  if (view) location.hash = view.name;
  else if (event.key === "?") $("keys-help").showModal();
  else if (event.key === "t") $("theme").click();
  else if (event.key === "/") firstField()?.focus();
  else return;
  event.preventDefault();
}

function start() {
  for (const sheet of LATER) loadPart("link", {rel: "stylesheet", href: `web/${sheet}`}).catch(() => {}); // the header says that the server is away
  startTalk();
  $("skip").addEventListener("click", (event) => {
    event.preventDefault();
    (firstField() || $(`${current.name}-view`)).focus();
  });
  $("keys-open").addEventListener("click", () => $("keys-help").showModal());
  addEventListener("hashchange", showView);
  document.addEventListener("keydown", onKey);
  startLive({connected: loadExamples, assistant: (assistant) => { for (const view of VIEWS) view.assistantIs?.(assistant); }});
  showView();
}

start(); // a module runs once the page is read

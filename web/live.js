// What the server tells of itself every few seconds: whether it is there, its counters, its assistant.

import {$, count, duration, isNumber, make, milliseconds, percent, sized} from "./page.js";

const POLL_MS = 2000;
const POLL_SLOW_MS = 8000; // while the server is away
const SOURCES = ["local model", "cache", "rule", "upstream"];

export const live = {assistant: undefined}; // {name, routes, learns} from the server, or null; undefined until it is known
const told = {connected: () => {}, assistant: () => {}};

export function setConnection(connection) {
  const element = $("connection");
  if (element.dataset.state === connection) return;
  element.dataset.state = connection;
  element.firstElementChild.textContent = connection === "up" ? "connected" : "server not reachable";
  $("live").classList.toggle("stale", connection !== "up");
  if (connection === "up") told.connected();
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
  const time = (value) => (requests ? milliseconds(value) : "–");
  showNumber("s-p50", time(latency.p50));
  showNumber("s-p99", time(latency.p99));
  $("live-short").textContent = requests ? `${count(requests)} requests · ${time(latency.p50)} median` : "nothing asked yet";

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
  live.assistant = assistant;
  told.assistant(assistant);
  $("assistant-name").textContent = assistant ? assistant.name : "";
  $("s-assistant").textContent = assistant ? `${assistant.name}, ${assistant.routes} routes` : "none";
  $("s-model").textContent = [model.name, model.dtype].filter(Boolean).join(", ") || "–";
  $("s-isa").textContent = model.isa || "–";
  $("s-uptime").textContent = duration(stats.uptime_s);
  $("welcome-models").hidden = assistant !== null;
  $("welcome-line").textContent = assistant
    ? `Ask in your own words. ${assistant.routes} routes are chosen by a model on this machine; every answer shows why it was given.`
    : "This server has no assistant. Start it with “bantam serve -c FILE” to talk to one.";
}

let pollTimer = 0, polling = false;

export async function poll() {
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

// connected(): the server is there, for the first time or again. assistant(assistant): what it serves, or null.
export function startLive(listeners) {
  Object.assign(told, listeners);
  // The counters stand open beside the conversation where there is room, and fold into one line where there is not.
  const wide = matchMedia("(min-width: 861px)");
  const foldLive = () => { $("live").open = wide.matches; };
  wide.addEventListener("change", foldLive);
  foldLive();
  $("live").querySelector("summary").addEventListener("click", (event) => { if (wide.matches) event.preventDefault(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
  poll();
}

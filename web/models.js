// The models: what is in memory and in the store, what it can and takes; loading and letting go.

import {$, askJson, bytes, call, clock, count, duration, isNumber, make, repeat} from "./page.js";

const LOOK_MS = 4000;
const FOREVER_MS = Date.parse("2200-01-01"); // Ollama's clients know "stays" by a time beyond it

const view = {end: null, drawn: "", busy: new Map()}; // busy: name of a model -> what its button says meanwhile

const untagged = (name) => name.replace(/:latest$/, "");

// ---------------------------------------------------------------- what the server says, of four lists

function gather({data}, resident, stored) {
  const inMemory = new Map(resident.models.map((one) => [untagged(one.name), one]));
  const inStore = new Map(stored.models.map((one) => [untagged(one.name), one]));
  return data.map((object) => {
    const loaded = inMemory.get(object.id), known = loaded || inStore.get(object.id), {details = {}} = known || {};
    const assistant = Boolean(object.bantam?.decision);
    return {
      name: object.id, assistant, alias: object.root, parent: object.parent,
      does: assistant ? "chat, classify, route, decide" : [object.bantam?.tasks, object.architecture?.output_modalities?.includes("decisions") ? "decide" : ""].filter(Boolean).join(", "),
      loaded: object.bantam?.loaded !== false,
      expires: loaded ? Date.parse(loaded.expires_at) : null,
      size: known?.size, context: loaded?.context_length,
      weights: [details.family, details.parameter_size, details.quantization_level || details.format].filter(Boolean).join(" · "),
    };
  });
}

function stateOf(model) {
  if (model.alias) return [`another name of ${model.alias}`, "name"];
  if (model.parent) return [`adapter of ${model.parent}`, "name"];
  if (model.assistant) return ["answers", "up"];
  if (!model.loaded) return ["in the store", "away"];
  if (!isNumber(model.expires) || model.expires > FOREVER_MS) return ["in memory, stays", "up"];
  return [`in memory until ${clock(model.expires)}`, "up"];
}

// ---------------------------------------------------------------- the table

function button(model) {
  if (model.assistant || model.alias || model.parent) return null;
  const waits = view.busy.get(model.name);
  return make("button", {class: "act", type: "button", disabled: Boolean(waits), "aria-label": `${model.loaded ? "Unload" : "Load"} ${model.name}`, onclick: () => change(model)},
    waits || (model.loaded ? "Unload" : "Load"));
}

function row(model) {
  const [state, tone] = stateOf(model);
  const cell = (label, ...children) => make("td", {"data-label": label}, ...children);
  return make("tr", {"data-name": model.name},
    make("th", {scope: "row"}, model.name, model.assistant ? make("span", {class: "tag"}, "assistant") : null),
    cell("Does", model.does || (model.alias ? "" : "known once it is loaded")),
    cell("State", make("span", {class: "state", "data-state": tone}, state)),
    make("td", {"data-label": model.loaded ? "Memory" : "On disk", class: "number"}, model.assistant || model.alias || !model.size ? "" : bytes(model.size)),
    make("td", {"data-label": "Context", class: "number"}, isNumber(model.context) ? count(model.context) : ""),
    cell("Weights", model.weights),
    make("td", {class: "actions"}, button(model)));
}

function showTable(models) {
  const drawn = JSON.stringify([models, [...view.busy]]);
  if (drawn === view.drawn) return; // so that nobody's focus or selection goes
  view.drawn = drawn;
  const focused = document.activeElement?.closest?.("#models-rows tr")?.dataset.name;
  $("models-rows").replaceChildren(...models.map(row));
  $("models-none").hidden = models.length > 0;
  if (focused) [...$("models-rows").rows].find((one) => one.dataset.name === focused)?.querySelector("button")?.focus();
}

function showMachine(stats, models, metrics, version) {
  const process = Number(/^bantam_resident_bytes (\S+)$/m.exec(metrics)?.[1]);
  const used = models.filter((model) => model.loaded && !model.alias && !model.parent && model.size);
  const facts = [
    ["Models in memory", count(used.length)],
    ["Their memory", bytes(used.reduce((sum, model) => sum + model.size, 0))],
    ["Process now", bytes(process)],
    ["Threads of each", count(stats.threads)],
    stats.model?.isa ? ["Arithmetic", stats.model.isa] : null,
    ["Up for", duration(stats.uptime_s)],
    ["Version", version],
  ].filter(Boolean);
  $("machine").replaceChildren(...facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

// ---------------------------------------------------------------- looking, and changing

async function look() {
  const trouble = $("models-trouble");
  try {
    const [listed, resident, stored, stats, {version}, metrics] = await Promise.all([
      askJson("v1/models"), askJson("api/ps"), askJson("api/tags"), askJson("v1/console/stats"), askJson("api/version"),
      fetch("metrics").then((response) => response.text()).catch(() => "")]);
    const models = gather(listed, resident, stored);
    showTable(models);
    showMachine(stats, models, metrics, version);
    trouble.hidden = true;
  } catch (error) {
    trouble.hidden = false;
    if (trouble.textContent !== error.message) trouble.textContent = error.message;
  }
}

// The same calls as Triton's clients make: for an admin's key, or callers on the server's own machine.
async function change(model) {
  const [verb, doing, done] = model.loaded ? ["unload", "Unloading", "is no longer in memory"] : ["load", "Loading", "is in memory"];
  const note = $("models-note");
  view.busy.set(model.name, doing);
  note.className = "note";
  note.textContent = "";
  look();
  try {
    const {ms} = await call(`v2/repository/models/${encodeURIComponent(model.name)}/${verb}`, {});
    note.textContent = `${model.name} ${done} (${ms < 1000 ? "under a second" : `${(ms / 1000).toFixed(1)} s`}).`;
  } catch (error) {
    note.className = "note bad";
    note.textContent = error.message;
  } finally {
    view.busy.delete(model.name);
    await look();
  }
}

export function show(shown) {
  view.end?.();
  view.end = shown ? repeat(look, LOOK_MS) : null;
}

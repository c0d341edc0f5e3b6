// What both views of the console share: making elements, writing numbers, asking the server.

export const $ = (id) => document.getElementById(id);

// make("p", {class: "x", onclick: f}, "text", child, ...): the only way in which elements are made.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function sized(element, value) {
  element.style.setProperty("--value", String(Math.min(1, Math.max(0, Number(value) || 0))));
  return element;
}

// The server's messages begin in lower case, as a log wants them.
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
export const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
export const count = (value) => (isNumber(value) ? value.toLocaleString("en") : "–");
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

export function percent(value, digits = 0) {
  return isNumber(value) ? `${(value * 100).toFixed(digits).replace(/\.0+$/, "")} %` : "–";
}

// In whatever currency the route file's prices are: a question costs fractions of a cent, a month costs many of them.
export function money(value) {
  if (!isNumber(value)) return "–";
  if (value === 0) return "0";
  if (Math.abs(value) >= 1) return value.toLocaleString("en", {minimumFractionDigits: 2, maximumFractionDigits: 2});
  return value.toLocaleString("en", {maximumSignificantDigits: 3, maximumFractionDigits: 20});
}

export function milliseconds(value) {
  if (!isNumber(value)) return "–";
  if (value >= 10000) return `${(value / 1000).toFixed(0)} s`;
  if (value >= 1000) return `${(value / 1000).toFixed(1)} s`;
  return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ms`;
}

export function duration(seconds) {
  if (!isNumber(seconds)) return "–";
  const minutes = Math.floor(seconds / 60), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
  if (days) return `${days} d ${hours % 24} h`;
  if (hours) return `${hours} h ${minutes % 60} min`;
  return minutes ? `${minutes} min` : `${Math.floor(seconds)} s`;
}

// The JSON of a reply; an Error with the server's own words otherwise. A body makes it a POST.
export async function askJson(path, body) {
  const options = body === undefined ? {cache: "no-store"}
    : {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)};
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The server cannot be reached.");
  }
  const reply = await response.json().catch(() => null);
  if (response.ok && reply) return reply;
  const said = reply?.error?.message;
  throw new Error(typeof said === "string" ? sentence(said) : `The server replied with status ${response.status}.`);
}

// What the views of the console share: making elements, writing numbers, asking the server.

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

// A script or sheet of this server that the page was not read with; done once it is in force.
export const loadPart = (tag, attributes) => new Promise((resolve, reject) => {
  const element = make(tag, {...attributes, onload: resolve, onerror: () => {
    element.remove();
    reject(new Error("The server cannot be reached."));
  }});
  document.head.append(element);
});

export function sized(element, value) {
  element.style.setProperty("--value", String(Math.min(1, Math.max(0, Number(value) || 0))));
  return element;
}

// The server's messages begin in lower case, as a log wants them; a name at their beginning stays as it is.
export const sentence = (text) => (/^[a-z]+[ ,]/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text);
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

export function bytes(value) {
  if (!isNumber(value)) return "–";
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) { value /= 1000; unit += 1; }
  return `${value >= 100 || unit === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}

// Hours and minutes as people here write them, with seconds where moments count.
const CLOCKS = [false, true].map((seconds) => new Intl.DateTimeFormat("en-GB", {hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined}));
export const clock = (milliseconds, seconds = false) => CLOCKS[Number(seconds)].format(new Date(milliseconds));

// What the server says is wrong, in any of its families of errors; "" where it says nothing.
export function saidBy(body) {
  const error = body?.error ?? body?.message;
  const said = typeof error === "object" ? error?.message : error;
  return typeof said === "string" ? said : "";
}

// The reply to a request; an Error with the server's own words where it is refused. A body makes it a POST.
export async function send(path, body, signal) {
  const options = body === undefined ? {cache: "no-store", signal}
    : {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body), signal};
  const response = await fetch(path, options).catch((error) => {
    throw error.name === "AbortError" ? error : new Error("The server cannot be reached.");
  });
  if (response.ok) return response;
  const said = saidBy(await response.json().catch(() => null));
  throw new Error(said ? sentence(said) : `The server replied with status ${response.status}.`);
}

// The same of one that is answered in JSON: {reply, headers, ms}.
export async function call(path, body, signal) {
  const started = performance.now();
  const response = await send(path, body, signal);
  const reply = await response.json().catch((error) => {
    throw error.name === "AbortError" ? error : new Error("The answer is not the JSON that it says it is.");
  });
  return {reply, headers: response.headers, ms: performance.now() - started};
}

export const askJson = (path, body) => call(path, body).then(({reply}) => reply);

// Runs `task` now and again every so many milliseconds, while the page is seen. -> a function that ends that.
export function repeat(task, every) {
  task();
  const timer = setInterval(() => { if (!document.hidden) task(); }, every);
  return () => clearInterval(timer);
}

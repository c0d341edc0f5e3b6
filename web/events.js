// Answers that come piece by piece, and what may be wrong with an answer, in words for people.

import {saidBy} from "./page.js";

export class Trouble extends Error {
  constructor(title, message, mend, retryAfterSeconds = 0) {
    super(message);
    Object.assign(this, {title, mend, retryAfterSeconds});
  }
}

export function troubleFromStatus(response, body) {
  const said = saidBy(body);
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

// timeLimitMs: the answer was given up after that time.
export function troubleFromException(error, timeLimitMs = 0) {
  if (error instanceof Trouble) return error;
  if (timeLimitMs) {
    return new Trouble("No answer in time", `Nothing came for ${timeLimitMs / 1000} seconds.`, "Ask again, or look at the server's log.");
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
export async function readEvents(stream, onEvent) {
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

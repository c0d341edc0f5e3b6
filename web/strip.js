// The last minute of requests in time: each is a bar from when it came to when it was answered, beside others in lanes.

import {make, milliseconds, plural} from "./page.js";

const SPAN_MS = 60000, STEP_MS = 10000;
const LANES = 6, LANE = 8, GAP = 3; // pixels
const LEAST = 3;                    // pixels of a request that took no time to speak of

const SVG = "http://www.w3.org/2000/svg";

function shape(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

const toneOf = (one) => (one.status >= 400 ? "bad" : one.model === null ? "rest" : "compute");

// `now`: in the server's time, at the right edge.
export function drawStrip(figure, requests, now) {
  const width = Math.round(figure.clientWidth), height = LANES * (LANE + GAP);
  if (width < 120) return;
  const at = (time) => width * (1 - (now - time) / SPAN_MS);
  const shown = requests.filter((one) => one.ended_ms > now - SPAN_MS);
  const svg = shape("svg", {width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `${plural(shown.length, "request")} in the last minute`});
  for (let ago = 0; ago <= SPAN_MS; ago += STEP_MS) {
    const x = Math.min(width - 0.5, Math.max(0.5, at(now - ago)));
    svg.append(shape("line", {class: "grid", x1: x, x2: x, y1: 0, y2: height}));
  }
  const ends = new Array(LANES).fill(-Infinity); // where the last bar of each lane ends
  for (const one of shown) {
    const to = at(one.ended_ms), from = Math.max(0, Math.min(at(one.ended_ms - one.ms), to - LEAST));
    const free = ends.findIndex((end) => end + 1 <= from);
    const lane = free >= 0 ? free : ends.indexOf(Math.min(...ends));
    ends[lane] = Math.max(ends[lane], to);
    svg.append(shape("rect", {class: `bar ${toneOf(one)}`, x: from, y: lane * (LANE + GAP) + 1, width: Math.max(LEAST, to - from), height: LANE, rx: 2},
      shape("title", {}, `${one.method} ${one.path}, ${milliseconds(one.ms)}, ${one.status}`)));
  }
  figure.replaceChildren(svg, make("figcaption", {"aria-hidden": "true"}, make("span", {}, "a minute ago"), make("span", {}, "now")));
}

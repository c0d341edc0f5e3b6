// Line charts in SVG: a line that may have gaps, a band around it, bars below it, marked points. Colours are in
// learning.css. Each has its title and summary for those who do not see it, and its numbers as a table.
//
//   drawChart(figure, {title, summary, x: axis, y: axis, lines: [[{x, y}, ...]], band, bars, mark, points, table});
//   axis: {min, max, ticks: [...], format, label}

import {make} from "./page.js";

const MARGIN = {left: 48, right: 16, top: 12, bottom: 42};
const BARS = 34; // pixels at the foot, where there are bars

function shape(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

// Round numbers that cover min to max, about so many: 1, 2 or 5 times a power of ten apart.
export function niceTicks(min, max, wanted = 4) {
  const rough = (max - min) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((candidate) => candidate >= rough * 0.999);
  const first = Math.floor(min / step + 1e-9), last = Math.ceil(max / step - 1e-9);
  return Array.from({length: last - first + 1}, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

// Writes ticks with as many decimals as they need to differ.
export function evenly(ticks) {
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : 1;
  const decimals = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  return (value) => value.toLocaleString("en", {minimumFractionDigits: decimals, maximumFractionDigits: decimals});
}

const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

function plot(chart, width, height) {
  const {x, y, lines, band, bars, mark} = chart;
  const right = width - MARGIN.right, foot = height - MARGIN.bottom, bottom = foot - (bars ? BARS + 8 : 0);
  const atX = (value) => MARGIN.left + (right - MARGIN.left) * (value - x.min) / (x.max - x.min || 1);
  const atY = (value) => bottom - (bottom - MARGIN.top) * (value - y.min) / (y.max - y.min || 1);
  const id = chart.id;
  const svg = shape("svg", {viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-labelledby": `${id}-title ${id}-desc`},
    shape("title", {id: `${id}-title`}, chart.title), shape("desc", {id: `${id}-desc`}, chart.summary));
  for (const tick of y.ticks) {
    svg.append(shape("line", {class: "grid", x1: MARGIN.left, x2: right, y1: atY(tick), y2: atY(tick)}),
               shape("text", {class: "tick", x: MARGIN.left - 8, y: atY(tick) + 4, "text-anchor": "end"}, y.format(tick)));
  }
  const room = Math.max(1, Math.floor((right - MARGIN.left) / 70)); // labels that fit beside each other
  const every = Math.ceil(x.ticks.length / room);
  x.ticks.forEach((tick, i) => {
    if (i % every) return;
    const at = atX(tick);
    if (at < MARGIN.left - 1 || at > right + 1) return;
    svg.append(shape("text", {class: "tick", x: at, y: foot + 18, "text-anchor": at > right - 24 ? "end" : "middle"}, x.format(tick)));
  });
  if (x.label) svg.append(shape("text", {class: "tick", x: (MARGIN.left + right) / 2, y: height - 4, "text-anchor": "middle"}, x.label));
  if (bars) {
    const most = Math.max(1, ...bars.map((bar) => bar.value));
    for (const bar of bars) {
      const from = atX(bar.x), to = Math.max(from + 1.5, atX(bar.x + bar.width) - 1), tall = Math.max(1, BARS * bar.value / most);
      svg.append(shape("rect", {class: "bar", x: from, y: foot - tall, width: Math.max(1, Math.min(to, right) - from), height: tall}));
    }
    svg.append(shape("line", {class: "axis", x1: MARGIN.left, x2: right, y1: foot, y2: foot}));
  }
  if (band) {
    const there = band.map((point) => [atX(point.x), atY(point.high)]), back = band.map((point) => [atX(point.x), atY(point.low)]).reverse();
    svg.append(shape("path", {class: "band", d: `${path([...there, ...back])}Z`}));
  }
  for (const line of lines) {
    const points = line.map((point) => [atX(point.x), atY(point.y)]);
    if (points.length === 1) svg.append(shape("circle", {class: "dot", cx: points[0][0], cy: points[0][1], r: 2.5}));
    else svg.append(shape("path", {class: "line", d: path(points)}));
  }
  if (mark) {
    const at = atX(mark.x), left = at > width / 2;
    svg.append(shape("circle", {class: "mark", cx: at, cy: atY(mark.y), r: 5.5}),
               shape("text", {class: "mark-label", x: at + (left ? -10 : 10), y: atY(mark.y) + (atY(mark.y) > bottom - 20 ? -10 : 18),
                              "text-anchor": left ? "end" : "start"}, mark.label));
  }
  return {svg, atX, guide: shape("line", {class: "guide", x1: 0, x2: 0, y1: MARGIN.top, y2: foot, visibility: "hidden"})};
}

// What is under the pointer is told above the chart; without a pointer, its summary.
function followPointer(chart, {svg, atX, guide}, readout) {
  svg.append(guide);
  svg.addEventListener("pointermove", (event) => {
    const at = event.clientX - svg.getBoundingClientRect().left;
    const nearest = chart.points.reduce((best, point) => (Math.abs(atX(point.x) - at) < Math.abs(atX(best.x) - at) ? point : best));
    for (const end of ["x1", "x2"]) guide.setAttribute(end, atX(nearest.x).toFixed(1));
    guide.setAttribute("visibility", "visible");
    readout.textContent = nearest.text;
  });
  svg.addEventListener("pointerleave", () => {
    guide.setAttribute("visibility", "hidden");
    readout.textContent = chart.summary;
  });
}

export function dataTable(caption, headers, rows) {
  return make("table", {}, make("caption", {}, caption),
    make("thead", {}, make("tr", {}, ...headers.map((header) => make("th", {scope: "col"}, header)))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((cell) => make("td", {}, cell))))));
}

const drawn = new WeakMap(); // figure: what it shows, to be drawn again in another width

function redraw(figure) {
  const chart = drawn.get(figure);
  const width = Math.round(figure.clientWidth);
  if (!chart || width < 120) return;
  const made = plot(chart, width, width < 440 ? Math.min(250, chart.height) : chart.height);
  const readout = figure.querySelector(".readout");
  readout.textContent = chart.summary;
  if (chart.points.length) followPointer(chart, made, readout);
  figure.querySelector(".plot").replaceChildren(made.svg);
}

const watch = new ResizeObserver((entries) => { for (const entry of entries) redraw(entry.target); });

export function drawChart(figure, chart) {
  if (!figure.querySelector(".plot")) {
    figure.replaceChildren(make("figcaption", {class: "readout"}), make("div", {class: "plot"}),
      make("details", {class: "numbers"}, make("summary", {}, "As a table"), make("div", {class: "scroll", tabindex: "0"})));
    watch.observe(figure);
  }
  drawn.set(figure, {...chart, id: figure.id});
  redraw(figure);
  figure.querySelector(".numbers .scroll").replaceChildren(dataTable(chart.title, chart.table.headers, chart.table.rows));
}

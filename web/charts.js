// Charts by uPlot (vendor/uplot/), which is loaded when the first is shown. Above each stands what is under the pointer, or
// its summary; below it are its numbers as a table, where no other table has them. Colours are the variables of console.css.
//
//   drawChart(figure, {kind, title, summary, height, x: [from, to], data: [xs, ys, ...], told: [text of each x],
//                      mark: {x, y, label}, table: {headers, rows}},
//             (uPlot) => its options, without what all charts share);
//
// A figure that is drawn again keeps its canvas and takes the new numbers, so that a page may stay open for days; one of
// another `kind` is made anew, with options of its own.

import {loadPart, make} from "./page.js";

const NARROW = 440, NARROW_HEIGHT = 250, LEAST_WIDTH = 120; // pixels

const figures = new Map(); // figure: {chart, options, plot, kind}

// ---------------------------------------------------------------- the library

let library = null;

function load() {
  library ??= Promise.all([loadPart("script", {src: "web/uPlot.iife.min.js"}), loadPart("link", {rel: "stylesheet", href: "web/uPlot.min.css"})])
    .catch((error) => { library = null; throw error; });
  return library;
}

// ---------------------------------------------------------------- what options are made of

// A canvas knows no variables: uPlot asks for the colour whenever it draws.
export const colour = (name) => () => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// The axis at the foot, or one at a side by what it has of `scale`.
export function axis(options) {
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const widest = (plot, values) => 12 + 7.5 * Math.max(0, ...(values ?? []).map((value) => value?.length ?? 0));
  return {stroke: colour("--soft"), font, labelFont: font, labelSize: 18, size: options.scale ? widest : 28, ticks: {show: false}, ...options,
          grid: {stroke: colour("--line"), width: 1, ...options.grid}};
}

// As many digits as the ticks need to differ.
export const plainly = (plot, ticks) => ticks.map((tick) => tick?.toLocaleString("en", {maximumSignificantDigits: 6}));

// ---------------------------------------------------------------- drawing

function tell(figure, plot) {
  const {chart} = figures.get(figure), at = plot?.cursor.idx;
  const text = chart.told[at] ?? chart.summary, readout = figure.querySelector(".readout");
  if (readout.textContent !== text) readout.textContent = text;
}

// Where we are, as an element over the canvas: its colours and letters are the sheet's.
function place(plot, mark) {
  plot.over.querySelector(".mark")?.remove();
  if (!mark) return;
  const left = plot.valToPos(mark.x, "x"), top = plot.valToPos(mark.y, "y");
  const sides = `${left > plot.over.clientWidth / 2 ? " before" : ""}${top > plot.over.clientHeight - 30 ? " above" : ""}`;
  const element = make("div", {class: `mark${sides}`}, make("span", {class: "mark-label"}, mark.label));
  Object.assign(element.style, {left: `${left}px`, top: `${top}px`});
  plot.over.append(element);
}

function begin(figure, size) {
  const one = figures.get(figure), own = one.options(window.uPlot);
  one.kind = one.chart.kind;
  one.plot = new window.uPlot({
    ...own, ...size, padding: [12, null, null, null], legend: {show: false},
    cursor: {y: false, drag: {x: false, y: false}, points: {show: false}},
    scales: {...own.scales, x: {...own.scales.x, range: () => one.chart.x}},
    hooks: {...own.hooks, setCursor: [(plot) => tell(figure, plot)], draw: [(plot) => place(plot, one.chart.mark)]},
  }, one.chart.data, figure.querySelector(".plot"));
}

function draw(figure) {
  const one = figures.get(figure), width = Math.round(figure.clientWidth);
  if (!window.uPlot || width < LEAST_WIDTH) return; // drawn when it is seen
  const size = {width, height: width < NARROW ? Math.min(NARROW_HEIGHT, one.chart.height) : one.chart.height};
  if (one.plot && one.kind !== one.chart.kind) {
    one.plot.destroy();
    one.plot = null;
  }
  if (!one.plot) return begin(figure, size);
  if (one.plot.width !== size.width || one.plot.height !== size.height) one.plot.setSize(size);
  one.plot.setData(one.chart.data);
}

const widths = new ResizeObserver((entries) => { for (const {target} of entries) draw(target); });

const themes = new MutationObserver(() => { for (const {plot} of figures.values()) plot?.redraw(false); });
themes.observe(document.documentElement, {attributeFilter: ["data-theme"]});

function dataTable(caption, {headers, rows}) {
  return make("table", {}, make("caption", {}, caption),
    make("thead", {}, make("tr", {}, ...headers.map((header) => make("th", {scope: "col"}, header)))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((cell) => make("td", {}, cell))))));
}

export function drawChart(figure, chart, options) {
  if (!figures.has(figure)) {
    figures.set(figure, {plot: null});
    figure.replaceChildren(make("figcaption", {class: "readout"}), make("div", {class: "plot", role: "img"}));
    if (chart.table) {
      figure.append(make("details", {class: "numbers"}, make("summary", {}, "As a table"), make("div", {class: "scroll", tabindex: "0"})));
    }
    widths.observe(figure);
  }
  const one = Object.assign(figures.get(figure), {chart, options});
  tell(figure, one.plot);
  figure.querySelector(".plot").setAttribute("aria-label", `${chart.title}. ${chart.summary}`);
  if (chart.table) figure.querySelector(".numbers .scroll").replaceChildren(dataTable(chart.title, chart.table));
  load().then(() => draw(figure), () => {}); // the header says that the server is away; the numbers are there
}

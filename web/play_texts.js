// The tasks of the playground that read texts: embed and compare, classify, tag, re-rank.

import {isNumber, make, percent, plural} from "./page.js";
import {area, bars, field, linesOf, share} from "./play_frame.js";

const MOST_COMPARED = 16; // texts whose matrix can still be read
const MOST_LABELS = 12;

function texts(control, least, most) {
  const lines = linesOf(control);
  if (lines.length < least) throw new Error(`Write at least ${plural(least, "text")}, one a line.`);
  if (lines.length > most) throw new Error(`At most ${most} texts have room here.`);
  return lines;
}

// ---------------------------------------------------------------- embed and compare

const toCompare = area("where is my parcel?\nmy order has not arrived yet\ncan I get a refund?\nI want my money back\nare you open on Saturdays?", 7);

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const cosine = (a, b) => dot(a, b) / (Math.sqrt(dot(a, a) * dot(b, b)) || 1);
// Of two lists of token vectors: how near each token of one has one of the other, on average, both ways.
const nearest = (a, b) => a.reduce((sum, row) => sum + Math.max(...b.map((other) => cosine(row, other))), 0) / a.length;
const likeness = (a, b) => (Array.isArray(a[0]) ? (nearest(a, b) + nearest(b, a)) / 2 : cosine(a, b));

function matrix(lines, vectors) {
  const cell = (row, column) => {
    const value = likeness(vectors[row], vectors[column]);
    const element = make("td", {class: row === column ? "self" : value > 0.7 ? "high" : "", title: `${lines[row]} — ${lines[column]}`}, row === column ? "1" : value.toFixed(2));
    element.style.setProperty("--value", String(Math.max(0, value) ** 1.4));
    return element;
  };
  return make("div", {class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Similarity of each text to each other"},
    make("table", {class: "heat"},
      make("thead", {}, make("tr", {}, make("td"), ...lines.map((line, i) => make("th", {scope: "col", title: line}, String(i + 1))))),
      make("tbody", {}, ...lines.map((line, row) => make("tr", {},
        make("th", {scope: "row", title: line}, make("b", {}, String(row + 1)), ` ${line}`),
        ...lines.map((_, column) => cell(row, column)))))));
}

function closest(lines, vectors) {
  let best = {value: -2};
  lines.forEach((_, a) => lines.slice(0, a).forEach((__, b) => {
    const value = likeness(vectors[a], vectors[b]);
    if (value > best.value) best = {value, a, b};
  }));
  return `Closest are ${best.b + 1} and ${best.a + 1}, with ${best.value.toFixed(2)}.`;
}

export const embed = {
  id: "embed", name: "Embed and compare",
  lead: "Each text becomes a vector; the matrix has the cosine of each two, 1 where they mean the same.",
  empty: "How near the texts are to each other will stand here.",
  none: "No model here embeds. Serve one with “bantam serve --model all-MiniLM-L6-v2”, or load one of the store under Models.",
  can: (model) => model.does("embed"),
  fields: () => [field("Texts, one a line", toCompare)],
  request: (model) => ({path: "v1/embeddings", body: {model: model.id, input: texts(toCompare, 2, MOST_COMPARED)}}),
  show(reply, {input: lines}) {
    const vectors = reply.data.map((one) => one.embedding ?? one.embeddings);
    const size = Array.isArray(vectors[0][0]) ? "a vector for each token" : `${vectors[0].length} numbers each`;
    return [make("p", {class: "play-headline"}, closest(lines, vectors)), matrix(lines, vectors), make("p", {class: "quiet"}, `${plural(vectors.length, "text")}, ${size}.`)];
  },
};

// ---------------------------------------------------------------- classify

const toClassify = area("I was charged twice for my March invoice and nobody answers my mails.", 4);
const ownLabels = make("input", {type: "text", spellcheck: "false", autocomplete: "off"});
const ownLabelsField = field("Labels of your own, with commas between", ownLabels, "Only for models of natural-language inference; leave it empty to get the model's labels.");

export const classify = {
  id: "classify", name: "Classify",
  lead: "The labels of a text, each with its score. The assistant's labels are its routes.",
  empty: "The labels will stand here, likeliest first.",
  none: "No model here classifies. Serve a classifier with “bantam serve --model NAME”, or an assistant with “bantam serve -c FILE”.",
  can: (model) => model.does("classify"),
  modelIs: (model) => { ownLabelsField.hidden = model.assistant; },
  fields: () => [field("Text", toClassify), ownLabelsField],
  request(model) {
    const input = toClassify.value.trim();
    if (!input) throw new Error("Write a text.");
    const labels = ownLabels.value.split(",").map((label) => label.trim()).filter(Boolean);
    return {path: "v1/classify", body: {model: model.id, input, ...(labels.length && !model.assistant ? {candidate_labels: labels} : {})}};
  },
  show(reply) {
    const [found] = reply.data;
    const ranking = found.ranking.map((one) => ({name: one.label, score: one.score ?? one.probability})).slice(0, MOST_LABELS);
    const most = Math.max(1, ...ranking.map((one) => one.score)); // raw scores may be larger
    const accepted = found.accepted === undefined ? null
      : found.accepted ? "Sure enough: the assistant would act on it." : `Not sure enough: it needs ${isNumber(found.threshold) ? percent(found.threshold) : "more than any confidence"}.`;
    return [
      make("p", {class: "play-headline"}, found.label ?? "none of them"),
      bars(ranking.map((one, i) => ({name: one.name, share: one.score / most, text: most > 1 ? one.score.toFixed(2) : share(one.score), strong: i === 0}))),
      found.ranking.length > MOST_LABELS ? make("p", {class: "quiet"}, `and ${found.ranking.length - MOST_LABELS} more labels`) : null,
      accepted ? make("p", {class: "quiet"}, accepted) : null,
    ];
  },
};

// ---------------------------------------------------------------- tag

const toTag = area("Anna Schmidt flew from Hamburg to Lisbon on Tuesday to meet the board of Siemens.", 4);
const TONES = 6; // colours of labels, in playground.css

// Offsets count code points, of which a JavaScript string may need two units for one.
function highlighted(text, entities, toneOf) {
  const points = Array.from(text);
  const parts = [];
  let at = 0;
  for (const entity of [...entities].sort((a, b) => a.start - b.start)) {
    if (entity.start < at) continue;
    parts.push(points.slice(at, entity.start).join(""),
      make("mark", {class: `tone-${toneOf(entity.entity_group)}`, title: `${entity.entity_group}, ${percent(entity.score, 1)}`},
        points.slice(entity.start, entity.end).join(""), make("span", {class: "mark-label"}, entity.entity_group)));
    at = entity.end;
  }
  return make("p", {class: "tagged"}, ...parts, points.slice(at).join(""));
}

export const tag = {
  id: "tag", name: "Tag",
  lead: "Names, slots, parts of speech: whatever the model was taught to find, marked where it stands.",
  empty: "The text will stand here with its labels.",
  none: "No model here tags. Serve one that was trained to with “bantam serve --model NAME”.",
  can: (model) => model.does("tag"),
  fields: () => [field("Text", toTag)],
  request(model) {
    if (!toTag.value.trim()) throw new Error("Write a text.");
    return {path: "v1/tag", body: {model: model.id, input: toTag.value}};
  },
  show(reply, {input}) {
    const {entities} = reply.data[0];
    const labels = [...new Set(entities.map((entity) => entity.entity_group))].sort();
    const toneOf = (label) => labels.indexOf(label) % TONES;
    return [
      highlighted(input, entities, toneOf),
      make("p", {class: "quiet"}, entities.length ? `${plural(entities.length, "span")}, surest: ${percent(Math.max(...entities.map((one) => one.score)), 1)}.` : "Nothing found in this text."),
    ];
  },
};

// ---------------------------------------------------------------- re-rank

const query = make("input", {type: "text", value: "how long does a refund take?", autocomplete: "off"});
const documents = area("Refunds are paid within five working days.\nOur desk is open from nine to five.\nParcels are handed to the carrier the same day.\nMoney goes back to the card that paid.", 6);

export const rerank = {
  id: "rerank", name: "Re-rank",
  lead: "A cross-encoder reads query and document together, and says how well each answers.",
  empty: "The documents will stand here, best first.",
  none: "No model here ranks. Serve a cross-encoder with “bantam serve --model NAME”.",
  can: (model) => model.does("rerank"),
  fields: () => [field("Query", query), field("Documents, one a line", documents)],
  request(model) {
    if (!query.value.trim()) throw new Error("Write a query.");
    return {path: "v1/rerank", body: {model: model.id, query: query.value.trim(), documents: texts(documents, 1, 200)}};
  },
  show(reply, {documents: lines}) {
    const scores = reply.results.map((one) => one.relevance_score);
    const low = Math.min(0, ...scores), span = Math.max(1, ...scores) - low;
    return make("ol", {class: "ranked"}, ...reply.results.map((one) => make("li", {},
      make("span", {class: "ranked-text"}, lines[one.index]),
      bars([{name: `document ${one.index + 1}`, share: (one.relevance_score - low) / span, text: one.relevance_score.toFixed(3)}]))));
  },
};

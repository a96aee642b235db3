// The timeline itself, drawn by Plotly: per lane either single slices or utilisation per pixel column, never both.
import { PARTS } from "./bins.js";
import { CAUSES, categoryOf, textOn } from "./categories.js";
import { cut, duration, moment, plotlyText } from "./format.js";

export const CHAR = 6.5; // pixels that a character takes
const MIN_TEXT = 34, MAX_TEXTS = 500;

/** Whole-ns edges of `number` pixel columns over [t0, t1). */
export function columnEdges(t0, t1, number) {
  const edges = new Float64Array(number + 1);
  for (let k = 0; k <= number; k++) edges[k] = t0 + Math.round((k * (t1 - t0)) / number);
  return edges;
}

/** How a lane is drawn in a view: "slices", "columns" or, in a shortened page, "bins". */
export function detailOf(store, track, lane, t0, t1, width) {
  if (track.bins && !store.inDetail(t0, t1)) return "bins";
  const [from, to] = track.range(lane, t0, t1);
  return to - from > width / 2 ? "columns" : "slices";
}

/** {edges, columns} of a lane: edges in ns, columns a Map of category to the ns covered in each. */
export function laneColumns(store, track, lane, t0, t1, width) {
  if (!track.bins || store.inDetail(t0, t1)) {
    const edges = columnEdges(t0, t1, Math.max(1, Math.min(width, t1 - t0)));
    return { edges, columns: track.columns(lane, edges) };
  }
  let { binNs, bins } = store.meta.reduced;
  for (let level = 0; level < track.finer && binNs > (t1 - t0) / width; level++) {
    binNs /= PARTS;
    bins *= PARTS;
  }
  const first = Math.max(0, Math.floor(t0 / binNs)), last = Math.min(bins, Math.ceil(t1 / binNs));
  const step = Math.max(1, Math.ceil((last - first) / width));
  const numbers = [];
  for (let k = first; k < last; k += step) numbers.push(k);
  numbers.push(last);
  const edges = numbers.map((k) => k * binNs);
  return { edges, columns: track.binColumns(lane, edges) };
}

class Shapes {
  constructor(store, t0, t1, width) {
    this.store = store;
    this.t0 = t0;
    this.t1 = t1;
    this.width = width;
    this.pixel = (t1 - t0) / width;
    this.byCategory = new Map();
    /** @type {{x: number[], y: number[], text: string[], color: string[]}} */
    this.texts = { x: [], y: [], text: [], color: [] };
  }

  /** Where a category's corners in a row (known by its height) go; another lane begins a new outline. */
  points(category, row) {
    if (!this.byCategory.has(category.key)) this.byCategory.set(category.key, { category, x: [], y: [], row });
    const corners = this.byCategory.get(category.key);
    if (corners.row !== row) {
      corners.x.push(null);
      corners.y.push(null);
      corners.row = row;
    }
    return corners;
  }

  category(track, cat) {
    return categoryOf(track.kind, cat, this.store.meta.palette);
  }

  /** Pixels from the left edge in quarters: short numbers make short paths, and those are quick to draw. */
  px(t) {
    return Math.round((4 * (t - this.t0)) / this.pixel) / 4;
  }

  slices({ track, lane, y, height }) {
    const [from, to] = track.range(lane, this.t0, this.t1);
    for (let i = from; i < to; i++) {
      const a = Math.max(this.px(track.start[i]), -10);
      let b = Math.min(this.px(track.end(i)), this.width + 10);
      const wide = b - a > 4;
      if (wide) b -= 0.75; // a hair of background between neighbours
      else if (b - a < 1) b = a + 1; // what is there must be seen
      const category = this.category(track, track.shown[i]);
      // One outline per lane, along its floor from slice to slice: Plotly's time goes by outlines, not by corners.
      const { x, y: ys } = this.points(category, y);
      x.push(a, a, b, b);
      ys.push(y + height, y, y, y + height);
      if (wide) this.text(track, i, Math.max(a, 0), Math.min(b, this.width), y + height / 2, category);
    }
  }

  text(track, i, a, b, y, category) {
    const width = b - a;
    if (width < MIN_TEXT || this.texts.x.length >= MAX_TEXTS) return;
    const room = Math.floor((width - 6) / CHAR);
    const text = track.kind === "gaps" ? gapLabel(track, i, room) : cut(this.store.shortName(track, i), room);
    if (!text) return;
    this.texts.x.push((a + b) / 2);
    this.texts.y.push(y);
    this.texts.text.push(plotlyText(text));
    this.texts.color.push(category.color.length > 7 ? "#6b7480" : textOn(category.color));
  }

  columns({ track, lane, y, height }) {
    const { edges, columns } = laneColumns(this.store, track, lane, this.t0, this.t1, this.width);
    const floor = new Float64Array(edges.length - 1).fill(y + height);
    for (const [cat, covered] of columns) this.area(this.category(track, cat), edges, covered, floor, height, y);
  }

  /** Stack one category on what lies below it: one outline there and back, of no height from run to run. */
  area(category, edges, covered, floor, height, row) {
    const { x, y } = this.points(category, row);
    const top = [], bottom = [];
    for (let k = 0; k < covered.length; k++) {
      if (!covered[k]) continue;
      const from = this.px(edges[k]), to = this.px(edges[k + 1]), below = floor[k];
      // A pixel is the finest that shows; equal neighbours then become one step.
      floor[k] -= Math.max(Math.round((covered[k] / (edges[k + 1] - edges[k])) * height), 0.5);
      if (!covered[k - 1]) addStep(top, from, from, below);
      addStep(top, from, to, floor[k]);
      addStep(bottom, from, to, below);
      if (!covered[k + 1]) addStep(top, to, to, below);
    }
    for (const [from, to, level] of top) {
      x.push(from, to);
      y.push(level, level);
    }
    for (const [from, to, level] of bottom.reverse()) {
      x.push(to, from);
      y.push(level, level);
    }
  }

  /** @returns {object[]} */
  traces() {
    /** @type {object[]} */
    const filled = [...this.byCategory.values()].map(({ category, x, y }) => fillTrace(category, x, y));
    const { x, y, text, color } = this.texts;
    if (text.length) {
      filled.push({ type: "scatter", mode: "text", x, y, text, hoverinfo: "skip", textfont: { size: 11, color } });
    }
    return filled;
  }
}

/** Append [from, to) at a level to steps that touch; of an equal level it lengthens the last one. */
function addStep(steps, from, to, level) {
  const last = steps.at(-1);
  if (last && last[2] === level) last[1] = to;
  else steps.push([from, to, level]);
}

/** As much as fits into a number of characters; a length is never cut, for it would read as another one. */
function gapLabel(track, i, room) {
  const length = duration(track.dur[i]), whole = `${length} ${CAUSES[track.cat[i]].key}`;
  return [whole, length].find((text) => text.length <= room) ?? "";
}

export function fillTrace(category, x, y) {
  const trace = {
    type: "scatter", mode: "none", fill: "toself", x, y, hoverinfo: "skip", name: category.label,
    fillcolor: category.color, connectgaps: false, line: { simplify: false },
  };
  if (category.hatch) {
    trace.fillpattern = { shape: category.hatch, bgcolor: category.color, fgcolor: "rgba(255,255,255,0.55)", size: 6, solidity: 0.25 };
  }
  return trace;
}

/** Round steps for about `wanted` marks over a span, ns. */
export function tickStep(span, wanted) {
  const rough = span / wanted, scale = 10 ** Math.floor(Math.log10(rough));
  return Math.max(1, [1, 2, 5, 10].map((m) => m * scale).find((step) => step >= rough) ?? 10 * scale);
}

/**
 * Marks [[t, text]]: from the left edge on, each as the distance from it; the left edge's own time is the ruler's.
 * @returns {[number, string][]}
 */
export function ticks(t0, t1, width) {
  const step = tickStep(t1 - t0, Math.max(2, width / 110));
  /** @type {[number, string]} */
  const unit = step >= 1e9 ? [1e9, "s"] : step >= 1e6 ? [1e6, "ms"] : step >= 1e3 ? [1e3, "us"] : [1, "ns"];
  /** @type {[number, string][]} */
  const labels = [];
  for (let k = 1; k * step < t1 - t0; k++) {
    const value = (k * step) / unit[0];
    labels.push([k * step, `+${Number(value.toPrecision(12)).toLocaleString("en-US")} ${unit[1]}`]);
  }
  return labels;
}

/** {traces, layout} of the view for Plotly; x and y are pixels from the top left. */
export function timelineFigure(store, rows, view, size, colors) {
  const { t0, t1 } = view;
  const width = Math.max(50, Math.floor(size.width));
  const shapes = new Shapes(store, t0, t1, width);
  for (const box of rows.boxes(size.top, size.bottom)) {
    const how = detailOf(store, box.track, box.lane, t0, t1, width);
    if (how === "slices") shapes.slices(box);
    else shapes.columns(box);
  }
  marks(shapes, rows, size, "untraced", "#101418", () => store.meta.untraced);
  marks(shapes, rows, size, "held", "#c4320a", (device) => store.meta.held[device]?.spans ?? []);
  const labelled = ticks(t0, t1, size.width);
  const traces = [lines(rows, width, colors), ...outside(shapes, rows.height, colors), ...shapes.traces()];
  const layout = {
    width, height: Math.max(rows.height, 40), margin: { l: 0, r: 0, t: 0, b: 0 }, showlegend: false,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: false, font: { family: "inherit" },
    xaxis: { range: [0, width], fixedrange: true, zeroline: false, showticklabels: false, ticks: "",
      tickmode: "array", tickvals: labelled.map(([t]) => (t / (t1 - t0)) * width), ticktext: labelled.map(([, text]) => text), gridcolor: colors.grid },
    yaxis: { range: [Math.max(rows.height, 40), 0], fixedrange: true, visible: false },
  };
  return { traces, layout };
}

/** A thin mark under the gaps: where nsys saw nothing, and where launched work was held. */
function marks(shapes, rows, size, what, color, spansOf) {
  for (const { track, y, height } of rows.boxes(size.top, size.bottom)) {
    if (track.kind !== "gaps") continue;
    const { x, y: ys } = shapes.points({ key: `${what}-mark`, label: what, color, hatch: "" }, y);
    for (const [from, to] of spansOf(track.device)) {
      if (to <= shapes.t0 || from >= shapes.t1) continue;
      const a = shapes.px(Math.max(from, shapes.t0)), b = shapes.px(Math.min(to, shapes.t1));
      x.push(a, a, b, b);
      ys.push(y + height, y + height - 2, y + height - 2, y + height);
    }
  }
}

function lines(rows, width, colors) {
  const x = [], y = [];
  for (const row of rows.visible) {
    if (!row.group) continue;
    x.push(0, width, null);
    y.push(row.y, row.y, null);
  }
  return { type: "scatter", mode: "lines", x, y, line: { color: colors.line, width: 1 }, hoverinfo: "skip" };
}

/** Shade what a selection left out. */
function outside(shapes, height, colors) {
  const { selection } = shapes.store.meta, x = [], y = [];
  if (!selection) return [];
  let from = -Infinity;
  for (const [start, end] of [...selection, [Infinity, Infinity]]) {
    const a = shapes.px(Math.max(from, shapes.t0)), b = shapes.px(Math.min(start, shapes.t1));
    if (b > a) {
      x.push(a, a, b, b, null);
      y.push(0, height, height, 0, null);
    }
    from = end;
  }
  return x.length ? [fillTrace({ label: "not selected", color: colors.shade }, x, y)] : [];
}

/** The ruler's text for the left edge. */
export function edgeText(store, t0) {
  return moment(store.stored(t0));
}

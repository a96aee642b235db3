// The flame graph of the idle time in view: callers above callees, width is idle time, colour whose code it is.
import { CAUSES, named } from "./categories.js";
import { duration, element, percent } from "./format.js";
import { NOT_SAMPLED } from "./lines.js";

const LEAST_SHARE = 0.002, ROW = 20;

export class Icicle {
  /** Puts the panel before an element of the page. */
  constructor(below, store) {
    Object.assign(this, { store, lines: store.lines, zoomed: 0, view: [0, 0] });
    this.box = element("div", { class: "icicle-plot" });
    this.note = element("span", { class: "icicle-note", role: "status" });
    this.part = element("select");
    this.reset = element("button", { type: "button", hidden: true }, "Whole tree");
    const head = element("div", { class: "panel-head" }, element("h2", {}, "Which line kept the GPU idle"), this.note, element("label", {}, "of ", this.part), this.reset);
    below.before(element("section", { class: "panel", id: "lines", "aria-label": "Lines of the program while the GPU was idle" }, head, this.box, this.key()));
    const held = CAUSES.map((cause, k) => [k, cause]).filter(([k]) => this.lines.pieces.part.includes(k));
    this.part.replaceChildren(element("option", { value: "-1" }, "all idle time"), ...held.map(([k, cause]) => element("option", { value: String(k) }, named(cause))));
    this.part.addEventListener("change", () => this.draw());
    this.reset.addEventListener("click", () => this.zoom(0));
  }

  key() {
    const present = new Set(this.lines.frames.map((frame) => frame[4]));
    const kinds = Object.entries(this.lines.kinds).filter(([kind]) => present.has(kind));
    return element("p", { class: "key" }, ...kinds.map(([, [color, name]]) => element("span", {}, swatch(color), name)));
  }

  /** Show the idle time of a window. */
  show(from, until) {
    if (this.view[0] === from && this.view[1] === until) return;
    this.view = [from, until];
    this.draw();
  }

  zoom(node) {
    this.zoomed = node;
    this.draw();
  }

  draw() {
    const [from, until] = this.view;
    const devices = this.store.gapTracks.map((track) => track.device);
    this.sums = this.lines.sums(devices, from, until, Number(this.part.value));
    if (this.zoomed && !this.sums.total[this.zoomed]) this.zoomed = 0;
    this.reset.hidden = !this.zoomed;
    const { whole, missing } = this.sums;
    const shown = this.store.inDetail(from, until) ? "" : ", of the gaps that are here one by one";
    this.note.textContent = whole ? `${duration(whole)} in view${shown}, ${percent(missing, whole)} not sampled` : "No idle time in view.";
    this.box.replaceChildren(...this.bars());
  }

  /** Every node wide enough to be seen, as an element at its place. */
  bars() {
    const { total, whole, missing } = this.sums, { parent } = this.lines.tree;
    const width = this.zoomed ? total[this.zoomed] : whole;
    if (!width) return [];
    const callees = new Map();
    for (let node = 1; node <= parent.length; node++) {
      if (total[node] < LEAST_SHARE * width) continue;
      const above = parent[node - 1];
      if (!callees.has(above)) callees.set(above, []);
      callees.get(above).push(node);
    }
    const bars = [], path = [];
    for (let node = this.zoomed; node; node = parent[node - 1]) path.unshift(node);
    path.forEach((node, depth) => bars.push(this.bar(node, 0, 1, depth)));
    let deepest = path.length;
    const below = (node, left, depth) => {
      for (const one of callees.get(node) ?? []) {
        const share = total[one] / width;
        bars.push(this.bar(one, left, share, depth));
        deepest = Math.max(deepest, depth + 1);
        below(one, left, depth + 1);
        left += share;
      }
      return left;
    };
    const left = below(this.zoomed, 0, path.length);
    if (!this.zoomed && missing >= LEAST_SHARE * width) bars.push(this.bar(0, left, missing / width, 0));
    this.box.style.height = `${Math.max(1, deepest) * ROW}px`;
    return bars;
  }

  bar(node, left, share, depth) {
    const [name, short, file, line, kind] = node ? this.lines.frames[this.lines.tree.frame[node - 1] - 1] : [NOT_SAMPLED, "", "", 0, null];
    const { total, own, whole, missing } = this.sums;
    const place = line ? `${short}:${line}` : short;
    const time = node ? `${duration(total[node])}, ${percent(total[node], whole)} of the idle time in view; ${duration(own[node])} in itself` : duration(missing);
    const made = element("button", { type: "button", class: "icicle-bar", title: `${name}\n${file}${line ? `:${line}` : ""}\n${time}` }, `${name} ${place}`.trim());
    made.style.left = `${100 * left}%`;
    made.style.width = `${100 * share}%`;
    made.style.top = `${depth * ROW}px`;
    made.style.background = this.lines.kinds[kind]?.[0] ?? "#c8c8c8";
    made.addEventListener("click", () => this.zoom(node === this.zoomed ? 0 : node));
    return made;
  }
}

function swatch(color) {
  const made = element("span", { class: "swatch" });
  made.style.background = color;
  return made;
}

// The flame graph of the idle time in view: callers above callees, width is idle time, colour whose code it is.
import { CAUSES, named } from "./categories.js";
import { FlameGraph } from "./flame.js";
import { duration, element, percent } from "./format.js";
import { NOT_SAMPLED } from "./lines.js";

export class Icicle {
  /** Puts the panel before an element of the page. */
  constructor(below, store) {
    this.store = store;
    this.lines = store.lines;
    this.view = [0, 0];
    this.box = element("div", { class: "icicle-plot" });
    this.note = element("span", { class: "icicle-note", role: "status" });
    this.part = element("select");
    this.reset = element("button", { type: "button", hidden: true }, "Whole tree");
    const head = element("div", { class: "panel-head" }, element("h2", {}, "Which line kept the GPU idle"), this.note, element("label", {}, "of ", this.part), this.reset);
    below.before(element("section", { class: "panel", id: "lines", "aria-label": "Lines of the program while the GPU was idle" }, head, this.box, this.key()));
    const held = [...CAUSES.entries()].filter(([k]) => this.lines.pieces.part.includes(k));
    this.part.replaceChildren(element("option", { value: "-1" }, "all idle time"), ...held.map(([k, cause]) => element("option", { value: String(k) }, named(cause))));
    this.part.addEventListener("change", () => this.draw());
    this.graph = new FlameGraph(this.box, this.lines.tree.parent, (node) => this.look(node), (node) => (this.reset.hidden = !node));
    this.reset.addEventListener("click", () => this.graph.zoom(0));
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

  draw() {
    const [from, until] = this.view;
    const devices = this.store.gapTracks.map((track) => track.device);
    this.sums = this.lines.sums(devices, from, until, Number(this.part.value));
    const { whole, missing } = this.sums;
    const shown = this.store.inDetail(from, until) ? "" : ", of the gaps that are here one by one";
    this.note.textContent = whole ? `${duration(whole)} in view${shown}, ${percent(missing, whole)} not sampled` : "No idle time in view.";
    this.graph.show(this.sums);
    this.reset.hidden = !this.graph.root;
  }

  look(node) {
    const [name, short, file, line, kind] = node ? this.lines.frames[this.lines.tree.frame[node - 1] - 1] : [NOT_SAMPLED, "", "", 0, null];
    const { total, own, whole, missing } = this.sums;
    const source = line ? `${short}:${line}` : short;
    const time = node ? `${duration(total[node])}, ${percent(total[node], whole)} of the idle time in view; ${duration(own[node])} in itself` : duration(missing);
    const color = this.lines.kinds[kind]?.[0] ?? "#c8c8c8";
    return { text: `${name} ${source}`.trim(), title: `${name}\n${file}${line ? `:${line}` : ""}\n${time}`, color };
  }
}

function swatch(color) {
  const made = element("span", { class: "swatch" });
  made.style.background = color;
  return made;
}

// A flame graph: callers above callees, width is idle time, colour whose code it is; a click zooms in and out again.
import { element } from "./format.js";

const LEAST_SHARE = 0.002, ROW = 20;

export class FlameGraph {
  /**
   * Nodes have numbers from 1; `parent` holds at node - 1 the number of its parent, 0 for an outermost one, parents
   * first. `look(node)` gives {text, title, color, mark}, for node 0 those of the time without a stack.
   * @param {(node: number) => void} zoomed
   */
  constructor(box, parent, look, zoomed = () => {}) {
    this.box = box;
    this.parent = parent;
    this.look = look;
    this.zoomed = zoomed;
    this.root = 0;
    this.sums = null;
  }

  /** Show these sums: {total} ns in each node with its callees, {whole}, and of that {missing} without a stack. */
  show(sums) {
    this.sums = sums;
    if (this.root && !sums.total[this.root]) this.root = 0;
    this.draw();
  }

  zoom(node) {
    this.root = node;
    this.draw();
    this.zoomed(node);
  }

  draw() {
    this.box.replaceChildren(...this.bars());
  }

  /** Every node wide enough to be seen, as an element at its place. */
  bars() {
    const { total, whole, missing } = this.sums, width = this.root ? total[this.root] : whole;
    if (!width) return [];
    const callees = this.callees(LEAST_SHARE * width);
    const bars = [], path = [];
    for (let node = this.root; node; node = this.parent[node - 1]) path.unshift(node);
    path.forEach((node, depth) => bars.push(this.bar(node, 0, 1, depth)));
    let deepest = path.length, left = 0;
    const waiting = [[this.root, 0, path.length]];
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const [above, from, depth] = next;
      let at = from;
      for (const node of callees.get(above) ?? []) {
        const share = total[node] / width;
        bars.push(this.bar(node, at, share, depth));
        deepest = Math.max(deepest, depth + 1);
        waiting.push([node, at, depth + 1]);
        at += share;
      }
      if (above === this.root) left = at;
    }
    if (!this.root && missing >= LEAST_SHARE * width) bars.push(this.bar(0, left, missing / width, 0));
    this.box.style.height = `${Math.max(1, deepest) * ROW}px`;
    return bars;
  }

  /** Node -> its callees of at least so many ns. */
  callees(least) {
    const ofCallers = new Map();
    for (let node = 1; node <= this.parent.length; node++) {
      if (!this.sums.total[node] || this.sums.total[node] < least) continue;
      const above = this.parent[node - 1];
      if (!ofCallers.has(above)) ofCallers.set(above, []);
      ofCallers.get(above).push(node);
    }
    return ofCallers;
  }

  bar(node, left, share, depth) {
    const { text, title, color, mark } = this.look(node);
    const made = element("button", { type: "button", class: `icicle-bar${mark ? ` ${mark}` : ""}`, title }, text);
    made.style.left = `${100 * left}%`;
    made.style.width = `${100 * share}%`;
    made.style.top = `${depth * ROW}px`;
    made.style.background = color;
    made.addEventListener("click", () => this.zoom(node === this.root ? 0 : node));
    return made;
  }
}

// What lies over the plot: the outline of what is under the pointer or chosen, flow lines, the span being measured.
import { state } from "./state.js";

const SVG = "http://www.w3.org/2000/svg";

function shape(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export class Overlay {
  constructor(svg, store, rows) {
    this.svg = svg;
    this.store = store;
    this.rows = rows;
    this.width = 1;
  }

  x(t) {
    return Math.max(-50, Math.min(this.width + 50, ((t - state.t0) / (state.t1 - state.t0)) * this.width));
  }

  /** Where a slice is drawn, [{x, y, width, height}] in pixels: nowhere if its row is folded away, gaps also twice. */
  boxes(track, i) {
    const lane = track.laneOf(i), x = this.x(track.start[i]), width = Math.max(this.x(track.end(i)) - x, 1.5);
    const own = [...this.rows.boxes()].filter((box) => box.track === track && box.lane === lane && !box.row.group);
    return own.map((box) => ({ x, y: box.y, width, height: box.height }));
  }

  draw(width, pointed) {
    this.width = width;
    this.svg.setAttribute("width", width);
    this.svg.setAttribute("height", Math.max(this.rows.height, 40));
    const parts = [];
    for (const [reference, name] of [[state.chosen, "chosen"], [pointed, "pointed"]]) {
      const marked = this.store.locate(reference);
      if (marked) parts.push(...this.flows(marked, name), ...this.outline(marked, name));
    }
    if (state.drag) {
      const [a, b] = [this.x(state.drag[0]), this.x(state.drag[1])];
      parts.push(shape("rect", { class: "span", x: Math.min(a, b), y: 0, width: Math.abs(b - a), height: this.rows.height }));
    }
    this.svg.replaceChildren(...parts);
  }

  outline({ track, i }, name) {
    return this.boxes(track, i).map(({ x, y, width, height }) =>
      shape("rect", { class: `outline ${name}`, x: x - 1.5, y: y - 1.5, width: width + 3, height: height + 3, rx: 2 }));
  }

  /** Lines between a call and what it launched; for a gap, from the launch of its after-op to that op. */
  flows({ track, i }, name) {
    return this.links(track, i).flatMap(([from, to]) => {
      const [a] = this.boxes(from.track, from.i), [b] = this.boxes(to.track, to.i);
      if (!a || !b) return [];
      const down = a.y < b.y, y0 = a.y + (down ? a.height : 0), y1 = b.y + (down ? 0 : b.height), middle = (y0 + y1) / 2;
      const path = `M${a.x},${y0}C${a.x},${middle} ${b.x},${middle} ${b.x},${y1}`;
      return [
        shape("path", { class: `flow ${name}`, d: path }),
        shape("circle", { class: `flow-end ${name}`, cx: b.x, cy: y1, r: 3 }),
      ];
    });
  }

  links(track, i) {
    if (track.kind === "api") {
      return this.store.opsOf(track, i).slice(0, 200).map((op) => [{ track, i }, this.store.locate(op)]);
    }
    const op = track.kind === "gaps" ? this.store.locate(track.after[i]) : track.kind === "stream" ? { track, i } : null;
    const call = op && this.store.callOf(op.track, op.i);
    return call ? [[call, op]] : [];
  }
}

// The whole run in small, aligned with the plot: idle time by cause over busy time, and the view as a window in it.
import { categoryOf, DIMMED, OPS } from "./categories.js";
import { fillTrace, laneColumns } from "./draw.js";
import { emit, on, setView, state } from "./state.js";

const HEIGHT = 38;

export class Minimap {
  constructor(element, store, width) {
    this.element = element;
    this.store = store;
    this.width = width;
    /** @type {number | null} */
    this.press = null;
    this.plot = element.querySelector(".minimap-plot");
    this.brush = element.querySelector(".brush");
    element.addEventListener("pointerdown", (event) => this.down(event));
    element.addEventListener("pointermove", (event) => this.press !== null && this.move(event));
    for (const end of ["pointerup", "pointercancel"]) element.addEventListener(end, () => (this.press = null));
    on("view", () => this.follow());
    on("theme", () => this.draw());
    on("filter", () => this.draw());
  }

  /** The GPU's time while the view is within it, else the whole session. */
  range() {
    const [from, to] = this.store.window, room = Math.ceil((to - from) * 0.025) + 2;
    const inside = state.t0 >= from - room && state.t1 <= to + room;
    return inside ? [from - room, to + room] : state.limits;
  }

  draw() {
    const [from, to] = (this.shown = this.range().map(Math.round)), width = Math.floor(this.width());
    const band = HEIGHT / Math.max(1, this.store.gapTracks.length);
    const traces = this.store.gapTracks.flatMap((track, k) => this.band(track, from, to, width, k * band, band - 2));
    const layout = {
      width, height: HEIGHT, margin: { l: 0, r: 0, t: 0, b: 0 }, showlegend: false, hovermode: false,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      xaxis: { range: [from, to], visible: false, fixedrange: true }, yaxis: { range: [HEIGHT, 0], visible: false, fixedrange: true },
    };
    Plotly.react(this.plot, traces, layout, { staticPlot: true });
    this.moveBrush();
  }

  /** One GPU: what is not idle is drawn as busy; what a filter leaves out is dimmed as in the timeline. */
  band(track, from, to, width, y, height) {
    const { edges, columns } = laneColumns(this.store, track, 0, from, to, width);
    const [first, last] = this.store.meta.summary.devices.find((device) => device.device === track.device).window_ns;
    const traces = [fillTrace({ ...OPS[0], label: "busy" }, [first, first, last, last], [y + height, y, y, y + height])];
    const floor = new Float64Array(edges.length - 1).fill(y);
    for (const [cat, covered] of columns) {
      const xs = [], ys = [];
      for (let k = 0; k < covered.length; k++) {
        if (!covered[k]) continue;
        const low = floor[k] + (covered[k] / (edges[k + 1] - edges[k])) * height;
        xs.push(edges[k], edges[k + 1], edges[k + 1], edges[k], null);
        ys.push(floor[k], floor[k], low, low, null);
        floor[k] = low;
      }
      const category = categoryOf("gaps", cat, []);
      // What the filter leaves out is grey to the ground: the busy time's blue must not shine through.
      if (cat === DIMMED) traces.push(fillTrace({ label: "ground", color: this.ground() }, xs, ys));
      traces.push(fillTrace({ ...category, hatch: "" }, xs, ys));
    }
    return traces;
  }

  ground() {
    return getComputedStyle(this.element).getPropertyValue("--panel").trim() || "#ffffff";
  }

  follow() {
    const [from, to] = this.range().map(Math.round);
    if (!this.shown || from !== this.shown[0] || to !== this.shown[1]) this.draw();
    else this.moveBrush();
  }

  moveBrush() {
    const [from, to] = this.shown ?? this.range(), scale = this.width() / (to - from);
    const left = Math.max(0, (state.t0 - from) * scale);
    this.brush.style.left = `${left}px`;
    this.brush.style.width = `${Math.max(2, Math.min(this.width(), (state.t1 - from) * scale) - left)}px`;
  }

  time(event) {
    const [from, to] = this.shown ?? this.range();
    return from + ((event.clientX - this.element.getBoundingClientRect().left) / this.width()) * (to - from);
  }

  down(event) {
    this.element.setPointerCapture(event.pointerId);
    const t = this.time(event), middle = (state.t0 + state.t1) / 2;
    this.press = t >= state.t0 && t <= state.t1 ? t - middle : 0;
    this.move(event);
  }

  move(event) {
    const middle = this.time(event) - (this.press ?? 0), half = (state.t1 - state.t0) / 2;
    setView(middle - half, middle + half);
    emit("minimap");
  }
}

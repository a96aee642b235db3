// Idle time by cause as a list of bars, and the two histograms; choosing one filters the gaps everywhere.
import { CAUSES } from "./categories.js";
import { count, duration, element, percent } from "./format.js";
import { eachSelectedGap, hasSelection, selectedByCause, selectionText } from "./filter.js";
import { on, setFilter, state } from "./state.js";

const TICK = 52; // pixels that a mark's text takes
const HISTOGRAMS = { gaps: "Gap length", latency: "Launch latency" };

/** The idle time of all GPUs together by cause, ns. */
export function idleByCause(store) {
  return CAUSES.map((cause) =>
    store.meta.summary.devices.reduce((sum, device) => sum + device.idle_by_cause_ns[cause.key], 0));
}

/** {totals, gaps} by cause, of what is selected or of the whole run: idle time in ns, and gaps of that main cause. */
export function shownByCause(store) {
  if (!hasSelection()) return { totals: idleByCause(store), gaps: store.meta.causes };
  const gaps = new Array(CAUSES.length).fill(0);
  eachSelectedGap(store, (track, i) => gaps[track.cat[i]]++);
  return { totals: selectedByCause(store), gaps };
}

export class Causes {
  constructor(list, store) {
    this.list = list;
    this.store = store;
    this.note = list.parentElement.querySelector("#causes-note");
    on("filter", () => this.fill());
    on("drag", () => this.later());
    this.fill();
  }

  /** At most once per frame, however fast a span is dragged. */
  later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.fill();
    });
  }

  fill() {
    const { totals, gaps } = shownByCause(this.store), shown = [...totals, selectionText(this.store)].join();
    if (shown === this.shown) { // only the chosen cause is another one: the buttons stay, and the focus with them
      this.mark();
      return;
    }
    this.shown = shown;
    const whole = totals.reduce((a, b) => a + b, 0);
    const order = [...CAUSES.keys()].filter((cause) => totals[cause] > 0).sort((a, b) => totals[b] - totals[a]);
    this.buttons = new Map(order.map((cause) => [cause, this.button(cause, totals[cause], whole, gaps[cause])]));
    this.list.replaceChildren(...[...this.buttons.values()].map((button) => element("li", {}, button)));
    const none = this.store.meta.summary.devices.length ? "No idle time." : "Cannot be told: no GPU work was recorded.";
    if (!order.length) this.list.replaceChildren(element("li", { class: "quiet" }, none));
    const cut = hasSelection() && this.store.meta.reduced ? ", of the gaps that are here one by one" : "";
    this.note.textContent = hasSelection() ? `${duration(whole)} ${selectionText(this.store)}${cut}` : "";
    this.mark();
  }

  button(cause, ns, whole, gaps) {
    const { key, label, meaning } = CAUSES[cause];
    const bar = element("span", { class: `bar hatch ${key}` });
    bar.style.width = `${Math.max(0.5, (100 * ns) / whole)}%`;
    const made = element("button", { type: "button", class: "cause", title: `${meaning}; the largest part of ${count(gaps)} gaps` },
      element("span", { class: "cause-name" }, key),
      element("span", { class: "cause-bar" }, bar),
      element("span", { class: "cause-time" }, duration(ns)),
      element("span", { class: "cause-share" }, percent(ns, whole)),
      element("span", { class: "cause-gaps" }, gaps ? `${count(gaps)} ${gaps === 1 ? "gap" : "gaps"}` : "-"),
      element("span", { class: "cause-label" }, label));
    made.addEventListener("click", () => setFilter({ cause: state.cause === cause ? -1 : cause }));
    return made;
  }

  mark() {
    for (const [cause, button] of this.buttons ?? []) {
      button.setAttribute("aria-pressed", String(state.cause === cause));
      button.classList.toggle("faded", state.cause >= 0 && state.cause !== cause);
    }
  }
}

export class Histogram {
  constructor(box, of, store, colors) {
    this.box = box;
    this.of = of;
    this.store = store;
    this.colors = colors;
    this.plot = box.querySelector(".histogram-plot");
    this.choice = box.querySelector("select");
    this.edges = store.meta.histograms.edges;
    this.counts = store.meta.histograms[of];
    const filled = [...this.counts.keys()].filter((bin) => this.counts[bin]);
    this.from = Math.max(0, (filled[0] ?? 0) - 1);
    if (this.isDecade(this.from)) this.from = Math.max(0, this.from - 1); // a mark at the edge lies on the other axis' zero
    this.to = Math.min(this.edges.length - 1, (filled.at(-1) ?? 0) + 1);
    this.fillChoice(filled);
    if (!filled.length) {
      this.plot.replaceChildren(element("p", { class: "quiet" }, `No ${of === "gaps" ? "gaps" : "launches"} in the report.`));
      this.choice.disabled = true;
      box.querySelector(".key")?.remove();
      return;
    }
    this.choice.addEventListener("change", () => this.filter(this.choice.value === "" ? null : Number(this.choice.value)));
    on("filter", () => this.draw());
    on("theme", () => this.draw());
    addEventListener("resize", () => this.draw());
    this.draw();
    this.plot.on("plotly_click", ({ points }) => this.filter(this.from + points[0].pointIndex));
  }

  label(bin) {
    const next = this.edges[bin + 1];
    return next ? `${duration(this.edges[bin])} to ${duration(next)}` : `${duration(this.edges[bin])} and more`;
  }

  isDecade(bin) {
    return /^1(0*)$/.test(String(this.edges[bin]));
  }

  fillChoice(filled) {
    this.choice.replaceChildren(element("option", { value: "" }, "all"),
      ...filled.map((bin) => element("option", { value: String(bin) }, `${this.label(bin)}: ${count(this.counts[bin])}`)));
  }

  get chosen() {
    return state.bin && state.bin.of === this.of ? state.bin.bin : null;
  }

  filter(bin) {
    setFilter({ bin: bin === null || bin === this.chosen ? null : { of: this.of, bin } });
  }

  draw() {
    const colors = this.colors(), bins = [];
    for (let bin = this.from; bin <= this.to; bin++) bins.push(bin);
    const shade = (color) => bins.map((bin) => (this.chosen === null || this.chosen === bin ? color : colors.grid));
    const bar = (values, name, color) => ({
      type: "bar", name, x: bins, y: bins.map((bin) => values[bin]), marker: { color: shade(color) },
      text: bins.map((bin) => `${this.label(bin)}<br>${count(values[bin])} ${name}`), hoverinfo: "text", textposition: "none",
    });
    const traces = this.of === "gaps" ? [bar(this.counts, "gaps", "#e8710a")]
      : [bar(this.counts, "launches", "#7c9cc9"), bar(this.store.meta.histograms.unqueued, "to an empty stream", "#2f6fd0")];
    const decades = bins.filter((bin) => this.isDecade(bin));
    const every = Math.ceil((decades.length * TICK) / Math.max(TICK, this.plot.clientWidth - 46));
    const marks = decades.filter((_, k) => k % every === 0);
    Plotly.react(this.plot, traces, {
      width: Math.max(120, this.plot.clientWidth), height: 118, margin: { l: 40, r: 6, t: 4, b: 22 }, barmode: "overlay", bargap: 0.08, showlegend: false,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: colors.text, size: 11, family: "inherit" },
      hoverlabel: { font: { size: 12 } }, dragmode: false,
      xaxis: { tickvals: marks.map((bin) => bin - 0.5), ticktext: marks.map((bin) => duration(this.edges[bin]).replace(".00", "").replace(".0", "")), tickangle: 0, fixedrange: true },
      yaxis: { fixedrange: true, gridcolor: colors.grid, nticks: 4, rangemode: "tozero" },
    }, { displayModeBar: false });
    this.choice.value = this.chosen === null ? "" : String(this.chosen);
  }
}

export function histograms(boxes, store, colors) {
  return Object.keys(HISTOGRAMS).map((of, k) => new Histogram(boxes[k], of, store, colors));
}

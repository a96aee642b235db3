// The page of `nsysgap steps --format html`: a loop's iterations as bars, and what each of them was.
import { Bars, iterationWords, span } from "../timeline/page/bars.js";
import { count, duration, element, percent } from "../timeline/page/format.js";

/** An element that the page has. */
const $ = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const { loops, causes, timeline, report } = JSON.parse($("data").textContent ?? "");

class Page {
  constructor() {
    this.bars = new Bars($("bars"), causes, { choose: (i) => this.choose(i), point: (i) => this.point(i) });
    $("loop").replaceChildren(...loops.map(({ title }, i) => element("option", { value: i }, title)));
    $("loop").addEventListener("change", () => this.show(Number(/** @type {HTMLSelectElement} */ ($("loop")).value)));
    $("longest").addEventListener("click", () => this.longest());
    $("all").addEventListener("click", () => this.bars.within(0, this.loop.start.length));
    addEventListener("resize", () => this.bars.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.bars.draw());
    this.show(0);
  }

  show(number) {
    this.loop = loops[number];
    $("about").textContent = this.loop.said;
    this.bars.show(this.loop);
    this.legend();
    this.choose(null);
  }

  /** The causes that this loop has, the largest first. */
  legend() {
    const { busy, parts } = this.loop, sum = (column) => column.reduce((a, b) => a + (b ?? 0), 0);
    const rows = [["busy", "the GPU worked", "#3f7fd9", sum(busy)], ...causes.map((cause, k) => [cause.key, cause.label, cause.color, sum(parts[k])])];
    const whole = rows.reduce((a, row) => a + row[3], 0), [first, ...rest] = rows;
    const shown = [first, ...rest.sort((a, b) => b[3] - a[3])].filter((row) => row[3]);
    $("legend").replaceChildren(...shown.map(([key, label, color, ns]) => {
      const swatch = element("i");
      swatch.style.background = color;
      return element("li", { title: label }, swatch, `${key} ${percent(ns, whole)}`);
    }));
  }

  choose(i) {
    this.bars.mark(i);
    if (i === null) return void $("chosen").replaceChildren(element("p", {}, "Click a bar, or move with the arrow keys, to see what an iteration was."));
    const words = iterationWords(this.loop, i, causes);
    $("chosen").replaceChildren(element("dl", {}, ...words.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)])), this.where(i));
  }

  /** The iteration in the timeline: a link where that page is known, else the command that shows it. */
  where(i) {
    const [from, to] = span(this.loop, i).map((time) => BigInt(this.loop.base) + BigInt(time));
    if (timeline) return element("p", {}, element("a", { href: `${timeline}#v=${from},${to}` }, "Open it in the timeline"));
    return element("p", {}, "In the timeline: ", element("code", {}, `nsysgap timeline ${report} --from ${from}ns --to ${to}ns`));
  }

  point(i) {
    $("pointed").textContent = i === null ? "" : iterationWords(this.loop, i, causes).slice(0, 5).map((pair) => pair.join(" ")).join(", ");
  }

  longest() {
    let best = 0;
    for (let i = 1; i < this.loop.start.length; i++) if (this.bars.height(i) > this.bars.height(best)) best = i;
    this.choose(best);
  }
}

if (loops.length) {
  globalThis.nsysgap = { page: new Page(), count, duration };
  document.body.dataset.ready = "";
}

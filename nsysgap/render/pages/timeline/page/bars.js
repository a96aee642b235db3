// The iterations of a loop as bars: height is the GPU's time, split into busy and causes; outliers stand out.
import { count, duration } from "./format.js";

const BUSY = "#3f7fd9";
const MARK = "#d6455c";
const TOP = 12;

/**
 * `loop` has columns of one length: start, end, duration (the host's), from, to (the GPU's window; null where the
 * iteration launched nothing), busy, parts (one column per cause), outlier; all in ns.
 */
export class Bars {
  constructor(canvas, causes, { choose, point }) {
    this.canvas = canvas;
    this.causes = causes;
    this.chosen = null;
    this.pointed = null;
    this.loop = null;
    this.first = 0;
    this.last = 0;
    canvas.addEventListener("click", (event) => this.loop && choose(this.at(event)));
    canvas.addEventListener("pointermove", (event) => this.loop && point(this.pointed = this.at(event), event));
    canvas.addEventListener("pointerleave", () => point(this.pointed = null));
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!this.loop || !by) return;
      event.preventDefault();
      const next = this.chosen === null ? (by > 0 ? 0 : this.loop.start.length - 1) : this.chosen + by;
      choose(Math.max(0, Math.min(this.loop.start.length - 1, next)));
    });
  }

  show(loop) {
    this.loop = loop;
    this.chosen = null;
    this.pointed = null;
    this.first = 0;
    this.last = loop.start.length;
    this.draw();
  }

  mark(number) {
    this.chosen = number;
    if (number !== null && (number < this.first || number >= this.last)) {
      const half = Math.floor((this.last - this.first) / 2);
      this.within(number - half, number + half);
    }
    this.draw();
  }

  /** Show iterations [first, last), as far as there are so many. */
  within(first, last) {
    const shown = Math.min(Math.max(last - first, Math.min(10, this.loop.start.length)), this.loop.start.length);
    this.first = Math.max(0, Math.min(Math.round(first), this.loop.start.length - shown));
    this.last = this.first + Math.round(shown);
    this.draw();
  }

  wheel(event) {
    if (!this.loop || this.loop.start.length <= 10 || event.ctrlKey) return;
    event.preventDefault();
    const shown = this.last - this.first, share = event.offsetX / this.canvas.clientWidth;
    if (event.shiftKey) return void this.within(this.first + Math.sign(event.deltaY || event.deltaX) * shown * 0.2, this.last + Math.sign(event.deltaY || event.deltaX) * shown * 0.2);
    const next = shown * (event.deltaY > 0 ? 1.25 : 0.8), around = this.first + share * shown;
    this.within(around - share * next, around - share * next + next);
  }

  /** How many iterations share a bar: no bar is narrower than two pixels. */
  get each() {
    return Math.max(1, Math.ceil((2 * (this.last - this.first)) / Math.max(1, this.canvas.clientWidth)));
  }

  /** The iteration that is drawn at a point: of those that share a bar the longest. */
  at(event) {
    const bar = Math.floor(((event.clientX - this.canvas.getBoundingClientRect().left) / this.canvas.clientWidth) * this.bars);
    return this.longest(Math.max(0, Math.min(this.bars - 1, bar)));
  }

  get bars() {
    return Math.ceil((this.last - this.first) / this.each);
  }

  longest(bar) {
    const from = this.first + bar * this.each, to = Math.min(from + this.each, this.last);
    let best = from;
    for (let i = from; i < to; i++) if (this.height(i) > this.height(best)) best = i;
    return best;
  }

  /** The longer of the GPU's window and the host's range. */
  height(i) {
    return Math.max(this.loop.duration[i], this.loop.from[i] === null ? 0 : this.loop.to[i] - this.loop.from[i]);
  }

  draw() {
    if (!this.loop) return;
    const { canvas } = this, scale = globalThis.devicePixelRatio || 1, style = getComputedStyle(canvas);
    const width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const brush = canvas.getContext("2d");
    brush.scale(scale, scale);
    const shown = Array.from({ length: this.bars }, (_, bar) => this.longest(bar));
    this.highest = Math.max(1, ...shown.map((i) => this.height(i)));
    const wide = width / this.bars, up = (height - TOP) / this.highest;
    shown.forEach((i, bar) => this.bar(brush, i, bar * wide, wide, height, up, style.color));
    brush.globalAlpha = 1;
    canvas.setAttribute("aria-label", `${count(this.last - this.first)} iterations, the longest ${duration(this.highest)}${this.each > 1 ? `; each bar is the longest of ${count(this.each)}` : ""}`);
  }

  bar(brush, i, x, wide, height, up, text) {
    const { loop } = this, room = wide > 4 ? 1 : 0;
    let y = height;
    const fill = (ns, color) => {
      if (!ns) return;
      brush.fillStyle = color;
      brush.fillRect(x, y - ns * up, wide - room, ns * up);
      y -= ns * up;
    };
    brush.globalAlpha = this.chosen === null || this.chosen === i ? 1 : 0.55;
    if (loop.from[i] === null) fill(loop.duration[i], "#c8c8c8");
    else {
      fill(loop.busy[i], BUSY);
      this.causes.forEach((cause, part) => fill(loop.parts[part][i], cause.color));
    }
    brush.globalAlpha = 1;
    brush.fillStyle = text; // how long the range on the host was
    brush.fillRect(x, height - loop.duration[i] * up - 0.75, wide - room, 1.5);
    if (loop.outlier[i]) this.flag(brush, x + wide / 2);
    if (this.chosen === i) {
      brush.strokeStyle = text;
      brush.lineWidth = 2;
      brush.strokeRect(x, Math.min(y, height - loop.duration[i] * up), Math.max(wide - room, 2), height);
    }
  }

  /** A mark above an outlier, wide enough to be seen. */
  flag(brush, x) {
    brush.fillStyle = MARK;
    brush.beginPath();
    brush.moveTo(x, TOP - 2);
    brush.lineTo(x - 4, 1);
    brush.lineTo(x + 4, 1);
    brush.fill();
  }
}

/** The time of an iteration: from its start to its end on the host or the GPU, whichever is later. */
export function span(loop, i) {
  return [loop.start[i], Math.max(loop.end[i], loop.to[i] ?? loop.end[i])];
}

/** What an iteration was, in words: [name, text] pairs. */
export function iterationWords(loop, i, causes) {
  const words = [["iteration", count(i)], ["on the host", duration(loop.duration[i])]];
  if (loop.launches) words.push(["launches", count(loop.launches[i])]);
  if (loop.from[i] === null) return [...words, ["GPU", "launched nothing there"]];
  words.push(["GPU window", duration(loop.to[i] - loop.from[i])], ["busy", duration(loop.busy[i])]);
  causes.forEach((cause, part) => loop.parts[part][i] && words.push([cause.key, `${duration(loop.parts[part][i])}, ${cause.label}`]));
  if (loop.identical && !loop.identical[i]) words.push(["differs", "launched something else than most"]);
  if (loop.outlier[i]) words.push(["outlier", "took far longer than the others"]);
  return words;
}

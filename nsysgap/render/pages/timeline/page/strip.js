// The iterations of the main loops above the timeline: a click opens one in it.
import { Bars, iterationWords, span } from "./bars.js";
import { CAUSES } from "./categories.js";
import { element } from "./format.js";
import { emit, on, setView } from "./state.js";

export class Strip {
  constructor(box, store) {
    const { steps } = store.meta, choice = box.querySelector("select");
    box.hidden = false;
    this.note = box.querySelector("p");
    this.bars = new Bars(box.querySelector("canvas"), CAUSES, { choose: (i) => this.open(i), point: (i) => this.point(i) });
    choice.replaceChildren(...steps.map(({ title }, k) => element("option", { value: k }, title)));
    choice.hidden = steps.length < 2;
    choice.addEventListener("change", () => this.show(steps[Number(choice.value)]));
    on("theme", () => this.bars.draw());
    addEventListener("resize", () => this.bars.draw());
    this.show(steps[0]);
  }

  show(loop) {
    this.loop = loop;
    this.bars.show(loop);
    this.point(null);
  }

  /** Show an iteration in the timeline, with a little of its neighbours. */
  open(i) {
    const [from, to] = span(this.loop, i), room = Math.max(10, 0.05 * (to - from));
    this.bars.mark(i);
    this.point(i);
    setView(Math.floor(from - room), Math.ceil(to + room));
    emit("jump");
  }

  point(i) {
    const shown = i ?? this.bars.chosen;
    this.note.textContent = shown === null ? this.loop.said : iterationWords(this.loop, shown, CAUSES).map((pair) => pair.join(" ")).join(", ");
  }
}

/** Idle time by cause within the main loops, ns. */
export function idleInLoops(store) {
  const { steps } = store.meta;
  return CAUSES.map((_, part) => steps.reduce((sum, loop) => sum + loop.parts[part].reduce((a, b) => a + b, 0), 0));
}

/** A test (track, i) whether a gap lies within a main loop's time on its GPU; of a GPU without one all gaps do. */
export function loopTest(store) {
  const times = new Map();
  for (const { device, from, to } of store.meta.steps) {
    const starts = from.filter((time) => time !== null), ends = to.filter((time) => time !== null);
    const [first, last] = times.get(device) ?? [Infinity, -Infinity];
    times.set(device, [Math.min(first, starts[0] ?? Infinity), Math.max(last, ends.at(-1) ?? -Infinity)]);
  }
  return (track, i) => {
    const time = times.get(track.device);
    return !time || (track.start[i] >= time[0] && track.start[i] + track.dur[i] <= time[1]);
  };
}

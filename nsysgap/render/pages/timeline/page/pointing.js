// The mouse and fingers over the plot: what is under the pointer, wheel, drag; and the tooltip.
import { CAUSES, named } from "./categories.js";
import { explain, summedUp } from "./explain.js";
import { duration, element, percent } from "./format.js";
import { choose, emit, pan, setView, state, viewAround, zoom } from "./state.js";

const MOST_PIECES = 200; // of a bar: more would be thinner than a pixel
const SLACK = 4, CLICK = 4, TWICE_MS = 1000;
const LEAST_DISTANCE = 30; // pixels: fingers closer than that would zoom by leaps

/** What a gap consists of: a bar in order of time, and a list of its parts. */
export function stretchesBar(stretches) {
  const whole = stretches.reduce((sum, [, ns]) => sum + ns, 0);
  const bar = element("div", { class: "parts", role: "presentation" });
  const list = element("ul", { class: "parts-list" });
  for (const [cause, ns] of stretches.length > MOST_PIECES ? summedUp(stretches) : stretches) {
    const piece = element("span", { class: `hatch ${CAUSES[cause].key}` });
    piece.style.flexGrow = String(ns / whole);
    bar.append(piece);
  }
  for (const [cause, ns] of summedUp(stretches)) {
    const swatch = element("span", { class: `swatch hatch ${CAUSES[cause].key}` });
    list.append(element("li", {}, swatch, `${named(CAUSES[cause])}: ${duration(ns)} (${percent(ns, whole)})`));
  }
  return [bar, list];
}

/** Everything that `explain` found, as elements. */
export function explanation(about) {
  const rows = about.rows.flatMap(([label, text]) => [element("dt", {}, label), element("dd", {}, text)]);
  return [
    element("div", { class: "about-kind" }, about.kind),
    element("div", { class: "about-title" }, about.title),
    ...(about.sentence ? [element("p", { class: "about-sentence" }, about.sentence)] : []),
    ...(about.stretches.length ? stretchesBar(about.stretches) : []),
    element("dl", {}, ...rows),
  ];
}

export class Pointing {
  constructor(surface, tooltip, store, rows, width, redraw) {
    this.surface = surface;
    this.tooltip = tooltip;
    this.store = store;
    this.rows = rows;
    this.width = width;
    this.redraw = redraw;
    this.pointed = 0;
    this.press = null;
    this.released = null;
    this.fingers = new Map();
    this.pinch = null;
    surface.addEventListener("pointermove", (event) => this.move(event));
    surface.addEventListener("pointerleave", () => this.point(0));
    surface.addEventListener("pointerdown", (event) => this.down(event));
    surface.addEventListener("pointerup", (event) => this.up(event));
    surface.addEventListener("pointercancel", (event) => this.cancel(event));
    // One finger up or down is the browser's, to scroll; two are never, whichever way they begin.
    surface.addEventListener("touchmove", (event) => event.touches.length > 1 && event.cancelable && event.preventDefault(), { passive: false });
    surface.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    surface.addEventListener("dblclick", (event) => this.twice(event));
  }

  time(event) {
    const box = this.surface.getBoundingClientRect();
    return state.t0 + ((event.clientX - box.left) / this.width()) * (state.t1 - state.t0);
  }

  /** The reference of what is drawn at a point, 0 for nothing. */
  under(event) {
    const under = this.rows.at(event.clientY - this.surface.getBoundingClientRect().top);
    if (!under || !under.track.n) return 0;
    const { track, lane } = under, pixel = (state.t1 - state.t0) / this.width();
    if (lane >= track.lanes.length - 1) return 0;
    const t = this.time(event);
    if (!this.store.inDetail(t, t)) return 0;
    const i = track.at(lane, t, SLACK * pixel);
    return i < 0 ? 0 : this.store.reference(track, i);
  }

  move(event) {
    if (this.fingers.has(event.pointerId)) this.fingers.set(event.pointerId, event);
    if (this.pinch) {
      this.pinchTo();
      return;
    }
    if (this.press) {
      this.dragTo(event);
      return;
    }
    this.point(this.under(event), event);
  }

  point(reference, event = null) {
    if (reference !== this.pointed) {
      this.pointed = reference;
      this.redraw();
      if (reference) this.fill(reference);
    }
    this.tooltip.hidden = !reference;
    if (reference && event) this.moveTooltip(event);
  }

  fill(reference) {
    const { track, i } = this.store.locate(reference);
    this.tooltip.replaceChildren(...explanation(explain(this.store, track, i)));
  }

  /** Beside the pointer, inside the window. */
  moveTooltip({ clientX, clientY }) {
    const { offsetWidth: width, offsetHeight: height } = this.tooltip;
    const x = clientX + 16 + width > innerWidth ? clientX - width - 12 : clientX + 16;
    const y = Math.min(clientY + 14, innerHeight - height - 8);
    this.tooltip.style.transform = `translate(${Math.max(4, x)}px, ${Math.max(4, y)}px)`;
  }

  down(event) {
    if (event.button > 0) return;
    const touch = event.pointerType === "touch";
    this.surface.focus({ preventScroll: true });
    this.surface.setPointerCapture(event.pointerId);
    if (touch) this.fingers.set(event.pointerId, event);
    if (this.fingers.size > 1) this.beginPinch();
    else this.press = { x: event.clientX, t: this.time(event), moved: false, pan: event.shiftKey || touch };
  }

  /** {clientX, distance} of the first two fingers: their middle, and how far they are apart. */
  spread() {
    const [a, b] = this.fingers.values();
    const distance = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    return { clientX: (a.clientX + b.clientX) / 2, distance: Math.max(distance, LEAST_DISTANCE) };
  }

  beginPinch() {
    const spread = this.spread();
    this.press = null;
    this.pinch = { t: this.time(spread), width: (state.t1 - state.t0) * spread.distance };
  }

  /** The time that was between the fingers stays between them. */
  pinchTo() {
    if (!this.pinch) return;
    const spread = this.spread(), share = (spread.clientX - this.surface.getBoundingClientRect().left) / this.width();
    viewAround(this.pinch.t, share, this.pinch.width / spread.distance);
  }

  /** A finger less: two go on zooming, the last one moves on, and does not choose when it is lifted. */
  lift(event) {
    if (!this.fingers.delete(event.pointerId) || !this.pinch) return false;
    this.pinch = null;
    const [last] = this.fingers.values();
    if (this.fingers.size > 1) this.beginPinch();
    else if (last) this.press = { x: last.clientX, t: this.time(last), moved: true, pan: true };
    return true;
  }

  dragTo(event) {
    const { press } = this;
    if (!press) return;
    press.moved ||= Math.abs(event.clientX - press.x) > CLICK;
    if (!press.moved) return;
    this.point(0);
    if (press.pan) {
      const by = press.t - this.time(event);
      setView(state.t0 + by, state.t1 + by);
      return;
    }
    const t = Math.max(state.t0, Math.min(state.t1, this.time(event)));
    state.drag = [Math.round(Math.min(press.t, t)), Math.round(Math.max(press.t, t))];
    emit("drag");
  }

  up(event) {
    if (this.lift(event)) return;
    const { press } = this;
    this.press = null;
    if (!press || press.moved) return;
    if (state.drag) {
      this.released = { span: state.drag, at: event.timeStamp };
      state.drag = null;
      emit("drag");
    }
    choose(this.under(event));
  }

  /** A double click zooms to the measured span, which its first click has let go. */
  twice(event) {
    if (this.released && event.timeStamp - this.released.at < TWICE_MS) setView(...this.released.span);
  }

  cancel(event) {
    if (!this.lift(event)) this.press = null;
  }

  wheel(event) {
    event.preventDefault();
    // With Shift the rows scroll; most browsers then turn the wheel's way sideways.
    if (event.shiftKey) this.surface.parentElement.scrollTop += (event.deltaY || event.deltaX) * (event.deltaMode ? 40 : 1);
    else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan(event.deltaX / this.width());
    else zoom(1.0018 ** Math.max(-400, Math.min(400, event.deltaY * (event.deltaMode ? 40 : 1))), this.time(event));
  }
}

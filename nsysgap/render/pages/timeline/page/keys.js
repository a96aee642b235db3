// The keys, as Perfetto has them where it has them.
import { emit, pan, setView, state, zoom } from "./state.js";

export const KEYS = [
  ["w, +", "zoom in"], ["s, -", "zoom out"], ["a, \u2190", "to the left"], ["d, \u2192", "to the right"],
  ["\u2191, \u2193", "scroll the rows"], ["n", "next gap that the filter leaves"], ["p", "previous gap"],
  ["f", "show what is chosen"], ["z", "zoom to the measured span"], ["0", "the GPU's whole time"], ["9", "the whole session"],
  ["/", "search"], ["Esc", "let go of what is chosen, measured or filtered"], ["?", "this list"],
];

/** Let the keys act; `page` offers nextGap(by), search(), help(), release(), scroll(by), which is false if nothing moved. */
export function listen(page, store) {
  const focusChosen = () => {
    const chosen = store.locate(state.chosen);
    if (chosen) setView(...store.around(chosen.track.start[chosen.i], chosen.track.end(chosen.i)));
  };
  const zoomToSpan = () => {
    if (!state.drag) return;
    setView(...state.drag);
    state.drag = null;
    emit("drag");
  };
  const actions = {
    w: () => zoom(0.6), "+": () => zoom(0.6), "=": () => zoom(0.6), s: () => zoom(1 / 0.6), "-": () => zoom(1 / 0.6),
    a: () => pan(-0.25), ArrowLeft: () => pan(-0.25), d: () => pan(0.25), ArrowRight: () => pan(0.25),
    ArrowUp: () => page.scroll(-60), ArrowDown: () => page.scroll(60),
    n: () => page.nextGap(1), p: () => page.nextGap(-1), f: focusChosen, z: zoomToSpan,
    0: () => page.whole(), 9: () => setView(...state.limits), "/": () => page.search(), "?": () => page.help(), Escape: () => page.release(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = /** @type {HTMLElement} */ (event.target), typing = target.matches("input, select, textarea");
    if (typing && event.key !== "Escape") return;
    if (event.key.startsWith("Arrow") && target.closest(".scroll, [role=tablist]")) return;
    const action = actions[event.key];
    if (!action || document.querySelector("dialog[open]")) return;
    if (typing) target.blur();
    else if (action() === false) return;
    event.preventDefault();
  });
}

// Search over kernel, API and NVTX names: all slices whose name holds a text, next and previous from where we are.
import { count } from "./format.js";
import { choose, emit, on, setView, state } from "./state.js";

export class Search {
  constructor(root, store, reveal) {
    this.store = store;
    this.reveal = reveal;
    this.names = null;
    this.field = root.querySelector("#search");
    this.note = root.querySelector("#search-note");
    this.field.addEventListener("input", () => this.look());
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.step(event.shiftKey ? -1 : 1);
    });
    on("chosen", () => this.say());
    root.querySelector("#search-next").addEventListener("click", () => this.step(1));
    root.querySelector("#search-previous").addEventListener("click", () => this.step(-1));
  }

  look() {
    const wanted = this.field.value.trim().toLowerCase();
    const { names } = this.store.meta;
    this.names = wanted ? new Set([...names.keys()].filter((k) => names[k].toLowerCase().includes(wanted))) : null;
    this.note.textContent = "";
    if (!this.names) return;
    this.number = 0;
    for (const track of this.tracks()) for (let i = 0; i < track.n; i++) if (this.names.has(track.name[i])) this.number++;
    this.say();
  }

  /** How many matches there are, and which of them in time is chosen. */
  say() {
    if (!this.names) return;
    const chosen = this.store.locate(state.chosen);
    const which = chosen && this.names.has(chosen.track.name?.[chosen.i]) ? this.rank(chosen.track, chosen.i) : 0;
    this.note.textContent = !this.number ? "nothing found" : which ? `${count(which)} of ${count(this.number)}` : `${count(this.number)} found`;
  }

  /** The place of a match among all in time, from 1. */
  rank(chosen, at) {
    const key = [chosen.start[at], this.store.reference(chosen, at)];
    let before = 0;
    for (const track of this.tracks()) {
      for (let i = 0; i < track.n; i++) {
        if (!this.names?.has(track.name[i])) continue;
        const by = track.start[i] - key[0] || this.store.reference(track, i) - key[1];
        if (by < 0) before++;
      }
    }
    return before + 1;
  }

  tracks() {
    return this.store.tracks.filter((track) => track.name);
  }

  /** The next match in time (by 1) or the one before (by -1), from what is chosen or the view's middle. */
  step(by) {
    if (!this.names?.size) return;
    const chosen = this.store.locate(state.chosen);
    const from = chosen ? [chosen.track.start[chosen.i], state.chosen] : [(state.t0 + state.t1) / 2, 0];
    const later = (a, b) => by * (a[0] - b[0] || a[1] - b[1]) > 0;
    /** @type {number[] | null} */
    let best = null;
    /** @type {number[] | null} */
    let first = null;
    for (const track of this.tracks()) {
      for (let i = 0; i < track.n; i++) {
        if (!this.names.has(track.name[i])) continue;
        const key = [track.start[i], this.store.reference(track, i)];
        if (later(key, from) && (!best || later(best, key))) best = key;
        if (!first || later(first, key)) first = key;
      }
    }
    const next = best ?? first; // past the end it begins anew
    if (!next) return;
    const { track, i } = this.store.locate(next[1]);
    this.reveal(track);
    setView(...this.store.around(track.start[i], track.end(i), 2));
    choose(next[1]);
    emit("jump");
  }
}

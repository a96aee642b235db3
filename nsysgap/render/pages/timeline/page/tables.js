// The tables: the longest gaps, and kernels and NVTX ranges by GPU time and idle time. A row leads to its place.
import { CAUSES, DIMMED, named } from "./categories.js";
import { eachSelectedGap } from "./filter.js";
import { count, duration, extent, element, moment } from "./format.js";
import { NOT_SAMPLED } from "./lines.js";
import { choose, emit, on, setFilter, setView, state, TABLES } from "./state.js";

const PAGE = 50;

/** The gaps that the filter leaves. */
function chosenGaps(store) {
  const gaps = [];
  for (const track of store.gapTracks) {
    for (let i = 0; i < track.n; i++) if (track.shown[i] !== DIMMED) gaps.push({ track, i });
  }
  return gaps;
}

const GAP_COLUMNS = [
  { title: "Length", value: ({ track, i }) => track.dur[i], text: (_, { track, i }) => duration(track.dur[i]), number: true },
  { title: "Start", value: ({ track, i }) => track.start[i], text: (store, { track, i }) => moment(store.stored(track.start[i])), number: true },
  { title: "Cause", value: ({ track, i }) => track.cat[i], text: (_, { track, i }) => causeCell(track.cat[i]) },
  { title: "Op before", value: null, text: (store, { track, i }) => opText(store, track.before[i]) },
  { title: "Op after", value: null, text: (store, { track, i }) => opText(store, track.after[i]) },
  { title: "Launched by", value: null, text: (store, { track, i }) => callText(store, store.gapCall(track, i)) },
  { title: "GPU", value: ({ track }) => track.device, text: (store, { track }) => store.gpu(track.device), number: true },
  { title: "NVTX", value: null, text: (store, { track, i }) => nvtxText(store, store.gapCall(track, i)) },
];

const LINE_COLUMN = { title: "Line", value: null, text: (store, { track, i }) => store.lines.ofGap(track, i) || NOT_SAMPLED };

function causeCell(cause) {
  return element("span", { class: "cause-cell" }, element("span", { class: `swatch hatch ${CAUSES[cause].key}` }), CAUSES[cause].key);
}

function opText(store, reference) {
  const op = store.locate(reference);
  return op ? store.shortName(op.track, op.i) : "-";
}

function callText(store, call) {
  return call ? store.name(call.track, call.i) : "-";
}

function nvtxText(store, call) {
  return call ? store.nvtxPath(call.track.thread, call.track.start[call.i]).join(" \u203a ") : "";
}

function summaryColumns(kind) {
  const number = (title, key, text = duration) => ({ title, number: true, value: (row) => row[key], text: (_, row) => text(row[key]) });
  const name = { title: "Name", value: null, text: (store, row) => row.label ?? ((kind === "ops" && store.meta.short[row.name]) || store.meta.names[row.name] || "(no name)"), full: (store, row) => (row.label ? "busy: GPU time by the time on the thread. Click to list them singly." : store.meta.names[row.name]) };
  if (kind === "ops") {
    return [name, number("GPU time", "total_ns"), number("Idle before it", "idle_ns"), number("Count", "count", count), number("Longest", "longest_ns")];
  }
  return [name, number("GPU time", "busy_ns"), number("Idle inside", "idle_ns"), number("Time on the thread", "wall_ns"), number("Ranges", "count", count), number("Ops", "ops", count)];
}

/** What a range is called without its numbers; a minus sign belongs to one only at the start or after white space. */
function labelOf(text) {
  return text.replace(/(?<!\S)-?[0-9]+|[0-9]+/g, "#");
}

/** Rows of NVTX ranges in which those that differ in numbers only are one, with their rows as `parts`. */
function folded(store) {
  const groups = new Map();
  for (const row of store.meta.ranges) {
    const label = labelOf(store.meta.names[row.name]);
    groups.set(label, [...(groups.get(label) ?? []), row]);
  }
  return [...groups].map(([label, parts]) => (parts.length < 2 ? parts[0] : together(label, parts)));
}

function together(label, parts) {
  const sum = (key) => parts.reduce((total, row) => total + row[key], 0);
  const sums = Object.fromEntries(["count", "wall_ns", "ops", "busy_ns", "idle_ns"].map((key) => [key, sum(key)]));
  return { ...sums, label: `${label} (${count(parts.length)}): ${spread(parts, sums)}`, parts, at: parts[0].at };
}

/** "9.44 ms median, 8.30 to 13.4; busy 0.89" of ranges: GPU time by their own. */
function spread(parts, sums) {
  const each = parts.map((row) => Math.floor(row.wall_ns / row.count)).sort((a, b) => a - b);
  const median = each[Math.floor((each.length - 1) / 2)];
  const busy = sums.wall_ns ? `; busy ${(sums.busy_ns / sums.wall_ns).toFixed(2)}` : "";
  return `${duration(median)} median, ${extent(each[0], each.at(-1), duration(median))}${busy}`;
}

class Listing {
  /** `first`: the column whose largest values come first until another is chosen. */
  constructor(name, box, store, columns, first) {
    this.name = name;
    this.box = box;
    this.store = store;
    this.columns = columns;
    this.first = first;
    this.limit = PAGE;
    this.rows = [];
    this.order = new Uint32Array(0);
    this.body = element("tbody");
    this.more = element("button", { type: "button", class: "more" });
    this.more.addEventListener("click", () => {
      this.limit += 4 * PAGE;
      this.fill();
    });
    const table = element("table", {}, element("thead", {}, element("tr", {}, ...columns.map((column, k) => this.head(column, k)))), this.body);
    box.replaceChildren(element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": box.dataset.label }, table), this.more);
  }

  head(column, k) {
    const cell = element("th", { scope: "col", class: column.number ? "number" : null });
    if (!column.value) {
      cell.append(column.title);
      return cell;
    }
    const sort = element("button", { type: "button" }, column.title);
    sort.addEventListener("click", () => {
      const [sorted, down] = this.sort;
      state.sorts[this.name] = [column.title, sorted === k ? !down : true];
      emit("table");
    });
    cell.append(sort);
    return cell;
  }

  /** [number of the column, whether its largest values come first]. */
  get sort() {
    const [title, down] = state.sorts[this.name] ?? [];
    const k = this.columns.findIndex((column) => column.value && column.title === title);
    return k < 0 ? [this.first, true] : [k, down];
  }

  /** Show rows; `go(row)` leads to one. */
  show(rows, go) {
    this.rows = rows;
    this.go = go;
    this.limit = PAGE;
    this.fill();
  }

  fill() {
    const [sorted, down] = this.sort, { value } = this.columns[sorted], sign = down ? -1 : 1;
    const keys = Float64Array.from(this.rows, value);
    const order = Uint32Array.from(keys.keys()).sort((a, b) => sign * (keys[a] - keys[b]) || a - b);
    this.order = order;
    this.body.replaceChildren(...Array.from(order.subarray(0, this.limit), (k) => this.row(this.rows[k])));
    const left = order.length - this.limit;
    this.more.hidden = left <= 0;
    this.more.textContent = `Show more (${count(Math.max(0, left))} left)`;
    this.box.querySelectorAll("th").forEach((cell, k) => {
      if (k === sorted) cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
  }

  row(row) {
    const cells = this.columns.map((column, k) => {
      const content = column.text(this.store, row);
      const whole = column.full?.(this.store, row) ?? (typeof content === "string" && !column.number ? content : null);
      const cell = element("td", { class: column.number ? "number" : null, title: whole });
      cell.append(k ? content : element("button", { type: "button", class: "go" }, content));
      return cell;
    });
    const made = element("tr", {}, ...cells);
    made.addEventListener("click", () => this.go(row));
    return made;
  }
}

export class Tables {
  constructor(root, store, reveal) {
    this.root = root;
    this.store = store;
    this.reveal = reveal;
    const box = (name) => root.querySelector(`#${name}-table`);
    this.device = root.querySelector("#gap-device");
    this.cause = root.querySelector("#gap-cause");
    this.text = root.querySelector("#gap-nvtx");
    this.note = root.querySelector("#gap-note");
    const shown = store.gapTracks.length > 1 ? GAP_COLUMNS : GAP_COLUMNS.filter(({ title }) => title !== "GPU");
    const columns = store.lines ? shown.toSpliced(3, 0, LINE_COLUMN) : shown;
    this.gaps = new Listing("gaps", box("gaps"), store, columns, 0);
    this.listings = { gaps: this.gaps };
    this.fillChoices();
    for (const [kind, name] of [["ops", "kernels"], ["ranges", "ranges"]]) {
      this.listings[name] = new Listing(name, box(name), store, summaryColumns(kind), 1);
      this.listings[name].show(kind === "ranges" ? folded(store) : store.meta[kind], (row) => this.goTo(kind, row));
    }
    for (const tab of root.querySelectorAll("[role=tab]")) tab.addEventListener("click", () => this.open(tab.id));
    root.querySelector("[role=tablist]").addEventListener("keydown", (event) => this.step(event));
    on("filter", () => this.refresh());
    on("table", () => this.show());
    on("chosen", () => this.mark());
    this.refresh();
    this.markTab();
  }

  fillChoices() {
    const options = this.store.gapTracks.map((track) => element("option", { value: String(track.device) }, `GPU ${this.store.gpu(track.device)}`));
    this.device.replaceChildren(element("option", { value: "" }, "all GPUs"), ...options);
    const held = [...CAUSES.entries()].filter(([k]) => this.store.meta.causes[k]);
    this.cause.replaceChildren(element("option", { value: "-1" }, "all causes"), ...held.map(([k, cause]) => element("option", { value: String(k) }, named(cause))));
    this.device.addEventListener("change", () => setFilter({ device: this.device.value === "" ? null : Number(this.device.value) }));
    this.cause.addEventListener("change", () => setFilter({ cause: Number(this.cause.value) }));
    this.text.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => {
        this.typing = 0;
        setFilter({ nvtx: this.text.value.trim() });
      }, 200);
    });
  }

  refresh() {
    this.cause.value = String(state.cause);
    this.device.value = String(state.device ?? "");
    if (this.text.value.trim() !== state.nvtx) this.text.value = state.nvtx; // a space at its end may be half a word
    const rows = chosenGaps(this.store);
    const total = rows.reduce((sum, { track, i }) => sum + track.dur[i], 0);
    const all = this.store.gapTracks.reduce((sum, track) => sum + track.n, 0);
    this.note.textContent = `${count(rows.length)} of ${count(all)} gaps, ${duration(total)} together${this.ofCause(rows)}`;
    this.gaps.show(rows, ({ track, i }) => this.go(track, i));
    this.mark();
  }

  /** Gaps have a cause as their largest part: what of their time is that part, and what of it other gaps have. */
  ofCause(rows) {
    if (state.cause < 0) return "";
    const { key } = CAUSES[state.cause];
    let inside = 0, everywhere = 0;
    for (const { track, i } of rows) inside += this.store.parts(track, i)[state.cause];
    eachSelectedGap(this.store, (track, i) => (everywhere += this.store.parts(track, i)[state.cause]));
    const others = everywhere > inside ? `; ${duration(everywhere - inside)} of ${key} is in gaps of another main cause` : "";
    return `: ${key} is the largest part of each, ${duration(inside)} in all${others}`;
  }

  /** Gaps in the table's order, for n and p. */
  get listed() {
    return Array.from(this.gaps.order, (k) => this.gaps.rows[k]);
  }

  go(track, i) {
    this.reveal(track, this.store.locate(track.after[i])?.track);
    setView(...this.store.around(track.start[i], track.end(i)));
    choose(this.store.reference(track, i));
    emit("jump");
  }

  /** List the ranges of a folded row singly, in its place. */
  unfold(row) {
    const { ranges } = this.listings;
    ranges.show(ranges.rows.flatMap((listed) => (listed === row ? listed.parts : [listed])), ranges.go);
  }

  goTo(kind, row) {
    if (row.parts) {
      this.unfold(row);
      return;
    }
    setView(...this.store.around(row.at[0], row.at[1], kind === "ops" ? 0.75 : 0.1));
    const track = this.store.tracks.find((shown) => shown.kind === (kind === "ops" ? "stream" : "nvtx") && this.find(shown, row) >= 0);
    if (track) {
      this.reveal(track);
      choose(this.store.reference(track, this.find(track, row)));
    }
    emit("jump");
  }

  /** The slice of that name at the place a summary's row points to: the op after its longest gap, or the range itself. */
  find(track, row) {
    for (let lane = 0; lane < track.lanes.length - 1; lane++) {
      for (const t of row.at) {
        const i = track.at(lane, t);
        if (i >= 0 && track.name[i] === row.name && (track.start[i] === row.at[0] || track.start[i] === row.at[1])) return i;
      }
    }
    return -1;
  }

  mark() {
    const rows = this.gaps.body.children;
    for (let k = 0; k < rows.length; k++) {
      const { track, i } = this.gaps.rows[this.gaps.order[k]];
      rows[k].classList.toggle("current", this.store.reference(track, i) === state.chosen);
    }
  }

  open(tab) {
    state.table = TABLES.find((name) => tab === `tab-${name}`) ?? state.table;
    emit("table");
  }

  /** The chosen table in its order. */
  show() {
    this.markTab();
    this.listings[state.table].fill();
    this.mark();
  }

  markTab() {
    for (const name of TABLES) {
      const tab = this.root.querySelector(`#tab-${name}`), chosen = name === state.table;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      this.root.querySelector(`#${name}-panel`).hidden = !chosen;
    }
  }

  step(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const tabs = [...this.root.querySelectorAll("[role=tab]")];
    const next = tabs[(tabs.indexOf(document.activeElement) + by + tabs.length) % tabs.length];
    this.open(next.id);
    next.focus();
    event.stopPropagation();
    event.preventDefault();
  }
}


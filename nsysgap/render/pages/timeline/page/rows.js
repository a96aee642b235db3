// The rows beside the plot: a tree of groups that fold, and where each lane is drawn.
import { element } from "./format.js";
import { emit } from "./state.js";

const GROUP = 22, GAPS = 30, SINGLE = 22, LANE = 15, PAD = 4;

export class Rows {
  constructor(store, gutter) {
    this.store = store;
    this.gutter = gutter;
    this.all = [];
    this.visible = [];
    this.flatten(store.meta.tree, 0, null);
    this.layOut();
  }

  flatten(nodes, depth, parent) {
    for (const node of nodes) {
      const row = { ...node, depth, parent, folded: node.fold, group: node.children.length > 0 };
      row.source = row.track >= 0 ? this.store.tracks[row.track] : null;
      row.summary = row.group ? firstTrack(node, this.store) : null;
      this.all.push(row);
      this.flatten(node.children, depth + 1, row);
    }
  }

  /** Give every visible row its place and rebuild the labels. */
  layOut() {
    this.visible = this.all.filter((row) => !hidden(row));
    let y = 0;
    for (const row of this.visible) {
      row.y = y;
      row.lanes = laneBoxes(row);
      row.height = rowHeight(row);
      y += row.height;
    }
    this.height = y;
    this.gutter.replaceChildren(...this.visible.map((row) => this.label(row)));
  }

  label(row) {
    const text = [element("span", { class: "name" }, row.label), element("span", { class: "sub" }, row.sub)];
    const style = `height:${row.height}px;--depth:${row.depth}`;
    const title = row.sub ? `${row.label}: ${row.sub}` : row.label;
    if (!row.group) return element("div", { class: "row", style, title }, ...text);
    const made = element("button", { class: "row group", style, title, "aria-expanded": String(!row.folded), type: "button" }, ...text);
    made.addEventListener("click", () => this.fold(row, !row.folded));
    return made;
  }

  fold(row, folded) {
    const at = this.visible.indexOf(row);
    const focused = document.activeElement === this.gutter.children[at];
    row.folded = folded;
    this.layOut();
    if (focused) this.gutter.children[this.visible.indexOf(row)].focus();
    emit("rows");
  }

  /**
   * Unfold everything around a track; returns its row: of several (a GPU that processes share) the one `beside`.
   * @param {import("./track.js").Track} track
   * @param {import("./track.js").Track | null} beside
   */
  reveal(track, beside = null) {
    const group = this.all.find((listed) => beside && listed.source === beside)?.parent;
    const rows = this.all.filter((listed) => listed.source === track);
    const row = rows.find((own) => own.parent === group) ?? rows[0];
    if (!row) return null;
    let changed = false;
    for (let up = row.parent; up; up = up.parent) {
      changed ||= up.folded;
      up.folded = false;
    }
    if (changed) {
      this.layOut();
      emit("rows");
    }
    return row;
  }

  /** {row, track, lane} at a height of the plot, or null. */
  at(y) {
    const row = this.visible.find((visible) => y >= visible.y && y < visible.y + visible.height);
    const box = row?.lanes.find((lane) => y >= row.y + lane.y && y < row.y + lane.y + lane.height + 1);
    return box ? { row, track: box.track, lane: box.lane } : null;
  }

  /** The boxes {row, track, lane, y, height} that are drawn between two heights. */
  *boxes(top = -Infinity, bottom = Infinity) {
    for (const row of this.visible) {
      if (row.y + row.height < top || row.y > bottom) continue;
      for (const box of row.lanes) yield { row, track: box.track, lane: box.lane, y: row.y + box.y, height: box.height };
    }
  }
}

function hidden(row) {
  for (let up = row.parent; up; up = up.parent) if (up.folded) return true;
  return false;
}

/** What a folded group shows: its gaps, or its first track. */
function firstTrack(node, store) {
  if (node.track >= 0) return store.tracks[node.track];
  for (const child of node.children) {
    const first = firstTrack(child, store);
    if (first) return first;
  }
  return null;
}

function laneBoxes(row) {
  if (row.group) return row.folded && row.summary ? [{ track: row.summary, lane: 0, y: 4, height: GROUP - 8 }] : [];
  const track = row.source;
  if (track.kind === "gaps") return [{ track, lane: 0, y: 3, height: GAPS - 6 }];
  if (track.laneCount === 1) return [{ track, lane: 0, y: 2, height: SINGLE - 4 }];
  return Array.from({ length: track.laneCount }, (_, lane) => ({ track, lane, y: PAD / 2 + lane * LANE, height: LANE - 1 }));
}

function rowHeight(row) {
  if (row.group) return GROUP;
  if (row.source.kind === "gaps") return GAPS;
  return row.source.laneCount === 1 ? SINGLE : row.source.laneCount * LANE + PAD;
}

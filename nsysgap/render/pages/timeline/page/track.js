// One track: its slices in lanes, and how much of any span each category covers. All sums are of whole ns below 2^53 and
// therefore exact.

/** The first position in [low, high) whose value is greater than `t` (or not less, with `from`). */
export function search(values, low, high, t, from = false) {
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle] < t || (!from && values[middle] === t)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Integers of slices. Every track has start, dur and cat, and name but those of gaps; each of the others is there on
 * tracks of some kinds only, and asked for on those alone.
 * @typedef {Uint8Array | Uint16Array | Uint32Array | Float64Array} Column
 * @typedef {{start: Column, dur: Column, cat: Column, name?: Column, corr: Column, config: Column, call: Column, node: Column,
 *   failed: Column, open: Column, source: Column, after: Column, before: Column, stretches: Column, part: Column, ns: Column}} Columns
 * @typedef {{kind: string, n: number, base: number, lanes: number[], thread: number, device: number}} Entry
 */

export class Track {
  /**
   * @param {Entry} entry
   * @param {Columns} columns
   * @param {number} number
   */
  constructor(entry, columns, number) {
    // Of slices: ns, numbers of categories and of names.
    this.start = columns.start;
    this.dur = columns.dur;
    this.cat = columns.cat;
    this.name = columns.name;
    // Of ops, calls and ranges.
    this.corr = columns.corr;
    this.config = columns.config;
    this.call = columns.call;
    this.node = columns.node;
    this.failed = columns.failed;
    this.open = columns.open;
    this.source = columns.source;
    // Of gaps: references to ops, and their stretches, of which all gaps' follow one another in part and ns.
    this.after = columns.after;
    this.before = columns.before;
    this.stretches = columns.stretches;
    this.part = columns.part;
    this.ns = columns.ns;
    this.number = number;
    this.kind = entry.kind;
    this.n = entry.n;
    this.base = entry.base;
    this.lanes = entry.lanes;
    this.thread = entry.thread;
    this.device = entry.device;
    this.bins = null; // of a shortened page, with so many levels finer than the first
    this.finer = 0;
    this.shown = this.cat;
    this.ofBins = null;
    this.cache = [];
  }

  get laneCount() {
    return Math.max(1, this.lanes.length - 1);
  }

  end(i) {
    return this.start[i] + this.dur[i];
  }

  /**
   * Draw with other categories (a filter), or with the own ones again for null. `ofBins`: the category that bins of a
   * category are drawn in, where single slices are not here.
   * @param {Column | null} categories
   * @param {((cause: number) => number) | null} ofBins
   */
  recolor(categories, ofBins = null) {
    this.shown = categories ?? this.cat;
    this.ofBins = ofBins;
    this.cache = [];
  }

  laneOf(i) {
    return search(this.lanes, 0, this.lanes.length, i) - 1;
  }

  /** Positions [from, to) of the slices of a lane that touch [t0, t1); a slice of no length counts where it lies. */
  range(lane, t0, t1) {
    const low = this.lanes[lane], high = this.lanes[lane + 1];
    let from = search(this.start, low, high, t0, true);
    while (from > low && this.end(from - 1) > t0) from--;
    return [from, search(this.start, from, high, t1, true)];
  }

  /** The slice of a lane at a time, at most `slack` ns away; -1 for none. */
  at(lane, t, slack = 0) {
    const low = this.lanes[lane], high = this.lanes[lane + 1];
    const next = search(this.start, low, high, t);
    if (next > low && (this.end(next - 1) > t || this.end(next - 1) + slack >= t)) {
      if (this.end(next - 1) > t || next === high || t - this.end(next - 1) <= this.start[next] - t) return next - 1;
    }
    return next < high && this.start[next] - t <= slack ? next : -1;
  }

  /** Per category of a lane: positions and the summed durations before each; made when first needed. */
  prefixes(lane) {
    if (this.cache[lane]) return this.cache[lane];
    const low = this.lanes[lane] ?? 0, high = this.lanes[lane + 1] ?? 0;
    const counts = new Map();
    for (let i = low; i < high; i++) counts.set(this.shown[i], (counts.get(this.shown[i]) ?? 0) + 1);
    const prefixes = new Map();
    for (const cat of [...counts.keys()].sort((a, b) => a - b)) {
      const size = counts.get(cat);
      prefixes.set(cat, { starts: new Float64Array(size), index: new Uint32Array(size), sums: new Float64Array(size + 1), n: 0 });
    }
    for (let i = low; i < high; i++) {
      const prefix = prefixes.get(this.shown[i]);
      prefix.starts[prefix.n] = this.start[i];
      prefix.index[prefix.n] = i;
      prefix.sums[prefix.n + 1] = prefix.sums[prefix.n] + this.dur[i];
      prefix.n++;
    }
    return (this.cache[lane] = prefixes);
  }

  /** The ns that a category of a lane covers before each of ascending times. */
  coveredBefore(lane, cat, times) {
    const prefix = this.prefixes(lane).get(cat);
    return coveredBefore(prefix, (k) => this.end(prefix.index[k]), times);
  }

  /** The categories of a lane in order. */
  categories(lane) {
    return [...this.prefixes(lane).keys()];
  }

  /** The ns that each category of a lane covers between ascending edges: Map of category to Float64Array. */
  columns(lane, edges) {
    const columns = new Map();
    for (const cat of this.categories(lane)) columns.set(cat, steps(this.coveredBefore(lane, cat, edges)));
    return columns;
  }

  /** The ns covered in [t0, t1) over all lanes and categories. */
  coveredIn(t0, t1) {
    let sum = 0;
    for (let lane = 0; lane < this.lanes.length - 1; lane++) {
      for (const cat of this.categories(lane)) {
        const [before, until] = this.coveredBefore(lane, cat, [t0, t1]);
        sum += until - before;
      }
    }
    return sum;
  }

  /** As `columns`, from the bins of a shortened page: exact where the edges are edges of bins of any level it has. */
  binColumns(lane, edges) {
    const columns = new Map();
    for (const [own, bins] of this.bins[lane]) {
      const cat = this.ofBins?.(own) ?? own, covered = steps(coveredBefore(bins, (k) => bins.ends[k], edges));
      columns.set(cat, columns.has(cat) ? covered.map((ns, k) => ns + columns.get(cat)[k]) : covered);
    }
    return columns;
  }
}

/** The ns covered before each of ascending times by slices or bins {starts, sums, n}; what begins just then is not cut. */
function coveredBefore({ starts, sums, n }, endOf, times) {
  const covered = new Float64Array(times.length);
  let at = 0;
  for (let k = 0; k < times.length; k++) {
    at = search(starts, at, n, times[k], true);
    covered[k] = sums[at] - (at ? Math.max(0, endOf(at - 1) - times[k]) : 0);
  }
  return covered;
}

function steps(values) {
  return Float64Array.from({ length: values.length - 1 }, (_, k) => values[k + 1] - values[k]);
}

// Utilisation in bins of a shortened page, as nsysgap/render/timeline/bins.py wrote it: the first level has bins of equal
// width, each further one the first three quarters of every bin before it that is covered in part.
import { decodeColumns, inflate } from "./codec.js";

export const PARTS = 4;

/** Bins in which something is covered, by start, as columns that grow. */
class Bins {
  constructor(most) {
    this.starts = new Float64Array(most);
    this.ends = new Float64Array(most);
    this.ns = new Float64Array(most);
    this.n = 0;
  }

  add(start, end, ns) {
    if (!ns) return;
    this.starts[this.n] = start;
    this.ends[this.n] = end;
    this.ns[this.n++] = ns;
  }
}

function firstLevel(values, width) {
  const bins = new Bins(values.length);
  for (let k = 0; k < values.length; k++) bins.add(k * width, (k + 1) * width, values[k]);
  return bins;
}

/** Split the bins of four times the width that are covered in part. */
function nextLevel(bins, values, width) {
  const parents = values.length / (PARTS - 1), split = new Bins(bins.n + values.length);
  for (let k = 0, parent = 0; k < bins.n; k++) {
    const start = bins.starts[k], end = bins.ends[k];
    if (end - start !== PARTS * width || bins.ns[k] === end - start) {
      split.add(start, end, bins.ns[k]);
      continue;
    }
    let rest = bins.ns[k];
    for (let part = 0; part < PARTS - 1; part++) {
      const ns = values[part * parents + parent];
      split.add(start + part * width, start + (part + 1) * width, ns);
      rest -= ns;
    }
    split.add(end - width, end, rest);
    parent++;
  }
  return split;
}

/** {starts, ends, sums, n}: the bins and the ns before each. */
function summed({ starts, ends, ns, n }) {
  const sums = new Float64Array(n + 1);
  for (let k = 0; k < n; k++) sums[k + 1] = sums[k] + ns[k];
  return { starts: starts.slice(0, n), ends: ends.slice(0, n), sums, n };
}

/** Per lane a Map of category to its bins. `levels`: the specs of each level, `texts` their packed values. */
export async function loadBins(levels, texts, lanes, width) {
  const values = await Promise.all(levels.map(async (specs, k) => decodeColumns(specs, await inflate(texts[k]))));
  const ofLanes = Array.from({ length: lanes }, () => new Map());
  for (const [column, first] of Object.entries(values[0])) {
    const [lane, cat] = column.split(" ").map(Number);
    let bins = firstLevel(first, width);
    for (let k = 1; k < values.length; k++) {
      if (values[k][column]) bins = nextLevel(bins, values[k][column], width / PARTS ** k);
    }
    ofLanes[lane].set(cat, summed(bins));
  }
  return ofLanes;
}

// Everything the page holds: the directory (meta), the tracks, and how slices refer to one another.
import { loadBins } from "./bins.js";
import { CAUSES } from "./categories.js";
import { decodeColumns, inflate } from "./codec.js";
import { Lines } from "./lines.js";
import { Track, search } from "./track.js";

const LEAST_ROOM = 20; // ns, for what has no length
const NO_HELD = { spans: [], names: [] };

function take(id) {
  const script = /** @type {HTMLElement} */ (document.getElementById(id));
  const text = script.textContent;
  script.remove(); // the text is not needed twice
  return text;
}

async function loadTrack(entry, number, binNs) {
  const bytes = await inflate(take(`track-${number}`));
  const track = new Track(entry, decodeColumns(entry.columns, bytes), number);
  if (entry.bins) {
    const texts = entry.bins.map((_, level) => take(`bins-${number}-${level}`));
    track.bins = await loadBins(entry.bins, texts, track.laneCount, binNs);
    track.finer = entry.bins.length - 1;
  }
  return track;
}

async function loadLines(about, number) {
  if (!about) return null;
  const columns = async (specs, k) => decodeColumns(specs, await inflate(take(`track-${number + k}`)));
  return new Lines(about, await columns(about.pieces, 0), await columns(about.tree, 1));
}

export class Store {
  /** @type {{calls: Uint32Array, ops: Uint32Array} | null} */
  launched = null;

  static async load() {
    const meta = JSON.parse(new TextDecoder().decode(await inflate(take("meta"))));
    const tracks = await Promise.all(meta.tracks.map((entry, number) => loadTrack(entry, number, meta.reduced?.binNs)));
    meta.tracks = null;
    return new Store(meta, tracks, await loadLines(meta.lines, tracks.length));
  }

  /**
   * `meta`: the directory, as nsysgap/render/pages/timeline/page.py wrote it.
   * @param {any} meta
   * @param {Track[]} tracks
   * @param {Lines | null} lines
   */
  constructor(meta, tracks, lines) {
    this.meta = meta;
    this.lines = lines;
    this.tracks = tracks;
    this.base = BigInt(meta.base);
    this.span = meta.span;
    this.bases = tracks.map((track) => track.base);
    this.streamOf = new Map(labels(meta.tree).map(([number, label]) => [tracks[number], label]));
    this.gapTracks = tracks.filter((track) => track.kind === "gaps");
    this.stretchBegins = new Map(this.gapTracks.map((track) => [track, stretchBegins(track)]));
    const windows = meta.summary.devices.map((device) => device.window_ns);
    this.window = windows.length
      ? [Math.min(...windows.map((range) => range[0])), Math.max(...windows.map((range) => range[1]))]
      : [0, this.span];
  }

  /** What people call a GPU: its number, and which one of several with that number. */
  gpu(device) {
    return this.meta.gpus[device] ?? String(device);
  }

  /** The held stretch that ends a gap: {ns, by} ("" for by where nothing that the report records held it); or null. */
  heldIn(track, i) {
    const { spans, names } = this.meta.held[track.device] ?? NO_HELD, until = track.end(i);
    let low = 0, high = spans.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (spans[middle][1] < until) low = middle + 1;
      else high = middle;
    }
    if (spans[low]?.[1] !== until) return null;
    const [from, to, holder] = spans[low];
    return { ns: to - from, by: names[holder] ?? "" };
  }

  /**
   * The report's own time of a time of the page.
   * @param {number} t
   */
  stored(t) {
    return this.base + BigInt(Math.round(t));
  }

  /**
   * A reference's track and the number of its slice there; null for 0.
   * @param {number} reference
   * @returns {{track: Track, i: number} | null}
   */
  locate(reference) {
    if (!reference) return null;
    const track = this.tracks[search(this.bases, 0, this.bases.length, reference - 1) - 1];
    // Tracks without slices share their base with the next one; the search finds the last of them.
    return { track, i: reference - 1 - track.base };
  }

  reference(track, i) {
    return track.base + i + 1;
  }

  name(track, i) {
    return this.meta.names[track.name[i]];
  }

  /** An op's name without namespaces and template arguments; any other name as it is. */
  shortName(track, i) {
    const short = track.kind === "stream" ? this.meta.short[track.name[i]] : null;
    return short ?? this.meta.names[track.name[i]];
  }

  /**
   * What a gap consists of, in order of time: [[cause, ns], ...]; neighbours differ in cause, lengths fill the gap.
   * @param {Track} track
   * @param {number} i
   * @returns {[number, number][]}
   */
  stretches(track, i) {
    const begins = this.stretchBegins.get(track) ?? stretchBegins(track);
    /** @type {[number, number][]} */
    const pairs = [];
    for (let at = begins[i]; at < begins[i + 1]; at++) pairs.push([track.part[at], track.ns[at]]);
    return pairs;
  }

  /** The ten parts of what of a gap lies in [from, until), ns. */
  parts(track, i, from = -Infinity, until = Infinity) {
    const sums = new Array(CAUSES.length).fill(0);
    let t = track.start[i];
    for (const [cause, ns] of this.stretches(track, i)) {
      sums[cause] += Math.max(0, Math.min(t + ns, until) - Math.max(t, from));
      t += ns;
    }
    return sums;
  }

  /** The launch call of an op, or null. */
  callOf(track, i) {
    return track.kind === "stream" ? this.locate(track.call[i]) : null;
  }

  /** The ops that an API call launched, as references; the index is made when first asked for. */
  opsOf(track, i) {
    this.launched ??= launchedOps(this.tracks);
    const key = this.reference(track, i);
    const { calls, ops } = this.launched;
    const launched = [];
    for (let at = search(calls, 0, calls.length, key, true); at < calls.length && calls[at] === key; at++) launched.push(ops[at]);
    return launched;
  }

  /** What a thread did at a time, one {track, i} per lane of each of its tracks of a kind, outermost first. */
  onThread(thread, kind, t) {
    const running = [];
    for (const track of this.tracks) {
      if (track.thread !== thread || track.kind !== kind) continue;
      for (let lane = 0; lane < track.lanes.length - 1; lane++) {
        const i = track.at(lane, t);
        if (i >= 0 && track.start[i] <= t && track.end(i) > t) running.push({ track, i });
      }
    }
    return running;
  }

  /** The names of the NVTX ranges around a moment on a thread, outermost first. */
  nvtxPath(thread, t) {
    const ranges = this.onThread(thread, "nvtx", t);
    ranges.sort((a, b) => a.track.start[a.i] - b.track.start[b.i] || b.track.end(b.i) - a.track.end(a.i));
    return ranges.map(({ track, i }) => this.name(track, i));
  }

  /** The launch call of the op after a gap, or null. */
  gapCall(track, i) {
    const after = this.locate(track.after[i]);
    return after && this.callOf(after.track, after.i);
  }

  /** Op start minus call start of the op after a gap, ns; NaN without a call. */
  gapLatency(track, i) {
    const after = this.locate(track.after[i]);
    const call = after && this.callOf(after.track, after.i);
    return call ? after.track.start[after.i] - call.track.start[call.i] : NaN;
  }

  /** [t0, t1) with room on both sides, but no further than the detailed part of a shortened page that it lies in. */
  around(t0, t1, room = 0.75) {
    const by = room * Math.max(t1 - t0, LEAST_ROOM);
    const detail = this.meta.reduced?.windows.find(([from, to]) => from <= t0 && t1 <= to) ?? [-Infinity, Infinity];
    return [Math.max(t0 - by, detail[0]), Math.min(t1 + by, detail[1])];
  }

  /** Whether [t0, t1) lies where a shortened page has every slice; always, if nothing was left out. */
  inDetail(t0, t1) {
    if (!this.meta.reduced) return true;
    return this.meta.reduced.windows.some(([from, to]) => from <= t0 && t1 <= to);
  }
}

function labels(nodes) {
  return nodes.flatMap((node) => [...(node.track >= 0 ? [[node.track, node.label]] : []), ...labels(node.children)]);
}

function stretchBegins(track) {
  const begins = new Uint32Array(track.n + 1);
  for (let i = 0; i < track.n; i++) begins[i + 1] = begins[i] + track.stretches[i];
  return begins;
}

function launchedOps(tracks) {
  const pairs = [];
  for (const track of tracks) {
    if (track.kind !== "stream") continue;
    for (let i = 0; i < track.n; i++) if (track.call[i]) pairs.push(track.call[i], track.base + i + 1);
  }
  const size = pairs.length / 2;
  const order = new Uint32Array(size).map((_, k) => k);
  order.sort((a, b) => pairs[2 * a] - pairs[2 * b] || pairs[2 * a + 1] - pairs[2 * b + 1]);
  const calls = new Uint32Array(size), ops = new Uint32Array(size);
  order.forEach((k, at) => {
    calls[at] = pairs[2 * k];
    ops[at] = pairs[2 * k + 1];
  });
  return { calls, ops };
}

// Which gaps the filter leaves: by cause, a histogram's bin, GPU and the NVTX range around the launch.
import { CAUSES } from "./categories.js";
import { duration } from "./format.js";
import { state } from "./state.js";

/** Whether some part of the idle time is selected: by a span that was dragged, or by a filter other than a cause. */
export function hasSelection() {
  return Boolean(state.drag || state.bin || state.device !== null || state.nvtx);
}

/** The selection in words, for headings: "of the measured 2.00 ms"; "" for all. */
export function selectionText(store) {
  const said = [];
  if (state.drag) said.push(`in the measured ${duration(state.drag[1] - state.drag[0])}`);
  if (state.nvtx) said.push(`launched inside NVTX ranges \u201c${state.nvtx}\u201d`);
  if (state.device !== null) said.push(`on GPU ${store.gpu(state.device)}`);
  if (state.bin) said.push(state.bin.of === "gaps" ? "in gaps of the chosen length" : "before launches of the chosen latency");
  return said.join(", ");
}

/** Call `each(track, i, from, until)` for every gap that the selection has a part of, whatever its cause. */
export function eachSelectedGap(store, each) {
  const test = gapTest(store, false), [from, until] = state.drag ?? [-Infinity, Infinity];
  for (const track of store.gapTracks) {
    const [first, last] = state.drag ? track.range(0, from, until) : [0, track.n];
    for (let i = first; i < last; i++) if (!test || test(track, i)) each(track, i, from, until);
  }
}

/** The idle time that is selected by cause, of all GPUs together, ns; of the gaps that are here one by one. */
export function selectedByCause(store) {
  const sums = new Array(CAUSES.length).fill(0);
  eachSelectedGap(store, (track, i, from, until) => store.parts(track, i, from, until).forEach((ns, cause) => (sums[cause] += ns)));
  return sums;
}

/** The idle time of one GPU in [from, until) by cause, ns. */
export function causesWithin(store, track, from, until) {
  const sums = new Array(CAUSES.length).fill(0);
  const [first, last] = track.range(0, from, until);
  for (let i = first; i < last; i++) store.parts(track, i, from, until).forEach((ns, cause) => (sums[cause] += ns));
  return sums;
}

/** A test (track, i) whether the filter, with or without its cause, leaves a gap; null if there is no filter. */
export function gapTest(store, withCause = true) {
  const tests = [];
  if (withCause && state.cause >= 0) tests.push((track, i) => track.cat[i] === state.cause);
  if (state.bin) tests.push(binTest(store, state.bin));
  if (state.device !== null) tests.push((track) => track.device === state.device);
  if (state.nvtx) tests.push(nvtxTest(store, state.nvtx));
  return tests.length ? (track, i) => tests.every((test) => test(track, i)) : null;
}

/** A test whether a gap lies in a histogram's bin. */
function binTest(store, { of, bin }) {
  const { edges } = store.meta.histograms;
  return (track, i) => {
    const value = of === "gaps" ? track.dur[i] : store.gapLatency(track, i);
    return value >= edges[bin] && (bin + 1 >= edges.length || value < edges[bin + 1]);
  };
}

/** A test whether a gap's launch lies in an NVTX range whose name holds the text. */
function nvtxTest(store, text) {
  const wanted = text.toLowerCase();
  const names = new Set([...store.meta.names.keys()].filter((k) => store.meta.names[k].toLowerCase().includes(wanted)));
  return (track, i) => {
    const call = store.gapCall(track, i);
    if (!call) return false;
    return store.onThread(call.track.thread, "nvtx", call.track.start[call.i]).some((range) => names.has(range.track.name[range.i]));
  };
}

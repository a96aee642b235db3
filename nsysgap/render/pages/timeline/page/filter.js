// Which gaps the filter leaves: by cause, a histogram's bin, GPU and the NVTX range around the launch.
import { state } from "./state.js";

/** A test (track, i) whether the filter leaves a gap; null if there is no filter. */
export function gapTest(store) {
  const tests = [];
  if (state.cause >= 0) tests.push((track, i) => track.cat[i] === state.cause);
  if (state.bin) tests.push((track, i) => inBin(store, track, i));
  if (state.device !== null) tests.push((track) => track.device === state.device);
  if (state.nvtx) tests.push(nvtxTest(store, state.nvtx));
  return tests.length ? (track, i) => tests.every((test) => test(track, i)) : null;
}

function inBin(store, track, i) {
  const { edges } = store.meta.histograms, { of, bin } = state.bin;
  const value = of === "gaps" ? track.dur[i] : store.gapLatency(track, i);
  return value >= edges[bin] && (bin + 1 >= edges.length || value < edges[bin + 1]);
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

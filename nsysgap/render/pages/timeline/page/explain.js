// What a slice or a gap is, in words: for the tooltip, the details and the screen reader.
import { CAUSE, categoryOf, named } from "./categories.js";
import { count, duration, exact, moment } from "./format.js";

const { in_graph: IN_GRAPH, queued: QUEUED, launch: LAUNCH, unknown: UNKNOWN } = CAUSE;
const { profiler: PROFILER, sync: SYNC, untraced: UNTRACED, cuda_api: CUDA_API, os: OS, host: HOST } = CAUSE;
const MOST_SAID = 6; // stretches that a sentence names one by one

/** {title, kind, color, rows: [[label, text]], stretches: [[cause, ns]] in order of time, sentence} of slice i of a track. */
export function explain(store, track, i) {
  const about = {
    title: "", kind: "", rows: [], stretches: [], sentence: "",
    category: categoryOf(track.kind, track.cat[i], store.meta.palette),
  };
  DESCRIBE[track.kind](store, track, i, about);
  return about;
}

function times(store, track, i, about) {
  about.rows.push(["Start", moment(store.stored(track.start[i]))]);
  const length = duration(track.dur[i]);
  about.rows.push(["Duration", track.dur[i] < 1000 ? length : `${length} (${exact(track.dur[i])})`]);
}

function describeOp(store, track, i, about) {
  about.title = store.name(track, i);
  about.kind = about.category.label;
  times(store, track, i, about);
  const call = store.callOf(track, i);
  if (call) describeLaunch(store, track, i, call, about);
  else about.rows.push(["Launch call", "not in the report"]);
  about.rows.push(["Stream", `${store.streamOf.get(track) ?? ""}, GPU ${store.gpu(track.device)}`]);
  describeConfiguration(store.meta.configs, track.config[i], about);
  if (track.corr[i]) about.rows.push(["Correlation", String(track.corr[i])]);
  if (track.node[i]) about.rows.push(["Graph node", String(track.node[i])]);
}

function describeLaunch(store, track, i, call, about) {
  const start = call.track.start[call.i];
  about.rows.push(["Launch latency", duration(track.start[i] - start)]);
  const queue = track.start[i] - call.track.end(call.i);
  about.rows.push(["Launched by", `${store.name(call.track, call.i)}, ${duration(call.track.dur[call.i])}`
    + (queue > 0 ? `, ${duration(queue)} before the start` : "")]);
  about.rows.push(["On", store.meta.threads[call.track.thread]]);
  const path = store.nvtxPath(call.track.thread, start);
  if (path.length) about.rows.push(["NVTX", path.join(" \u203a ")]);
}

function describeConfiguration(configs, row, about) {
  if (!configs.grid_x) return;
  const value = (name) => configs[name][row];
  const triple = (name) => ["x", "y", "z"].map((axis) => count(value(`${name}_${axis}`))).join(" \u00d7 ");
  if (value("grid_x") >= 0) about.rows.push(["Grid, block", `${triple("grid")}, ${triple("block")}`]);
  if (value("registers") >= 0) about.rows.push(["Registers", `${count(value("registers"))} per thread`]);
  if (value("shared") >= 0) about.rows.push(["Shared memory", `${count(value("shared"))} B per block`]);
  if (value("bytes") >= 0) about.rows.push(["Size", `${count(value("bytes"))} B`]);
  if (value("value") >= 0) about.rows.push(["Value set", String(value("value"))]);
}

function describeCall(store, track, i, about) {
  about.title = store.name(track, i);
  about.kind = about.category.label;
  times(store, track, i, about);
  about.rows.push(["On", store.meta.threads[track.thread]]);
  const ops = store.opsOf(track, i);
  if (ops.length) {
    const first = store.locate(ops[0]);
    about.rows.push(["Launched", ops.length > 1 ? `${count(ops.length)} ops` : store.shortName(first.track, first.i)]);
    about.rows.push(["Launch latency", duration(first.track.start[first.i] - track.start[i])]);
  }
  if (track.failed[i]) about.rows.push(["Result", "the call returned an error"]);
  const path = store.nvtxPath(track.thread, track.start[i]);
  if (path.length) about.rows.push(["NVTX", path.join(" \u203a ")]);
  if (track.corr[i]) about.rows.push(["Correlation", String(track.corr[i])]);
}

function describeRange(store, track, i, about) {
  about.title = store.name(track, i) || "(NVTX range without a name)";
  about.kind = track.kind === "projected" ? "NVTX range on the GPU: first to last op launched inside" : "NVTX range";
  times(store, track, i, about);
  if (track.kind === "nvtx" && track.open[i]) about.rows.push(["End", "open: the report has no end"]);
  const range = track.kind === "projected" ? store.locate(track.source[i]) : null;
  if (range) about.rows.push(["On the thread", `${duration(range.track.dur[range.i])}, ${store.meta.threads[range.track.thread]}`]);
  for (const gaps of store.gapTracks) {
    if (track.device >= 0 && gaps.device !== track.device) continue;
    about.rows.push([`GPU ${store.gpu(gaps.device)} idle`, duration(gaps.coveredIn(track.start[i], track.end(i)))]);
  }
}

function describeSpan(store, track, i, about) {
  about.title = store.name(track, i);
  about.kind = about.category.label;
  times(store, track, i, about);
  if (track.thread >= 0) about.rows.push(["On", store.meta.threads[track.thread]]);
}

function describeGap(store, track, i, about) {
  about.title = `Idle ${duration(track.dur[i])}: ${named(about.category)}`;
  about.kind = `Gap of GPU ${store.gpu(track.device)}`;
  times(store, track, i, about);
  about.stretches = store.stretches(track, i);
  for (const [label, reference] of [["Op before", track.before[i]], ["Op after", track.after[i]]]) {
    const op = store.locate(reference);
    if (op) about.rows.push([label, `${store.shortName(op.track, op.i)}, ${duration(op.track.dur[op.i])}`]);
  }
  const held = store.heldIn(track, i);
  if (held) about.rows.push(["Held", `${duration(held.ns)}: ${held.by ? `by ${held.by}` : "nothing that the report records held the launched work back"}`]);
  const call = store.gapCall(track, i);
  const line = store.lines?.ofGap(track, i);
  if (line) about.rows.push(["Line", line]);
  if (call) {
    about.rows.push(["Launched by", `${store.name(call.track, call.i)}, ${duration(call.track.dur[call.i])}`]);
    about.rows.push(["On", store.meta.threads[call.track.thread]]);
    const path = store.nvtxPath(call.track.thread, call.track.start[call.i]);
    if (path.length) about.rows.push(["NVTX", path.join(" \u203a ")]);
  }
  about.sentence = gapSentence(store, track, i, call);
}

/** One sentence in the order of time: what the host did, then the launch, then the queue. */
export function gapSentence(store, track, i, call) {
  const after = store.locate(track.after[i]), stretches = store.stretches(track, i);
  const next = after ? store.shortName(after.track, after.i) : "the next op";
  const [[first, ns]] = stretches;
  if (first === IN_GRAPH) return `The GPU itself took ${duration(ns)} to step to the next node of the CUDA graph, ${next}.`;
  if (first === UNKNOWN) return `The report has no call that launched ${next}: why the GPU waited ${duration(ns)} is unknown.`;
  const launch = call ? store.name(call.track, call.i) : "the launch call";
  const before = stretches.filter(([cause]) => cause !== LAUNCH && cause !== QUEUED);
  const [launching, queued] = [LAUNCH, QUEUED].map((cause) => stretches.find((stretch) => stretch[0] === cause)?.[1] ?? 0);
  const said = beforeLaunch(store, track, i, call, before);
  if (launching) said.push(`inside ${launch}, which launched ${next}, for ${duration(launching)}`);
  const who = track.before[i] ? "After the GPU had finished, the host was" : "The host was";
  const turns = before.length > MOST_SAID ? `, in ${count(before.length)} turns and in all,` : "";
  let sentence = said.length ? `${who}${turns} ${join(said)}.` : "";
  if (queued) sentence += ` ${next} started ${duration(queued)} after ${said.length ? "that call" : launch} had returned.`;
  return sentence.trim();
}

/** What the launching thread did before the launch: stretch by stretch, or summed up where there are many. */
function beforeLaunch(store, track, i, call, stretches) {
  if (stretches.length > MOST_SAID) {
    const until = call ? Math.min(track.end(i), call.track.start[call.i]) : track.end(i);
    return summedUp(stretches).map(([cause, ns]) => PHRASES[cause](duration(ns), store, call, track.start[i], until));
  }
  let t = track.start[i];
  return stretches.map(([cause, ns]) => PHRASES[cause](duration(ns), store, call, t, (t += ns)));
}

/** Stretches summed up by cause, in the order in which the causes first come. */
export function summedUp(stretches) {
  const sums = new Map();
  for (const [cause, ns] of stretches) sums.set(cause, (sums.get(cause) ?? 0) + ns);
  return [...sums];
}

function join(said) {
  return said.length < 2 ? said[0] : `${said.slice(0, -1).join(", then ")} and then ${said.at(-1)}`;
}

const PHRASES = {
  [PROFILER]: (time) => `busy with nsys's own work for ${time}`,
  [SYNC]: (time, ...when) => `still inside ${callDuring(...when, true)} for ${time}`,
  [UNTRACED]: (time, ...when) => `waiting in ${callDuring(...when, true)} for ${time} with no GPU work in the trace (untraced: the GPU may have been busy)`,
  [CUDA_API]: (time, ...when) => `in ${callDuring(...when, false)} for ${time}`,
  [OS]: (time, ...when) => `in the operating system (${osDuring(...when)}) for ${time}`,
  [HOST]: (time) => `in the program's own code for ${time}`,
};

/**
 * The names of the calls of the launching thread in [from, until), longest first; none where a shortened page has left
 * the launch out.
 */
function namesDuring(store, call, from, until, kind, wanted) {
  if (!call) return [];
  const lengths = new Map();
  for (const calls of store.tracks) {
    if (calls.thread !== call.track.thread || calls.kind !== kind) continue;
    for (let lane = 0; lane < calls.lanes.length - 1; lane++) {
      const [first, last] = calls.range(lane, from, until);
      for (let k = first; k < Math.min(last, first + 1000); k++) {
        if (!wanted(categoryOf(kind, calls.cat[k], []).key)) continue;
        const inside = Math.min(calls.end(k), until) - Math.max(calls.start[k], from);
        const name = store.name(calls, k);
        lengths.set(name, (lengths.get(name) ?? 0) + inside);
      }
    }
  }
  return [...lengths.keys()].sort((a, b) => lengths.get(b) - lengths.get(a));
}

function callDuring(store, call, from, until, sync) {
  const names = namesDuring(store, call, from, until, "api", (key) => (key === "api_sync") === sync);
  if (!names.length) return sync ? "a synchronising call" : "another CUDA call";
  return names.length > 1 ? `${names[0]} and ${names.length - 1} more` : names[0];
}

function osDuring(store, call, from, until) {
  const names = namesDuring(store, call, from, until, "osrt", () => true);
  return names.length > 1 ? `${names[0]} and others` : (names[0] ?? "a call");
}

const DESCRIBE = {
  stream: describeOp, api: describeCall, nvtx: describeRange, projected: describeRange,
  osrt: describeSpan, overhead: describeSpan, critical_path: describeSpan, gaps: describeGap,
};

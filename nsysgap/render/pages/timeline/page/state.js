// What the page shows now: the view, what is chosen, the filter; who wants to know; and the address that holds it.

const LEAST_SPAN = 20;
const listeners = new Map();

/** Gaps of every cause (-1), of every histogram bin (else {of: "gaps" | "latency", bin}), GPU and NVTX range. */
export const NO_FILTER = { cause: -1, bin: null, device: null, nvtx: "" };
export const TABLES = ["gaps", "kernels", "ranges"];

/**
 * What is shown: the view [t0, t1) within its limits, the filter (see NO_FILTER), `drag` the measured span, all in ns of
 * the page. `sorts`: of tables that are not in their first order, title of the column and whether the largest comes first.
 * @type {{t0: number, t1: number, limits: [number, number], chosen: number, cause: number, bin: {of: string, bin: number} | null,
 *   device: number | null, nvtx: string, table: string, sorts: Record<string, [string, boolean]>, dark: boolean, drag: [number, number] | null}}
 */
export const state = {
  t0: 0, t1: 1, limits: [0, 1], chosen: 0, ...NO_FILTER, table: "gaps", sorts: {}, dark: false, drag: null,
};

/** Call `listener` whenever a topic changes: view, chosen, filter, table, theme, rows, drag. */
export function on(topic, listener) {
  if (!listeners.has(topic)) listeners.set(topic, []);
  listeners.get(topic).push(listener);
}

export function emit(topic) {
  for (const listener of listeners.get(topic) ?? []) listener();
}

/** Show [t0, t1) in whole ns, within the limits. */
export function setView(t0, t1) {
  const [low, high] = state.limits;
  const span = Math.round(Math.min(Math.max(t1 - t0, LEAST_SPAN), high - low));
  const from = Math.round(Math.min(Math.max(t0, low), high - span));
  if (from === state.t0 && from + span === state.t1) return;
  state.t0 = from;
  state.t1 = from + span;
  emit("view");
}

/** Zoom by a factor (below 1: closer) around a time that stays where it is. */
export function zoom(factor, around = (state.t0 + state.t1) / 2) {
  viewAround(around, (around - state.t0) / (state.t1 - state.t0), (state.t1 - state.t0) * factor);
}

/** Show `span` ns, with a time at a share of the width. */
export function viewAround(t, share, span) {
  const shown = Math.max(span, LEAST_SPAN);
  setView(t - share * shown, t + (1 - share) * shown);
}

export function pan(share) {
  const by = share * (state.t1 - state.t0);
  setView(state.t0 + by, state.t1 + by);
}

export function choose(reference) {
  state.chosen = reference;
  emit("chosen");
}

/** Change some of the filter, which has the keys of NO_FILTER. */
export function setFilter(changes) {
  Object.assign(state, changes);
  emit("filter");
}

/** The state as the address's fragment; times are the report's own. */
export function fragment(base) {
  const parts = [`v=${base + BigInt(state.t0)},${base + BigInt(state.t1)}`];
  if (state.chosen) parts.push(`s=${state.chosen}`);
  if (state.cause >= 0) parts.push(`c=${state.cause}`);
  if (state.bin) parts.push(`b=${state.bin.of}-${state.bin.bin}`);
  if (state.device !== null) parts.push(`g=${state.device}`);
  if (state.nvtx) parts.push(String(new URLSearchParams({ n: state.nvtx })));
  if (state.table !== "gaps") parts.push(`t=${state.table}`);
  const sort = state.sorts[state.table];
  if (sort) parts.push(`${new URLSearchParams({ o: sort[0] })},${sort[1] ? "down" : "up"}`);
  return `#${parts.join("&")}`;
}

/**
 * Take over what an address's fragment says: nothing chosen and no filter where it says none or something unknown, the
 * view of before where it has none. `known`: how many {references, causes, bins} there are, and which {devices}.
 */
export function readFragment(text, base, known) {
  const said = new URLSearchParams(text.replace(/^#/, ""));
  const number = (name, many) => (/^\d{1,15}$/.test(said.get(name) ?? "") && Number(said.get(name)) < many ? Number(said.get(name)) : null);
  state.chosen = number("s", known.references + 1) ?? 0;
  state.cause = number("c", known.causes) ?? -1;
  const bin = /^(gaps|latency)-(\d{1,3})$/.exec(said.get("b") ?? "");
  state.bin = bin && Number(bin[2]) < known.bins ? { of: bin[1], bin: Number(bin[2]) } : null;
  state.device = known.devices.find((device) => String(device) === said.get("g")) ?? null;
  state.nvtx = (said.get("n") ?? "").trim();
  state.table = TABLES.find((name) => name === said.get("t")) ?? "gaps";
  const sort = /^(.{1,40}),(up|down)$/.exec(said.get("o") ?? "");
  state.sorts = sort ? { [state.table]: [sort[1], sort[2] === "down"] } : {};
  const view = /^(-?\d{1,19}),(-?\d{1,19})$/.exec(said.get("v") ?? "");
  if (!view || BigInt(view[2]) <= BigInt(view[1])) return false;
  setView(Number(BigInt(view[1]) - base), Number(BigInt(view[2]) - base));
  return true;
}

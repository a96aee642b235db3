// Puts the page together and keeps it up to date.
import { CALLS, CAUSE, CAUSES, categoryOf, DIMMED, named, OPS, OTHERS, PATHS } from "./categories.js";
import { Causes, histograms, idleByCause, shownByCause } from "./charts.js";
import { CHAR, detailOf, edgeText, laneColumns, ticks, timelineFigure } from "./draw.js";
import { explain } from "./explain.js";
import { save, standalone } from "./export.js";
import { causesWithin, eachSelectedGap, gapTest, hasSelection, selectionText } from "./filter.js";
import { count, duration, element, exact, percent } from "./format.js";
import { Icicle } from "./icicle.js";
import { KEYS, listen } from "./keys.js";
import { Minimap } from "./minimap.js";
import { Overlay } from "./overlay.js";
import { explanation, Pointing } from "./pointing.js";
import { Rows } from "./rows.js";
import { Search } from "./search.js";
import { choose, emit, fragment, NO_FILTER, on, pan, readFragment, setFilter, setView, state, zoom } from "./state.js";
import { idleInLoops, loopTest, Strip } from "./strip.js";
import { Store } from "./store.js";
import { Tables } from "./tables.js";

/** An element that the page has. */
const $ = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

function colors() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return { text: of("--text"), grid: of("--grid"), line: of("--line"), shade: of("--shade"), back: of("--back") };
}

class Page {
  /** @type {HTMLElement | null} */
  nextButton = null;

  /** @param {Store} store */
  constructor(store) {
    this.store = store;
    const { window: gpu, span } = store;
    state.limits = [Math.min(0, gpu[0]) - Math.ceil(span * 0.01), span + Math.ceil(span * 0.01)];
    this.rows = new Rows(store, $("gutter"));
    this.overlay = new Overlay($("overlay"), store, this.rows);
    this.pointing = new Pointing($("surface"), $("tooltip"), store, this.rows, () => this.width, () => this.over());
    this.header();
    this.whole();
    this.readAddress();
    on("filter", () => this.dim()); // before the tables, which list what it leaves
    this.dim();
    this.draw();
    this.minimap = new Minimap($("minimap"), store, () => this.width);
    this.minimap.draw();
    this.ready = new Promise((resolve) => requestAnimationFrame(() => setTimeout(() => resolve(this.rest()))));
  }

  /** What may come after the first picture. */
  rest() {
    const { store } = this;
    this.causes = new Causes($("causes"), store);
    this.histograms = histograms([...document.querySelectorAll(".histogram")], store, colors);
    this.tables = new Tables($("tables"), store, (track, beside) => this.reveal(track, beside));
    this.finder = new Search(document, store, (track, beside) => this.reveal(track, beside));
    this.strip = store.meta.steps.length ? new Strip($("steps"), store) : null;
    this.icicle = store.lines && new Icicle(document.querySelector(".below"), store);
    this.listen();
    this.legend();
    this.revealChosen();
    this.chosen();
    this.status();
    document.body.classList.remove("loading");
  }

  get width() {
    return Math.max(60, $("surface").clientWidth);
  }

  readAddress() {
    const last = this.store.tracks.at(-1);
    const known = { references: last ? last.base + last.n : 0, causes: CAUSES.length, bins: this.store.meta.histograms.edges.length, devices: this.store.gapTracks.map((track) => track.device) };
    readFragment(location.hash, this.store.base, known);
  }

  revealChosen() {
    const chosen = this.store.locate(state.chosen);
    if (chosen) this.reveal(chosen.track, chosen.track.kind === "gaps" ? this.store.locate(chosen.track.after[chosen.i])?.track ?? null : null);
  }

  header() {
    const { summary, facts, selected, reduced, nsysgap } = this.store.meta;
    $("facts").replaceChildren(...[...facts, ["nsysgap", nsysgap]].map(([name, text]) => element("div", {}, element("dt", {}, name), element("dd", {}, text))));
    $("answer").replaceChildren(...summary.devices.map((device) => element("p", {}, answer(this.store, device))));
    if (!summary.devices.length) $("answer").replaceChildren(element("p", {}, "The report holds no GPU work: how idle the GPU was cannot be told from it."));
    const notices = summary.report.warnings.map(({ level, text }) => element("li", { class: level }, text));
    if (selected) notices.unshift(element("li", { class: "warning" }, `Cut to what is ${selected}.`));
    if (reduced) notices.unshift(element("li", { class: "warning" }, reducedText(reduced)));
    $("notices").replaceChildren(...notices);
    if ($("notices").scrollHeight > $("notices").clientHeight) $("notices").tabIndex = 0;
    this.nextStep();
  }

  /** What to do next: the largest cause, what helps, and a way to its longest gap; or how to record what is missing. */
  nextStep() {
    const { hint } = this.store.meta;
    if (hint) {
      $("next").replaceChildren(element("p", {}, element("strong", {}, "What helps: "), hint));
      return;
    }
    const inLoop = this.looped, totals = inLoop ? idleInLoops(this.store) : shownByCause(this.store).totals, most = totals.indexOf(Math.max(...totals));
    const sum = totals.reduce((a, b) => a + b, 0);
    if (!sum) {
      $("next").replaceChildren();
      return;
    }
    const button = this.nextButton ??= this.longestGapButton();
    this.nextCause = most;
    const first = `Look first at ${named(CAUSES[most])}, ${percent(totals[most], sum)} of the idle time${inLoop ? " in the loop" : hasSelection() ? ` ${selectionText(this.store)}` : ""}: `;
    const text = element("p", {}, element("strong", {}, ...unbroken(first)), ...withCode(this.advice(most)));
    // The button stays the same one, so that whoever came by keyboard stays on it.
    if ($("next").firstElementChild === button) $("next").lastElementChild?.replaceWith(text);
    else $("next").replaceChildren(button, text);
  }

  /** Whether what to look at first is about the loop: set-up is something else, unless it was selected. */
  get looped() {
    return this.store.meta.steps.length > 0 && !hasSelection();
  }

  longestGapButton() {
    const button = element("button", { type: "button", class: "primary" }, "Show its longest gap");
    button.addEventListener("click", () => {
      const longest = longestGap(this.store, this.nextCause);
      setFilter({ cause: this.nextCause });
      if (longest) this.tables?.go(longest.track, longest.i);
    });
    return button;
  }

  /** At most once per frame, however fast a span is dragged. */
  nextStepLater() {
    this.nextFrame ??= requestAnimationFrame(() => {
      this.nextFrame = null;
      this.nextStep();
    });
  }

  advice(cause) {
    if (cause === CAUSE.untraced) {
      const counted = this.store.meta.summary.devices.some(({ sm_active_percent: active }) => typeof active?.untraced === "number");
      if (counted) return CAUSES[cause].counted;
    }
    const { summary, loading, rate } = this.store.meta, all = summary.devices.reduce((sum, device) => sum + device.idle_by_cause_ns[CAUSES[cause].key], 0);
    // Loading lies in calls: to make fewer of them takes none of it away.
    if (loading && [CAUSE.launch, CAUSE.cuda_api, CAUSE.profiler].includes(cause) && 2 * loading.ns > all) return loading.advice;
    if (rate && cause === CAUSE.queued) return rate;
    const { advice, cases } = CAUSES[cause], longest = longestGap(this.store, cause);
    if (!longest || !cases.length) return advice;
    const edges = [this.store.gapCall(longest.track, longest.i), this.store.locate(longest.track.after[longest.i])];
    const names = edges.map((edge) => (edge ? this.store.name(edge.track, edge.i) : ""));
    const { migrations } = this.store.meta;
    // In the words of the notice, which knows whether the program asks for migrations.
    if (migrations && names.some((name) => name.startsWith("[CUDA memcpy Unified"))) return migrations;
    return cases.find((special) => names.some((name) => name.includes(special.name)))?.advice ?? advice;
  }

  listen() {
    const click = (id, action) => $(id).addEventListener("click", action);
    on("view", () => this.later());
    on("rows", () => this.later());
    on("chosen", () => this.chosen());
    on("filter", () => (this.later(), this.settled(), this.nextStep()));
    on("table", () => this.settled());
    on("drag", () => (this.over(), this.status(), this.nextStepLater()));
    on("jump", () => this.bringIntoSight());
    addEventListener("resize", () => (this.later(), this.minimap.draw()));
    addEventListener("hashchange", () => {
      if (location.hash === this.address) return;
      this.shownHash = location.hash;
      this.readAddress();
      this.revealChosen();
      emit("filter");
      emit("table");
      emit("chosen");
    });
    $("rows").addEventListener("scroll", () => this.later());
    click("zoom-in", () => zoom(0.5));
    click("zoom-out", () => zoom(2));
    click("whole", () => this.whole());
    click("gap-next", () => this.nextGap(1));
    click("gap-previous", () => this.nextGap(-1));
    click("release", () => this.release());
    click("theme", () => this.setTheme(!state.dark));
    click("print", () => print());
    addEventListener("beforeprint", () => this.print(true));
    addEventListener("afterprint", () => this.print(false));
    click("help-open", () => this.help());
    click("save-png", () => this.save("png"));
    click("save-svg", () => this.save("svg"));
    $("keys").replaceChildren(...KEYS.flatMap(([keys, text]) => [element("dt", {}, keys), element("dd", {}, text)]));
    listen(this, this.store);
  }

  /** Whether everything asked for is drawn, listed and in the address. */
  atRest() {
    return this.frame == null && !this.settling && !this.tables?.typing;
  }

  /** Draw once per frame, however often the view changes. */
  later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  draw() {
    const began = performance.now(), pane = $("rows");
    const size = { width: this.width, top: pane.scrollTop - 30, bottom: pane.scrollTop + Math.max(pane.clientHeight, 120) + 30 };
    const { traces, layout } = timelineFigure(this.store, this.rows, state, size, colors());
    Plotly.react($("plot"), traces, layout, { staticPlot: true });
    this.ruler();
    this.over();
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      this.settling = 0;
      this.settled();
    }, 150);
    this.drawMs = performance.now() - began;
  }

  ruler() {
    const marks = ticks(state.t0, state.t1, this.width).map(([t, text]) => {
      const left = (t / (state.t1 - state.t0)) * this.width;
      const mark = element("span", {}, left + CHAR * text.length < this.width ? text : "\u200b"); // "+20" reads as another time than "+200 ms"
      mark.style.left = `${left}px`;
      return mark;
    });
    $("ruler").replaceChildren(...marks);
    $("edge").textContent = edgeText(this.store, state.t0);
  }

  over() {
    this.overlay.draw(this.width, this.pointing.pointed);
  }

  /** When the view rests: the address and the words. */
  settled() {
    // A link that was followed just now is not written over: its event comes next.
    if (this.shownHash === undefined || location.hash === this.shownHash) {
      this.address = fragment(this.store.base);
      history.replaceState(null, "", this.address);
      this.shownHash = location.hash;
    }
    this.status();
  }

  status() {
    const [from, to] = state.drag ?? [state.t0, state.t1];
    this.icicle?.show(from, to);
    const parts = !this.store.inDetail(from, to) ? ["Zoom into a detailed part for exact sums"] : this.store.gapTracks.map((track) => {
      const device = this.store.meta.summary.devices.find((summary) => summary.device === track.device);
      const inside = Math.max(0, Math.min(to, device.window_ns[1]) - Math.max(from, device.window_ns[0]));
      const idle = track.coveredIn(from, to);
      return `GPU ${this.store.gpu(track.device)} busy ${duration(inside - idle)}, idle ${duration(idle)} (${percent(idle, inside)})${state.drag && idle ? `: ${causesText(causesWithin(this.store, track, from, to))}` : ""}`;
    });
    const text = `${state.drag ? "Measured" : "View"}: ${duration(to - from)} from ${edgeText(this.store, from)}.${parts.length ? ` ${parts.join("; ")}.` : ""}`;
    if ($("status").textContent === text) return;
    $("status").textContent = text;
    $("live").textContent = text;
  }

  chosen() {
    const chosen = this.store.locate(state.chosen), box = $("details");
    this.over();
    this.settled();
    if (!chosen) {
      const next = matchMedia("(pointer: coarse)").matches ? "Tap a gap, kernel or call, or Gap \u2192" : "Click a gap, kernel or call, or press n";
      box.replaceChildren(element("p", { class: "quiet" }, `Nothing yet. ${next} for the next gap.`));
      return;
    }
    const about = explain(this.store, chosen.track, chosen.i);
    box.replaceChildren(...explanation(about));
    $("live").textContent = `${about.title}. ${about.sentence}`;
  }

  /** Gaps that the filter leaves out turn grey. */
  dim() {
    const stays = gapTest(this.store);
    for (const track of this.store.gapTracks) {
      const other = (cause) => (state.cause >= 0 && cause !== state.cause) || (state.device !== null && track.device !== state.device);
      track.recolor(stays && Uint8Array.from(track.cat, (cat, i) => (stays(track, i) ? cat : DIMMED)), stays && ((cause) => (other(cause) ? DIMMED : cause)));
    }
    $("release").hidden = !stays;
  }

  /** Go to the gap before or after what is chosen, in time, of those that the table lists. */
  nextGap(by) {
    if (!this.tables) return;
    const gaps = this.tables.listed.sort((a, b) => a.track.start[a.i] - b.track.start[b.i] || a.track.device - b.track.device);
    if (!gaps.length) return;
    const at = gaps.findIndex(({ track, i }) => this.store.reference(track, i) === state.chosen);
    const middle = (state.t0 + state.t1) / 2;
    let next = at + by;
    if (at < 0) next = by > 0 ? gaps.findIndex(({ track, i }) => track.start[i] >= middle) : gaps.findLastIndex(({ track, i }) => track.start[i] < middle);
    const { track, i } = gaps[Math.max(0, Math.min(gaps.length - 1, next))];
    this.tables.go(track, i);
  }

  /**
   * Unfold and scroll so that a track is seen.
   * @param {import("./track.js").Track} track
   * @param {import("./track.js").Track | null} beside
   */
  reveal(track, beside = null) {
    const row = this.rows.reveal(track, beside);
    if (!row) return;
    const pane = $("rows");
    if (row.y < pane.scrollTop || row.y + row.height > pane.scrollTop + pane.clientHeight) pane.scrollTop = Math.max(0, row.y - 60);
  }

  bringIntoSight() {
    const box = $("rows").getBoundingClientRect();
    if (box.top < 0 || box.top > innerHeight * 0.7) document.querySelector(".timeline")?.scrollIntoView({ block: "start" });
  }

  whole() {
    const [from, to] = this.store.window, room = 0.02 * (to - from);
    setView(from - room, to + room);
  }

  search() {
    $("search").focus();
  }

  help() {
    const help = /** @type {HTMLDialogElement} */ ($("help"));
    help.showModal();
  }

  release() {
    state.drag = null;
    emit("drag");
    if (gapTest(this.store)) setFilter(NO_FILTER);
    if (state.chosen) choose(0);
  }

  /** Scroll the rows; false if they are at their end already, so that the page may scroll instead. */
  scroll(by) {
    const before = $("rows").scrollTop;
    $("rows").scrollTop += by;
    return $("rows").scrollTop !== before;
  }

  /** Which colours of ops and calls the report has; gaps are told by the list of causes, NVTX ranges by their names. */
  legend() {
    const categories = new Map();
    for (const track of this.store.tracks) {
      if (track.kind === "gaps" || track.kind === "nvtx" || track.kind === "projected") continue;
      const cats = new Set(track.cat);
      for (const lane of track.bins ?? []) for (const cat of lane.keys()) cats.add(cat);
      for (const cat of track.n || track.bins ? cats : []) {
        const category = categoryOf(track.kind, cat, []);
        categories.set(category.key, category);
      }
    }
    const order = [...OPS, ...CALLS, ...OTHERS, ...PATHS].filter(({ key }) => categories.has(key));
    $("legend").replaceChildren(...order.map(({ label, color }) => {
      const swatch = element("span", { class: "swatch" });
      swatch.style.background = color;
      return element("li", {}, swatch, label);
    }));
  }

  /** Paper is light and narrower than most windows: draw everything anew for it, and back again. */
  print(begins) {
    document.body.classList.toggle("printing", begins);
    document.documentElement.dataset.theme = state.dark && !begins ? "dark" : "light";
    emit("theme");
    this.draw();
  }

  setTheme(dark) {
    state.dark = dark;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    $("theme").setAttribute("aria-pressed", String(dark));
    $("theme").textContent = dark ? "Light" : "Dark";
    emit("theme");
    this.later();
  }

  save(format) {
    const shown = colors();
    const figure = standalone(this.store, this.rows, state, this.width, shown, $("overlay"));
    return save(figure, format, document.title.replace(/[^\w.-]+/g, "_"));
  }
}

/** The longest gap of a cause among those that are selected. */
function longestGap(store, cause) {
  /** @type {{track: import("./track.js").Track, i: number}[]} */
  const longest = [];
  const inside = store.meta.steps.length && !hasSelection() ? loopTest(store) : () => true; // set-up is something else
  eachSelectedGap(store, (track, i) => {
    if (track.cat[i] === cause && inside(track, i) && (!longest.length || track.dur[i] > longest[0].track.dur[longest[0].i])) longest[0] = { track, i };
  });
  return longest[0] ?? null;
}

/** "8.10 ms host, 2.00 ms launch", the largest first. */
function causesText(sums) {
  const held = [...sums.keys()].filter((cause) => sums[cause]).sort((a, b) => sums[b] - sums[a]);
  return held.map((cause) => `${duration(sums[cause])} ${CAUSES[cause].key}`).join(", ");
}

function answer(store, device) {
  const window = device.window_ns[1] - device.window_ns[0];
  const whole = device.busy_ns + device.idle_ns, hidden = device.idle_by_cause_ns.untraced;
  const name = `GPU ${store.gpu(device.device)}${device.name ? ` (${device.name})` : ""}`;
  const share = hidden ? `${percent(device.idle_ns - hidden, whole)} to ${percent(device.idle_ns, whole)}` : percent(device.idle_ns, whole);
  const largest = CAUSES.map((cause) => [cause, device.idle_by_cause_ns[cause.key]]).filter(([, ns]) => ns > 0).sort((a, b) => b[1] - a[1]);
  const said = largest.slice(0, 4).map(([cause, ns]) => `${percent(ns, device.idle_ns)} ${named(cause)}`);
  const strong = element("strong", {}, ...unbroken(`${name} idle ${share} of ${duration(whole)}`));
  const rest = largest.length ? `: of that ${said.join(", ")}${largest.length > 4 ? ", the rest elsewhere" : ""}.` : ".";
  const active = device.sm_active_percent?.untraced;
  const counter = hidden && typeof active === "number" ? ` The hardware counter has its SMs active in ${Math.round(active)} % of that time.` : "";
  const range = hidden ? ` ${duration(hidden)} are untraced: the GPU may have been busy then.${counter}` : "";
  const held = device.held_ns ? ` ${duration(device.held_ns)} of what was queued were held back for long: marked in red under the gaps.` : "";
  const cutNote = whole < window ? ` (selected parts of ${duration(window)})` : "";
  return element("span", { title: `busy ${exact(device.busy_ns)}, idle ${exact(device.idle_ns)}` }, strong, cutNote, ...unbroken(rest + range + held));
}

/** Text with its words between backticks as code. */
function withCode(text) {
  return text.split("`").map((part, k) => (k % 2 ? element("code", {}, part) : part));
}

/** Text whose numbers stay on one line with their units. */
function unbroken(text) {
  return text.split(/(\d[\d.,]* (?:%|[num]?s\b))/).map((part, k) => (k % 2 ? element("span", { class: "quantity" }, part) : part));
}

function reducedText(reduced) {
  const { binNs, gapNs } = reduced, finer = gapNs < binNs ? `, of gaps ${duration(gapNs)}` : "";
  return `Shortened: all ${count(reduced.slices)} slices count in the utilisation (in steps of ${duration(binNs)} or finer${finer}), `
    + `but only ${count(reduced.kept)} around the ${count(reduced.gaps)} longest of ${count(reduced.allGaps)} gaps are here one by one. `
    + "Totals and histograms are of all. Cut with --from, --to or --nvtx to see another part in full.";
}

async function start() {
  if (typeof Plotly === "undefined") {
    throw new Error(`Plotly was not loaded from ${document.querySelector("script[src]")?.getAttribute("src")} (nsysgap timeline --plotlyjs).`);
  }
  const dark = matchMedia("(prefers-color-scheme: dark)");
  state.dark = dark.matches;
  document.documentElement.dataset.theme = dark.matches ? "dark" : "light";
  const page = new Page(await Store.load());
  dark.addEventListener("change", () => page.setTheme(dark.matches));
  performance.mark("nsysgap-first-paint");
  await page.ready;
  page.setTheme(state.dark);
  expose(page);
  performance.mark("nsysgap-ready");
  document.body.dataset.ready = "";
}

/** For tests and the curious: read what the page shows, go somewhere. */
function expose(page) {
  const { store, rows } = page;
  globalThis.nsysgap = {
    page, store, rows, state, setView, pan, zoom, choose, setFilter, explain, detailOf, laneColumns, idleByCause: () => idleByCause(store),
  };
}

start().catch((error) => {
  document.body.classList.remove("loading");
  const old = typeof DecompressionStream === "undefined" ? " It needs a browser of 2023 or newer." : "";
  $("answer").textContent = `This page could not be shown. ${error.message}${old}`;
  throw error;
});

// The page of `nsysgap report`: the steps as bars, the critical path as a flame graph, and the timeline behind a click.
import { Bars, iterationWords, span } from "../timeline/page/bars.js";
import { inflate } from "../timeline/page/codec.js";
import { FlameGraph } from "../timeline/page/flame.js";
import { element } from "../timeline/page/format.js";

const { loops, causes, path, timeline } = JSON.parse(document.getElementById("data")?.textContent ?? "");
const packed = document.getElementById("packed");
const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("frame"));
const frame = /** @type {HTMLIFrameElement} */ (dialog.querySelector("iframe"));
const hasTimeline = Boolean(packed || timeline);
let address = timeline; // of the timeline's page: beside this one, or once it was unpacked

/** Show the timeline at a fragment of its address: over this page if it lies inside it, else in its place. */
async function openTimeline(fragment) {
  if (!packed) return void location.assign(address + fragment);
  dialog.showModal(); // first: what is drawn into a frame that is not seen has no size
  address ||= URL.createObjectURL(new Blob([await inflate(packed.textContent)], { type: "text/html" }));
  frame.src = address + fragment;
}

class Steps {
  constructor(canvas) {
    this.about = /** @type {HTMLElement} */ (document.getElementById("about"));
    this.pointed = /** @type {HTMLElement} */ (document.getElementById("pointed"));
    const choice = /** @type {HTMLSelectElement} */ (document.getElementById("loop"));
    this.bars = new Bars(canvas, causes, { choose: (i) => this.choose(i), point: (i) => this.point(i) });
    choice.replaceChildren(...loops.map(({ title }, i) => element("option", { value: i }, title)));
    choice.parentElement?.toggleAttribute("hidden", loops.length < 2);
    choice.addEventListener("change", () => this.show(loops[Number(choice.value)]));
    addEventListener("resize", () => this.bars.draw());
    for (const query of ["(prefers-color-scheme: dark)", "print"]) {
      matchMedia(query).addEventListener("change", () => this.bars.draw());
    }
    this.show(loops[0]);
  }

  show(loop) {
    this.loop = loop;
    this.about.textContent = loop.said;
    this.bars.show(loop);
    this.point(null);
  }

  choose(i) {
    this.bars.mark(i);
    this.point(i);
  }

  /** Say what an iteration was, the chosen one where none is pointed at, which can be opened in the timeline. */
  point(i) {
    const { chosen } = this.bars, shown = i ?? chosen;
    if (shown === null) return void this.pointed.replaceChildren("Point at a bar, or click it.");
    const words = iterationWords(this.loop, shown, causes).map((pair) => pair.join(" ")).join(", ");
    this.pointed.replaceChildren(`${words}. `, ...(hasTimeline && shown === chosen ? [this.opener(shown)] : []));
  }

  opener(i) {
    const [from, to] = span(this.loop, i).map((time) => BigInt(this.loop.base) + BigInt(time));
    return element("button", { type: "button", onclick: () => openTimeline(`#v=${from},${to}`) }, "Open it in the timeline");
  }
}

/** The critical path: width is time, a click zooms in and out again. */
function showPath(plot) {
  const { whole, nodes } = path;
  const look = (node) => ({ text: nodes.text[node - 1], title: nodes.title[node - 1], color: nodes.color[node - 1] });
  new FlameGraph(plot, nodes.parent, look).show({ total: [whole, ...nodes.total], whole, missing: 0 });
}

const canvas = document.getElementById("bars"), plot = document.getElementById("plot");
if (canvas) new Steps(canvas);
if (plot) showPath(plot);
for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("button.open"))) {
  button.addEventListener("click", () => openTimeline(button.dataset.at));
}
document.getElementById("close")?.addEventListener("click", () => dialog.close());
document.body.dataset.ready = "";

// A page with one flame graph, of `nsysgap stacks` or `nsysgap critical-path`: with a search and a legend.
import { FlameGraph } from "../timeline/page/flame.js";
import { count, element, percent } from "../timeline/page/format.js";

/** An element that the page has. */
const $ = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

const { whole, what, legend, nodes } = JSON.parse($("data").textContent ?? "");
const matches = $("found");
const field = /** @type {HTMLInputElement} */ ($("search"));
let hits = null; // of a search: per node whether it matches

function look(node) {
  const at = node - 1;
  return { text: nodes.text[at], title: nodes.title[at], color: nodes.color[at], mark: hits && (hits[at] ? "hit" : "other") };
}

const graph = new FlameGraph($("plot"), nodes.parent, look);

function pattern(text) {
  try {
    return new RegExp(text, "i");
  } catch {
    return null;
  }
}

/** Mark what matches, and say how many nodes that are and what share of all lies in them or below. */
function seek(text) {
  const wanted = text ? pattern(text) : null;
  hits = wanted && nodes.sought.map((sought) => wanted.test(sought));
  matches.textContent = text && !wanted ? "not a regular expression" : "";
  if (hits) {
    const within = []; // whether a node or one above it matches: parents come first
    let sum = 0, number = 0;
    nodes.parent.forEach((above, at) => {
      const inside = above > 0 && within[above - 1];
      within.push(inside || hits[at]);
      if (hits[at]) number++;
      if (hits[at] && !inside) sum += nodes.total[at];
    });
    matches.textContent = `${count(number)} frames, ${percent(sum, whole)} of the ${what}`;
  }
  graph.draw();
}

field.addEventListener("input", () => seek(field.value));
$("reset").addEventListener("click", () => {
  field.value = "";
  graph.root = 0;
  seek("");
});
$("key").replaceChildren(...legend.map(([color, words]) => {
  const swatch = element("span", { class: "swatch" });
  swatch.style.background = color;
  return element("span", {}, swatch, words);
}));
graph.show({ total: [whole, ...nodes.total], whole, missing: 0 });

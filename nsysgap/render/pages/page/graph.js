// The page of `nsysgap graphs --html`: which picture is shown, how large, and a search among its nodes.

/** An element that the page has. */
const $ = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @type {NodeListOf<HTMLElement>} */
const pictures = document.querySelectorAll(".picture");
const search = /** @type {HTMLInputElement} */ ($("search"));
const choice = /** @type {HTMLSelectElement} */ ($("choice"));
let zoom = 1, shown = pictures[0];
/** A picture's drawing: every one has it. */
function picture(box) {
  return /** @type {SVGSVGElement} */ (box.querySelector("svg"));
}

function scale(to) {
  zoom = Math.min(4, Math.max(0.05, to));
  for (const drawing of pictures) {
    const svg = picture(drawing), box = svg.viewBox.baseVal;
    svg.setAttribute("width", String(box.width * zoom)); svg.setAttribute("height", String(box.height * zoom));
  }
}
let hits = [], at = 0;
function find() {
  const wanted = search.value.toLowerCase();
  hits = []; at = 0;
  for (const node of shown.querySelectorAll(".node")) {
    const hit = wanted !== "" && node.textContent.toLowerCase().includes(wanted);
    node.classList.toggle("found", hit); node.classList.toggle("dim", wanted !== "" && !hit);
    if (hit) hits.push(node);
  }
  show();
}
function show() {
  const told = hits.length ? `${at + 1} of ${hits.length}` : "none";
  $("hits").textContent = search.value === "" ? "" : told;
  if (hits.length) hits[at].scrollIntoView({block: "center", inline: "center"});
}
choice.addEventListener("change", () => {
  shown = pictures[Number(choice.value)];
  for (const drawing of pictures) drawing.hidden = drawing !== shown;
  find();
});
search.addEventListener("input", find);
search.addEventListener("keydown", event => {
  if (event.key === "Enter" && hits.length) {
    at = (at + (event.shiftKey ? hits.length - 1 : 1)) % hits.length;
    show();
  }
});
$("in").addEventListener("click", () => scale(zoom * 1.25));
$("out").addEventListener("click", () => scale(zoom / 1.25));
$("one").addEventListener("click", () => scale(1));
$("fit").addEventListener("click", () => {
  const box = picture(shown).viewBox.baseVal, head = document.getElementsByTagName("header")[0].offsetHeight;
  // Not the window's inner size: on a phone that grows with what is too wide.
  const { clientWidth, clientHeight } = document.documentElement;
  scale(Math.min((clientWidth - 20) / box.width, (clientHeight - head - 10) / box.height));
  scrollTo(0, 0);
});
document.addEventListener("wheel", event => {
  if (event.ctrlKey) { event.preventDefault(); scale(zoom * (event.deltaY < 0 ? 1.1 : 1 / 1.1)); }
}, {passive: false});

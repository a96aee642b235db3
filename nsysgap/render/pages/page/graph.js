// The page of `nsysgap graphs --html`: which picture is shown, how large, and a search among its nodes.

const pictures = [...document.querySelectorAll(".picture")], search = document.getElementById("search");
let zoom = 1, shown = pictures[0];
function scale(to) {
  zoom = Math.min(4, Math.max(0.05, to));
  for (const one of pictures) {
    const svg = one.querySelector("svg"), box = svg.viewBox.baseVal;
    svg.setAttribute("width", box.width * zoom); svg.setAttribute("height", box.height * zoom);
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
  document.getElementById("hits").textContent = search.value === "" ? "" : told;
  if (hits.length) hits[at].scrollIntoView({block: "center", inline: "center"});
}
document.getElementById("choice").addEventListener("change", event => {
  shown = pictures[Number(event.target.value)];
  for (const one of pictures) one.hidden = one !== shown;
  find();
});
search.addEventListener("input", find);
search.addEventListener("keydown", event => {
  if (event.key === "Enter" && hits.length) {
    at = (at + (event.shiftKey ? hits.length - 1 : 1)) % hits.length;
    show();
  }
});
document.getElementById("in").addEventListener("click", () => scale(zoom * 1.25));
document.getElementById("out").addEventListener("click", () => scale(zoom / 1.25));
document.getElementById("one").addEventListener("click", () => scale(1));
document.getElementById("fit").addEventListener("click", () => {
  const box = shown.querySelector("svg").viewBox.baseVal, head = document.querySelector("header").offsetHeight;
  // Not the window's inner size: on a phone that grows with what is too wide.
  const { clientWidth, clientHeight } = document.documentElement;
  scale(Math.min((clientWidth - 20) / box.width, (clientHeight - head - 10) / box.height));
  scrollTo(0, 0);
});
document.addEventListener("wheel", event => {
  if (event.ctrlKey) { event.preventDefault(); scale(zoom * (event.deltaY < 0 ? 1.1 : 1 / 1.1)); }
}, {passive: false});

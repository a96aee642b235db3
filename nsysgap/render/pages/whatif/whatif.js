/** Says what the pointer, or a finger, is on in the drawn steps. */

const pointedAt = /** @type {HTMLElement} */ (document.getElementById("pointed"));
const drawings = document.querySelectorAll(".lane svg");

function tell(event) {
  pointedAt.textContent = event.target.tagName === "rect" ? event.target.textContent : "";
}

for (const drawing of drawings) {
  drawing.addEventListener("pointermove", tell);
  drawing.addEventListener("pointerdown", tell);
}
document.body.dataset.ready = "";

/** Sorting of the kernels' table by any column, and what the pointer is on in the drawn steps. */

// Not there where neither side has kernels.
const table = /** @type {HTMLTableElement} */ (document.getElementById("ops"));
const pointed = /** @type {HTMLElement} */ (document.getElementById("pointed"));

function valueOf(row, column) {
  const cell = row.cells[column];
  return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
}

function sortBy(head) {
  const column = head.cellIndex;
  const up = head.getAttribute("aria-sort") === "descending" || (column === 0 && head.getAttribute("aria-sort") !== "ascending");
  const rows = [...table.tBodies[0].rows];
  const sign = up ? 1 : -1;
  rows.sort((a, b) => {
    const [first, second] = [valueOf(a, column), valueOf(b, column)];
    return sign * (first < second ? -1 : first > second ? 1 : 0);
  });
  table.tBodies[0].append(...rows);
  for (const other of table.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
}

if (table) {
  for (const head of table.rows[0].cells) head.querySelector("button")?.addEventListener("click", () => sortBy(head));
}
for (const lane of document.querySelectorAll(".lane svg")) {
  lane.addEventListener("pointermove", (event) => {
    const { target } = event;
    pointed.textContent = target instanceof Element && target.tagName === "rect" ? target.textContent : "";
  });
}
document.body.dataset.ready = "";

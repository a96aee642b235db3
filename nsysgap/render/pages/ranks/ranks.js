/** The heat map of ranks and iterations, and one step of all ranks; both say in words what the pointer is on. */

import { count, cut, duration, element } from "../timeline/page/format.js";

const data = JSON.parse(/** @type {HTMLElement} */ (document.getElementById("data")).textContent ?? "");
const at = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const canvasAt = (id) => /** @type {HTMLCanvasElement} */ (document.getElementById(id));
const NONE = 65535;
const SHADES = ["#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"].map((color) =>
  [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)),
);
const WORK = { label: "other work on the GPU", color: "#0072b2" };
const SENDING = { label: "in a collective, transfer", color: "#009e73" };
const WAITING = { label: "in a collective, waiting for another rank", color: "#d55e00" };
const COLLECTIVES = ["AllReduce", "AllGather", "ReduceScatter", "AllToAll"];

/** The colour of a share of 0 to 1, as red, green, blue. */
function shade(share) {
  const level = Math.min(Math.max(share, 0), 1) * (SHADES.length - 1);
  const low = Math.min(Math.floor(level), SHADES.length - 2);
  return SHADES[low].map((value, i) => Math.round(value + (level - low) * (SHADES[low + 1][i] - value)));
}

/** The 16-bit cells of a layer. */
function cellsOf(layer) {
  const bytes = Uint8Array.from(atob(layer.text), (char) => char.charCodeAt(0));
  return new Uint16Array(bytes.buffer);
}

function valueOf(layer, code) {
  return code === NONE ? null : Math.round(Math.expm1(code * layer.factor));
}

/** "rank 3" or, where a row stands for several, "rank 4 to rank 7". */
function several(first, number, total, named) {
  const last = Math.min(first + number, total) - 1;
  return last > first ? `${named(first)} to ${named(last)}` : named(first);
}

/** Name the rows of a canvas beside it, as many as there is room for. */
function nameRows(canvas, height, named) {
  const box = /** @type {HTMLElement} */ (canvas.previousElementSibling);
  const every = Math.max(1, Math.ceil((named.length * 13) / height));
  const shown = named.map((name, row) => [name, row]).filter(([, row]) => row % every === 0);
  const widest = Math.max(...shown.map(([name]) => name.length));
  box.style.width = `${Math.min(widest * 6.2, 120)}px`;
  box.replaceChildren(
    ...shown.map(([name, row]) => {
      const top = ((row + 0.5) * height) / named.length - 6;
      return element("span", { style: `top:${Math.min(Math.max(top, 0), height - 12)}px` }, cut(name, 18));
    }),
  );
}

/** Keep a canvas as sharp as the screen is; gives its context, width and height in CSS pixels. */
function sharpen(canvas, height) {
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  canvas.style.height = `${height}px`;
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.round(height * scale);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.scale(scale, scale);
  return { context, width, height };
}

class Heat {
  constructor(heat) {
    this.heat = heat;
    this.canvas = canvasAt("heat");
    this.chosen = /** @type {HTMLSelectElement} */ (document.getElementById("layer"));
    this.cells = heat.layers.map(cellsOf);
    this.cursor = [0, 0];
    for (const layer of heat.layers) this.chosen.append(element("option", {}, layer.label));
    this.chosen.addEventListener("change", () => this.draw());
    for (const kind of ["pointermove", "pointerdown"]) this.canvas.addEventListener(kind, (event) => this.point(event));
    this.canvas.addEventListener("keydown", (event) => this.move(event));
    at("first").textContent = "0";
    at("label").textContent = `${data.label}: ${count(heat.iterations)} iterations`;
    at("final").textContent = count(heat.iterations - 1);
  }

  /** Of several iterations on one pixel the largest counts: a single slow one stays visible. */
  draw() {
    const { rows, columns } = this.heat;
    const layer = this.heat.layers[this.chosen.selectedIndex];
    const cells = this.cells[this.chosen.selectedIndex];
    const tall = Math.min(Math.max(rows * 14, 56), 560);
    const { down, ranks } = this.heat;
    nameRows(this.canvas, tall, Array.from({ length: rows }, (_, row) => data.names[Math.min(row * down, ranks - 1)]));
    const { context, width, height } = sharpen(this.canvas, tall);
    const wide = Math.min(columns, this.canvas.width);
    const image = context.createImageData(wide, rows);
    const range = Math.max(layer.high - layer.low, 1);
    for (let row = 0; row < rows; row += 1) {
      for (let x = 0; x < wide; x += 1) {
        let largest = -1;
        const end = Math.max(Math.floor(((x + 1) * columns) / wide), Math.floor((x * columns) / wide) + 1);
        for (let column = Math.floor((x * columns) / wide); column < end; column += 1) {
          const code = cells[row * columns + column];
          if (code !== NONE && code > largest) largest = code;
        }
        if (largest < 0) continue;
        const value = Math.expm1(largest * layer.factor);
        image.data.set([...shade((value - layer.low) / range), 255], 4 * (row * wide + x));
      }
    }
    const small = new OffscreenCanvas(wide, rows);
    /** @type {OffscreenCanvasRenderingContext2D} */ (small.getContext("2d")).putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, width, height);
    at("low").textContent = duration(layer.low);
    at("high").textContent = `${duration(layer.high)} and more`;
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const cell = (from, size, number) => Math.min(Math.max(Math.floor((from / size) * number), 0), number - 1);
    const row = cell(event.clientY - box.top, box.height, this.heat.rows);
    this.tell(row, cell(event.clientX - box.left, box.width, this.heat.columns));
  }

  move(event) {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    const { rows, columns } = this.heat;
    const row = Math.min(Math.max(this.cursor[0] + step[0], 0), rows - 1);
    this.tell(row, Math.min(Math.max(this.cursor[1] + step[1], 0), columns - 1));
  }

  tell(row, column) {
    const { heat } = this;
    this.cursor = [row, column];
    const who = several(row * heat.down, heat.down, heat.ranks, (number) => data.names[number]);
    const when = several(column * heat.across, heat.across, heat.iterations, count);
    const values = heat.layers.map((layer, i) => [layer.key, valueOf(layer, this.cells[i][row * heat.columns + column])]);
    const known = values.filter(([, value]) => value !== null);
    const largest = heat.down * heat.across > 1 ? ", the largest of each" : "";
    const said = known.map(([key, value]) => `${key} ${duration(value)}`).join(", ");
    at("cell").textContent = `${who}, iteration ${when}${largest}: ${said || "launched nothing on its GPU"}`;
  }
}

class Step {
  constructor(step) {
    this.step = step;
    this.canvas = canvasAt("step");
    this.length = Math.max(...step.lanes.map((lane) => lane.to), 1);
    this.cursor = [0, 0];
    const clock = step.aligned ? "on aligned clocks" : "each from its own begin: their clocks cannot be aligned";
    const few = step.lanes.length < data.names.length ? ` The ${count(step.lanes.length)} that starve most.` : "";
    at("about").textContent = `Iteration ${count(step.iteration)}, ${clock}.${few} In each row: what ran or why the GPU was idle; below it collectives.`;
    at("length").textContent = duration(this.length);
    const used = new Set(step.lanes.flatMap((lane) => lane.idle.map((piece) => piece[2])));
    const causes = data.causes.filter((_, number) => used.has(number));
    const named = [WORK, SENDING, WAITING, ...causes.map(({ key, color }) => ({ label: `idle: ${key}`, color }))];
    for (const { label, color } of named) {
      at("legend").append(element("li", {}, element("i", { style: `background:${color}` }), label));
    }
    for (const kind of ["pointermove", "pointerdown"]) this.canvas.addEventListener(kind, (event) => this.point(event));
    this.canvas.addEventListener("keydown", (event) => this.move(event));
  }

  draw() {
    const { lanes } = this.step;
    const tall = Math.min(Math.max(640 / lanes.length, 6), 34);
    nameRows(this.canvas, Math.ceil(tall * lanes.length), lanes.map((lane) => data.names[lane.unit]));
    const { context, width } = sharpen(this.canvas, Math.ceil(tall * lanes.length));
    const scale = width / this.length;
    const bar = (start, end, top, high, color) => {
      context.fillStyle = color;
      context.fillRect(start * scale, top, Math.max((end - start) * scale, 0.6), high);
    };
    lanes.forEach((lane, row) => {
      const top = row * tall;
      const half = (tall - 1) / 2;
      for (const [start, end, part] of lane.idle) bar(start, end, top, half, data.causes[part].color);
      for (const [start, end] of lane.work) bar(start, end, top, half, WORK.color);
      for (const [start, waited, end] of lane.collectives) {
        bar(start, waited, top + half, half, WAITING.color);
        bar(waited, end, top + half, half, SENDING.color);
      }
    });
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * this.step.lanes.length);
    const lower = ((event.clientY - box.top) / box.height) * this.step.lanes.length - row >= 0.5;
    this.tell(row, ((event.clientX - box.left) / box.width) * this.length, lower);
  }

  move(event) {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    const row = Math.min(Math.max(this.cursor[0] + step[0], 0), this.step.lanes.length - 1);
    const time = Math.min(Math.max(this.cursor[1] + (step[1] * this.length) / 100, 0), this.length);
    this.tell(row, time, true);
  }

  /** What a rank did at a time; of its two rows the one that is pointed at first. */
  tell(row, time, lower) {
    const lane = this.step.lanes[row];
    if (!lane) return;
    this.cursor = [row, time];
    const inside = ([start, end]) => time >= start && time < end;
    const shared = lane.collectives.find(([start, , end]) => time >= start && time < end);
    const above = lane.work.find(inside) ?? lane.idle.find(inside);
    const texts = [];
    if (above) {
      const what = above.length > 2 ? `idle: ${data.causes[above[2]].key}, ${data.causes[above[2]].label}` : WORK.label;
      texts.push(`${what} (${duration(above[1] - above[0])})`);
    }
    if (shared) {
      const [start, waited, end, kind] = shared;
      const name = COLLECTIVES[kind];
      texts.push(`${name}: ${duration(waited - start)} waiting, ${duration(end - waited)} transfer`);
    }
    if (lower) texts.reverse();
    at("pointed").textContent = `${data.names[lane.unit]} at ${duration(Math.round(time))}: ${texts.join("; ") || "nothing drawn"}`;
  }
}

const heat = data.heat ? new Heat(data.heat) : null;
const drawnStep = data.step ? new Step(data.step) : null;
if (!heat) at("h-heat").parentElement?.replaceChildren("The ranks do not share a loop: there is no iteration to compare.");
if (!drawnStep) at("h-step").parentElement?.remove();

function drawAll() {
  heat?.draw();
  drawnStep?.draw();
}

const colors = /** @type {CanvasRenderingContext2D | null} */ (canvasAt("colors")?.getContext("2d") ?? null);
for (let x = 0; colors && x < 128; x += 1) {
  colors.fillStyle = `rgb(${shade(x / 127).join(",")})`;
  colors.fillRect(x, 0, 1, 1);
}
drawAll();
window.addEventListener("resize", drawAll);
document.body.dataset.ready = "";

// Times and numbers as people read them, and as they are stored.

/** @type {[string, number][]} */
const UNITS = [["us", 1e3], ["ms", 1e6]];

function threeDigits(value) {
  const size = Math.abs(value);
  if (size < 9.995) return value.toFixed(2);
  return size < 99.95 ? value.toFixed(1) : Math.round(value).toLocaleString("en-US");
}

/** A duration in the unit that fits: 1234 -> "1.23 us"; exact below 1 us. */
export function duration(ns) {
  const size = Math.abs(ns);
  if (size < 1000) return `${ns} ns`;
  for (const [unit, scale] of UNITS) if (size < scale * 999.5) return `${threeDigits(ns / scale)} ${unit}`;
  return `${threeDigits(ns / 1e9)} s`;
}

/** "8.30 to 13.4" beside "9.44 ms": two times, without their unit where it is the same. */
export function extent(low, high, beside) {
  const said = `${duration(low)} to ${duration(high)}`, unit = ` ${beside.split(" ")[1]}`;
  return said.split(unit).length > 2 ? said.replaceAll(unit, "") : said;
}

/** All digits: "1,234 ns". */
export function exact(ns) {
  return `${ns.toLocaleString("en-US")} ns`;
}

export function count(number) {
  return number.toLocaleString("en-US");
}

export function percent(part, whole) {
  return whole > 0 ? `${((100 * part) / whole).toFixed(1)} %` : "-";
}

/** A moment of the report in seconds with all nine digits: "0.812 345 678 s". `stored` is a BigInt of ns. */
export function moment(stored) {
  const negative = stored < 0n;
  const digits = (negative ? -stored : stored).toString().padStart(10, "0");
  const fraction = digits.slice(-9).replace(/(\d{3})(?=\d)/g, "$1\u202f");
  return `${negative ? "-" : ""}${digits.slice(0, -9)}.${fraction} s`;
}

/** Text cut in the middle to a number of characters. */
export function cut(text, size) {
  if (text.length <= size) return text;
  if (size < 4) return "";
  const head = Math.floor(((size - 1) * 2) / 3);
  return `${text.slice(0, head)}\u2026${text.slice(text.length - (size - 1 - head))}`;
}

/** Plotly reads <b>, <a> and entities in its texts: names must show as they are. */
export function plotlyText(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

/** An element with text, attributes and children; text never becomes markup. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "onclick") made.addEventListener("click", value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

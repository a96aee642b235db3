// Colours, hatching and words of every category, as nsysgap/render/pages/timeline/categories.py and nsysgap/causes.py
// have them: the page holds them as data. Slices carry the number of their category.

/**
 * @typedef {{key: string, label: string, color: string, hatch?: string}} Category
 * @typedef {Category & {meaning: string, advice: string, counted: string, cases: {name: string, advice: string}[]}} Cause
 */

/** @type {{ops: Category[], calls: Category[], paths: Category[], others: Category[], causes: Cause[]}} */
const categories = JSON.parse(document.getElementById("categories")?.textContent ?? "");

export const { ops: OPS, calls: CALLS, paths: PATHS, others: OTHERS, causes: CAUSES } = categories;
export const CAUSE = Object.fromEntries(CAUSES.map(({ key }, number) => [key, number]));
export const NVTX_COLOR = "#6b9e3c";
export const DIMMED = 254;
export const DIM = { key: "dim", label: "not chosen", color: "#9aa3ad55" };

/** The category of number `cat` on a track of this kind. `palette` has the NVTX colours of the report. */
export function categoryOf(kind, cat, palette) {
  if (cat === DIMMED) return DIM;
  if (kind === "stream") return OPS[cat];
  if (kind === "api") return CALLS[cat];
  if (kind === "gaps") return CAUSES[cat];
  if (kind === "critical_path") return PATHS[cat];
  const other = OTHERS.find(({ key }) => key === kind);
  if (other) return other;
  const color = palette[cat] || NVTX_COLOR;
  return { key: `nvtx${color}`, label: "NVTX range", color };
}

/** Key and label of a cause for running text. */
export function named({ key, label }) {
  return `${key} (${label})`;
}

/** Black or white, whichever reads better on a colour (#rrggbb). */
export function textOn(color) {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.25 ? "#101418" : "#ffffff";
}

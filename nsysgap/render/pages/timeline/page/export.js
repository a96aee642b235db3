// The current view as PNG or SVG, with row names and times, drawn by Plotly like the page itself.
import { edgeText, timelineFigure } from "./draw.js";
import { plotlyText } from "./format.js";

/** A figure that stands alone: labels on the left, times below, the run on top. */
export function standalone(store, rows, view, width, colors, overlay) {
  const background = colors.back;
  const { traces, layout } = timelineFigure(store, rows, view, { width, top: -Infinity, bottom: Infinity }, colors);
  const margin = { l: 190, r: 20, t: 46, b: 46 };
  const labels = rows.visible.map((row) => [row.y + row.height / 2, `${"\u2003".repeat(row.depth)}${plotlyText(row.label)}`]);
  Object.assign(layout, {
    margin, width: width + margin.l + margin.r, height: layout.height + margin.t + margin.b,
    paper_bgcolor: background, plot_bgcolor: background, font: { color: colors.text, family: "sans-serif", size: 11 },
    title: { text: plotlyText(document.title), x: 0.01, xanchor: "left", font: { size: 14 } },
  });
  Object.assign(layout.xaxis, { showticklabels: true, title: { text: `from ${edgeText(store, view.t0)} on` } });
  Object.assign(layout.yaxis, { visible: true, showgrid: false, zeroline: false, tickmode: "array", tickvals: labels.map(([y]) => y), ticktext: labels.map(([, text]) => text) });
  layout.shapes = [...overlay.children].map(plotlyShape);
  return { data: traces, layout };
}

/** An outline, flow line, its end or a measured span of the overlay; the plot's own units are the overlay's pixels. */
function plotlyShape(node) {
  const { stroke, strokeWidth, fill } = getComputedStyle(node), of = (name) => Number(node.getAttribute(name));
  const line = { color: stroke === "none" ? "rgba(0,0,0,0)" : stroke, width: parseFloat(strokeWidth) };
  const shape = { line, fillcolor: fill === "none" ? "rgba(0,0,0,0)" : fill };
  if (node.tagName === "path") return { ...shape, type: "path", path: node.getAttribute("d") };
  if (node.tagName === "circle") {
    const [x, y, r] = [of("cx"), of("cy"), of("r")];
    return { ...shape, type: "circle", x0: x - r, x1: x + r, y0: y - r, y1: y + r };
  }
  return { ...shape, type: "rect", x0: of("x"), x1: of("x") + of("width"), y0: of("y"), y1: of("y") + of("height") };
}

export async function save(figure, format, name) {
  const { width, height } = figure.layout;
  const address = await Plotly.toImage(figure, { format, width, height, scale: format === "png" ? 2 : 1 });
  const link = document.createElement("a");
  link.href = address;
  link.download = `${name}.${format}`;
  link.click();
}

// Bars with the same figures in a table beside them. A bar and the table's row lead to the same place.
/* global Chart */

import { element } from "../page.js";
import { word } from "../words.js";
import { figure, percent, table } from "./labels.js";

const made = new Map(); // each chart, with the canvas and the figures that it was drawn from
const dark = matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", drawAgain);
addEventListener("beforeprint", () => made.forEach((_, chart) => chart.resize()));

// A name beside a bar is cut where it would push the bars aside; the table has it whole.
const WIDEST = 30;
function cut(text) {
  let width = 0;
  for (const [place, letter] of [...text].entries()) {
    width += letter.charCodeAt(0) > 0x2e80 ? 2 : 1;
    if (width > WIDEST) return `${[...text].slice(0, place).join("")}…`;
  }
  return text;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Refusals are hatched, so that colour is not all that tells them apart.
function hatch(stroke) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const pen = tile.getContext("2d");
  pen.strokeStyle = stroke;
  pen.lineWidth = 2;
  pen.beginPath();
  for (const shift of [-8, 0, 8]) {
    pen.moveTo(shift, 8);
    pen.lineTo(shift + 8, 0);
  }
  pen.stroke();
  return pen.createPattern(tile, "repeat");
}

function looks(kind) {
  if (kind === "denied") return { backgroundColor: hatch(colour("--no-ink")), borderColor: colour("--no-ink"), borderWidth: 1 };
  return { backgroundColor: colour("--brand-ink") };
}

// `rows`: [{label, href, values: [numbers of the series]}]; `series`: [{label, kind}].
function draw(canvas, shown) {
  const { rows, series, sideways, unit } = shown;
  const ink = colour("--ink-2"), line = colour("--line");
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 14;
  const value = { stacked: true, beginAtZero: true, grid: { color: line }, ticks: { color: ink, precision: 0, callback: (tick) => `${tick}${unit ?? ""}` } };
  const name = { stacked: true, grid: { display: false }, ticks: { color: ink, autoSkip: !sideways } };
  const chart = new Chart(canvas, {
    type: "bar",
    data: {
      labels: rows.map((row) => cut(row.label)),
      datasets: series.map((one, place) => ({ label: one.label, data: rows.map((row) => row.values[place]), maxBarThickness: 48, ...looks(one.kind) })),
    },
    options: {
      indexAxis: sideways ? "y" : "x", animation: false, responsive: true, maintainAspectRatio: false,
      scales: sideways ? { x: value, y: name } : { x: name, y: value },
      plugins: { legend: { display: series.length > 1, labels: { color: ink } } },
      onClick: (_, [hit]) => hit && rows[hit.index].href && location.assign(rows[hit.index].href),
      onHover: (event, [hit]) => event.native.target.classList.toggle("leads", Boolean(hit && rows[hit.index].href)),
    },
  });
  made.set(chart, [canvas, shown]);
}

export function forgetCharts() {
  for (const chart of made.keys()) chart.destroy();
  made.clear();
}

// A machine that turns dark in the evening gets charts in other colours; what stands in the page's forms stays.
function drawAgain() {
  const all = [...made.values()];
  forgetCharts();
  for (const [canvas, shown] of all) draw(canvas, shown);
}

const link = (row) => (row.href ? element("a", { href: row.href }, row.label) : row.label);

// A heading, the chart and the table of the same figures. `what`: the name of a row's kind; `sparse`: the table leaves out
// rows without any use, as it says.
export function chartPanel({ id, heading, what, rows, series, sideways = false, unit, note = null, plain = false, sparse = false }) {
  const total = rows.reduce((sum, row) => sum + row.values[0], 0);
  const text = word("audit-figures.chart", { heading, count: rows.length, total: unit ? "—" : figure(total) });
  const canvas = element("canvas", { id: `${id}-chart`, role: "img", "aria-label": text });
  const height = sideways ? Math.max(120, 56 + rows.length * 32) : 240;
  const box = element("div", { class: `canvas size-${Math.min(9, Math.ceil(height / 80))}` }, canvas);
  const rates = series.length > 1;
  const heads = [what, ...series.map((one) => one.label), rates ? word("audit.denied-share") : null].filter(Boolean);
  const listed = sparse ? rows.filter((row) => row.values.some(Boolean)) : rows;
  const cells = listed.map((row) => [link(row), ...row.values.map((value) => (unit ? `${value}${unit}` : value)),
    ...(row.more ?? []), ...(rates ? [percent(row.values[1], row.values[0] + row.values[1])] : [])]);
  const shown = table(heading, [...heads.slice(0, 1 + series.length), ...(rows[0]?.heads ?? []), ...heads.slice(1 + series.length)], cells);
  requestAnimationFrame(() => draw(canvas, { rows, series, sideways, unit }));
  const notes = [note, listed.length < rows.length ? word("audit-figures.sparse") : null].filter(Boolean).join(" ");
  const inside = [element("div", { class: "chart" }, box, shown), notes ? element("p", { class: "second small" }, notes) : null];
  if (plain) return inside;
  return element("section", { class: "panel", id, "aria-labelledby": `${id}-heading` },
    element("h2", { id: `${id}-heading` }, heading), inside);
}

export const usesSeries = () => [
  { label: word("audit.granted"), kind: "granted" },
  { label: word("audit.denied"), kind: "denied" },
];

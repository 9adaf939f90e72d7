// The chart of the loss and its terms, and its legend.

import { byId } from "./elements.js";
import { formatCount, formatValue } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const CURVES = 7; // colors in colors.css
const MARGIN = { left: 44, right: 8, top: 8, bottom: 22 }; // pixels around the curves
const MAX_TICKS = 5; // of the vertical axis

// Draws the curves of some columns over steps, and marks the step of the picture on view.
export function drawChart({ rows, columns, lastStep, shownStep }) {
  const svg = byId("chart"), { width, height } = svg.getBoundingClientRect();
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const values = rows.flatMap((row) => columns.map((name) => row[name])).filter((value) => value > 0);
  if (!values.length || !width) return byId("legend").replaceChildren();

  // The vertical axis shows exponents of ten, with a margin of 5 % or a tenth of a decade.
  const low = Math.log10(values.reduce((a, b) => Math.min(a, b)));
  const high = Math.log10(values.reduce((a, b) => Math.max(a, b)));
  const pad = Math.max(0.05 * (high - low), 0.1), bottom = low - pad, top = high + pad;
  const innerWidth = width - MARGIN.left - MARGIN.right, innerHeight = height - MARGIN.top - MARGIN.bottom;
  const x = (step) => MARGIN.left + (step / Math.max(1, lastStep)) * innerWidth;
  const y = (exponent) => MARGIN.top + ((top - exponent) / (top - bottom)) * innerHeight;

  drawAxes(svg, x, y, { lastStep, bottom, top, width, height });
  if (shownStep) {
    const ends = { x1: x(shownStep), x2: x(shownStep), y1: MARGIN.top, y2: height - MARGIN.bottom };
    svg.append(createNode("line", { class: "here", ...ends }));
  }
  for (const i of [...columns.keys()].reverse()) { // the loss last, above its terms
    svg.append(createCurve(rows, columns[i], i, x, y));
  }
  showLegend(columns, rows, shownStep);
}

function drawAxes(svg, x, y, { lastStep, bottom, top, width, height }) {
  for (const [exponent, text] of chooseTicks(bottom, top)) {
    const ends = { x1: MARGIN.left, x2: width - MARGIN.right, y1: y(exponent), y2: y(exponent) };
    svg.append(createNode("line", { class: "grid", ...ends }));
    svg.append(createNode("text", { x: MARGIN.left - 6, y: y(exponent) + 4, "text-anchor": "end" }, text));
  }
  for (const [step, anchor] of [[0, "start"], [Math.floor(lastStep / 2), "middle"], [lastStep, "end"]]) {
    const text = step ? formatCount(step) : "step 0";
    svg.append(createNode("text", { x: x(step), y: height - 5, "text-anchor": anchor }, text));
  }
}

// Returns [exponent, label] of powers of ten, or of three values if they are fewer than two.
function chooseTicks(bottom, top) {
  const stride = Math.max(1, Math.ceil((top - bottom) / MAX_TICKS));
  const ticks = [];
  for (let exponent = Math.ceil(bottom); exponent <= top; exponent++) {
    if (exponent % stride === 0) ticks.push([exponent, formatPower(exponent)]);
  }
  if (ticks.length >= 2) return ticks;
  const exponents = [0.15, 0.5, 0.85].map((share) => bottom + share * (top - bottom));
  return exponents.map((exponent) => [exponent, formatTick(exponent)]);
}

const formatTick = (exponent) => (10 ** exponent).toPrecision(2).replace("e+", "e");

function formatPower(exponent) {
  const digits = String(exponent).replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]);
  return `10${digits.replace("-", "⁻")}`;
}

function createCurve(rows, name, index, x, y) {
  let path = "", command = "M";
  for (const row of rows) {
    if (!(row[name] > 0)) { // missing, or without a logarithm: the curve has a gap
      command = "M";
      continue;
    }
    path += `${command}${x(row.step).toFixed(1)} ${y(Math.log10(row[name])).toFixed(1)}`;
    command = "L";
  }
  const curve = createNode("path", { d: path, class: name });
  curve.style.stroke = `var(--curve-${index % CURVES})`;
  return curve;
}

// Shows the values at a step, or the last ones.
function showLegend(columns, rows, step) {
  const row = rows.findLast((row) => row.step <= (step ?? Infinity)) ?? rows[0];
  byId("legend").replaceChildren(...columns.map((name, i) => {
    const item = document.createElement("li"), value = document.createElement("b");
    item.className = name;
    item.style.setProperty("--curve", `var(--curve-${i % CURVES})`);
    value.textContent = formatValue(row[name]);
    item.append(name === "loss" ? "loss, best so far" : name, value);
    return item;
  }));
  const values = columns.map((name) => `${name} ${formatValue(row[name])}`).join(", ");
  byId("chart").setAttribute("aria-label", `Loss over steps; at step ${row.step}: ${values}`);
}

function createNode(name, attributes, text = "") {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.textContent = text;
  return node;
}

// The view of all queries and keys as a matrix, for the mean of the heads switched on.

import { mean, meanMatrix } from "./arrays.js";
import { cellOpacity, channels, readableOn } from "./colors.js";
import { $, make, style } from "./dom.js";
import { say } from "./language.js";
import { cellSize } from "./layout.js";
import { closedTable, plainTable } from "./numbers.js";
import { drawnLegend, legend } from "./scale.js";
import { ARROWS, activeHeads, fitted, hasHeads, hasSteps, headsText, keys, kind, queries, widthOf } from "./shared.js";
import { strongestOf } from "./step_choice.js";
import { openSteps } from "./step_panel.js";
import { drawnCanvas, text } from "./svg.js";
import { inCell, number, powerOf, unit } from "./text.js";
import { passes, seenWeights } from "./weights.js";

export const matrixOf = (at, heads) =>
  meanMatrix(at, heads, { rows: queries.length, columns: keys.length, shows: passes });

const cellInks = () => ["--less", "--more"].map((name) => style(name).split(",").map(Number));
/** A function from a value to its colour, [red, green, blue, opacity], the strongest at `highest`. */
function cellColors(highest) {
  const [less, more] = cellInks();
  return (value) => [...(value < 0 ? less : more), cellOpacity(value, highest)];
}

const matrixScale = ({ highest }) => ({
  low: kind().signed ? -highest : 0,
  high: highest || 1,
  color: cellColors(highest),
});

/** A canvas with a pixel for each query and key. */
export function heat(values, highest = values.highest) {
  const rows = queries.length;
  const columns = keys.length;
  const [less, more] = cellInks();
  const canvas = make("canvas", { width: columns, height: rows });
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const { data } = image;
  values.forEach((value, i) => {
    const ink = value < 0 ? less : more;
    for (let channel = 0; channel < 3; channel++) data[4 * i + channel] = ink[channel];
    data[4 * i + 3] = 255 * cellOpacity(value, highest);
  });
  context.putImageData(image, 0, 0);
  return canvas;
}

const looksAt = (query, key) => say("looks_at", { query: queries[query], key: keys[key] });

/** The strongest cell of a matrix in words; "" if all are 0. */
export function toldCell(values) {
  const [query, key] = [Math.floor(values.strongest / keys.length), values.strongest % keys.length];
  return values.highest ? say("told", { place: looksAt(query, key), value: number(values[values.strongest]) }) : "";
}

/** Sizes in pixels: of a cell, and of the margins for names, which need cells of more than nine. */
function matrixLayout() {
  const across = cellSize(keys.length);
  const down = cellSize(queries.length);
  const room = (names) =>
    Math.min(96, Math.ceil(names.reduce((most, name) => Math.max(most, widthOf(name.slice(0, 96))), 0)) + 12);
  const left = down > 9 ? room(queries) : 0;
  const top = across > 9 ? room(keys) : 0;
  const right = top / 2; // names of keys lean to the right
  return { across, down, left, top, width: left + across * keys.length + right, height: top + down * queries.length };
}

/** What is written into the cells where they have room, [text, query, key, colour] each, and the power of ten. */
function cellTexts(values) {
  const { across, down } = matrixLayout();
  const { highest } = values;
  const found = [];
  if (across < 32 || down < 16 || !activeHeads().length) return { found, power: 0 };
  const power = powerOf(highest);
  const paper = channels(style("--paper"));
  const color = cellColors(highest);
  values.forEach((value, i) => {
    if (Number.isNaN(value)) return;
    const [red, green, blue, alpha] = color(value);
    const ground = [red, green, blue].map((channel, i) => alpha * channel + (1 - alpha) * paper[i]);
    found.push([inCell(value, power), Math.floor(i / keys.length), i % keys.length, readableOn(ground)]);
  });
  return { found, power };
}

export async function showMatrix(stage) {
  const at = await seenWeights();
  if (!at) return;
  const heads = activeHeads();
  const values = matrixOf(at, heads);
  const row = (query) => keys.map((_, key) => values[query * keys.length + key]);
  const all = () =>
    plainTable(
      headsText(heads),
      keys,
      queries.map((name, query) => [name, row(query)]),
    );
  $("numbers").replaceChildren(...(heads.length ? [closedTable(values.length, all)] : []));
  const { across, down, left, top, width, height } = matrixLayout();
  const { found, power } = cellTexts(values);
  const canvas = make("canvas", {
    tabindex: 0,
    role: "application",
    "aria-label": say("matrix", { rows: queries.length, columns: keys.length }),
  });
  const readout = make(
    "p",
    { class: "readout", "aria-live": "polite" },
    [headsText(heads), unit(power)].filter(Boolean).join("; "),
  );
  const ratio = window.devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const context = canvas.getContext("2d");
  const image = heat(values);
  const x = (key) => left + (key + 0.5) * across;
  const y = (query) => top + (query + 0.5) * down;
  const font = Math.min(13, down - 1);
  const leaning = Math.min(13, across - 1);
  const beside = left ? queries.map((token) => fitted(token, left - 8, font)) : [];
  const above = top ? keys.map((token) => fitted(token, top, leaning)) : [];
  let cursor = null;
  function paint() {
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.imageSmoothingEnabled = false;
    context.drawImage(image, left, top, across * keys.length, down * queries.length);
    context.textBaseline = "middle";
    context.fillStyle = style("--ink");
    context.font = `${font}px system-ui, sans-serif`;
    context.textAlign = "right";
    beside.forEach((name, i) => context.fillText(name, left - 6, y(i)));
    context.font = `${leaning}px system-ui, sans-serif`;
    context.textAlign = "left";
    above.forEach((name, i) => {
      context.save();
      context.translate(x(i), top - 6);
      context.rotate(-Math.PI / 3);
      context.fillText(name, 0, 0);
      context.restore();
    });
    context.textAlign = "center";
    context.font = "11px system-ui, sans-serif";
    for (const [value, query, key, ink] of found) {
      context.fillStyle = ink;
      context.fillText(value, x(key), y(query));
    }
    if (!cursor) return;
    context.strokeStyle = style("--ink");
    context.lineWidth = 2;
    context.strokeRect(left + cursor[1] * across, top + cursor[0] * down, across, down);
  }
  function point(query, key) {
    cursor = queries[query] !== undefined && keys[key] !== undefined ? [query, key] : cursor;
    if (cursor && heads.length)
      readout.textContent = say("told", {
        place: say("told", { place: headsText(heads), value: looksAt(...cursor) }),
        value: number(mean(at, heads, ...cursor)),
      });
    paint();
  }
  canvas.addEventListener("mousemove", (event) =>
    point(Math.floor((event.offsetY - top) / down), Math.floor((event.offsetX - left) / across)),
  );
  const open = () => hasSteps && hasHeads() && cursor && openSteps(strongestOf([cursor[0]], [cursor[1]]));
  canvas.addEventListener("click", open);
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Enter") open();
    const step = ARROWS[event.key];
    if (!step) return;
    event.preventDefault();
    point((cursor?.[0] ?? -step[0]) + step[0], (cursor?.[1] ?? -step[1]) + step[1]);
  });
  paint();
  stage.replaceChildren(readout, canvas, ...(values.highest ? [legend(matrixScale(values))] : []));
}

/** The same as SVG: its size and parts. */
export function drawMatrix(at) {
  const values = matrixOf(at, activeHeads());
  const { across, down, left, top, width, height } = matrixLayout();
  const { found, power } = cellTexts(values);
  const x = (key) => 12 + left + (key + 0.5) * across;
  const y = (query) => 52 + top + (query + 0.5) * down;
  const parts = [
    ...(power ? [text(12, 42, unit(power))] : []),
    drawnCanvas(heat(values), 12 + left, 52 + top, across * keys.length, down * queries.length),
    ...found.map(([value, query, key, ink]) =>
      text(x(key), y(query) + 4, value, `text-anchor="middle" font-size="11" fill="${ink}"`),
    ),
    ...(values.highest ? drawnLegend(matrixScale(values), 12, height + 66, style("--paper")) : []),
  ];
  const font = Math.min(13, down - 1);
  const leaning = Math.min(13, across - 1);
  if (left)
    queries.forEach((token, i) =>
      parts.push(text(left + 6, y(i) + 4, fitted(token, left - 8, font), `text-anchor="end" font-size="${font}"`)),
    );
  if (top)
    keys.forEach((token, i) =>
      parts.push(
        text(
          x(i),
          46 + top,
          fitted(token, top, leaning),
          `font-size="${leaning}" transform="rotate(-60 ${x(i)} ${46 + top})"`,
        ),
      ),
    );
  return { width: Math.max(width + 24, 360), height: height + 108, parts };
}

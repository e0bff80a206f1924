// The view of an image as SVG and as CSV.

import { make, style } from "./dom.js";
import { decimals, say } from "./language.js";
import {
  chosenName,
  colorOf,
  described,
  first,
  mapsOf,
  photo,
  placeOf,
  scaleOf,
  strongest,
  titleOfMap,
  valuesOf,
} from "./patch_maps.js";
import { boxOf, frame, paintImage } from "./patch_painting.js";
import { drawnLegend } from "./scale.js";
import { activeHeads, fitted, hasHeads, keys, palette, seen, state } from "./shared.js";
import { filled, text } from "./svg.js";
import { number, visible } from "./text.js";

/** The same as SVG: its size and parts. Each patch names itself and its number. */
export function drawImage(at) {
  const { all, single } = mapsOf(at);
  const isTold = all.heads.length > 0;
  const parts = [drawnPhoto(), ...state.predictions.flatMap(drawnPrediction)];
  let top = 34 + 20 * state.predictions.length;
  const title = titleOfMap();
  const told = first && isTold ? say("with_cls", { title, value: number(all.map[0]) }) : title;
  parts.push(text(12, top + 14, told));
  top += 26;
  parts.push(...drawnMap(all, 12, top, frame.width, frame.height, true));
  const below = top + frame.height + 12;
  if (isTold) parts.push(...drawnLegend(scaleOf(all), 12, below, "#26292e"));
  const size = { width: Math.max(frame.width, 320) + 24, height: below + 40 };
  if (!hasHeads() || palette.length === 1) return { ...size, parts };
  const [w, h] = [Math.round(frame.width * frame.small), Math.round(frame.height * frame.small)];
  single.forEach((entry, head) => {
    const x = frame.width + 36 + (head % frame.across) * (w + 12);
    const y = top + Math.floor(head / frame.across) * (h + 30);
    const strength = number(entry.map[strongest(entry.map)]);
    parts.push(`<g${seen.heads.has(head) ? "" : ' opacity="0.35"'}>`, ...drawnMap(entry, x, y, w, h, false));
    parts.push(
      text(x, y + h + 16, say("one_head", { head })),
      text(x + w, y + h + 16, strength, 'text-anchor="end"'),
      "</g>",
    );
  });
  size.width += 12 + frame.across * (w + 12);
  size.height = Math.max(size.height, top + Math.ceil(single.length / frame.across) * (h + 30) + 12);
  return { ...size, parts };
}

/** The image once, for all maps to use. */
function drawnPhoto() {
  const { width, height } = photo;
  const plain = make("canvas", { width, height });
  paintImage(plain.getContext("2d"), width, height);
  const look = `preserveAspectRatio="none" image-rendering="${frame.width < 3 * width ? "auto" : "pixelated"}"`;
  return `<defs><image id="image" width="${width}" height="${height}" ${look} href="${plain.toDataURL()}"/></defs>`;
}

function drawnPrediction({ name, probability }, i) {
  const y = 34 + 20 * i;
  const fill = `fill="rgb(${style("--accent")})"`;
  return [
    text(12, y + 11, fitted(visible(name), 210)),
    `<rect x="230" y="${y + 3}" width="${200 * probability}" height="8" rx="4" ${fill}/>`,
    text(438, y + 11, decimals(probability, 4)),
  ];
}

function drawnMap(entry, x, y, w, h, named) {
  const thickness = named ? 2 : 1;
  const grid = named ? 'stroke="#fff" stroke-opacity="0.1"' : "";
  const zoom = `scale(${w / photo.width} ${h / photo.height})`;
  const parts = [
    `<g transform="translate(${x} ${y})" shape-rendering="crispEdges" ${grid}>`,
    `<use href="#image" transform="${zoom}"/>`,
  ];
  for (let token = first; token < keys.length; token++) {
    const title = named ? described(token, entry.map) : "";
    parts.push(filled(colorOf(entry, token), seen.opacity, ...boxOf(token, w, h), title));
  }
  if (seen.patch >= first) {
    const [left, top, across, down] = boxOf(seen.patch, w, h);
    const size = `x="${left + 1}" y="${top + 1}" width="${across - 2}" height="${down - 2}"`;
    for (const [ink, width] of [
      ["#000", 2 * thickness],
      ["#fff", thickness],
    ])
      parts.push(`<rect ${size} fill="none" stroke-opacity="1" stroke="${ink}" stroke-width="${width}"/>`);
  }
  return [...parts, "</g>"];
}

/** One row per token: where it stands, and its value for the chosen one, for the mean and each head switched on. */
export function imageCsv(at) {
  const heads = activeHeads();
  const exact = (value) => +value.toPrecision(5);
  const sides = seen.looks ? ["query", "key"] : ["key", "query"];
  const names = [...(heads.length ? ["mean"] : []), ...heads.map((head) => `head ${head}`)];
  const columns = [...(heads.length ? [valuesOf(at, heads)] : []), ...heads.map((head) => valuesOf(at, [head]))];
  const rows = keys.map((name, token) => [
    state.layers[seen.layer],
    chosenName(),
    name,
    ...(token < first ? ["", ""] : placeOf(token)),
    ...columns.map((values) => exact(values[token])),
  ]);
  return `${[["layer", ...sides, "row", "column", ...names], ...rows].map((row) => row.join(",")).join("\n")}\n`;
}

// The image under the heat of its patches, painted on canvases.

import { make } from "./dom.js";
import { patchBox } from "./layout.js";
import { cssColorOf, first, photo, placeOf } from "./patch_maps.js";
import { keys, palette, seen } from "./shared.js";

/** Sizes in pixels: of the large map, and of each head's as a share of it; and how many of these stand side by side. */
export const frame = (() => {
  const tallest = Math.max(360, Math.min(600, window.innerHeight - 330));
  const widest = Math.max(200, Math.min(600, window.innerWidth - (first ? 130 : 40))); // margins, [CLS]
  const zoom = Math.min(widest / photo.width, tallest / photo.height);
  const [width, height] = [Math.round(photo.width * zoom), Math.round(photo.height * zoom)];
  const small = Math.min(160 / width, 160 / height);
  return { width, height, small, across: Math.min(4, Math.ceil(Math.sqrt(palette.length))) };
})();

const image = make("canvas", { width: photo.width, height: photo.height });
const dimmed = make("canvas", { width: photo.width, height: photo.height });

export const ready = (async () => {
  const read = new Image();
  read.src = photo.source;
  await read.decode();
  setImage(read);
})();

/** Takes an image, and makes it dark and nearly grey, so that the heat is the light and the colour. */
export function setImage(source) {
  image.getContext("2d").drawImage(source, 0, 0);
  const context = dimmed.getContext("2d", { willReadFrequently: true });
  context.drawImage(source, 0, 0);
  const pixels = context.getImageData(0, 0, photo.width, photo.height);
  const { data } = pixels;
  for (let i = 0; i < data.length; i += 4) {
    const grey = 0.3 * data[i] + 0.59 * data[i + 1] + 0.11 * data[i + 2];
    for (let j = i; j < i + 3; j++) data[j] = 0.5 * (0.7 * grey + 0.3 * data[j]);
  }
  context.putImageData(pixels, 0, 0);
}

export const boxOf = (token, width, height) => patchBox(placeOf(token), [photo.rows, photo.columns], width, height);

export function paintImage(context, width, height) {
  context.imageSmoothingEnabled = width < 3 * photo.width; // a small image stays made of pixels
  context.globalAlpha = 1;
  context.drawImage(image, 0, 0, width, height);
  context.globalAlpha = seen.opacity;
  context.drawImage(dimmed, 0, 0, width, height);
  context.globalAlpha = 1;
}

export function paintMap(canvas, entry, cssWidth, cssHeight, detailed) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(cssWidth * ratio), Math.round(cssHeight * ratio)];
  Object.assign(canvas, { width: w, height: h });
  const context = canvas.getContext("2d");
  paintImage(context, w, h);
  context.globalAlpha = seen.opacity;
  for (let token = first; token < keys.length; token++) {
    context.fillStyle = cssColorOf(entry, token);
    context.fillRect(...boxOf(token, w, h));
  }
  context.globalAlpha = 1;
  if (detailed && w / photo.columns >= 6 * ratio) paintGrid(context, w, h, ratio);
  outline(context, seen.patch, w, h, (detailed ? 2.5 : 1.2) * ratio);
  if (detailed && seen.cursor !== null && seen.cursor !== seen.patch)
    outline(context, seen.cursor, w, h, 1.5 * ratio, [4 * ratio, 3 * ratio]);
}

function paintGrid(context, w, h, thickness) {
  const { rows, columns } = photo;
  context.fillStyle = "rgba(255, 255, 255, 0.2)";
  for (let column = 1; column < columns; column++)
    context.fillRect(Math.round((column * w) / columns), 0, thickness, h);
  for (let row = 1; row < rows; row++) context.fillRect(0, Math.round((row * h) / rows), w, thickness);
}

/** A white line within a black one, which is seen on any ground. */
function outline(context, token, w, h, thickness, dashes = []) {
  if (token < first) return;
  const [x, y, across, down] = boxOf(token, w, h);
  const half = thickness / 2;
  for (const [ink, extra] of [
    ["#000", 2],
    ["#fff", 0],
  ]) {
    context.setLineDash(extra ? [] : dashes);
    context.strokeStyle = ink;
    context.lineWidth = thickness + extra;
    context.strokeRect(x + half, y + half, across - thickness, down - thickness);
  }
}

// Saves what is seen: as SVG and PNG, and its weights as CSV.

import { images, VIEWS } from "./controls.js";
import { $, make, style } from "./dom.js";
import { say } from "./language.js";
import { activeHeads, allHeads, hasHeads, headsText, kind, kindName, seen, state, widthOf } from "./shared.js";
import { text } from "./svg.js";
import { quoted } from "./text.js";
import { transferCsv } from "./transfer.js";
import { passes, weights } from "./weights.js";

async function svg() {
  const drawn = await VIEWS[seen.view].draw(await weights(seen.kind, seen.layer));
  const { height, parts } = drawn;
  const all = () => say(hasHeads() ? "all_layers" : "all_layers_averaged");
  const what = seen.view === "Model" ? all() : headsText(activeHeads());
  const caption = seen.view === "Patching" ? say("view.Patching") : say("caption", { kind: kindName(), what });
  const width = Math.max(drawn.width, Math.ceil(1.15 * widthOf(caption)) + 24); // it is bold
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  const font = `font-family="system-ui, sans-serif" font-size="13" fill="${style("--ink")}"`;
  const ground = `<rect width="100%" height="100%" fill="${style("--paper")}"/>`;
  const title = text(12, 22, caption, 'font-weight="600"');
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${font}>${ground}${title}${parts.join("")}</svg>`;
}

async function png() {
  const source = await svg();
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([source], { type: "image/svg+xml" }));
  await image.decode();
  const ratio = Math.min(2, 8000 / image.height);
  const canvas = make("canvas", { width: image.width * ratio, height: image.height * ratio });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** One row per head and query of the layer shown, or of all, one column per key; of an image, one row per patch. */
async function csv() {
  if (seen.view === "Patching") return transferCsv();
  if (seen.view === "Image") return images.csv(await weights(seen.kind, seen.layer));
  const isModel = seen.view === "Model";
  const heads = isModel ? allHeads() : activeHeads();
  const rows = [["layer", "head", "query", ...state.keys.map(quoted)].join(",")];
  for (const layer of isModel ? state.layers.keys() : [seen.layer]) {
    const at = await weights(seen.kind, layer);
    const cell = (head, query, key) => (passes(query, key) ? +at(head, query, key).toPrecision(5) : "");
    for (const head of heads)
      state.queries.forEach((token, query) =>
        rows.push(
          [state.layers[layer], head, quoted(token), ...state.keys.map((_, key) => cell(head, query, key))].join(","),
        ),
      );
  }
  return `${rows.join("\n")}\n`;
}

export const SAVE = { svg: [svg, "image/svg+xml"], png: [png, "image/png"], csv: [csv, "text/csv"] };

export async function save(format) {
  const [content, type] = SAVE[format];
  const buttons = [...$("save").children];
  for (const button of buttons) button.disabled = true; // a large page takes its time
  const made = await content().finally(() => {
    for (const button of buttons) button.disabled = false;
  });
  const url = URL.createObjectURL(new Blob([made], { type }));
  const isPatching = seen.view === "Patching";
  const name = isPatching ? "patching" : kind().name.replaceAll("_", "-");
  const which = seen.view === "Model" || isPatching ? "all-layers" : `layer${state.layers[seen.layer]}`;
  make("a", {
    href: url,
    download: `${name}-${which}.${format}`,
  }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

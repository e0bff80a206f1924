// The view of all layers and heads at once.

import { show } from "./controls.js";
import { $, make } from "./dom.js";
import { thumbnailSize } from "./layout.js";
import { heat, matrixOf } from "./matrix.js";
import { allHeads, HOME, hasHeads, keys, queries, seen, state } from "./shared.js";
import { drawnCanvas, text } from "./svg.js";
import { weights } from "./weights.js";

const THUMBNAIL = 68; // pixels of the longer side

/** The matrix of one head, small; the strongest colour is its layer's highest weight. */
function thumbnail(at, head) {
  const [width, height] = thumbnailSize(queries.length, keys.length, THUMBNAIL);
  const canvas = make("canvas", { width, height });
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = Math.max(queries.length, keys.length) > THUMBNAIL;
  context.drawImage(heat(matrixOf(at, [head]), at.highest), 0, 0, canvas.width, canvas.height);
  return canvas;
}

export async function showModel(stage) {
  const heads = allHeads();
  const { kind: shownKind } = seen;
  const grid = make(
    "div",
    { class: "grid", style: { "grid-template-columns": `auto repeat(${heads.length}, max-content)` } },
    make("span"),
    ...heads.map((head) => make("span", {}, String(head))),
  );
  stage.replaceChildren(make("p", { class: "readout" }, "Rows are layers, columns heads; a click opens a head."), grid);
  $("numbers").replaceChildren();
  for (const [index, layer] of state.layers.entries()) {
    const at = await weights(shownKind, index);
    if (!grid.isConnected || seen.kind !== shownKind) return; // something else is shown by now
    grid.append(
      make("span", {}, String(layer)),
      ...heads.map((head) =>
        make(
          "button",
          {
            "aria-label": `layer ${layer}, head ${head}`,
            title: `layer ${layer}, head ${head}`,
            onclick: async () => {
              if (hasHeads()) seen.heads = new Set([head]);
              Object.assign(seen, { layer: index, view: HOME, token: null });
              await show();
              $("layer").focus();
            },
          },
          thumbnail(at, head),
        ),
      ),
    );
    await new Promise(requestAnimationFrame);
  }
}

/** The same as SVG: its size and parts. */
export async function drawModel() {
  const heads = allHeads();
  const step = THUMBNAIL + 8;
  const parts = heads.map((head) => text(70 + head * step, 44, String(head)));
  for (const [index, layer] of state.layers.entries()) {
    const at = await weights(seen.kind, index);
    parts.push(text(14, 90 + index * step, String(layer)));
    for (const head of heads) {
      const canvas = thumbnail(at, head);
      parts.push(drawnCanvas(canvas, 40 + head * step, 50 + index * step, canvas.width, canvas.height));
    }
  }
  return { width: 40 + heads.length * step, height: 50 + state.layers.length * step, parts };
}

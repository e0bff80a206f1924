// The view of all layers and heads at once.

import { changeBadge, changeOf, hasChanges, toldChange } from "./changes.js";
import { show } from "./controls.js";
import { $, make } from "./dom.js";
import { counted, say } from "./language.js";
import { thumbnailSize } from "./layout.js";
import { heat, matrixOf, toldCell } from "./matrix.js";
import { ARROWS, allHeads, answerName, HOME, hasHeads, keys, queries, seen, state } from "./shared.js";
import { drawnCanvas, text } from "./svg.js";
import { signed } from "./text.js";
import { weights } from "./weights.js";

const THUMBNAIL = 68; // pixels of the longer side

/** The matrix of one head, small; the strongest colour is its layer's highest weight. */
function thumbnail(at, values) {
  const [width, height] = thumbnailSize(queries.length, keys.length, THUMBNAIL);
  const canvas = make("canvas", { width, height });
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = Math.max(queries.length, keys.length) > THUMBNAIL;
  context.drawImage(heat(values, at.highest), 0, 0, canvas.width, canvas.height);
  return canvas;
}

export async function showModel(stage) {
  const heads = allHeads();
  const { kind: shownKind, answer: shownAnswer } = seen;
  const told = Number(hasChanges()); // columns for what a layer does
  const grid = make(
    "div",
    { class: "grid", style: { "grid-template-columns": `auto repeat(${heads.length + told}, max-content)` } },
    make("span"),
    ...heads.map((head) => make("span", {}, counted(head))),
    ...(told ? [make("span", {}, say("whole_layer"))] : []),
  );
  const explained = told
    ? [
        make(
          "p",
          { class: "soft" },
          say("model_changes", { name: answerName() }),
          " ",
          say(state.image ? "colors_of_heads_image" : "colors_of_heads"),
        ),
      ]
    : [];
  stage.replaceChildren(make("p", { class: "readout" }, say("model")), ...explained, grid);
  grid.addEventListener("keydown", (event) => {
    const buttons = [...grid.querySelectorAll("button")];
    const [down, across] = ARROWS[event.key] ?? [0, 0];
    const next = buttons[buttons.indexOf(document.activeElement) + down * heads.length + across];
    if (!next || !(down || across)) return;
    event.preventDefault();
    next.focus();
  });
  $("numbers").replaceChildren();
  for (const [index, layer] of state.layers.entries()) {
    const at = await weights(shownKind, index);
    if (!grid.isConnected || seen.kind !== shownKind || seen.answer !== shownAnswer) return; // something else is shown by now
    grid.append(
      make("span", {}, counted(layer)),
      ...heads.map((head) => {
        const values = matrixOf(at, [head]);
        const place = say("model_head", { layer, head });
        const name = told ? say("told", { place, value: toldChange(changeOf(index, head)) }) : place;
        const strongest = toldCell(values);
        return make(
          "button",
          {
            "aria-label": strongest ? say("model_strongest", { name, told: strongest }) : name,
            title: name,
            onclick: async () => {
              if (hasHeads()) seen.heads = new Set([head]);
              Object.assign(seen, { layer: index, view: HOME, token: null });
              await show();
              $("layer").focus();
            },
          },
          thumbnail(at, values),
          ...(told ? [changeBadge(changeOf(index, head))] : []),
        );
      }),
      ...(told ? [make("span", { class: "whole" }, changeBadge(changeOf(index)))] : []),
    );
    await new Promise(requestAnimationFrame);
  }
}

/** The same as SVG: its size and parts. */
export async function drawModel() {
  const heads = allHeads();
  const step = THUMBNAIL + 8;
  const told = hasChanges();
  const down = step + (told ? 16 : 0);
  const parts = heads.map((head) => text(70 + head * step, 44, counted(head)));
  const number = (change, x, y) => text(x, y, signed(change, 2), 'text-anchor="middle" font-size="11"');
  for (const [index, layer] of state.layers.entries()) {
    const at = await weights(seen.kind, index);
    parts.push(text(14, 90 + index * down, counted(layer)));
    if (told) parts.push(number(changeOf(index), 64 + heads.length * step, 90 + index * down));
    for (const head of heads) {
      const canvas = thumbnail(at, matrixOf(at, [head]));
      parts.push(drawnCanvas(canvas, 40 + head * step, 50 + index * down, canvas.width, canvas.height));
      if (told) parts.push(number(changeOf(index, head), 74 + head * step, 62 + canvas.height + index * down));
    }
  }
  const width = 40 + (heads.length + Number(told)) * step;
  return { width, height: 50 + state.layers.length * down, parts };
}

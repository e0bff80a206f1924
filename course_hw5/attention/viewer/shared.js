// What all views share: the page's state, and what is seen of it.

import { $ } from "./dom.js";
import { shortened, visible } from "./text.js";

export const state = JSON.parse($("state").textContent);
export const queries = state.queries.map(visible);
export const keys = state.keys.map(visible);
export const HOME = state.image ? "Image" : "Heads";
export const seen = {
  view: HOME,
  kind: 0,
  layer: state.layer,
  filter: "all",
  heads: new Set(state.heads),
  token: null, // {side: "query" | "key", index, pinned}
  masked: null, // index of the word taken out
};

export const ARROWS = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }; // rows, columns

const ruler = document.createElement("canvas").getContext("2d");

export function widthOf(text, size = 13) {
  ruler.font = `${size}px system-ui, sans-serif`;
  return ruler.measureText(text).width;
}

export const fitted = (text, width, size) => shortened(text, width, (part) => widthOf(part, size));

export const kind = () => state.kinds[seen.kind];
// What is folded through layers has no heads: they are averaged.
export const hasHeads = () => kind().heads === palette.length;
export const allHeads = () => [...Array(kind().heads).keys()];
export const activeHeads = () => (hasHeads() ? [...seen.heads].sort((a, b) => a - b) : allHeads());

export function headsText(heads) {
  const which = !hasHeads()
    ? "heads averaged"
    : !heads.length
      ? "no head is chosen"
      : heads.length === 1
        ? `head ${heads[0]}`
        : `mean of ${heads.length} heads`;
  return `Layer ${state.layers[seen.layer]}, ${which}`;
}

export const palette = (() => {
  const count = state.kinds[0].heads;
  return Array.from({ length: count }, (_, head) => {
    ruler.fillStyle = `hsl(${(215 + (360 * head) / count) % 360}, ${head % 2 ? 55 : 75}%, ${head % 2 ? 42 : 50}%)`;
    return ruler.fillStyle; // as #rrggbb, which every program reads
  });
})();

export const lineColor = (head) => palette[hasHeads() ? head : 0];

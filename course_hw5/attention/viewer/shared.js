// What all views share: the page's state, and what is seen of it.

import { $ } from "./dom.js";
import { say } from "./language.js";
import { shortened, visible } from "./text.js";

export const state = JSON.parse($("state").textContent);
export const queries = state.queries.map(visible);
export const keys = state.keys.map(visible);
export const hasSteps = Boolean(state.vectors); // from which each weight is computed, step by step
export const HOME = state.image ? "Image" : "Heads";
export const seen = {
  view: HOME,
  kind: 0,
  answer: 0, // the class that is explained
  words: "masked", // what the numbers under the words are
  layer: state.layer,
  filter: "all",
  heads: new Set(state.heads),
  token: null, // {side: "query" | "key", index, pinned}
  masked: null, // index of the word taken out
  table: false, // whether the numbers of a matrix or an image are open as a table
};

export const ARROWS = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }; // rows, columns

const ruler = document.createElement("canvas").getContext("2d");

export function widthOf(text, size = 13) {
  ruler.font = `${size}px system-ui, sans-serif`;
  return ruler.measureText(text).width;
}

export const fitted = (text, width, size) => shortened(text, width, (part) => widthOf(part, size));

export const kind = () => state.kinds[seen.kind];
export const answer = () => state.answers[seen.answer];
export const answerName = (entry = answer()) => visible(entry.name ?? say("probability"));
export const kindName = () => say(`kind.${kind().name}`);
// What is folded through layers has no heads: they are averaged.
export const hasHeads = () => kind().heads === palette.length;
export const allHeads = () => [...Array(kind().heads).keys()];
export const activeHeads = () => (hasHeads() ? [...seen.heads].sort((a, b) => a - b) : allHeads());

export function headsText(heads) {
  if (kind().map) return kindName();
  const which = !hasHeads()
    ? say("averaged")
    : !heads.length
      ? say("no_head")
      : heads.length === 1
        ? say("one_head", { head: heads[0] })
        : say("mean_of", { count: heads.length });
  return say("of_layer", { layer: state.layers[seen.layer], heads: which });
}

export const palette = (() => {
  const count = state.kinds[0].heads;
  return Array.from({ length: count }, (_, head) => {
    ruler.fillStyle = `hsl(${(215 + (360 * head) / count) % 360}, ${head % 2 ? 55 : 75}%, ${head % 2 ? 42 : 50}%)`;
    return ruler.fillStyle; // as #rrggbb, which every program reads
  });
})();

export const lineColor = (head) => palette[hasHeads() ? head : 0];

// The weights of the page, unpacked layer by layer.

import { mean, pairPasses, unpack } from "./arrays.js";
import { $ } from "./dom.js";
import { activeHeads, keys, queries, seen, state } from "./shared.js";

const decoded = new Map();
let supplied = null;

/** Takes weights from a function (kind, layer) -> promise of `at`, a model that runs in the page, and no longer from its data. */
export function takeWeights(from) {
  supplied = from;
  decoded.clear();
}

/** The numbers of a layer, unpacked when they are first asked for: a function (head, row, column) -> number. */
export function unpacked(name, layer, { scales, zeros, rows, columns }) {
  const id = `weights-${name}-${layer}`;
  const form = { scale: scales[layer], zero: zeros[layer], rows, columns };
  if (!decoded.has(id)) decoded.set(id, supplied ? supplied(name, layer) : unpack($(id).textContent, form));
  return decoded.get(id);
}

/** The weights of a layer: a function (head, query, key) -> weight. */
export const weights = (kindIndex, layer) =>
  unpacked(kindIndex, layer, { ...state.kinds[kindIndex], rows: queries.length, columns: keys.length });

/** The weights of what is seen, or null if something else is seen by the time they are decoded. */
export async function seenWeights() {
  const { view, kind: shownKind, layer } = seen;
  const at = await weights(shownKind, layer);
  return seen.view === view && seen.kind === shownKind && seen.layer === layer ? at : null;
}

export const passes = (query, key) => pairPasses(seen.filter, state.sentenceB, query, key);

/** The chosen token's weights for the tokens of the other column, by their index; null where the filter hides one. */
export function chosenWeights(at) {
  const { side, index } = seen.token;
  const heads = activeHeads();
  return (side === "query" ? keys : queries).map((_, other) => {
    const pair = side === "query" ? [index, other] : [other, index];
    return passes(...pair) && heads.length ? mean(at, heads, ...pair) : null;
  });
}

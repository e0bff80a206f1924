// Which weight the steps are of, and the vectors of its layer.

import { activeHeads, hasHeads, keys, palette, queries, seen, state } from "./shared.js";
import { strongestWeight } from "./step_numbers.js";
import { passes, unpacked, weights } from "./weights.js";

/** What `stepsOf` reads of a layer. A bias or a mask may be one for all heads, queries or keys. */
export async function partsOf(layer) {
  const { arrays, bias, scale, dims, valueDims } = state.vectors;
  const read = async (name) => {
    if (!arrays[name]) return null;
    const { heads, rows, columns } = arrays[name];
    const at = await unpacked(name, layer, arrays[name]);
    return (head, row, column) => at(head % heads, row % rows, column % columns);
  };
  const [query, key, value, mask, own] = await Promise.all(["query", "key", "value", "mask", "bias"].map(read));
  return { query, key, value, mask, bias: bias === null ? own : await weights(bias, layer), scale, dims, valueDims };
}

/** The heads switched on, or all where none is or where the page shows their mean. */
const stepHeads = () => (hasHeads() && activeHeads().length ? activeHeads() : [...palette.keys()]);

const isWord = (token) => !/^\[.*\]$/.test(token); // or a patch

/** The strongest weight of the layer that is seen, among some queries and keys; of all, rather one from word to word. */
export async function strongestOf(rows, columns) {
  const at = await weights(0, seen.layer);
  const among = { rows: rows ?? [...queries.keys()], columns: columns ?? [...keys.keys()] };
  const telling = (query, key) => passes(query, key) && query !== key && isWord(queries[query]) && isWord(keys[key]);
  const found = rows || columns ? null : strongestWeight(at, stepHeads(), { ...among, shows: telling });
  return found ?? strongestWeight(at, stepHeads(), { ...among, shows: passes });
}

/** The weight that the reader is at: of the chosen token or patch, and of the cell under the cursor. */
export function chosenWeight() {
  if (seen.view === "Image") return ofPatch(seen.cursor);
  const { side, index } = seen.token ?? {};
  if (side) return side === "query" ? strongestOf([index]) : strongestOf(undefined, [index]);
  return strongestOf();
}

/** The weight between the chosen patch and another, or the strongest other. */
export function ofPatch(other) {
  const own = seen.patch < 0 ? undefined : [seen.patch]; // all patches
  const others = other === null ? undefined : [other];
  return seen.looks ? strongestOf(own, others) : strongestOf(others, own);
}

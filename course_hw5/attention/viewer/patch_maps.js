// What the view of an image shows: a value for each patch, for the mean of heads and for each head, and its colour.

import { mean } from "./arrays.js";
import { heatColor, rgba } from "./colors.js";
import { say } from "./language.js";
import { activeHeads, allHeads, keys, kind, kindName, seen, state } from "./shared.js";
import { number } from "./text.js";

export const photo = state.image; // {source, width, height, rows, columns}
export const first = keys.length - photo.rows * photo.columns; // the first patch: 1 where token 0 is [CLS]
export const ALL = -1; // in place of a chosen token: the mean of all patches

export const placeOf = (token) => [Math.floor((token - first) / photo.columns), (token - first) % photo.columns];
export const chosenName = () => (seen.patch === ALL ? say("all_patches") : keys[seen.patch]);
const chosenTokens = () => (seen.patch === ALL ? keys.map((_, token) => token).slice(first) : [seen.patch]);

/** One value per token: the chosen token's row, or its column where it is looked at, for the mean of some heads. */
export function valuesOf(at, heads) {
  const each = chosenTokens();
  const value = (own, token) => (seen.looks || kind().map ? mean(at, heads, own, token) : mean(at, heads, token, own));
  return Float64Array.from(keys, (_, token) => each.reduce((sum, own) => sum + value(own, token), 0) / each.length);
}

/**
 * The value without colour, and how far from it the colour is strongest. Logits count as differences within their row,
 * so that its mean is without. A patch's own weight may exceed the limit: rollout would be a single patch otherwise.
 */
function scaled(map) {
  const patches = map.slice(first);
  const base = kind().signed && !kind().map ? patches.reduce((sum, value) => sum + value, 0) / patches.length : 0;
  const others = map.filter((_, token) => token >= first && (token !== seen.patch || kind().map));
  const furthest = others.reduce((most, value) => Math.max(most, Math.abs(value - base)), 0);
  return { base, limit: furthest || Math.abs(map[seen.patch] - base) || 1 };
}

/** What is seen: of the mean of the heads switched on, and of each head, its values and the scale of its colours. */
export function mapsOf(at) {
  const heads = activeHeads();
  const entry = (heads) => {
    const map = valuesOf(at, heads);
    return { map, heads, ...scaled(map) };
  };
  const all = entry(heads);
  const single = allHeads().map((head) => entry([head]));
  if (seen.shared) {
    const limits = single.filter((_, head) => heads.includes(head)).map(({ limit }) => limit);
    const common = Math.max(...limits, 0) || all.limit;
    for (const each of [all, ...single]) each.limit = common;
  }
  return { all, single };
}

const share = ({ map, base, limit }, token) => (map[token] - base) / limit;
export const colorOf = (entry, token) => heatColor(share(entry, token), kind().signed);
export const cssColorOf = (entry, token) => rgba(colorOf(entry, token));

/** The scale of a map's colours, for a legend. */
export function scaleOf(entry) {
  const { base, limit } = entry;
  return {
    low: kind().signed ? base - limit : 0,
    high: base + limit,
    color: (value) => heatColor((value - base) / limit, kind().signed),
    exceeded: keys.some((_, token) => token >= first && share(entry, token) > 1.0001),
  };
}

export function strongest(map) {
  let best = null;
  for (let token = first; token < keys.length; token++)
    if ((token !== seen.patch || kind().map) && (best === null || map[token] > map[best])) best = token;
  return best ?? seen.patch;
}

/** What the map shows, in words. */
export function titleOfMap() {
  if (kind().map) return kindName();
  const key = !seen.looks ? "who_looks_at_patch" : seen.patch === ALL ? "where_patches_look" : "where_patch_looks";
  return say(key, { patch: chosenName() });
}

export function described(token, map) {
  const [row, column] = placeOf(token);
  const value = number(map[token]);
  const patch = keys[token];
  return token < first ? say("told", { place: patch, value }) : say("patch_place", { patch, row, column, value });
}

// What the reader has set and what the model says to it, and all that has to follow when either changes.

import { show } from "../viewer/controls.js";
import { $ } from "../viewer/dom.js";
import { decimals, say } from "../viewer/language.js";
import { setImage } from "../viewer/patch_painting.js";
import { keys, queries, seen, state } from "../viewer/shared.js";
import { visible } from "../viewer/text.js";
import { takeWeights } from "../viewer/weights.js";
import { ask, askGently, config, isText, live, weightsOf } from "./client.js";
import { fromLink, makeHistory, toLink } from "./state.js";

const linked = location.hash.length > 1 ? fromLink(location.hash.slice(1), config) : null;
const start = isText ? { texts: [live.text], masked: [[]], shown: 0, off: [] } : { pixels: null, off: [] };
const parts = []; // {draw, answered}: what follows a new state, and a new answer

export const session = { state: start, results: null, linked };
export const history = makeHistory(start);

/** Adds a part of the page. */
export const follow = (part) => parts.push(part);

export function tell(text) {
  $("live-note").textContent = text;
}

/** Makes a new state of the present one. `options` are those of a history, and `gently`, as of `askGently`. */
export function commit(change, { gently = false, ...options } = {}) {
  const next = { ...session.state, ...change };
  history.push(next, { ...options, time: performance.now() });
  apply(next, gently);
}

/** As `commit`, of a state that cannot be undone by itself, such as the middle of a stroke. */
export function amend(change) {
  apply({ ...session.state, ...change }, true);
}

export function step(by) {
  const next = history.step(by);
  if (next) apply(next);
}

function apply(next, gently = false) {
  session.state = next;
  for (const part of parts) part.draw?.();
  if (!isText) setImage(imageOf(next.pixels));
  (gently ? askGently : ask)(next);
}

/** Pixels of the model's size on a canvas. */
export function imageOf(pixels) {
  const { width, height } = state.image;
  const { channels } = config;
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const drawn = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++)
    for (let channel = 0; channel < 4; channel++)
      drawn.data[4 * i + channel] = channel === 3 ? 255 : pixels[i * channels + (channels === 3 ? channel : 0)];
  context.putImageData(drawn, 0, 0);
  return canvas;
}

// ---------------------------------------------------------------- answers

export const shownResult = () => session.results[isText ? session.state.shown : 0];

export async function answered(results) {
  session.results = results;
  for (const part of parts) part.answered?.();
  await view();
}

/** Gives the viewer the attention of the answer that is shown. */
export async function view() {
  const result = shownResult();
  if (!result) return;
  if (isText) {
    state.queries = state.keys = result.tokens;
    for (const names of [queries, keys]) names.splice(0, names.length, ...result.tokens.map(visible));
    const other = session.results[1 - session.state.shown];
    const isAlike = other?.tokens.length === result.tokens.length;
    const difference = state.kinds.findIndex(({ name }) => name === "difference");
    $("kind").options[difference].hidden = $("kind").options[difference].disabled = !isAlike;
    if (!isAlike && seen.kind === difference) seen.kind = 0;
    if (seen.token && (!seen.token.pinned || seen.token.index >= keys.length)) seen.token = null;
    takeWeights(weightsOf(result, other));
  } else takeWeights(weightsOf(result));
  await show();
}

// ---------------------------------------------------------------- numbers

export const logOdds = (probability) => Math.log(probability / (1 - probability));
export const probabilityOf = (logit) => 1 / (1 + Math.exp(-logit));
export const inPercent = (share) =>
  say("percent", { value: decimals(100 * share, share > 0.999 || share < 0.001 ? 3 : 1) });

// ---------------------------------------------------------------- links

/** The address of the page as it is now. */
export function link() {
  const now = { ...session.state, view: seen.view, layer: seen.layer };
  return `${location.href.split("#")[0]}#${toLink(now)}`;
}

/** Goes to the state of a link, and shows what it shows. */
export function restore({ view: name, layer, ...kept }) {
  Object.assign(seen, { view: name, layer });
  commit(kept);
}

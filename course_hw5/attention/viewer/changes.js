// What silencing a head, or a layer, does to the answer: numbers beside its square.

import { make, style } from "./dom.js";
import { say } from "./language.js";
import { answer, answerName, hasHeads } from "./shared.js";
import { signed } from "./text.js";

/** Whether the page knows what heads do to the answer; what is folded through layers has no heads. */
export const hasChanges = () => Boolean(answer().heads) && hasHeads();

const largestChange = () => Math.max(0.05, ...answer().heads.flat().map(Math.abs));

/** The number of a head, or of a layer where `head` is undefined. */
export const changeOf = (layer, head) => (head === undefined ? answer().layers?.[layer] : answer().heads[layer][head]);

/** In words: what the answer loses or gains. */
export const toldChange = (change) => say("without_head", { name: answerName(), change: signed(change, 2) });

/** A colour and its strength: that of "more" counts for the answer, as it does in maps of an image. */
export function tintOf(change) {
  const ink = change < 0 ? "--more" : "--less";
  return { "--tint": style(ink), "--strength": 0.45 * Math.min(1, Math.abs(change) / largestChange()) };
}

/** The number as an element. */
export const changeBadge = (change) => make("small", { style: tintOf(change) }, signed(change, 2));

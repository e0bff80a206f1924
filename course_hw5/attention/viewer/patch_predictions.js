// The predictions above an image.

import { make } from "./dom.js";
import { decimals, say } from "./language.js";
import { state } from "./shared.js";
import { visible } from "./text.js";

/** The list of the most probable classes, each with a bar; nothing where there are none. */
export function predicted() {
  if (!state.predictions.length) return [];
  return [
    make(
      "ol",
      { id: "predictions", "aria-label": say("predictions") },
      ...state.predictions.map(({ name, probability }) =>
        make(
          "li",
          {},
          make("bdi", { title: name }, visible(name)),
          make("span", { class: "number" }, decimals(probability, 4)),
          make("div", { style: { "--share": `${100 * probability}%` } }),
        ),
      ),
    ),
  ];
}

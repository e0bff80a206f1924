// The bar of colours under a view, on the page and as SVG. A scale is {low, high, exceeded, color}: color(value) gives
// [red, green, blue, opacity].

import { rgba } from "./colors.js";
import { make } from "./dom.js";
import { say } from "./language.js";
import { filled, text } from "./svg.js";
import { ticks } from "./text.js";

export function legend(scale) {
  const { low, high, color } = scale;
  const texts = ticks(scale);
  const stops = Array.from({ length: 33 }, (_, i) => rgba(color(low + ((high - low) * i) / 32)));
  return make(
    "div",
    { class: "legend", role: "img", "aria-label": say("colors", { low: texts[0], high: texts[2] }) },
    make("div", { style: { "--colors": stops.join(", ") } }),
    ...texts.map((text) => make("span", {}, text)),
  );
}

export function drawnLegend(scale, x, y, ground) {
  const { low, high, color } = scale;
  const anchors = ["start", "middle", "end"];
  const bar = Array.from({ length: 64 }, (_, i) =>
    filled(color(low + ((high - low) * (i + 0.5)) / 64), 1, x + 5 * i, y, 5, 10),
  );
  const numbers = ticks(scale).map((value, i) => text(x + 160 * i, y + 26, value, `text-anchor="${anchors[i]}"`));
  return [
    `<g shape-rendering="crispEdges"><rect x="${x}" y="${y}" width="320" height="10" fill="${ground}"/>`,
    ...bar,
    "</g>",
    ...numbers,
  ];
}

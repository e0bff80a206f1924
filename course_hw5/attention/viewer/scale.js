// The bar of colours under a view, on the page and as SVG. A scale is {low, high, exceeded, color}: color(value) gives
// [red, green, blue, opacity].

const rgba = (color) => `rgba(${color.join(", ")})`;

/** The numbers at the ends and in the middle of a scale, as text. */
function ticks({ low, high, exceeded }) {
  const digits = Math.max(0, Math.min(20, 2 - Math.floor(Math.log10(low ? (high - low) / 2 : high))));
  const texts = [low, (low + high) / 2, high].map((value) => (value ? value.toFixed(digits).replace("-", "−") : "0"));
  return [texts[0], texts[1], (exceeded ? "≥ " : "") + texts[2]];
}

function legend(scale) {
  const { low, high, color } = scale, texts = ticks(scale);
  const stops = Array.from({ length: 33 }, (_, i) => rgba(color(low + ((high - low) * i) / 32)));
  return make("div", { class: "legend", role: "img", "aria-label": `colours from ${texts[0]} to ${texts[2]}` },
    make("div", { style: { "--colors": stops.join(", ") } }), ...texts.map((text) => make("span", {}, text)));
}

function drawnLegend(scale, x, y, ground) {
  const { low, high, color } = scale, anchors = ["start", "middle", "end"];
  const bar = Array.from({ length: 64 }, (_, i) => filled(color(low + ((high - low) * (i + 0.5)) / 64), 1, x + 5 * i, y, 5, 10));
  const numbers = ticks(scale).map((value, i) => text(x + 160 * i, y + 26, value, `text-anchor="${anchors[i]}"`));
  return [`<g shape-rendering="crispEdges"><rect x="${x}" y="${y}" width="320" height="10" fill="${ground}"/>`, ...bar, "</g>", ...numbers];
}

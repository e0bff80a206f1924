// What all views share: the page's state, elements, text and colours.

const state = JSON.parse(document.getElementById("state").textContent);
const $ = (id) => document.getElementById(id);
const queries = state.queries.map(visible), keys = state.keys.map(visible);
const HOME = state.picture ? "Picture" : "Heads";
const seen = {
  view: HOME, kind: 0, layer: state.layer, filter: "all",
  heads: new Set(state.heads),
  token: null, // {side: "query" | "key", index, pinned}
  masked: null, // index of the word taken out
};

const ARROWS = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }; // rows, columns

/** Makes an element; strings become text, so that tokens are never markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.entries(value).forEach(([key, text]) => element.style.setProperty(key, text));
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** Characters that cannot be seen, or that turn the direction of the text, by their number. */
function visible(token) {
  return token.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029\uFFFE\uFFFF]/gu, (c) => `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

const ruler = document.createElement("canvas").getContext("2d");

function widthOf(text, size = 13) {
  ruler.font = `${size}px system-ui, sans-serif`;
  return ruler.measureText(text).width;
}

/** As much of a text as fits into a width in pixels. */
function fitted(text, width, size) {
  if (text.length <= width && widthOf(text, size) <= width) return text;
  const characters = [...text.slice(0, width)]; // none is narrower than a pixel
  let kept = 0;
  for (let step = characters.length; step >= 1; step = Math.floor(step / 2))
    while (kept + step <= characters.length && widthOf(`${characters.slice(0, kept + step).join("")}…`, size) <= width) kept += step;
  return `${characters.slice(0, kept).join("")}…`;
}

/** Four decimals, or three digits of what would be lost in them. */
function number(value) {
  const size = Math.abs(value);
  const digits = size >= 0.1 || !value ? value.toFixed(4) : size < 1e-4 ? value.toExponential(1) : value.toPrecision(3);
  return digits.replace(/^-/, "−");
}

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const kind = () => state.kinds[seen.kind];
const hasHeads = () => kind().heads === palette.length; // what is folded through layers has none: they are averaged
const allHeads = () => [...Array(kind().heads).keys()];
const activeHeads = () => (hasHeads() ? [...seen.heads].sort((a, b) => a - b) : allHeads());

function headsText(heads) {
  const which = !hasHeads() ? "heads averaged" : !heads.length ? "no head is chosen" : heads.length === 1 ? `head ${heads[0]}` : `mean of ${heads.length} heads`;
  return `Layer ${state.layers[seen.layer]}, ${which}`;
}

const palette = (() => {
  const count = state.kinds[0].heads;
  return Array.from({ length: count }, (_, head) => {
    ruler.fillStyle = `hsl(${(215 + (360 * head) / count) % 360}, ${head % 2 ? 55 : 75}%, ${head % 2 ? 42 : 50}%)`;
    return ruler.fillStyle; // as #rrggbb, which every program reads
  });
})();

/** Black or white, whichever is the easier to read on a colour [red, green, blue] (WCAG 2's luminance). */
function readableOn(color) {
  const [red, green, blue] = color.map((value) => (value / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 ? "#000" : "#fff";
}

const channels = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)); // of #rrggbb

/** A head's colour, #rrggbb, and what is read on it. */
const headStyle = (color) => ({ "--head": color, "--on-head": readableOn(channels(color)) });

// Drawing on the image and rubbing patches out, with a pointer or with keys.

import { show } from "../viewer/controls.js";
import { $, make } from "../viewer/dom.js";
import { say } from "../viewer/language.js";
import { patchUnder } from "../viewer/layout.js";
import { HOME, seen, state } from "../viewer/shared.js";
import { config } from "./client.js";
import { amend, commit, session } from "./session.js";

const GREY = [127, 127, 127];
const TOOLS = ["look", "draw", "rub"];

export function brushTools() {
  const { width, height } = state.image;
  const { channels, side, grid } = config;
  let tool = "look";
  let before = null; // the pixels at the start of a stroke
  let last = null; // where the pointer was

  const color = make("input", { id: "color", type: "color", value: "#1e50b4" });
  const size = make("input", {
    id: "brush-size",
    type: "range",
    min: 1,
    max: Math.max(4, Math.round(width / 6)),
    value: Math.round(width / 12),
  });
  const buttons = TOOLS.map((name) => make("button", { value: name, onclick: () => take(name) }, say(`tool.${name}`)));
  const extras = make(
    "span",
    { class: "extras" },
    make("label", {}, say("color"), " ", color),
    make("label", {}, say("brush_size"), " ", size),
  );

  /** While something is drawn the image is on the screen, its heat faint. */
  async function fade(isDrawing) {
    seen.opacity = isDrawing ? 0.25 : 1;
    if (isDrawing) seen.view = HOME;
    await show();
    const heat = $("opacity");
    if (heat) heat.value = 100 * seen.opacity;
  }

  function take(name) {
    if ((name === "look") !== (tool === "look")) fade(name !== "look");
    tool = name;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.value === name));
    extras.hidden = tool !== "draw";
    document.body.dataset.tool = tool;
  }

  const ink = () => {
    const parts = tool === "rub" ? GREY : [1, 3, 5].map((at) => Number.parseInt(color.value.slice(at, at + 2), 16));
    return channels === 3 ? parts : [Math.round(parts.reduce((a, b) => a + b) / 3)];
  };

  function fillBox(pixels, left, top, right, bottom, isInside = () => true) {
    const color = ink();
    for (let y = Math.max(0, top); y < Math.min(height, bottom); y++)
      for (let x = Math.max(0, left); x < Math.min(width, right); x++)
        if (isInside(x, y)) pixels.set(color, (y * width + x) * channels);
  }

  function fillPatch(pixels, row, column) {
    fillBox(pixels, column * side, row * side, (column + 1) * side, (row + 1) * side);
  }

  /** A dot of the brush, its middle at a point in pixels. */
  function dab(pixels, x, y) {
    if (tool === "rub") return fillPatch(pixels, ...patchUnder(x, y, grid, width, height));
    const radius = size.value / 2;
    const isInside = (column, row) => (column + 0.5 - x) ** 2 + (row + 0.5 - y) ** 2 <= Math.max(radius, 0.71) ** 2;
    fillBox(
      pixels,
      Math.floor(x - radius),
      Math.floor(y - radius),
      Math.ceil(x + radius),
      Math.ceil(y + radius),
      isInside,
    );
  }

  function pointOf(event) {
    const box = $("image").getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
  }

  function stroke(to) {
    const pixels = session.state.pixels.slice();
    const from = last ?? to;
    const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1])));
    for (let i = 1; i <= steps; i++)
      dab(pixels, from[0] + ((to[0] - from[0]) * i) / steps, from[1] + ((to[1] - from[1]) * i) / steps);
    last = to;
    amend({ pixels });
  }

  function finish() {
    if (!before) return;
    const { pixels } = session.state;
    session.state = { ...session.state, pixels: before };
    [before, last] = [null, null];
    commit({ pixels }, { gently: true });
  }

  // Before the image's own listeners, which choose a patch.
  const isDrawing = ({ target }) => target.id === "image" && tool !== "look";
  const taken = (event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  const capture = (type, act) =>
    document.addEventListener(
      type,
      (event) => {
        if (!isDrawing(event)) return;
        taken(event);
        act(event);
      },
      true,
    );
  capture("pointerdown", (event) => {
    event.target.setPointerCapture(event.pointerId);
    event.target.focus({ preventScroll: true });
    before = session.state.pixels;
    stroke(pointOf(event));
  });
  capture("pointermove", (event) => before && stroke(pointOf(event)));
  capture("click", () => {});
  capture("mousemove", () => {});
  for (const type of ["pointerup", "pointercancel"]) document.addEventListener(type, finish, true);
  document.addEventListener("keydown", (event) => {
    if (!isDrawing(event) || ![" ", "Enter"].includes(event.key) || seen.patch < 1) return;
    event.preventDefault();
    const pixels = session.state.pixels.slice();
    fillPatch(pixels, Math.floor((seen.patch - 1) / grid[1]), (seen.patch - 1) % grid[1]);
    commit({ pixels });
  });
  take("look");
  return make("div", { id: "brush" }, make("div", { role: "group", "aria-label": say("tools") }, ...buttons), extras);
}

// The view of an image under the heat of where one of its tokens looks.

import { headStyle } from "./colors.js";
import { only, show } from "./controls.js";
import { make } from "./dom.js";
import { patchUnder } from "./layout.js";
import {
  ALL,
  chosenName,
  cssColorOf,
  described,
  first,
  mapsOf,
  photo,
  placeOf,
  scaleOf,
  strongest,
} from "./patch_maps.js";
import { frame, paintMap, ready } from "./patch_painting.js";
import { drawImage, imageCsv } from "./patch_saving.js";
import { legend } from "./scale.js";
import { ARROWS, hasHeads, headsText, keys, palette, seen, state } from "./shared.js";
import { number, visible } from "./text.js";
import { weights } from "./weights.js";

export function imageView() {
  Object.assign(seen, { patch: state.patch, cursor: null, looks: true, opacity: 1, shared: false });

  // ---------------------------------------------------------------- elements, made once

  const keysHint = `Arrow keys choose a patch, with Shift they read its number${first ? "; Escape chooses [CLS]" : ""}`;
  const canvas = make("canvas", {
    id: "image",
    tabindex: 0,
    role: "application",
    style: { width: `${frame.width}px`, height: `${frame.height}px` },
    "aria-label": `Image of ${photo.rows} × ${photo.columns} patches. ${keysHint}.`,
    onmousemove: (event) => point(under(event)),
    onmouseleave: () => point(null),
    onclick: (event) => choose(under(event)),
    onkeydown: walk,
  });
  const cls = make(
    "button",
    { id: "cls", title: "[CLS], the token that is no patch", onclick: () => choose(0) },
    make("b", {}, "[CLS]"),
    make("i"),
    make("span", { class: "number" }),
  );
  const gazes = [
    [true, "looks at"],
    [false, "is looked at by"],
  ].map(([looks, text]) =>
    make(
      "button",
      {
        onclick: () => {
          seen.looks = looks;
          show();
        },
      },
      text,
    ),
  );
  const scale = make(
    "select",
    {
      id: "scale",
      onchange: () => {
        seen.shared = scale.value === "shared";
        show();
      },
    },
    make("option", { value: "own" }, "of each map"),
    make("option", { value: "shared" }, "one for all heads"),
  );
  const opacity = make("input", {
    id: "opacity",
    type: "range",
    min: 0,
    max: 100,
    value: 100,
    oninput: () => {
      seen.opacity = opacity.value / 100;
      show();
    },
  });
  const query = make("b", { id: "query" });
  const every = make("button", { title: "The mean of all patches", onclick: () => choose(ALL) }, "all patches");
  const readout = make("p", { class: "readout", "aria-live": "polite" });
  const scaleBar = make("div");
  const caption = make("p", { class: "readout" });
  const heads = make(
    "div",
    { id: "maps", role: "group", "aria-label": "Each head", style: { "--columns": frame.across } },
    ...palette.map((ink, head) =>
      make(
        "button",
        {
          style: headStyle(ink),
          onclick: () => only(head, seen.heads.size === 1 && seen.heads.has(head)),
        },
        make("canvas"),
        make("span", {}, make("b", {}, String(head)), make("span", { class: "number" })),
      ),
    ),
  );
  const view = make(
    "div",
    { id: "patches" },
    ...predicted(),
    make(
      "div",
      {},
      make(
        "div",
        { class: "controls" },
        query,
        make("div", { role: "group", "aria-label": "Direction" }, ...gazes),
        every,
      ),
      readout,
      make("div", { class: "beside" }, first ? cls : "", make("div", {}, canvas, scaleBar)),
    ),
    make(
      "div",
      { class: "heads" },
      make("div", { class: "controls" }, make("label", {}, "Heat ", opacity), make("label", {}, "Scale ", scale)),
      caption,
      heads,
    ),
  );

  function predicted() {
    if (!state.predictions.length) return [];
    return [
      make(
        "ol",
        { id: "predictions", "aria-label": "Predictions" },
        ...state.predictions.map(({ name, probability }) =>
          make(
            "li",
            {},
            make("bdi", { title: name }, visible(name)),
            make("span", { class: "number" }, probability.toFixed(4)),
            make("div", { style: { "--share": `${100 * probability}%` } }),
          ),
        ),
      ),
    ];
  }

  // ---------------------------------------------------------------- what the reader does

  function under({ offsetX, offsetY }) {
    const [row, column] = patchUnder(offsetX, offsetY, [photo.rows, photo.columns], frame.width, frame.height);
    return first + row * photo.columns + column;
  }

  function point(token) {
    if (seen.cursor === token) return;
    seen.cursor = token;
    show();
  }

  function choose(token) {
    Object.assign(seen, { patch: token, cursor: null });
    show();
  }

  function walk(event) {
    const step = ARROWS[event.key];
    const act = event.shiftKey ? point : choose;
    const from = (event.shiftKey ? seen.cursor : null) ?? seen.patch;
    if (step) {
      const [row, column] = placeOf(from);
      const [toRow, toColumn] = [row + step[0], column + step[1]];
      if (from < first) act(first);
      else if (toRow >= 0 && toRow < photo.rows && toColumn >= 0 && toColumn < photo.columns)
        act(first + toRow * photo.columns + toColumn);
    } else if (event.key === "Escape" && first) choose(0);
    else return;
    event.preventDefault();
  }

  // ---------------------------------------------------------------- what the page shows

  async function showImage(stage) {
    const at = await weights(seen.kind, seen.layer);
    await ready;
    if (seen.view !== "Image" || at !== (await weights(seen.kind, seen.layer))) return; // something else is wanted
    if (stage.firstChild !== view) stage.replaceChildren(view);
    const { all, single } = mapsOf(at);
    const { map } = all;
    query.textContent = chosenName();
    every.setAttribute("aria-pressed", String(seen.patch === ALL));
    gazes.forEach((button, index) => button.setAttribute("aria-pressed", String(seen.looks === !index)));
    paintMap(canvas, all, frame.width, frame.height, true);
    const lead = seen.cursor === null ? `${headsText(all.heads)}; strongest ` : "";
    const isTold = all.heads.length > 0;
    readout.textContent = isTold ? lead + described(seen.cursor ?? strongest(map), map) : headsText(all.heads);
    scaleBar.replaceChildren(...(isTold ? [legend(scaleOf(all))] : []));
    cls.setAttribute("aria-pressed", String(seen.patch === 0));
    cls.style.setProperty("--heat", cssColorOf(all, 0));
    cls.lastChild.textContent = isTold ? number(map[0]) : "";
    heads.hidden = !hasHeads() || palette.length === 1;
    caption.textContent = heads.hidden
      ? ""
      : seen.cursor === null
        ? "Each head and its strongest patch; a click shows it alone"
        : `Each head: ${keys[seen.cursor]}`;
    if (heads.hidden) return;
    single.forEach((entry, head) => {
      const button = heads.children[head];
      const token = seen.cursor ?? strongest(entry.map);
      const value = number(entry.map[token]);
      paintMap(button.firstChild, entry, frame.width * frame.small, frame.height * frame.small, false);
      button.setAttribute("aria-pressed", String(seen.heads.has(head)));
      button.setAttribute("aria-label", `Head ${head}: ${keys[token]} ${value}`);
      button.title = `Head ${head}, ${keys[token]}: click for this one alone`;
      button.querySelector(".number").textContent = value;
    });
  }

  return { show: showImage, draw: drawImage, csv: imageCsv };
}

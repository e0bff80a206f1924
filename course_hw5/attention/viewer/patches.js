// The view of an image under the heat of where one of its tokens looks.

import { headStyle } from "./colors.js";
import { only, show } from "./controls.js";
import { make } from "./dom.js";
import { counted, say } from "./language.js";
import { patchUnder } from "./layout.js";
import { closedTable, rankedTable } from "./numbers.js";
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
  titleOfMap,
  valuesOf,
} from "./patch_maps.js";
import { frame, paintMap, ready } from "./patch_painting.js";
import { predicted } from "./patch_predictions.js";
import { drawImage, imageCsv } from "./patch_saving.js";
import { legend } from "./scale.js";
import { ARROWS, hasHeads, hasSteps, headsText, keys, kind, kindName, palette, seen, state } from "./shared.js";
import { ofPatch } from "./step_choice.js";
import { openSteps } from "./step_panel.js";
import { number } from "./text.js";
import { weights } from "./weights.js";

export function imageView() {
  Object.assign(seen, { patch: state.patch, cursor: null, looks: true, opacity: 1, shared: false });

  // ---------------------------------------------------------------- elements, made once

  const canvas = make("canvas", {
    id: "image",
    tabindex: 0,
    role: "application",
    style: { width: `${frame.width}px`, height: `${frame.height}px` },
    "aria-label": say(first ? "image_with_cls" : "image", { rows: photo.rows, columns: photo.columns }),
    onmousemove: (event) => point(under(event)),
    onmouseleave: () => point(null),
    onclick: (event) => (event.shiftKey ? open(under(event)) : choose(under(event))),
    onkeydown: walk,
  });
  const cls = make(
    "button",
    { id: "cls", title: say("cls_button"), onclick: () => choose(0) },
    make("b", {}, say("cls")),
    make("i"),
    make("span", { class: "number" }),
  );
  const gazes = [
    [true, say("looks")],
    [false, say("looked_at")],
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
    make("option", { value: "own" }, say("scale.own")),
    make("option", { value: "shared" }, say("scale.shared")),
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
  const every = make("button", { title: say("all_patches_button"), onclick: () => choose(ALL) }, say("all_patches"));
  const directions = make("div", { role: "group", "aria-label": say("direction") }, ...gazes);
  const readout = make("p", { class: "readout", "aria-live": "polite" });
  const scaleBar = make("div");
  const caption = make("p", { class: "readout" });
  let shown = null; // the weights on the page
  const table = closedTable(0, tableOfPatches);
  const heads = make(
    "div",
    { id: "maps", role: "group", "aria-label": say("each_head"), style: { "--columns": frame.across } },
    ...palette.map((ink, head) =>
      make(
        "button",
        {
          style: headStyle(ink),
          onclick: () => only(head, seen.heads.size === 1 && seen.heads.has(head)),
        },
        make("canvas"),
        make("span", {}, make("b", {}, counted(head)), " ", make("span", { class: "number" })),
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
      make("div", { class: "controls" }, query, directions, every),
      readout,
      make("div", { class: "beside" }, first ? cls : "", make("div", {}, canvas, scaleBar)),
      table,
    ),
    make(
      "div",
      { class: "heads" },
      make(
        "div",
        { class: "controls" },
        make("label", {}, say("heat"), " ", opacity),
        make("label", {}, say("scale"), " ", scale),
      ),
      caption,
      heads,
    ),
  );

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

  /** The steps of the weight between the chosen patch and another, where there are heads. */
  function open(token) {
    if (hasSteps && hasHeads()) openSteps(ofPatch(token));
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
    } else if (event.key === "Enter") open(seen.cursor);
    else if (event.key === "Escape" && first) choose(0);
    else return;
    event.preventDefault();
  }

  // ---------------------------------------------------------------- what the page shows

  function tableOfPatches() {
    const { map, heads } = mapsOf(shown).all;
    if (!heads.length) return say("choose_head");
    const ofHead = new Map(heads.map((head) => [head, valuesOf(shown, [head])]));
    const ranked = [...keys.keys()].sort((a, b) => map[b] - map[a]);
    return rankedTable(titleOfMap(), keys, map, ranked, (head, token) => ofHead.get(head)[token]);
  }

  async function showImage(stage) {
    const at = await weights(seen.kind, seen.layer);
    await ready;
    if (seen.view !== "Image" || at !== (await weights(seen.kind, seen.layer))) return; // something else is wanted
    if (stage.firstChild !== view) stage.replaceChildren(view);
    const { all, single } = mapsOf(at);
    const { map } = all;
    query.textContent = kind().map ? kindName() : chosenName();
    for (const control of [directions, every]) control.hidden = kind().map;
    if (first) cls.hidden = kind().map;
    every.setAttribute("aria-pressed", String(seen.patch === ALL));
    gazes.forEach((button, index) => button.setAttribute("aria-pressed", String(seen.looks === !index)));
    paintMap(canvas, all, frame.width, frame.height, true);
    const isTold = all.heads.length > 0;
    const patch = described(seen.cursor ?? strongest(map), map);
    const told = seen.cursor === null ? say("strongest", { heads: headsText(all.heads), patch }) : patch;
    readout.textContent = isTold ? told : headsText(all.heads);
    shown = at;
    if (table.open) table.fill();
    scaleBar.replaceChildren(...(isTold ? [legend(scaleOf(all))] : []));
    cls.setAttribute("aria-pressed", String(seen.patch === 0));
    cls.style.setProperty("--heat", cssColorOf(all, 0));
    cls.lastChild.textContent = isTold ? number(map[0]) : "";
    heads.hidden = !hasHeads() || palette.length === 1;
    caption.textContent = heads.hidden
      ? ""
      : seen.cursor === null
        ? say("each_head_strongest")
        : say("each_head_at", { patch: keys[seen.cursor] });
    if (heads.hidden) return;
    single.forEach((entry, head) => {
      const button = heads.children[head];
      const token = seen.cursor ?? strongest(entry.map);
      const value = number(entry.map[token]);
      paintMap(button.firstChild, entry, frame.width * frame.small, frame.height * frame.small, false);
      button.setAttribute("aria-pressed", String(seen.heads.has(head)));
      const name = say("head_at", { head, value, patch: keys[token] });
      button.setAttribute("aria-label", name);
      button.title = name;
      button.querySelector(".number").textContent = value;
    });
  }

  return { show: showImage, draw: drawImage, csv: imageCsv };
}

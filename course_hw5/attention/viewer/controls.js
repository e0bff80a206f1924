// The page's controls, and its start.

import { headStyle } from "./colors.js";
import { $, make } from "./dom.js";
import { choose, drawHeads, showHeads } from "./heads.js";
import { counted, decimals, say } from "./language.js";
import { drawMatrix, showMatrix } from "./matrix.js";
import { drawModel, showModel } from "./model.js";
import { imageView } from "./patches.js";
import { SAVE, save } from "./saving.js";
import { HOME, hasHeads, hasSteps, kind, kindName, palette, seen, state } from "./shared.js";
import { openSteps, stepsPanel } from "./step_panel.js";
import { signed, visible } from "./text.js";
import { drawTransfer, showTransfer } from "./transfer.js";
import { showWhatIf } from "./what_if.js";

export const images = state.image && imageView();
export const VIEWS = {
  [HOME]: images || { show: showHeads, draw: drawHeads },
  Matrix: { show: showMatrix, draw: drawMatrix },
  Model: { show: showModel, draw: drawModel },
  ...(state.patching ? { Patching: { show: showTransfer, draw: drawTransfer } } : {}),
};

let shows = 0;

export async function show() {
  const turn = ++shows;
  for (const button of $("views").children) button.setAttribute("aria-pressed", String(button.value === seen.view));
  $("kind").value = seen.kind;
  $("layer").value = seen.layer;
  $("note").textContent = seen.view === "Patching" ? "" : say(`note.${kind().name}`);
  if (hasSteps) $("tip").textContent = say(`tip.${seen.view}`);
  const isWhole = ["Model", "Patching"].includes(seen.view); // which shows all layers
  $("heads").style.visibility = hasHeads() && !isWhole ? "visible" : "hidden";
  $("layer").disabled = isWhole || kind().map;
  $("kind").disabled = seen.view === "Patching";
  for (const button of $("heads").children) button.setAttribute("aria-pressed", String(seen.heads.has(+button.value)));
  await VIEWS[seen.view].show($("stage"));
  if (turn !== shows) return; // something else is shown by now
  const frame = window.frameElement; // of a notebook's cell, which takes no more room than the view needs
  if (frame) frame.style.height = `${Math.min(900, Math.max(480, document.body.offsetHeight))}px`;
  performance.mark("shown");
  document.body.dataset.shown = `${seen.view} ${kindName()} ${state.layers[seen.layer]}`;
}

function toggle(head) {
  if (!seen.heads.delete(head)) seen.heads.add(head);
  show();
}

export function only(head, isOnly) {
  seen.heads = new Set(isOnly ? palette.keys() : [head]);
  show();
}

function menu(id, options, change) {
  $(id).append(...options.map(([value, text]) => make("option", { value }, text)));
  $(id).addEventListener("change", () => {
    change($(id).value);
    if (!seen.token?.pinned) seen.token = null;
    show();
  });
}

$("views").append(
  ...Object.keys(VIEWS).map((view) =>
    make(
      "button",
      {
        value: view,
        onclick: () => {
          seen.view = view;
          if (kind().map && view !== HOME) seen.kind = 0; // a map is seen on the image
          if (!seen.token?.pinned) seen.token = null;
          show();
        },
      },
      say(`view.${view}`),
    ),
  ),
);
$("heads").append(
  ...palette.map((color, head) =>
    make(
      "button",
      {
        value: head,
        style: headStyle(color),
        title: say("head_button", { head }),
        onclick: (event) => {
          if (event.shiftKey) only(head, seen.heads.size === 1 && seen.heads.has(head));
          else if (event.detail < 2) toggle(head);
        },
        ondblclick: () => only(head, seen.heads.size === 0), // its first click has already taken the only one out
      },
      counted(head),
    ),
  ),
);
$("save").append(
  ...Object.keys(SAVE).map((format) => make("button", { onclick: () => save(format) }, say(`save.${format}`))),
);
menu("kind", [], (value) => {
  seen.kind = +value;
  if (kind().map) seen.view = HOME;
});

/** What can be shown of the class that is explained. */
function fillKinds() {
  const { name } = kind();
  const found = [...state.kinds.entries()].filter(([_, { answer }]) => answer === null || answer === seen.answer);
  $("kind").replaceChildren(...found.map(([index, { name }]) => make("option", { value: index }, say(`kind.${name}`))));
  seen.kind = found.find(([_, other]) => other.name === name)?.[0] ?? 0;
}
fillKinds();
if (state.answers.length > 1) {
  $("answer-label").hidden = false;
  const option = ({ name, probability, logOdds }, index) => {
    const values = { name: visible(name), probability: decimals(probability, 4), odds: signed(logOdds, 2) };
    return [index, say("class_option", values)];
  };
  menu("answer", state.answers.map(option), (value) => {
    seen.answer = +value;
    seen.masked = null;
    fillKinds();
    showWhatIf();
  });
}
menu(
  "layer",
  state.layers.map((layer, index) => [index, counted(layer)]),
  (value) => {
    seen.layer = +value;
  },
);
if (state.sentenceB != null) {
  $("filter-label").hidden = false;
  const filters = ["all", "AA", "AB", "BA", "BB"].map((filter) => [filter, say(`pairs.${filter}`)]);
  menu("filter", filters, (value) => {
    seen.filter = value;
  });
}
document.addEventListener("keydown", (event) => event.key === "Escape" && seen.token && choose(null));
document.documentElement.classList.toggle("with-image", Boolean(images));
if (hasSteps) stepsPanel();
showWhatIf();
show().then(() => state.weight && openSteps(state.weight, true));

// The panel of one weight: a dialog with the numbers from query and key to the weight, and on to what the head writes.

import { headStyle } from "./colors.js";
import { $, make } from "./dom.js";
import { counted, say } from "./language.js";
import { keys, palette, queries, seen, state } from "./shared.js";
import { dimensionsTable } from "./step_charts.js";
import { chosenWeight, partsOf } from "./step_choice.js";
import { stepsOf } from "./step_numbers.js";
import { sections } from "./step_sections.js";
import { endTour, startTour, tourKey, updateTour } from "./step_tour.js";
import { number } from "./text.js";
import { weights } from "./weights.js";

const LEFT = 4; // of six steps, those that make the weight; beside them is what it does

/** Opens the panel for a weight of the layer that is seen: {head, query, key}, or a promise of it; null opens none. */
export async function openSteps(weight, isQuiet = false) {
  const found = await weight;
  if (!found) return;
  await showSteps({ layer: seen.layer, ...found });
  if ($("steps").open) return;
  endTour(); // the panel may have been opened before it told that it was closed
  const frame = window.frameElement; // of a notebook's cell, which may be too low
  if (frame) frame.style.height = `${Math.max(frame.offsetHeight, 800)}px`;
  if (isQuiet && frame) {
    $("steps").open = true; // without the focus, for which the notebook would scroll
    return;
  }
  $("steps").showModal();
  $("steps-title").focus();
}

async function showSteps(step) {
  seen.step = step;
  const { layer, head, query, key } = step;
  const [parts, at] = [await partsOf(layer), await weights(0, layer)];
  if (seen.step !== step) return; // another is wanted by now
  const found = stepsOf(parts, step, keys.length);
  const names = { query: queries[query], key: keys[key] };
  const place = say("of_layer", { layer: state.layers[layer], heads: say("one_head", { head }) });
  const pair = say("told", { place, value: say("looks_at", names) });
  $("steps-place").textContent = say("told", { place: pair, value: number(found.row.weights[key]) });
  for (const name of MENUS) $(`steps-${name}`).value = step[name];
  for (const button of $("steps-heads").children) {
    const weight = number(at(+button.value, query, key));
    button.setAttribute("aria-pressed", String(+button.value === head));
    button.setAttribute("aria-label", say("steps.head", { head: +button.value, weight }));
    button.lastChild.textContent = weight;
  }
  const made = sections(found, step, names, at(head, query, key));
  $("step-list").replaceChildren(...[made.slice(0, LEFT), made.slice(LEFT)].map(stepColumn));
  $("step-table").replaceChildren(dimensionsTable(found));
  updateTour(found, step, names);
  $("steps").dataset.shown = [state.layers[layer], head, query, key].join(" ");
}

const stepColumn = (items, index) => make("ol", { start: 1 + LEFT * index }, ...items);

// ---------------------------------------------------------------- what the reader does

const MENUS = ["layer", "query", "key"];

/** Makes the controls of the panel, once. */
export function stepsPanel() {
  const panel = $("steps");
  const change = (values) => showSteps({ ...seen.step, ...values });
  const named = (names) => names.map((token, index) => say("steps.token", { index, token }));
  const options = { layer: state.layers.map(counted), query: named(queries), key: named(keys) };
  for (const name of MENUS) {
    const menu = $(`steps-${name}`);
    menu.append(...options[name].map((text, value) => make("option", { value }, text)));
    menu.addEventListener("change", () => change({ [name]: +menu.value }));
  }
  $("steps-heads").append(
    ...palette.map((ink, head) =>
      make(
        "button",
        { value: head, style: headStyle(ink), onclick: () => change({ head }) },
        make("b", {}, counted(head)),
        " ",
        make("span"),
      ),
    ),
  );
  $("steps-close").addEventListener("click", () => panel.close());
  $("steps-open").addEventListener("click", () => openSteps(chosenWeight()));
  $("tour-start").addEventListener("click", startTour);
  panel.addEventListener("close", endTour);
  panel.addEventListener("keydown", (event) => {
    event.stopPropagation(); // Escape closes the panel alone, and the page behind it keeps its token
    if (tourKey(event))
      event.preventDefault(); // or the tour alone
    else if (event.key === "Escape") panel.close();
  });
}

// The guided tour of the panel: a box that goes from step to step and says what each is for.

import { $, make } from "./dom.js";
import { say, strings } from "./language.js";
import { sentencesOfTour } from "./step_sections.js";

const LAST = 6;
let told = null; // the texts of the tour for the weight that is shown
let current = null; // the step that the tour is at, from 1; null where there is no tour

/** The weight that is shown has changed: the tour goes on with its numbers. */
export function updateTour(...weight) {
  told = sentencesOfTour(...weight);
  if (current) showTour();
}

export function startTour() {
  current = 1;
  goThere();
}

export function endTour() {
  if (!current) return;
  $("tour").closest("li").classList.remove("toured");
  $("tour").remove();
  current = null;
  $("tour-start").focus();
}

function stepBy(by) {
  const next = current + by;
  if (next > LAST) endTour();
  else if (next >= 1) {
    current = next;
    goThere();
  }
}

/** The arrow keys go to the next step and back, as the page is read; Escape ends the tour. Returns whether it was such a key. */
export function tourKey({ key, target }) {
  if (!current) return false;
  const forward = strings.dir === "rtl" ? "ArrowLeft" : "ArrowRight";
  if (key === "Escape") endTour();
  else if (target.closest("#tour") && /^Arrow(Left|Right)$/.test(key)) stepBy(key === forward ? 1 : -1);
  else return false;
  return true;
}

function goThere() {
  showTour();
  $("tour").closest("li").scrollIntoView({ block: "start" });
  $("tour-next").focus({ preventScroll: true });
}

function showTour() {
  const button = (name, by, more = {}) =>
    make("button", { onclick: () => (by ? stepBy(by) : endTour()), ...more }, say(`tour.${name}`));
  const box = make(
    "div",
    { id: "tour", role: "group", "aria-labelledby": "tour-count" },
    make("b", { id: "tour-count" }, say("tour.count", { step: current, all: LAST })),
    make("p", { id: "tour-text" }, told[current - 1]),
    make(
      "div",
      {},
      button("back", -1, { disabled: current === 1 }),
      button(current === LAST ? "done" : "next", 1, { id: "tour-next", "aria-describedby": "tour-text" }),
      button("skip", 0),
    ),
  );
  const before = $("tour");
  before?.closest("li").classList.remove("toured");
  before?.remove();
  $(`step-${current}`).querySelector("h3").after(box);
  $(`step-${current}`).classList.add("toured");
}

// A square for each head of each layer: a click switches the head off in the model.

import { $, make } from "../viewer/dom.js";
import { counted, say } from "../viewer/language.js";
import { ARROWS } from "../viewer/shared.js";
import { config } from "./client.js";
import { commit, follow, session } from "./session.js";

export function headSwitches() {
  const { layers, heads } = config;
  const buttons = Array.from({ length: layers * heads }, (_, index) =>
    make("button", {
      class: "switch",
      tabindex: index ? -1 : 0,
      "aria-label": say("switch", { layer: Math.floor(index / heads), head: index % heads }),
      title: say("switch", { layer: Math.floor(index / heads), head: index % heads }),
      onclick: () => toggle([index]),
      onfocus: () => {
        for (const button of buttons) button.tabIndex = button === buttons[index] ? 0 : -1;
      },
    }),
  );

  function toggle(indices) {
    const off = new Set(session.state.off);
    const isOn = indices.some((index) => !off.has(index));
    for (const index of indices) isOn ? off.add(index) : off.delete(index);
    commit({ off: [...off] });
  }

  const rows = Array.from({ length: layers }, (_, layer) => [
    make("span", {}, counted(layer)),
    ...buttons.slice(layer * heads, (layer + 1) * heads),
  ]);
  const all = make("button", { id: "heads-on", onclick: () => commit({ off: [] }) }, say("heads_on"));
  const grid = make(
    "div",
    {
      class: "switches",
      role: "group",
      "aria-label": say("switches"),
      style: { "grid-template-columns": `auto repeat(${heads}, max-content)` },
      onkeydown: (event) => {
        const [down, across] = ARROWS[event.key] ?? [0, 0];
        const next = buttons[buttons.indexOf(document.activeElement) + down * heads + across];
        if (!next || !(down || across)) return;
        event.preventDefault();
        next.focus();
      },
    },
    make("span"),
    ...Array.from({ length: heads }, (_, head) => make("span", {}, counted(head))),
    ...rows.flat(),
  );
  $("live-heads").append(
    make(
      "details",
      { open: window.innerWidth > 900 }, // on a telephone the image is nearer without
      make("summary", {}, say("switches")),
      make("p", { class: "hint" }, say("switches_hint")),
      make("div", { class: "wide-switches" }, grid),
      all,
    ),
  );

  function draw() {
    const off = new Set(session.state.off);
    buttons.forEach((button, index) => button.setAttribute("aria-pressed", String(!off.has(index))));
    all.disabled = !off.size;
  }

  follow({ draw });
}

// A guided tour of eight steps. It changes what the page shows; what the reader had made comes back at its end.

import { show } from "../viewer/controls.js";
import { $, make } from "../viewer/dom.js";
import { say } from "../viewer/language.js";
import { HOME, palette, seen } from "../viewer/shared.js";
import { config, isText, live } from "./client.js";
import { commit, session } from "./session.js";

const STEPS_OF_TOUR = 8;
const last = config.layers - 1;

const look = (change) => {
  Object.assign(seen, { token: null, kind: 0, heads: new Set(palette.keys()), ...change });
  show();
};
const read = (text) => commit({ texts: [text], masked: [[]], shown: 0, off: [] });
const token = (index) => ({ side: "query", index, pinned: true });
const pressed = (name) => document.querySelector(`#brush [value="${name}"]`).click();

// What each step shows, and the part of the page that it speaks of.
const OF_TEXT = [
  ["#words-0", () => read(live.text)],
  ["#answer-0", () => {}],
  ["#stage", () => look({ view: HOME, layer: 0, token: token(1) })],
  ["#heads", () => look({ view: HOME, layer: 0, heads: new Set([0]) })],
  ["#stage", () => look({ view: "Model", layer: last })],
  ["#words-0", () => commit({ masked: [[live.text.indexOf(" ") + 1]] })],
  [
    "#live-heads",
    () => commit({ masked: [[]], off: Array.from({ length: config.heads }, (_, head) => last * config.heads + head) }),
  ],
  ["#text-0", () => read(say("fool"))],
];
const OF_IMAGES = [
  ["#image", () => look({ view: HOME, layer: 0 })],
  ["#classes", () => {}],
  ["#image", () => look({ view: HOME, layer: last, patch: 1 + Math.floor((config.tokens - 1) / 2) })],
  ["#maps", () => look({ view: HOME, layer: last })],
  ["#stage", () => look({ view: "Model" })],
  ["#brush", () => [look({ view: HOME, layer: last }), pressed("rub")]],
  [
    "#live-heads",
    () => [
      pressed("look"),
      commit({ off: Array.from({ length: config.heads }, (_, head) => last * config.heads + head) }),
    ],
  ],
  ["#brush", () => [commit({ off: [] }), pressed("draw")]],
];

export function makeTour() {
  const steps = isText ? OF_TEXT : OF_IMAGES;
  let now = null;
  let kept = null; // what the page showed before

  const title = make("h2", { id: "tour-title", tabindex: -1 });
  const text = make("p");
  const back = make("button", { onclick: () => go(now - 1) }, say("guide.back"));
  const next = make("button", { id: "tour-next", onclick: () => (now + 1 < steps.length ? go(now + 1) : end()) });
  const skip = make("button", { id: "tour-skip", onclick: end }, say("guide.skip"));
  const panel = make(
    "section",
    {
      id: "tour",
      hidden: true,
      "aria-labelledby": "tour-title",
      onkeydown: (event) => {
        if (event.key === "ArrowRight" && now + 1 < steps.length) go(now + 1);
        else if (event.key === "ArrowLeft" && now) go(now - 1);
        else return;
        event.preventDefault();
        event.stopPropagation();
      },
    },
    title,
    text,
    make("div", { class: "tour-tools" }, back, next, skip),
  );
  document.body.append(panel);
  document.addEventListener("keydown", (event) => event.key === "Escape" && now !== null && end());

  function mark(selector) {
    for (const element of document.querySelectorAll(".toured")) element.classList.remove("toured");
    const target = selector && document.querySelector(selector);
    target?.classList.add("toured");
    target?.scrollIntoView({ block: "center" });
  }

  function go(place) {
    now = place;
    const [selector, act] = steps[now];
    act();
    title.textContent = say("guide.place", {
      step: now + 1,
      steps: STEPS_OF_TOUR,
      title: say(`title.${config.kind}_${now + 1}`),
    });
    text.textContent = say(`text.${config.kind}_${now + 1}`);
    next.textContent = say(now + 1 < steps.length ? "guide.next" : "guide.end");
    back.disabled = !now;
    for (const part of document.querySelectorAll("#live-heads details")) part.open = true;
    mark(selector);
    title.focus();
  }

  function end() {
    panel.hidden = true;
    mark(null);
    now = null;
    if (!isText) pressed("look");
    Object.assign(seen, kept.seen);
    commit(kept.state);
    $("tour-start").focus();
  }

  return () => {
    kept = { state: session.state, seen: { ...seen, token: null } };
    panel.hidden = false;
    go(0);
  };
}

// Above the tokens: the probability, and what it is without a word.

import { $, make, style } from "./dom.js";
import { seen, state } from "./shared.js";
import { visible } from "./text.js";

export function showWhatIf() {
  if (state.probability == null) return;
  const { probability, whatIf } = state;
  const panel = $("what-if");
  const name = visible(state.className ?? "probability");
  const largest = Math.max(0.02, ...whatIf.map((word) => Math.abs(word.probability - probability)));
  const word = whatIf[seen.masked];
  const value = word ? word.probability : probability;
  const signed = (change) => `${Math.abs(change) < 0.0005 ? "" : change < 0 ? "−" : "+"}${Math.abs(change).toFixed(3)}`;
  const isSpecial = (token) => /^\[(CLS|SEP|PAD|MASK)\]$/.test(token);
  const isMissing = (token, index) =>
    !isSpecial(token) && !whatIf.some(({ first, last }) => first <= index && index <= last);
  const words = state.keys.filter((token) => !isSpecial(token) && !token.startsWith("##")).length;
  const which = state.keys.some(isMissing) ? `The ${whatIf.length} of ${words} words that count most` : "Each word";
  const answer = state.className == null ? "it" : `“${name}”`;
  panel.hidden = false;
  panel.replaceChildren(
    make(
      "div",
      { class: "answer" },
      make("b", { id: "probability" }, `${name} ${value.toFixed(4)}`),
      word ? ` without “${visible(word.word)}”` : "",
      make("div", { class: "bar" }, make("div", { style: { width: `${100 * value}%` } })),
    ),
    make(
      "div",
      { class: "words", role: "group", "aria-label": "Mask a word" },
      ...whatIf.map((word, index) => {
        const change = word.probability - probability;
        return make(
          "button",
          {
            "aria-pressed": String(seen.masked === index),
            title: `masked, ${name} is ${word.probability.toFixed(4)}`,
            style: {
              "--tint": style(change < 0 ? "--for" : "--against"),
              "--strength": (0.45 * Math.abs(change)) / largest,
            },
            onmouseenter: () => markMasked(index),
            onmouseleave: () => markMasked(seen.masked),
            onclick: () => {
              seen.masked = seen.masked === index ? null : index;
              markMasked(seen.masked);
              showWhatIf();
              document.querySelectorAll("#what-if .words button")[index].focus();
            },
          },
          make("bdi", {}, visible(word.word)),
          make("small", {}, signed(change)),
        );
      }),
    ),
    make(
      "p",
      {},
      `${which}, masked in turn, changes the probability by so much. `,
      `Blue words speak for ${answer}, orange ones against it.`,
    ),
  );
}

/** Whether a token belongs to a word of the list, by default the one that is taken out. */
export function isMasked(token, word = seen.masked) {
  const { first, last } = state.whatIf?.[word] ?? {};
  return first <= token && token <= last;
}

/** Strikes a word out where it stands in the sentence. */
export function markMasked(word) {
  for (const item of document.querySelectorAll(".tokens li"))
    item.classList.toggle("masked", isMasked(+item.dataset.index, word));
}

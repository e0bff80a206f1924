// Above the tokens: the probability, and what it is without a word.

import { $, make, style } from "./dom.js";
import { decimals, say } from "./language.js";
import { answer, answerName, seen, state } from "./shared.js";
import { signed, visible } from "./text.js";

export function showWhatIf() {
  const { probability, logOdds, whatIf } = answer();
  const shares = state.maps?.[seen.answer] ?? {};
  if (state.image || probability == null) return;
  const panel = $("what-if");
  const name = answerName();
  const byMasking = seen.words === "masked" || !shares[seen.words];
  const sum = ({ first, last }) => shares[seen.words].slice(first, last + 1).reduce((total, share) => total + share, 0);
  // how much a word counts for the answer
  const counts = whatIf.map((word) => (byMasking ? logOdds - word.logOdds : sum(word)));
  const largest = Math.max(0.05, ...counts.map(Math.abs));
  const word = whatIf[seen.masked];
  const value = word ? word.probability : probability;
  const isSpecial = (token) => /^\[(CLS|SEP|PAD|MASK)\]$/.test(token);
  const isMissing = (token, index) =>
    !isSpecial(token) && !whatIf.some(({ first, last }) => first <= index && index <= last);
  const words = state.keys.filter((token) => !isSpecial(token) && !token.startsWith("##")).length;
  const which = state.keys.some(isMissing) ? "some_words" : "each_word";
  const colors = answer().name == null ? "colors_of_words_unnamed" : "colors_of_words";
  panel.hidden = false;
  panel.replaceChildren(
    make(
      "div",
      { class: "answer" },
      make("b", { id: "probability" }, say("answer", { name, probability: decimals(value, 4) })),
      " ",
      make("span", { id: "log-odds" }, say("log_odds", { value: signed((word ?? answer()).logOdds, 2) })),
      word ? ` ${say("without", { word: visible(word.word) })}` : "",
      make("div", { class: "bar" }, make("div", { style: { width: `${100 * value}%` } })),
    ),
    make(
      "div",
      { class: "words", role: "group", "aria-label": say("mask_word") },
      ...whatIf.map((word, index) => {
        const count = counts[index];
        return make(
          "button",
          {
            "aria-pressed": String(seen.masked === index),
            title: say("masked", {
              name,
              probability: decimals(word.probability, 4),
              odds: signed(word.logOdds, 2),
            }),
            style: {
              "--tint": style(count > 0 ? "--for" : "--against"),
              "--strength": (0.45 * Math.abs(count)) / largest,
            },
            onmouseenter: () => markMasked(index),
            onmouseleave: () => markMasked(seen.masked),
            onfocus: () => markMasked(index),
            onblur: () => markMasked(seen.masked),
            onclick: () => {
              seen.masked = seen.masked === index ? null : index;
              markMasked(seen.masked);
              showWhatIf();
              document.querySelectorAll("#what-if .words button")[index].focus();
              $("said").textContent = $("probability").parentNode.textContent;
            },
          },
          make("bdi", {}, visible(word.word)),
          make("small", {}, signed(byMasking ? -count : count, 2)),
        );
      }),
    ),
    ...(shares.integrated_gradients ? [choiceOfNumbers()] : []),
    make(
      "p",
      {},
      byMasking ? say(which, { count: whatIf.length, all: words }) : say("shares_of_words"),
      " ",
      say(colors, { name }),
    ),
  );
}

/** What the numbers under the words are: without the word, or its share by integrated gradients. */
function choiceOfNumbers() {
  return make(
    "select",
    {
      id: "words",
      "aria-label": say("numbers_of_words"),
      onchange: (event) => {
        seen.words = event.target.value;
        showWhatIf();
        $("words").focus();
      },
    },
    ...["masked", "integrated_gradients"].map((value) =>
      make("option", { value, selected: value === seen.words }, say(`words.${value}`)),
    ),
  );
}

/** Whether a token belongs to a word of the list, by default the one that is taken out. */
export function isMasked(token, word = seen.masked) {
  const { first, last } = answer().whatIf?.[word] ?? {};
  return first <= token && token <= last;
}

/** Strikes a word out where it stands in the sentence. */
export function markMasked(word) {
  for (const item of document.querySelectorAll(".tokens li"))
    item.classList.toggle("masked", isMasked(+item.dataset.index, word));
}

// Sentences that are typed, and what the model makes of each and of their difference.

import { $, make } from "../viewer/dom.js";
import { say } from "../viewer/language.js";
import { signed, visible } from "../viewer/text.js";
import { config } from "./client.js";
import { commit, follow, inPercent, logOdds, probabilityOf, session, tell, view } from "./session.js";
import { cut, keptMasks, LONGEST } from "./state.js";
import { drawAllWords, setText, wordRow, wordTools } from "./words.js";

const [negative, positive] = config.class_names.map(visible);
let cutNote = "";
const oddsOf = (logit) => (Number.isFinite(logit) ? logit : logOdds(probabilityOf(logit)));

function sentenceBox(sentence) {
  return make(
    "div",
    { id: `sentence-${sentence}`, class: "sentence", hidden: sentence > 0 },
    make(
      "label",
      {},
      say(sentence ? "second_sentence" : "sentence"),
      make("textarea", {
        id: `text-${sentence}`,
        rows: 2,
        spellcheck: "false",
        oninput: ({ target }) => type(sentence, target),
      }),
    ),
    make(
      "div",
      { class: "answer" },
      make("b", { id: `answer-${sentence}`, "aria-live": "polite" }),
      make("div", { class: "bar" }, make("div")),
    ),
    wordRow(sentence),
  );
}

function type(sentence, area) {
  const [text, isCut] = cut(area.value);
  if (isCut) area.value = text;
  cutNote = isCut ? say("cut", { count: LONGEST }) : "";
  tell(cutNote);
  const { texts, masked } = session.state;
  setText(sentence, text, keptMasks(texts[sentence], text, masked[sentence]), { typing: true });
}

/** Adds a second sentence, the same as the first until it is changed, or takes it away. */
function compare() {
  const { texts, masked } = session.state;
  const isOne = texts.length === 1;
  const twice = (values) => (isOne ? [values[0], values[0]] : [values[0]]);
  commit({ texts: twice(texts), masked: twice(masked), shown: 0 });
  if (isOne) $("text-1").focus();
}

/** Everything that the page has for texts. */
export function textMode() {
  const shownOf = [0, 1].map((sentence) =>
    make(
      "button",
      {
        onclick: () => {
          session.state = { ...session.state, shown: sentence };
          draw();
          view();
        },
      },
      say(sentence ? "of_second" : "of_first"),
    ),
  );
  $("live-input").append(
    make("div", { id: "sentences" }, sentenceBox(0), sentenceBox(1)),
    make("p", { id: "difference", hidden: true }),
    make("p", { class: "hint" }, say("words_hint")),
    wordTools(),
  );
  $("live-tools").append(
    make("button", { id: "compare", onclick: compare }),
    make("div", { id: "shown", role: "group", "aria-label": say("attention_of"), hidden: true }, ...shownOf),
  );

  function draw() {
    const { texts, shown } = session.state;
    texts.forEach((text, sentence) => {
      const area = $(`text-${sentence}`);
      if (area.value !== text) area.value = text;
    });
    const isPair = texts.length === 2;
    for (const id of ["sentence-1", "difference", "shown"]) $(id).hidden = !isPair;
    $("compare").textContent = say(isPair ? "compare_no_more" : "compare");
    shownOf.forEach((button, sentence) => button.setAttribute("aria-pressed", String(sentence === shown)));
  }

  function answered() {
    session.results.forEach(({ logits, whole, tokens }, sentence) => {
      const odds = oddsOf(logits[0]);
      const share = probabilityOf(odds);
      $(`answer-${sentence}`).textContent = say("answer_in_full", {
        name: odds < 0 ? negative : positive,
        percent: inPercent(odds < 0 ? 1 - share : share),
        odds: signed(odds, 2),
      });
      $(`sentence-${sentence}`)
        .querySelector(".bar div")
        .style.setProperty("width", `${100 * share}%`);
      if (whole > tokens.length) tell(`${cutNote} ${say("first_tokens", { count: tokens.length, all: whole })}`.trim());
    });
    if (session.results.length === 2) {
      const [first, second] = session.results.map(({ logits }) => oddsOf(logits[0]));
      const points = 100 * (probabilityOf(second) - probabilityOf(first));
      $("difference").textContent = say("difference_of_two", {
        name: positive,
        odds: signed(second - first, 2),
        points: signed(points, 1),
      });
    }
    drawAllWords();
    document.body.dataset.answer = session.results.map(({ logits }) => logits[0].toFixed(6)).join(" ");
  }

  follow({ draw, answered });
}

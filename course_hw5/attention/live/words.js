// The words of a sentence as buttons: a click masks one, dragging moves it, and below stands what it is for.

import { $, make, style } from "../viewer/dom.js";
import { say } from "../viewer/language.js";
import { signed, visible } from "../viewer/text.js";
import { commit, session } from "./session.js";
import { keptMasks, moved, replaced } from "./state.js";

let chosen = null; // {sentence, word}: what the tools below are for
let dragged = null; // {sentence, word, x, y, isMoved}
const without = [new Map(), new Map()]; // per sentence, word -> logit with it masked

const group = (sentence) => $(`words-${sentence}`);
const buttonOf = (sentence, word) => group(sentence).children[word];
const wordsNow = (sentence) => session.results?.[sentence]?.words ?? [];
const isCurrent = (sentence) => session.results?.[sentence]?.text === session.state.texts[sentence];
const put = (values, index, value) => values.map((old, i) => (i === index ? value : old));

/** A sentence's new text and masks. */
export function setText(sentence, text, masks, options) {
  const { texts, masked } = session.state;
  commit({ texts: put(texts, sentence, text), masked: put(masked, sentence, masks) }, options);
}

function toggleMask({ sentence, word }) {
  if (!isCurrent(sentence)) return;
  const { texts, masked } = session.state;
  const now = new Set(masked[sentence]);
  const { start } = wordsNow(sentence)[word];
  if (!now.delete(start)) now.add(start);
  setText(sentence, texts[sentence], [...now]);
}

function move({ sentence, word }, to) {
  if (!isCurrent(sentence) || !wordsNow(sentence)[to] || to === word) return;
  const words = wordsNow(sentence);
  const [text, starts] = moved(session.state.texts[sentence], words, word, to);
  const masks = session.state.masked[sentence].map((start) => starts[words.findIndex((one) => one.start === start)]);
  chosen = { sentence, word: to };
  setText(
    sentence,
    text,
    masks.filter((start) => start !== undefined),
  );
}

function replace({ sentence, word }, by) {
  if (!isCurrent(sentence) || !wordsNow(sentence)[word]) return;
  const { texts, masked } = session.state;
  const place = wordsNow(sentence)[word];
  const text = replaced(texts[sentence], place, by);
  const masks = masked[sentence].filter((start) => start !== place.start);
  setText(sentence, text, keptMasks(texts[sentence], text, masks));
}

function pick(sentence, word) {
  chosen = { sentence, word };
  drawTools();
}

function askFor(sentence, word) {
  pick(sentence, word);
  $("replace-by").value = wordsNow(sentence)[word].original;
  $("replace-by").select();
  $("replace-by").focus();
}

// ---------------------------------------------------------------- the buttons of a sentence

/** An empty row of words. */
export function wordRow(sentence) {
  const find = (target) => [...group(sentence).children].indexOf(target.closest?.(".word"));
  return make("div", {
    id: `words-${sentence}`,
    class: "words",
    role: "group",
    "aria-label": say("words"),
    onclick: ({ target, detail }) => {
      const word = find(target);
      if (word < 0 || dragged?.isMoved) return;
      pick(sentence, word);
      toggleMask(chosen);
      if (detail === 2) askFor(sentence, word); // its first click has masked it
    },
    onkeydown: (event) => {
      const word = find(event.target);
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === "F2") askFor(sentence, word);
      else if (by && event.altKey) move({ sentence, word }, word + by);
      else if (by) buttonOf(sentence, word + by)?.focus();
      else return;
      event.preventDefault();
    },
    onpointerdown: (event) => {
      const word = find(event.target);
      dragged = word < 0 ? null : { sentence, word, x: event.clientX, y: event.clientY, isMoved: false };
    },
    onpointermove: (event) => {
      if (!dragged || !event.buttons || Math.hypot(event.clientX - dragged.x, event.clientY - dragged.y) < 8) return;
      dragged.isMoved = true;
      event.target.releasePointerCapture?.(event.pointerId); // a finger keeps what it has touched
      const over = find(document.elementFromPoint(event.clientX, event.clientY) ?? event.target);
      [...group(sentence).children].forEach((button, index) => {
        button.classList.toggle("dragged", index === dragged.word);
        button.classList.toggle("over", index === over && index !== dragged.word);
      });
    },
    onpointerup: (event) => {
      const to = find(document.elementFromPoint(event.clientX, event.clientY) ?? event.target);
      for (const button of group(sentence).children) button.classList.remove("dragged", "over");
      if (dragged?.isMoved && dragged.sentence === sentence && to >= 0) move(dragged, to);
      if (dragged?.isMoved) setTimeout(() => (dragged = null)); // after the click that follows
    },
  });
}

function drawWords(sentence) {
  const { words = [], logits } = session.results[sentence];
  const row = group(sentence);
  const masked = new Set(session.state.masked[sentence]);
  const changes = words.map(({ start }, word) => {
    const logit = without[sentence].get(word);
    return logit === undefined || masked.has(start) ? null : logit - logits[0];
  });
  const largest = Math.max(0.5, ...changes.map((change) => Math.abs(change ?? 0)));
  while (row.children.length > words.length) row.lastChild.remove();
  while (row.children.length < words.length)
    row.append(make("button", { class: "word", title: say("word_button") }, make("bdi"), make("small")));
  words.forEach(({ original, start }, word) => {
    const button = buttonOf(sentence, word);
    const change = changes[word];
    button.setAttribute("aria-pressed", String(masked.has(start)));
    button.firstChild.textContent = visible(original);
    button.lastChild.textContent = masked.has(start) ? "[MASK]" : change === null ? "\u00a0" : signed(change, 1);
    button.style.setProperty("--tint", style(change < 0 ? "--for" : "--against"));
    button.style.setProperty("--strength", change === null ? 0 : (0.45 * Math.abs(change)) / largest);
  });
}

/** Draws what the model has read of each sentence; words that are new have no number yet. */
export function drawAllWords() {
  session.results.forEach((result, sentence) => {
    const text = session.state.texts[sentence];
    result.text ??= text;
    for (const word of result.words) word.original = text.slice(word.start, word.end);
    without[sentence].clear();
    drawWords(sentence);
  });
  drawTools();
}

export function learnWithout({ sentence, word, without: logit }) {
  if (!isCurrent(sentence)) return;
  without[sentence].set(word, logit);
  drawWords(sentence);
}

// ---------------------------------------------------------------- the tools for one word

export function wordTools() {
  const act = (change) => () => {
    const { sentence } = chosen;
    change(chosen);
    buttonOf(sentence, chosen.word)?.focus();
  };
  const by = make("input", { id: "replace-by", autocomplete: "off", spellcheck: "false", maxlength: 100 });
  return make(
    "form",
    {
      id: "word-tools",
      hidden: true,
      onsubmit: (event) => {
        event.preventDefault();
        act((word) => replace(word, by.value))();
      },
    },
    make("b", { id: "chosen-word" }),
    make("button", { type: "button", id: "mask-word", onclick: act(toggleMask) }, say("mask")),
    make("button", { type: "button", onclick: act((word) => move(word, word.word - 1)) }, say("move_back")),
    make("button", { type: "button", onclick: act((word) => move(word, word.word + 1)) }, say("move_on")),
    make("label", {}, say("replace_by"), " ", by),
    make("button", {}, say("replace")),
  );
}

function drawTools() {
  const word = chosen && wordsNow(chosen.sentence)[chosen.word];
  $("word-tools").hidden = !word;
  if (!word) return;
  $("chosen-word").textContent = visible(word.original);
  $("mask-word").setAttribute("aria-pressed", String(session.state.masked[chosen.sentence].includes(word.start)));
}

// Text to word pieces, as BERT's uncased and cased tokenizers give them.

import { isControl, isMark, isPunctuation } from "./characters.js";

const SPECIAL = ["[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const LONGEST = 100; // characters of a word; a longer one is unknown

const isChinese = (code) =>
  (code >= 0x4e00 && code <= 0x9fff) ||
  (code >= 0x3400 && code <= 0x4dbf) ||
  (code >= 0xf900 && code <= 0xfaff) ||
  (code >= 0x20000 && code <= 0x2a6df) ||
  (code >= 0x2a700 && code <= 0x2b81f) ||
  (code >= 0x2b920 && code <= 0x2ceaf) ||
  (code >= 0x2f800 && code <= 0x2fa1f);

/** What a character becomes: "" where it is left out, " " for spaces. */
function cleaned(character) {
  if (/[\t\n\r]/.test(character)) return " ";
  if (character === "\0" || isControl(character)) return "";
  return /\p{White_Space}/u.test(character) ? " " : character;
}

const uncased = (character) =>
  [...character.normalize("NFD")].map((part) => (isMark(part) ? "" : part.toLowerCase())).join("");

/** The words of a text, {text, start, end} each: what BERT splits at spaces and punctuation, and where it stands. */
export function wordsOf(text, lowercase) {
  const words = [];
  let isOpen = false;
  let start = 0;
  for (const original of text) {
    const end = start + original.length;
    const character = cleaned(original.replace(/\p{Cs}/u, "?"));
    const isAlone = character && isChinese(character.codePointAt(0));
    if (isAlone) isOpen = false;
    for (const part of lowercase ? uncased(character) : character) {
      if (part === " " || /\p{White_Space}/u.test(part)) isOpen = false;
      else if (isPunctuation(part)) {
        words.push({ text: part, start, end });
        isOpen = false;
      } else if (isOpen) {
        const last = words[words.length - 1];
        last.text += part;
        last.end = end;
      } else {
        words.push({ text: part, start, end });
        isOpen = true;
      }
    }
    if (isAlone) isOpen = false;
    start = end;
  }
  return words;
}

/** A tokenizer of a vocabulary, an array of word pieces by id. */
export function makeTokenizer(vocabulary, lowercase) {
  const ids = new Map(vocabulary.map((piece, id) => [piece, id]));
  const [unknown, cls, sep, mask] = SPECIAL.map((name) => ids.get(name));

  /** The ids of a word: the longest piece first; [UNK] if a rest is none. */
  function pieces(word) {
    const characters = [...word];
    if (characters.length > LONGEST) return [unknown];
    const found = [];
    for (let start = 0; start < characters.length; ) {
      let end = characters.length;
      let id;
      for (; end > start && id === undefined; end--)
        id = ids.get((start ? "##" : "") + characters.slice(start, end).join(""));
      if (id === undefined) return [unknown];
      found.push(id);
      start = end + 1;
    }
    return found;
  }

  /**
   * What a model reads of a text: `ids`, their `tokens`, and `words`, {text, start, end, first, last} each, of which the
   * first and the last token are `first` and `last`. `masked` holds where words start that are read as [MASK],
   * `most` is the number of tokens at most; `whole` is how many the text has.
   */
  function encode(text, most = Infinity, masked = new Set()) {
    const read = [cls];
    const words = [];
    let whole = 2;
    for (const word of wordsOf(text, lowercase)) {
      const found = pieces(word.text);
      whole += found.length;
      if (read.length + 1 >= most) continue;
      const first = read.length;
      read.push(...(masked.has(word.start) ? found.map(() => mask) : found).slice(0, most - 1 - first));
      words.push({ ...word, first, last: read.length - 1 });
    }
    read.push(sep);
    return { ids: read, tokens: read.map((id) => vocabulary[id]), words, whole };
  }

  return { encode, mask };
}

import assert from "node:assert/strict";
import test from "node:test";
import { makeTokenizer, wordsOf } from "../../course_hw5/attention/live/tokenizer.js";

const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const { encode } = makeTokenizer([...SPECIAL, "film", "##s", "cafe", "!", "好", "فیلم", "not", "bad"], true);
const tokensOf = (text, ...more) => encode(text, ...more).tokens.slice(1, -1);

test("words are split at spaces, punctuation and Chinese characters, without accents and capitals", () => {
  assert.deepEqual(tokensOf("Films! CAFÉ\u0301 好好 فیلم\u200b x"), [
    "film",
    "##s",
    "!",
    "cafe",
    "好",
    "好",
    "فیلم",
    "[UNK]",
  ]);
  assert.deepEqual(tokensOf("[MASK]"), ["[UNK]", "[UNK]", "[UNK]"]); // what is typed is text
});

test("a word knows where it stands in the text", () => {
  const text = "É\u0301😀 a,b";
  assert.deepEqual(
    wordsOf(text, true).map(({ start, end }) => text.slice(start, end)),
    ["É\u0301😀", "a", ",", "b"],
  );
});

test("masked words are read as [MASK], piece by piece", () => {
  assert.deepEqual(tokensOf("films bad", 9, new Set([0])), ["[MASK]", "[MASK]", "bad"]);
});

test("a long text is cut, [SEP] stays, and its whole length is told", () => {
  const { tokens, words, whole } = encode("films not bad", 4);
  assert.deepEqual([tokens, words.length, whole], [["[CLS]", "film", "##s", "[SEP]"], 1, 6]);
});

import assert from "node:assert/strict";
import test from "node:test";
import {
  cut,
  fromLink,
  keptMasks,
  LONGEST,
  makeHistory,
  moved,
  replaced,
  toLink,
} from "../../course_hw5/attention/live/state.js";

const BERT = { kind: "bert", layers: 2, heads: 4 };
const BEIT = { kind: "beit", layers: 2, heads: 3, grid: [1, 2], side: 2, channels: 3 };
const wordsOf = (text) =>
  [...text.matchAll(/\w+/g)].map((found) => ({ start: found.index, end: found.index + found[0].length }));

test("a long text is cut, and not within a character", () => {
  assert.deepEqual(cut("short"), ["short", false]);
  assert.deepEqual(cut(`${"a".repeat(9)}😀b`, 10), ["a".repeat(9), true]);
  assert.equal(cut("x".repeat(100000))[0].length, LONGEST);
});

test("a word is moved, and what stands between words stays", () => {
  const text = " not bad,  really!";
  assert.deepEqual(moved(text, wordsOf(text), 0, 2), [" bad really,  not!", [14, 1, 5]]);
  assert.deepEqual(moved(text, wordsOf(text), 2, 0), [" really not,  bad!", [8, 14, 1]]);
  assert.equal(replaced(text, wordsOf(text)[1], "good"), " not good,  really!");
});

test("masks outside of a change of the text stay with their words", () => {
  assert.deepEqual(keptMasks("a b c", "a b c d", [0, 4]), [0, 4]);
  assert.deepEqual(keptMasks("a b c", "x a b c", [0, 4]), [2, 6]);
  assert.deepEqual(keptMasks("a bad c", "a c", [0, 2, 6]), [0, 2]);
  assert.deepEqual(keptMasks("a b c", "", [0, 2, 4]), []);
});

test("states are undone and redone, and typing is one step", () => {
  const history = makeHistory(0);
  for (const state of [1, 2, 3]) history.push(state, { typing: true, time: 100 * state });
  history.push(4, { time: 400 });
  assert.deepEqual([history.step(-1), history.step(-1), history.step(-1), history.can(-1)], [3, 0, null, false]);
  assert.equal(history.step(1), 3);
  history.push(5);
  assert.equal(history.step(1), null);
  for (let state = 6; state < 300; state++) history.push(state);
  let count = 0;
  while (history.step(-1) !== null) count++;
  assert.equal(count, 99);
});

test("a link restores what it was made of", () => {
  const state = { texts: ["بد 😀 \ud800", "<b>"], masked: [[0], []], shown: 1, off: [1, 7], view: "Matrix", layer: 1 };
  assert.deepEqual(fromLink(toLink(state), BERT), state);
  const pixels = Uint8Array.from({ length: 24 }, (_, i) => 10 * i);
  assert.deepEqual(fromLink(toLink({ pixels, off: [], view: "Image", layer: 0 }), BEIT).pixels, pixels);
});

test("a link of another page, or of nothing, is refused", () => {
  const state = { texts: ["a"], masked: [[]], shown: 0, off: [], view: "Heads", layer: 0 };
  assert.ok(fromLink(toLink(state), BERT));
  const wrong = [
    { off: [8] },
    { off: [-1] },
    { off: "1" },
    { view: "Image" },
    { view: "__proto__" },
    { layer: 2 },
    { texts: ["a", "b", "c"] },
    { texts: [1] },
    { texts: "a" },
    { masked: [[0.5]] },
    { masked: [[], []] },
    { shown: 1 },
  ];
  for (const change of wrong)
    assert.equal(fromLink(toLink({ ...state, ...change }), BERT), null, JSON.stringify(change));
  for (const text of ["", "%", "AAAA", "bnVsbA", "e30", toLink(state).slice(0, -9)])
    assert.equal(fromLink(text, BERT), null);
  assert.equal(fromLink(toLink(state), BEIT), null);
  assert.equal(fromLink(toLink({ pixels: new Uint8Array(23), off: [], view: "Image", layer: 0 }), BEIT), null);
});

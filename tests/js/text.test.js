import assert from "node:assert/strict";
import test from "node:test";
import "./catalogue.js";
import {
  inCell,
  number,
  powerOf,
  quoted,
  shortened,
  signed,
  ticks,
  unit,
  visible,
} from "../../course_hw5/attention/viewer/text.js";

test("a change has its sign, unless nothing is left of it", () => {
  assert.deepEqual(
    [0.126, -0.126, 0.004, -0.004, 12].map((value) => signed(value, 2)),
    ["+0.13", "−0.13", "0.00", "0.00", "+12.00"],
  );
});

test("numbers keep four decimals, or three digits where these would be lost", () => {
  assert.deepEqual([0.25, -0.5, 0, 0.01234, 0.00001234].map(number), [
    "0.2500",
    "−0.5000",
    "0.0000",
    "0.0123",
    "1.2e-5",
  ]);
});

test("characters that cannot be seen are shown by their number", () => {
  assert.equal(visible("a\u202eb\u0000"), "a⟨U+202E⟩b⟨U+0000⟩");
  assert.equal(visible("شب"), "شب");
});

test("a text is shortened to the characters that fit, never within one of them", () => {
  const measure = (text) => 10 * [...text].length;
  assert.equal(shortened("word", 40, measure), "word");
  assert.equal(shortened("sentence", 45, measure), "sen…");
  assert.equal(shortened("😀😀😀😀", 30, measure), "😀😀…");
});

test("weights below a tenth are told in a power of ten", () => {
  assert.deepEqual([0, 0.5, 0.09, 0.0042].map(powerOf), [0, 0, -1, -2]);
  assert.equal(unit(-12), "numbers × 10⁻¹²");
  assert.equal(unit(0), "");
  assert.deepEqual([inCell(0.5, 0), inCell(-0.0042, -2), inCell(1, 0)], [".50", "−.42", "1.00"]);
});

test("a scale names its ends and its middle with as many digits as they need", () => {
  assert.deepEqual(ticks({ low: 0, high: 0.5 }), ["0", "0.250", "0.500"]);
  assert.deepEqual(ticks({ low: -2, high: 2, exceeded: true }), ["−2.00", "0", "≥ 2.00"]);
  assert.deepEqual(ticks({ low: 0, high: 200 }), ["0", "100", "200"]);
});

test("fields of a CSV file are quoted", () => assert.equal(quoted('say "a, b"'), '"say ""a, b"""'));

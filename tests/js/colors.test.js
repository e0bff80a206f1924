import assert from "node:assert/strict";
import test from "node:test";
import {
  cellOpacity,
  channels,
  headStyle,
  heatColor,
  readableOn,
  rgba,
} from "../../course_hw5/attention/viewer/colors.js";

test("hexadecimal colours are read channel by channel", () => {
  assert.deepEqual(channels("#2166ac"), [33, 102, 172]);
  assert.equal(rgba([33, 102, 172, 0.5]), "rgba(33, 102, 172, 0.5)");
});

test("what is written on a colour is the better readable of black and white", () => {
  assert.equal(readableOn([255, 255, 0]), "#000");
  assert.equal(readableOn([0, 0, 139]), "#fff");
  assert.deepEqual(headStyle("#000000"), { "--head": "#000000", "--on-head": "#fff" });
});

test("cells are as strong as their share of the highest, without a sign", () => {
  assert.equal(cellOpacity(0.5, 0.5), 1);
  assert.equal(cellOpacity(-0.5, 0.5), 1);
  assert.deepEqual([cellOpacity(0, 0.5), cellOpacity(NaN, 0.5), cellOpacity(0.5, 0)], [0, 0, 0]);
  assert.ok(cellOpacity(0.1, 1) < cellOpacity(0.2, 1));
});

test("heat is transparent at 0, ends at the last colour, and stays there", () => {
  assert.equal(heatColor(0, false)[3], 0);
  assert.deepEqual(heatColor(1, false), [252, 255, 164, 0.86]);
  assert.deepEqual(heatColor(3, false), heatColor(1, false));
});

test("signs have colours of their own: orange above, blue below", () => {
  const [above, below] = [heatColor(0.5, true), heatColor(-0.5, true)];
  assert.ok(above[0] > above[2] && below[2] > below[0]);
  assert.equal(above[3], below[3]);
});

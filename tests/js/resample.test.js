import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { fitImage } from "../../course_hw5/attention/live/resample.js";

for (const { from, to, pixels, expected } of JSON.parse(
  readFileSync(new URL("../golden/live/resampled.json", import.meta.url)),
))
  test(`an image of ${from.join(" x ")} becomes ${to.join(" x ")} as Pillow makes it`, () => {
    assert.deepEqual([...fitImage(pixels, from, to)], expected);
  });

test("a single pixel fills an image", () => {
  assert.deepEqual([...fitImage([1, 2, 3], [1, 1], [2, 1])], [1, 2, 3, 1, 2, 3]);
});

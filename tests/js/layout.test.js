import assert from "node:assert/strict";
import test from "node:test";
import { cellSize, patchBox, patchUnder, thumbnailSize } from "../../course_hw5/attention/viewer/layout.js";

test("cells shrink with their number, but can always be seen", () => {
  assert.deepEqual([3, 31, 1000].map(cellSize), [44, 20, 2]);
});

test("a small matrix keeps its proportions down to twelve pixels", () => {
  assert.deepEqual(thumbnailSize(10, 20, 68), [68, 34]);
  assert.deepEqual(thumbnailSize(100, 1, 68), [12, 68]);
});

test("patches fill the image without gaps or overlaps, whatever its size", () => {
  const boxes = [0, 1, 2].map((column) => patchBox([0, column], [2, 3], 100, 50));
  assert.deepEqual(
    boxes.map(([x, , width]) => [x, x + width]),
    [
      [0, 33],
      [33, 67],
      [67, 100],
    ],
  );
  assert.deepEqual(patchBox([1, 0], [2, 3], 100, 50), [0, 25, 33, 25]);
});

test("the patch under a point is one of the grid, beyond the border too", () => {
  assert.deepEqual(patchUnder(50, 40, [2, 3], 100, 50), [1, 1]);
  assert.deepEqual(patchUnder(-5, 90, [2, 3], 100, 50), [1, 0]);
  assert.deepEqual(patchUnder(100, 0, [2, 3], 100, 50), [0, 2]);
});

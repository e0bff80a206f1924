import assert from "node:assert/strict";
import test from "node:test";
import { deflateSync } from "node:zlib";
import { mean, meanMatrix, pairPasses, strongestLines, unpack } from "../../course_hw5/attention/viewer/arrays.js";

const at = (head, query, key) =>
  [
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
    [
      [3, 2, 1],
      [0, 0, 0],
    ],
  ][head][query][key]; // 2 heads, 2 queries, 3 keys
const all = { rows: 2, columns: 3, shows: () => true };

test("a layer is unpacked from its low bytes, then its high bytes", async () => {
  const steps = [0, 1, 255, 256, 65535, 300];
  const bytes = Uint8Array.from([...steps.map((step) => step & 255), ...steps.map((step) => step >> 8)]);
  const layer = await unpack(deflateSync(bytes).toString("base64"), { scale: 0.5, zero: 256, rows: 2, columns: 3 });
  assert.deepEqual(
    [0, 1].map((query) => [0, 1, 2].map((key) => layer(0, query, key))),
    [
      [-128, -127.5, -0.5],
      [0, 32639.5, 22],
    ],
  );
  assert.equal(layer.highest, 32639.5);
});

test("the mean of heads is 0 where none is chosen", () => {
  assert.equal(mean(at, [0, 1], 0, 2), 2);
  assert.equal(mean(at, [1], 0, 0), 3);
  assert.equal(mean(at, [], 0, 0), 0);
});

test("a filter lets pairs of the named sentences pass", () => {
  assert.ok(pairPasses("all", 2, 5, 0));
  assert.ok(pairPasses("AB", 2, 1, 2) && pairPasses("BA", 2, 2, 1));
  assert.ok(!pairPasses("AB", 2, 2, 2) && !pairPasses("AA", 2, 1, 2));
});

test("a matrix holds the mean of heads row by row, and NaN where a pair is hidden", () => {
  const values = meanMatrix(at, [0, 1], all);
  assert.deepEqual([...values], [2, 2, 2, 2, 2.5, 3]);
  assert.deepEqual([values.highest, values.strongest], [3, 5]);
  const filtered = meanMatrix(at, [0], { ...all, shows: (query) => query === 0 });
  assert.deepEqual([...filtered], [1, 2, 3, NaN, NaN, NaN]);
  assert.equal(filtered.highest, 3);
});

test("lines are those of the rows and columns asked for, as shares of the highest", () => {
  const lines = strongestLines(at, [0], { ...all, rows: [1], columns: [0, 2], highest: 6, most: 100 });
  assert.deepEqual(lines, [
    [0, 1, 0, 4 / 6],
    [0, 1, 2, 1],
  ]);
});

test("the strongest lines are left where there are too many, and none of weight 0", () => {
  const every = { ...all, rows: [0, 1], columns: [0, 1, 2], highest: 6 };
  const strengths = (most, heads) => strongestLines(at, heads, { ...every, most }).map((line) => 6 * line[3]);
  assert.deepEqual(strengths(2, [0]), [5, 6]);
  assert.deepEqual(strengths(100, [1]), [3, 2, 1]);
});

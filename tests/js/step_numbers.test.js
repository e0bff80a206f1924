import assert from "node:assert/strict";
import test from "node:test";
import {
  bySize,
  highestFew,
  lineAt,
  softmax,
  stepsOf,
  strongestWeight,
} from "../../course_hw5/attention/viewer/step_numbers.js";

const array = (values) => (head, row, column) => values[head][row][column];
// One head, one query, three keys of two dimensions, values of three.
const parts = {
  query: array([[[1, 2]]]),
  key: array([
    [
      [3, -1],
      [1, 1],
      [0, 5],
    ],
  ]),
  value: array([
    [
      [2, 0, 1],
      [0, 4, 0],
      [1, 1, 1],
    ],
  ]),
  bias: null,
  mask: null,
  scale: 0.5,
  dims: 2,
  valueDims: 3,
};
const weight = { head: 0, query: 0, key: 1 };
const near = (found, expected) => {
  assert.equal(found.length, expected.length);
  expected.forEach((value, i) => assert.ok(Math.abs(found[i] - value) < 1e-12, `${found} is not ${expected}`));
};

test("a weight is the softmax of scaled products of its query and the keys", () => {
  const found = stepsOf(parts, weight, 3);
  near(found.q, [1, 2]);
  near(found.k, [1, 1]);
  near(found.products, [1, 2]);
  near(found.content, [0.5, 1.5, 5]);
  near(found.logits, [0.5, 1.5, 5]);
  const powers = [Math.exp(-4.5), Math.exp(-3.5), 1];
  near(found.row.powers, powers);
  const sum = powers[0] + powers[1] + powers[2];
  near([found.row.highest, found.row.sum], [5, sum]);
  near(
    found.row.weights,
    powers.map((power) => power / sum),
  );
});

test("the head writes the weighted sum of values, of which each key has a share", () => {
  const { row, v, part, output, lengths, shares } = stepsOf(parts, weight, 3);
  const [a, b, c] = row.weights;
  near(v, [0, 4, 0]);
  near(part, [0, 4 * b, 0]);
  near(output, [2 * a + c, 4 * b + c, a + c]);
  near(lengths, [Math.sqrt(5), 4, Math.sqrt(3)]);
  near([shares[0] + shares[1] + shares[2]], [1]);
  near([shares[1]], [(4 * b * output[1]) / output.reduce((sum, value) => sum + value * value, 0)]);
});

test("a bias is added to logits, and a hidden key gets no weight", () => {
  const bias = array([[[1, 2, 100]]]);
  const mask = array([[[0, 0, 1]]]);
  const { logits, hidden, row, shares } = stepsOf({ ...parts, bias, mask }, weight, 3);
  assert.deepEqual(logits, [1.5, 3.5, -Infinity]);
  assert.deepEqual(hidden, [false, false, true]);
  near(row.weights, [Math.exp(-2) / (1 + Math.exp(-2)), 1 / (1 + Math.exp(-2)), 0]);
  assert.equal(shares[2], 0);
});

test("a row whose keys are all hidden has no weights, and large logits no infinite ones", () => {
  assert.deepEqual(softmax([-Infinity, -Infinity]).weights, [0, 0]);
  assert.deepEqual(softmax([1000, -1000]).weights, [1, 0]);
});

test("shares of an output of zeros are zeros", () => {
  const value = array([Array(3).fill([0, 0, 0])]);
  assert.deepEqual(stepsOf({ ...parts, value }, weight, 3).shares, [0, 0, 0]);
});

test("numbers are ranked by size, and the highest keep the one that is asked for", () => {
  assert.deepEqual(bySize([1, -3, 2]), [1, 2, 0]);
  assert.deepEqual(highestFew([1, 5, 2, 4], 2, 3), [1, 3]);
  assert.deepEqual(highestFew([1, 5, 2, 4], 2, 0), [1, 3, 0]);
});

test("the strongest weight is found among the rows and columns that are shown", () => {
  const at = array([
    [
      [0.1, 0.9],
      [0.7, 0.3],
    ],
    [
      [0.95, 0.05],
      [0.5, 0.5],
    ],
  ]);
  const all = { rows: [0, 1], columns: [0, 1], shows: () => true };
  assert.deepEqual(strongestWeight(at, [0, 1], all), { head: 1, query: 0, key: 0 });
  assert.deepEqual(strongestWeight(at, [0, 1], { ...all, rows: [1] }), { head: 0, query: 1, key: 0 });
  assert.deepEqual(strongestWeight(at, [0], { ...all, columns: [1] }), { head: 0, query: 0, key: 1 });
  assert.equal(strongestWeight(at, [0], { ...all, shows: () => false }), null);
});

test("the line under a point is the nearest, and of several at one place the strongest", () => {
  const lines = [
    [0, 0, 0, 0.2],
    [1, 0, 2, 0.5],
    [2, 0, 2, 0.9],
    [3, 2, 2, 0.1],
  ];
  const size = { width: 100, row: 20, reach: 6 };
  assert.equal(lineAt(lines, 50, 11, size), lines[0]);
  assert.equal(lineAt(lines, 50, 32, size), lines[2]); // halfway from row 0 to row 2
  assert.equal(lineAt(lines, 10, 49, size), lines[3]);
  assert.equal(lineAt(lines, 20, 35, size), null);
  assert.equal(lineAt([], 20, 35, size), null);
});

import assert from "node:assert/strict";
import test from "node:test";
import { rolloutOf, weightsAt } from "../../course_hw5/attention/live/answers.js";

test("weights of a layer are told by head, query and key", () => {
  const data = Float32Array.from({ length: 16 }, (_, i) => (i % 2 ? -i : i)); // 2 layers, 2 heads, 2 tokens
  const at = weightsAt(data, 2, 2, 1);
  assert.deepEqual([at(0, 0, 0), at(0, 0, 1), at(1, 1, 1), at.highest], [8, -9, -15, 15]);
});

test("rollout is the one of the package", () => {
  // attention_rollout of two layers of one head that halve everything, as its docstring has it
  const half = rolloutOf(new Float32Array(8).fill(0.5), { tokens: 2, heads: 1, layers: 2 });
  assert.deepEqual([...half], [0.75, 0.25, 0.25, 0.75, 0.625, 0.375, 0.375, 0.625]);
  const two = rolloutOf(Float32Array.of(1, 0, 0, 1, 0, 1, 1, 0), { tokens: 2, heads: 2, layers: 1 });
  assert.deepEqual([...two], [0.75, 0.25, 0.25, 0.75]);
});

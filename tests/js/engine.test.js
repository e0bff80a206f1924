import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { readModel } from "../../course_hw5/attention/live/engine.js";

const read = (path) => readFileSync(new URL(path, import.meta.url));
const CODE = read("../../course_hw5/attention/live/kernel.wasm");
const golden = (name) => JSON.parse(read(`../golden/live/${name}.json`));
const opened = (found, code) => readModel(found.config, new Uint8Array(Buffer.from(found.weights, "base64")), code);
const furthest = (found, expected) =>
  found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);

for (const name of ["bert", "bert-int8", "beit", "beit-cls"])
  for (const [kernels, code] of [
    ["wasm", CODE],
    ["plain", null],
  ])
    test(`${name} by ${kernels} kernels gives Keras's logits and attention`, async () => {
      const found = golden(name);
      const model = await opened(found, code);
      assert.equal(model.kernels, kernels);
      for (let turn = 0; turn < 2; turn++) {
        // the second run must not see what the first has left
        const { logits, attention } = await model.run(found.input);
        assert.ok(furthest(logits, found.logits) < 1e-4);
        assert.equal(attention.length, found.attention.length);
        assert.ok(furthest(attention, found.attention) < 1e-4);
      }
    });

test("a head that is off changes the answer, and its attention is still there", async () => {
  const found = golden("bert");
  const model = await opened(found, CODE);
  const whole = await model.run(found.input);
  const [before, weights] = [whole.logits[0], whole.attention.slice()];
  const without = await model.run(found.input, new Set([1]));
  assert.ok(Math.abs(without.logits[0] - before) > 1e-4);
  const square = found.input.length ** 2;
  assert.deepEqual([...without.attention.subarray(0, 4 * square)], [...weights.subarray(0, 4 * square)]);
});

test("both kernels agree on heads that are off", async () => {
  const found = golden("beit");
  const [fast, plain] = await Promise.all([CODE, null].map((code) => opened(found, code)));
  const off = new Set([0, 2, 5]);
  const [a, b] = [await fast.run(found.input, off), await plain.run(found.input, off)];
  assert.ok(furthest(a.logits, b.logits) < 1e-4);
  assert.ok(furthest(a.content, b.content) < 1e-4);
});

test("a run that is overtaken ends with nothing", async () => {
  const found = golden("bert");
  const model = await opened(found, CODE);
  let layers = 0;
  assert.equal(await model.run(found.input, new Set(), async () => ++layers === 2), null);
  assert.equal(layers, 2);
});

import assert from "node:assert/strict";
import test from "node:test";
import "./catalogue.js";
import { drawnLegend } from "../../course_hw5/attention/viewer/scale.js";
import { filled, text } from "../../course_hw5/attention/viewer/svg.js";

test("tokens never become markup", () => {
  assert.equal(text(1, 2, '<a & "b">'), '<text x="1" y="2" >&#60;a &#38; &#34;b&#34;&#62;</text>');
  assert.ok(filled([1, 2, 3, 1], 1, 0, 0, 4, 4, "<b>").includes("<title>&#60;b&#62;</title>"));
});

test("opacities of a colour and of what is drawn with it are multiplied", () => {
  assert.equal(
    filled([1, 2, 3, 0.5], 0.5, 0, 1, 2, 3),
    '<rect x="0" y="1" width="2" height="3" fill="rgb(1, 2, 3)" fill-opacity="0.250"></rect>',
  );
});

test("a legend runs from the lowest colour to the highest and names both", () => {
  const parts = drawnLegend({ low: 0, high: 1, color: (value) => [Math.round(255 * value), 0, 0, 1] }, 0, 0, "#fff");
  const reds = parts.filter((part) => part.includes("rgb(")).map((part) => Number(part.match(/rgb\((\d+)/)[1]));
  assert.equal(reds.length, 64);
  assert.ok(reds.every((red, i) => i === 0 || red > reds[i - 1]) && reds[0] < 5 && reds.at(-1) > 250);
  assert.deepEqual(
    parts.slice(-3).map((part) => part.replace(/<[^>]*>/g, "")),
    ["0", "0.50", "1.00"],
  );
});

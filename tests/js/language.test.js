import assert from "node:assert/strict";
import test from "node:test";

const strings = {
  lang: "fa",
  dir: "rtl",
  digits: "۰۱۲۳۴۵۶۷۸۹٫٬−",
  heads: { one: "{count} head of {name}", other: "{count} heads of {name}" },
};
globalThis.document = { getElementById: () => ({ textContent: JSON.stringify(strings) }) };
const { counted, decimals, localized, say } = await import("../../course_hw5/attention/viewer/language.js");

test("texts and numbers are those of the language", () => {
  assert.equal(say("heads", { count: 1, name: "{count}" }), "۱ head of \u2068{count}\u2069");
  assert.equal(say("heads", { count: 1200, name: "a" }), "۱٬۲۰۰ heads of \u2068a\u2069");
  assert.deepEqual([counted(1200), decimals(-0.25, 2), localized("1.2e-5")], ["۱٬۲۰۰", "−۰٫۲۵", "۱٫۲e-۵"]);
});

test("a text that is not in the catalogue is an error", () => {
  assert.throws(() => say("nothing"));
});

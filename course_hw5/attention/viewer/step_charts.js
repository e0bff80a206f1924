// How the numbers of a step are shown: bars by dimension, and tables.

import { make } from "./dom.js";
import { counted, say } from "./language.js";
import { plainTable } from "./numbers.js";
import { number } from "./text.js";

export const furthest = (...vectors) => Math.max(...vectors.flatMap((values) => [...values].map(Math.abs))) || 1;

/** A vector as bars, one for each dimension, up where it is positive; the highest is as long as `limit`. */
export function bars(name, values, limit = furthest(values)) {
  const range = { low: number(Math.min(...values)), high: number(Math.max(...values)) };
  const bar = (value, dimension) =>
    make("i", {
      class: value < 0 ? "less" : "more",
      style: { "--size": Math.abs(value) / limit },
      title: say("steps.number", { dimension, value: number(value) }),
    });
  return make(
    "div",
    { class: "vector" },
    make("bdi", {}, name),
    make(
      "div",
      { class: "bars", role: "img", "aria-label": say("steps.bars", { name, count: values.length, ...range }) },
      ...Array.from(values, bar),
    ),
  );
}

/** A table of some rows, [index, name, numbers], of which that of `chosen` is marked. */
export function rowsTable(caption, columns, rows, chosen) {
  const table = plainTable(
    caption,
    columns,
    rows.map(([, name, values]) => [name, values]),
  );
  rows.forEach(([index], place) => {
    const row = table.tBodies[0].rows[place];
    row.dataset.index = index;
    if (index === chosen) row.setAttribute("aria-current", "true");
  });
  return make("div", { class: "wide", tabindex: 0, role: "group", "aria-label": caption }, table);
}

/** All vectors of the steps, dimension by dimension. */
export function dimensionsTable(found) {
  const columns = { query: found.q, key: found.k, product: found.products };
  Object.assign(columns, { value: found.v, part: found.part, output: found.output });
  const count = Math.max(found.q.length, found.v.length); // of some models, values are longer or shorter
  return rowsTable(
    say("steps.all_numbers"),
    Object.keys(columns).map((name) => say(`column.${name}`)),
    Array.from({ length: count }, (_, i) => [
      i,
      counted(i),
      Object.values(columns).map((values) => values[i] ?? Number.NaN),
    ]),
  );
}

// The six steps of a weight, each a paragraph with its numbers, bars and tables.

import { make } from "./dom.js";
import { decimals, listed, say } from "./language.js";
import { keys } from "./shared.js";
import { bars, furthest, rowsTable } from "./step_charts.js";
import { bySize, highestFew, sumOf } from "./step_numbers.js";
import { number } from "./text.js";

const ROWS = 24; // keys in the table of the softmax
const SHARES = 8; // in that of what they give
const NAMED = 3; // products that are named
const TOLERANCE = 0.0005; // from a weight of 16-bit vectors to that of the model

const sentence = (key, values = {}) => make("p", {}, say(key, values));
const percent = (share) => say("steps.percent", { value: decimals(100 * share, 1) });
const columnName = (name) => say(`column.${name}`);
const vectorOf = (name, token) => say("steps.of", { name: columnName(name), token });

const STEPS = [vectorStep, productStep, logitStep, softmaxStep, partStep, outputStep];

/**
 * The six list items of what `stepsOf` found; `step` has the indices of head, query and key, `names` the names of query and
 * key, and `weight` is the model's own.
 */
export const sections = (found, step, names, weight) =>
  STEPS.map((content, index) =>
    make(
      "li",
      { id: `step-${index + 1}` },
      make("h3", {}, say(`step.${index + 1}`)),
      ...content(found, step, names, weight),
    ),
  );

function vectorStep({ q, k }, { head }, { query, key }) {
  return [
    sentence("steps.vectors", { head, query, key, count: q.length }),
    bars(vectorOf("query", query), q),
    bars(vectorOf("key", key), k),
  ];
}

/** The dimensions whose products are largest, in words; those whose product is 0 are left out where one is not. */
const largest = ({ q, k, products }, most) =>
  listed(
    bySize(products)
      .filter((dimension, place) => place === 0 || products[dimension])
      .slice(0, most)
      .map((dimension) => {
        const values = { q: number(q[dimension]), k: number(k[dimension]), value: number(products[dimension]) };
        return say("steps.dimension", { dimension, ...values });
      }),
  );

const isRoot = ({ scale, q }) => Math.abs(scale * Math.sqrt(q.length) - 1) < 1e-6;

function productStep(found) {
  const { products } = found;
  const sum = (shown) => number(sumOf(products.filter(shown)));
  const sums = { more: sum((value) => value > 0), less: sum((value) => value < 0), all: number(sumOf(products)) };
  return [
    sentence("steps.products", { list: largest(found, NAMED) }),
    bars(columnName("product"), products),
    sentence("steps.sums", sums),
  ];
}

function logitStep(found, { key }, { key: name }) {
  const { products, scale, q, content, bias, hidden, logits } = found;
  const rows = [
    [say("steps.sum"), number(sumOf(products))],
    [say(isRoot(found) ? "steps.root" : "steps.scale", { count: q.length }), number(scale)],
    ...(bias
      ? [
          [say("steps.content"), number(content[key])],
          [say("steps.bias"), number(bias[key])],
        ]
      : []),
    [say("steps.logit"), logitText(logits[key])],
  ];
  const sum = make("dl", {}, ...rows.flatMap(([term, value]) => [make("dt", {}, term), make("dd", {}, value)]));
  const count = hidden.filter(Boolean).length;
  const mask = hidden[key]
    ? sentence("steps.this_hidden", { key: name })
    : sentence(count ? "steps.some_hidden" : "steps.none_hidden", { count, all: keys.length });
  return [sum, sentence(bias ? "steps.with_bias" : "steps.without_bias"), mask];
}

/** A logit as text, which a hidden key has none of. */
const logitText = (logit) => (logit === -Infinity ? say("steps.hidden") : number(logit));

/** The title of a table of some keys. */
const keysTitle = (title, shown) =>
  shown.length < keys.length ? say("part_of", { title, count: shown.length, all: keys.length }) : title;

function softmaxStep({ content, bias, hidden, logits, row }, { key }, { query, key: name }, weight) {
  const values = { key: name, power: number(row.powers[key]), sum: number(row.sum), weight: number(row.weights[key]) };
  const shown = highestFew(row.weights, ROWS, key);
  const columns = {
    ...(bias || hidden.some(Boolean) ? { content } : {}),
    ...(bias ? { bias } : {}),
    logit: logits.map((logit) => (logit === -Infinity ? Number.NaN : logit)),
    power: row.powers,
    weight: row.weights,
  };
  return [
    sentence("steps.softmax", { ...values, logit: logitText(logits[key]), highest: number(row.highest) }),
    ...(Math.abs(row.weights[key] - weight) > TOLERANCE ? [sentence("steps.differs", { weight: number(weight) })] : []),
    rowsTable(
      keysTitle(say("where_looks", { token: query }), shown),
      Object.keys(columns).map(columnName),
      shown.map((index) => [index, keys[index], Object.values(columns).map((numbers) => numbers[index])]),
      key,
    ),
  ];
}

function partStep({ v, part, row }, { key }, { key: name }) {
  return [
    sentence("steps.part", { key: name, weight: number(row.weights[key]) }),
    bars(vectorOf("value", name), v),
    bars(vectorOf("part", name), part),
  ];
}

function outputStep({ part, output, shares, lengths, row }, { head, key }, { query, key: name }) {
  const limit = furthest(output, part);
  const shown = highestFew(shares, SHARES, key);
  return [
    sentence("steps.output", { head, query, key: name, share: percent(shares[key]) }),
    bars(vectorOf("output", query), output, limit),
    bars(vectorOf("part", name), part, limit),
    rowsTable(
      keysTitle(say("steps.shares"), shown),
      ["weight", "length", "share"].map(columnName),
      shown.map((index) => [index, keys[index], [row.weights[index], lengths[index], shares[index]]]),
      key,
    ),
  ];
}

/** What the guided tour says of each of the six steps. */
export function sentencesOfTour(found, { head, key }, names) {
  const { q, v, scale, bias, hidden, logits, row, shares } = found;
  const values = { head, ...names, dims: q.length, valueDims: v.length, others: keys.length - 1 };
  const logit = hidden[key] ? "tour.hidden" : bias ? "tour.with_bias" : "tour.without_bias";
  return [
    say("tour.1", values),
    say("tour.2", { list: largest(found, 1) }),
    `${say(isRoot(found) ? "tour.3" : "tour.scale", { ...values, scale: number(scale) })} ${say(logit, { ...values, logit: logitText(logits[key]) })}`,
    say("tour.4", { ...values, weight: number(row.weights[key]), rest: number(1 - row.weights[key]) }),
    say("tour.5", { ...values, weight: number(row.weights[key]) }),
    say("tour.6", { ...values, weight: number(row.weights[key]), share: percent(shares[key]) }),
  ];
}

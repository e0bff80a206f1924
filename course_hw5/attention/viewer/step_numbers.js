// From vectors to one weight, and to what a head writes: the numbers of each step.

const vectorAt = (at, head, token, length) => Float64Array.from({ length }, (_, i) => at(head, token, i));
export const sumOf = (values) => values.reduce((sum, value) => sum + value, 0);
export const productOf = (a, b) => a.map((value, i) => value * b[i]);
export const lengthOf = (values) => Math.sqrt(sumOf(productOf(values, values)));

/** Softmax of a row of logits; -Infinity where a key is hidden. */
export function softmax(logits) {
  const highest = Math.max(...logits);
  const powers = logits.map((logit) => (logit === -Infinity ? 0 : Math.exp(logit - highest)));
  const sum = sumOf(powers);
  return { highest, powers, sum, weights: powers.map((power) => (sum ? power / sum : 0)) };
}

/**
 * Every number between the vectors and one weight, and between that weight and what the head writes for the query.
 * `parts` has `query`, `key`, `value`, `bias` and `mask`, functions (head, row, column) -> number, the last two perhaps null,
 * and `scale`, `dims` and `valueDims`; `keys` is how many there are.
 */
export function stepsOf(parts, { head, query, key }, keys) {
  const { scale, dims, valueDims } = parts;
  const q = vectorAt(parts.query, head, query, dims);
  const each = [...Array(keys).keys()];
  const content = each.map((index) => scale * sumOf(productOf(q, vectorAt(parts.key, head, index, dims))));
  const bias = parts.bias && each.map((index) => parts.bias(head, query, index));
  const hidden = each.map((index) => Boolean(parts.mask?.(head, query, index)));
  const logits = content.map((value, index) => (hidden[index] ? -Infinity : value + (bias?.[index] ?? 0)));
  const row = softmax(logits);
  const k = vectorAt(parts.key, head, key, dims);
  const values = each.map((index) => vectorAt(parts.value, head, index, valueDims));
  const given = values.map((value, index) => value.map((number) => row.weights[index] * number));
  const output = Float64Array.from({ length: valueDims }, (_, i) => given.reduce((sum, part) => sum + part[i], 0));
  const squared = lengthOf(output) ** 2;
  return {
    ...{ q, k, products: productOf(q, k), scale, content, bias, hidden, logits, row },
    ...{ v: values[key], part: given[key], output },
    lengths: values.map(lengthOf),
    shares: given.map((part) => (squared ? sumOf(productOf(part, output)) / squared : 0)), // they add up to 1
  };
}

/** Indices of numbers, the largest first, whatever their signs. */
export const bySize = (values) => [...values.keys()].sort((a, b) => Math.abs(values[b]) - Math.abs(values[a]));

/** The indices of the `most` highest numbers, highest first, and that of `always`, if it is none of them, after these. */
export function highestFew(values, most, always) {
  const order = [...values.keys()].sort((a, b) => values[b] - values[a]).slice(0, most);
  return order.includes(always) ? order : [...order, always];
}

/** Head, query and key of the highest weight among some heads, rows and columns; null where there is none. */
export function strongestWeight(at, heads, { rows, columns, shows }) {
  let found = null;
  let highest = -1;
  for (const head of heads)
    for (const query of rows)
      for (const key of columns)
        if (shows(query, key) && at(head, query, key) > highest) {
          highest = at(head, query, key);
          found = { head, query, key };
        }
  return found;
}

/**
 * The line, [head, query, key, strength], under a point between the columns of tokens; null where none is near.
 * `width` is the distance of the columns and `row` the height of a token, in pixels. Of several, the strongest.
 */
export function lineAt(lines, x, y, { width, row, reach }) {
  let found = null;
  let nearest = reach;
  for (const line of lines) {
    const [start, slope] = [(line[1] + 0.5) * row, ((line[2] - line[1]) * row) / width];
    const distance = Math.abs(start + slope * x - y) / Math.hypot(1, slope);
    if (distance > nearest + 1e-9 || (distance > nearest - 1e-9 && found && line[3] <= found[3])) continue;
    [found, nearest] = [line, Math.min(nearest, distance)];
  }
  return found;
}

// Weights as numbers. A layer's weights are a function `at`: (head, query, key) -> weight.

/** Unpacks a layer: base64 of the deflated low bytes, then high bytes, of its steps. */
export async function unpack(base64, { scale, zero, rows, columns }) {
  const text = atob(base64);
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  const count = planes.length / 2;
  const steps = new Int32Array(count);
  let highest = 0; // of the values without their signs
  for (let i = 0; i < count; i++) {
    steps[i] = (planes[i] | (planes[count + i] << 8)) - zero;
    if (Math.abs(steps[i]) > highest) highest = Math.abs(steps[i]);
  }
  const at = (head, query, key) => steps[(head * rows + query) * columns + key] * scale;
  return Object.assign(at, { highest: highest * scale });
}

export const mean = (at, heads, query, key) =>
  heads.reduce((sum, head) => sum + at(head, query, key), 0) / (heads.length || 1);

/** Whether a filter by sentence, such as "AB", lets a pair pass; `start` is the second sentence's first token. */
export function pairPasses(filter, start, query, key) {
  if (filter === "all") return true;
  const side = (index) => (index < start ? "A" : "B");
  return side(query) + side(key) === filter;
}

/** The mean of some heads: an array, row by row, NaN where a pair is hidden, with its highest value without signs and where that is. */
export function meanMatrix(at, heads, { rows, columns, shows }) {
  const values = new Float64Array(rows * columns).fill(NaN);
  let highest = 0;
  let strongest = -1;
  for (let query = 0; query < rows; query++)
    for (let key = 0; key < columns; key++) {
      if (!shows(query, key)) continue;
      const place = query * columns + key;
      values[place] = mean(at, heads, query, key);
      if (Math.abs(values[place]) > highest) {
        highest = Math.abs(values[place]);
        strongest = place;
      }
    }
  return Object.assign(values, { highest, strongest });
}

/**
 * The lines to draw, [head, query, key, strength in 0..1], the strongest where there are more than `most`.
 * Rows and columns are indices; strength is a share of `highest`.
 */
export function strongestLines(at, heads, { rows, columns, shows, highest, most }) {
  const counts = new Uint32Array(1001); // how many lines there are of each strength, in thousandths
  const visit = (take) => {
    for (const head of heads)
      for (const query of rows)
        for (const key of columns) {
          const strength = at(head, query, key) / highest;
          if (strength >= 0.002 && shows(query, key)) take(head, query, key, strength);
        }
  };
  visit((_head, _query, _key, strength) => counts[Math.floor(1000 * strength)]++);
  let least = 1000;
  for (let kept = counts[1000]; least > 2 && kept + counts[least - 1] <= most; ) kept += counts[--least];
  const found = [];
  visit((...line) => line[3] >= least / 1000 && found.push(line));
  return found;
}

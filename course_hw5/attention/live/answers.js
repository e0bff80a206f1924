// What the model answers, as the viewer takes weights.

/** The weights of a layer: a function (head, query, key) -> weight, with the highest without signs. */
export function weightsAt(data, tokens, heads, layer) {
  const square = tokens * tokens;
  const start = layer * heads * square;
  const at = (head, query, key) => data[start + head * square + query * tokens + key];
  let highest = 0;
  for (let i = start; i < start + heads * square; i++) highest = Math.max(highest, Math.abs(data[i]));
  return Object.assign(at, { highest });
}

/** Attention through the layers up to one, heads averaged, the skip connection counted as half. */
export function rolloutOf(attention, { tokens, heads, layers }) {
  const square = tokens * tokens;
  const made = new Float32Array(layers * square);
  for (let layer = 0; layer < layers; layer++)
    for (let query = 0; query < tokens; query++)
      for (let middle = 0; middle < tokens; middle++) {
        let share = 0;
        for (let head = 0; head < heads; head++)
          share += attention[((layer * heads + head) * tokens + query) * tokens + middle];
        share = (0.5 * share) / heads + (query === middle ? 0.5 : 0);
        const to = layer * square + query * tokens;
        if (!layer) made[to + middle] = share;
        else
          for (let key = 0; key < tokens; key++)
            made[to + key] += share * made[to - square + (middle - query) * tokens + key];
      }
  return made;
}

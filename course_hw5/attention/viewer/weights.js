// Weights, unpacked layer by layer.

const decoded = new Map();

/** The weights of a layer, unpacked when they are first asked for: a function (head, query, key) -> weight. */
function weights(kindIndex, layer) {
  const id = `weights-${kindIndex}-${layer}`;
  if (!decoded.has(id)) decoded.set(id, unpack(id, state.kinds[kindIndex], layer));
  return decoded.get(id);
}

async function unpack(id, { scales, zeros }, layer) {
  const text = atob($(id).textContent), packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  const count = planes.length / 2, steps = new Int32Array(count), zero = zeros[layer];
  let highest = 0; // of the values without their signs
  for (let i = 0; i < count; i++) {
    steps[i] = (planes[i] | (planes[count + i] << 8)) - zero;
    if (Math.abs(steps[i]) > highest) highest = Math.abs(steps[i]);
  }
  const scale = scales[layer], rows = queries.length, columns = keys.length;
  const at = (head, query, key) => steps[(head * rows + query) * columns + key] * scale;
  return Object.assign(at, { highest: highest * scale });
}

/** The weights of what is seen, or null if something else is seen by the time they are decoded. */
async function seenWeights() {
  const { view, kind: shownKind, layer } = seen;
  const at = await weights(shownKind, layer);
  return seen.view === view && seen.kind === shownKind && seen.layer === layer ? at : null;
}

function passes(query, key) {
  if (seen.filter === "all") return true;
  const side = (index) => (index < state.sentenceB ? "A" : "B");
  return side(query) + side(key) === seen.filter;
}

const mean = (at, heads, query, key) => heads.reduce((sum, head) => sum + at(head, query, key), 0) / (heads.length || 1);

/** The chosen token's weights for the tokens of the other column, by their index; null where the filter hides one. */
function chosenWeights(at) {
  const { side, index } = seen.token, heads = activeHeads();
  return (side === "query" ? keys : queries).map((_, other) => {
    const pair = side === "query" ? [index, other] : [other, index];
    return passes(...pair) && heads.length ? mean(at, heads, ...pair) : null;
  });
}

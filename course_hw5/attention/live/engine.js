// A BERT or a BEiT, run on the weights of the page. Its numbers are those of Keras to float rounding.

import { fastKernels, plainKernels } from "./kernels.js";

const aligned = (bytes) => Math.ceil(bytes / 16) * 16;

/** Sizes in floats of what a run writes; the first names are places of the tokens' vectors. */
function arena({ tokens, layers, heads, hidden, mlp, positionBias, patch, classes }) {
  const square = tokens * tokens;
  return {
    x: tokens * hidden,
    normed: tokens * hidden,
    qkv: 3 * tokens * hidden,
    mixed: tokens * hidden,
    branch: tokens * hidden,
    inner: tokens * Math.max(mlp, patch ?? 0),
    panel: 8 * Math.max(mlp, 3 * hidden, patch ?? 0),
    pooled: hidden,
    vector: Math.max(hidden, classes),
    logits: layers * heads * square,
    weights: layers * heads * square,
    bias: positionBias ? layers * heads * square : 0,
  };
}

/**
 * Reads a model. `config` is what Python writes of it, `weights` its bytes, `code` those of kernel.wasm or null.
 * Its `run` gives {logits, attention, content, tokens}: logits of the answer, and of each layer, head, query and key
 * the weights and what they are the softmax of, the position bias (`positions`, the same for all inputs) left out.
 */
export async function readModel(config, weights, code) {
  const sizes = arena(config);
  const bytes = Object.values(sizes).reduce((sum, floats) => sum + aligned(4 * floats), aligned(weights.length));
  const kernels = code ? await fastKernels(code, bytes) : plainKernels(bytes);
  const { buffer, start } = kernels;
  const floats = new Float32Array(buffer);
  new Uint8Array(buffer).set(weights, start);
  const at = {};
  let end = start + aligned(weights.length);
  for (const [name, count] of Object.entries(sizes)) {
    at[name] = end;
    end += aligned(4 * count);
  }
  const { layers, heads, hidden, epsilon } = config;
  const size = hidden / heads;
  const place = (name) => (config.tensors[name] ? start + config.tensors[name].offset : 0);
  const view = (address, count) => floats.subarray(address >> 2, (address >> 2) + count);

  function linear(from, name, to, tokens) {
    const { type, scale, shape } = config.tensors[name];
    const factors = scale === undefined ? 0 : start + scale;
    const [rows, width] = shape;
    const bias = place(`${name}_bias`);
    kernels.linear(from, place(name), type === "int8" ? 1 : 0, factors, bias, to, tokens, rows, width, at.panel);
  }

  const norm = (from, name, to, tokens) =>
    kernels.layerNorm(from, place(`${name}_gamma`), place(`${name}_beta`), to, tokens, hidden, epsilon);

  function add(tokens) {
    const [x, branch] = [view(at.x, tokens * hidden), view(at.branch, tokens * hidden)];
    for (let i = 0; i < x.length; i++) x[i] += branch[i];
  }

  /** Adds a row of a table of vectors to a token's vector. */
  function addRow(name, row, token) {
    const { type, scale, offset } = config.tensors[name];
    const values = type === "int8" ? new Int8Array(buffer, start + offset) : view(place(name), Infinity);
    const factor = type === "int8" ? floats[((start + scale) >> 2) + row] : 1;
    const x = view(at.x + 4 * token * hidden, hidden);
    for (let i = 0; i < hidden; i++) x[i] += values[row * hidden + i] * factor;
  }

  /** The attention of a layer: from its input to what it adds to each token. `off` holds layer * heads + head. */
  function attend(layer, from, tokens, off) {
    linear(from, `${layer}.qkv`, at.qkv, tokens);
    const square = 4 * tokens * tokens;
    for (let head = 0; head < heads; head++) {
      const index = layer * heads + head;
      const part = 4 * head * size;
      const bias = config.positionBias ? at.bias + index * square : 0;
      const [logits, shares] = [at.logits + index * square, at.weights + index * square];
      const isOff = off.has(index);
      kernels.attention(
        at.qkv + part,
        bias,
        logits,
        shares,
        isOff ? 0 : at.mixed + part,
        tokens,
        size,
        hidden,
        size ** -0.5,
      );
      if (isOff) for (let token = 0; token < tokens; token++) view(at.mixed + 4 * token * hidden + part, size).fill(0);
    }
    linear(at.mixed, `${layer}.out`, at.branch, tokens);
  }

  function feedForward(layer, from, tokens) {
    linear(from, `${layer}.dense_1`, at.inner, tokens);
    kernels.gelu(at.inner, Math.ceil((tokens * config.mlp) / 4) * 4);
    linear(at.inner, `${layer}.dense_2`, at.branch, tokens);
  }

  // ---------------------------------------------------------------- BERT

  const bert = {
    embed(ids) {
      view(at.x, ids.length * hidden).fill(0);
      ids.forEach((id, token) => {
        addRow("token", id, token);
        addRow("position", token, token);
        addRow("segment", 0, token);
      });
      norm(at.x, "embeddings", at.x, ids.length);
      return ids.length;
    },
    block(layer, tokens, off) {
      attend(layer, at.x, tokens, off);
      add(tokens);
      norm(at.x, `${layer}.norm_1`, at.x, tokens);
      feedForward(layer, at.x, tokens);
      add(tokens);
      norm(at.x, `${layer}.norm_2`, at.x, tokens);
    },
    pool() {
      linear(at.x, "pooler", at.pooled, 1);
      const pooled = view(at.pooled, hidden);
      pooled.forEach((value, i) => {
        pooled[i] = Math.tanh(value);
      });
    },
  };

  // ---------------------------------------------------------------- BEiT

  const beit = {
    /** `pixels`: height * width * channels numbers in [0, 255]. */
    embed(pixels) {
      const { side, channels, grid, mean, std } = config;
      const [rows, columns] = grid;
      const inputs = view(at.inner, rows * columns * config.patch);
      let to = 0;
      for (let patch = 0; patch < rows * columns; patch++) {
        const [top, left] = [Math.floor(patch / columns) * side, (patch % columns) * side];
        for (let y = top; y < top + side; y++)
          for (let i = left * channels; i < (left + side) * channels; i++) {
            const channel = i % channels;
            inputs[to++] = (pixels[y * columns * side * channels + i] / 255 - mean[channel]) / std[channel];
          }
      }
      linear(at.inner, "patch", at.x + 4 * hidden, rows * columns);
      view(at.x, hidden).fill(0);
      addRow("cls", 0, 0);
      const tokens = rows * columns + 1;
      if (config.tensors.positions) for (let token = 0; token < tokens; token++) addRow("positions", token, token);
      return tokens;
    },
    block(layer, tokens, off) {
      norm(at.x, `${layer}.norm_1`, at.normed, tokens);
      attend(layer, at.normed, tokens, off);
      add(tokens);
      norm(at.x, `${layer}.norm_2`, at.normed, tokens);
      feedForward(layer, at.normed, tokens);
      add(tokens);
    },
    pool(tokens) {
      const pooled = view(at.vector, hidden);
      const first = config.pooling === "mean" ? 1 : 0;
      const last = config.pooling === "mean" ? tokens : 1;
      pooled.fill(0);
      for (let token = first; token < last; token++) {
        const x = view(at.x + 4 * token * hidden, hidden);
        for (let i = 0; i < hidden; i++) pooled[i] += x[i] / (last - first);
      }
      norm(at.vector, "pooled", at.pooled, 1);
    },
  };

  /** A learnt number for each offset between two patches becomes one for each pair of tokens. */
  function fillPositionBias() {
    const [rows, columns] = config.grid;
    const offsets = (2 * rows - 1) * (2 * columns - 1);
    const { tokens } = config;
    const bias = view(at.bias, layers * heads * tokens * tokens).fill(0);
    const rowOf = (query, key) => {
      if (!query || !key) return offsets + (query ? 1 : key ? 0 : 2);
      const [down, across] = [query - 1, key - 1].map((token) => [Math.floor(token / columns), token % columns]);
      return (down[0] - across[0] + rows - 1) * (2 * columns - 1) + down[1] - across[1] + columns - 1;
    };
    for (let layer = 0; layer < layers; layer++)
      for (const name of ["shared_table", `${layer}.table`]) {
        if (!config.tensors[name]) continue;
        const table = view(place(name), (offsets + 3) * heads);
        for (let query = 0; query < tokens; query++)
          for (let key = 0; key < tokens; key++)
            for (let head = 0, row = rowOf(query, key); head < heads; head++)
              bias[((layer * heads + head) * tokens + query) * tokens + key] += table[row * heads + head];
      }
  }

  if (config.positionBias) fillPositionBias();
  const parts = { bert, beit }[config.kind];

  /** Runs on token ids or pixels. `pause` is awaited before each layer: where it gives true, the run ends with null. */
  async function run(input, off = new Set(), pause = null) {
    const tokens = parts.embed(input);
    for (let layer = 0; layer < layers; layer++) {
      if (pause && (await pause())) return null;
      parts.block(layer, tokens, off);
    }
    parts.pool(tokens);
    linear(at.pooled, "classifier", at.vector, 1);
    const count = layers * heads * tokens * tokens;
    const logits = [...view(at.vector, config.classes)];
    return { tokens, logits, attention: view(at.weights, count), content: view(at.logits, count) };
  }

  const positions = config.positionBias ? view(at.bias, sizes.bias) : null;
  return { config, run, positions, kernels: kernels.name };
}

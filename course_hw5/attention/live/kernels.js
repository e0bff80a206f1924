// The arithmetic of a model: kernel.wasm, or the same in JavaScript where a browser refuses WebAssembly.
//
// All functions take places in one buffer, in bytes; 0 stands for none.

const START = 1 << 17; // below it WebAssembly keeps its stack

/** Kernels over a buffer that holds `bytes` from `start` on, by the code of kernel.wasm. */
export async function fastKernels(code, bytes) {
  const { instance } = await WebAssembly.instantiate(code);
  const { memory, linear, gelu, attention, layer_norm } = instance.exports;
  memory.grow(Math.ceil((START + bytes - memory.buffer.byteLength) / 65536) + 1);
  const { buffer } = memory;
  return { name: "wasm", buffer, start: START, linear, gelu, attention, layerNorm: layer_norm };
}

/** The same in JavaScript: about a tenth as fast. */
export function plainKernels(bytes) {
  const buffer = new ArrayBuffer(Math.ceil((START + bytes) / 8) * 8);
  const floats = new Float32Array(buffer);
  const ints = new Int8Array(buffer);

  function linear(x, matrix, isInt8, scale, bias, y, tokens, rows, width) {
    const weights = isInt8 ? ints.subarray(matrix, matrix + rows * width) : floats.subarray(matrix >> 2);
    for (let token = 0; token < tokens; token++) {
      const sums = new Float32Array(width);
      for (let row = 0; row < rows; row++) {
        const value = floats[(x >> 2) + token * rows + row];
        const from = row * width;
        for (let column = 0; column < width; column++) sums[column] += value * weights[from + column];
      }
      const to = (y >> 2) + token * width;
      for (let column = 0; column < width; column++)
        floats[to + column] =
          sums[column] * (scale ? floats[(scale >> 2) + column] : 1) + (bias ? floats[(bias >> 2) + column] : 0);
    }
  }

  /** Formula 7.1.26 of Abramowitz and Stegun, exact to 2e-7. */
  function gelu(x, count) {
    for (let i = x >> 2; i < (x >> 2) + count; i++) {
      const value = floats[i];
      const z = Math.abs(value) * Math.SQRT1_2;
      const t = 1 / (1 + 0.3275911 * z);
      const sum = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
      const tail = 0.5 * sum * Math.exp(-z * z);
      floats[i] = value * (value < 0 ? tail : 1 - tail);
    }
  }

  function attention(qkv, bias, logits, weights, mixed, tokens, size, hidden, factor) {
    const at = (token, part) => (qkv >> 2) + (3 * token + part) * hidden;
    for (let query = 0; query < tokens; query++) {
      const row = query * tokens;
      const out = (weights >> 2) + row;
      let highest = -Infinity;
      for (let key = 0; key < tokens; key++) {
        let logit = 0;
        for (let i = 0; i < size; i++) logit += floats[at(query, 0) + i] * floats[at(key, 1) + i];
        logit *= factor;
        floats[(logits >> 2) + row + key] = logit;
        if (bias) logit += floats[(bias >> 2) + row + key];
        floats[out + key] = logit;
        highest = Math.max(highest, logit);
      }
      let sum = 0;
      for (let key = 0; key < tokens; key++) {
        floats[out + key] = Math.exp(floats[out + key] - highest);
        sum += floats[out + key];
      }
      for (let key = 0; key < tokens; key++) floats[out + key] /= sum;
      if (!mixed) continue;
      const to = (mixed >> 2) + query * hidden;
      floats.fill(0, to, to + size);
      for (let key = 0; key < tokens; key++)
        for (let i = 0; i < size; i++) floats[to + i] += floats[out + key] * floats[at(key, 2) + i];
    }
  }

  function layerNorm(x, gamma, beta, y, rows, width, epsilon) {
    for (let row = 0; row < rows; row++) {
      const [from, to] = [(x >> 2) + row * width, (y >> 2) + row * width];
      let mean = 0;
      let variance = 0;
      for (let i = 0; i < width; i++) mean += floats[from + i] / width;
      for (let i = 0; i < width; i++) variance += (floats[from + i] - mean) ** 2 / width;
      const factor = 1 / Math.sqrt(variance + epsilon);
      for (let i = 0; i < width; i++)
        floats[to + i] = (floats[from + i] - mean) * factor * floats[(gamma >> 2) + i] + floats[(beta >> 2) + i];
    }
  }

  return { name: "plain", buffer, start: START, linear, gelu, attention, layerNorm };
}

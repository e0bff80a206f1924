// The arithmetic of the live page's models, for WebAssembly with 128-bit SIMD. kernels.js has the same in JavaScript.
//
// Build:  clang --target=wasm32 -msimd128 -O3 -ffast-math -fno-builtin -nostdlib -Wl,--no-entry -Wl,--strip-all -o kernel.wasm kernel.c

#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(#name)))
#define COLUMNS 8  // of a panel
#define ROWS 4     // tokens that a panel is multiplied with at once

/* Columns from `first` of a matrix of rows of `width` numbers as floats, side by side. */
static void read_panel(const void *matrix, int is_int8, int rows, int width, int first, float *panel) {
  for (int k = 0; k < rows; k++, panel += COLUMNS) {
    if (is_int8) {
      v128_t bytes = wasm_v128_load64_zero((const signed char *)matrix + k * width + first);
      v128_t words = wasm_i16x8_extend_low_i8x16(bytes);
      wasm_v128_store(panel, wasm_f32x4_convert_i32x4(wasm_i32x4_extend_low_i16x8(words)));
      wasm_v128_store(panel + 4, wasm_f32x4_convert_i32x4(wasm_i32x4_extend_high_i16x8(words)));
    } else {
      const float *floats = (const float *)matrix + k * width + first;
      wasm_v128_store(panel, wasm_v128_load(floats));
      wasm_v128_store(panel + 4, wasm_v128_load(floats + 4));
    }
  }
}

static inline v128_t finished(v128_t sum, const float *scale, const float *bias) {
  if (scale) sum = wasm_f32x4_mul(sum, wasm_v128_load(scale));
  return bias ? wasm_f32x4_add(sum, wasm_v128_load(bias)) : sum;
}

/* y (tokens, width) = x (tokens, rows) times a matrix (rows, width), times a scale and plus a bias for each column.
   `panel` has room for 8 * rows floats. */
EXPORT(linear)
void linear(const float *x, const void *matrix, int is_int8, const float *scale, const float *bias, float *y, int tokens,
            int rows, int width, float *panel) {
  int first = 0;
  for (; first + COLUMNS <= width; first += COLUMNS) {
    read_panel(matrix, is_int8, rows, width, first, panel);
    const float *scales = scale ? scale + first : 0, *biases = bias ? bias + first : 0;
    for (int token = 0; token < tokens; token += ROWS) {
      const float *in[ROWS];
      v128_t low[ROWS], high[ROWS];
      for (int i = 0; i < ROWS; i++) {
        in[i] = x + (token + i < tokens ? token + i : tokens - 1) * rows;  // the last token again, where there is none
        low[i] = high[i] = wasm_f32x4_splat(0);
      }
      const float *w = panel;
      for (int k = 0; k < rows; k++, w += COLUMNS) {
        v128_t left = wasm_v128_load(w), right = wasm_v128_load(w + 4);
        for (int i = 0; i < ROWS; i++) {
          v128_t value = wasm_v128_load32_splat(in[i] + k);
          low[i] = wasm_f32x4_add(low[i], wasm_f32x4_mul(value, left));
          high[i] = wasm_f32x4_add(high[i], wasm_f32x4_mul(value, right));
        }
      }
      for (int i = 0; i < ROWS && token + i < tokens; i++) {
        float *out = y + (token + i) * width + first;
        wasm_v128_store(out, finished(low[i], scales, biases));
        wasm_v128_store(out + 4, finished(high[i], scales ? scales + 4 : 0, biases ? biases + 4 : 0));
      }
    }
  }
  for (; first < width; first++)
    for (int token = 0; token < tokens; token++) {
      float sum = 0;
      for (int k = 0; k < rows; k++) {
        int place = k * width + first;
        sum += x[token * rows + k] * (is_int8 ? (float)((const signed char *)matrix)[place] : ((const float *)matrix)[place]);
      }
      y[token * width + first] = sum * (scale ? scale[first] : 1) + (bias ? bias[first] : 0);
    }
}

/* e to the power of four numbers: 2^n times a polynomial of the rest, which lies in [-0.35, 0.35]. */
static inline v128_t exponential(v128_t x) {
  x = wasm_f32x4_max(x, wasm_f32x4_splat(-87));
  v128_t n = wasm_f32x4_nearest(wasm_f32x4_mul(x, wasm_f32x4_splat(1.44269504f)));
  v128_t rest = wasm_f32x4_sub(x, wasm_f32x4_mul(n, wasm_f32x4_splat(0.693359375f)));  // ln 2 in two parts
  rest = wasm_f32x4_add(rest, wasm_f32x4_mul(n, wasm_f32x4_splat(2.12194440e-4f)));
  v128_t sum = wasm_f32x4_splat(1 / 5040.0f);
  const float terms[] = {1 / 720.0f, 1 / 120.0f, 1 / 24.0f, 1 / 6.0f, 0.5f, 1, 1};
  for (int i = 0; i < 7; i++) sum = wasm_f32x4_add(wasm_f32x4_mul(sum, rest), wasm_f32x4_splat(terms[i]));
  v128_t power = wasm_i32x4_shl(wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(n), wasm_i32x4_splat(127)), 23);
  return wasm_f32x4_mul(sum, power);
}

/* x (count numbers, a multiple of 4) becomes x * Phi(x); erf by formula 7.1.26 of Abramowitz and Stegun, exact to 2e-7. */
EXPORT(gelu)
void gelu(float *x, int count) {
  const float terms[] = {1.061405429f, -1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f};
  v128_t one = wasm_f32x4_splat(1), half = wasm_f32x4_splat(0.5f);
  for (int i = 0; i < count; i += 4) {
    v128_t value = wasm_v128_load(x + i);
    v128_t z = wasm_f32x4_mul(wasm_f32x4_abs(value), wasm_f32x4_splat(0.70710678f));
    v128_t t = wasm_f32x4_div(one, wasm_f32x4_add(one, wasm_f32x4_mul(z, wasm_f32x4_splat(0.3275911f))));
    v128_t sum = wasm_f32x4_splat(0);
    for (int j = 0; j < 5; j++) sum = wasm_f32x4_mul(wasm_f32x4_add(sum, wasm_f32x4_splat(terms[j])), t);
    v128_t tail = wasm_f32x4_mul(wasm_f32x4_mul(sum, exponential(wasm_f32x4_neg(wasm_f32x4_mul(z, z)))), half);  // Phi(-|x|)
    v128_t phi = wasm_v128_bitselect(tail, wasm_f32x4_sub(one, tail), wasm_f32x4_lt(value, wasm_f32x4_splat(0)));
    wasm_v128_store(x + i, wasm_f32x4_mul(value, phi));
  }
}

static inline float total(v128_t sum) {
  return wasm_f32x4_extract_lane(sum, 0) + wasm_f32x4_extract_lane(sum, 1) + wasm_f32x4_extract_lane(sum, 2) +
         wasm_f32x4_extract_lane(sum, 3);
}

/* One head. `qkv` points to its query of the first token; key and value are `hidden` and 2 * `hidden` numbers further, the next
   token 3 * `hidden`. Writes logits before the bias and weights, (tokens, tokens) each, and, unless `mixed` is 0, what the head
   gives each token: `size` numbers, `hidden` further for the next. `bias` is (tokens, tokens), or 0. */
EXPORT(attention)
void attention(const float *qkv, const float *bias, float *logits, float *weights, float *mixed, int tokens, int size, int hidden,
               float factor) {
  int step = 3 * hidden, whole = size & ~3;
  for (int query = 0; query < tokens; query++, logits += tokens, weights += tokens) {
    const float *q = qkv + query * step;
    float highest = -1e30f, sum = 0;
    for (int key = 0; key < tokens; key++) {
      const float *k = qkv + key * step + hidden;
      v128_t products = wasm_f32x4_splat(0);
      for (int i = 0; i < whole; i += 4)
        products = wasm_f32x4_add(products, wasm_f32x4_mul(wasm_v128_load(q + i), wasm_v128_load(k + i)));
      float logit = total(products);
      for (int i = whole; i < size; i++) logit += q[i] * k[i];
      logits[key] = logit *= factor;
      weights[key] = logit += bias ? bias[query * tokens + key] : 0;
      if (logit > highest) highest = logit;
    }
    for (int key = 0; key < tokens; key += 4) {
      float four[4];
      for (int i = 0; i < 4; i++) four[i] = key + i < tokens ? weights[key + i] - highest : -87;
      wasm_v128_store(four, exponential(wasm_v128_load(four)));
      for (int i = 0; i < 4 && key + i < tokens; i++) sum += weights[key + i] = four[i];
    }
    for (int key = 0; key < tokens; key++) weights[key] /= sum;
    if (!mixed) continue;
    float *out = mixed + query * hidden;
    for (int i = 0; i < size; i++) out[i] = 0;
    for (int key = 0; key < tokens; key++) {
      const float *v = qkv + key * step + 2 * hidden;
      v128_t share = wasm_f32x4_splat(weights[key]);
      for (int i = 0; i < whole; i += 4)
        wasm_v128_store(out + i, wasm_f32x4_add(wasm_v128_load(out + i), wasm_f32x4_mul(share, wasm_v128_load(v + i))));
      for (int i = whole; i < size; i++) out[i] += weights[key] * v[i];
    }
  }
}

/* Each row of x (rows, width), normalised, times gamma plus beta, in y, which may be x. */
EXPORT(layer_norm)
void layer_norm(const float *x, const float *gamma, const float *beta, float *y, int rows, int width, float epsilon) {
  for (int row = 0; row < rows; row++, x += width, y += width) {
    double sum = 0, squares = 0;
    for (int i = 0; i < width; i++) sum += x[i];
    double mean = sum / width;
    for (int i = 0; i < width; i++) squares += (x[i] - mean) * (x[i] - mean);
    float factor = (float)(1 / __builtin_sqrt(squares / width + epsilon));
    for (int i = 0; i < width; i++) y[i] = (float)(x[i] - mean) * factor * gamma[i] + beta[i];
  }
}

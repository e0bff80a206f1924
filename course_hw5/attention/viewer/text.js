// Numbers and tokens as text.

import { localized, say } from "./language.js";

/** Four decimals, or three digits of what would be lost in them. */
export function number(value) {
  const size = Math.abs(value);
  return localized(
    size >= 0.1 || !value ? value.toFixed(4) : size < 1e-4 ? value.toExponential(1) : value.toPrecision(3),
  );
}

/** A change, with its sign where it is not 0 in so many decimals. */
export function signed(value, digits) {
  const text = value.toFixed(digits);
  return localized(Number(text) === 0 ? text.replace("-", "") : value > 0 ? `+${text}` : text);
}

/** Characters that cannot be seen, or that turn the direction of the text, by their number. */
export function visible(token) {
  const named = (c) => `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
  return token.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029\uFFFE\uFFFF]/gu, named);
}

/** As much of a text as fits into a width, given what measures it; none of its characters is narrower than a pixel. */
export function shortened(text, width, measure) {
  if (text.length <= width && measure(text) <= width) return text;
  const characters = [...text.slice(0, width)];
  const first = (count) => `${characters.slice(0, count).join("")}…`;
  let kept = 0;
  for (let step = characters.length; step >= 1; step = Math.floor(step / 2))
    while (kept + step <= characters.length && measure(first(kept + step)) <= width) kept += step;
  return first(kept);
}

const SUPERSCRIPT = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

/** The power of ten that numbers are told in, for the weights of which the highest is given. */
export const powerOf = (highest) => (highest && highest < 0.1 ? Math.floor(Math.log10(highest)) + 1 : 0);

export const unit = (power) =>
  power ? say("numbers_in", { power: [...String(power)].map((digit) => SUPERSCRIPT[digit]).join("") }) : "";

/** A number of a cell in a matrix: two decimals of what is left of it, without a leading 0. */
export const inCell = (value, power) => localized((value / 10 ** power).toFixed(2).replace(/^(-?)0\./, "$1."));

/** The numbers at the ends and in the middle of a scale. */
export function ticks({ low, high, exceeded }) {
  const digits = Math.max(0, Math.min(20, 2 - Math.floor(Math.log10(low ? (high - low) / 2 : high))));
  const texts = [low, (low + high) / 2, high].map((value) => localized(value ? value.toFixed(digits) : "0"));
  return [texts[0], texts[1], exceeded ? say("at_least", { value: texts[2] }) : texts[2]];
}

/** A field of a CSV file. */
export const quoted = (text) => `"${text.replaceAll('"', '""')}"`;

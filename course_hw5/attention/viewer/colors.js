// Colours, as [red, green, blue] or [red, green, blue, opacity].

export const rgba = (color) => `rgba(${color.join(", ")})`;
export const channels = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)); // of #rrggbb

/** Black or white, whichever is the easier to read on a colour (WCAG 2's luminance). */
export function readableOn(color) {
  const [red, green, blue] = color.map((value) => (value / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 ? "#000" : "#fff";
}

/** A head's colour, #rrggbb, and what is read on it. */
export const headStyle = (color) => ({ "--head": color, "--on-head": readableOn(channels(color)) });

/** The opacity of a cell in a matrix; of NaN, too, 0. */
export const cellOpacity = (value, highest) => (highest && value ? Math.abs(value / highest) ** 0.6 : 0);

// Dark to light over the dimmed image, as matplotlib's inferno; where there is a sign, blue and orange as light.
const HEAT = [
  [72, 12, 108],
  [140, 33, 107],
  [197, 62, 78],
  [238, 105, 37],
  [250, 166, 24],
  [252, 255, 164],
];
const MORE = [
  [92, 40, 10],
  [158, 74, 18],
  [222, 118, 38],
  [250, 172, 92],
  [255, 236, 205],
];
const LESS = [
  [8, 48, 92],
  [18, 84, 150],
  [46, 130, 206],
  [116, 184, 240],
  [215, 240, 255],
];

/** The colour of a share of the limit, in [-1, 1]: that of 0 is transparent. */
export function heatColor(share, isSigned) {
  const ramp = !isSigned ? HEAT : share < 0 ? LESS : MORE;
  const strength = Math.min(1, Math.abs(share));
  const step = strength * (ramp.length - 1);
  const low = Math.min(Math.floor(step), ramp.length - 2);
  const mixed = ramp[low].map((value, i) => Math.round(value + (step - low) * (ramp[low + 1][i] - value)));
  return [...mixed, 0.86 * Math.min(1, 1.7 * strength)];
}

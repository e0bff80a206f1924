// Sizes and places in pixels.

/** Of a cell in a matrix of so many rows or columns. */
export const cellSize = (count) => Math.max(2, Math.min(44, Math.floor(620 / count)));

/** Of a small matrix, [width, height]: its longer side is `longest`. */
export function thumbnailSize(rows, columns, longest) {
  const side = (count) => Math.max(12, Math.round((longest * count) / Math.max(rows, columns)));
  return [side(columns), side(rows)];
}

/** Left, top, width and height of a patch of a grid in an image of some size, on whole pixels. */
export function patchBox([row, column], [rows, columns], width, height) {
  const [x, y] = [Math.round((column * width) / columns), Math.round((row * height) / rows)];
  return [x, y, Math.round(((column + 1) * width) / columns) - x, Math.round(((row + 1) * height) / rows) - y];
}

/** The row and column under a point of an image of some size; points beyond its border are those at it. */
export function patchUnder(x, y, [rows, columns], width, height) {
  const inside = (value, count) => Math.max(0, Math.min(count - 1, Math.floor(value)));
  return [inside((y / height) * rows, rows), inside((x / width) * columns, columns)];
}

// Images to the size that a model reads, as `course-hw5 classify` does: the middle in its proportion, Pillow's bicubic.

const cubic = (x) => {
  const t = Math.abs(x);
  return t < 1 ? (1.5 * t - 2.5) * t * t + 1 : t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
};

/** For each of `size` new pixels along [start, end): the first old one it reads, and the weights of it and the next ones. */
function filters(count, start, end, size) {
  const scale = (end - start) / size;
  const wide = Math.max(scale, 1);
  return Array.from({ length: size }, (_, place) => {
    const middle = start + (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(middle - 2 * wide + 0.5));
    const last = Math.min(count, Math.trunc(middle + 2 * wide + 0.5));
    const weights = Array.from({ length: last - first }, (_, i) => cubic((first + i - middle + 0.5) / wide));
    const sum = weights.reduce((a, b) => a + b, 0);
    return [first, weights.map((weight) => weight / sum)];
  });
}

/** One pass along the rows; `pixels` has `channels` numbers a pixel. The result has the axes exchanged. */
function pass(pixels, width, height, channels, found) {
  const made = new Uint8ClampedArray(found.length * height * channels);
  for (let y = 0; y < height; y++)
    found.forEach(([first, weights], x) => {
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        for (let i = 0; i < weights.length; i++)
          sum += weights[i] * pixels[(y * width + first + i) * channels + channel];
        made[(x * height + y) * channels + channel] = Math.floor(sum + 0.5); // Pillow rounds halves up
      }
    });
  return made;
}

/** The middle of an image of 3 numbers a pixel, of the proportion of the new size, in that size. */
export function fitImage(pixels, [width, height], [newWidth, newHeight]) {
  const proportion = newWidth / newHeight;
  const across = Math.min(width, height * proportion);
  const down = Math.min(height, width / proportion);
  const columns = filters(width, (width - across) / 2, (width + across) / 2, newWidth);
  const rows = filters(height, (height - down) / 2, (height + down) / 2, newHeight);
  return pass(pass(pixels, width, height, 3, columns), height, newWidth, 3, rows);
}

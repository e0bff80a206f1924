// Parts of an SVG image, as text.

export const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
export const text = (x, y, value, more = "") => `<text x="${x}" y="${y}" ${more}>${escaped(value)}</text>`;

export function filled([red, green, blue, alpha], opacity, x, y, width, height, title = "") {
  const fill = `fill="rgb(${red}, ${green}, ${blue})" fill-opacity="${(alpha * opacity).toFixed(3)}"`;
  const told = title && `<title>${escaped(title)}</title>`;
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" ${fill}>${told}</rect>`;
}

export function drawnCanvas(canvas, x, y, width, height) {
  const look = `preserveAspectRatio="none" image-rendering="pixelated"`;
  return `<image x="${x}" y="${y}" width="${width}" height="${height}" ${look} href="${canvas.toDataURL()}"/>`;
}

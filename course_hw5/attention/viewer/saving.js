// Saves what is seen: as SVG and PNG, and its weights as CSV.

const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const text = (x, y, value, more = "") => `<text x="${x}" y="${y}" ${more}>${escape(value)}</text>`;

function filled([red, green, blue, alpha], opacity, x, y, width, height, title = "") {
  const fill = `fill="rgb(${red}, ${green}, ${blue})" fill-opacity="${(alpha * opacity).toFixed(3)}"`;
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" ${fill}>${title && `<title>${escape(title)}</title>`}</rect>`;
}

function drawnCanvas(canvas, x, y, width, height) {
  return `<image x="${x}" y="${y}" width="${width}" height="${height}" preserveAspectRatio="none" image-rendering="pixelated" href="${canvas.toDataURL()}"/>`;
}

async function svg() {
  const drawn = await VIEWS[seen.view].draw(await weights(seen.kind, seen.layer)), { height, parts } = drawn;
  const all = `all layers${hasHeads() ? " and heads" : ", heads averaged"}`;
  const caption = `${kind().name} · ${seen.view === "Model" ? all : headsText(activeHeads())}`;
  const width = Math.max(drawn.width, Math.ceil(1.15 * widthOf(caption)) + 24); // it is bold
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13" fill="${style("--ink")}"><rect width="100%" height="100%" fill="${style("--paper")}"/>${text(12, 22, caption, 'font-weight="600"')}${parts.join("")}</svg>`;
}

async function png() {
  const source = await svg(), image = new Image();
  image.src = URL.createObjectURL(new Blob([source], { type: "image/svg+xml" }));
  await image.decode();
  const ratio = Math.min(2, 8000 / image.height), canvas = make("canvas", { width: image.width * ratio, height: image.height * ratio });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** One row per head and query of the layer shown, or of all, one column per key; of a picture, one row per patch. */
async function csv() {
  if (seen.view === "Picture") return pictures.csv(await weights(seen.kind, seen.layer));
  const isModel = seen.view === "Model", heads = isModel ? allHeads() : activeHeads();
  const quote = (text) => `"${text.replaceAll('"', '""')}"`;
  const rows = [["layer", "head", "query", ...state.keys.map(quote)].join(",")];
  for (const layer of isModel ? state.layers.keys() : [seen.layer]) {
    const at = await weights(seen.kind, layer);
    const cell = (head, query, key) => (passes(query, key) ? +at(head, query, key).toPrecision(5) : "");
    for (const head of heads)
      state.queries.forEach((token, query) => rows.push(
        [state.layers[layer], head, quote(token), ...state.keys.map((_, key) => cell(head, query, key))].join(",")));
  }
  return rows.join("\n") + "\n";
}

const SAVE = { SVG: [svg, "image/svg+xml"], PNG: [png, "image/png"], CSV: [csv, "text/csv"] };

async function save(format) {
  const [content, type] = SAVE[format], buttons = [...$("save").children];
  for (const button of buttons) button.disabled = true; // a large page takes its time
  const made = await content().finally(() => { for (const button of buttons) button.disabled = false; });
  const url = URL.createObjectURL(new Blob([made], { type }));
  make("a", { href: url, download: `${kind().name.toLowerCase().replaceAll(/\W+/g, "-")}-${seen.view === "Model" ? "all-layers" : `layer${state.layers[seen.layer]}`}.${format.toLowerCase()}` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// The view of all queries and keys as a matrix, for the mean of the heads switched on.

/** The mean of some heads: an array, row by row, NaN where the filter hides one, with its highest value without signs. */
function matrixOf(at, heads) {
  const columns = keys.length, values = new Float64Array(queries.length * columns).fill(NaN);
  let highest = 0;
  for (const query of queries.keys())
    for (const key of keys.keys()) {
      if (!passes(query, key)) continue;
      const value = (values[query * columns + key] = mean(at, heads, query, key));
      highest = Math.max(highest, Math.abs(value));
    }
  return Object.assign(values, { highest });
}

const cellInks = () => ["--less", "--more"].map((name) => style(name).split(",").map(Number));
const cellOpacity = (value, highest) => (highest && value ? Math.abs(value / highest) ** 0.6 : 0); // of NaN, too, 0

/** A function from a value to its colour, [red, green, blue, opacity], the strongest at `highest`. */
function cellColors(highest) {
  const [less, more] = cellInks();
  return (value) => [...(value < 0 ? less : more), cellOpacity(value, highest)];
}

const matrixScale = ({ highest }) => ({ low: kind().signed ? -highest : 0, high: highest || 1, color: cellColors(highest) });

/** A canvas with a pixel for each query and key. */
function heat(values, highest = values.highest) {
  const rows = queries.length, columns = keys.length, [less, more] = cellInks();
  const canvas = make("canvas", { width: columns, height: rows });
  const context = canvas.getContext("2d"), image = context.createImageData(columns, rows), { data } = image;
  values.forEach((value, i) => {
    const ink = value < 0 ? less : more;
    for (let channel = 0; channel < 3; channel++) data[4 * i + channel] = ink[channel];
    data[4 * i + 3] = 255 * cellOpacity(value, highest);
  });
  context.putImageData(image, 0, 0);
  return canvas;
}

/** Sizes in pixels: of a cell, and of the margins for names, which need cells of more than nine. */
function matrixLayout() {
  const size = (count) => Math.max(2, Math.min(44, Math.floor(620 / count)));
  const across = size(keys.length), down = size(queries.length);
  const room = (names) => Math.min(96, Math.ceil(names.reduce((most, name) => Math.max(most, widthOf(name.slice(0, 96))), 0)) + 12);
  const left = down > 9 ? room(queries) : 0, top = across > 9 ? room(keys) : 0, right = top / 2; // names of keys lean to the right
  return { across, down, left, top, width: left + across * keys.length + right, height: top + down * queries.length };
}

/** What is written into the cells, [text, query, key, colour] each, if they have room, and the power of ten it is told in. */
function cellTexts(values) {
  const { across, down } = matrixLayout(), { highest } = values, found = [];
  if (across < 32 || down < 16 || !activeHeads().length) return { found, power: 0 };
  const power = highest && highest < 0.1 ? Math.floor(Math.log10(highest)) + 1 : 0, paper = channels(style("--paper")), color = cellColors(highest);
  values.forEach((value, i) => {
    if (Number.isNaN(value)) return;
    const [red, green, blue, alpha] = color(value);
    const ground = [red, green, blue].map((channel, i) => alpha * channel + (1 - alpha) * paper[i]);
    const written = (value / 10 ** power).toFixed(2).replace(/^(-?)0\./, "$1.").replace("-", "−");
    found.push([written, Math.floor(i / keys.length), i % keys.length, readableOn(ground)]);
  });
  return { found, power };
}

const SUPERSCRIPT = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

const unit = (power) => (power ? `numbers × 10${[...String(power)].map((digit) => SUPERSCRIPT[digit]).join("")}` : "");

async function showMatrix(stage) {
  const at = await seenWeights();
  if (!at) return;
  $("numbers").replaceChildren();
  const heads = activeHeads(), values = matrixOf(at, heads);
  const { across, down, left, top, width, height } = matrixLayout(), { found, power } = cellTexts(values);
  const canvas = make("canvas", { tabindex: 0, role: "img", "aria-label": "matrix of weights; arrow keys move the cursor" });
  const readout = make("p", { class: "readout", "aria-live": "polite" }, [headsText(heads), unit(power)].filter(Boolean).join("; "));
  const ratio = window.devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const context = canvas.getContext("2d"), picture = heat(values);
  const x = (key) => left + (key + 0.5) * across, y = (query) => top + (query + 0.5) * down;
  const font = Math.min(13, down - 1), leaning = Math.min(13, across - 1);
  const beside = left ? queries.map((token) => fitted(token, left - 8, font)) : [], above = top ? keys.map((token) => fitted(token, top, leaning)) : [];
  let cursor = null;
  function paint() {
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.imageSmoothingEnabled = false;
    context.drawImage(picture, left, top, across * keys.length, down * queries.length);
    context.textBaseline = "middle";
    context.fillStyle = style("--ink");
    context.font = `${font}px system-ui, sans-serif`;
    context.textAlign = "right";
    beside.forEach((name, i) => context.fillText(name, left - 6, y(i)));
    context.font = `${leaning}px system-ui, sans-serif`;
    context.textAlign = "left";
    above.forEach((name, i) => {
      context.save();
      context.translate(x(i), top - 6);
      context.rotate(-Math.PI / 3);
      context.fillText(name, 0, 0);
      context.restore();
    });
    context.textAlign = "center";
    context.font = "11px system-ui, sans-serif";
    for (const [value, query, key, ink] of found) {
      context.fillStyle = ink;
      context.fillText(value, x(key), y(query));
    }
    if (!cursor) return;
    context.strokeStyle = style("--ink");
    context.lineWidth = 2;
    context.strokeRect(left + cursor[1] * across, top + cursor[0] * down, across, down);
  }
  function point(query, key) {
    cursor = queries[query] !== undefined && keys[key] !== undefined ? [query, key] : cursor;
    if (cursor && heads.length) readout.textContent = `${headsText(heads)}: “${queries[cursor[0]]}” looks at “${keys[cursor[1]]}”: ${number(mean(at, heads, ...cursor))}`;
    paint();
  }
  canvas.addEventListener("mousemove", (event) => point(Math.floor((event.offsetY - top) / down), Math.floor((event.offsetX - left) / across)));
  canvas.addEventListener("keydown", (event) => {
    const step = ARROWS[event.key];
    if (!step) return;
    event.preventDefault();
    point((cursor?.[0] ?? -step[0]) + step[0], (cursor?.[1] ?? -step[1]) + step[1]);
  });
  paint();
  stage.replaceChildren(readout, canvas, ...(values.highest ? [legend(matrixScale(values))] : []));
}

/** The same as SVG: its size and parts. */
function drawMatrix(at) {
  const values = matrixOf(at, activeHeads());
  const { across, down, left, top, width, height } = matrixLayout(), { found, power } = cellTexts(values);
  const x = (key) => 12 + left + (key + 0.5) * across, y = (query) => 52 + top + (query + 0.5) * down;
  const parts = [
    ...(power ? [text(12, 42, unit(power))] : []),
    drawnCanvas(heat(values), 12 + left, 52 + top, across * keys.length, down * queries.length),
    ...found.map(([value, query, key, ink]) => text(x(key), y(query) + 4, value, `text-anchor="middle" font-size="11" fill="${ink}"`)),
    ...(values.highest ? drawnLegend(matrixScale(values), 12, height + 66, style("--paper")) : []),
  ];
  const font = Math.min(13, down - 1), leaning = Math.min(13, across - 1);
  if (left) queries.forEach((token, i) => parts.push(text(left + 6, y(i) + 4, fitted(token, left - 8, font), `text-anchor="end" font-size="${font}"`)));
  if (top) keys.forEach((token, i) => parts.push(
    text(x(i), 46 + top, fitted(token, top, leaning), `font-size="${leaning}" transform="rotate(-60 ${x(i)} ${46 + top})"`)));
  return { width: Math.max(width + 24, 360), height: height + 108, parts };
}

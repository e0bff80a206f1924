// The view of a picture under the heat of where one of its tokens looks.

function pictureView() {
  const { rows, columns, width, height } = state.picture, tokens = keys;
  const first = tokens.length - rows * columns; // the first patch: 1 where token 0 is [CLS]
  const tallest = Math.max(360, Math.min(600, window.innerHeight - 330));
  const widest = Math.max(200, Math.min(600, window.innerWidth - (first ? 130 : 40))); // beside it stand the margins and [CLS]
  const zoom = Math.min(widest / width, tallest / height);
  const WIDTH = Math.round(width * zoom), HEIGHT = Math.round(height * zoom); // of the large map, as it is laid out
  const ALL = -1; // in place of a chosen token: the mean of all patches
  const small = Math.min(160 / WIDTH, 160 / HEIGHT), across = Math.min(4, Math.ceil(Math.sqrt(palette.length)));
  Object.assign(seen, { patch: state.patch, cursor: null, looks: true, opacity: 1, shared: false });

  // ---------------------------------------------------------------- numbers

  const place = (token) => [Math.floor((token - first) / columns), (token - first) % columns];

  const chosen = () => (seen.patch === ALL ? tokens.map((_, token) => token).slice(first) : [seen.patch]);
  const chosenName = () => (seen.patch === ALL ? "all patches" : tokens[seen.patch]);

  /** One value per token: the chosen token's row, or its column where it is looked at, for the mean of some heads. */
  function values(at, heads) {
    const each = chosen(), value = (own, token) => (seen.looks ? mean(at, heads, own, token) : mean(at, heads, token, own));
    return Float64Array.from(tokens, (_, token) => each.reduce((sum, own) => sum + value(own, token), 0) / each.length);
  }

  /**
   * The value without colour, and how far from it the colour is strongest. Scores before the softmax count as differences within
   * their row, so that its mean is without. A patch's own weight may exceed the limit: rollout would be a single patch otherwise.
   */
  function colors(map) {
    const patches = map.slice(first), base = kind().signed ? patches.reduce((sum, value) => sum + value, 0) / patches.length : 0;
    const others = map.filter((_, token) => token >= first && token !== seen.patch);
    const furthest = others.reduce((most, value) => Math.max(most, Math.abs(value - base)), 0);
    return { base, limit: furthest || Math.abs(map[seen.patch] - base) || 1 };
  }

  const share = ({ map, base, limit }, token) => (map[token] - base) / limit;

  /** What is seen: of the mean of the heads switched on, and of each head, its values and the scale of its colours. */
  function maps(at) {
    const heads = activeHeads();
    const mean = { map: values(at, heads), heads }, single = allHeads().map((head) => ({ map: values(at, [head]), heads: [head] }));
    for (const entry of [mean, ...single]) Object.assign(entry, colors(entry.map));
    if (seen.shared) {
      const common = Math.max(...single.filter((_, head) => heads.includes(head)).map((entry) => entry.limit), 0) || mean.limit;
      for (const entry of [mean, ...single]) entry.limit = common;
    }
    return { mean, single };
  }

  // ---------------------------------------------------------------- colours

  // Dark to light over the dimmed picture, as matplotlib's inferno; where there is a sign, blue and orange of equal lightness.
  const HEAT = [[72, 12, 108], [140, 33, 107], [197, 62, 78], [238, 105, 37], [250, 166, 24], [252, 255, 164]];
  const MORE = [[92, 40, 10], [158, 74, 18], [222, 118, 38], [250, 172, 92], [255, 236, 205]];
  const LESS = [[8, 48, 92], [18, 84, 150], [46, 130, 206], [116, 184, 240], [215, 240, 255]];

  /** The colour of a share of the limit, in [-1, 1], as [red, green, blue, opacity]: that of 0 is transparent. */
  function color(share) {
    const ramp = !kind().signed ? HEAT : share < 0 ? LESS : MORE;
    const strength = Math.min(1, Math.abs(share)), step = strength * (ramp.length - 1);
    const low = Math.min(Math.floor(step), ramp.length - 2);
    const mixed = ramp[low].map((value, i) => Math.round(value + (step - low) * (ramp[low + 1][i] - value)));
    return [...mixed, 0.86 * Math.min(1, 1.7 * strength)];
  }

  const css = (share) => rgba(color(share));

  // ---------------------------------------------------------------- drawing

  const image = new Image(), dimmed = make("canvas", { width, height });

  /** The picture, dark and nearly grey, so that the heat is the light and the colour. */
  const ready = (async () => {
    image.src = state.picture.source;
    await image.decode();
    const context = dimmed.getContext("2d");
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, width, height), { data } = pixels;
    for (let i = 0; i < data.length; i += 4) {
      const grey = 0.3 * data[i] + 0.59 * data[i + 1] + 0.11 * data[i + 2];
      for (let j = i; j < i + 3; j++) data[j] = 0.5 * (0.7 * grey + 0.3 * data[j]);
    }
    context.putImageData(pixels, 0, 0);
  })();

  /** Left, top, width and height of a patch in a picture of some size, on whole pixels. */
  function box(token, w, h) {
    const [row, column] = place(token);
    const [x, y] = [Math.round((column * w) / columns), Math.round((row * h) / rows)];
    return [x, y, Math.round(((column + 1) * w) / columns) - x, Math.round(((row + 1) * h) / rows) - y];
  }

  function paintPicture(context, w, h) {
    context.imageSmoothingEnabled = w < 3 * width; // a small picture stays made of pixels
    context.globalAlpha = 1;
    context.drawImage(image, 0, 0, w, h);
    context.globalAlpha = seen.opacity;
    context.drawImage(dimmed, 0, 0, w, h);
    context.globalAlpha = 1;
  }

  function paint(canvas, entry, cssWidth, cssHeight, detailed) {
    const ratio = window.devicePixelRatio || 1, w = Math.round(cssWidth * ratio), h = Math.round(cssHeight * ratio);
    Object.assign(canvas, { width: w, height: h });
    const context = canvas.getContext("2d");
    paintPicture(context, w, h);
    context.globalAlpha = seen.opacity;
    for (let token = first; token < tokens.length; token++) {
      context.fillStyle = css(share(entry, token));
      context.fillRect(...box(token, w, h));
    }
    context.globalAlpha = 1;
    if (detailed && w / columns >= 6 * ratio) {
      context.fillStyle = "rgba(255, 255, 255, 0.2)";
      for (let column = 1; column < columns; column++) context.fillRect(Math.round((column * w) / columns), 0, ratio, h);
      for (let row = 1; row < rows; row++) context.fillRect(0, Math.round((row * h) / rows), w, ratio);
    }
    outline(context, seen.patch, w, h, (detailed ? 2.5 : 1.2) * ratio);
    if (detailed && seen.cursor !== null && seen.cursor !== seen.patch) outline(context, seen.cursor, w, h, 1.5 * ratio, [4 * ratio, 3 * ratio]);
  }

  /** A white line within a black one, which is seen on any ground. */
  function outline(context, token, w, h, thickness, dashes = []) {
    if (token < first) return;
    const [x, y, across, down] = box(token, w, h), half = thickness / 2;
    for (const [ink, extra] of [["#000", 2], ["#fff", 0]]) {
      context.setLineDash(extra ? [] : dashes);
      context.strokeStyle = ink;
      context.lineWidth = thickness + extra;
      context.strokeRect(x + half, y + half, across - thickness, down - thickness);
    }
  }

  // ---------------------------------------------------------------- elements, made once

  const canvas = make("canvas", {
    id: "picture", tabindex: 0, role: "application", style: { width: `${WIDTH}px`, height: `${HEIGHT}px` },
    "aria-label": `Picture of ${rows} × ${columns} patches. Arrow keys choose a patch, with Shift they read its number${first ? "; Escape chooses [CLS]" : ""}.`,
    onmousemove: (event) => point(under(event)),
    onmouseleave: () => point(null),
    onclick: (event) => choose(under(event)),
    onkeydown: walk,
  });
  const cls = make("button", { id: "cls", title: "[CLS], the token that is no patch", onclick: () => choose(0) },
    make("b", {}, "[CLS]"), make("i"), make("span", { class: "number" }));
  const gazes = [[true, "looks at"], [false, "is looked at by"]].map(([looks, text]) =>
    make("button", { onclick: () => { seen.looks = looks; show(); } }, text));
  const scale = make("select", { id: "scale", onchange: () => { seen.shared = scale.value === "shared"; show(); } },
    make("option", { value: "own" }, "of each map"), make("option", { value: "shared" }, "one for all heads"));
  const opacity = make("input", { id: "opacity", type: "range", min: 0, max: 100, value: 100, oninput: () => { seen.opacity = opacity.value / 100; show(); } });
  const query = make("b", { id: "query" });
  const every = make("button", { title: "The mean of all patches", onclick: () => choose(ALL) }, "all patches");
  const readout = make("p", { class: "readout", "aria-live": "polite" });
  const scaleBar = make("div"), caption = make("p", { class: "readout" });
  const heads = make("div", { id: "maps", role: "group", "aria-label": "Each head", style: { "--columns": across } },
    ...palette.map((ink, head) => make("button", {
      style: headStyle(ink), onclick: () => only(head, seen.heads.size === 1 && seen.heads.has(head)),
    }, make("canvas"),
    make("span", {}, make("b", {}, String(head)), make("span", { class: "number" })))));
  const view = make("div", { id: "patches" }, ...predicted(),
    make("div", {},
      make("div", { class: "controls" }, query, make("div", { role: "group", "aria-label": "Direction" }, ...gazes), every),
      readout,
      make("div", { class: "beside" }, first ? cls : "", make("div", {}, canvas, scaleBar))),
    make("div", { class: "heads" },
      make("div", { class: "controls" }, make("label", {}, "Heat ", opacity), make("label", {}, "Scale ", scale)), caption, heads));

  function predicted() {
    if (!state.predictions.length) return [];
    return [make("ol", { id: "predictions", "aria-label": "Predictions" }, ...state.predictions.map(({ name, probability }) =>
      make("li", {}, make("bdi", { title: name }, visible(name)), make("span", { class: "number" }, probability.toFixed(4)),
        make("div", { style: { "--share": `${100 * probability}%` } }))))];
  }

  // ---------------------------------------------------------------- what the reader does

  function under({ offsetX, offsetY }) {
    const inside = (value, count) => Math.max(0, Math.min(count - 1, Math.floor(value)));
    return first + inside((offsetY / HEIGHT) * rows, rows) * columns + inside((offsetX / WIDTH) * columns, columns);
  }

  function point(token) {
    if (seen.cursor === token) return;
    seen.cursor = token;
    show();
  }

  function choose(token) {
    Object.assign(seen, { patch: token, cursor: null });
    show();
  }

  function walk(event) {
    const step = ARROWS[event.key];
    const act = event.shiftKey ? point : choose, from = (event.shiftKey ? seen.cursor : null) ?? seen.patch;
    if (step) {
      const [row, column] = place(from), [toRow, toColumn] = [row + step[0], column + step[1]];
      if (from < first) act(first);
      else if (toRow >= 0 && toRow < rows && toColumn >= 0 && toColumn < columns) act(first + toRow * columns + toColumn);
    } else if (event.key === "Escape" && first) choose(0);
    else return;
    event.preventDefault();
  }

  // ---------------------------------------------------------------- what the page shows

  const sentence = () => (seen.looks ? `Where ${chosenName()} ${seen.patch === ALL ? "look" : "looks"}` : `Who looks at ${chosenName()}`);

  function strongest(map) {
    let best = null;
    for (let token = first; token < tokens.length; token++)
      if (token !== seen.patch && (best === null || map[token] > map[best])) best = token;
    return best ?? seen.patch;
  }

  function described(token, map) {
    const [row, column] = place(token);
    return `${tokens[token]}${token < first ? "" : ` (row ${row}, column ${column})`}: ${number(map[token])}`;
  }

  const scaleOf = (entry) => ({
    low: kind().signed ? entry.base - entry.limit : 0, high: entry.base + entry.limit, color: (value) => color((value - entry.base) / entry.limit),
    exceeded: tokens.some((_, token) => token >= first && share(entry, token) > 1.0001),
  });

  async function showPicture(stage) {
    const at = await weights(seen.kind, seen.layer);
    await ready;
    if (seen.view !== "Picture" || at !== await weights(seen.kind, seen.layer)) return; // something else is wanted by now
    if (stage.firstChild !== view) stage.replaceChildren(view);
    const { mean, single } = maps(at), { map } = mean;
    query.textContent = chosenName();
    every.setAttribute("aria-pressed", String(seen.patch === ALL));
    gazes.forEach((button, index) => button.setAttribute("aria-pressed", String(seen.looks === !index)));
    paint(canvas, mean, WIDTH, HEIGHT, true);
    const lead = seen.cursor === null ? `${headsText(mean.heads)}; strongest ` : "";
    const isTold = mean.heads.length > 0;
    readout.textContent = isTold ? lead + described(seen.cursor ?? strongest(map), map) : headsText(mean.heads);
    scaleBar.replaceChildren(...(isTold ? [legend(scaleOf(mean))] : []));
    cls.setAttribute("aria-pressed", String(seen.patch === 0));
    cls.style.setProperty("--heat", css(share(mean, 0)));
    cls.lastChild.textContent = isTold ? number(map[0]) : "";
    heads.hidden = !hasHeads() || palette.length === 1;
    caption.textContent = heads.hidden ? "" : seen.cursor === null ? "Each head and its strongest patch; a click shows it alone" : `Each head: ${tokens[seen.cursor]}`;
    if (heads.hidden) return;
    single.forEach((entry, head) => {
      const button = heads.children[head], token = seen.cursor ?? strongest(entry.map), value = number(entry.map[token]);
      paint(button.firstChild, entry, WIDTH * small, HEIGHT * small, false);
      button.setAttribute("aria-pressed", String(seen.heads.has(head)));
      button.setAttribute("aria-label", `Head ${head}: ${tokens[token]} ${value}`);
      button.title = `Head ${head}, ${tokens[token]}: click for this one alone`;
      button.querySelector(".number").textContent = value;
    });
  }

  // ---------------------------------------------------------------- saving

  /** The same as SVG: its size and parts. Each patch names itself and its number. */
  function drawPicture(at) {
    const { mean, single } = maps(at), plain = make("canvas", { width, height });
    paintPicture(plain.getContext("2d"), width, height);
    const parts = [`<defs><image id="picture" width="${width}" height="${height}" preserveAspectRatio="none" image-rendering="${WIDTH < 3 * width ? "auto" : "pixelated"}" href="${plain.toDataURL()}"/></defs>`];
    const put = (entry, x, y, w, h, named) => {
      const thickness = named ? 2 : 1, grid = named ? 'stroke="#fff" stroke-opacity="0.1"' : "";
      parts.push(`<g transform="translate(${x} ${y})" shape-rendering="crispEdges" ${grid}><use href="#picture" transform="scale(${w / width} ${h / height})"/>`);
      for (let token = first; token < tokens.length; token++)
        parts.push(filled(color(share(entry, token)), seen.opacity, ...box(token, w, h), named ? described(token, entry.map) : ""));
      if (seen.patch >= first) {
        const [left, top, across, down] = box(seen.patch, w, h), edge = `x="${left + 1}" y="${top + 1}" width="${across - 2}" height="${down - 2}" fill="none" stroke-opacity="1"`;
        parts.push(`<rect ${edge} stroke="#000" stroke-width="${2 * thickness}"/><rect ${edge} stroke="#fff" stroke-width="${thickness}"/>`);
      }
      parts.push("</g>");
    };
    let top = 34;
    state.predictions.forEach(({ name, probability }, i) => {
      const y = top + 20 * i;
      parts.push(text(12, y + 11, fitted(visible(name), 210)), `<rect x="230" y="${y + 3}" width="${200 * probability}" height="8" rx="4" fill="rgb(${style("--accent")})"/>`, text(438, y + 11, probability.toFixed(4)));
    });
    top += 20 * state.predictions.length;
    const isTold = mean.heads.length > 0;
    parts.push(text(12, top + 14, `${sentence()}${first && isTold ? `; [CLS]: ${number(mean.map[0])}` : ""}`));
    top += 26;
    put(mean, 12, top, WIDTH, HEIGHT, true);
    const below = top + HEIGHT + 12;
    if (isTold) parts.push(...drawnLegend(scaleOf(mean), 12, below, "#26292e"));
    const size = { width: Math.max(WIDTH, 320) + 24, height: below + 40 };
    if (hasHeads() && palette.length > 1) {
      const w = Math.round(WIDTH * small), h = Math.round(HEIGHT * small);
      single.forEach((entry, head) => {
        const x = WIDTH + 36 + (head % across) * (w + 12), y = top + Math.floor(head / across) * (h + 30);
        const faded = seen.heads.has(head) ? "" : ' opacity="0.35"';
        parts.push(`<g${faded}>`);
        put(entry, x, y, w, h, false);
        parts.push(text(x, y + h + 16, `head ${head}`), text(x + w, y + h + 16, number(entry.map[strongest(entry.map)]), 'text-anchor="end"'), "</g>");
      });
      size.width += 12 + across * (w + 12);
      size.height = Math.max(size.height, top + Math.ceil(single.length / across) * (h + 30) + 12);
    }
    return { ...size, parts };
  }

  /** One row per token: where it stands, and its value for the chosen one, for the mean and each head switched on. */
  function csv(at) {
    const heads = activeHeads(), exact = (value) => +value.toPrecision(5);
    const header = ["layer", seen.looks ? "query" : "key", seen.looks ? "key" : "query", "row", "column", ...(heads.length ? ["mean"] : []), ...heads.map((head) => `head ${head}`)];
    const mean = values(at, heads), each = heads.map((head) => values(at, [head]));
    return [header, ...tokens.map((name, token) => [
      state.layers[seen.layer], chosenName(), name, ...(token < first ? ["", ""] : place(token)),
      ...(heads.length ? [exact(mean[token])] : []), ...each.map((map) => exact(map[token])),
    ])].map((row) => row.join(",")).join("\n") + "\n";
  }

  return { show: showPicture, draw: drawPicture, csv };
}

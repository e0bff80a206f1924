"use strict";
(() => {
  const state = JSON.parse(document.getElementById("state").textContent);
  const $ = (id) => document.getElementById(id);
  const queries = state.queries.map(visible), keys = state.keys.map(visible);
  const HOME = state.picture ? "Picture" : "Heads";
  const seen = {
    view: HOME, kind: 0, layer: state.layer, filter: "all",
    heads: new Set(state.heads),
    token: null, // {side: "query" | "key", index, pinned}
    masked: null, // index of the word taken out
  };
  const LINES = 8000; // more are not told apart

  // ---------------------------------------------------------------- elements and text

  /** Makes an element; strings become text, so that tokens are never markup. */
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (name === "style") Object.entries(value).forEach(([key, text]) => element.style.setProperty(key, text));
      else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children);
    return element;
  }

  /** Characters that cannot be seen, or that turn the direction of the text, by their number. */
  function visible(token) {
    return token.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029\uFFFE\uFFFF]/gu, (c) => `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
  }

  const number = (value) => value.toFixed(4);
  const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const kind = () => state.kinds[seen.kind];
  const hasHeads = () => kind().heads === palette.length; // rollout has none: they are averaged
  const allHeads = () => [...Array(kind().heads).keys()];
  const activeHeads = () => (hasHeads() ? [...seen.heads].sort((a, b) => a - b) : allHeads());

  const palette = (() => {
    const context = document.createElement("canvas").getContext("2d"), count = state.kinds[0].heads;
    return Array.from({ length: count }, (_, head) => {
      context.fillStyle = `hsl(${(215 + (360 * head) / count) % 360}, ${head % 2 ? 55 : 75}%, ${head % 2 ? 42 : 50}%)`;
      return context.fillStyle; // as #rrggbb, which every program reads
    });
  })();

  /** A head's colour, #rrggbb, and black or white on it, whichever is the easier to read (WCAG 2's luminance). */
  function headStyle(color) {
    const [red, green, blue] = [1, 3, 5].map((at) => (parseInt(color.slice(at, at + 2), 16) / 255) ** 2.2);
    return { "--head": color, "--on-head": 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 ? "#000" : "#fff" };
  }

  // ---------------------------------------------------------------- weights

  const decoded = new Map();

  /** The weights of a layer, unpacked when they are first asked for: a function (head, query, key) -> weight. */
  function weights(kindIndex, layer) {
    const id = `weights-${kindIndex}-${layer}`;
    if (!decoded.has(id)) decoded.set(id, unpack(id, state.kinds[kindIndex], layer));
    return decoded.get(id);
  }

  async function unpack(id, { scales, zeros }, layer) {
    const text = atob($(id).textContent), packed = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const planes = new Uint8Array(await new Response(stream).arrayBuffer());
    const count = planes.length / 2, steps = new Int32Array(count), zero = zeros[layer];
    let highest = 0; // of the values without their signs
    for (let i = 0; i < count; i++) {
      steps[i] = (planes[i] | (planes[count + i] << 8)) - zero;
      if (Math.abs(steps[i]) > highest) highest = Math.abs(steps[i]);
    }
    const scale = scales[layer], rows = queries.length, columns = keys.length;
    const at = (head, query, key) => steps[(head * rows + query) * columns + key] * scale;
    return Object.assign(at, { highest: highest * scale });
  }

  function passes(query, key) {
    if (seen.filter === "all") return true;
    const side = (index) => (index < state.sentenceB ? "A" : "B");
    return side(query) + side(key) === seen.filter;
  }

  const mean = (at, heads, query, key) => heads.reduce((sum, head) => sum + at(head, query, key), 0) / (heads.length || 1);

  // ---------------------------------------------------------------- heads view

  const rowHeight = () => (Math.max(queries.length, keys.length) > 100 ? 18 : 25);

  /** The lines to draw: [head, query, key, strength in 0..1], the strongest where there are too many to tell apart. */
  function lines(at) {
    const { token } = seen, heads = activeHeads(), highest = at.highest || 1;
    const rows = token?.side === "query" ? [token.index] : [...queries.keys()];
    const columns = token?.side === "key" ? [token.index] : [...keys.keys()];
    const counts = new Uint32Array(1001), found = []; // how many lines there are of each strength, in thousandths
    const visit = (take) => {
      for (const head of heads)
        for (const query of rows)
          for (const key of columns) {
            const strength = at(head, query, key) / highest;
            if (strength >= 0.002 && passes(query, key)) take(head, query, key, strength);
          }
    };
    visit((head, query, key, strength) => counts[Math.floor(1000 * strength)]++);
    let least = 1000;
    for (let kept = counts[1000]; least > 2 && kept + counts[least - 1] <= LINES; ) kept += counts[--least];
    visit((...line) => line[3] >= least / 1000 && found.push(line));
    return found;
  }

  const lineColor = (head) => palette[hasHeads() ? head : 0];

  function drawLines(canvas, at) {
    const height = Math.max(queries.length, keys.length) * rowHeight(), width = 320;
    const ratio = Math.min(window.devicePixelRatio || 1, 16000 / height);
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    for (const [head, query, key, strength] of lines(at)) {
      context.strokeStyle = lineColor(head);
      context.globalAlpha = Math.min(1, strength ** 0.8);
      context.lineWidth = 0.6 + 2 * strength;
      context.beginPath();
      context.moveTo(0, (query + 0.5) * rowHeight());
      context.lineTo(width, (key + 0.5) * rowHeight());
      context.stroke();
    }
  }

  /** The weights of what is seen, or null if something else is seen by the time they are decoded. */
  async function seenWeights() {
    const { view, kind: shownKind, layer } = seen;
    const at = await weights(shownKind, layer);
    return seen.view === view && seen.kind === shownKind && seen.layer === layer ? at : null;
  }

  async function showHeads(stage) {
    const at = await seenWeights();
    if (!at) return;
    const canvas = make("canvas", { role: "img", "aria-label": "lines from queries to keys" });
    const columns = make("div", { class: "columns" }, tokenList("query", queries), canvas, tokenList("key", keys));
    stage.replaceChildren(columns);
    drawLines(canvas, at);
    showNumbers(at);
  }

  function tokenList(side, tokens) {
    const list = make("ul", { class: `tokens ${side}`, role: "listbox", "aria-label": side === "query" ? "queries" : "keys" });
    list.append(...tokens.map((token, index) =>
      make("li", {
        role: "option", "data-index": index, tabindex: index ? -1 : 0, title: token,
        style: { height: `${rowHeight()}px` },
      }, make("bdi", {}, token), make("span", { class: "number" }))));
    const target = (event) => event.target.closest("li");
    list.addEventListener("mouseover", (event) => target(event) && !seen.token?.pinned && choose(side, +target(event).dataset.index));
    list.addEventListener("mouseleave", () => !seen.token?.pinned && choose(null));
    list.addEventListener("click", (event) => target(event) && pin(side, +target(event).dataset.index));
    list.addEventListener("focusin", (event) => target(event)?.matches(":focus-visible") && choose(side, +target(event).dataset.index, seen.token?.pinned));
    list.addEventListener("keydown", (event) => {
      const index = +target(event).dataset.index, step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && tokens[index + step] !== undefined) list.children[index + step].focus();
      else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
        const other = document.querySelector(`.tokens.${event.key === "ArrowLeft" ? "query" : "key"}`);
        other.children[Math.min(index, other.children.length - 1)].focus();
      } else if (event.key === "Enter" || event.key === " ") pin(side, index);
      else if (event.key === "Escape") choose(null);
      else return;
      event.preventDefault();
    });
    return list;
  }

  function pin(side, index) {
    const again = seen.token?.pinned && seen.token.side === side && seen.token.index === index;
    choose(again ? null : side, index, true);
  }

  async function choose(side, index, pinned = false) {
    seen.token = side && { side, index, pinned };
    const at = await seenWeights(), canvas = document.querySelector(".columns canvas");
    if (!at || !canvas) return;
    drawLines(canvas, at);
    showNumbers(at);
  }

  /** Writes the chosen token's weights beside the tokens of the other column and, head by head, into the table. */
  function showNumbers(at) {
    const { token } = seen, heads = activeHeads();
    const others = token?.side === "query" ? keys : queries;
    const pair = (other) => (token.side === "query" ? [token.index, other] : [other, token.index]);
    const values = token && others.map((_, other) => (passes(...pair(other)) ? mean(at, heads, ...pair(other)) : null));
    for (const item of document.querySelectorAll(".tokens li")) {
      const side = item.parentNode.classList.contains("query") ? "query" : "key", index = +item.dataset.index;
      const isOther = token && side !== token.side && values[index] !== null;
      item.classList.toggle("chosen", Boolean(token && side === token.side && index === token.index));
      item.lastChild.textContent = isOther ? number(values[index]) : "";
      item.style.background = isOther ? `rgba(${style("--for")}, ${0.7 * (values[index] / at.highest)})` : "";
    }
    const panel = $("numbers");
    if (!token) {
      panel.replaceChildren(make("p", {}, "Hover a token for its weights; click to keep them. Left: the queries, which look. Right: the keys, which are looked at."));
      return;
    }
    const chosen = token.side === "query" ? queries[token.index] : keys[token.index];
    const told = [...values.keys()].filter((other) => values[other] !== null);
    if (!heads.length) {
      panel.replaceChildren(make("p", {}, "No head is chosen."));
      return;
    }
    const order = [...told].sort((a, b) => values[b] - values[a]).slice(0, 24);
    const title = token.side === "query" ? `Where “${chosen}” looks` : `Who looks at “${chosen}”`;
    panel.replaceChildren(make("table", {},
      make("caption", {}, title, told.length > order.length ? `: ${order.length} of ${told.length}` : ""),
      make("thead", {}, make("tr", {}, make("th"), make("th", { class: "plain" }, "mean"),
        ...(heads.length > 1 ? heads.map((head) => make("th", { style: headStyle(lineColor(head)) }, String(head))) : []))),
      make("tbody", {}, ...order.map((other) => make("tr", { "data-index": other },
        make("th", {}, make("bdi", {}, others[other])), make("td", {}, number(values[other])),
        ...(heads.length > 1 ? heads.map((head) => make("td", {}, number(at(head, ...pair(other))))) : []))))));
  }

  // ---------------------------------------------------------------- matrix view

  const opacity = (share) => Math.abs(share) ** 0.6;

  /** The numbers at the ends and in the middle of a scale, as text. */
  function ticks({ low, high, exceeded }) {
    const digits = Math.max(0, Math.min(20, 2 - Math.floor(Math.log10(low ? (high - low) / 2 : high))));
    const texts = [low, (low + high) / 2, high].map((value) => (value ? value.toFixed(digits).replace("-", "−") : "0"));
    return [texts[0], texts[1], (exceeded ? "≥ " : "") + texts[2]];
  }

  const css = (color) => `rgba(${color.join(", ")})`;

  /** A bar of the colours of a scale, [red, green, blue, opacity] each, over its numbers. */
  function legend(scale) {
    const { low, high, color } = scale, texts = ticks(scale);
    const stops = Array.from({ length: 33 }, (_, i) => css(color(low + ((high - low) * i) / 32)));
    return make("div", { class: "legend", role: "img", "aria-label": `colours from ${texts[0]} to ${texts[2]}` },
      make("div", { style: { "--colors": stops.join(", ") } }), ...texts.map((text) => make("span", {}, text)));
  }

  function matrixScale(at) {
    const color = (value) => [...style(value < 0 ? "--less" : "--more").split(","), opacity(value / (at.highest || 1))];
    return { low: kind().signed ? -at.highest : 0, high: at.highest || 1, color };
  }

  function heat(at, heads, size) {
    const rows = queries.length, columns = keys.length;
    const canvas = make("canvas", { width: columns, height: rows });
    const context = canvas.getContext("2d"), image = context.createImageData(columns, rows);
    const [more, less] = ["--more", "--less"].map((name) => style(name).split(",").map(Number));
    for (let query = 0; query < rows; query++)
      for (let key = 0; key < columns; key++) {
        const share = passes(query, key) ? mean(at, heads, query, key) / at.highest : 0;
        image.data.set([...(share < 0 ? less : more), 255 * opacity(share)], 4 * (query * columns + key));
      }
    context.putImageData(image, 0, 0);
    if (!size) return canvas;
    const scaled = make("canvas", { width: size, height: Math.round((size * rows) / columns) });
    const target = scaled.getContext("2d");
    target.imageSmoothingEnabled = columns > size;
    target.drawImage(canvas, 0, 0, scaled.width, scaled.height);
    return scaled;
  }

  const cellSize = () => Math.max(2, Math.min(44, Math.floor(620 / Math.max(queries.length, keys.length))));

  async function showMatrix(stage) {
    const at = await seenWeights();
    if (!at) return;
    const heads = activeHeads(), cell = cellSize();
    const margin = cell > 9 ? 96 : 0;
    const canvas = make("canvas", { tabindex: 0, role: "img", "aria-label": "matrix of weights; arrow keys move the cursor" });
    const readout = make("p", { class: "readout", "aria-live": "polite" }, headsText(heads));
    const ratio = window.devicePixelRatio || 1, width = margin + cell * keys.length, height = margin + cell * queries.length;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
    const context = canvas.getContext("2d"), picture = heat(at, heads);
    let cursor = null;
    function draw() {
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, width, height);
      context.imageSmoothingEnabled = false;
      context.drawImage(picture, margin, margin, cell * keys.length, cell * queries.length);
      context.fillStyle = style("--ink");
      context.font = `${Math.min(13, cell - 1)}px system-ui, sans-serif`;
      context.textBaseline = "middle";
      if (margin) {
        context.textAlign = "right";
        queries.forEach((token, i) => context.fillText(token, margin - 6, margin + (i + 0.5) * cell, margin - 8));
        context.textAlign = "left";
        keys.forEach((token, i) => {
          context.save();
          context.translate(margin + (i + 0.5) * cell, margin - 6);
          context.rotate(-Math.PI / 3);
          context.fillText(token, 0, 0, margin);
          context.restore();
        });
      }
      if (cell >= 32) {
        const digits = at.highest < 0.1 ? 3 : 2;
        context.textAlign = "center";
        context.font = "11px system-ui, sans-serif";
        queries.forEach((_, q) => keys.forEach((_, k) => {
          if (!passes(q, k)) return;
          const value = mean(at, heads, q, k);
          context.fillStyle = Math.abs(value) / at.highest > 0.45 ? "#fff" : style("--ink");
          context.fillText(value.toFixed(digits).replace(/^(-?)0\./, "$1."), margin + (k + 0.5) * cell, margin + (q + 0.5) * cell);
        }));
      }
      if (cursor) {
        context.strokeStyle = style("--ink");
        context.lineWidth = 2;
        context.strokeRect(margin + cursor[1] * cell, margin + cursor[0] * cell, cell, cell);
      }
    }
    function point(query, key) {
      cursor = queries[query] !== undefined && keys[key] !== undefined ? [query, key] : cursor;
      if (cursor) readout.textContent = `${headsText(heads)}: “${queries[cursor[0]]}” looks at “${keys[cursor[1]]}”: ${number(mean(at, heads, ...cursor))}`;
      draw();
    }
    canvas.addEventListener("mousemove", (event) =>
      point(Math.floor((event.offsetY - margin) / cell), Math.floor((event.offsetX - margin) / cell)));
    canvas.addEventListener("keydown", (event) => {
      const [down, right] = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key] ?? [];
      if (down === undefined) return;
      event.preventDefault();
      point((cursor?.[0] ?? -down) + down, (cursor?.[1] ?? -right) + right);
    });
    draw();
    stage.replaceChildren(readout, canvas, legend(matrixScale(at)));
    $("numbers").replaceChildren();
  }

  function headsText(heads) {
    const which = !hasHeads() ? "heads averaged" : heads.length === 1 ? `head ${heads[0]}` : `mean of ${heads.length} heads`;
    return `Layer ${state.layers[seen.layer]}, ${which}`;
  }

  // ---------------------------------------------------------------- model view

  async function showModel(stage) {
    const heads = allHeads(), { kind: shownKind } = seen;
    const grid = make("div", { class: "grid", style: { "grid-template-columns": `auto repeat(${heads.length}, max-content)` } },
      make("span"), ...heads.map((head) => make("span", {}, String(head))));
    stage.replaceChildren(make("p", { class: "readout" }, "Rows are layers, columns heads; a click opens a head."), grid);
    $("numbers").replaceChildren();
    for (const [index, layer] of state.layers.entries()) {
      const at = await weights(shownKind, index);
      if (!grid.isConnected || seen.kind !== shownKind) return; // something else is shown by now
      grid.append(make("span", {}, String(layer)), ...heads.map((head) =>
        make("button", {
          "aria-label": `layer ${layer}, head ${head}`, title: `layer ${layer}, head ${head}`,
          onclick: () => {
            if (hasHeads()) seen.heads = new Set([head]);
            Object.assign(seen, { layer: index, view: HOME, token: null });
            show();
          },
        }, heat(at, [head], 68))));
      await new Promise(requestAnimationFrame);
    }
  }

  // ---------------------------------------------------------------- what if

  function showWhatIf() {
    if (state.probability == null) return;
    const { probability, whatIf } = state, panel = $("what-if");
    const largest = Math.max(0.02, ...whatIf.map((word) => Math.abs(word.probability - probability)));
    const word = whatIf[seen.masked], value = word ? word.probability : probability;
    const signed = (change) => `${Math.abs(change) < 0.0005 ? "" : change < 0 ? "−" : "+"}${Math.abs(change).toFixed(3)}`;
    const words = state.keys.filter((token) => !/^(##|\[(CLS|SEP|PAD)\]$)/.test(token)).length;
    const which = whatIf.length < words ? `The ${whatIf.length} of ${words} words that count most` : "Each word";
    panel.hidden = false;
    panel.replaceChildren(
      make("div", { class: "answer" },
        make("b", { id: "probability" }, `positive ${value.toFixed(4)}`), word ? ` without “${visible(word.word)}”` : "",
        make("div", { class: "bar" }, make("div", { style: { width: `${100 * value}%` } }))),
      make("div", { class: "words", role: "group", "aria-label": "Mask a word" }, ...whatIf.map((word, index) => {
        const change = word.probability - probability;
        return make("button", {
          "aria-pressed": String(seen.masked === index), title: `masked, positive is ${word.probability.toFixed(4)}`,
          style: { "--tint": style(change < 0 ? "--for" : "--against"), "--strength": (0.45 * Math.abs(change)) / largest },
          onclick: () => {
            seen.masked = seen.masked === index ? null : index;
            showWhatIf();
            document.querySelectorAll("#what-if .words button")[index].focus();
          },
        }, make("bdi", {}, visible(word.word)), make("small", {}, signed(change)));
      })),
      make("p", {}, `${which}, masked in turn, changes the probability by so much. Blue words speak for positive, orange ones against it.`));
  }

  // ---------------------------------------------------------------- saving what is seen

  const text = (x, y, value, more = "") => `<text x="${x}" y="${y}" ${more}>${escape(value)}</text>`;

  function filled([red, green, blue, alpha], opacity, x, y, width, height, title = "") {
    const fill = `fill="rgb(${red}, ${green}, ${blue})" fill-opacity="${(alpha * opacity).toFixed(3)}"`;
    return `<rect x="${x}" y="${y}" width="${width}" height="${height}" ${fill}>${title && `<title>${escape(title)}</title>`}</rect>`;
  }

  function drawnLegend(scale, x, y, ground) {
    const { low, high, color } = scale, anchors = ["start", "middle", "end"];
    const bar = Array.from({ length: 64 }, (_, i) => filled(color(low + ((high - low) * (i + 0.5)) / 64), 1, x + 5 * i, y, 5, 10));
    const numbers = ticks(scale).map((value, i) => text(x + 160 * i, y + 26, value, `text-anchor="${anchors[i]}"`));
    return [`<g shape-rendering="crispEdges"><rect x="${x}" y="${y}" width="320" height="10" fill="${ground}"/>`, ...bar, "</g>", ...numbers];
  }

  async function svg() {
    const at = await weights(seen.kind, seen.layer), heads = activeHeads(), ink = style("--ink"), paper = style("--paper");
    const caption = `${kind().name} · ${seen.view === "Model" ? "all layers and heads" : headsText(heads)}`;
    const picture = (canvas, x, y, width, height) => `<image x="${x}" y="${y}" width="${width}" height="${height}" image-rendering="pixelated" href="${canvas.toDataURL()}"/>`;
    const parts = [];
    let width, height;
    if (seen.view === "Picture") {
      const drawn = pictures.draw(at);
      ({ width, height } = drawn);
      parts.push(...drawn.parts);
    } else if (seen.view === "Heads") {
      const row = rowHeight(), top = 40, left = 230;
      [width, height] = [2 * left + 320, top + Math.max(queries.length, keys.length) * row + 16];
      for (const [head, query, key, strength] of lines(at))
        parts.push(`<line x1="${left}" y1="${top + (query + 0.5) * row}" x2="${left + 320}" y2="${top + (key + 0.5) * row}" stroke="${lineColor(head)}" stroke-opacity="${Math.min(1, strength ** 0.8).toFixed(3)}" stroke-width="${(0.6 + 2 * strength).toFixed(2)}"/>`);
      queries.forEach((token, i) => parts.push(text(left - 8, top + (i + 0.5) * row + 4, token, 'text-anchor="end"')));
      keys.forEach((token, i) => parts.push(text(left + 328, top + (i + 0.5) * row + 4, token)));
    } else if (seen.view === "Matrix") {
      const cell = cellSize(), margin = cell > 9 ? 110 : 8, top = 30 + margin;
      [width, height] = [Math.max(margin + cell * keys.length + 40, 344), top + cell * queries.length + 48];
      parts.push(...drawnLegend(matrixScale(at), 12, height - 36, paper));
      parts.push(picture(heat(at, heads), margin, top, cell * keys.length, cell * queries.length));
      if (cell > 9) {
        queries.forEach((token, i) => parts.push(text(margin - 6, top + (i + 0.5) * cell + 4, token, 'text-anchor="end"')));
        keys.forEach((token, i) => { const x = margin + (i + 0.5) * cell; parts.push(text(x, top - 6, token, `transform="rotate(-60 ${x} ${top - 6})"`)); });
      }
    } else {
      const canvases = document.querySelectorAll(".grid canvas"), columns = kind().heads, step = 76;
      [width, height] = [40 + columns * step, 50 + Math.ceil(canvases.length / columns) * step];
      canvases.forEach((canvas, i) => parts.push(picture(canvas, 40 + (i % columns) * step, 50 + Math.floor(i / columns) * step, 68, 68)));
      for (let head = 0; head < columns; head++) parts.push(text(70 + head * step, 44, String(head)));
      state.layers.forEach((layer, i) => parts.push(text(14, 90 + i * step, String(layer))));
    }
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13" fill="${ink}"><rect width="100%" height="100%" fill="${paper}"/>${text(12, 22, caption, 'font-weight="600"')}${parts.join("")}</svg>`;
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
    make("a", { href: url, download: `${kind().name.toLowerCase().replace(" ", "-")}-${seen.view === "Model" ? "all-layers" : `layer${state.layers[seen.layer]}`}.${format.toLowerCase()}` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }

  // ---------------------------------------------------------------- controls

  const pictures = state.picture && pictureView({
    state, seen, keys, make, visible, css, text, filled, style, weights, mean, kind, allHeads, hasHeads, activeHeads, headsText, palette, headStyle, legend, drawnLegend, only, show,
  });
  const VIEWS = { [HOME]: pictures ? pictures.show : showHeads, Matrix: showMatrix, Model: showModel };

  let shows = 0;

  async function show() {
    const turn = ++shows;
    for (const button of $("views").children) button.setAttribute("aria-pressed", String(button.textContent === seen.view));
    $("kind").value = seen.kind;
    $("layer").value = seen.layer;
    $("note").textContent = kind().note;
    $("heads").style.visibility = hasHeads() && seen.view !== "Model" ? "visible" : "hidden";
    for (const button of $("heads").children) button.setAttribute("aria-pressed", String(seen.heads.has(+button.textContent)));
    await VIEWS[seen.view]($("stage"));
    if (turn !== shows) return; // something else is shown by now
    performance.mark("shown");
    document.body.dataset.shown = `${seen.view} ${kind().name} ${state.layers[seen.layer]}`;
  }

  function toggle(head) {
    if (!seen.heads.delete(head)) seen.heads.add(head);
    show();
  }

  function only(head, isOnly) {
    seen.heads = new Set(isOnly ? palette.keys() : [head]);
    show();
  }

  function menu(id, options, change) {
    $(id).append(...options.map(([value, text]) => make("option", { value }, text)));
    $(id).addEventListener("change", () => { change($(id).value); if (!seen.token?.pinned) seen.token = null; show(); });
  }

  $("views").append(...Object.keys(VIEWS).map((view) =>
    make("button", { onclick: () => { seen.view = view; if (!seen.token?.pinned) seen.token = null; show(); } }, view)));
  $("heads").append(...palette.map((color, head) => make("button", {
    style: headStyle(color), title: `Head ${head}: click to toggle, double click (Shift+Enter) for this one alone`,
    onclick: (event) => {
      if (event.shiftKey) only(head, seen.heads.size === 1 && seen.heads.has(head));
      else if (event.detail < 2) toggle(head);
    },
    ondblclick: () => only(head, seen.heads.size === 0), // its first click has already taken the only one out
  }, String(head))));
  $("save").append(...Object.keys(SAVE).map((format) => make("button", { onclick: () => save(format) }, format)));
  menu("kind", state.kinds.map(({ name }, index) => [index, name]), (value) => { seen.kind = +value; });
  menu("layer", state.layers.map((layer, index) => [index, String(layer)]), (value) => { seen.layer = +value; });
  if (state.sentenceB != null) {
    $("filter-label").hidden = false;
    const names = { all: "all", AA: "first → first", AB: "first → second", BA: "second → first", BB: "second → second" };
    menu("filter", Object.entries(names), (value) => { seen.filter = value; });
  }
  document.documentElement.classList.toggle("with-picture", Boolean(pictures));
  showWhatIf();
  show();
})();

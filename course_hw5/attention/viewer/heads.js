// The view of lines between two columns of tokens.

const LINES = 8000; // more are not told apart
const GAP = 320; // between the columns, in pixels

const rowHeight = () => (Math.max(queries.length, keys.length) > 100 ? 18 : 25);
const lineColor = (head) => palette[hasHeads() ? head : 0];
const lineOpacity = (strength) => Math.min(1, strength ** 0.8);
const lineWidth = (strength) => 0.6 + 2 * strength;

/** The lines to draw: [head, query, key, strength in 0..1], the strongest where there are too many to tell apart. */
function lines(at) {
  const { token } = seen, heads = activeHeads();
  const rows = token?.side === "query" ? [token.index] : [...queries.keys()];
  const columns = token?.side === "key" ? [token.index] : [...keys.keys()];
  const counts = new Uint32Array(1001), found = []; // how many lines there are of each strength, in thousandths
  let highest = at.highest || 1;
  const visit = (take) => {
    for (const head of heads)
      for (const query of rows)
        for (const key of columns) {
          const strength = at(head, query, key) / highest;
          if (strength >= 0.002 && passes(query, key)) take(head, query, key, strength);
        }
  };
  if (token && !kind().shares) { // of what has no scale of its own, the chosen token's strongest line is the measure
    const shown = heads.flatMap((head) => rows.flatMap((query) => columns.map((key) => (passes(query, key) ? at(head, query, key) : 0))));
    highest = Math.max(0, ...shown) || 1;
  }
  visit((head, query, key, strength) => counts[Math.floor(1000 * strength)]++);
  let least = 1000;
  for (let kept = counts[1000]; least > 2 && kept + counts[least - 1] <= LINES; ) kept += counts[--least];
  visit((...line) => line[3] >= least / 1000 && found.push(line));
  return found;
}

function paintLines(canvas, at) {
  const height = Math.max(queries.length, keys.length) * rowHeight();
  const ratio = Math.min(window.devicePixelRatio || 1, 16000 / height);
  canvas.width = GAP * ratio;
  canvas.height = height * ratio;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  for (const [head, query, key, strength] of lines(at)) {
    context.strokeStyle = lineColor(head);
    context.globalAlpha = lineOpacity(strength);
    context.lineWidth = lineWidth(strength);
    context.beginPath();
    context.moveTo(0, (query + 0.5) * rowHeight());
    context.lineTo(GAP, (key + 0.5) * rowHeight());
    context.stroke();
  }
}

async function showHeads(stage) {
  const at = await seenWeights();
  if (!at) return;
  const canvas = make("canvas", { role: "img", "aria-label": "lines from queries to keys" });
  stage.replaceChildren(make("div", { class: "columns" }, tokenList("query", queries), canvas, tokenList("key", keys)));
  paintLines(canvas, at);
  showNumbers(at);
  markMasked(seen.masked);
}

// ---------------------------------------------------------------- choosing a token

function tokenList(side, tokens) {
  const list = make("ul", { class: `tokens ${side}`, role: "listbox", "aria-label": side === "query" ? "queries" : "keys" });
  const first = seen.token?.side === side ? seen.token.index : 0; // where Tab enters the list
  list.append(...tokens.map((token, index) =>
    make("li", {
      role: "option", "data-index": index, tabindex: index === first ? 0 : -1, title: token,
      style: { height: `${rowHeight()}px` },
    }, make("bdi", {}, token), make("span", { class: "number" }))));
  const target = (event) => event.target.closest("li"), isFree = () => !seen.token?.pinned;
  list.addEventListener("mouseover", (event) => target(event) && isFree() && choose(side, +target(event).dataset.index));
  list.addEventListener("mouseleave", () => isFree() && choose(null));
  list.addEventListener("click", (event) => target(event) && pin(side, +target(event).dataset.index));
  list.addEventListener("focusin", (event) => {
    for (const item of list.children) item.tabIndex = item === target(event) ? 0 : -1;
    if (isFree() && target(event).matches(":focus-visible")) choose(side, +target(event).dataset.index);
  });
  list.addEventListener("keydown", (event) => {
    const index = +target(event).dataset.index, step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) walk(side, index + step);
    else if (event.key === "ArrowLeft") walk("query", Math.min(index, queries.length - 1));
    else if (event.key === "ArrowRight") walk("key", Math.min(index, keys.length - 1));
    else if (event.key === "Enter" || event.key === " ") pin(side, index);
    else return;
    event.preventDefault();
  });
  return list;
}

/** Moves the focus, and with it what is kept: Tab leaves that alone, so that other controls can be reached. */
function walk(side, index) {
  document.querySelectorAll(`.tokens.${side} li`)[index]?.focus();
  if (seen.token?.pinned && (side === "query" ? queries : keys)[index] !== undefined) choose(side, index, true);
}

function pin(side, index) {
  const again = seen.token?.pinned && seen.token.side === side && seen.token.index === index;
  choose(again ? null : side, index, true);
}

async function choose(side, index, pinned = false) {
  seen.token = side && { side, index, pinned };
  const at = await seenWeights(), canvas = document.querySelector(".columns canvas");
  if (!at || !canvas) return;
  paintLines(canvas, at);
  showNumbers(at);
}

// ---------------------------------------------------------------- numbers

/** Writes the chosen token's weights beside the tokens of the other column and, head by head, into the table. */
function showNumbers(at) {
  const { token } = seen, values = token && chosenWeights(at), tint = tints(at, values);
  for (const item of document.querySelectorAll(".tokens li")) {
    const side = item.parentNode.classList.contains("query") ? "query" : "key", index = +item.dataset.index;
    const value = token && side !== token.side ? values[index] : null;
    item.classList.toggle("chosen", Boolean(token && side === token.side && index === token.index));
    item.lastChild.textContent = value === null ? "" : number(value);
    item.style.background = value === null ? "" : `rgba(${style("--for")}, ${tint(value)})`;
  }
  $("numbers").replaceChildren(!token
    ? make("p", {}, "Hover a token for its weights; click to keep them. Left: the queries, which look. Right: the keys, which are looked at.")
    : activeHeads().length ? table(at, values) : make("p", {}, "No head is chosen."));
}

/** A function from a weight to the opacity of its colour behind a token. */
function tints(at, values) {
  const highest = (kind().shares ? at.highest : Math.max(...(values ?? []))) || 1;
  return (value) => 0.7 * (value / highest);
}

function table(at, values) {
  const { side, index } = seen.token, heads = activeHeads(), each = heads.length > 1 ? heads : [];
  const [own, others] = side === "query" ? [queries, keys] : [keys, queries];
  const told = [...values.keys()].filter((other) => values[other] !== null);
  const order = [...told].sort((a, b) => values[b] - values[a]).slice(0, 24);
  const title = side === "query" ? `Where “${own[index]}” looks` : `Who looks at “${own[index]}”`;
  const ofHead = (head, other) => (side === "query" ? at(head, index, other) : at(head, other, index));
  return make("table", {},
    make("caption", {}, title, told.length > order.length ? `: ${order.length} of ${told.length}` : ""),
    make("thead", {}, make("tr", {}, make("th"), make("th", { class: "plain" }, "mean"),
      ...each.map((head) => make("th", { style: headStyle(lineColor(head)) }, String(head))))),
    make("tbody", {}, ...order.map((other) => make("tr", { "data-index": other },
      make("th", {}, make("bdi", {}, others[other])), make("td", {}, number(values[other])),
      ...each.map((head) => make("td", {}, number(ofHead(head, other))))))));
}

// ---------------------------------------------------------------- saving

/** The same as SVG: its size and parts. */
function drawHeads(at) {
  const row = rowHeight(), top = 40, left = 290, width = 2 * left + GAP, { token } = seen, values = token && chosenWeights(at), tint = tints(at, values);
  const middle = (index) => top + (index + 0.5) * row;
  const parts = lines(at).map(([head, query, key, strength]) =>
    `<line x1="${left}" y1="${middle(query)}" x2="${left + GAP}" y2="${middle(key)}" stroke="${lineColor(head)}" stroke-opacity="${lineOpacity(strength).toFixed(3)}" stroke-width="${lineWidth(strength).toFixed(2)}"/>`);
  for (const [side, names, inner, outer, x, anchors] of [
    ["query", queries, left - 8, 12, 4, ["end", "start"]],
    ["key", keys, left + GAP + 8, width - 12, left + GAP + 2, ["start", "end"]],
  ])
    names.forEach((name, index) => {
      const isChosen = token?.side === side && token.index === index, value = token && side !== token.side ? values[index] : null;
      const ground = isChosen ? [`rgb(${style("--accent")})`, 1] : [`rgb(${style("--for")})`, value === null ? 0 : tint(value)];
      if (ground[1]) parts.push(`<rect x="${x}" y="${top + index * row}" width="${left - 6}" height="${row}" rx="5" fill="${ground[0]}" fill-opacity="${ground[1].toFixed(3)}"/>`);
      const look = `${isChosen ? `fill="${style("--on-accent")}"` : ""} ${isMasked(index) ? 'text-decoration="line-through"' : ""}`;
      parts.push(text(inner, middle(index) + 4, fitted(name, 200), `text-anchor="${anchors[0]}" ${look}`));
      if (value !== null) parts.push(text(outer, middle(index) + 4, number(value), `text-anchor="${anchors[1]}" font-size="12"`));
    });
  return { width, height: middle(Math.max(queries.length, keys.length)) + 4, parts };
}

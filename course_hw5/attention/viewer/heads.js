// The view of lines between two columns of tokens.

import { strongestLines } from "./arrays.js";
import { make, style } from "./dom.js";
import { say } from "./language.js";
import { showNumbers, tints } from "./numbers.js";
import { activeHeads, fitted, hasHeads, hasSteps, keys, kind, lineColor, queries, seen } from "./shared.js";
import { lineAt } from "./step_numbers.js";
import { openSteps } from "./step_panel.js";
import { text } from "./svg.js";
import { number } from "./text.js";
import { chosenWeights, passes, seenWeights } from "./weights.js";
import { isMasked, markMasked } from "./what_if.js";

const LINES = 8000; // more are not told apart
const GAP = 320; // between the columns, in pixels
const ROW = 25; // a finger needs 24
const REACH = 6; // from a line to a click on it
const lineOpacity = (strength) => Math.min(1, strength ** 0.8);
const lineWidth = (strength) => 0.6 + 2 * strength;

function lines(at) {
  const { token } = seen;
  const heads = activeHeads();
  const rows = token?.side === "query" ? [token.index] : [...queries.keys()];
  const columns = token?.side === "key" ? [token.index] : [...keys.keys()];
  let highest = at.highest || 1;
  if (token && !kind().shares) {
    // of what has no scale of its own, the chosen token's strongest line is the measure
    const shown = heads.flatMap((head) =>
      rows.flatMap((query) => columns.map((key) => (passes(query, key) ? at(head, query, key) : 0))),
    );
    highest = Math.max(0, ...shown) || 1;
  }
  return strongestLines(at, heads, { rows, columns, shows: passes, highest, most: LINES });
}

function paintLines(canvas, at) {
  const height = Math.max(queries.length, keys.length) * ROW;
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
    context.moveTo(0, (query + 0.5) * ROW);
    context.lineTo(GAP, (key + 0.5) * ROW);
    context.stroke();
  }
}

export async function showHeads(stage) {
  const at = await seenWeights();
  if (!at) return;
  const canvas = make("canvas", { role: "img", "aria-label": say("lines") });
  stage.replaceChildren(make("div", { class: "columns" }, tokenList("query", queries), canvas, tokenList("key", keys)));
  if (hasSteps && hasHeads()) opensLines(canvas, at);
  paintLines(canvas, at);
  showNumbers(at);
  markMasked(seen.masked);
}

/** A click on a line opens its steps. */
function opensLines(canvas, at) {
  const under = ({ offsetX, offsetY }) =>
    lineAt(lines(at), offsetX, offsetY, { width: canvas.offsetWidth, row: ROW, reach: REACH });
  canvas.addEventListener("mousemove", (event) => {
    canvas.style.cursor = under(event) ? "pointer" : "";
  });
  canvas.addEventListener("click", (event) => {
    const [head, query, key] = under(event) ?? [];
    if (head !== undefined) openSteps({ head, query, key });
  });
}

// ---------------------------------------------------------------- choosing a token

function tokenList(side, tokens) {
  const list = make("ul", {
    class: `tokens ${side}`,
    role: "listbox",
    "aria-label": say(side === "query" ? "queries" : "keys"),
  });
  const first = seen.token?.side === side ? seen.token.index : 0; // where Tab enters the list
  list.append(
    ...tokens.map((token, index) =>
      make(
        "li",
        {
          role: "option",
          "data-index": index,
          tabindex: index === first ? 0 : -1,
          title: token,
          style: { height: `${ROW}px` },
        },
        make("bdi", {}, token),
        make("span", { class: "number" }),
      ),
    ),
  );
  const target = (event) => event.target.closest("li");
  const isFree = () => !seen.token?.pinned;
  list.addEventListener(
    "mouseover",
    (event) => target(event) && isFree() && choose(side, +target(event).dataset.index),
  );
  list.addEventListener("mouseleave", () => isFree() && choose(null));
  list.addEventListener("click", (event) => target(event) && pin(side, +target(event).dataset.index));
  list.addEventListener("focusin", (event) => {
    for (const item of list.children) item.tabIndex = item === target(event) ? 0 : -1;
    if (isFree() && target(event).matches(":focus-visible")) choose(side, +target(event).dataset.index);
  });
  list.addEventListener("keydown", (event) => {
    const index = +target(event).dataset.index;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
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

export async function choose(side, index, pinned = false) {
  seen.token = side && { side, index, pinned };
  const at = await seenWeights();
  const canvas = document.querySelector(".columns canvas");
  if (!at || !canvas) return;
  paintLines(canvas, at);
  showNumbers(at);
}

// ---------------------------------------------------------------- saving

/** The same as SVG: its size and parts. */
export function drawHeads(at) {
  const [top, left] = [40, 290];
  const width = 2 * left + GAP;
  const middle = (index) => top + (index + 0.5) * ROW;
  const parts = lines(at).map(([head, query, key, strength]) => {
    const ends = `x1="${left}" y1="${middle(query)}" x2="${left + GAP}" y2="${middle(key)}"`;
    const opacity = lineOpacity(strength).toFixed(3);
    const stroke = `stroke="${lineColor(head)}" stroke-width="${lineWidth(strength).toFixed(2)}"`;
    return `<line ${ends} ${stroke} stroke-opacity="${opacity}"/>`;
  });
  const queryPlaces = { inner: left - 8, outer: 12, x: 4, anchors: ["end", "start"] };
  const keyPlaces = { inner: left + GAP + 8, outer: width - 12, x: left + GAP + 2, anchors: ["start", "end"] };
  parts.push(...drawnTokens(at, "query", queries, { ...queryPlaces, middle, width: left - 6 }));
  parts.push(...drawnTokens(at, "key", keys, { ...keyPlaces, middle, width: left - 6 }));
  return { width, height: middle(Math.max(queries.length, keys.length)) + 4, parts };
}

function drawnTokens(at, side, names, { inner, outer, x, anchors, middle, width }) {
  const { token } = seen;
  const values = token && chosenWeights(at);
  const tint = tints(at, values);
  return names.flatMap((name, index) => {
    const isChosen = token?.side === side && token.index === index;
    const value = token && side !== token.side ? values[index] : null;
    const [ink, opacity] = isChosen ? ["--accent", 1] : ["--for", value === null ? 0 : tint(value)];
    const box = `x="${x}" y="${middle(index) - ROW / 2}" width="${width}" height="${ROW}" rx="5"`;
    const ground = `<rect ${box} fill="rgb(${style(ink)})" fill-opacity="${opacity.toFixed(3)}"/>`;
    const look = [`text-anchor="${anchors[0]}"`];
    if (isChosen) look.push(`fill="${style("--on-accent")}"`);
    if (isMasked(index)) look.push('text-decoration="line-through"');
    const told = `text-anchor="${anchors[1]}" font-size="12"`;
    return [
      ...(opacity ? [ground] : []),
      text(inner, middle(index) + 4, fitted(name, 200), look.join(" ")),
      ...(value === null ? [] : [text(outer, middle(index) + 4, number(value), told)]),
    ];
  });
}

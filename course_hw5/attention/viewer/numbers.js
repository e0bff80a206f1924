// The chosen token's weights beside the tokens of the other column and, head by head, in a table.

import { headStyle } from "./colors.js";
import { $, make, style } from "./dom.js";
import { activeHeads, keys, kind, lineColor, queries, seen } from "./shared.js";
import { number } from "./text.js";
import { chosenWeights } from "./weights.js";

/** Writes the chosen token's weights beside the tokens of the other column and, head by head, into the table. */
export function showNumbers(at) {
  const { token } = seen;
  const values = token && chosenWeights(at);
  const tint = tints(at, values);
  for (const item of document.querySelectorAll(".tokens li")) {
    const side = item.parentNode.classList.contains("query") ? "query" : "key";
    const index = +item.dataset.index;
    const value = token && side !== token.side ? values[index] : null;
    item.classList.toggle("chosen", Boolean(token && side === token.side && index === token.index));
    item.lastChild.textContent = value === null ? "" : number(value);
    item.style.background = value === null ? "" : `rgba(${style("--for")}, ${tint(value)})`;
  }
  $("numbers").replaceChildren(
    !token
      ? make(
          "p",
          {},
          "Hover a token for its weights; click to keep them. ",
          "Left: the queries, which look. Right: the keys, which are looked at.",
        )
      : activeHeads().length
        ? table(at, values)
        : make("p", {}, "No head is chosen."),
  );
}

/** A function from a weight to the opacity of its colour behind a token. */
export function tints(at, values) {
  const highest = (kind().shares ? at.highest : Math.max(...(values ?? []))) || 1;
  return (value) => 0.7 * (value / highest);
}

function table(at, values) {
  const { side, index } = seen.token;
  const heads = activeHeads();
  const each = heads.length > 1 ? heads : [];
  const [own, others] = side === "query" ? [queries, keys] : [keys, queries];
  const told = [...values.keys()].filter((other) => values[other] !== null);
  const order = [...told].sort((a, b) => values[b] - values[a]).slice(0, 24);
  const title = side === "query" ? `Where “${own[index]}” looks` : `Who looks at “${own[index]}”`;
  const ofHead = (head, other) => (side === "query" ? at(head, index, other) : at(head, other, index));
  return make(
    "table",
    {},
    make("caption", {}, title, told.length > order.length ? `: ${order.length} of ${told.length}` : ""),
    make(
      "thead",
      {},
      make(
        "tr",
        {},
        make("th"),
        make("th", { class: "plain" }, "mean"),
        ...each.map((head) => make("th", { style: headStyle(lineColor(head)) }, String(head))),
      ),
    ),
    make(
      "tbody",
      {},
      ...order.map((other) =>
        make(
          "tr",
          { "data-index": other },
          make("th", {}, make("bdi", {}, others[other])),
          make("td", {}, number(values[other])),
          ...each.map((head) => make("td", {}, number(ofHead(head, other)))),
        ),
      ),
    ),
  );
}

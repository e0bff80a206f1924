// The chosen token's weights beside the tokens of the other column and, head by head, in a table.

import { headStyle } from "./colors.js";
import { $, make, style } from "./dom.js";
import { counted, listed, say } from "./language.js";
import { activeHeads, keys, kind, lineColor, queries, seen } from "./shared.js";
import { number } from "./text.js";
import { chosenWeights } from "./weights.js";

const MOST = 5000; // numbers in a table; a file is better for more

/** Writes the chosen token's weights beside the tokens of the other column and, head by head, into the table. */
export function showNumbers(at) {
  const { token } = seen;
  const values = token && chosenWeights(at);
  const tint = tints(at, values);
  for (const item of document.querySelectorAll(".tokens li")) {
    const side = item.parentNode.classList.contains("query") ? "query" : "key";
    const index = +item.dataset.index;
    const value = token && side !== token.side ? values[index] : null;
    const isChosen = Boolean(token && side === token.side && index === token.index);
    item.classList.toggle("chosen", isChosen);
    item.setAttribute("aria-selected", String(isChosen));
    item.lastChild.textContent = value === null ? "" : number(value);
    item.style.background = value === null ? "" : `rgba(${style("--for")}, ${tint(value)})`;
  }
  const isTold = token && activeHeads().length;
  $("said").textContent = "";
  $("numbers").replaceChildren(isTold ? table(at, values) : make("p", {}, say(token ? "choose_head" : "choose_token")));
}

/** A function from a weight to the opacity of its colour behind a token. */
export function tints(at, values) {
  const highest = (kind().shares ? at.highest : Math.max(...(values ?? []))) || 1;
  return (value) => 0.6 * (value / highest); // a text is read on it on a dark screen, too
}

function table(at, values) {
  const { side, index } = seen.token;
  const [own, others] = side === "query" ? [queries, keys] : [keys, queries];
  const title = say(side === "query" ? "where_looks" : "who_looks", { token: own[index] });
  const ofHead = (head, other) => (side === "query" ? at(head, index, other) : at(head, other, index));
  const ranked = [...values.keys()].filter((other) => values[other] !== null).sort((a, b) => values[b] - values[a]);
  const list = ranked.slice(0, 3).map((other) => `${others[other]} ${number(values[other])}`);
  $("said").textContent = list.length ? say("most", { title, list: listed(list) }) : title;
  return rankedTable(title, others, values, ranked, ofHead);
}

/** The strongest of some tokens in a table: a name, the mean and, where there are several, the value of each head. */
export function rankedTable(title, names, values, ranked, ofHead) {
  const heads = activeHeads();
  const each = heads.length > 1 ? heads : [];
  const order = ranked.slice(0, 24);
  const caption = ranked.length > 24 ? say("part_of", { title, count: order.length, all: ranked.length }) : title;
  const columns = each.map((head) => make("th", { scope: "col", style: headStyle(lineColor(head)) }, counted(head)));
  const mean = make("th", { class: "plain", scope: "col" }, say("mean"));
  const row = (token) => [values[token], ...each.map((head) => ofHead(head, token))];
  const made = plainTable(
    caption,
    [mean, ...columns],
    order.map((token) => [names[token], row(token)]),
  );
  order.forEach((token, index) => {
    made.tBodies[0].rows[index].dataset.index = token;
  });
  return made;
}

/** A table of numbers, those that are hidden left out: `columns` are names or cells, `rows` are [name, numbers]. */
export function plainTable(caption, columns, rows) {
  const named = (name) => make("bdi", {}, name);
  const heads = columns.map((column) => (column.tagName ? column : make("th", { scope: "col" }, named(column))));
  const cell = (value) => make("td", {}, Number.isNaN(value) ? "" : number(value));
  const lines = rows.map(([name, values]) =>
    make("tr", {}, make("th", { scope: "row" }, named(name)), ...values.map(cell)),
  );
  return make(
    "table",
    {},
    make("caption", {}, caption),
    make("thead", {}, make("tr", {}, make("td"), ...heads)),
    make("tbody", {}, ...lines),
  );
}

/** A closed part of the page that makes its table when it is opened; `fill` makes it anew. */
export function closedTable(count, made) {
  const summary = make("summary", {}, say("as_table"));
  const content = () => (count > MOST ? make("p", {}, say("too_many", { count })) : made());
  const fill = () => {
    seen.table = part.open;
    part.replaceChildren(summary, ...(part.open ? [content()] : []));
  };
  const part = make("details", { class: "wide", open: seen.table, ontoggle: fill }, summary);
  return Object.assign(part, { fill });
}

// The view of what one text's activations do to the answer of another.

import { $, make, style } from "./dom.js";
import { counted, say } from "./language.js";
import { state } from "./shared.js";
import { text } from "./svg.js";
import { quoted, signed, visible } from "./text.js";

/** A share of the whole difference between both answers, as a colour: blue moves towards the first, orange away. */
function transferCell(change) {
  const { logOdds } = state.patching;
  const share = change / (logOdds[0] - logOdds[1] || 1);
  const ink = share > 0 ? "--for" : "--against";
  return make(
    "td",
    { style: { "--tint": style(ink), "--strength": 0.45 * Math.min(1, Math.abs(share)) } },
    signed(change, 2),
  );
}

/** Names of the columns: a word piece, or both where the texts differ. */
const transferPieces = ([first, second]) =>
  first.map((token, i) => (token === second[i] ? visible(token) : `${visible(token)} → ${visible(second[i])}`));

/** What each table shows: the names of its columns and a row of numbers for each layer. */
export function transferTables() {
  const { changes, tokens } = state.patching;
  const of = {
    position: ["transfer.position", () => transferPieces(tokens)],
    head: ["transfer.head", () => changes.head[0].map((_, i) => counted(i))],
  };
  const found = Object.keys(of).filter((what) => changes[what]);
  return found.map((what) => {
    const names = of[what][1]();
    const rows = changes[what].map((row, layer) =>
      what === "head" && changes.layer ? [...row, changes.layer[layer]] : row,
    );
    return {
      caption: say(of[what][0]),
      names: rows[0].length > names.length ? [...names, say("whole_layer")] : names,
      rows,
    };
  });
}

export async function showTransfer(stage) {
  $("numbers").replaceChildren();
  const { logOdds, tokens } = state.patching;
  const [first, second] = tokens.map((pieces) => pieces.map(visible).join(" "));
  const [high, low] = logOdds.map((value) => signed(value, 2));
  const values = { first, second, high, low, name: visible(state.patching.name) };
  stage.replaceChildren(
    make("p", { class: "readout" }, say("transfer.what", values)),
    ...transferTables().map(({ caption, names, rows }) =>
      make(
        "div",
        { class: "wide", tabindex: 0, role: "group", "aria-label": caption },
        make(
          "table",
          {},
          make("caption", {}, caption),
          make("thead", {}, make("tr", {}, make("th", { class: "plain" }, say("layer")), ...names.map(columnHead))),
          make(
            "tbody",
            {},
            ...rows.map((row, i) => make("tr", {}, make("th", {}, counted(i)), ...row.map(transferCell))),
          ),
        ),
      ),
    ),
  );
}

const columnHead = (name) => make("th", { class: "plain", scope: "col" }, make("bdi", {}, name));

/** The same as SVG: its size and parts. */
export function drawTransfer() {
  const [left, across, down] = [50, 76, 22];
  let top = 60;
  const parts = [];
  let width = 360;
  for (const { caption, names, rows } of transferTables()) {
    parts.push(text(12, top, caption, 'font-weight="600"'));
    const middle = (column) => left + (column + 0.5) * across;
    const small = 'text-anchor="middle" font-size="11"';
    names.forEach((name, i) => parts.push(text(middle(i), top + down, name.slice(0, 12), small)));
    rows.forEach((row, layer) => {
      const y = top + (layer + 2) * down;
      parts.push(text(14, y, counted(layer)));
      row.forEach((change, i) => parts.push(text(middle(i), y, signed(change, 2), small)));
    });
    top += (rows.length + 3) * down;
    width = Math.max(width, left + names.length * across + 12);
  }
  return { width, height: top, parts };
}

/** A row for each layer and each word piece or head: what the log-odds change. */
export function transferCsv() {
  const rows = transferTables().flatMap(({ caption, names, rows }) =>
    rows.flatMap((row, layer) => row.map((change, i) => [quoted(caption), layer, quoted(names[i]), change].join(","))),
  );
  return `${["part,layer,place,change", ...rows].join("\n")}\n`;
}

import { counted, decimals, localized, say } from "../../../attention/viewer/language.js";

const {
  classes,
  matrix,
  are_pixels: arePixels,
  misclassified,
} = JSON.parse(document.getElementById("facts").textContent);
const panel = document.getElementById("misclassified");
const table = document.getElementById("matrix");
const element = (tag, text, parent, attributes = {}) => {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (parent) parent.append(node);
  return node;
};
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const total = (row) =>
  Math.max(
    1,
    matrix[row].reduce((sum, count) => sum + count, 0),
  );
const told = (count) => (arePixels ? say("pixels", { count }) : counted(count));
const percent = (share) => say("percent", { value: decimals(100 * share, 1) });
const buttons = () => [...table.querySelectorAll("button")];

/** Black or white, whichever is read more easily on the accent at some opacity. */
function inkOn(opacity) {
  const paper = [1, 3, 5].map((at) => parseInt(color("--paper").slice(at, at + 2), 16));
  const mixed = color("--accent")
    .split(",")
    .map((channel, i) => (opacity * channel + (1 - opacity) * paper[i]) / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * mixed[0] + 0.7152 * mixed[1] + 0.0722 * mixed[2] > 0.179 ? "#000" : "#fff";
}

function show(row, column) {
  const chosen = row * classes.length + column;
  buttons().forEach((button, index) => {
    button.setAttribute("aria-pressed", String(index === chosen));
    button.tabIndex = index === chosen ? 0 : -1; // where Tab enters the matrix
  });
  panel.replaceChildren();
  const hint = (text, parent = panel) => element("p", text, parent, { class: "hint" });
  const count = matrix[row][column];
  const isRight = row === column;
  const names = { true: classes[row], predicted: classes[column], told: told(count) };
  element("h3", say(isRight ? "recognised" : "classified", names), panel);
  if (arePixels) return hint(say("of_class", { percent: percent(count / total(row)) }));
  if (isRight) return hint(say("none_misclassified"));
  const cell = misclassified.find((entry) => entry.true === row && entry.predicted === column);
  if (!cell) return hint(say(count ? "none_kept" : "none_so"));
  const list = element("ol", undefined, panel);
  for (const example of cell.examples) {
    const item = element("li", undefined, list);
    const number = localized(String(example.number));
    if (example.image) element("img", undefined, item, { src: example.image, alt: say("test_image", { number }) });
    const text = element("div", undefined, item);
    if (example.text) element("q", example.text, text, { dir: "auto" });
    hint(say("example", { number }), text);
    const ranked = example.probabilities.map((p, index) => [p, index]).sort((a, b) => b[0] - a[0]);
    const shown = ranked.slice(0, 3);
    if (!shown.some(([, index]) => index === row)) shown.push(ranked.find(([, index]) => index === row));
    for (const [p, index] of shown)
      element("p", say("probability", { name: classes[index], percent: percent(p) }), text, {
        class: index === row ? "true" : "",
      });
  }
}

const head = element("tr", undefined, element("thead", undefined, table));
element("th", say("true_class"), head, { scope: "col", class: "corner" });
for (const name of classes)
  element("bdi", name, element("span", undefined, element("th", undefined, head, { scope: "col" }), { title: name }));
const body = element("tbody", undefined, table);
matrix.forEach((counts, row) => {
  const line = element("tr", undefined, body);
  element("bdi", classes[row], element("th", undefined, line, { scope: "row" }));
  counts.forEach((count, column) => {
    const share = count / total(row);
    const opacity = 0.06 + 0.8 * share;
    const shown = arePixels ? Math.round(100 * share) : count;
    const exactly = arePixels ? say("share_of_pixels", { share: shown, pixels: told(count) }) : told(count);
    const name = say("cell", { true: classes[row], predicted: classes[column], told: exactly });
    const button = element("button", counted(shown), element("td", undefined, line), {
      style: `background: rgba(var(--accent), ${opacity.toFixed(3)}); color: ${inkOn(opacity)}`,
      title: name,
      "aria-label": name,
      "aria-pressed": "false",
      tabindex: -1,
    });
    button.addEventListener("click", () => show(row, column));
  });
});
table.addEventListener("keydown", (event) => {
  const forward = document.documentElement.dir === "rtl" ? -1 : 1;
  const steps = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, forward], ArrowLeft: [0, -forward] };
  if (!steps[event.key]) return;
  event.preventDefault();
  const now = buttons().indexOf(document.activeElement);
  const row = Math.floor(now / classes.length) + steps[event.key][0];
  const column = (now % classes.length) + steps[event.key][1];
  if (column in classes && row in classes) buttons()[row * classes.length + column].focus();
});

let largest = [0, 0];
matrix.forEach((counts, row) =>
  counts.forEach((count, column) => {
    if (row !== column && (largest[0] === largest[1] || count > matrix[largest[0]][largest[1]]))
      largest = [row, column];
  }),
);
if (classes.length) show(...(classes.length > 1 ? largest : [0, 0]));

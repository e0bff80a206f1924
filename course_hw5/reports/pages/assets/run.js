(() => {
  const { classes, matrix, unit, misclassified } = JSON.parse(document.getElementById("facts").textContent);
  const panel = document.getElementById("misclassified");
  const element = (tag, text, parent, className) => {
    const node = document.createElement(tag);
    if (text !== undefined) node.textContent = text;
    if (className) node.className = className;
    if (parent) parent.append(node);
    return node;
  };

  const total = (row) =>
    Math.max(
      1,
      matrix[row].reduce((sum, count) => sum + count, 0),
    );
  const told = (count) => (unit ? `${count.toLocaleString("en")} ${unit}` : String(count));
  const percent = (share) => `${(100 * share).toFixed(1)} %`;

  function show(row, column, button) {
    document
      .querySelectorAll(".matrix button[aria-pressed=true]")
      .forEach((other) => other.setAttribute("aria-pressed", "false"));
    button.setAttribute("aria-pressed", "true");
    panel.replaceChildren();
    const count = matrix[row][column];
    const isRight = row === column;
    element(
      "h3",
      `${told(count)} of class “${classes[row]}” ${isRight ? "recognised" : `classified as “${classes[column]}”`}`,
      panel,
    );
    if (unit) {
      element("p", `${percent(count / total(row))} of that class.`, panel, "hint");
      return;
    }
    if (isRight) {
      element("p", "No misclassified examples in this cell.", panel, "hint");
      return;
    }
    const cell = misclassified.find((entry) => entry.true === row && entry.predicted === column);
    if (!cell) {
      element("p", count ? "No examples were kept for this cell." : "No example was misclassified so.", panel, "hint");
      return;
    }
    const list = element("ol", undefined, panel);
    for (const example of cell.examples) {
      const item = element("li", undefined, list);
      if (example.image)
        Object.assign(element("img", undefined, item), { src: example.image, alt: `test image ${example.number}` });
      const text = element("div", undefined, item);
      if (example.text) element("q", example.text, text);
      element("p", `no. ${example.number}`, text, "hint");
      const ranked = example.probabilities.map((p, index) => [p, index]).sort((a, b) => b[0] - a[0]);
      const shown = ranked.slice(0, 3);
      if (!shown.some(([, index]) => index === row)) shown.push(ranked.find(([, index]) => index === row));
      for (const [p, index] of shown) {
        element("p", `${classes[index]} ${percent(p)}`, text, index === row ? "true" : "");
      }
    }
  }

  const table = document.getElementById("matrix");
  const head = element("tr", undefined, element("thead", undefined, table));
  element("th", "", head);
  classes.forEach((name) => (element("span", name, element("th", undefined, head)).title = name));
  const body = element("tbody", undefined, table);
  matrix.forEach((counts, row) => {
    const line = element("tr", undefined, body);
    element("th", classes[row], line);
    counts.forEach((count, column) => {
      const share = count / total(row);
      const button = element("button", unit ? Math.round(100 * share) : count, element("td", undefined, line));
      button.style.background = `rgba(var(--accent), ${(0.06 + 0.8 * share).toFixed(3)})`;
      if (share > 0.6) button.style.color = "#fff";
      button.title = `${classes[row]} classified as ${classes[column]}: ${told(count)}`;
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => show(row, column, button));
    });
  });

  let largest = [0, 0];
  matrix.forEach((counts, row) =>
    counts.forEach((count, column) => {
      if (row !== column && (largest[0] === largest[1] || count > matrix[largest[0]][largest[1]]))
        largest = [row, column];
    }),
  );
  if (classes.length > 1) show(...largest, body.rows[largest[0]].querySelectorAll("button")[largest[1]]);
})();

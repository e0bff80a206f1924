(() => {
  const { image, mask, classes, ignored } = JSON.parse(document.getElementById("facts").textContent);
  const [stage, legend, pointed, opacity] = ["stage", "legend", "pointed", "opacity"].map((id) =>
    document.getElementById(id),
  );
  const map = document.getElementById("map");
  const context = map.getContext("2d", { willReadFrequently: true });
  const { width, height } = map;
  const known = new Map(classes.map((entry, index) => [entry.color.join(), index]));
  let indices; // of each pixel's class in `classes`, -1 where there is no label
  let kept = null;
  let shown;

  const decoded = (url) =>
    new Promise((resolve) =>
      Object.assign(new Image(), {
        src: url,
        onload() {
          resolve(this);
        },
      }),
    );
  const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

  /** Draws the segmentation mask: all of it, or one class. */
  function draw(only = kept) {
    if (only === shown) return;
    shown = only;
    const drawn = context.createImageData(width, height);
    indices.forEach((index, pixel) => {
      if (index < 0 || (only !== null && index !== only)) return;
      drawn.data.set(classes[index].color, 4 * pixel);
      drawn.data[4 * pixel + 3] = 255;
    });
    context.putImageData(drawn, 0, 0);
    [...legend.children].forEach((item, index) => item.classList.toggle("shown", index === only));
  }

  function keep(index) {
    kept = kept === index ? null : index;
    [...legend.querySelectorAll("button")].forEach((button, i) =>
      button.setAttribute("aria-pressed", String(i === kept)),
    );
    draw();
  }

  function point(event) {
    const box = map.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * width);
    const row = Math.floor(((event.clientY - box.top) / box.height) * height);
    const index = column >= 0 && column < width && row >= 0 && row < height ? indices[row * width + column] : -1;
    pointed.textContent = index < 0 ? ignored : `${classes[index].name}, ${percent(classes[index].share)} of the image`;
    [...legend.children].forEach((item, i) => item.classList.toggle("pointed", i === index));
  }

  classes.forEach((entry, index) => {
    const item = legend.appendChild(document.createElement("li"));
    const button = item.appendChild(document.createElement("button"));
    const swatch = button.appendChild(document.createElement("i"));
    swatch.style.background = `rgb(${entry.color})`;
    button.append(entry.name, Object.assign(document.createElement("span"), { textContent: percent(entry.share) }));
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => keep(index));
    for (const type of ["mouseenter", "focus"]) button.addEventListener(type, () => draw(index));
    for (const type of ["mouseleave", "blur"]) button.addEventListener(type, () => draw());
  });
  document.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (event.target === opacity) return;
    if (event.key === "Escape" && kept !== null) keep(kept);
    if (!step || !classes.length) return;
    event.preventDefault();
    const now = [...legend.querySelectorAll("button")].indexOf(document.activeElement);
    legend
      .querySelectorAll("button")
      [(now + (now < 0 && step < 0 ? 0 : step) + classes.length) % classes.length].focus();
  });
  const mix = () => {
    map.style.opacity = opacity.value / 100;
  };
  opacity.addEventListener("input", mix);
  mix();

  Promise.all([decoded(image), decoded(mask)]).then(([photo, colored]) => {
    document.getElementById("image").getContext("2d").drawImage(photo, 0, 0);
    context.drawImage(colored, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    indices = Int16Array.from({ length: width * height }, (_, pixel) => {
      const index = known.get(data.subarray(4 * pixel, 4 * pixel + 3).join());
      return index === undefined ? -1 : index;
    });
    draw(null);
    stage.addEventListener("pointermove", point);
    stage.addEventListener("pointerleave", () => {
      pointed.textContent = "\u00a0";
      [...legend.children].forEach((item) => item.classList.remove("pointed"));
    });
    document.body.dataset.ready = "true";
  });
})();

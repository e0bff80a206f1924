import { decimals, say } from "../../../attention/viewer/language.js";

const { image, mask, classes } = JSON.parse(document.getElementById("facts").textContent);
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
let cursor = null; // column and row of the pixel that arrow keys have reached

const decoded = (url) =>
  new Promise((resolve) =>
    Object.assign(new Image(), {
      src: url,
      onload() {
        resolve(this);
      },
    }),
  );
const percent = (share) => say("percent", { value: decimals(100 * share, share < 0.1 ? 1 : 0) });
const buttons = () => [...legend.querySelectorAll("button")];

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
  buttons().forEach((button, i) => button.setAttribute("aria-pressed", String(i === kept)));
  draw();
}

/** Names the class of a pixel. */
function point(column, row) {
  const index = column >= 0 && column < width && row >= 0 && row < height ? indices[row * width + column] : -1;
  const { name, share } = classes[index] ?? {};
  pointed.textContent = index < 0 ? say("no_label") : say("pointed", { name, percent: percent(share) });
  [...legend.children].forEach((item, i) => item.classList.toggle("pointed", i === index));
}

/** Moves the cursor by a fortieth of the image, with Shift by a pixel, and draws it as a cross over the mask. */
function move(across, down, isFine) {
  const step = isFine ? 1 : Math.ceil(Math.max(width, height) / 40);
  const inside = (value, most) => Math.max(0, Math.min(most - 1, value));
  const [column, row] = cursor ?? [Math.floor(width / 2) - across * step, Math.floor(height / 2) - down * step];
  cursor = [inside(column + across * step, width), inside(row + down * step, height)];
  stage.style.setProperty("--x", `${(100 * (cursor[0] + 0.5)) / width}%`);
  stage.style.setProperty("--y", `${(100 * (cursor[1] + 0.5)) / height}%`);
  stage.classList.add("pointing");
  point(...cursor);
}

function leave() {
  cursor = null;
  stage.classList.remove("pointing");
  pointed.textContent = "\u00a0";
  for (const item of legend.children) item.classList.remove("pointed");
}

classes.forEach((entry, index) => {
  const item = legend.appendChild(document.createElement("li"));
  const button = item.appendChild(document.createElement("button"));
  const swatch = button.appendChild(document.createElement("i"));
  swatch.style.background = `rgb(${entry.color})`;
  button.append(
    Object.assign(document.createElement("bdi"), { textContent: entry.name }),
    Object.assign(document.createElement("span"), { textContent: percent(entry.share) }),
  );
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => keep(index));
  for (const type of ["mouseenter", "focus"]) button.addEventListener(type, () => draw(index));
  for (const type of ["mouseleave", "blur"]) button.addEventListener(type, () => draw());
});
document.addEventListener("keydown", (event) => {
  const steps = { ArrowDown: [0, 1], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowLeft: [-1, 0] };
  if (event.target === opacity) return;
  if (event.key === "Escape" && kept !== null) keep(kept);
  const [across, down] = steps[event.key] ?? [0, 0];
  if (!steps[event.key]) return;
  event.preventDefault();
  if (event.target === map) return move(across, down, event.shiftKey);
  if (!classes.length) return;
  const now = buttons().indexOf(document.activeElement);
  const step = across + down;
  buttons()[(now + (now < 0 && step < 0 ? 0 : step) + classes.length) % classes.length].focus();
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
  stage.addEventListener("pointermove", (event) => {
    const box = map.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    point(Math.floor(x * width), Math.floor(y * height));
  });
  stage.addEventListener("pointerleave", leave);
  map.addEventListener("blur", leave);
  document.body.dataset.ready = "true";
});

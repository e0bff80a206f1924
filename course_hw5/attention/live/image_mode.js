// Images: chosen, dropped, pasted, drawn or rubbed out, and the classes that the model sees in them.

import { $, make } from "../viewer/dom.js";
import { say } from "../viewer/language.js";
import { state } from "../viewer/shared.js";
import { visible } from "../viewer/text.js";
import { brushTools } from "./brush.js";
import { config, live } from "./client.js";
import { fitImage } from "./resample.js";
import { commit, follow, inPercent, probabilityOf, session, tell } from "./session.js";

const LARGEST = 1024; // pixels of a side before it becomes the model's; a larger image is reduced by the browser
const MOST_BYTES = 100e6;

const loaded = (url) =>
  new Promise((resolve, reject) =>
    Object.assign(new Image(), { onload: ({ target }) => resolve(target), onerror: reject, src: url }),
  );

/** An image as the model reads it, of what a canvas can draw: the middle, in its size and its number of channels. */
function pixelsOf(source, width, height) {
  const canvas = make("canvas", { width, height });
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // what is transparent lies on white
  context.fillRect(0, 0, width, height);
  context.drawImage(source, 0, 0, width, height);
  const rgb = context.getImageData(0, 0, width, height).data.filter((_, i) => i % 4 !== 3);
  const made = fitImage(rgb, [width, height], [state.image.width, state.image.height]);
  if (config.channels === 3) return Uint8Array.from(made);
  return Uint8Array.from({ length: made.length / 3 }, (_, i) =>
    Math.round((made[3 * i] + made[3 * i + 1] + made[3 * i + 2]) / 3),
  );
}

/** An image file's pixels, and its own size. A file that is not whole is an error, which an `Image` would not be. */
async function readFile(file) {
  const url = URL.createObjectURL(file);
  try {
    const { naturalWidth, naturalHeight } = await loaded(url);
    const zoom = Math.min(1, LARGEST / Math.max(naturalWidth, naturalHeight));
    const [width, height] = [naturalWidth, naturalHeight].map((side) => Math.max(1, Math.round(side * zoom)));
    const reduced = zoom < 1 ? { resizeWidth: width, resizeHeight: height, resizeQuality: "high" } : {};
    const bitmap = await createImageBitmap(file, reduced);
    return { pixels: pixelsOf(bitmap, width, height), width: naturalWidth, height: naturalHeight };
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Reads an image file, or says in a sentence why not. */
export async function takeFile(file) {
  if (!file) return;
  const name = visible(file.name || say("pasted"));
  const refuse = () => tell(say("no_image", { name }));
  if (file.size > MOST_BYTES) return refuse();
  try {
    const { pixels, width, height } = await readFile(file);
    tell(Math.max(width, height) > LARGEST ? say("reduced", { name, width, height }) : "");
    commit({ pixels });
  } catch {
    refuse();
  }
}

async function drawingOf({ source }) {
  const drawing = await loaded(source);
  return pixelsOf(drawing, drawing.naturalWidth, drawing.naturalHeight);
}

export const firstPixels = () => drawingOf(live.drawings[0]);

function sharesOf(logits) {
  if (config.activation === "sigmoid") return logits.map(probabilityOf);
  const highest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - highest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** Everything that the page has for images. */
export function imageMode() {
  const file = make("input", {
    id: "file",
    type: "file",
    accept: "image/*",
    onchange: ({ target }) => {
      takeFile(target.files[0]);
      target.value = "";
    },
  });
  const drawings = live.drawings.map((drawing) => {
    const name = say(`drawing.${drawing.name}`);
    return make(
      "button",
      {
        class: "drawing",
        title: say("take_drawing", { name }),
        onclick: async () => commit({ pixels: await drawingOf(drawing) }),
      },
      make("img", { src: drawing.source, alt: name, width: 40, height: 40 }),
    );
  });
  const best = make("div", { id: "best", "aria-hidden": "true" }); // where the bars are off the screen of a telephone
  const classes = make("ol", { id: "classes", "aria-label": say("classes") });
  $("live-input").append(
    make(
      "div",
      { id: "sources" },
      make("div", { role: "group", "aria-label": say("drawings"), class: "drawings" }, ...drawings),
      make("label", { class: "file" }, say("choose_file"), " ", file),
      make(
        "button",
        { id: "blank", onclick: () => commit({ pixels: session.state.pixels.map(() => 255) }) },
        say("blank"),
      ),
    ),
    brushTools(),
    make("p", { class: "hint" }, say("image_hint")),
    classes,
  );
  document.body.append(best);
  document.addEventListener("paste", (event) => takeFile(event.clipboardData.files[0]));

  function answered() {
    const [{ logits }] = session.results;
    const shares = sharesOf(logits);
    const order = [...shares.keys()].sort((a, b) => shares[b] - shares[a]).slice(0, 10);
    const names = config.class_names.map(visible);
    // all in the order of their names where they are few, so that a bar stays where it is
    const listed = shares.length > 10 ? order : [...shares.keys()];
    state.predictions = order
      .slice(0, 5)
      .map((index) => ({ name: config.class_names[index], probability: shares[index] }));
    classes.replaceChildren(
      ...listed.map((index) =>
        make(
          "li",
          { class: index === order[0] ? "best" : "" },
          make("bdi", { title: names[index] }, names[index]),
          make("span", { class: "number" }, inPercent(shares[index])),
          make("div", { style: { "--share": `${100 * shares[index]}%` } }),
        ),
      ),
    );
    const told = say("told_class", { name: names[order[0]], percent: inPercent(shares[order[0]]) });
    $("said").textContent = told;
    best.textContent = told;
    document.body.dataset.answer = shares.map((share) => share.toFixed(7)).join(" ");
  }

  follow({ answered });
}

// The page's own controls around the viewer, and its start.

import { $, make } from "../viewer/dom.js";
import { say } from "../viewer/language.js";
import { isText, startModel } from "./client.js";
import { headSwitches } from "./head_switches.js";
import { firstPixels, imageMode, takeFile } from "./image_mode.js";
import { answered, follow, history, link, restore, session, step, tell } from "./session.js";
import { textMode } from "./text_mode.js";
import { makeTour } from "./tour.js";
import { learnWithout } from "./words.js";

async function copyLink() {
  const address = link();
  const field = $("link");
  field.value = address;
  $("link-label").hidden = false;
  field.select();
  try {
    await navigator.clipboard.writeText(address);
    tell(say("link_copied"));
  } catch {
    tell(say("link_shown"));
  }
}

function liveTools() {
  const undo = make("button", { id: "undo", onclick: () => step(-1) }, say("undo"));
  const redo = make("button", { id: "redo", onclick: () => step(1) }, say("redo"));
  const field = make("input", { id: "link", readonly: true });
  $("live-tools").prepend(undo, redo);
  $("live-tools").append(
    make("button", { id: "copy-link", onclick: copyLink }, say("link")),
    make("label", { id: "link-label", hidden: true }, say("link_field"), " ", field),
    make("button", { id: "tour-start", onclick: makeTour() }, say("guide.start")),
  );
  document.addEventListener("keydown", (event) => {
    const isField = event.target.matches("textarea, input:not([type]), input[type=text]");
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || isField) return;
    event.preventDefault();
    step(event.shiftKey ? 1 : -1);
  });
  follow({
    draw() {
      undo.disabled = !history.can(-1);
      redo.disabled = !history.can(1);
    },
  });
}

/** A file that is dropped would take the place of the page. */
function takeDrops() {
  const holdsFile = ({ dataTransfer }) => dataTransfer.types.includes("Files");
  document.addEventListener("dragover", (event) => holdsFile(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault();
    isText ? tell(say("no_files")) : takeFile(event.dataTransfer.files[0]);
  });
}

async function begin() {
  isText ? textMode() : imageMode();
  headSwitches();
  liveTools();
  takeDrops();
  const failed = () => tell(say("failed"));
  startModel({ results: answered, without: (told) => learnWithout(told), failed });
  const more = isText ? {} : { pixels: await firstPixels() };
  history.replace({ ...session.state, ...more });
  if (session.linked) restore(session.linked);
  else {
    session.state = history.now();
    if (location.hash.length > 1) tell(say("link_refused"));
    step(0);
  }
}

window.addEventListener("hashchange", () => location.reload());
begin();

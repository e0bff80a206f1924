// The model in the page: what it is asked and what it answers, as the viewer's weights.

import { $ } from "../viewer/dom.js";
import { state } from "../viewer/shared.js";
import { takeWeights } from "../viewer/weights.js";
import { rolloutOf, weightsAt } from "./answers.js";

export const { live } = state;
export const { config } = live;
export const isText = config.kind === "bert";

const workerUrl = URL.createObjectURL(new Blob([$("live-worker").textContent], { type: "text/javascript" }));
const worker = new Worker(workerUrl);
let asked = 0;
let lastAnswered = 0;
let listener = null;
let pending = null; // the newest wish while one that may not be overtaken is at work
let positions = null;

function bytesOf(id) {
  const text = $(id).textContent.trim();
  $(id).remove(); // the page needs it no longer
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

takeWeights(() => new Promise(() => {})); // the viewer waits for the first answer

/** Says, where nothing newer was asked, that all is shown. */
function rest(id) {
  if (id === asked && !pending) document.body.dataset.idle = "true";
}

/** Starts the model; `listen` gets results and, for texts, what the answer is without a word. */
export function startModel(listen) {
  listener = listen;
  worker.onmessage = ({ data }) => {
    if (data.ready) {
      ({ positions } = data);
      document.body.dataset.engine = data.ready;
    } else if (data.results) {
      lastAnswered = data.id;
      if (data.id === asked) listener.results(data.results).then(() => rest(data.id));
      if (pending) ask(pending);
    } else if (data.id === asked) listener.without(data);
  };
  worker.onerror = () => listener.failed();
  const weights = bytesOf("live-weights");
  worker.postMessage({ config, weights, code: bytesOf("live-code") }, [weights.buffer]);
}

/** Runs the model on {texts, masked, off} or {pixels, off}; what ran before ends. */
export function ask(wish) {
  pending = null;
  delete document.body.dataset.idle;
  worker.postMessage({ ...wish, id: ++asked });
}

/** The same while something is drawn: what runs comes to its end first, so that there is always something to see. */
export function askGently(wish) {
  if (lastAnswered === asked) ask(wish);
  else pending = wish;
}

// ---------------------------------------------------------------- as the viewer's weights

/** A function (kind, layer) -> promise of weights, as the viewer takes it. `other` is what the difference is to. */
export function weightsOf({ attention, content }, other) {
  const { layers, heads } = config;
  const tokens = Math.sqrt(attention.length / (layers * heads));
  const made = {
    attention: () => attention,
    content_logits: () => content,
    position_logits: () => positions,
    rollout: () => rolloutOf(attention, { tokens, heads, layers }),
    difference: () => attention.map((value, i) => (other ? other.attention[i] - value : 0)),
  };
  const kept = {};
  return async (kindIndex, layer) => {
    const { name, heads: count } = state.kinds[kindIndex];
    kept[name] ??= made[name]();
    return weightsAt(kept[name], tokens, count, layer);
  };
}

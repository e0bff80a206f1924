// What runs beside the page, so that it never freezes: the model, and for texts the tokenizer.

import { readModel } from "./engine.js";
import { makeTokenizer } from "./tokenizer.js";

const channel = new MessageChannel();
let model = null;
let tokenizer = null;
let wanted = null;
let isBusy = false;

/** Lets a newer wish in, and says whether there is one. */
const isOvertaken = () =>
  new Promise((resolve) => {
    channel.port1.onmessage = () => resolve(wanted !== null);
    channel.port2.postMessage(0);
  });

async function answer(input, off, more = {}) {
  const found = await model.run(input, off, isOvertaken);
  return found && { ...more, logits: found.logits, attention: found.attention.slice(), content: found.content.slice() };
}

/** What each word is for: the logit without it, told as soon as it is known. */
async function maskEach({ id, texts, masked }, off, most) {
  for (const [sentence, text] of texts.entries()) {
    const { words } = tokenizer.encode(text, most);
    for (const [word, { start }] of words.entries()) {
      const without = new Set([...masked[sentence], start]);
      const found = await model.run(tokenizer.encode(text, most, without).ids, off, isOvertaken);
      if (!found) return;
      self.postMessage({ id, sentence, word, without: found.logits[0] });
    }
  }
}

async function work(wish) {
  const off = new Set(wish.off);
  const most = model.config.tokens;
  const results = [];
  const inputs = wish.texts
    ? wish.texts.map((text, index) => tokenizer.encode(text, most, new Set(wish.masked[index])))
    : [{ ids: wish.pixels }];
  for (const { ids, ...more } of inputs) {
    const result = await answer(ids, off, more);
    if (!result) return;
    results.push(result);
  }
  const moved = results.flatMap(({ attention, content }) => [attention.buffer, content.buffer]);
  self.postMessage({ id: wish.id, results }, moved);
  if (wish.texts) await maskEach(wish, off, most);
}

async function start({ config, weights, code }) {
  if (config.vocabulary) tokenizer = makeTokenizer(config.vocabulary, config.lowercase);
  try {
    model = await readModel(config, weights, code);
  } catch {
    model = await readModel(config, weights, null); // a browser without WebAssembly's vectors
  }
  self.postMessage({ ready: model.kernels, positions: model.positions?.slice() ?? null });
}

async function next() {
  if (isBusy || !model) return;
  isBusy = true;
  while (wanted) {
    const wish = wanted;
    wanted = null;
    await work(wish);
  }
  isBusy = false;
}

self.onmessage = async ({ data }) => {
  if (data.config) await start(data);
  else wanted = data;
  next();
};

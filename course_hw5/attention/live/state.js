// What the reader has made of the page: changes of a text, undo, and the link that restores it. Nothing here draws.

export const LONGEST = 5000; // characters of a text that the page takes
const MOST_STATES = 100; // that can be undone

/** A text and whether it had to be cut, never within a character. */
export function cut(text, most = LONGEST) {
  if (text.length <= most) return [text, false];
  return [text.slice(0, most).replace(/[\uD800-\uDBFF]$/, ""), true];
}

/**
 * A text with one of its words, {start, end} each, moved to another's place; what stands between words stays where it is.
 * The second value says where each word starts now.
 */
export function moved(text, words, from, to) {
  const order = [...words.keys()];
  order.splice(to, 0, ...order.splice(from, 1));
  const starts = [];
  let result = text.slice(0, words[0].start);
  order.forEach((word, place) => {
    starts[word] = result.length;
    const next = words[place + 1]?.start ?? text.length;
    result += text.slice(words[word].start, words[word].end) + text.slice(words[place].end, next);
  });
  return [result, starts];
}

export const replaced = (text, { start, end }, by) => text.slice(0, start) + by + text.slice(end);

/** Which words stay masked when a text changes, by where they start: those before its change and those after it. */
export function keptMasks(before, after, starts) {
  const most = Math.min(before.length, after.length);
  let same = 0;
  while (same < most && before[same] === after[same]) same++;
  let rest = 0;
  while (rest < most - same && before[before.length - 1 - rest] === after[after.length - 1 - rest]) rest++;
  return starts.flatMap((start) =>
    start < same ? [start] : start >= before.length - rest ? [start + after.length - before.length] : [],
  );
}

/** States in the order in which they were made. One made while `typing` takes the place of the last that was. */
export function makeHistory(start) {
  const states = [start];
  let now = 0;
  let typedAt = -Infinity;
  return {
    now: () => states[now],
    /** Puts another state in the place of the present one. */
    replace(state) {
      states[now] = state;
    },
    push(state, { typing = false, time = 0 } = {}) {
      const joins = typing && time - typedAt < 1000 && now > 0;
      states.splice(now + (joins ? 0 : 1), Infinity, state);
      if (states.length > MOST_STATES) states.shift();
      now = states.length - 1;
      typedAt = typing ? time : -Infinity;
    },
    /** Steps back by -1, or forth by 1; null where there is nothing. */
    step(by) {
      if (states[now + by] === undefined) return null;
      now += by;
      typedAt = -Infinity;
      return states[now];
    },
    can: (by) => states[now + by] !== undefined,
  };
}

// ---------------------------------------------------------------- links

const toBase64 = (bytes) => {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};
const fromBase64 = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));

/** A state as the part of an address after #. Pixels, a Uint8Array, become text, too. */
export const toLink = (state) =>
  toBase64(
    new TextEncoder().encode(JSON.stringify(state.pixels ? { ...state, pixels: toBase64(state.pixels) } : state)),
  );

const isPlace = (value, count) => Number.isInteger(value) && value >= 0 && value < count;
const arePlaces = (values, count) => Array.isArray(values) && values.every((value) => isPlace(value, count));

/** The state of a link, or null if it is none of this page's model. */
export function fromLink(link, { kind, layers, heads, grid, side, channels }) {
  try {
    const { off, view, layer, ...rest } = JSON.parse(new TextDecoder().decode(fromBase64(link)));
    const views = [kind === "bert" ? "Heads" : "Image", "Matrix", "Model"];
    if (!arePlaces(off, layers * heads) || !views.includes(view) || !isPlace(layer, layers)) return null;
    const shared = { off: [...new Set(off)], view, layer };
    if (kind === "bert") {
      const { texts, masked, shown } = rest;
      const areTexts = [texts, masked].every((each) => Array.isArray(each) && (each.length === 1 || each.length === 2));
      if (!areTexts || texts.length !== masked.length || !isPlace(shown, texts.length)) return null;
      if (!texts.every((text) => typeof text === "string") || !masked.every((one) => arePlaces(one, LONGEST)))
        return null;
      return { texts: texts.map((text) => cut(text)[0]), masked, shown, ...shared };
    }
    const pixels = fromBase64(rest.pixels);
    return pixels.length === grid[0] * grid[1] * side ** 2 * channels ? { pixels, ...shared } : null;
  } catch {
    return null;
  }
}

// Elements of the page.

export const $ = (id) => document.getElementById(id);
export const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Makes an element; strings become text, so that tokens are never markup. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

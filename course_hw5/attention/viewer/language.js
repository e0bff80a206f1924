// The page's texts and numbers in its language, from the catalogue that stands in the page.

export const strings = JSON.parse(document.getElementById("strings").textContent);
const plurals = new Intl.PluralRules(strings.lang);

/** The text of a number with the digits and signs of the language; an exponent keeps its sign. */
export const localized = (text) =>
  text.replace(/(?<!e)-|[0-9.,]/g, (sign) => strings.digits["0123456789.,-".indexOf(sign)]);
export const decimals = (value, digits) => localized(value.toFixed(digits));
export const counted = (count) => localized(count.toLocaleString("en"));

/** The text of a key with values in place of their names in braces; of plural forms, the one for `count`. */
export function say(key, values = {}) {
  const forms = strings[key];
  const text = typeof forms === "string" ? forms : forms[plurals.select(values.count)];
  const isolated = (value) => (strings.dir === "rtl" ? `\u2068${value}\u2069` : value); // a name keeps its own direction
  const shown = (value) => (typeof value === "number" ? counted(value) : isolated(value));
  return text.replace(/\{(\w+)\}/g, (_, name) => shown(values[name]));
}

/** Several texts as one. */
export const listed = (texts) => new Intl.ListFormat(strings.lang, { type: "unit" }).format(texts);

/** Values of Graphite's picture attributes, which are always text. Pure. */

/** A colour of Graphite's `colorList`, which needs no `#`. @param {string} text */
function given(text) {
  return /^#?[0-9a-f]{6}$/i.test(text) ? `#${text.replace("#", "")}` : "";
}

/** @param {string | undefined} text */
export function numberOf(text) {
  const value = Number(text);
  return text === undefined || text === "" || !Number.isFinite(value) ? undefined : value;
}

/** @param {string | undefined} list @returns {string[]} */
export function coloursOf(list) {
  return (list ?? "")
    .split(",")
    .map((text) => given(text.trim()))
    .filter((text) => text !== "");
}

/** @param {string | undefined} text */
export function isSet(text) {
  return ["true", "True", "1"].includes(text ?? "");
}

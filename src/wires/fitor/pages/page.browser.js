/**
 * What the scripts of a room's page have in common: what the page says of itself, and how they tell each other what happens.
 */
export const chat = document.querySelector("[data-chat]");

/** What the page says of itself by a name such as `-room`; `-after` is the newest line that is known. @param {string} name */
export function said(name) {
  return chat?.getAttribute(`data-chat${name}`) ?? "";
}

/** Tells the other scripts. @param {string} what @param {unknown} detail */
export function tell(what, detail) {
  document.dispatchEvent(new CustomEvent(`fitor-${what}`, { detail }));
}

/** Hears what another script tells. @param {string} what @param {(detail: any) => void} taken */
export function onTold(what, taken) {
  document.addEventListener(`fitor-${what}`, (event) => event instanceof CustomEvent && taken(event.detail));
}

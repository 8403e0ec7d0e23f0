/**
 * Marks rooms in which something was said since they were looked at, here or on another page of the same browser.
 */
import { said } from "./page.browser.js";

const rooms = document.querySelector("[data-rooms]");
/** The room of this page. */
export const here = said("-room");
/** Whether the browser keeps what was read. */
let isKept = true;

/** The newest line of a room that was read: from now on at least the given one. @param {string} room @param {number} [id] */
export function readId(room, id = 0) {
  try {
    const known = Number(localStorage.getItem(`fitor ${room}`) ?? 0);
    if (id > known) localStorage.setItem(`fitor ${room}`, String(id));
    return Math.max(known, id);
  } catch {
    // Storage may be forbidden; new is then only what comes while the page is open.
    isKept = false;
    return Number.MAX_SAFE_INTEGER;
  }
}

/** @type {Map<string, number>} */
const unread = new Map();
/** The newest line that was heard of each room: the list of rooms may be drawn a moment before. @type {Map<string, number>} */
const newest = new Map();

/** Shows which rooms have something new. */
export function showUnread() {
  for (const link of rooms?.querySelectorAll("[data-room]") ?? []) {
    const room = link.getAttribute("data-room") ?? "";
    const badge = link.querySelector(".room-unread");
    const newestId = Math.max(Number(link.getAttribute("data-newest")), newest.get(room) ?? 0);
    const isBehind = newestId > readId(room);
    // It may have been read on another page meanwhile.
    if (isKept && !isBehind) unread.delete(room);
    const count = unread.get(room) ?? 0;
    if (!(badge instanceof HTMLElement)) continue;
    badge.hidden = room === here || (count === 0 && !isBehind);
    badge.textContent = count > 0 ? String(Math.min(count, 99)) : "new";
  }
}

/** Something was said in another room. @param {string} room @param {number} id */
export function addUnread(room, id) {
  unread.set(room, (unread.get(room) ?? 0) + 1);
  newest.set(room, id);
  showUnread();
}

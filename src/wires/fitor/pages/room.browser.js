/**
 * Makes the page of a room live: draws lines, people and rooms as they are heard, and marks rooms in which something was said
 * since they were looked at. All HTML is the server's.
 */
import { chat, onTold, said } from "./page.browser.js";
import { addUnread, here, readId, showUnread } from "./unread.browser.js";

const lines = document.querySelector("[data-lines]");
const rooms = document.querySelector("[data-rooms]");
const people = document.querySelector("[data-people]");
const head = document.querySelector("[data-head]");
const state = document.querySelector("[data-chat-state]");
const answer = document.querySelector("[data-chat-said]");
const isNow = said("-live") === "yes";
const title = document.title;
const most = 1000;
let waiting = 0;

/** @param {string} words @param {"good" | "warn"} tone */
function tell(words, tone) {
  if (!state || state.textContent === words) return;
  state.textContent = words;
  state.setAttribute("data-tone", tone);
}

function isAtEnd() {
  return !lines || lines.scrollHeight - lines.scrollTop - lines.clientHeight < 60;
}

function toEnd() {
  if (lines) lines.scrollTop = lines.scrollHeight;
}

/** @param {string} html */
function elementOf(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

/** @param {{ room: string, id: number, kind: string, html: string }} line */
function take({ html, id, kind, room }) {
  // Each line once, whichever way it came; those that hear and ask go on from here.
  if (id <= Number(said("-after"))) return;
  chat?.setAttribute("data-chat-after", String(id));
  if (room !== here || !isNow) {
    if (!["message", "action", "notice"].includes(kind)) return;
    addUnread(room, id);
    return;
  }
  if (!lines || document.getElementById(`l${id}`)) return;
  const row = elementOf(html);
  if (!row) return;
  const wasAtEnd = isAtEnd();
  const last = lines.querySelector(".line:last-child");
  const day = row.getAttribute("data-day") ?? "";
  if (last?.getAttribute("data-day") !== day) {
    const heading = document.createElement("li");
    heading.className = "line-day";
    heading.textContent = day;
    lines.append(heading);
  }
  lines.querySelector("[data-nothing]")?.remove();
  if (document.hidden && waiting === 0) {
    lines.querySelector(".line-new")?.classList.remove("line-new");
    row.classList.add("line-new");
  }
  lines.append(row);
  while (lines.children.length > most) lines.firstElementChild?.remove();
  if (wasAtEnd) toEnd();
  if (document.hidden) {
    waiting++;
    document.title = `(${waiting}) ${title}`;
  } else readId(here, id);
}

/** What was drawn last beside the lines: what stays as it is is not touched, as somebody may be reading in it. */
const drawn = new Map();

/** Draws a part; who stands on a room of the list by keyboard still does. @param {Element} place @param {string} html */
function draw(place, html) {
  const { activeElement } = document;
  const room = place.contains(activeElement) ? activeElement?.getAttribute("data-room") : undefined;
  place.innerHTML = html;
  const link = room && place.querySelector(`[data-room="${CSS.escape(room)}"]`);
  if (link instanceof HTMLElement) link.focus({ preventScroll: true });
}

/** @param {Record<string, unknown>} parts */
function takeParts(parts) {
  for (const [name, place] of Object.entries({ rooms, people, head })) {
    const html = parts[name];
    if (!place || typeof html !== "string" || drawn.get(name) === html) continue;
    drawn.set(name, html);
    draw(place, html);
  }
  showUnread();
}

// Hearing and speaking are scripts of their own, which tell here what came.
onTold("line", take);
onTold("parts", takeParts);
onTold("state", ({ tone, words }) => tell(words, tone));
onTold("said", ({ isOut, words }) => {
  // Beside the state, which changes with every question: why something was not said stays until it is mended.
  if (answer && answer.textContent !== words) answer.textContent = words;
  if (isOut) toEnd();
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  waiting = 0;
  document.title = title;
  readId(here, Number(lines?.querySelector(".line:last-child")?.getAttribute("data-id") ?? 0));
});

addEventListener("storage", showUnread);
addEventListener("pageshow", showUnread);

if (chat) {
  if (isNow) {
    // Of a page that came anew behind others nobody has read anything.
    if (!document.hidden)
      readId(here, Number(rooms?.querySelector("[aria-current]")?.getAttribute("data-newest") ?? 0));
    if (location.hash === "") toEnd();
  }
  showUnread();
}

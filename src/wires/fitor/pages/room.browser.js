/**
 * Makes the page of a room live: draws lines, people and rooms as they are heard, and marks rooms in which something was said
 * since they were looked at. All HTML is the server's.
 */
const chat = document.querySelector("[data-chat]");
const lines = document.querySelector("[data-lines]");
const rooms = document.querySelector("[data-rooms]");
const people = document.querySelector("[data-people]");
const head = document.querySelector("[data-head]");
const state = document.querySelector("[data-chat-state]");
const here = chat?.getAttribute("data-chat-room") ?? "";
const isNow = chat?.getAttribute("data-chat-live") === "yes";
const title = document.title;
const most = 1000;
let waiting = 0;
/** Whether the browser keeps what was read. */
let isKept = true;

/** @param {string} words @param {"good" | "warn"} tone */
function tell(words, tone) {
  if (!state || state.textContent === words) return;
  state.textContent = words;
  state.setAttribute("data-tone", tone);
}

/** The newest line of a room that was read: from now on at least the given one. @param {string} room @param {number} [id] */
function readId(room, id = 0) {
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

function showUnread() {
  for (const link of rooms?.querySelectorAll("[data-room]") ?? []) {
    const room = link.getAttribute("data-room") ?? "";
    const badge = link.querySelector(".room-unread");
    const isBehind = Number(link.getAttribute("data-newest")) > readId(room);
    // It may have been read on another page meanwhile.
    if (isKept && !isBehind) unread.delete(room);
    const count = unread.get(room) ?? 0;
    if (!(badge instanceof HTMLElement)) continue;
    badge.hidden = room === here || (count === 0 && !isBehind);
    badge.textContent = count > 0 ? String(Math.min(count, 99)) : "new";
  }
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
  if (id <= Number(chat?.getAttribute("data-chat-after"))) return;
  chat?.setAttribute("data-chat-after", String(id));
  if (room !== here || !isNow) {
    if (!["message", "action", "notice"].includes(kind)) return;
    unread.set(room, (unread.get(room) ?? 0) + 1);
    rooms?.querySelector(`[data-room="${CSS.escape(room)}"]`)?.setAttribute("data-newest", String(id));
    showUnread();
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

/** @param {Record<string, unknown>} parts */
function takeParts(parts) {
  for (const [name, place] of Object.entries({ rooms, people, head })) {
    const html = parts[name];
    if (!place || typeof html !== "string" || drawn.get(name) === html) continue;
    drawn.set(name, html);
    place.innerHTML = html;
  }
  showUnread();
}

/** @param {string} what @param {(detail: any) => void} taken */
function onTold(what, taken) {
  document.addEventListener(`fitor-${what}`, (event) => event instanceof CustomEvent && taken(event.detail));
}

// Hearing and speaking are scripts of their own, which tell here what came.
onTold("line", take);
onTold("parts", takeParts);
onTold("state", ({ tone, words }) => tell(words, tone));
onTold("said", ({ isOut, words }) => {
  if (words) tell(words, "warn");
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

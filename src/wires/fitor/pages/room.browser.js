/**
 * Makes the page of a room live: lines, people and rooms come by server-sent events, what is said goes out without a reload,
 * and rooms in which something was said since they were looked at carry a mark. All HTML is the server's.
 */
const chat = document.querySelector("[data-chat]");
const lines = document.querySelector("[data-lines]");
const rooms = document.querySelector("[data-rooms]");
const people = document.querySelector("[data-people]");
const head = document.querySelector("[data-head]");
const state = document.querySelector("[data-chat-state]");
const form = document.querySelector("[data-speak]");
const here = chat?.getAttribute("data-chat-room") ?? "";
const isNow = chat?.getAttribute("data-chat-live") === "yes";
const title = document.title;
const most = 1000;
let waiting = 0;

/** @param {string} words @param {"good" | "warn"} tone */
function tell(words, tone) {
  if (!state || state.textContent === words) return;
  state.textContent = words;
  state.setAttribute("data-tone", tone);
}

/** @param {string} room */
function readId(room) {
  return Number(localStorage.getItem(`fitor ${room}`) ?? 0);
}

/** @param {string} room @param {number} id */
function markRead(room, id) {
  if (id > readId(room)) localStorage.setItem(`fitor ${room}`, String(id));
}

/** @type {Map<string, number>} */
const unread = new Map();

function showUnread() {
  for (const link of rooms?.querySelectorAll("[data-room]") ?? []) {
    const room = link.getAttribute("data-room") ?? "";
    const badge = link.querySelector(".room-unread");
    const count = unread.get(room) ?? 0;
    const isBehind = Number(link.getAttribute("data-newest")) > readId(room);
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
  } else markRead(here, id);
}

/** @param {string} url */
function follow(url) {
  const stream = new EventSource(url);
  stream.addEventListener("open", () => tell("Live", "good"));
  stream.addEventListener("line", (event) => take(JSON.parse(event.data)));
  stream.addEventListener("rooms", (event) => {
    if (rooms) rooms.innerHTML = event.data;
    showUnread();
  });
  stream.addEventListener("people", (event) => {
    if (people) people.innerHTML = event.data;
  });
  stream.addEventListener("head", (event) => {
    if (head) head.innerHTML = event.data;
  });
  stream.addEventListener("gap", () => location.reload());
  stream.addEventListener("error", () => {
    const isOver = stream.readyState === EventSource.CLOSED;
    tell(isOver ? "Not live: reload to see what is new." : "Connection lost, trying again", "warn");
  });
  addEventListener("pagehide", () => stream.close(), { once: true });
  addEventListener("pageshow", (event) => event.persisted && follow(url), { once: true });
}

if (form instanceof HTMLFormElement) {
  const field = form.querySelector("[data-speak-text]");
  const nick = form.querySelector("[name=nick]");
  const known = localStorage.getItem("fitor-nick");
  if (nick instanceof HTMLInputElement && known) nick.value = known;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!(field instanceof HTMLInputElement) || field.value.trim() === "") return;
    const words = field.value;
    if (nick instanceof HTMLInputElement) localStorage.setItem("fitor-nick", nick.value);
    const body = new URLSearchParams([...new FormData(form)].map(([name, value]) => [name, String(value)]));
    field.value = "";
    let reason = "";
    let isHeld = false;
    try {
      const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
      const told = await answer.json();
      isHeld = told.outcome === "held";
      if (!answer.ok) reason = told.detail ?? `The server answered ${answer.status}`;
    } catch {
      reason = "The server cannot be reached";
    }
    if (reason !== "") {
      // What could not be said is not lost.
      if (field.value === "") field.value = words;
      tell(reason, "warn");
    } else {
      if (!isNow) location.assign(location.pathname);
      if (isHeld) tell("The channel is away: it will be said there when it is back", "warn");
      toEnd();
    }
  });
  if (isNow && matchMedia("(hover: hover)").matches && field instanceof HTMLElement) field.focus();
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  waiting = 0;
  document.title = title;
  markRead(here, Number(lines?.querySelector(".line:last-child")?.getAttribute("data-id") ?? 0));
});

/** Alt and an arrow go from room to room. @param {KeyboardEvent} event */
function step(event) {
  if (!event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  const links = [...(rooms?.querySelectorAll("a[data-room]") ?? [])];
  const at = links.findIndex((link) => link.hasAttribute("aria-current"));
  const next = links[(at + (event.key === "ArrowDown" ? 1 : links.length - 1)) % links.length];
  if (!(next instanceof HTMLAnchorElement) || links.length < 2) return;
  event.preventDefault();
  next.click();
}
document.addEventListener("keydown", step);

if (chat) {
  if (isNow) {
    markRead(here, Number(rooms?.querySelector("[aria-current]")?.getAttribute("data-newest") ?? 0));
    if (location.hash === "") toEnd();
  }
  showUnread();
  follow(chat.getAttribute("data-chat") ?? "");
}

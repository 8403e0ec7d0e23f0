/** Shows messages as they come, newest first, at most 200; while the pointer is over them nothing moves. */
const list = document.querySelector("[data-tap]");
const stateLine = document.querySelector("[data-tap-state]");
const empty = document.querySelector("[data-tap-empty]");
const most = 200;
/** @type {string[]} */
const held = [];
let isHeld = false;
let skipped = 0;

/** @param {string} words */
function tell(words) {
  if (stateLine) stateLine.textContent = words;
}

function tellLive() {
  const more = skipped > 0 ? ` ${skipped} came too fast to be shown.` : "";
  const waits = isHeld && held.length > 0 ? ` ${held.length} wait until the pointer leaves.` : "";
  tell(`Live, newest first.${more}${waits}`);
}

/** @param {string} data */
function show(data) {
  const { address, at, content, position } = JSON.parse(data);
  if (!list || list.querySelector(`[data-position="${CSS.escape(position)}"]`)) return;
  const item = document.createElement("li");
  item.dataset["position"] = position;
  const time = document.createElement("time");
  const instant = new Date(at).toISOString();
  time.dateTime = instant;
  time.title = `${instant.slice(0, 19).replace("T", " ")} UTC`;
  time.textContent = instant.slice(11, 19);
  const place = document.createElement("span");
  place.className = "tap-address";
  place.textContent = address;
  const code = document.createElement("code");
  code.textContent = content;
  item.append(time, place, code);
  list.prepend(item);
  while (list.children.length > most) list.lastElementChild?.remove();
  if (empty instanceof HTMLElement) empty.hidden = true;
}

/** @param {string} url */
function follow(url) {
  const stream = new EventSource(url);
  stream.addEventListener("message", ({ data }) => {
    if (isHeld) {
      held.push(data);
      if (held.length > most) held.shift();
    } else show(data);
    tellLive();
  });
  stream.addEventListener("skipped", ({ data }) => {
    skipped += Number(data);
    tellLive();
  });
  stream.addEventListener("open", tellLive);
  stream.addEventListener("error", () => {
    tell(stream.readyState === EventSource.CLOSED ? "Not live: reload to go on." : "Connection lost, trying again.");
  });
  addEventListener("pagehide", () => stream.close(), { once: true });
  addEventListener("pageshow", (event) => event.persisted && follow(url), { once: true });
}

list?.addEventListener("pointerenter", () => {
  isHeld = true;
});
list?.addEventListener("pointerleave", () => {
  isHeld = false;
  for (const data of held.splice(0)) show(data);
  tellLive();
});
const source = list?.getAttribute("data-tap");
if (source) follow(source);

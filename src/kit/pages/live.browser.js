/**
 * Keeps the parts marked `data-live` as the server sees them: the stream named by `data-live-source` sends each part that
 * changed as a whole, as an event with the part's name. The browser reconnects by itself; the server then sends all parts
 * again. A part that holds the focus keeps it, and `details` that were opened stay open; what would take away marked text,
 * or what somebody is pressing on, waits until that is over.
 */
const source = document.body.dataset["liveSource"];
const stateLine = document.querySelector("[data-live-state]");
const asOf = document.querySelector("[data-as-of]");

/**
 * @param {string} word
 * @param {"good" | "warn"} tone
 */
function tell(word, tone) {
  if (!stateLine || stateLine.textContent === word) return;
  stateLine.textContent = word;
  stateLine.setAttribute("data-tone", tone);
}

/** A path to an element from its part, to find its successor. @param {Element} element @param {Element} part */
function placeOf(element, part) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  const steps = [];
  for (let current = element; current !== part && current.parentElement; current = current.parentElement) {
    steps.unshift(`:nth-child(${[...current.parentElement.children].indexOf(current) + 1})`);
  }
  return `:scope > ${steps.join(" > ")}`;
}

/**
 * @param {Element} part
 * @param {string} html
 */
function replace(part, html) {
  const open = [...part.querySelectorAll("details[open]")].map((details) => placeOf(details, part));
  const focused = document.activeElement;
  const place = focused && focused !== part && part.contains(focused) ? placeOf(focused, part) : undefined;
  const template = document.createElement("template");
  template.innerHTML = html;
  part.replaceChildren(template.content);
  for (const details of open) part.querySelector(details)?.setAttribute("open", "");
  // Others complete the part first: what is still hidden could not take the focus.
  document.dispatchEvent(new CustomEvent("live-part"));
  if (place !== undefined) {
    const successor = part.querySelector(place);
    if (successor instanceof HTMLElement) successor.focus({ preventScroll: true });
  }
}

/** What came while drawing its part would have lost something. @type {Map<Element, string>} */
const postponed = new Map();
/** The part in which the mouse or a key is down: what is pressed must still be there when it is let go. @type {Element | null} */
let pressed = null;
let letGo = 0;

/** @param {Element} part */
function isHeld(part) {
  const selection = document.getSelection();
  return part === pressed || (selection?.isCollapsed === false && part.contains(selection.anchorNode));
}

/** @param {Element} part @param {string} html */
function show(part, html) {
  postponed.delete(part);
  if (isHeld(part)) postponed.set(part, html);
  else replace(part, html);
}

function catchUp() {
  for (const [part, html] of postponed) if (!isHeld(part)) show(part, html);
}

document.addEventListener("selectionchange", catchUp);
for (const type of ["pointerdown", "keydown"]) {
  addEventListener(type, (event) => {
    // What opens a menu may never be told to have ended.
    if (!(event.target instanceof Element) || (event instanceof PointerEvent && event.button !== 0)) return;
    clearTimeout(letGo);
    pressed = event.target.closest("[data-live]");
  });
}
for (const type of ["pointerup", "pointercancel", "keyup", "blur"]) {
  addEventListener(type, () => {
    clearTimeout(letGo);
    // The click comes after this, and before any other task.
    letGo = setTimeout(() => {
      pressed = null;
      catchUp();
    });
  });
}

/** @param {string} url */
function follow(url) {
  const stream = new EventSource(url);
  for (const part of document.querySelectorAll("[data-live]")) {
    stream.addEventListener(part.getAttribute("data-live") ?? "", (event) => show(part, event.data));
  }
  stream.addEventListener("as-of", (event) => {
    if (asOf) asOf.textContent = event.data;
    tell("Live", "good");
  });
  stream.addEventListener("error", () => {
    tell(
      stream.readyState === EventSource.CLOSED ? "Not live: reload to see changes" : "Connection lost, trying again",
      "warn",
    );
  });
  // A page kept for going back must not hold a connection.
  addEventListener("pagehide", () => stream.close(), { once: true });
  addEventListener("pageshow", (event) => event.persisted && follow(url), { once: true });
}

if (source) follow(source);

/**
 * Keeps the parts marked `data-live` as the server sees them: the stream named by `data-live-source` sends each part that
 * changed as a whole, as an event with the part's name. The browser reconnects by itself; the server then sends all parts
 * again. A part that holds the focus keeps it, and `details` that were opened stay open.
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
  if (place !== undefined) {
    const successor = part.querySelector(place);
    if (successor instanceof HTMLElement) successor.focus({ preventScroll: true });
  }
}

/** What came while its part held marked text, which drawing would lose. @type {Map<Element, string>} */
const postponed = new Map();

/** @param {Element} part */
function holdsSelection(part) {
  const selection = document.getSelection();
  return selection?.isCollapsed === false && part.contains(selection.anchorNode);
}

/** @param {Element} part @param {string} html */
function show(part, html) {
  postponed.delete(part);
  if (holdsSelection(part)) {
    postponed.set(part, html);
    return;
  }
  replace(part, html);
  document.dispatchEvent(new CustomEvent("live-part"));
}

document.addEventListener("selectionchange", () => {
  for (const [part, html] of postponed) if (!holdsSelection(part)) show(part, html);
});

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

/**
 * Sends what is typed without a reload, and goes from room to room by Alt and an arrow. What came of sending is told to
 * the script that makes the room live.
 */
import { said, tell } from "./page.browser.js";

const form = document.querySelector("[data-speak]");
const isLive = said("-live") === "yes";

/** The name that was used last, and with one given, from now on. @param {string} [name] */
function lastName(name) {
  try {
    if (name !== undefined) localStorage.setItem("fitor-nick", name);
    return localStorage.getItem("fitor-nick") ?? "";
  } catch {
    // Storage may be forbidden; the name is then typed again.
    return "";
  }
}

/** What was typed here and not said, once, and with words given, for the next time. @param {string} [words] */
function unsaid(words) {
  const key = `fitor-unsaid ${location.pathname}`;
  try {
    const known = sessionStorage.getItem(key) ?? "";
    if (words === undefined || words === "") sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, words);
    return known;
  } catch {
    // Storage may be forbidden; what was typed then goes with the page.
    return "";
  }
}

/** A page may be loaded anew by itself while somebody types. @param {HTMLInputElement} field */
function keepTyped(field) {
  const known = unsaid();
  if (field.value === "") field.value = known;
  addEventListener("pagehide", () => unsaid(field.value));
  addEventListener("pageshow", (event) => event.persisted && unsaid());
}

if (form instanceof HTMLFormElement) {
  const field = form.querySelector("[data-speak-text]");
  if (field instanceof HTMLInputElement) keepTyped(field);
  field?.addEventListener("input", () => tell("said", { words: "" }));
  const nick = form.querySelector("[name=nick]");
  const known = lastName();
  if (nick instanceof HTMLInputElement && known !== "") nick.value = known;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!(field instanceof HTMLInputElement) || field.value.trim() === "") return;
    const words = field.value;
    if (nick instanceof HTMLInputElement) lastName(nick.value);
    const body = new URLSearchParams([...new FormData(form)].map(([name, value]) => [name, String(value)]));
    field.value = "";
    let reason = "";
    let isHeld = false;
    try {
      const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
      const answered = await answer.json();
      isHeld = answered.outcome === "held";
      if (!answer.ok) reason = answered.detail ?? `The server answered ${answer.status}`;
    } catch {
      reason = "The server cannot be reached";
    }
    if (reason !== "") {
      // What could not be said is not lost.
      if (field.value === "") field.value = words;
      tell("said", { words: reason });
    } else {
      if (!isLive) location.assign(location.pathname);
      tell("said", { words: isHeld ? "The channel is away: it will be said there when it is back" : "", isOut: true });
    }
  });
  if (isLive && matchMedia("(hover: hover)").matches && field instanceof HTMLElement) field.focus();
}

/** Alt and an arrow go from room to room. @param {KeyboardEvent} event */
function step(event) {
  if (!event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  const links = [...document.querySelectorAll("[data-rooms] a[data-room]")];
  const at = links.findIndex((link) => link.hasAttribute("aria-current"));
  const next = links[(at + (event.key === "ArrowDown" ? 1 : links.length - 1)) % links.length];
  if (!(next instanceof HTMLAnchorElement) || links.length < 2) return;
  event.preventDefault();
  next.click();
}
document.addEventListener("keydown", step);

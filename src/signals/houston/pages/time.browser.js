/**
 * The time that a dashboard shows, and how it is changed: links and the form (in place instead of by a new page), dragging
 * over a chart, and keys. The address always says what is shown, so that it can be sent on.
 */

import { ownZone } from "./zone.browser.js";

const form = document.querySelector("form[data-time]");
const root = document.querySelector("[data-dashboard]");
/** The stretch that was answered last, epoch seconds; nothing before the first answer. */
let last = { from: 0, until: 0 };

/** @param {string} name */
function field(name) {
  const found = form?.querySelector(`[name="${name}"]`);
  return found instanceof HTMLInputElement || found instanceof HTMLSelectElement ? found : undefined;
}

/** What is shown, as the address says it. */
export function shownTime() {
  return {
    from: field("from")?.value || "-6h",
    until: field("until")?.value || "now",
    compareSeconds: Number(field("compare")?.value || 0),
    zone: field("tz")?.value || "UTC",
  };
}

/** @param {{ from: string, until: string }} time @param {boolean} isNew */
function change(time, isNew) {
  for (const name of /** @type {const} */ (["from", "until"])) {
    const input = field(name);
    if (input) input.value = time[name];
  }
  if (isNew) {
    const url = new URL(location.href);
    url.searchParams.set("from", time.from);
    url.searchParams.set("until", time.until);
    const { compareSeconds, zone } = shownTime();
    const words = {
      compare: compareSeconds > 0 ? String(compareSeconds) : "",
      tz: zone === (form?.getAttribute("data-zone") ?? "UTC") ? "" : zone,
    };
    for (const [name, value] of Object.entries(words)) {
      if (value === "") url.searchParams.delete(name);
      else url.searchParams.set(name, value);
    }
    history.pushState(time, "", url);
  }
  for (const link of document.querySelectorAll("a[data-from]")) {
    const isCurrent = link.getAttribute("data-from") === time.from && time.until === "now";
    if (isCurrent) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  document.dispatchEvent(new CustomEvent("time-changed"));
}

/** @param {number} from @param {number} until */
function stretch(from, until) {
  if (last.until === 0) return;
  const seconds = Math.max(10, Math.round(until - from));
  const end = Math.round(until);
  change({ from: String(end - seconds), until: String(end) }, true);
}

const moves = {
  earlier: () => stretch(last.from - (last.until - last.from) / 2, last.until - (last.until - last.from) / 2),
  later: () => stretch(last.from + (last.until - last.from) / 2, last.until + (last.until - last.from) / 2),
  in: () => stretch(last.from + (last.until - last.from) / 4, last.until - (last.until - last.from) / 4),
  out: () => stretch(last.from - (last.until - last.from) / 2, last.until + (last.until - last.from) / 2),
};

/** Questions for what happened, and the newest that was answered: one that it overtook has nothing more to say. */
const looks = { asked: 0, answered: 0 };

/** @param {{ from: number, until: number }} range */
async function lookBack(range) {
  const turn = ++looks.asked;
  const path = `${root?.getAttribute("data-dashboard")}/annotations?from=${range.from}&until=${range.until}`;
  const detail = await fetch(path)
    .then((answer) => (answer.ok ? answer.json() : undefined))
    // The charts say by themselves when nobody answers.
    .catch(() => []);
  if (detail === undefined || turn < looks.answered) return;
  looks.answered = turn;
  document.dispatchEvent(new CustomEvent("happenings", { detail }));
}

if (form instanceof HTMLFormElement && root) {
  let told = "";
  document.addEventListener("charts-drawn", (event) => {
    last = /** @type {CustomEvent} */ (event).detail;
    const key = `${last.from} ${last.until}`;
    if (key !== told) void lookBack(last);
    told = key;
  });
  document.addEventListener("chart-zoom", (event) => {
    const { from, until } = /** @type {CustomEvent} */ (event).detail;
    stretch(from, until);
  });
  document.addEventListener("dblclick", (event) => {
    if (event.target instanceof Element && event.target.closest(".u-over")) history.back();
  });
  form.addEventListener("submit", (event) => {
    // Another value of a variable is another page.
    if (form.querySelector("[name^='var-'], [name=target]")) return;
    event.preventDefault();
    change(shownTime(), true);
  });
  const zones = field("tz");
  if (zones instanceof HTMLSelectElement && ![...zones.options].some(({ value }) => value === ownZone()))
    zones.add(new Option(ownZone(), ownZone()));
  for (const name of ["compare", "tz"]) field(name)?.addEventListener("change", () => change(shownTime(), true));
  for (const select of form.querySelectorAll("select[name^='var-']"))
    select.addEventListener("change", () => form.requestSubmit());
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[data-from]") : null;
    if (!link || !(event instanceof MouseEvent) || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    change({ from: link.getAttribute("data-from") ?? "", until: "now" }, true);
  });
  for (const button of document.querySelectorAll("button[data-move]")) {
    button.removeAttribute("hidden");
    const move = button.getAttribute("data-move");
    button.addEventListener("click", () => {
      if (move === "earlier" || move === "later" || move === "in" || move === "out") moves[move]();
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (!(event.target instanceof Element) || !event.target.closest("[data-chart]")) return;
    const key = { "+": moves.in, "-": moves.out, "[": moves.earlier, "]": moves.later, Escape: () => history.back() }[
      event.key
    ];
    if (!key) return;
    event.preventDefault();
    key();
  });
  addEventListener("popstate", () => {
    const words = new URL(location.href).searchParams;
    const [compare, zone] = [field("compare"), field("tz")];
    if (compare) compare.value = words.get("compare") ?? "0";
    if (zone) zone.value = words.get("tz") ?? form.dataset["zone"] ?? "UTC";
    change({ from: words.get("from") ?? form.dataset["time"] ?? "-6h", until: words.get("until") ?? "now" }, false);
  });
}

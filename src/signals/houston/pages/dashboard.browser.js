/**
 * The life of a dashboard's charts: asks for those that are looked at, many in one question, draws them a few at a time so
 * that the page stays smooth, keeps them fresh, and keeps what is there when the source is away. Which time is shown is
 * time.browser.js's; it tells by `time-changed`.
 */
import { Away, onResize, pause, post, tell } from "./asking.browser.js";
import { forgetColours } from "./lines.browser.js";
import { show } from "./panel.browser.js";
import { shownTime } from "./time.browser.js";
import { sameClock } from "./zone.browser.js";

/** @typedef {import("./panel.browser.js").Item} Item */
/** @typedef {import("./panel.browser.js").Answer} Answer */

const root = /** @type {HTMLElement | null} */ (document.querySelector("[data-dashboard]"));
const batchMax = 50;
const frameMs = 16;
const slowMs = 3000;
const items = /** @type {Item[]} */ ([]);
let happenings = /** @type {readonly import("./lines.browser.js").Happening[]} */ ([]);
let version = 1;
let isAsking = false;
let isAway = false;
let retryMs = 2000;
let retry = 0;

/** @param {Item[]} batch @param {{ from: string, until: string, tz: string }} range @returns {Promise<{ from: number, until: number, charts: Answer[] }>} */
function ask(batch, range) {
  return post(`${root?.dataset["dashboard"]}/data`, {
    ...range,
    points: Math.min(2000, Math.max(100, Math.ceil(batch[0]?.place.clientWidth ?? 400))),
    charts: batch.map(({ spec: { spanSeconds, targets } }) => ({ targets, ...(spanSeconds ? { spanSeconds } : {}) })),
  });
}

async function work() {
  if (isAsking || !root) return;
  isAsking = true;
  let slow = 0;
  try {
    for (;;) {
      const asked = version;
      const batch = items.filter((item) => item.isSeen && item.version < asked).slice(0, batchMax);
      if (batch.length === 0) break;
      const { compareSeconds, from, until, zone } = shownTime();
      slow = setTimeout(() => isAway || tell("The source takes its time: figures are waited for.", false), slowMs);
      const present = await ask(batch, { from, until, tz: zone });
      // Below nought a number is a span.
      const before = (/** @type {number} */ at) =>
        Math.max(0, sameClock(at, -compareSeconds, zone) ?? at - compareSeconds);
      const shifted = { from: String(before(present.from)), until: String(before(present.until) || 1), tz: zone };
      const earlier = compareSeconds > 0 ? await ask(batch, shifted) : undefined;
      clearTimeout(slow);
      if (asked !== version) continue;
      performance.mark("houston-arrived");
      forgetColours();
      const widths = batch.map(({ place }) => place.clientWidth);
      let startedMs = performance.now();
      for (const [at, item] of batch.entries()) {
        item.version = asked;
        const answer = present.charts[at] ?? { series: [], problems: ["no answer"] };
        const { from: start, until: end } = present;
        show(item, answer, earlier?.charts[at], {
          from: start,
          until: end,
          moved: (at) => sameClock(at, compareSeconds, zone),
          width: widths[at] ?? 400,
          zone,
          happenings,
        });
        if (performance.now() - startedMs < frameMs) continue;
        await pause();
        startedMs = performance.now();
      }
      performance.mark("houston-drawn");
      tell("", false);
      isAway = false;
      retryMs = 2000;
      document.dispatchEvent(new CustomEvent("charts-drawn", { detail: present }));
    }
  } catch (thrown) {
    if (!(thrown instanceof Away)) throw thrown;
    clearTimeout(retry);
    const now = new Date().toISOString().slice(11, 19);
    if (thrown.isRefused) tell(`${thrown.message}. What is shown is from before.`, true);
    else if (!isAway)
      tell(`No new figures since ${now} UTC: ${thrown.message}. What is shown is from before; trying again.`, true);
    isAway = !thrown.isRefused;
    if (thrown.isRefused) return;
    // One that waits is enough, however often the page is refreshed meanwhile.
    retry = setTimeout(() => void work(), retryMs);
    retryMs = Math.min(60_000, retryMs * 2);
  } finally {
    clearTimeout(slow);
    isAsking = false;
  }
}

/** Everything is drawn anew with the next answer. */
function renew() {
  version++;
  // The browser keeps them for good, and the page may be open for months.
  for (const name of ["houston-arrived", "houston-drawn"]) performance.clearMarks(name);
  void work();
}

if (root) {
  const watcher = new IntersectionObserver(
    (entries) => {
      const seen = new Map(entries.map(({ isIntersecting, target }) => [target, isIntersecting]));
      for (const item of items) item.isSeen = seen.get(item.figure) ?? item.isSeen;
      void work();
    },
    { rootMargin: "300px" },
  );
  for (const figure of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-chart]"))) {
    const place = figure.querySelector("[data-chart-place]");
    if (!(place instanceof HTMLElement)) continue;
    place.replaceChildren();
    items.push({
      figure,
      place,
      spec: JSON.parse(figure.dataset["chart"] ?? "{}"),
      isSeen: false,
      version: 0,
      chart: undefined,
    });
    watcher.observe(figure);
  }
  document.addEventListener("time-changed", renew);
  document.addEventListener("happenings", (event) => {
    happenings = /** @type {CustomEvent} */ (event).detail;
    for (const { chart } of items) {
      if (!chart) continue;
      chart.live.time = { ...chart.live.time, happenings };
      chart.plot.redraw(false);
    }
  });
  const recolour = () => {
    for (const { chart } of items) if (chart) chart.signature = "";
    renew();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  new MutationObserver(recolour).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  onResize(() => {
    for (const { chart, place } of items)
      chart?.plot.setSize({ width: Math.max(200, place.clientWidth), height: chart.plot.height });
  });
}

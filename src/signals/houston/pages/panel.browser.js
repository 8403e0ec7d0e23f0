/** One graph of a page: a chart or single numbers, and the note below it that says what is wrong or missing. */
import { draw } from "./chart.browser.js";
import { drawNumbers } from "./number.browser.js";

/** @typedef {{ figure: HTMLElement, place: HTMLElement, spec: import("./chart.browser.js").Spec, isSeen: boolean, version: number, chart: import("./chart.browser.js").Chart | undefined }} Item */
/** @typedef {{ series: import("./chart.browser.js").Series[], problems: string[] }} Answer */
/** @typedef {import("./lines.browser.js").Time & { moved: (at: number) => number | undefined }} Shown */

const problemsMax = 3;

/** @param {Item} item @param {Answer} present @param {Answer | undefined} earlier @param {Shown} time */
export function show(item, present, earlier, { moved, ...time }) {
  const { kind, spanSeconds } = item.spec;
  const own = { ...time, from: spanSeconds ? time.until - spanSeconds : time.from };
  const found = { present: present.series, earlier: earlier?.series ?? [], moved };
  let left = 0;
  if (kind === "number") left = drawNumbers(item.place, item.spec, found, own);
  else ({ chart: item.chart, left } = draw(item.place, item.spec, found, own, item.chart));
  item.figure.dataset["drawn"] = String(item.version);
  const note = item.figure.querySelector("[data-chart-note]");
  const words = wordsOf(present, left);
  if (note && note.textContent !== words) note.textContent = words;
  note?.setAttribute("data-tone", present.problems.length > 0 ? "warn" : "");
}

/** @param {Answer} present @param {number} left series that are not drawn */
function wordsOf({ problems, series }, left) {
  if (problems.length > 0) {
    const more = problems.length - problemsMax;
    return [...problems.slice(0, problemsMax), ...(more > 0 ? [`and ${more} more`] : [])].join("; ");
  }
  if (series.every(({ values }) => values.every((value) => value === null))) return "No figures for this time";
  return left > 0 ? `${left} more lines are not drawn` : "";
}

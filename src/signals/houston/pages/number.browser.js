/**
 * Single numbers instead of a chart: the newest value of each series in its unit, how it stands to the thresholds (in words
 * as well as in colour), and a line of how it came there. What is there is changed in place, so that a page can be left open.
 */
import { whenOf } from "./time-axis.browser.js";
import { formatOf } from "./units.browser.js";

/** @typedef {import("./columns.browser.js").Series} Series */
/** @typedef {import("./lines.browser.js").Threshold} Threshold */

const seriesMax = 24;
const [width, height] = [100, 24];

/** The newest value that is known, and when it was. @param {Series | undefined} series */
function newestOf(series) {
  if (!series) return undefined;
  const at = series.values.findLastIndex((value) => value !== null);
  const value = series.values[at];
  if (value === undefined || value === null) return undefined;
  return { value, at: series.times?.[at] ?? (series.start ?? 0) + at * (series.step ?? 1) };
}

/** The worst threshold that is reached. @param {number} value @param {readonly Threshold[]} thresholds */
export function reached(value, thresholds) {
  const all = thresholds.filter((each) => (each.below ? value <= each.value : value >= each.value));
  return all.findLast(({ tone }) => tone === "bad") ?? all.at(-1);
}

/** A line through the values that are known; one that stays away for long leaves a gap. @param {readonly (number | null)[]} values */
export function pathOf(values) {
  const known = values.filter((value) => value !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const scale = high / 2 - low / 2;
  let path = "";
  let last = -Infinity;
  for (const [at, value] of values.entries()) {
    if (value === null) continue;
    // Halves, as the difference of two huge numbers is no number.
    const share = scale > 0 ? (value / 2 - low / 2) / scale : 0.5;
    const x = values.length > 1 ? (at / (values.length - 1)) * width : width;
    const isNear = at - last <= Math.max(1, values.length / 10);
    path += `${isNear ? "L" : "M"}${x.toFixed(1)} ${(height - 1 - share * (height - 2)).toFixed(1)}${isNear ? "" : "h0.1"}`;
    last = at;
  }
  return path;
}

/** @param {string} name */
function made(name) {
  const box = document.createElement("div");
  box.className = "number";
  const title = document.createElement("dt");
  title.textContent = name;
  const value = document.createElement("dd");
  value.className = "number-value";
  const words = document.createElement("dd");
  words.className = "number-words";
  const line = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  line.setAttribute("viewBox", `0 0 ${width} ${height}`);
  line.setAttribute("preserveAspectRatio", "none");
  line.setAttribute("aria-hidden", "true");
  line.append(document.createElementNS("http://www.w3.org/2000/svg", "path"));
  const holder = document.createElement("dd");
  holder.append(line);
  box.append(title, value, holder, words);
  return box;
}

/** @param {Element | null | undefined} place @param {string} text */
function write(place, text) {
  if (place && place.textContent !== text) place.textContent = text;
}

/**
 * Shows the numbers of an answer in `place`; how many are left out.
 * @param {HTMLElement} place @param {{ unit: string, thresholds: Threshold[] }} spec
 * @param {{ present: Series[], earlier: Series[] }} found @param {{ from: number, until: number, zone: string }} time
 */
export function drawNumbers(place, spec, found, time) {
  const kept = found.present.slice(0, seriesMax);
  const names = JSON.stringify(kept.map(({ name }) => name));
  if (place.dataset["names"] !== names) {
    const list = document.createElement("dl");
    list.className = "numbers";
    list.append(...kept.map(({ name }) => made(name)));
    place.replaceChildren(list);
    place.dataset["names"] = names;
  }
  const format = formatOf(spec.unit);
  for (const [at, box] of [...(place.firstElementChild?.children ?? [])].entries()) {
    const series = kept[at];
    const newest = newestOf(series);
    const before = newestOf(found.earlier.find(({ name }) => name === series?.name));
    const threshold = newest && reached(newest.value, spec.thresholds);
    const isOld = newest !== undefined && newest.at < time.until - (time.until - time.from) / 10;
    const words = [
      threshold && (threshold.label ?? (threshold.tone === "bad" ? "bad" : "warning")),
      isOld && `at ${whenOf(newest.at, time.zone)}`,
      before && `before: ${format(before.value)}`,
    ];
    const [, value, line, below] = box.children;
    write(value, newest ? format(newest.value) : "–");
    write(below, words.filter((word) => typeof word === "string").join(", "));
    if (box instanceof HTMLElement) box.dataset["tone"] = threshold ? (threshold.tone ?? "warn") : "";
    line?.querySelector("path")?.setAttribute("d", pathOf(series?.values ?? []));
  }
  return found.present.length - kept.length;
}

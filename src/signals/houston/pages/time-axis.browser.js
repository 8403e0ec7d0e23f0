/**
 * The axis of time on the clocks of a zone: where its lines stand, and what is written below them. Lines stand at whole
 * minutes, hours, days, months and years of the wall, also on days on which clocks are changed. Pure.
 */
import { momentOf, offsetAt, wallOf } from "./zone.browser.js";

const hour = 3600;
const day = 24 * hour;
const month = 30 * day;
const year = 365 * day;
const linesMax = 1000;

/**
 * Epoch seconds of the lines between two times. `step` is what the chart found room for: seconds, days of 86,400, months of
 * 30 days or years of 365. @param {number} from @param {number} until @param {number} step @param {string} zone
 */
export function ticksOf(from, until, step, zone) {
  /** @type {number[]} */
  const found = [];
  const start = wallOf(from, zone);
  let at = 0;
  if (step <= hour) {
    // Evenly, also where an hour is repeated; only a change by less than a step moves the lines.
    at = from - (start - Math.floor(start / step) * step);
    for (let turn = 0; at <= until && turn < linesMax; turn++) {
      if (at >= from) found.push(at);
      at = aligned(at + step, step, zone);
    }
    return found;
  }
  let wall = floorOf(start, step);
  for (let turn = 0; turn < linesMax; turn++, wall = after(wall, step)) {
    at = momentOf(wall, zone);
    if (at > until) break;
    // A day begins even where its midnight is skipped; an hour that is skipped is none.
    const isThere = step >= day || wallOf(at, zone) === wall;
    if (isThere && at >= from && at > (found.at(-1) ?? -Infinity)) found.push(at);
  }
  return found;
}

/** The first moment from then on at which the wall shows a multiple of the step. @param {number} at @param {number} step @param {string} zone */
function aligned(at, step, zone) {
  const wall = wallOf(at, zone);
  return at + Math.ceil(wall / step) * step - wall;
}

/** @param {number} wall @param {number} step */
function floorOf(wall, step) {
  const date = new Date(wall * 1000);
  if (step >= year) {
    const years = Math.round(step / year);
    return Date.UTC(Math.floor(date.getUTCFullYear() / years) * years, 0, 1) / 1000;
  }
  if (step >= month) {
    const months = Math.round(step / month);
    return Date.UTC(date.getUTCFullYear(), Math.floor(date.getUTCMonth() / months) * months, 1) / 1000;
  }
  if (step >= day) return Math.floor(wall / day) * day;
  // Counted from midnight, so that every day has the same lines.
  const midnight = Math.floor(wall / day) * day;
  return midnight + Math.floor((wall - midnight) / step) * step;
}

/** @param {number} wall @param {number} step */
function after(wall, step) {
  if (step < month) return wall + step;
  const date = new Date(wall * 1000);
  const months = step >= year ? 12 * Math.round(step / year) : Math.round(step / month);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, 1) / 1000;
}

/** What is written below the lines, each with what is new: a year, a day, or other clocks. @param {readonly number[]} ticks @param {number} step @param {string} zone */
export function wordsOf(ticks, step, zone) {
  let last = "";
  /** @type {number | undefined} */
  let lastOffset;
  return ticks.map((at) => {
    const text = textOf(wallOf(at, zone));
    const offset = offsetAt(at, zone);
    const isChanged = lastOffset !== undefined && lastOffset !== offset;
    const isYear = last.slice(0, 4) !== text.slice(0, 4);
    const isDay = last.slice(0, 10) !== text.slice(0, 10);
    last = text;
    lastOffset = offset;
    if (step >= year) return text.slice(0, 4);
    if (step >= month) return text.slice(0, 7);
    if (step >= day) return `${text.slice(5, 10)}${isYear ? `\n${text.slice(0, 4)}` : ""}`;
    const below = isYear ? text.slice(0, 10) : isDay ? text.slice(5, 10) : isChanged ? offsetText(offset) : "";
    return `${text.slice(11, step >= 60 ? 16 : 19)}${below === "" ? "" : `\n${below}`}`;
  });
}

/** @param {number} wall */
function textOf(wall) {
  return new Date(wall * 1000).toISOString();
}

/** @param {number} offset seconds */
function offsetText(offset) {
  const minutes = Math.abs(offset) / 60;
  const two = (/** @type {number} */ value) => String(Math.floor(value)).padStart(2, "0");
  return `UTC${offset < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
}

/** A moment on the clocks of a zone, to the second. @param {number} seconds @param {string} zone */
export function whenOf(seconds, zone) {
  return textOf(wallOf(seconds, zone)).slice(0, 19).replace("T", " ");
}

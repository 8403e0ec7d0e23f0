/**
 * Times on the clocks of a zone: from epoch seconds to what a clock on the wall shows, and back. What the wall shows is kept
 * in seconds as if it were UTC. Days on which clocks are changed have 23 or 25 hours: a time that is skipped does not exist,
 * one that is repeated is the first of the two. Pure.
 */

/** @type {Map<string, Intl.DateTimeFormat>} */
const formatters = new Map();
/** Offsets change at quarters of an hour only. @type {Map<string, number>} */
const known = new Map();
const quarter = 900;
const day = 86_400;

/** @param {string} zone */
function formatterOf(zone) {
  const found = formatters.get(zone);
  if (found) return found;
  const numeric = /** @type {const} */ ("numeric");
  const made = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: numeric,
    month: numeric,
    day: numeric,
    hour: numeric,
    minute: numeric,
    second: numeric,
  });
  formatters.set(zone, made);
  return made;
}

/** The zone where this browser is. */
export function ownZone() {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** What to add to epoch seconds to get the wall's. @param {number} seconds @param {string} zone @returns {number} */
export function offsetAt(seconds, zone) {
  if (zone === "UTC") return 0;
  const start = Math.floor(seconds / quarter) * quarter;
  const key = `${zone} ${start}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  /** @type {Record<string, number>} */
  const parts = {};
  for (const { type, value } of formatterOf(zone).formatToParts(start * 1000)) parts[type] = Number(value);
  const { day: date = 1, hour = 0, minute = 0, month = 1, second = 0, year = 1970 } = parts;
  const offset = Date.UTC(year, month - 1, date, hour, minute, second) / 1000 - start;
  if (known.size > 20_000) known.clear();
  known.set(key, offset);
  return offset;
}

/** What the wall shows. @param {number} seconds @param {string} zone */
export function wallOf(seconds, zone) {
  return seconds + offsetAt(seconds, zone);
}

/** When the wall shows that; a time that is skipped is taken for as much after the change. @param {number} wall @param {string} zone */
export function momentOf(wall, zone) {
  const candidates = [offsetAt(wall - day, zone), offsetAt(wall + day, zone)].map((offset) => wall - offset);
  const right = candidates.filter((at) => wallOf(at, zone) === wall);
  return right.length > 0 ? Math.min(...right) : Math.max(...candidates);
}

/**
 * The moment so much later at which the clock shows the same, where that is asked for in whole days; undefined where no clock
 * shows it on that day. @param {number} seconds @param {number} by seconds, negative for earlier @param {string} zone
 */
export function sameClock(seconds, by, zone) {
  if (zone === "UTC" || by % day !== 0) return seconds + by;
  const wall = wallOf(seconds, zone) + by;
  const moment = momentOf(wall, zone);
  return wallOf(moment, zone) === wall ? moment : undefined;
}

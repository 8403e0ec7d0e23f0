/**
 * Moments and spans as Graphite's `from`, `until` and intervals say them, in the manner of at(1).
 *
 * A moment is epoch seconds, or a reference with an optional offset: `-1h`, `now-2d`, `noon+3h`, `6pm+today`,
 * `04:00_20260101`, `20260101`, `12/31/26`, `january 1`, `monday`. Blanks, commas and underscores mean nothing. A span is numbers
 * with units found by their beginning: s, min, h, d, w, mon (30 days), y (365 days), one after the other.
 * Source: graphite-web 1.1, whose `from` and `until` are read the same way.
 */
import { epochOf, wallAt } from "./zone.ts";

/** What a moment is read against. */
export interface MomentOptions {
  readonly nowSeconds: number;
  /** A zone of the tz database. @default "UTC" */
  readonly timeZone?: string;
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** The units of spans. */
export type SpanUnit = "seconds" | "minutes" | "hours" | "days" | "weeks" | "months" | "years";

const unitSeconds: Record<SpanUnit, number> = {
  seconds: 1,
  minutes: 60,
  hours: 3600,
  days: 86_400,
  weeks: 604_800,
  months: 30 * 86_400,
  years: 365 * 86_400,
};

/** The unit a word begins with. @throws SyntaxError when it begins with none. */
export function parseSpanUnit(word: string): SpanUnit {
  if (word.startsWith("s")) return "seconds";
  if (word.startsWith("min")) return "minutes";
  if (word.startsWith("h")) return "hours";
  if (word.startsWith("d")) return "days";
  if (word.startsWith("w")) return "weeks";
  if (word.startsWith("mon")) return "months";
  if (word.startsWith("y")) return "years";
  throw new SyntaxError(`Cannot parse time unit "${word}": must begin with s, min, h, d, w, mon or y`);
}

/**
 * Seconds of a span such as `1h30min`, `-2d` or `+1w`; an empty text is 0.
 * @throws SyntaxError for anything else.
 */
export function parseSpan(text: string): number {
  if (text === "") return 0;
  const found = /^([+-]?)((?:\d{1,12}[a-zA-Z]+)+)$/.exec(text);
  if (found === null)
    throw new SyntaxError(`Cannot parse time span "${text.slice(0, 100)}": expected a number and a unit, as in 5min`);
  let seconds = 0;
  for (const [, count = "", unit = ""] of (found[2] ?? "").matchAll(/(\d+)([a-zA-Z]+)/g)) {
    seconds += Number(count) * unitSeconds[parseSpanUnit(unit)];
  }
  return found[1] === "-" ? -seconds : seconds;
}

/**
 * Epoch seconds of a moment.
 * @throws SyntaxError when it cannot be read.
 */
export function parseMoment(text: string, options: MomentOptions): number {
  const short = text.trim().toLowerCase().replace(/[_, ]/g, "");
  if (/^\d+$/.test(short) && !isDate(short)) {
    const seconds = Number(short);
    if (seconds > 253_402_300_799)
      throw new SyntaxError(`Cannot parse time "${text.slice(0, 100)}": after the year 9999`);
    return seconds;
  }
  // "6pm+today" names a day after the sign, where other signs begin an offset.
  const day = /^([^+]*)\+([a-z][^+]*)$/.exec(short);
  if (day !== null) return parseMoment(`${day[1] ?? ""}${day[2] ?? ""}`, options);
  const sign = short.includes("+") ? "+" : "-";
  const at = short.indexOf(sign);
  const reference = at < 0 ? short : short.slice(0, at);
  const moment = parseReference(reference, text, options) + (at < 0 ? 0 : parseSpan(short.slice(at)));
  if (!(Math.abs(moment) < 253_402_300_800))
    throw new SyntaxError(`Cannot parse time "${text.slice(0, 100)}": out of range`);
  return moment;
}

function isDate(digits: string): boolean {
  if (digits.length !== 8) return false;
  return Number(digits.slice(0, 4)) > 1900 && Number(digits.slice(4, 6)) < 13 && Number(digits.slice(6)) < 32;
}

/** The hour and minute at the beginning of a reference, and what follows. */
function takeHour(reference: string): { hour: number; minute: number; rest: string } {
  let rest = reference;
  let hour = 0;
  let minute = 0;
  const clock = /^(\d{1,2}):(\d{1,2})(am|pm)?/.exec(rest);
  if (clock !== null) {
    hour = Number(clock[1]);
    minute = Number(clock[2]);
    if (clock[3] === "pm") hour = (hour + 12) % 24;
    rest = rest.slice(clock[0].length);
  }
  const half = /^(\d{1,2})(am|pm)/.exec(rest);
  if (half !== null) {
    hour = half[2] === "pm" ? (Number(half[1]) + 12) % 24 : Number(half[1]);
    rest = rest.slice(half[0].length);
  }
  for (const [word, named] of [
    ["noon", 12],
    ["midnight", 0],
    ["teatime", 16],
  ] as const) {
    if (rest.startsWith(word)) return { hour: named, minute: 0, rest: rest.slice(word.length) };
  }
  return { hour, minute, rest };
}

function parseReference(reference: string, text: string, options: MomentOptions): number {
  if (reference === "" || reference === "now") return Math.floor(options.nowSeconds);
  const timeZone = options.timeZone ?? "UTC";
  const now = wallAt(options.nowSeconds, timeZone);
  const { hour, minute, rest } = takeHour(reference);
  const fail = (reason: string): never => {
    throw new SyntaxError(`Cannot parse time "${text.slice(0, 100)}": ${reason}`);
  };
  if (hour > 23 || minute > 59) fail("the hour must be 0 to 23 and the minute 0 to 59");
  const on = (year: number, month: number, day: number) => {
    const last = new Date(Date.UTC(year, month, 0)).getUTCDate();
    if (month < 1 || month > 12 || day < 1 || day > last) fail("there is no such day");
    return epochOf({ year, month, day, hour, minute, second: 0 }, timeZone);
  };
  const daysFromToday = (days: number) =>
    epochOf({ year: now.year, month: now.month, day: now.day + days, hour, minute, second: 0 }, timeZone);

  if (rest === "" || rest === "today") return daysFromToday(0);
  if (rest === "yesterday") return daysFromToday(-1);
  if (rest === "tomorrow") return daysFromToday(1);
  const slashes = /^(\d{1,2})\/(\d{1,2})\/(\d{1,4})$/.exec(rest);
  if (slashes !== null) {
    let year = Number(slashes[3]);
    if (year < 1900) year += 1900;
    if (year < 1970) year += 100;
    return on(year, Number(slashes[1]), Number(slashes[2]));
  }
  if (/^\d{8}$/.test(rest)) return on(Number(rest.slice(0, 4)), Number(rest.slice(4, 6)), Number(rest.slice(6)));
  const month = months.indexOf(rest.slice(0, 3));
  if (month >= 0) {
    const day = /\d{1,2}$/.exec(rest);
    if (day === null) return fail("a day is needed after the month");
    return on(now.year, month + 1, Number(day[0]));
  }
  const weekday = weekdays.indexOf(rest.slice(0, 3));
  if (weekday >= 0) return daysFromToday(-((now.weekday - weekday + 7) % 7));
  return fail("unknown day");
}

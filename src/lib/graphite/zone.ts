/**
 * Time zones: between epoch seconds and the date and hour that a clock on the wall shows there.
 *
 * Offsets come from the runtime's own zone table. A wall time that a change of clocks skips or repeats is read with the
 * standard offset, as pytz does.
 */

/** A date and time on the wall. `month` and `day` count from 1; `weekday` from 0 for Sunday. */
export interface WallTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly weekday: number;
}

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(timeZone: string): Intl.DateTimeFormat {
  let found = formatters.get(timeZone);
  if (found === undefined) {
    found = new Intl.DateTimeFormat("en-US", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    if (formatters.size > 100) formatters.clear();
    formatters.set(timeZone, found);
  }
  return found;
}

/** Whether the runtime knows a zone by this name. */
export function isTimeZone(timeZone: string): boolean {
  try {
    formatterOf(timeZone);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** What to add to epoch seconds to get the wall's, in seconds. @throws RangeError for an unknown zone. */
export function offsetAt(epochSeconds: number, timeZone: string): number {
  if (timeZone === "UTC") return 0;
  const whole = Math.floor(epochSeconds);
  const parts: Record<string, number> = {};
  for (const { type, value } of formatterOf(timeZone).formatToParts(whole * 1000)) parts[type] = Number(value);
  const wall = Date.UTC(
    parts["year"] ?? 0,
    (parts["month"] ?? 1) - 1,
    parts["day"] ?? 1,
    parts["hour"] ?? 0,
    parts["minute"] ?? 0,
    parts["second"] ?? 0,
  );
  return wall / 1000 - whole;
}

/** What the wall shows at a moment. */
export function wallAt(epochSeconds: number, timeZone: string): WallTime {
  const date = new Date((Math.floor(epochSeconds) + offsetAt(epochSeconds, timeZone)) * 1000);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    weekday: date.getUTCDay(),
  };
}

/** The offset of a zone's standard time in the year of a moment: the smaller of January's and July's. */
function standardOffset(epochSeconds: number, timeZone: string): number {
  const year = new Date(epochSeconds * 1000).getUTCFullYear();
  const january = offsetAt(Date.UTC(year, 0, 1) / 1000, timeZone);
  const july = offsetAt(Date.UTC(year, 6, 1) / 1000, timeZone);
  return Math.min(january, july);
}

/** Whether summer time holds at a moment. */
export function isSummerTime(epochSeconds: number, timeZone: string): boolean {
  return offsetAt(epochSeconds, timeZone) !== standardOffset(epochSeconds, timeZone);
}

/** The epoch seconds at which the wall shows the given time; parts beyond their range carry over. */
export function epochOf(wall: Omit<WallTime, "weekday">, timeZone: string): number {
  const local = Date.UTC(wall.year, wall.month - 1, wall.day, wall.hour, wall.minute, wall.second) / 1000;
  const standard = standardOffset(local, timeZone);
  const candidates = [
    ...new Set([standard, offsetAt(local - standard, timeZone), offsetAt(local - standard - 86_400, timeZone)]),
  ];
  const fitting = candidates.filter((offset) => offsetAt(local - offset, timeZone) === offset);
  const offset = fitting.includes(standard) ? standard : (fitting[0] ?? standard);
  return local - offset;
}

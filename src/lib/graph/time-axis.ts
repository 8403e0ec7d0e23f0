/**
 * The axis of time: labels at whole hours, days, months of the wall clock of a zone, as many as there is room for, and grid
 * lines between them. Days that a change of clocks makes longer or shorter keep their labels at midnight.
 */

/** A date and hour on the wall, kept in a Date as if it were UTC. */
type Wall = Date;

type Unit = "second" | "minute" | "hour" | "day" | "month" | "year";

/** A distance of labels, and into how many parts the grid divides it. */
interface TimeStep {
  readonly unit: Unit;
  readonly count: number;
  readonly parts: number;
}

/** What is shown below a graph. */
export interface TimeAxis {
  readonly labels: readonly { readonly atSeconds: number; readonly text: string }[];
  /** Thin lines; the thick ones stand at the labels. */
  readonly minor: readonly number[];
}

const unitSeconds: Readonly<Record<Unit, number>> = {
  second: 1,
  minute: 60,
  hour: 3600,
  day: 86_400,
  month: 2_629_746,
  year: 31_556_952,
};

const step = (unit: Unit, count: number, parts: number): TimeStep => ({ unit, count, parts });

const steps: readonly TimeStep[] = [
  step("second", 1, 1),
  step("second", 2, 2),
  step("second", 5, 5),
  step("second", 10, 2),
  step("second", 15, 3),
  step("second", 30, 3),
  step("minute", 1, 4),
  step("minute", 2, 2),
  step("minute", 5, 5),
  step("minute", 10, 2),
  step("minute", 15, 3),
  step("minute", 30, 3),
  step("hour", 1, 4),
  step("hour", 2, 2),
  step("hour", 3, 3),
  step("hour", 4, 2),
  step("hour", 6, 3),
  step("hour", 12, 2),
  step("day", 1, 4),
  step("day", 2, 2),
  step("day", 4, 2),
  step("day", 7, 7),
  step("day", 14, 2),
  step("month", 1, 1),
  step("month", 2, 2),
  step("month", 3, 3),
  step("month", 6, 2),
  step("year", 1, 2),
  step("year", 2, 2),
  step("year", 5, 5),
  step("year", 10, 2),
  step("year", 20, 2),
  step("year", 50, 5),
  step("year", 100, 2),
  step("year", 500, 5),
  step("year", 1000, 2),
];

const ticksMax = 5000;

const months = "January February March April May June July August September October November December".split(" ");
const weekdays = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(timeZone: string): Intl.DateTimeFormat {
  const known = formatters.get(timeZone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
    era: "short",
  });
  if (formatters.size > 100) formatters.clear();
  formatters.set(timeZone, made);
  return made;
}

function wallAt(atSeconds: number, timeZone: string): Wall {
  const parts = new Map<string, string>();
  for (const { type, value } of formatterOf(timeZone).formatToParts(atSeconds * 1000)) parts.set(type, value);
  const number = (name: string) => Number(parts.get(name) ?? 0);
  const year = parts.get("era") === "BC" ? 1 - number("year") : number("year");
  const wall = new Date(0);
  wall.setUTCFullYear(year, number("month") - 1, number("day"));
  wall.setUTCHours(number("hour"), number("minute"), number("second"));
  return wall;
}

/** When the wall shows a time. A time that is skipped in spring is taken for the one after it. */
function secondsOf(wall: Wall, timeZone: string): number {
  const asUtc = wall.getTime() / 1000;
  const offsetAt = (atSeconds: number) => wallAt(atSeconds, timeZone).getTime() / 1000 - atSeconds;
  const first = asUtc - offsetAt(asUtc);
  return asUtc - offsetAt(first);
}

/** The last multiple of a step on the wall that is not after `wall`. */
function floorOf(wall: Wall, { unit, count }: TimeStep): Wall {
  const made = new Date(wall);
  if (unit === "year" || unit === "month") {
    const month = unit === "year" ? 0 : made.getUTCMonth() - (made.getUTCMonth() % count);
    const year = made.getUTCFullYear();
    const first = new Date(0);
    first.setUTCFullYear(unit === "year" ? year - (((year % count) + count) % count) : year, month, 1);
    return first;
  }
  // Weeks begin on Monday: 1970-01-05 was one.
  const origin = unit === "day" && count % 7 === 0 ? 4 * 86_400_000 : 0;
  const sizeMs = count * unitSeconds[unit] * 1000;
  return new Date(Math.floor((made.getTime() - origin) / sizeMs) * sizeMs + origin);
}

function advance(wall: Wall, { unit, count }: TimeStep): Wall {
  const made = new Date(wall);
  if (unit === "year") made.setUTCFullYear(made.getUTCFullYear() + count);
  else if (unit === "month") made.setUTCMonth(made.getUTCMonth() + count);
  else made.setTime(made.getTime() + count * unitSeconds[unit] * 1000);
  return made;
}

/** The multiples of a step between two times, each with what the wall shows then. */
function ticks(fromSeconds: number, untilSeconds: number, by: TimeStep, timeZone: string): [number, Wall][] {
  const stepSeconds = by.count * unitSeconds[by.unit];
  if (stepSeconds <= unitSeconds.hour) return evenTicks(fromSeconds, untilSeconds, stepSeconds, timeZone);
  const found: [number, Wall][] = [];
  let wall = floorOf(wallAt(fromSeconds, timeZone), by);
  let last = -Infinity;
  for (let turn = 0; turn < ticksMax; turn++, wall = advance(wall, by)) {
    const at = secondsOf(wall, timeZone);
    if (at > untilSeconds) break;
    // A day begins also where its midnight is skipped; an hour that is skipped is none.
    const isThere = by.unit !== "hour" || wallAt(at, timeZone).getTime() === wall.getTime();
    if (isThere && at >= fromSeconds && at > last) found.push([at, wall]);
    last = Math.max(last, at);
  }
  return found;
}

/** Ticks of an hour at most: as far apart as they say, also where the wall shows an hour twice, or not at all. */
function evenTicks(fromSeconds: number, untilSeconds: number, stepSeconds: number, timeZone: string) {
  const found: [number, Wall][] = [];
  let at = Math.floor(fromSeconds);
  for (let turn = 0; turn < ticksMax && at <= untilSeconds; turn++, at += stepSeconds) {
    // Clocks are changed by less than a step at times.
    const wallSeconds = wallAt(at, timeZone).getTime() / 1000;
    at += Math.ceil(wallSeconds / stepSeconds) * stepSeconds - wallSeconds;
    if (at >= fromSeconds && at <= untilSeconds) found.push([at, wallAt(at, timeZone)]);
  }
  return found;
}

const two = (value: number, fill = "0") => String(value).padStart(2, fill);

/** A time on the wall by a format of strftime's; what is not known of it stays as it is. */
export function formatWall(wall: Wall, format: string, timeZone: string): string {
  const expand = (text: string): string =>
    text.replace(/%[a-zA-Z%]/g, (code) => directive(wall, code, timeZone, expand));
  return expand(format);
}

function directive(wall: Wall, code: string, timeZone: string, expand: (text: string) => string): string {
  const month = months[wall.getUTCMonth()] ?? "";
  const weekday = weekdays[wall.getUTCDay()] ?? "";
  const hour = wall.getUTCHours();
  const year = wall.getUTCFullYear();
  switch (code) {
    case "%%":
      return "%";
    case "%a":
      return weekday.slice(0, 3);
    case "%A":
      return weekday;
    case "%b":
    case "%h":
      return month.slice(0, 3);
    case "%B":
      return month;
    case "%d":
      return two(wall.getUTCDate());
    case "%e":
      return two(wall.getUTCDate(), " ");
    case "%H":
      return two(hour);
    case "%I":
      return two(hour % 12 || 12);
    case "%l":
      return two(hour % 12 || 12, " ");
    case "%M":
      return two(wall.getUTCMinutes());
    case "%m":
      return two(wall.getUTCMonth() + 1);
    case "%p":
      return hour < 12 ? "AM" : "PM";
    case "%S":
      return two(wall.getUTCSeconds());
    case "%y":
      return two(((year % 100) + 100) % 100);
    case "%Y":
      return String(year);
    case "%j":
      return String(Math.floor((wall.getTime() - Date.UTC(year, 0, 1)) / 86_400_000) + 1).padStart(3, "0");
    case "%D":
      return expand("%m/%d/%y");
    case "%F":
      return expand("%Y-%m-%d");
    case "%R":
      return expand("%H:%M");
    case "%T":
      return expand("%H:%M:%S");
    case "%Z":
      return timeZone;
    default:
      return code;
  }
}

/** How labels of a step are written when the axis spans so much. */
function formatFor({ unit, count }: TimeStep, spanSeconds: number): string {
  if (unit === "second") return "%H:%M:%S";
  if (unit === "minute" || unit === "hour") {
    if (spanSeconds <= 1.5 * unitSeconds.day) return "%H:%M";
    return spanSeconds <= 7 * unitSeconds.day ? "%a %H:%M" : "%b %d %H:%M";
  }
  if (unit === "day") return spanSeconds <= 10 * unitSeconds.day && count === 1 ? "%a %b %d" : "%b %d";
  if (unit === "month") return spanSeconds <= 1.2 * unitSeconds.year ? "%b" : "%b %Y";
  return "%Y";
}

/** What a time axis is made for. */
export interface TimeAxisOptions {
  readonly fromSeconds: number;
  readonly untilSeconds: number;
  readonly widthPixels: number;
  readonly timeZone: string;
  /** Replaces the usual labels. */
  readonly format?: string;
  /** The width of a label in pixels. */
  widthOf(text: string): number;
}

/** The axis for a stretch of time. */
export function timeAxis(options: TimeAxisOptions): TimeAxis {
  const { fromSeconds, untilSeconds, widthPixels, timeZone, widthOf } = options;
  const spanSeconds = untilSeconds - fromSeconds;
  const pixelsPerSecond = widthPixels / spanSeconds;
  const sample = new Date(Date.UTC(2000, 8, 27, 22, 58, 58));
  const stepPixels = ({ unit, count }: TimeStep) => count * unitSeconds[unit] * pixelsPerSecond;
  const fits = (by: TimeStep) => {
    const text = formatWall(sample, options.format ?? formatFor(by, spanSeconds), timeZone);
    return stepPixels(by) >= Math.max(1.35 * widthOf(text), 25);
  };
  const by = steps.find(fits) ?? step("year", 10_000, 2);
  const format = options.format ?? formatFor(by, spanSeconds);
  const parts = stepPixels(by) / by.parts >= 5 ? by.parts : 1;
  return {
    labels: ticks(fromSeconds, untilSeconds, by, timeZone).map(([atSeconds, wall]) => ({
      atSeconds,
      text: formatWall(wall, format, timeZone),
    })),
    minor: parts === 1 ? [] : minorTicks(fromSeconds, untilSeconds, by, timeZone),
  };
}

function minorTicks(fromSeconds: number, untilSeconds: number, by: TimeStep, timeZone: string): number[] {
  const { unit, count, parts } = by;
  const finer =
    count % parts === 0
      ? step(unit, count / parts, 1)
      : unit === "year"
        ? step("month", 12 / parts, 1)
        : unit === "day"
          ? step("hour", 24 / parts, 1)
          : unit === "hour"
            ? step("minute", 60 / parts, 1)
            : step("second", (count * unitSeconds[unit]) / parts, 1);
  return ticks(fromSeconds, untilSeconds, finer, timeZone).map(([atSeconds]) => atSeconds);
}

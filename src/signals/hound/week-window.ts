/**
 * Times that come again every week, such as quiet hours and maintenance, and those that come once. Wall time is that of
 * a zone, so hours follow its summer time. Everything is a pure question: does an instant lie inside?
 */

/** A stretch of each week, or of one day of history. */
export type WeekWindow =
  | {
      kind: "weekly";
      /** 0 is Sunday; days on which it begins. */
      days: readonly number[];
      /** Minutes since midnight; an end that is not later lies on the next day. */
      fromMinute: number;
      untilMinute: number;
      zone: string;
    }
  /** Epoch ms; the end is not included. */
  | { kind: "once"; fromAt: number; untilAt: number };

/** Whether `at` (epoch ms) lies in one of the windows. */
export function isWithin(windows: readonly WeekWindow[], at: number): boolean {
  return windows.some((window) => {
    if (window.kind === "once") return at >= window.fromAt && at < window.untilAt;
    const { day, minute } = wallTime(at, window.zone);
    const { days, fromMinute, untilMinute } = window;
    if (fromMinute < untilMinute) return days.includes(day) && minute >= fromMinute && minute < untilMinute;
    const yesterday = (day + 6) % 7;
    return (days.includes(day) && minute >= fromMinute) || (days.includes(yesterday) && minute < untilMinute);
  });
}

const dayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** Days by their names: `mon`, or `mon-fri`, or `fri-mon`. Throws SyntaxError. */
export function daysOf(words: readonly string[]): number[] {
  const days = new Set<number>();
  for (const word of words) {
    const [, from = "", until = from] = /^(\w{3})(?:-(\w{3}))?$/.exec(word.toLowerCase()) ?? [];
    const first = dayNames.indexOf(from);
    const last = dayNames.indexOf(until);
    if (first < 0 || last < 0)
      throw new SyntaxError(`Cannot read the day "${word}": wanted one such as "mon", or "mon-fri"`);
    for (let day = first; ; day = (day + 1) % 7) {
      days.add(day);
      if (day === last) break;
    }
  }
  return [...days].sort();
}

/** Minutes since midnight of `HH:MM`; 24:00 is allowed. Throws SyntaxError. */
export function minuteOf(text: string): number {
  const [, hours = "99", minutes = "99"] = /^(\d{1,2}):(\d{2})$/.exec(text) ?? [];
  const minute = Number(hours) * 60 + Number(minutes);
  if (Number(minutes) > 59 || minute > 1440)
    throw new SyntaxError(`Cannot read the time "${text}": wanted hours and minutes such as "22:00"`);
  return minute;
}

/** Whether this machine knows a time zone of that name. */
export function isZone(name: string): boolean {
  try {
    formatOf(name);
    return true;
  } catch (thrown) {
    if (thrown instanceof RangeError) return false;
    throw thrown;
  }
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      weekday: "short",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    });
    formats.set(zone, format);
  }
  return format;
}

function wallTime(at: number, zone: string): { day: number; minute: number } {
  let [day, hour, minute] = [0, 0, 0];
  for (const { type, value } of formatOf(zone).formatToParts(at)) {
    if (type === "weekday") day = dayNames.indexOf(value.toLowerCase());
    else if (type === "hour") hour = Number(value);
    else if (type === "minute") minute = Number(value);
  }
  return { day, minute: hour * 60 + minute };
}

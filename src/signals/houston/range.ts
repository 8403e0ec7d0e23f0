/** The time that a page or a question is about: Graphite's words become epoch seconds, within what makes sense. */
import { Fault } from "../../kit/fault.ts";
import { parseMoment } from "../../lib/graphite/at-time.ts";
import { isTimeZone } from "../../lib/graphite/zone.ts";

/** A stretch of time in epoch seconds; `from` is before `until`. */
export interface Range {
  readonly fromSeconds: number;
  readonly untilSeconds: number;
}

const longestSeconds = 100 * 365 * 86_400;

/**
 * The stretch between two moments in Graphite's words, on the clocks of a zone, swapped where they are the wrong way round.
 * Fault `houston/range`.
 */
export function rangeOf(from: string, until: string, nowSeconds: number, timeZone = "UTC"): Range {
  // No source knows a time before 1970, and some take it for a span.
  const start = Math.max(0, momentOf("from", from, nowSeconds, timeZone));
  const end = Math.max(0, momentOf("until", until, nowSeconds, timeZone));
  const [fromSeconds, untilSeconds] = start < end ? [start, end] : [end, start];
  if (fromSeconds === untilSeconds) throw wrong("from and until are the same time");
  if (untilSeconds - fromSeconds > longestSeconds) throw wrong("wanted at most a hundred years");
  return { fromSeconds, untilSeconds };
}

/** A zone of the tz database; undefined where the word is none. */
export function zoneOf(word: string | null | undefined): string | undefined {
  return word !== null && word !== undefined && /^[A-Za-z][\w+/-]{0,49}$/.test(word) && isTimeZone(word)
    ? word
    : undefined;
}

/** The seconds of a span such as `-7d`, as a positive number; undefined when it is none. */
export function spanOf(text: string | undefined): number | undefined {
  if (text === undefined || !text.startsWith("-")) return undefined;
  try {
    const seconds = -parseMoment(text, { nowSeconds: 0 });
    return seconds > 0 && seconds <= longestSeconds ? seconds : undefined;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

function momentOf(name: string, text: string, nowSeconds: number, timeZone: string): number {
  try {
    return Math.floor(parseMoment(text.slice(0, 100), { nowSeconds, timeZone }));
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    throw wrong(`${name}: ${thrown.message}`);
  }
}

function wrong(reason: string): Fault {
  return new Fault("invalid", "houston/range", `Cannot show that time: ${reason}`);
}

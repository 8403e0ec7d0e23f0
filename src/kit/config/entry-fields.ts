/**
 * Values in the tables of a list, such as `[[chimney.checks]]`, which are read by a shape instead of one field each: text
 * that something parses, durations and sizes within bounds. What cannot be read is an issue with the parser's sentence.
 */
import { z } from "zod";

import { parseDuration, parseSize } from "./units.ts";

/** Text that `read` makes something of, or throws SyntaxError or RangeError for. */
export function textReadBy<T>(read: (text: string) => T) {
  return z.string().transform((text, context) => attempt(() => read(text), context));
}

/** A duration such as `"30s"`, in ms; `least` and `most` are written as durations, too, and are both allowed. */
export function durationBetween(least: string, most: string) {
  return textReadBy((text) => readDuration(text, least, most));
}

/** The same for a text; throws SyntaxError, or RangeError when it is out of bounds. */
export function readDuration(text: string, least: string, most: string): number {
  return within(text, parseDuration, least, most);
}

/** A size such as `"64MiB"` or a number of bytes, in bytes; `least` and `most` are written as sizes, and both allowed. */
export function sizeBetween(least: string, most: string) {
  return z
    .union([z.string(), z.number()])
    .transform((raw, context) => attempt(() => within(String(raw), parseSize, least, most), context));
}

function within(text: string, parse: (text: string) => number, least: string, most: string): number {
  const value = parse(text);
  if (value >= parse(least) && value <= parse(most)) return value;
  throw new RangeError(`wanted ${least} to ${most}, not ${JSON.stringify(text)}`);
}

function attempt<T>(read: () => T, context: z.RefinementCtx): T {
  try {
    return read();
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError || thrown instanceof RangeError)) throw thrown;
    context.addIssue(thrown.message);
    return z.NEVER;
  }
}

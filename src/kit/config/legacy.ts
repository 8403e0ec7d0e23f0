/**
 * Values as the predecessors read them from their environment. They were written in Go, so a flag is what Go's
 * `strconv.ParseBool` accepts and an integer what `strconv.ParseInt` accepts in base 0. All of these throw SyntaxError
 * on anything else, where nothing else is said; the predecessors refused to start on it too.
 */
import type { LogLevel } from "../log.ts";
import { formatDuration } from "./units.ts";

const goTrue = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const goFalse = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/** A Go boolean: `1 t T TRUE true True` or `0 f F FALSE false False`. */
export function goFlag(text: string): boolean {
  if (goTrue.has(text)) return true;
  if (goFalse.has(text)) return false;
  throw new SyntaxError(`Cannot read ${JSON.stringify(text)}: wanted true or false (or 1, 0, t, f)`);
}

const goForms: readonly [RegExp, number][] = [
  [/^0[xX](?:_?[0-9a-fA-F])+$/, 16],
  [/^0[bB](?:_?[01])+$/, 2],
  [/^0[oO](?:_?[0-7])+$/, 8],
  [/^0(?:_?[0-7])+$/, 8],
  [/^(?:0|[1-9](?:_?\d)*)$/, 10],
];

/** A Go integer in base 0: `0x`, `0o` (or a leading zero) and `0b` prefixes, underscores between digits; within ±2^53. */
export function goInteger(text: string): number {
  const sign = text.startsWith("-") ? -1 : 1;
  const digits = text.replace(/^[+-]/, "");
  const base = goForms.find(([form]) => form.test(digits))?.[1];
  const bare = digits.replaceAll("_", "").replace(/^0[xXbBoO]/, "");
  const value = base === undefined ? Number.NaN : sign * Number.parseInt(bare, base);
  if (!Number.isSafeInteger(value))
    throw new SyntaxError(`Cannot read ${JSON.stringify(text)}: wanted a whole number such as 10, 0x1F or 1_000`);
  return value === 0 ? 0 : value;
}

/** A Go integer of seconds as a duration: `5` gives `"5s"`. */
export function goSeconds(text: string): string {
  return formatDuration(notNegative(text) * 1000);
}

/** A Go integer of bytes as a size: `10737418240` stays that number. */
export function goBytes(text: string): number {
  return notNegative(text);
}

/** A port number as an address on every interface of the machine, as Go's `:port` listens. */
export function goPort(text: string): string {
  const port = notNegative(text);
  if (port > 65535) throw new SyntaxError(`Cannot read ${JSON.stringify(text)}: wanted a port from 0 to 65535`);
  return `0.0.0.0:${port}`;
}

const goLogLevels = new Map<string, LogLevel>([
  ["DEBUG", "debug"],
  ["WARN", "warn"],
  ["ERROR", "error"],
  ["FATAL", "error"],
]);

/** How much to log, in the predecessors' own words (`DEBUG INFO WARN ERROR FATAL`); anything else was INFO. */
export function goLogLevel(text: string): LogLevel {
  return goLogLevels.get(text) ?? "info";
}

/** A list with commas between its elements; spaces around them and empty elements are dropped. */
export function commaList(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function notNegative(text: string): number {
  const value = goInteger(text);
  if (value < 0) throw new SyntaxError(`Cannot read ${JSON.stringify(text)}: wanted 0 or more`);
  return value;
}

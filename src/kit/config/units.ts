/**
 * Durations and sizes as people write them: a number with a unit, such as `30s` or `64MiB`. In code they are whole
 * milliseconds and whole bytes. Formatting always gives text that parses to the same number again.
 * Leaves out calendars: a day is 24 hours, there are no months.
 */

const durationUnits = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
] as const;

const durationPart = /(\d+(?:\.\d+)?)([a-zA-Zµ]*)/y;

/**
 * Milliseconds of a duration such as `250ms`, `30s`, `1.5h` or `1h30m` (several parts: larger units first, each once).
 * Throws SyntaxError when the text is not one, RangeError when it is not a whole number of milliseconds below 2^53.
 */
export function parseDuration(text: string): number {
  const fail = (reason: string): never => {
    throw new SyntaxError(`Cannot parse duration ${JSON.stringify(text)}: ${reason}`);
  };
  let totalMs = 0;
  let largestAllowed = 0;
  durationPart.lastIndex = 0;
  do {
    const part = durationPart.exec(text);
    if (part === null) return fail('wanted a number with a unit, such as "30s"');
    const [whole, number = "", unit = ""] = part;
    const rank = durationUnits.findIndex(([name]) => name === unit);
    const found = durationUnits[rank];
    if (found === undefined) return fail("unit must be ms, s, m, h or d");
    if (rank < largestAllowed) return fail("larger units come first, each once");
    largestAllowed = rank + 1;
    totalMs += exactProduct(number, found[1]);
    durationPart.lastIndex = part.index + whole.length;
  } while (durationPart.lastIndex < text.length);
  if (!Number.isSafeInteger(totalMs))
    throw new RangeError(
      `Cannot parse duration ${JSON.stringify(text)}: wanted a whole number of milliseconds below 2^53`,
    );
  return totalMs;
}

/** A duration of `durationMs` whole milliseconds in the largest unit that divides it: 90,000 gives `90s`. Throws RangeError for other numbers. */
export function formatDuration(durationMs: number): string {
  if (!Number.isSafeInteger(durationMs) || durationMs < 0)
    throw new RangeError(`Cannot format duration ${durationMs}: wanted whole milliseconds, 0 or more`);
  if (durationMs === 0) return "0s";
  const unit = durationUnits.find(([, unitMs]) => durationMs % unitMs === 0);
  return unit === undefined ? `${durationMs}ms` : `${durationMs / unit[1]}${unit[0]}`;
}

const sizeUnits = new Map<string, number>([
  ["", 1],
  ["b", 1],
  ["kb", 1e3],
  ["mb", 1e6],
  ["gb", 1e9],
  ["tb", 1e12],
  ["pb", 1e15],
  ["kib", 2 ** 10],
  ["mib", 2 ** 20],
  ["gib", 2 ** 30],
  ["tib", 2 ** 40],
  ["pib", 2 ** 50],
]);

const sizeForm = /^(\d+(?:\.\d+)?) ?([a-zA-Z]*)$/;

/**
 * Bytes of a size such as `64MiB` (powers of 1024), `1GB` (powers of 1000) or `4096`; units in either case.
 * Throws SyntaxError when the text is not one, RangeError when it is not a whole number of bytes below 2^53.
 */
export function parseSize(text: string): number {
  const match = sizeForm.exec(text);
  const unitBytes = sizeUnits.get(match?.[2]?.toLowerCase() ?? "?");
  if (match === null)
    throw new SyntaxError(
      `Cannot parse size ${JSON.stringify(text)}: wanted a number with a unit, such as "64MiB" or "1GB"`,
    );
  if (unitBytes === undefined)
    throw new SyntaxError(
      `Cannot parse size ${JSON.stringify(text)}: unit must be B, KiB, MiB, GiB, TiB, PiB (1024) or KB, MB, GB, TB, PB (1000)`,
    );
  const sizeBytes = exactProduct(match[1] ?? "", unitBytes);
  if (!Number.isSafeInteger(sizeBytes))
    throw new RangeError(`Cannot parse size ${JSON.stringify(text)}: wanted a whole number of bytes below 2^53`);
  return sizeBytes;
}

const sizeNames = ["PiB", "TiB", "GiB", "MiB", "KiB", "PB", "TB", "GB", "MB", "KB"];

/** A size of `sizeBytes` whole bytes in the largest unit that divides it, powers of 1024 first. Throws RangeError for other numbers. */
export function formatSize(sizeBytes: number): string {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0)
    throw new RangeError(`Cannot format size ${sizeBytes}: wanted whole bytes, 0 or more`);
  const name =
    sizeBytes === 0 ? undefined : sizeNames.find((name) => sizeBytes % (sizeUnits.get(name.toLowerCase()) ?? 1) === 0);
  return name === undefined ? `${sizeBytes}B` : `${sizeBytes / (sizeUnits.get(name.toLowerCase()) ?? 1)}${name}`;
}

/** `number` times `unit` without the rounding of binary fractions (0.1 * 3 and the like); NaN when it is not whole. */
function exactProduct(number: string, unit: number): number {
  const [whole = "", fraction = ""] = number.split(".");
  // Beyond 20 digits nothing is below 2^53 or finer than a byte; the bound keeps the big integers small.
  if (whole.length > 20 || fraction.length > 20) return Number.NaN;
  const scale = 10n ** BigInt(fraction.length);
  const product = BigInt(whole + fraction) * BigInt(unit);
  return product % scale === 0n ? Number(product / scale) : Number.NaN;
}

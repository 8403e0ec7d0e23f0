/**
 * What every way of cutting has in common: bytes go in by pieces of any size, places to cut come out. A cutter keeps two
 * numbers, never bytes; `chunks.ts` keeps the bytes of the unfinished chunk.
 *
 * Invariants: the cuts depend on the bytes and the plan, never on how the bytes were divided into pieces; a cutter knows
 * nothing of what came before the last cut, so cutting that stops at a cut may go on there with a fresh cutter.
 */

/** Names of the cutting rules. A rule never changes under its name; a better one gets a new name. */
export type CutRule = "fastcdc-1" | "fixed-1";

/** Finds the ends of chunks in one input after another. */
export interface Cutter {
  /** The rule, for records: with the plan it says how content was cut. */
  readonly rule: CutRule;
  /** No chunk is longer, in bytes. */
  readonly maxBytes: number;
  /**
   * Takes the next piece of the input, of any length, and does not keep it.
   * @returns the offsets in `bytes` behind which a chunk ends, ascending, from 1 to `bytes.length`
   */
  push(bytes: Uint8Array): number[];
  /**
   * Ends the input: what is left behind the last cut is the last chunk. The next `push` begins a new input.
   * @returns the length of that chunk in bytes, 0 when the input was empty or ended at a cut
   */
  finish(): number;
}

/** The longest chunk that may be asked for: a chunk is kept in memory whole. */
export const maxChunkBytes = 2 ** 30;

/**
 * Checks one size of a plan.
 * @throws {RangeError} unless `bytes` is a whole number from `least` to `most`
 */
export function checkSize(name: string, bytes: number, least: number, most: number): void {
  if (Number.isSafeInteger(bytes) && bytes >= least && bytes <= most) return;
  throw new RangeError(`Cannot cut with ${name} ${bytes}: must be a whole number of bytes from ${least} to ${most}`);
}

/**
 * Which way to cut and with which lengths: the value that stands in a configuration and in a record, and the cutter made
 * from it.
 */
import { ContentCutter, type ContentSizes } from "./content-cutter.ts";
import type { Cutter } from "./cutter.ts";
import { FixedCutter } from "./fixed-cutter.ts";

/** How to cut. `content` finds its cuts again after an edit; `fixed` cuts every `sizeBytes` bytes. */
export type CutPlan =
  ({ readonly kind: "content" } & ContentSizes) | { readonly kind: "fixed"; readonly sizeBytes: number };

/**
 * What is right for most: an edit costs one or two chunks of about a mebibyte, a gibibyte has a record of about 900 lines,
 * and eight chunks under way take at most 32 MiB.
 */
export const defaultCutPlan = {
  kind: "content",
  minBytes: 256 * 1024,
  averageBytes: 1024 * 1024,
  maxBytes: 4 * 1024 * 1024,
} as const satisfies CutPlan;

/**
 * Makes a cutter, ready for its first input.
 * @throws {RangeError} when a size is not a whole number, is out of bounds or not in order
 * @throws {TypeError} when the kind is none of the two
 */
export function createCutter(plan: CutPlan): Cutter {
  switch (plan.kind) {
    case "content":
      return new ContentCutter(plan);
    case "fixed":
      return new FixedCutter(plan.sizeBytes);
    default:
      throw new TypeError(`Cannot cut: ${JSON.stringify(plan)} is neither of kind "content" nor "fixed"`);
  }
}

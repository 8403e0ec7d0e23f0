/**
 * The answers of Hakmes that a client reads, as shapes. Only what a client uses is named; more may be there. The record
 * is the predecessor's, so a client of ours reads its answers too; what only ours says is optional.
 */
import { z } from "zod";

import { type Key, parseKey } from "../cask/client.ts";

/** A key in every detail. */
export const keyShape = z.string().transform((text, context): Key => {
  const key = parseKey(text);
  if (key !== undefined) return key;
  context.addIssue({ code: "custom", message: "wanted a key" });
  return z.NEVER;
});

const nameShape = z.union([
  z.string().transform((name) => ({ name })),
  z.looseObject({ name: z.string(), mimetype: z.string().optional(), addedAt: z.number().optional() }),
]);

/** A file without its chunks, as it stands in a list. */
export const fileShape = z.looseObject({
  key: keyShape,
  extension: z.string().default(""),
  mimetype: z.string().default("application/octet-stream"),
  size: z.int().nonnegative(),
  names: z.array(nameShape).default([]),
  createdAt: z.number().optional(),
  chunkCount: z.number().optional(),
});

/** The whole record of a file. */
export const recordShape = fileShape.extend({
  chunks: z
    .array(keyShape)
    .nullish()
    .transform((chunks) => chunks ?? []),
});

/** How the search for files in Cask stands. */
export const searchShape = z.looseObject({
  isRunning: z.boolean(),
  listing: z.enum(["yes", "no", "unknown"]).catch("unknown"),
  buckets: z.number(),
  bucketsDone: z.number(),
  blobsLookedAt: z.number().catch(0),
  filesFound: z.number().catch(0),
  isComplete: z.boolean(),
  rounds: z.number().catch(0),
});

/** What became of records that were sent. */
export const ingestedShape = z.looseObject({
  lines: z.int(),
  entered: z.int(),
  existed: z.int(),
  skipped: z.int(),
  /** The first lines that were skipped, and why. */
  problems: z.array(z.object({ line: z.int(), reason: z.string() })).default([]),
});

/** A page of the list. */
export const pageShape = z.looseObject({
  files: z.array(fileShape),
  next: z.string().nullish(),
  total: z.number().optional(),
});

/** A file in a list. */
export type ListedFile = z.infer<typeof fileShape>;
/** What Hakmes knows of a file. */
export type FileRecord = z.infer<typeof recordShape>;
/** How the search for files in Cask stands, on the node that was asked. */
export type SearchState = z.infer<typeof searchShape>;
/** What became of records that were sent. */
export type IngestedRecords = z.infer<typeof ingestedShape>;

/**
 * The answers of Cask that a client reads, as shapes. Only what a client uses is named; more may be there.
 */
import { z } from "zod";

/** The answer to a write. */
export const storedShape = z.object({
  key: z.string(),
  success: z.boolean(),
  size: z.number().optional(),
  copies: z.number().optional(),
  wanted: z.number().optional(),
  existed: z.boolean().optional(),
});
/** Who has a blob. */
export const whereShape = z.object({
  key: z.string(),
  wanted: z.int(),
  places: z.array(
    z.object({
      node: z.string(),
      url: z.string(),
      self: z.boolean(),
      owner: z.boolean(),
      held: z.boolean().optional(),
      verifiedAt: z.number().optional(),
      sizeBytes: z.number().optional(),
    }),
  ),
});
/** A part of the list of a bucket. */
export const keysShape = z.object({
  bucket: z.int(),
  keys: z.array(z.tuple([z.string(), z.int().min(0)])),
  next: z.string().optional(),
  complete: z.boolean(),
  unasked: z.array(z.string()),
});
/** What reading a copy gave. */
export const verifyShape = z.object({ key: z.string(), verdict: z.enum(["good", "bad", "absent", "unreadable"]) });
const count = z.number().catch(0);
/** The state of a node. */
export const statusShape = z.looseObject({
  id: z.string(),
  writeable: z.string(),
  blobs: count,
  bytes: count,
  owed: count,
  /** Copies here that belong elsewhere, as far as they have been counted. */
  surplus: count.optional(),
  copies: z.object({
    perBlob: count,
    quorum: count,
    wanted: z.number().nullish(),
    had: z.number().nullish(),
  }),
  nodes: z.array(
    z.looseObject({
      id: z.string(),
      name: z.string(),
      self: z.boolean(),
      state: z.string(),
      url: z.string().nullish(),
      writeable: z.boolean(),
      share: z.number().nullish(),
      freeBytes: z.number().nullish(),
      totalBytes: z.number().nullish(),
      blobs: z.number().nullish(),
    }),
  ),
});

/** The state of the node that was asked, and of the cluster as it sees it. */
export type CaskStatus = z.infer<typeof statusShape>;
/** What a node found when it read its own copy of a blob. */
export type VerifyVerdict = z.infer<typeof verifyShape>["verdict"];

/**
 * The port to Cask as the search for manifests sees it: a shelf of blobs that can be walked bucket by bucket. Which blobs
 * are looked at, and what is made of them, is decided in discovery.ts.
 */
import type { Key } from "../cask/client.ts";

/** The blobs of one bucket. */
export interface ShelfListing {
  /** Keys and sizes in bytes. */
  readonly keys: readonly (readonly [Key, number])[];
  /** Every blob of the bucket that was ever acknowledged is in it: too few nodes were silent to hide one. */
  readonly isComplete: boolean;
}

/** What can be asked of Cask. Calls throw Faults while it cannot be asked. */
export interface Shelf {
  /** One of the 256 buckets; undefined when this Cask has no listing. */
  keys(bucket: number, signal: AbortSignal): Promise<ShelfListing | undefined>;
  /** The first bytes of a blob, or all of it, verified, when no number is given; undefined when no node has it. */
  read(key: Key, firstBytes: number | undefined, signal: AbortSignal): Promise<Uint8Array | undefined>;
}

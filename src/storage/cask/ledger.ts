/**
 * The port to what a node remembers of its blobs: when each was last verified, which copies are owed to others, which
 * copies are surplus. The store is the truth about bytes; the ledger may lose its last moments in a crash and is filled
 * again by the scrub, except for hand-offs, which are durable when `owe` returns.
 */
import type { Key, SizedKey } from "./key.ts";

/** What is remembered of a blob held here. */
export interface BlobRecord {
  key: Key;
  sizeBytes: number;
  /** The store's stamp when the bytes were last verified. */
  stamp: string;
  /** SHA-256 of the bytes, 64 hex digits, whatever the key's algorithm. */
  sha256: string;
  storedAt: number;
  /** When the bytes were last read and hashed to the key, epoch ms. */
  verifiedAt: number;
  /** Since when this node holds it without being an owner, epoch ms; 0 when it is an owner. */
  surplusSince: number;
}

/** A copy that a node owes to another. */
export interface HandOff {
  key: Key;
  nodeId: string;
  /** When it was promised, epoch ms. */
  since: number;
  attempts: number;
  /** Not to be tried before this, epoch ms. */
  notBefore: number;
}

/** What a node remembers. All calls are synchronous; they touch memory or a local database only. */
export interface Ledger {
  find(key: Key): BlobRecord | undefined;
  /** Adds or replaces. */
  put(record: BlobRecord): void;
  verified(key: Key, stamp: string, at: number): void;
  markSurplus(key: Key, since: number): void;
  remove(key: Key): void;
  count(): number;
  totalBytes(): number;
  /** Records of a bucket, sorted by key. */
  inBucket(bucket: number): BlobRecord[];
  /** At most `limit` keys of a bucket with their sizes, sorted by key; those behind `after` when it is given. */
  sizesIn(bucket: number, after: Key | undefined, limit: number): SizedKey[];
  /** The records longest not verified, oldest first, of those verified before `before`. */
  leastRecentlyVerified(before: number, limit: number): BlobRecord[];
  /** Bytes and count of those verified before `before`. */
  unverifiedSince(before: number): { count: number; bytes: number };
  /** Remembers durably that `nodeId` is owed a copy. Idempotent. */
  owe(key: Key, nodeId: string, at: number): void;
  /** Hand-offs to be tried at `now`, those waiting longest first. */
  due(now: number, limit: number): HandOff[];
  /** Notes a failed attempt. */
  postpone(key: Key, nodeId: string, notBefore: number): void;
  settle(key: Key, nodeId: string): void;
  owed(): number;
  /** Whether a copy of this key is owed to anyone. */
  owes(key: Key): boolean;
  /** A small named value, such as a scrub's position. */
  recall(name: string): string | undefined;
  note(name: string, value: string): void;
  close(): void;
}

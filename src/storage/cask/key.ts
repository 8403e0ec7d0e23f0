/**
 * The name of a blob: the hash of its bytes, written `sha256:<64 hex>` or `sha1:<40 hex>`, lower case, nothing else.
 * A Key is only ever made by {@link parseKey} or {@link keyOf}, so a path built from one cannot leave its folder.
 */

/** A checked key, such as `sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709`. */
export type Key = string & { readonly __key: unique symbol };

/** A key, and how many bytes are under it. */
export interface SizedKey {
  key: Key;
  sizeBytes: number;
}

/** The hashes a key may name. */
export const algorithms = ["sha1", "sha256"] as const;
/** One of {@link algorithms}. */
export type Algorithm = (typeof algorithms)[number];

const pattern = /^(?:sha1:[0-9a-f]{40}|sha256:[0-9a-f]{64})$/;

/** The key in `text`, or undefined when it is not one in every detail. */
export function parseKey(text: string): Key | undefined {
  return pattern.test(text) ? (text as Key) : undefined;
}

/** The key of an algorithm and its digest in lower-case hex. Throws RangeError when the digest is not one of that algorithm. */
export function keyOf(algorithm: Algorithm, digest: string): Key {
  const key = parseKey(`${algorithm}:${digest}`);
  if (key === undefined)
    throw new RangeError(`Cannot make a ${algorithm} key of "${digest}": wanted its lower-case hex digest`);
  return key;
}

/** The algorithm of a key. */
export function algorithmOf(key: Key): Algorithm {
  return key.charCodeAt(3) === 49 ? "sha1" : "sha256";
}

/** The digest of a key, in lower-case hex: 40 or 64 digits. */
export function digestOf(key: Key): string {
  return key.slice(key.indexOf(":") + 1);
}

/** Number of buckets that {@link bucketOf} spreads keys over. */
export const bucketCount = 256;

/** The bucket of a key, its digest's first byte: 0 to 255. Work that walks all blobs does so bucket by bucket. */
export function bucketOf(key: Key): number {
  return Number.parseInt(digestOf(key).slice(0, 2), 16);
}

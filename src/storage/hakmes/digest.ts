/**
 * Hashing to keys. Chunks are hashed on the runtime's threads, so that the main thread keeps its time for cutting and for
 * the hash of the whole file, which has to see the bytes in order. Short ones are not worth the way there.
 */
import { type Algorithm, type Key, requireKey } from "../cask/client.ts";

/** Below this the way to another thread costs more than hashing here. */
const shortBytes = 32 * 1024;
const names = { sha1: "SHA-1", sha256: "SHA-256" } as const;

/** The key of bytes. They must not change meanwhile. */
export async function keyOfBytes(algorithm: Algorithm, bytes: Uint8Array): Promise<Key> {
  if (bytes.byteLength < shortBytes) return keyOfShort(algorithm, bytes);
  const digest = await crypto.subtle.digest(names[algorithm], bytes as Uint8Array<ArrayBuffer>);
  return requireKey(`${algorithm}:${Buffer.from(digest).toString("hex")}`);
}

/** The key of a few bytes, at once. */
export function keyOfShort(algorithm: Algorithm, bytes: Uint8Array | string): Key {
  return keyOfHash(algorithm, new Bun.CryptoHasher(algorithm).update(bytes));
}

/** The key that a hash comes to; the hash is spent. */
export function keyOfHash(algorithm: Algorithm, hash: Bun.CryptoHasher): Key {
  return requireKey(`${algorithm}:${hash.digest("hex")}`);
}

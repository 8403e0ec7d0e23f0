/**
 * A list of chunks as bytes: 37 for each chunk named by sha256, so that the million chunks of a very long upload fit into
 * a few thousand rows of a database. Private to the uploads; manifests in Cask have a form of their own.
 *
 * One entry: the algorithm (1 = sha1, 2 = sha256), the size as 32 bits with the highest byte first, the digest.
 */
import { algorithmOf, digestOf, parseKey } from "../cask/client.ts";
import type { Chunk } from "./record.ts";

/** The list as bytes. */
export function packChunks(chunks: readonly Chunk[]): Uint8Array {
  return Buffer.concat(
    chunks.map(({ key, sizeBytes }) => {
      const head = Buffer.alloc(5);
      head.writeUInt8(algorithmOf(key) === "sha1" ? 1 : 2, 0);
      head.writeUInt32BE(sizeBytes, 1);
      return Buffer.concat([head, Buffer.from(digestOf(key), "hex")]);
    }),
  );
}

/** The list in bytes. Throws RangeError when they are not what {@link packChunks} makes. */
export function unpackChunks(packed: Uint8Array): Chunk[] {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
  const chunks: Chunk[] = [];
  for (let at = 0; at < bytes.length;) {
    const algorithm = bytes[at] === 1 ? "sha1" : "sha256";
    const end = at + 5 + (algorithm === "sha1" ? 20 : 32);
    const key = parseKey(`${algorithm}:${bytes.toString("hex", at + 5, end)}`);
    if ((bytes[at] !== 1 && bytes[at] !== 2) || key === undefined) {
      throw new RangeError(`Cannot read the list of chunks: entry at byte ${at} is broken`);
    }
    chunks.push({ key, sizeBytes: bytes.readUInt32BE(at + 1) });
    at = end;
  }
  return chunks;
}

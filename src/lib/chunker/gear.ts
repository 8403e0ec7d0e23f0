/**
 * The Gear hash of the rule `fastcdc-1`, and the search for the first place where it is low enough. A step is
 * `hash = hash * 2 + gear[byte]` in 32 bits, so the hash is that of the last 32 bytes and of nothing before them.
 *
 * That is what makes it fast: four stretches of the input are hashed side by side, each after 32 bytes of warming up, and
 * the processor need not wait for one step to begin the next. Only a block with a cut in it is looked through byte by byte.
 * Source: Xia et al., "FastCDC", USENIX ATC 2016; the table and the search are our own.
 */

/** How many bytes the hash looks back. */
export const windowBytes = 32;

/** No hash is below it: a search with it only carries the hash on. */
export const never = -(2 ** 31);

/** The number for each byte, mixed from the letters "fcdc" by the finish of MurmurHash3. Never to be changed. */
export const gear: Int32Array = Int32Array.from({ length: 256 }, (_, byte) =>
  mixed(0x66636463 + (byte + 1) * 0x9e3779b9),
);

function mixed(seed: number): number {
  let mix = seed | 0;
  mix = Math.imul(mix ^ (mix >>> 16), 0x85ebca6b);
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2ae35);
  return mix ^ (mix >>> 16);
}

/** The length of one of the four stretches; short enough for four of them to fit into what a socket gives at a time. */
const stretchBytes = 1024;
const blockBytes = 4 * stretchBytes;

/** Hashes on from where it stopped, over any pieces; what was hashed more than 32 bytes ago is forgotten by itself. */
export class GearSearch {
  #hash = 0;

  /**
   * Hashes `bytes` from `start` up to `end`, or up to the first byte after which the hash is below `limit`.
   * @param limit from `never` to 2 ** 31 - 1; the hash is compared as a signed number
   * @returns the offset behind that byte, or -1 when there was none
   */
  find(bytes: Uint8Array, start: number, end: number, limit: number): number {
    let at = start;
    while (end - at >= blockBytes && !this.#isInBlock(bytes, at, limit)) at += blockBytes;
    return this.#findByByte(bytes, at, end, limit);
  }

  /** Whether the hash is below `limit` anywhere in the block at `start`; carries the hash over the block if not. */
  #isInBlock(bytes: Uint8Array, start: number, limit: number): boolean {
    const table = gear;
    let first = this.#hash;
    let second = hashBefore(bytes, start + stretchBytes);
    let third = hashBefore(bytes, start + 2 * stretchBytes);
    let fourth = hashBefore(bytes, start + 3 * stretchBytes);
    // Two steps a turn, written out: a seventh faster than one, and more gain little.
    for (let at = start; at < start + stretchBytes; at += 2) {
      first = ((first << 1) + (table[bytes[at] ?? 0] ?? 0)) | 0;
      second = ((second << 1) + (table[bytes[at + stretchBytes] ?? 0] ?? 0)) | 0;
      third = ((third << 1) + (table[bytes[at + 2 * stretchBytes] ?? 0] ?? 0)) | 0;
      fourth = ((fourth << 1) + (table[bytes[at + 3 * stretchBytes] ?? 0] ?? 0)) | 0;
      if (first < limit || second < limit || third < limit || fourth < limit) return true;
      first = ((first << 1) + (table[bytes[at + 1] ?? 0] ?? 0)) | 0;
      second = ((second << 1) + (table[bytes[at + 1 + stretchBytes] ?? 0] ?? 0)) | 0;
      third = ((third << 1) + (table[bytes[at + 1 + 2 * stretchBytes] ?? 0] ?? 0)) | 0;
      fourth = ((fourth << 1) + (table[bytes[at + 1 + 3 * stretchBytes] ?? 0] ?? 0)) | 0;
      if (first < limit || second < limit || third < limit || fourth < limit) return true;
    }
    this.#hash = fourth;
    return false;
  }

  #findByByte(bytes: Uint8Array, start: number, end: number, limit: number): number {
    let hash = this.#hash;
    let found = -1;
    for (let at = start; at < end && found < 0; at++) {
      hash = ((hash << 1) + (gear[bytes[at] ?? 0] ?? 0)) | 0;
      if (hash < limit) found = at + 1;
    }
    this.#hash = hash;
    return found;
  }
}

/** The hash of the window that ends at `end`. */
function hashBefore(bytes: Uint8Array, end: number): number {
  let hash = 0;
  for (let at = end - windowBytes; at < end; at++) hash = ((hash << 1) + (gear[bytes[at] ?? 0] ?? 0)) | 0;
  return hash;
}

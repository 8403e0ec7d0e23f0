import { describe, expect, test } from "bun:test";

import { gear, GearSearch, never, windowBytes } from "./gear.ts";
import { noise } from "./testing/inputs.ts";

/** The hash after each byte, in the plainest way. */
function hashesOf(bytes: Uint8Array): number[] {
  let hash = 0;
  return Array.from(bytes, (byte) => (hash = (Math.imul(hash, 2) + (gear[byte] ?? 0)) | 0));
}

/** Zeros, whose hash is high, with a few bytes of noise in them that end `at`. */
function marked(seed: number, at: number): Uint8Array {
  const bytes = new Uint8Array(8192);
  bytes.set(noise(seed, windowBytes), at - windowBytes);
  return bytes;
}

describe("GearSearch", () => {
  test("find: names the first place wherever it lies in stretch and block, also across pieces", () => {
    for (const border of [1024, 2048, 3072, 4096, 5120]) {
      // Around a border, with marks of several kinds, each byte of a window is the one that matters in some case.
      for (const seed of [81, 82, 83, 84, 85, 86]) {
        for (let at = border - windowBytes; at < border + windowBytes + 2; at++) {
          const bytes = marked(seed, at);
          const hashes = hashesOf(bytes);
          const lowest = Math.min(...hashes);
          const place = hashes.indexOf(lowest) + 1;
          const inTwo = new GearSearch();
          const places = [
            new GearSearch().find(bytes, 0, bytes.length, lowest + 1),
            new GearSearch().find(bytes, 0, bytes.length, lowest),
            inTwo.find(bytes, 0, place - 12, lowest),
            inTwo.find(bytes, place - 12, bytes.length, lowest + 1),
          ];
          expect({ seed, at, places }).toEqual({ seed, at, places: [place, -1, -1, place] });
        }
      }
    }
  });

  test("find: looks from start to end only, and finds nothing below never", () => {
    const bytes = noise(82, 20_000);
    expect(new GearSearch().find(bytes, 0, bytes.length, never)).toBe(-1);
    expect(new GearSearch().find(bytes, 500, 500, 2 ** 31 - 1)).toBe(-1);
    expect(new GearSearch().find(bytes, 500, 501, 2 ** 31 - 1)).toBe(501);
  });
});

import { expect, test } from "bun:test";

import type { BlobReading, Key } from "../cask/client.ts";
import { requireKey } from "../cask/client.ts";
import { KnownImages } from "./known-images.ts";
import { Originals } from "./originals.ts";

const sizeBytes = 100;
const keyOf = (at: number): Key => requireKey(`sha1:${at.toString(16).padStart(40, "0")}`);
const never = () => Promise.reject(new Error("Nobody was to ask for that"));

/** Originals in front of a Cask that has every key, and the keys that were read from it. */
function originalsIn(memoryBytes: number, pieces = 1) {
  const read: Key[] = [];
  const originals = new Originals({
    cask: {
      get: (key): Promise<BlobReading> => {
        read.push(key);
        const bytes = (async function* () {
          for (let at = 0; at < pieces; at++) yield new Uint8Array(sizeBytes / pieces).fill(at + 1);
        })();
        return Promise.resolve({ key, sizeBytes, bytes });
      },
      find: never,
      put: never,
      whereIs: never,
    },
    known: new KnownImages(":memory:"),
    engine: { probe: never },
    sniff: () => "jpeg",
    maxBytes: 1000,
    memoryBytes,
  });
  const bytesOf = (at: number) => originals.bytes({ key: keyOf(at), format: "jpeg", sizeBytes, name: "" });
  return { bytesOf, originals, read };
}

test("Originals: many that are asked for once push out none that was uploaded or is asked for again", async () => {
  const { bytesOf, originals, read } = originalsIn(16 * sizeBytes);
  for (let at = 0; at < 14; at++) originals.remember(keyOf(at), new Uint8Array(sizeBytes));
  for (let at = 100; at < 150; at++) await bytesOf(at);
  expect(read.length).toBe(50);
  for (let at = 0; at < 14; at++) await bytesOf(at);
  expect(read.length).toBe(50);
  // The last ones are still there; asked for again, one takes the place of what was unused for longest.
  await bytesOf(149);
  for (let at = 200; at < 250; at++) await bytesOf(at);
  await bytesOf(149);
  expect(read.length).toBe(100);
  await bytesOf(0);
  expect(read.at(-1)).toBe(keyOf(0));
});

test("Originals: bytes in one piece are not copied, those in several are put together", async () => {
  for (const pieces of [1, 2, 5]) {
    const { bytesOf } = originalsIn(0, pieces);
    const bytes = await bytesOf(1);
    const step = sizeBytes / pieces;
    expect([...bytes]).toEqual(Array.from({ length: sizeBytes }, (_, at) => Math.floor(at / step) + 1));
  }
});

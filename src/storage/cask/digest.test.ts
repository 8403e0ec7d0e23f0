/** Hashes of whole bytes: whichever way they are made, they are the same. */
import { expect, test } from "bun:test";
import { availableParallelism } from "node:os";

import { digestBeside, digestNow, digestShared } from "./digest.ts";

test("digestBeside: gives the digest of just these bytes, small or large, and of a part of a larger buffer", async () => {
  const all = crypto.getRandomValues(new Uint8Array(65_536));
  for (const sizeBytes of [0, 1, 262_143, 262_144, 262_145, 3_000_001]) {
    const bytes = Buffer.alloc(sizeBytes + 7, all).subarray(7);
    for (const algorithm of ["sha1", "sha256"] as const) {
      const expected = new Bun.CryptoHasher(algorithm).update(bytes).digest("hex");
      expect([sizeBytes, await digestBeside(algorithm, bytes)]).toEqual([sizeBytes, expected]);
      expect(digestNow(algorithm, bytes)).toBe(expected);
      expect(await digestShared(algorithm, bytes)).toBe(expected);
    }
  }
});

test("digestBeside: many at a time do not get mixed up", async () => {
  const blobs = Array.from({ length: 12 }, (_, number) => new Uint8Array(300_000 + number).fill(number));
  const digests = await Promise.all(blobs.map((bytes) => digestBeside("sha256", bytes)));
  expect(digests).toEqual(blobs.map((bytes) => digestNow("sha256", bytes)));
});

test("digestShared: what comes while others are hashed is hashed at once unless it is long, and all of it right", async () => {
  const blobs = Array.from({ length: 2 * availableParallelism() + 8 }, (_, number) =>
    new Uint8Array(number % 4 === 0 ? 2_200_000 : 300_000 + number).fill(number),
  );
  const digests = blobs.map((bytes) => digestShared("sha256", bytes));
  expect(digests.some((digest) => typeof digest === "string")).toBe(true);
  expect(digests.filter((_, number) => number % 4 === 0).every((digest) => digest instanceof Promise)).toBe(true);
  expect(await Promise.all(digests)).toEqual(blobs.map((bytes) => digestNow("sha256", bytes)));
  // The next goes beside again.
  expect(digestShared("sha256", new Uint8Array(300_000))).toBeInstanceOf(Promise);
});

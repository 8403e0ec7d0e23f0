import { expect, test } from "bun:test";

import { letGo } from "./let-go.ts";
import { testAlone } from "./testing/own-process.ts";

test("letGo: empties bytes that are all of their buffer, and leaves a part of one alone", () => {
  const whole = new Uint8Array([1, 2, 3]);
  const part = new Uint8Array([1, 2, 3]).subarray(1);
  const shared = new Uint8Array(new SharedArrayBuffer(3));
  for (const bytes of [whole, part, shared, new Uint8Array(0)]) letGo(bytes);
  expect([whole.length, part.length, shared.length]).toEqual([0, 2, 3]);
  letGo(whole);
});

testAlone(import.meta.path, "letGo: a gibibyte in pieces that live for a while takes the memory of a few", () => {
  const held: Uint8Array[] = [];
  const before = process.memoryUsage.rss();
  let most = 0;
  for (let piece = 0; piece < 1024; piece++) {
    held.push(new Uint8Array(2 ** 20).fill(piece));
    if (held.length > 8) letGo(held.shift() ?? new Uint8Array(0));
    most = Math.max(most, process.memoryUsage.rss() - before);
  }
  expect(most).toBeLessThan(64 * 2 ** 20);
});

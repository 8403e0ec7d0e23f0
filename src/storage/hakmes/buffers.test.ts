import { expect, test } from "bun:test";

import { Buffers } from "./buffers.ts";

const kib = 1024;

test("Buffers: are used again by length while there are users, and let go with the last", () => {
  const buffers = new Buffers(300 * kib);
  expect([buffers.leastBytes, buffers.after(64 * kib), buffers.after(256 * kib)]).toEqual([
    64 * kib,
    128 * kib,
    300 * kib,
  ]);
  buffers.join();
  buffers.join();
  const [one, two] = [buffers.take(64 * kib), buffers.take(128 * kib)];
  expect([one.length, two.length]).toEqual([64 * kib, 128 * kib]);
  buffers.give(one);
  expect(buffers.take(128 * kib)).not.toBe(one);
  expect(buffers.take(64 * kib)).toBe(one);
  buffers.give(one);
  buffers.leave();
  expect(one.length).toBe(64 * kib);
  buffers.leave();
  expect(one.length).toBe(0);
  buffers.give(two);
  expect(two.length).toBe(0);
});

test("Buffers: none is longer than the longest chunk", () => {
  const buffers = new Buffers(10);
  expect([buffers.leastBytes, buffers.after(10), buffers.take(10).length]).toEqual([10, 10, 10]);
});

test("Buffers: of many that come back only some are kept, and the memory of the others is free", () => {
  const buffers = new Buffers(4096 * kib);
  buffers.join();
  const many = Array.from({ length: 30 }, () => buffers.take(4096 * kib));
  for (const buffer of many) buffers.give(buffer);
  expect(many.filter(({ length }) => length > 0)).toHaveLength(8);
});

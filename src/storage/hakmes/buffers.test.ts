import { expect, test } from "bun:test";

import { Buffers } from "./buffers.ts";

test("Buffers: are used again while there are users, and all but one let go with the last", () => {
  const buffers = new Buffers(10);
  buffers.join();
  buffers.join();
  const [one, two] = [buffers.take(), buffers.take()];
  expect([one.length, two.length]).toEqual([10, 10]);
  buffers.give(one);
  expect(buffers.take()).toBe(one);
  buffers.give(one);
  buffers.give(two);
  buffers.leave();
  expect(buffers.take()).toBe(two);
  buffers.give(two);
  buffers.leave();
  expect(two.length).toBe(0);
  buffers.join();
  expect(buffers.take()).toBe(one);
  expect([one, two]).not.toContain(buffers.take());
});

test("Buffers: of many that come back only some are kept, and the memory of the others is free", () => {
  const buffers = new Buffers(10);
  buffers.join();
  const many = Array.from({ length: 100 }, () => buffers.take());
  for (const buffer of many) buffers.give(buffer);
  expect(many.filter(({ length }) => length > 0).length).toBeLessThan(20);
});

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
  buffers.join();
  expect(buffers.take()).toBe(one);
  expect([one, two]).not.toContain(buffers.take());
});

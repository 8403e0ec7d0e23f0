/** Chance that can be repeated, and is fair enough. */
import { expect, test } from "bun:test";

import { below, pick, seededRandom, shuffled } from "./random.ts";

test("seededRandom: the same seed gives the same numbers, another seed others", () => {
  const draw = (seed: number) => {
    const random = seededRandom(seed);
    return Array.from({ length: 5 }, () => random());
  };
  expect(draw(1)).toEqual(draw(1));
  expect(draw(1)).not.toEqual(draw(2));
  expect(draw(2 ** 32 + 1)).toEqual(draw(1));
  for (const number of draw(7)) expect(number >= 0 && number < 1).toBe(true);
});

test("below: every number comes about as often, and none beside them", () => {
  const random = seededRandom(42);
  const counts = Array.from({ length: 10 }, () => 0);
  for (let turn = 0; turn < 10_000; turn++) {
    const drawn = below(random, 10);
    counts[drawn] = (counts[drawn] ?? Number.NaN) + 1;
  }
  expect(counts.length).toBe(10);
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
});

test("pick: one of the list, even if it is undefined, and nothing of nothing", () => {
  expect(["a", "b"]).toContain(pick(seededRandom(1), ["a", "b"]));
  expect(pick(seededRandom(1), [undefined])).toBeUndefined();
  expect(() => pick(seededRandom(1), [])).toThrow(RangeError);
});

test("shuffled: the same elements in any order, the list itself unchanged", () => {
  const list = ["a", "b", "c"];
  const orders = new Map<string, number>();
  const random = seededRandom(3);
  for (let turn = 0; turn < 6000; turn++) {
    const order = shuffled(random, list).join("");
    orders.set(order, (orders.get(order) ?? 0) + 1);
  }
  expect(list).toEqual(["a", "b", "c"]);
  expect([...orders.keys()].sort()).toEqual(["abc", "acb", "bac", "bca", "cab", "cba"]);
  for (const count of orders.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
});

import { expect, test } from "bun:test";

import { inParallel } from "./in-parallel.ts";

test("inParallel: keeps to its width, does all, and then throws the first failure", async () => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  const all = inParallel([1, 2, 3, 4, 5], 2, async (item) => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    running--;
    if (item === 2) throw new Error("the second one");
    done.push(item);
  });
  await expect(all).rejects.toThrow("the second one");
  expect(most).toBe(2);
  expect(done).toEqual([1, 3, 4, 5]);
});

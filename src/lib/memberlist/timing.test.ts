/** The formulas, at the sizes where they change. */
import { expect, test } from "bun:test";
import { confirmationsWanted, pushPullDelayMs, suspicionMinMs, timings, transmitLimit } from "./timing.ts";

const { lan, local } = timings;

test("suspicionMinMs: flat up to ten members, then with their logarithm", () => {
  expect([1, 3, 10, 100, 1000].map((members) => suspicionMinMs(lan, members))).toEqual([
    4000, 4000, 4000, 8000, 12_000,
  ]);
  expect(suspicionMinMs(local, 5)).toBe(3000);
  expect(suspicionMinMs(local, 5) * local.suspicionStretch).toBe(18_000);
});

test("confirmationsWanted: none where nobody is left to give them", () => {
  expect([2, 3, 4, 5].map((members) => confirmationsWanted(lan, members))).toEqual([0, 0, 2, 2]);
  expect([2, 3].map((members) => confirmationsWanted(local, members))).toEqual([0, 1]);
});

test("transmitLimit: more often with every power of ten", () => {
  expect([1, 9, 10, 99, 100].map((members) => transmitLimit(lan, members))).toEqual([4, 4, 8, 8, 12]);
});

test("pushPullDelayMs: rarer each time that members double beyond 32", () => {
  expect([1, 32, 33, 64, 65, 128, 129].map((members) => pushPullDelayMs(lan, members) / 30_000)).toEqual([
    1, 1, 2, 2, 3, 3, 4,
  ]);
});

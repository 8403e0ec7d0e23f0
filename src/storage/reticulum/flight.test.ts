/** Who comes first, who waits, and what becomes of work that nobody wants any more. */
import { expect, test } from "bun:test";

import { Flights } from "./flight.ts";

test("join: a hundred who ask at once start one piece of work", async () => {
  const flights = new Flights<number>();
  const { promise, resolve } = Promise.withResolvers<number>();
  let started = 0;
  const asked = Array.from({ length: 100 }, () =>
    flights.join("a", undefined, () => {
      started++;
      return promise;
    }),
  );
  expect(flights.size).toBe(1);
  resolve(7);
  expect(await Promise.all(asked)).toEqual(Array.from({ length: 100 }, () => 7));
  expect([started, flights.size, flights.joined]).toEqual([1, 0, 99]);
  expect(await flights.join("a", undefined, () => Promise.resolve(8))).toBe(8);
});

test("join: the work is told to end when the last has left, not before", async () => {
  const flights = new Flights<number>();
  let ended: AbortSignal | undefined;
  const start = (signal: AbortSignal) => {
    ended = signal;
    return new Promise<number>(() => undefined);
  };
  const first = new AbortController();
  const second = new AbortController();
  const one = flights.join("a", first.signal, start).catch((thrown: unknown) => thrown);
  const two = flights.join("a", second.signal, start).catch((thrown: unknown) => thrown);
  first.abort("first left");
  expect(await one).toBe("first left");
  expect(ended?.aborted).toBe(false);
  second.abort("second left");
  expect(await two).toBe("second left");
  expect([ended?.aborted, flights.size]).toEqual([true, 0]);
  // Whoever comes now gets work of their own.
  expect(await flights.join("a", undefined, () => Promise.resolve(1))).toBe(1);
});

test("join: a failure reaches all who wait, and is not remembered", async () => {
  const flights = new Flights<number>();
  const { promise, reject } = Promise.withResolvers<number>();
  const asked = [1, 2].map(() => flights.join("a", undefined, () => promise).catch((thrown: unknown) => thrown));
  reject(new RangeError("no"));
  expect(await Promise.all(asked)).toEqual([new RangeError("no"), new RangeError("no")]);
  expect(await flights.join("a", undefined, () => Promise.resolve(2))).toBe(2);
});

test("join: who has left before asking starts nothing", async () => {
  const flights = new Flights<number>();
  let started = 0;
  const start = () => Promise.resolve(++started);
  await expect(flights.join("a", AbortSignal.abort(new Error("gone")), start)).rejects.toThrow("gone");
  expect(started).toBe(0);
});

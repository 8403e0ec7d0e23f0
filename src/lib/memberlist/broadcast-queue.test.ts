/** Waiting news: order, limits and replacement. */
import { expect, test } from "bun:test";
import { BroadcastQueue } from "./broadcast-queue.ts";
import { BROADCASTS_MAX } from "./limits.ts";

const room = { bytes: 1000, partBytes: 2, countMax: 255, transmitLimit: 3, receiver: undefined };
const news = (subject: string, length = 10, toSubject = true) => ({
  subject,
  bytes: new Uint8Array(length),
  toSubject,
});

test("take: everything is sent as often as the limit says, then it is done", () => {
  const queue = new BroadcastQueue();
  let done = 0;
  queue.add({ ...news("a"), done: () => done++ });
  expect([1, 2, 3, 4].map(() => queue.take(room).length)).toEqual([1, 1, 1, 0]);
  expect(done).toBe(1);
});

test("add: newer news about a member replaces the older", () => {
  const queue = new BroadcastQueue();
  let replaced = 0;
  queue.add({ ...news("a", 10), done: () => replaced++ });
  queue.add(news("a", 20));
  expect(queue.take(room).map(({ length }) => length)).toEqual([20]);
  expect(replaced).toBe(1);
});

test("take: the least told first, longer before shorter, only what fits and not too many", () => {
  const queue = new BroadcastQueue();
  queue.add(news("a", 100));
  queue.add(news("b", 300));
  const lengths = (bytes: number, countMax = 255) =>
    queue.take({ ...room, bytes, countMax }).map(({ length }) => length);
  expect(lengths(302)).toEqual([300]);
  queue.add(news("c", 50));
  // Room for 100 and 50 but not for 300, and 300 was told before.
  expect(lengths(200)).toEqual([100, 50]);
  expect(lengths(1000, 2)).toEqual([300, 100]);
});

test("take: a member is not told what only others need to hear", () => {
  const queue = new BroadcastQueue();
  queue.add(news("a", 10, false));
  queue.add(news("b", 20, true));
  const lengths = (receiver: string) => queue.take({ ...room, receiver }).map(({ length }) => length);
  expect(lengths("a")).toEqual([20]);
  expect(lengths("b")).toEqual([10, 20]);
});

test("age: what nobody needs does not stay for ever", () => {
  const queue = new BroadcastQueue();
  queue.add(news("a"));
  for (let round = 0; round < 3; round++) queue.age(3);
  expect(queue.size).toBe(0);
});

test("add: a full queue drops what was told most often", () => {
  const queue = new BroadcastQueue();
  queue.add(news("first"));
  queue.take({ ...room, transmitLimit: 100 });
  for (let number = 0; number < BROADCASTS_MAX; number++) queue.add(news(`n${number}`, 5));
  expect(queue.size).toBe(BROADCASTS_MAX);
  expect(queue.take({ ...room, bytes: 1e9, countMax: 1e9 }).filter(({ length }) => length === 10)).toEqual([]);
});

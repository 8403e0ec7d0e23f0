import { expect, test } from "bun:test";

import { Fault } from "../../../kit/fault.ts";
import { sampleNotice } from "./fixture.ts";
import { DeliveryQueue } from "./queue.ts";

const anybody = () => undefined;
const aheadMs = 7_200_000;

test("queue: one row for each notice and recipient, however often the notice comes", () => {
  const queue = new DeliveryQueue(":memory:");
  const notice = sampleNotice({ recipients: ["a@b", "c@d", "a@b"] });
  expect(queue.take(notice, 1, anybody)).toBe(2);
  expect(queue.take(notice, 2, anybody)).toBe(0);
  expect(queue.list({ limit: 9 }).map(({ recipient, state }) => [recipient, state])).toEqual([
    ["c@d", "waiting"],
    ["a@b", "waiting"],
  ]);
  expect(queue.due(1, aheadMs, 9).map((due) => due.notice)).toEqual([notice, notice]);
  queue.close();
});

test("queue: of a recipient only the oldest is due, also while it waits to be tried again", () => {
  const queue = new DeliveryQueue(":memory:");
  for (const id of ["1", "2", "3"]) queue.take(sampleNotice({ id, recipients: ["a@b", "c@d"] }), 1, anybody);
  const [first, other] = queue.due(1, aheadMs, 9);
  expect(queue.due(1, aheadMs, 9)).toHaveLength(2);
  queue.deferred(first?.row.id ?? 0, 500, "later");
  expect(queue.due(400, aheadMs, 9).map(({ row }) => row.id)).toEqual([other?.row.id ?? 0]);
  expect(queue.nextAt()).toBe(1);
  expect(queue.due(500, aheadMs, 9)).toHaveLength(2);
  queue.sent(first?.row.id ?? 0, 500, "ok");
  const next = queue.due(500, aheadMs, 9).find(({ row }) => row.recipient === "a@b");
  expect(next?.row.noticeId).toBe("2");
  queue.close();
});

test("queue: a wall clock that was set back makes nothing wait for years", () => {
  const queue = new DeliveryQueue(":memory:");
  queue.take(sampleNotice(), 1e12, anybody);
  queue.deferred(1, 1e12 + 10_000, "later");
  expect(queue.due(1e12, aheadMs, 9)).toHaveLength(0);
  expect(queue.due(1e12 - 1e9, aheadMs, 9)).toHaveLength(1);
  queue.close();
});

test("queue: what cannot be sent at all is kept as failed, with the reason, and waits again when asked", () => {
  const queue = new DeliveryQueue(":memory:");
  queue.take(sampleNotice({ recipients: ["channel:gone"] }), 1, () => "no such channel");
  expect(queue.list({ state: "failed", limit: 9 })).toMatchObject([
    { said: "no such channel", attempts: 0, endedAt: 1 },
  ]);
  expect(queue.failedSince(0)).toMatchObject({ count: 1, newest: { recipient: "channel:gone" } });
  expect(queue.retry(50, 7)).toBe(0);
  expect(queue.retry(50, 1)).toBe(1);
  expect(queue.due(50, aheadMs, 9)).toHaveLength(1);
  expect(queue.tryingSince(1)).toBe(50);
  queue.failed(1, 60, "no");
  expect(queue.retry(70)).toBe(1);
  expect(queue.retry(70)).toBe(0);
  queue.close();
});

test("queue: holds no more than it may, and says so", () => {
  const queue = new DeliveryQueue(":memory:", { waitingMax: 3 });
  queue.take(sampleNotice({ id: "1", recipients: ["a@b", "c@d"] }), 1, anybody);
  const take = () => queue.take(sampleNotice({ id: "2", recipients: ["a@b", "c@d"] }), 1, anybody);
  expect(take).toThrow(Fault);
  expect(queue.counts()).toEqual({ waiting: 2, failed: 0, sent: 0, oldestWaitingAt: 1 });
  queue.sent(1, 2, "ok");
  expect(take()).toBe(2);
  queue.close();
});

test("queue: the log is bounded by age and by number; what waits is never forgotten", () => {
  const queue = new DeliveryQueue(":memory:");
  for (let id = 1; id <= 20; id++) {
    queue.take(sampleNotice({ id: String(id), createdAt: id }), id, anybody);
    if (id !== 3) queue.sent(id, id, "ok");
  }
  expect(queue.forget(6, 100, 100)).toBe(4);
  expect(queue.list({ limit: 99 }).map(({ id }) => id)).toEqual([
    20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 3,
  ]);
  expect(queue.forget(0, 5, 100)).toBe(10);
  expect(queue.list({ limit: 99 }).map(({ id }) => id)).toEqual([20, 19, 18, 17, 16, 3]);
  expect(queue.forget(0, 5, 100)).toBe(0);
  expect(queue.list({ before: 18, limit: 2 }).map(({ id }) => id)).toEqual([17, 16]);
  queue.close();
});

test("queue: a link acts once, and that is forgotten when it has expired", () => {
  const queue = new DeliveryQueue(":memory:");
  expect(queue.isSpent("w")).toBe(false);
  expect([queue.spend("w", 100), queue.spend("w", 100), queue.isSpent("w")]).toEqual([true, false, true]);
  queue.forget(0, 5, 101);
  expect(queue.isSpent("w")).toBe(false);
  queue.close();
});

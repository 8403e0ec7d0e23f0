/** The time to object, on a clock whose wake-ups may come late. */
import { expect, test } from "bun:test";
import type { Clock } from "./clock.ts";
import { ManualClock } from "./clock-manual.ts";
import { Suspicion } from "./suspicion.ts";

const bounds = { accuser: "a", confirmationsWanted: 2, minMs: 4000, maxMs: 24_000, graceMs: 500 };

test("Suspicion: a wake-up that comes late waits once more, for an objection that may be unread", () => {
  const manual = new ManualClock();
  // Wake-ups come ten seconds late, as after a sleep.
  const late: Clock = {
    now: () => manual.now(),
    monotonicMs: () => manual.monotonicMs(),
    schedule: (delayMs, callback) => manual.schedule(delayMs + 10_000, callback),
  };
  let expiredMs = 0;
  const suspicion = new Suspicion({ ...bounds, clock: late, expired: () => (expiredMs = manual.monotonicMs()) });
  manual.advance(34_000);
  expect(expiredMs).toBe(0);
  manual.advance(60_000);
  expect(expiredMs).toBe(44_500);
  const objected = new Suspicion({ ...bounds, clock: late, expired: () => (expiredMs = -1) });
  manual.advance(34_000);
  objected.cancel();
  manual.advance(60_000);
  expect(expiredMs).toBe(44_500);
  suspicion.cancel();
});

test("confirm: after n of k confirmations it takes max − log(n+1)/log(k+1) × (max − min)", () => {
  const lastsMs = (confirmers: string[]) => {
    const clock = new ManualClock();
    let expiredMs = 0;
    const suspicion = new Suspicion({ ...bounds, clock, expired: () => (expiredMs = clock.monotonicMs()) });
    clock.advance(1000);
    expect(confirmers.map((name) => suspicion.confirm(name))).toEqual(confirmers.map((name) => name !== "a"));
    clock.advance(60_000);
    return Math.round(expiredMs);
  };
  expect(lastsMs([])).toBe(24_000);
  expect(lastsMs(["a"])).toBe(24_000);
  expect(lastsMs(["b"])).toBe(Math.round(24_000 - (Math.log(2) / Math.log(3)) * 20_000));
  expect(lastsMs(["b", "c"])).toBe(4000);
});

test("confirm: one that makes it due in the past ends it at once", () => {
  const clock = new ManualClock();
  let expired = false;
  const suspicion = new Suspicion({ ...bounds, clock, expired: () => (expired = true) });
  clock.advance(20_000);
  suspicion.confirm("b");
  suspicion.confirm("c");
  clock.advance(1);
  expect(expired).toBe(true);
});

/** The loop that drives background work: pace, failure, pause and stop. */
import { expect, test } from "bun:test";

import { systemClock } from "./clock.ts";
import { silentLog } from "./log.ts";
import { ManualClock } from "./testing/manual-clock.ts";
import { startWorker, type Work, type WorkOutcome } from "./worker.ts";

function setup(step: (turn: number, signal: AbortSignal) => WorkOutcome | Promise<WorkOutcome>, idleMs?: number) {
  const clock = new ManualClock();
  let turns = 0;
  const work: Work = {
    name: "scrub",
    summary: "Reads everything again",
    step: async (signal) => step(++turns, signal),
    progress: () => ({ turns }),
  };
  const worker = startWorker(work, { clock, log: silentLog, ...(idleMs === undefined ? {} : { idleMs }) });
  clock.advance(0);
  return { clock, worker, turns: () => turns };
}

test("startWorker: goes on at once, after a wait, or when idle is over", async () => {
  const { clock, worker, turns } = setup(
    (turn) => (turn < 3 ? { waitMs: 0 } : turn === 3 ? { waitMs: 500 } : "idle"),
    2000,
  );
  expect([turns(), worker.state()]).toEqual([3, "waiting"]);
  clock.advance(500);
  expect([turns(), worker.state()]).toEqual([4, "idle"]);
  clock.advance(1999);
  expect(turns()).toBe(4);
  clock.advance(1);
  expect(turns()).toBe(5);
  expect(worker.progress()).toEqual({ turns: 5 });
  await worker.stop();
  expect(worker.state()).toBe("stopped");
  expect(clock.waiting).toBe(0);
});

test("wake: ends a wait, and is not lost while a step runs", async () => {
  let finish: (outcome: WorkOutcome) => void = () => undefined;
  const { clock, worker, turns } = setup((turn) =>
    turn === 2
      ? new Promise<WorkOutcome>((resolve) => {
          finish = resolve;
        })
      : "idle",
  );
  worker.wake();
  clock.advance(0);
  expect([turns(), worker.state()]).toEqual([2, "working"]);
  worker.wake();
  finish("idle");
  clock.advance(0);
  expect([turns(), worker.state()]).toEqual([3, "idle"]);
  await worker.stop();
});

test("startWorker: failures wait longer and longer, and are forgotten with a success", async () => {
  const { clock, worker, turns } = setup((turn) => {
    if (turn === 13) return "idle";
    throw new Error(`failure ${turn}`);
  });
  expect(worker.failures()).toEqual({ count: 1, reason: "failure 1" });
  expect(worker.state()).toBe("failing");
  const waits: number[] = [];
  while (turns() < 13) {
    const before = turns();
    let waitedMs = 0;
    while (turns() === before) {
      clock.advance(1000);
      waitedMs += 1000;
    }
    waits.push(waitedMs / 1000);
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
  expect(worker.failures()).toEqual({ count: 0, reason: "" });
  await worker.stop();
});

test("pause, resume: no step in between, not even after a wake", async () => {
  const { clock, worker, turns } = setup(() => ({ waitMs: 1000 }));
  worker.pause();
  clock.advance(10_000);
  expect([turns(), worker.state()]).toEqual([1, "paused"]);
  worker.wake();
  clock.advance(0);
  expect(turns()).toBe(1);
  worker.resume();
  clock.advance(0);
  expect(turns()).toBe(2);
  worker.pause();
  await worker.stop();
  expect(worker.state()).toBe("stopped");
});

test("stop: waits for the step at hand, which hears of it, and starts no other", async () => {
  let heard = false;
  const { worker, turns } = setup(
    (_, signal) =>
      new Promise<WorkOutcome>((resolve) => {
        signal.addEventListener("abort", () => {
          heard = true;
          resolve({ waitMs: 0 });
        });
      }),
  );
  await worker.stop();
  await worker.stop();
  expect([heard, turns(), worker.state()]).toEqual([true, 1, "stopped"]);
});

test("startWorker: steps that never wait leave the event loop its turns", async () => {
  let stopAsked = false;
  const worker = startWorker(
    { name: "busy", summary: "Never waits", step: () => Promise.resolve(stopAsked ? "idle" : { waitMs: 0 }) },
    { clock: systemClock, log: silentLog },
  );
  // Only a turn of the event loop lets a timer fire.
  await new Promise<void>((resolve) => {
    systemClock.schedule(20, resolve);
  });
  stopAsked = true;
  await worker.stop();
  expect(worker.state()).toBe("stopped");
});

/** The machine's clock, and waiting on any clock. */
import { expect, test } from "bun:test";

import { sleep, systemClock } from "./clock.ts";
import { ManualClock } from "./testing/manual-clock.ts";

test("systemClock: fires once and after its time, and not when cancelled", async () => {
  const startedMs = systemClock.monotonicMs();
  let fired = 0;
  const cancel = systemClock.schedule(1, () => void (fired += 100));
  cancel();
  cancel();
  await new Promise<void>((resolve) => {
    systemClock.schedule(5, () => {
      fired++;
      resolve();
    });
  });
  expect(fired).toBe(1);
  expect(systemClock.monotonicMs() - startedMs).toBeGreaterThanOrEqual(4);
});

test("systemClock: never before its time, by parts of a millisecond either", async () => {
  const early = Array.from(
    { length: 40 },
    (_, at) =>
      new Promise<number>((resolve) => {
        const delayMs = 1 + at / 7;
        const startedMs = systemClock.monotonicMs();
        systemClock.schedule(delayMs, () => resolve(delayMs - (systemClock.monotonicMs() - startedMs)));
      }),
  );
  expect(Math.max(...(await Promise.all(early)))).toBeLessThanOrEqual(0);
});

test("systemClock: a delay beyond the runtime's timers is no delay of nothing", async () => {
  let fired = false;
  const cancel = systemClock.schedule(40 * 86_400_000, () => {
    fired = true;
  });
  await new Promise<void>((resolve) => {
    systemClock.schedule(20, resolve);
  });
  cancel();
  expect(fired).toBe(false);
});

test("systemClock: a pending timer does not keep the program alive", async () => {
  const script = `import { systemClock } from "${import.meta.dir}/clock.ts"; systemClock.schedule(60_000, () => {});`;
  expect(await Bun.spawn([process.execPath, "-e", script]).exited).toBe(0);
});

test("sleep: ends with its time or with the signal, and leaves no timer", async () => {
  const clock = new ManualClock();
  let done = 0;
  void sleep(clock, 1000).then(() => done++);
  clock.advance(999);
  expect(done).toBe(0);
  clock.advance(1);
  expect(done).toBe(1);

  const abort = new AbortController();
  const waiting = sleep(clock, 1000, abort.signal);
  expect(clock.waiting).toBe(1);
  abort.abort();
  await waiting;
  expect(clock.waiting).toBe(0);
  await sleep(clock, 1000, abort.signal);
  expect(clock.waiting).toBe(0);
});

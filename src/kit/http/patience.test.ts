/** Trying again: what for, how long, and with which pauses. */
import { expect, test } from "bun:test";

import { Fault, type FaultKind } from "../fault.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { isPassing, Patience, patiently } from "./patience.ts";

const away = new Fault("unavailable", "x/away", "It is away");

function patienceOf(limitMs: number, random = () => 1) {
  const clock = new ManualClock();
  const waits: number[] = [];
  const patience = new Patience({ clock, random, limitMs, onWait: (_, delayMs) => void waits.push(delayMs) });
  /** Fails until it gives up; time passes as fast as it is waited for. */
  const exhaust = async (fault: unknown = away): Promise<unknown> => {
    for (let round = 0; round < 1000; round++) {
      const waiting = patience.after(fault).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      clock.advance(60_000);
      const thrown = await waiting;
      if (thrown !== undefined) return thrown;
    }
    throw new Error("It never gave up");
  };
  return { clock, patience, waits, exhaust };
}

test("Patience: pauses double from a quarter of a second to fifteen seconds, and chance shortens each by up to half", async () => {
  const { clock, patience, waits } = patienceOf(10 ** 9);
  for (let round = 0; round < 9; round++) {
    const waiting = patience.after(away);
    clock.advance(15_000);
    await waiting;
  }
  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
  const other = patienceOf(10 ** 9, () => 0);
  const waiting = other.patience.after(away);
  other.clock.advance(15_000);
  await waiting;
  expect(other.waits).toEqual([125]);
});

test("Patience: its end is counted from the last progress, and throws what was the matter last", async () => {
  const { clock, exhaust, patience, waits } = patienceOf(5000);
  clock.advance(4900);
  patience.progressed();
  expect(await exhaust()).toBe(away);
  // The last pause is no longer than what is left.
  expect(Math.max(...waits)).toBeLessThanOrEqual(5000);
  expect(patience.failures).toBeGreaterThan(0);
  patience.progressed();
  expect(patience.failures).toBe(0);
});

test("Patience: waits as long as the server asks for, up to a minute", async () => {
  for (const [asked, waited] of [
    [7000, 7000],
    [3_600_000, 60_000],
    [1, 250],
  ] as const) {
    const { clock, patience, waits } = patienceOf(10 ** 9);
    const waiting = patience.after(new Fault("limited", "x/busy", "Busy", { retryAfterMs: asked }));
    clock.advance(60_000);
    await waiting;
    expect(waits).toEqual([waited]);
  }
});

test("Patience: what is no Fault, a refusal, and a caller who left end it at once", async () => {
  const bug = new TypeError("a bug");
  const refusal = new Fault("forbidden", "x/no", "No");
  for (const thrown of [bug, refusal]) expect(await patienceOf(10 ** 9).exhaust(thrown)).toBe(thrown);
  const leaving = new AbortController();
  const { patience } = patienceOf(10 ** 9);
  const waiting = patience.after(away, leaving.signal);
  leaving.abort(new Error("left"));
  await expect(waiting).rejects.toThrow("left");
});

test("isPassing: by kind, with 408 and 423, without a full disk", () => {
  const kinds: FaultKind[] = ["unavailable", "timeout", "internal", "limited"];
  for (const kind of kinds) expect(isPassing(new Fault(kind, "x/y", "z"))).toBe(true);
  const final: FaultKind[] = ["invalid", "unauthorized", "forbidden", "missing", "conflict", "too-large"];
  for (const kind of final) expect(isPassing(new Fault(kind, "x/y", "z"))).toBe(false);
  expect([408, 423].every((status) => isPassing(new Fault("invalid", "x/y", "z", { status })))).toBe(true);
  expect(isPassing(new Fault("unavailable", "x/y", "z", { status: 507 }))).toBe(false);
});

test("patiently: repeats what fails for now; without patience it is done once", async () => {
  const { clock, patience } = patienceOf(10 ** 9);
  let left = 3;
  const work = async () => {
    if (left-- > 0) throw away;
    return "done";
  };
  const result = patiently(patience, undefined, work);
  for (let round = 0; round < 4; round++) clock.advance(15_000);
  expect(await result).toBe("done");
  left = 1;
  await expect(patiently(undefined, undefined, work)).rejects.toBe(away);
});

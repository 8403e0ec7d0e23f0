/** The breaker: its rules one by one, and invariants over thousands of stories that chance wrote. */
import { describe, expect, test } from "bun:test";

import { below, pick, type Random, seededRandom } from "../../kit/random.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import {
  Breaker,
  breakerDefaults,
  type BreakerEvent,
  breakerModes,
  type BreakerSettings,
  type BreakerState,
  type Result,
  type Ticket,
  type Transition,
} from "./breaker.ts";

function made(settings: Partial<BreakerSettings> = {}, random: Random = () => 0.5) {
  const clock = new ManualClock();
  const events: BreakerEvent[] = [];
  const changes: Transition[] = [];
  const times: number[] = [];
  const breaker = new Breaker({
    settings: { ...breakerDefaults, ...settings },
    clock,
    random,
    happened(event, openMs) {
      events.push(event);
      if (event === "reset") times.push(openMs);
    },
    changed: (transition) => changes.push(transition),
  });
  const ask = () => {
    const ticket = breaker.ask();
    if (!ticket) throw new Error("It let nothing through");
    return ticket;
  };
  const fail = (times_: number) => {
    for (let count = 0; count < times_; count++) breaker.report(ask(), "refused");
  };
  return { ask, breaker, changes, clock, events, fail, times };
}

describe("breaker", () => {
  test("starts closed and ready, and success keeps it so", () => {
    const { ask, breaker } = made();
    for (let count = 0; count < 100; count++) breaker.report(ask(), "success");
    expect(breaker.view()).toMatchObject({ state: "closed", event: "ready", successes: 100, failures: 0, trips: 0 });
  });

  test("a dead upstream with the predecessor's numbers: four times fail, then fail and tripped", () => {
    const { breaker, events, fail } = made();
    fail(4);
    expect(breaker.view()).toMatchObject({ state: "closed", event: "fail", failures: 4 });
    fail(1);
    expect(events).toEqual(["fail", "fail", "fail", "fail", "fail", "tripped"]);
    expect(breaker.view()).toMatchObject({ state: "open", event: "tripped", retryInMs: 500 });
    expect(breaker.ask()).toBeUndefined();
  });

  test("the clock may be put forward and back: what has to wait waits as long, and what is remembered stays", () => {
    const { ask, breaker, changes, clock, fail, times } = made();
    const day = 86_400_000;
    fail(3);
    clock.jump(day);
    fail(1);
    clock.jump(-2 * day);
    fail(1);
    expect(breaker.view()).toMatchObject({ state: "open", failures: 5, retryInMs: 500 });
    clock.jump(3 * day);
    expect([breaker.ask(), breaker.view().retryInMs]).toEqual([undefined, 500]);
    clock.jump(-5 * day);
    clock.advance(500);
    breaker.report(ask(), "success");
    expect(breaker.state).toBe("closed");
    expect(times).toEqual([500]);
    // Only what people read follows the clock.
    expect(changes.map(({ at }) => at - clock.now())).toEqual([2 * day - 500, 0, 0]);
  });

  test("one failure is enough at a ratio of 1 with one sample, and half is enough at 0.5", () => {
    const one = made({ failureRatio: 1, minSamples: 1 });
    one.fail(1);
    expect(one.breaker.state).toBe("open");
    const half = made({ minSamples: 4 });
    for (const result of ["success", "success", "refused", "refused"] as const) {
      expect(half.breaker.state).toBe("closed");
      half.breaker.report(half.ask(), result);
    }
    expect(half.breaker.state).toBe("open");
  });

  test("failures that lie too far back are no reason", () => {
    const { breaker, clock, fail } = made();
    fail(4);
    clock.advance(10_000);
    fail(4);
    expect(breaker.view()).toMatchObject({ state: "closed", failures: 4 });
    clock.advance(9000);
    fail(1);
    expect(breaker.state).toBe("open");
  });

  test("delays grow by half each time around the interval, up to the limit, and begin anew after closing", () => {
    const { ask, breaker, clock, fail } = made();
    fail(5);
    const delays: number[] = [];
    for (let round = 0; round < 14; round++) {
      const { retryInMs } = breaker.view();
      delays.push(retryInMs);
      clock.advance(retryInMs - 1);
      expect(breaker.ask()).toBeUndefined();
      clock.advance(1);
      breaker.report(ask(), "refused");
    }
    expect(delays.slice(0, 4)).toEqual([500, 750, 1125, 1687.5]);
    expect(delays.at(-1)).toBe(60_000);
    clock.advance(60_000);
    breaker.report(ask(), "success");
    expect(breaker.state).toBe("closed");
    fail(5);
    expect(breaker.view().retryInMs).toBe(500);
  });

  test("chance moves a delay by half in either direction", () => {
    const low = made({}, () => 0);
    low.fail(5);
    const high = made({}, () => 0.999_999);
    high.fail(5);
    expect([low.breaker.view().retryInMs, Math.round(high.breaker.view().retryInMs)]).toEqual([250, 750]);
  });

  test("half-open: one probe by default, ready when it goes, reset with the time since the trip when it succeeds", () => {
    const { ask, breaker, clock, events, fail, times } = made();
    fail(5);
    clock.advance(500);
    expect(breaker.state).toBe("half-open");
    const probe = ask();
    expect(breaker.event).toBe("ready");
    expect(breaker.ask()).toBeUndefined();
    clock.advance(40);
    breaker.report(probe, "success");
    expect(breaker.view()).toMatchObject({ state: "closed", event: "reset", failures: 0, successes: 0 });
    expect(events.slice(-2)).toEqual(["ready", "reset"]);
    expect(times).toEqual([540]);
  });

  test("half-open: a probe that ends void gives its place back and decides nothing", () => {
    const { ask, breaker, clock, fail } = made();
    fail(5);
    clock.advance(500);
    const probe = ask();
    breaker.report(probe, "void");
    breaker.report(probe, "success");
    expect(breaker.state).toBe("half-open");
    breaker.report(ask(), "success");
    expect(breaker.state).toBe("closed");
  });

  test("half-open: several probes at once, a quota of successes, one failure opens", () => {
    const settings = { probes: 3, probeSuccesses: 3 };
    const good = made(settings);
    good.fail(5);
    good.clock.advance(500);
    const three = [good.ask(), good.ask(), good.ask()];
    expect(good.breaker.ask()).toBeUndefined();
    three.forEach((ticket, index) => {
      expect(good.breaker.state).toBe("half-open");
      good.breaker.report(ticket, "success");
      expect(good.breaker.state).toBe(index < 2 ? "half-open" : "closed");
    });
    const bad = made(settings);
    bad.fail(5);
    bad.clock.advance(500);
    const [first, second] = [bad.ask(), bad.ask()];
    bad.breaker.report(first, "success");
    bad.breaker.report(second, "refused");
    expect(bad.breaker.view()).toMatchObject({ state: "open", retryInMs: 750 });
  });

  test("half-open: a probe that never tells is given up, so that nothing is stuck", () => {
    const { ask, breaker, clock, fail } = made({ probeExpiryMs: 5000 });
    fail(5);
    clock.advance(500);
    const lost = ask();
    clock.advance(4999);
    expect(breaker.ask()).toBeUndefined();
    clock.advance(1);
    const next = ask();
    breaker.report(lost, "success");
    expect(breaker.state).toBe("half-open");
    breaker.report(next, "success");
    expect(breaker.state).toBe("closed");
  });

  test("results from before a change of state are not counted: no stale success closes, no stale failure opens", () => {
    const { ask, breaker, clock, fail } = made();
    const before = [ask(), ask(), ask(), ask(), ask(), ask()];
    fail(5);
    breaker.report(before[0] as Ticket, "success");
    expect(breaker.state).toBe("open");
    clock.advance(500);
    const probe = ask();
    breaker.report(before[1] as Ticket, "success");
    breaker.report(before[2] as Ticket, "refused");
    expect(breaker.state).toBe("half-open");
    breaker.report(probe, "success");
    for (const ticket of before) breaker.report(ticket, "refused");
    expect(breaker.view()).toMatchObject({ state: "closed", failures: 0 });
    expect(breaker.view().staleResults).toBe(9);
  });

  test("what does not count as a failure is void", () => {
    const { ask, breaker } = made();
    for (let count = 0; count < 50; count++) breaker.report(ask(), "reset");
    expect(breaker.view()).toMatchObject({ state: "closed", failures: 0, successes: 0 });
    const strict = made({ failures: ["reset"] });
    for (let count = 0; count < 5; count++) strict.breaker.report(strict.ask(), "reset");
    expect(strict.breaker.state).toBe("open");
  });

  test("ramp: after closing a tenth, then a growing share is let through", () => {
    const random = seededRandom(7);
    const { ask, breaker, clock, fail } = made({ rampMs: 10_000 }, random);
    fail(5);
    clock.advance(1000);
    breaker.report(ask(), "success");
    const share = () => Array.from({ length: 2000 }, () => breaker.ask()).filter((ticket) => ticket).length / 2000;
    expect(share()).toBeCloseTo(0.1, 1);
    clock.advance(5000);
    expect(share()).toBeCloseTo(0.5, 1);
    clock.advance(5000);
    expect(share()).toBe(1);
  });

  test("checks probe in the place of users, where they are asked to", () => {
    const { breaker, clock, fail } = made({ usersProbe: false });
    fail(5);
    clock.advance(500);
    expect(breaker.ask("user")).toBeUndefined();
    expect(breaker.isOpenToUsers).toBe(false);
    const check = breaker.ask("check");
    breaker.report(check as Ticket, "success");
    expect(breaker.ask("user")).toBeDefined();
  });

  test("force: open refuses, closed never trips, disabled counts nothing, auto begins anew", () => {
    const { ask, breaker, fail } = made();
    breaker.force("open", "an operator");
    expect(breaker.ask()).toBeUndefined();
    breaker.force("closed", "an operator");
    fail(20);
    expect(breaker.view()).toMatchObject({ state: "forced-closed", failures: 20 });
    breaker.force("disabled", "an operator");
    const ticket = ask();
    fail(20);
    expect(breaker.view()).toMatchObject({ state: "disabled", failures: 0 });
    breaker.force("auto", "an operator");
    breaker.report(ticket, "refused");
    expect(breaker.view()).toMatchObject({ state: "closed", failures: 0, staleResults: 1 });
    expect(breaker.view().history.map(({ to }) => to)).toEqual(["forced-open", "forced-closed", "disabled", "closed"]);
  });
});

const allowed: Record<BreakerState, readonly BreakerState[]> = {
  closed: ["open", "forced-open", "forced-closed", "disabled"],
  open: ["half-open", "forced-open", "forced-closed", "disabled"],
  "half-open": ["open", "closed", "forced-open", "forced-closed", "disabled"],
  "forced-open": ["closed", "forced-closed", "disabled"],
  "forced-closed": ["closed", "forced-open", "disabled"],
  disabled: ["closed", "forced-open", "forced-closed"],
};

/** One story; throws with the seed when an invariant does not hold. */
function story(seed: number): void {
  const random = seededRandom(seed);
  const settings: BreakerSettings = {
    ...breakerDefaults,
    failureRatio: pick(random, [0.1, 0.5, 0.9, 1]),
    minSamples: 1 + below(random, 8),
    windowBuckets: 1 + below(random, 12),
    probes: 1 + below(random, 4),
    probeSuccesses: 1 + below(random, 4),
    rampMs: pick(random, [0, 0, 5000]),
    probeExpiryMs: pick(random, [3000, 120_000]),
    usersProbe: random() < 0.8,
  };
  const clock = new ManualClock();
  let trippedOn: { successes: number; failures: number } | undefined;
  const samples: { at: number; isSuccess: boolean }[] = [];
  const widthMs = settings.windowMs / settings.windowBuckets;
  const inWindow = () => {
    const oldest = (Math.floor(clock.monotonicMs() / widthMs) - settings.windowBuckets + 1) * widthMs;
    const within = samples.filter(({ at }) => at >= oldest);
    const failures = within.filter(({ isSuccess }) => !isSuccess).length;
    return { failures, successes: within.length - failures };
  };
  const must = (holds: boolean, what: string) => {
    if (!holds) throw new Error(`Seed ${seed}: ${what}`);
  };
  const breaker: Breaker = new Breaker({
    settings,
    clock,
    random,
    changed({ from, to }) {
      must(allowed[from].includes(to), `went from ${from} to ${to}`);
      if (from === "closed" && to === "open") trippedOn = inWindow();
      // What is counted before a change says nothing afterwards, but for the window of an open breaker.
      if (to === "closed" || to.startsWith("forced") || to === "disabled") samples.length = 0;
    },
  });
  const out: { ticket: Ticket; atMs: number; isTold: boolean }[] = [];
  const health = { bad: random() };
  for (let step = 0; step < 120; step++) {
    const action = random();
    if (action < 0.1) health.bad = pick(random, [0, 0.2, 1]);
    if (action < 0.35) clock.advance(pick(random, [1, 50, 400, 900, 5000, 70_000]));
    else if (action < 0.65) {
      const { state } = breaker;
      const before = breaker.view();
      const who = random() < 0.8 ? "user" : "check";
      const ticket = breaker.ask(who);
      if (ticket) {
        must(state !== "open" && state !== "forced-open", `let a try through while ${state}`);
        must(ticket.isProbe === (state === "half-open"), "called a try a probe that is none, or the other way round");
        must(!(ticket.isProbe && who === "user" && !settings.usersProbe), "let a user probe");
        out.push({ ticket, atMs: clock.monotonicMs(), isTold: false });
        const probing = out.filter(
          (one) =>
            !one.isTold &&
            one.ticket.isProbe &&
            one.ticket.generation === before.generation &&
            one.atMs > clock.monotonicMs() - settings.probeExpiryMs,
        );
        must(probing.length <= settings.probes, `let ${probing.length} probes through at once`);
      } else if (state === "closed") must(settings.rampMs > 0 && before.admitted < 1, "refused while closed");
      else must(state !== "forced-closed" && state !== "disabled", `refused while ${state}`);
    } else if (action < 0.97) {
      const index = below(random, out.length);
      const one = out[index];
      if (!one) continue;
      // Some tell twice.
      if (random() < 0.9) out.splice(index, 1);
      one.isTold = true;
      const result: Result =
        random() < 0.1 ? "void" : random() < health.bad ? pick(random, ["refused", "reset-early"]) : "success";
      const { generation, state } = breaker.view();
      const isStale = one.ticket.generation !== generation;
      if (!isStale && state === "closed" && result !== "void")
        samples.push({ at: clock.monotonicMs(), isSuccess: result === "success" });
      trippedOn = undefined;
      breaker.report(one.ticket, result);
      const after = breaker.view();
      if (isStale) must(after.generation === generation, "a stale result changed the state");
      if (result === "void") must(after.generation === generation, "a void result changed the state");
      if (state === "closed" && !isStale) {
        const counted = trippedOn ?? inWindow();
        const size = counted.failures + counted.successes;
        const isDue = size >= settings.minSamples && counted.failures / size >= settings.failureRatio;
        if (after.state === "open") must(isDue, `tripped on ${JSON.stringify(counted)}`);
        else if (result !== "success" && result !== "void") must(!isDue, `did not trip on ${JSON.stringify(counted)}`);
      }
      if (state === "half-open" && after.state === "open")
        must(after.retryInMs >= 0.5 * 750 && after.retryInMs <= 90_000, `a delay of ${after.retryInMs} ms`);
    } else breaker.force(pick(random, breakerModes), "the story");
  }
  // However it stands, and whoever never told: with a good upstream it is closed and lets all through before long.
  breaker.force("auto", "the end");
  for (let round = 0; round < 20; round++) {
    clock.advance(120_000);
    for (let count = 0; count < settings.probeSuccesses; count++) {
      const ticket = breaker.ask("check");
      if (ticket) breaker.report(ticket, "success");
    }
  }
  must(breaker.state === "closed" && breaker.ask() !== undefined, `is stuck: ${JSON.stringify(breaker.view())}`);
}

describe("breaker, simulated", () => {
  test("its invariants hold in five thousand stories", () => {
    for (let seed = 1; seed <= 5000; seed++) story(seed);
  });
});

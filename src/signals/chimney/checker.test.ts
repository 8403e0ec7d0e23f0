import { describe, expect, test } from "bun:test";

import type { Point } from "../../lib/graphite/path.ts";
import { createLog } from "../../kit/log.ts";
import { seededRandom } from "../../kit/random.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { paced } from "../../kit/testing/pace.ts";
import { Checker } from "./checker.ts";
import { History } from "./history.ts";
import type { Outcome } from "./outcome.ts";
import { checkShape, type Plan, type PlanDefaults, planOf } from "./plan.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const defaults: PlanDefaults = {
  intervalMs: minuteMs,
  jitterMs: 5000,
  timeoutMs: 10_000,
  failures: 2,
  successes: 1,
  verifyTls: true,
  maxBodyBytes: 1000,
  guard: false,
  expiresWithinMs: 0,
};
const plan = (entry: object): Plan => planOf(checkShape.parse({ target: "http://x.example/", ...entry }), defaults);
const beating = (entry: object): Plan => planOf(checkShape.parse({ kind: "heartbeat", ...entry }), defaults);
const good: Outcome = { isGood: true, reason: "Status 200", latencyMs: 5 };
const bad: Outcome = { isGood: false, reason: "Connection refused", latencyMs: 1 };

/** A history whose disk may be full. */
class FillingHistory extends History {
  isFull = false;

  override check(...words: Parameters<History["check"]>): ReturnType<History["check"]> {
    this.#write();
    return super.check(...words);
  }

  override record(...words: Parameters<History["record"]>): void {
    this.#write();
    super.record(...words);
  }

  override beat(...words: Parameters<History["beat"]>): void {
    this.#write();
    super.beat(...words);
  }

  #write(): void {
    if (this.isFull) throw new Error("database or disk is full");
  }
}

interface Asked {
  name: string;
  atMs: number;
  signal: AbortSignal;
  answer(outcome: Outcome): void;
}

/** A checker whose targets answer as `say` says, or wait for the test where it says nothing. */
function fixture(say: (name: string, atMs: number) => Outcome | undefined = () => good, parallel = 10) {
  const clock = new ManualClock();
  const history = new FillingHistory(":memory:");
  const asked: Asked[] = [];
  const points: Point[] = [];
  const changes: string[] = [];
  const began = clock.now();
  const parts = {
    clock,
    random: seededRandom(7),
    log: createLog({ level: "error", format: "json", clock, write: () => undefined }),
    history,
    sink: { send: (sent: readonly Point[]) => void points.push(...sent) },
    parallel,
    makeId: () => "made-up-id-of-a-heartbeat",
    probe(of: Plan, signal: AbortSignal) {
      const atMs = clock.monotonicMs();
      return new Promise<Outcome>((answer) => {
        asked.push({ name: of.name, atMs, signal, answer });
        const said = say(of.name, atMs);
        if (said) answer(said);
      });
    },
    happened(of: Plan, _: Outcome, change: { from: string; to: string } | undefined) {
      if (change)
        changes.push(`${Math.floor((clock.now() - began) / minuteMs)} ${of.name} ${change.from}>${change.to}`);
    },
  };
  return { clock, history, asked, points, changes, parts, checker: new Checker(parts) };
}

describe("Checker", () => {
  test("Checker: a check is asked in its interval with jitter, the first time soon, over weeks", () => {
    const { asked, checker, clock } = fixture();
    checker.setPlans([plan({ name: "a" })]);
    clock.advance(28 * dayMs);
    const times = asked.map(({ atMs }) => atMs);
    const gaps = times.slice(1).map((at, position) => at - (times[position] ?? 0));
    expect(times[0]).toBeLessThanOrEqual(5000);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(minuteMs);
    expect(Math.max(...gaps)).toBeLessThan(minuteMs + 5001);
    expect(times.length).toBeGreaterThan((28 * dayMs) / (minuteMs + 5000) - 2);
  });

  test("Checker: without jitter the interval is kept to the millisecond", () => {
    const { asked, checker, clock } = fixture();
    checker.setPlans([plan({ name: "a", jitter: "0s" })]);
    clock.advance(hourMs);
    const [first = 0, ...rest] = asked.map(({ atMs }) => atMs);
    expect(rest.every((at, position) => Math.abs(at - first - (position + 1) * minuteMs) < 0.001)).toBe(true);
    expect(rest.length).toBe(59);
  });

  test("Checker: one that never answers delays no other, and is not asked twice at once", () => {
    const { asked, checker, clock } = fixture((name) => (name === "hung" ? undefined : good));
    checker.setPlans([plan({ name: "hung" }), plan({ name: "well" })]);
    clock.advance(hourMs);
    expect(asked.filter(({ name }) => name === "hung").length).toBe(1);
    expect(asked.filter(({ name }) => name === "well").length).toBeGreaterThan(50);
  });

  test("Checker: no more are asked at once than may be, and who waits gets its turn", () => {
    const { asked, checker, clock } = fixture(() => undefined, 2);
    checker.setPlans(["a", "b", "c"].map((name) => plan({ name })));
    clock.advance(10_000);
    expect(asked.length).toBe(2);
    expect(checker.counts()).toEqual({ taken: 2, waiting: 1 });
    asked[0]?.answer(good);
    clock.advance(1);
    expect(asked.length).toBe(3);
    expect(new Set(asked.map(({ name }) => name)).size).toBe(3);
  });

  test("Checker: changes are told once each, history keeps them, metrics tell each asking", () => {
    const isDown = (atMs: number) => atMs > 10 * hourMs && atMs < 12 * hourMs;
    const { changes, checker, clock, history, points } = fixture((_, atMs) => (isDown(atMs) ? bad : good));
    checker.setPlans([plan({ name: "a", prefix: "apps.a.", jitter: "0s" })]);
    clock.advance(7 * dayMs);
    expect(changes).toEqual(["0 a unknown>up", "601 a up>down", "720 a down>up"]);
    const spells = history.spells("a", 10);
    expect(spells.map(({ level }) => level)).toEqual(["up", "down", "up"]);
    expect(spells[1]?.reason).toBe("Connection refused");
    const ups = points.filter(({ path }) => path === "apps.a.up").map(({ value }) => value);
    expect(ups.length).toBe(7 * 24 * 60);
    expect(ups.filter((value) => value === 0).length).toBe(119);
    const hours = history.hoursOf("a", 0);
    expect(hours.reduce((sum, { runs }) => sum + runs, 0)).toBe(7 * 24 * 60);
    expect(hours.reduce((sum, hour) => sum + hour.bad, 0)).toBe(120);
  });

  test("Checker: a heartbeat that beats stays up; one that stops is down after its time and grace, over weeks", () => {
    const { changes, checker, clock } = fixture();
    checker.setPlans([beating({ name: "backup", every: "1d", grace: "1h", id: "the-id-of-the-backup" })]);
    for (let day = 0; day < 21; day++) {
      clock.advance(dayMs);
      expect(checker.beat("the-id-of-the-backup", "good", "")).toBe(true);
    }
    const stoppedAt = 21 * 24 * 60;
    clock.advance(5 * dayMs);
    checker.beat("the-id-of-the-backup", "good", "");
    expect(changes).toEqual([
      "1440 backup unknown>up",
      `${stoppedAt + 25 * 60} backup up>down`,
      `${stoppedAt + 5 * 24 * 60} backup down>up`,
    ]);
    expect(checker.beat("some-other-id-that-is-not", "good", "")).toBe(false);
  });

  test("Checker: a job that says that it failed is down at once, with its words and how long it ran", () => {
    const { checker, clock } = fixture();
    checker.setPlans([beating({ name: "job", every: "1h" })]);
    const id = checker.find("job")?.beatId ?? "";
    checker.beat(id, "start", "");
    clock.advance(90_000);
    checker.beat(id, "fail", "disk full\n");
    expect(checker.find("job")?.standing).toMatchObject({
      level: "down",
      last: { latencyMs: 90_000, excerpt: "disk full" },
    });
  });

  test("Checker: the exit status of a job is told, and 0 is good", () => {
    const { checker } = fixture();
    checker.setPlans([beating({ name: "job", every: "1h" })]);
    const id = checker.find("job")?.beatId ?? "";
    checker.beat(id, 17, "");
    expect(checker.find("job")?.standing).toMatchObject({
      level: "down",
      last: { isGood: false, reason: "The job ended with status 17" },
    });
    checker.beat(id, 0, "");
    expect(checker.find("job")?.standing).toMatchObject({ level: "up", last: { isGood: true, reason: "It beat" } });
  });

  test("Checker: after a start of our own, heartbeats get their time again; standings and ids are remembered", () => {
    const first = fixture();
    const plans = [beating({ name: "backup", every: "1d", grace: "1h" }), plan({ name: "a" })];
    first.checker.setPlans(plans);
    const id = first.checker.find("backup")?.beatId ?? "";
    first.checker.beat(id, "good", "");
    first.clock.advance(hourMs);
    first.checker.stop();
    first.clock.advance(10 * dayMs);
    const again = new Checker({ ...first.parts, makeId: () => "another-id-than-before" });
    again.setPlans(plans);
    expect(again.find("backup")).toMatchObject({ beatId: id, standing: { level: "up" } });
    expect(again.find("a")?.standing.level).toBe("up");
    first.clock.advance(dayMs);
    expect(again.find("backup")?.standing.level).toBe("up");
    first.clock.advance(2 * hourMs);
    expect(again.find("backup")?.standing.level).toBe("down");
  });

  test("Checker: new plans keep the rhythm of what did not change, end what is gone, and begin what is new", () => {
    const { asked, checker, clock } = fixture(() => undefined);
    checker.setPlans([plan({ name: "stays" }), plan({ name: "goes" }), plan({ name: "changes" })]);
    clock.advance(6000);
    const signalOf = (name: string) => asked.find((one) => one.name === name)?.signal.aborted;
    checker.setPlans([plan({ name: "new" }), plan({ name: "stays" }), plan({ name: "changes", timeout: "2s" })]);
    clock.advance(6000);
    expect([signalOf("stays"), signalOf("goes"), signalOf("changes")]).toEqual([false, true, true]);
    expect(asked.map(({ name }) => name).sort()).toEqual(["changes", "changes", "goes", "new", "stays"]);
    expect(checker.views().map((view) => view.plan.name)).toEqual(["new", "stays", "changes"]);
  });

  test("Checker: while nothing can be kept, checks are asked, judged and told, and beats are taken and missed", () => {
    let outcome = good;
    const { changes, checker, clock, history } = fixture(() => outcome);
    checker.setPlans([
      plan({ name: "a", failures: 1 }),
      beating({ name: "backup", every: "1h", grace: "0s", id: "the-id-of-the-backup" }),
    ]);
    clock.advance(minuteMs);
    expect(checker.beat("the-id-of-the-backup", "good", "")).toBe(true);
    history.isFull = true;
    outcome = bad;
    clock.advance(10 * minuteMs);
    expect(checker.find("a")?.standing.level).toBe("down");
    clock.advance(hourMs);
    expect(checker.find("backup")?.standing).toMatchObject({ level: "down", failuresInRow: 1 });
    expect(checker.beat("the-id-of-the-backup", "good", "")).toBe(true);
    expect(checker.find("backup")?.standing.level).toBe("up");
    clock.advance(3 * hourMs);
    expect(checker.find("backup")?.standing).toMatchObject({ level: "down", failuresInRow: 3 });
    expect(checker.keepFailure).toBe("database or disk is full");
    history.isFull = false;
    outcome = good;
    clock.advance(10 * minuteMs);
    expect(checker.keepFailure).toBeUndefined();
    expect(changes.map((change) => change.replace(/^\d+ /, ""))).toEqual([
      "a unknown>up",
      "backup unknown>up",
      "a up>down",
      "backup up>down",
      "backup down>up",
      "backup up>down",
      "a down>up",
    ]);
  });

  test("Checker: new plans of which one cannot be begun leave the old ones as they were", () => {
    const { asked, checker, clock, history } = fixture();
    checker.setPlans([plan({ name: "a" }), beating({ name: "backup", id: "the-id-of-the-backup" })]);
    history.isFull = true;
    const next = [plan({ name: "a" }), plan({ name: "b" })];
    expect(() => checker.setPlans(next)).toThrow("disk is full");
    expect(checker.views().map((view) => view.plan.name)).toEqual(["a", "backup"]);
    clock.advance(2 * minuteMs);
    expect(asked.map(({ name }) => name)).toContain("a");
    expect(checker.hasBeat("the-id-of-the-backup")).toBe(true);
    history.isFull = false;
    checker.setPlans(next);
    expect(checker.views().map((view) => view.plan.name)).toEqual(["a", "b"]);
    expect(checker.hasBeat("the-id-of-the-backup")).toBe(false);
  });

  test("Checker: a clock that is set back makes nobody wait longer for a beat than its time and grace", () => {
    const { checker, clock } = fixture();
    checker.setPlans([beating({ name: "backup", every: "1d", grace: "1h", id: "the-id-of-the-backup" })]);
    clock.advance(dayMs);
    checker.beat("the-id-of-the-backup", "good", "");
    clock.jump(-300 * dayMs);
    // It is found out when the beat was due, and counts from then on.
    clock.advance(25 * hourMs + 25 * hourMs);
    expect(checker.find("backup")?.standing.level).toBe("down");
  });

  test("Checker: a beat that nobody expects costs as little among ten thousand heartbeats as among one", async () => {
    const { checker } = fixture();
    const names = Array.from({ length: 10_000 }, (_, number) => `job-${String(number).padStart(20, "0")}`);
    checker.setPlans(names.map((name) => beating({ name, id: name })));
    const { costMs } = await paced(() => {
      for (let tries = 0; tries < 2000; tries++)
        expect(checker.beat(`forged-${tries}-0000000000`, "good", "")).toBe(false);
    });
    expect(costMs).toBeLessThan(5000);
    expect(checker.beat(names[9999] ?? "", "good", "")).toBe(true);
    expect(checker.find(names[9999] ?? "")?.standing.level).toBe("up");
    checker.stop();
  });

  test("Checker: what was asked before the end is told nobody after it", () => {
    const { asked, checker, clock, points } = fixture(() => undefined);
    checker.setPlans([plan({ name: "a", prefix: "a." })]);
    clock.advance(6000);
    checker.stop();
    asked[0]?.answer(good);
    clock.advance(hourMs);
    expect([asked.length, points.length]).toEqual([1, 0]);
  });
});

/**
 * All checks over time: each is asked in its rhythm with its jitter, so many at once, and its standing is judged, kept,
 * measured and told. New plans replace old ones while it runs; a check that did not change keeps its rhythm. Heartbeats
 * are awaited instead of asked. Everything that passes is time of the clock it was given.
 * A target that answers late never delays another, and its own next asking begins only after its last ended.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import type { PointSink } from "../../kit/point-sink.ts";
import type { Random } from "../../kit/random.ts";
import type { History } from "./history.ts";
import type { Outcome } from "./outcome.ts";
import type { Plan } from "./plan.ts";
import { pointsOf } from "./points.ts";
import type { Probe } from "./probe.ts";
import { type Change, judge, lateAt, type Standing } from "./standing.ts";
import { createTurns } from "./turns.ts";

/** What the checker stands on. */
export interface CheckerParts {
  clock: Clock;
  random: Random;
  log: Logger;
  probe: Probe;
  history: History;
  sink: PointSink;
  /** Targets that are asked at the same time. */
  parallel: number;
  /** Makes the id of a heartbeat; it has to be unguessable. */
  makeId(): string;
  /** Told after each outcome. */
  happened(plan: Plan, outcome: Outcome, change: Change | undefined): void;
}

/** A check as it stands. */
export interface CheckView {
  plan: Plan;
  standing: Standing;
  isAsking: boolean;
  /** When it is asked next, or its beat is missed; epoch ms. */
  nextAt: number | undefined;
  /** Of a heartbeat. */
  beatId: string | undefined;
  lastBeatAt: number | undefined;
}

/** What a beat says; a number is the exit status of the job, of which 0 is good. */
export type BeatKind = "good" | "fail" | "start" | number;

interface Runner {
  plan: Plan;
  standing: Standing;
  readonly beatId: string;
  lastBeatAt: number | undefined;
  lastMissedAt: number | undefined;
  /** When this program began to watch, in this run; epoch ms. */
  watchedSinceAt: number;
  startedAtMs: number | undefined;
  nextAt: number | undefined;
  cancel: () => void;
  asking: AbortController | undefined;
}

/** The first asking comes within this time, so that a page soon has something to show. */
const firstMs = 5000;

/** The checks of a node. */
export class Checker {
  readonly #parts: CheckerParts;
  readonly #turns;
  #runners: ReadonlyMap<string, Runner> = new Map();
  /** Heartbeats by what is left of their ids, so that looking one up tells nothing of others, however many there are. */
  #beating: ReadonlyMap<string, Runner> = new Map();
  #isStopped = false;
  #keepFailure: string | undefined;

  constructor(parts: CheckerParts) {
    this.#parts = parts;
    this.#turns = createTurns(parts.parallel);
  }

  /**
   * Makes these the checks: what is gone ends, what is new begins, what changed begins anew with what is known of it. Throws
   * what the history does when it cannot take a new one; then everything stays as it was.
   */
  setPlans(plans: readonly Plan[]): void {
    const staying = new Map<string, Runner>();
    const fresh = new Map<string, Runner>();
    for (const plan of plans) {
      const runner = this.#runners.get(plan.name);
      if (runner && Bun.deepEquals(plan, runner.plan)) staying.set(plan.name, runner);
      else fresh.set(plan.name, this.#runnerOf(plan));
    }
    for (const [name, runner] of this.#runners) if (!staying.has(name)) this.#end(runner);
    // In the order of the file, for whoever looks.
    const runners = plans.flatMap(({ name }) => staying.get(name) ?? fresh.get(name) ?? []);
    this.#runners = new Map(runners.map((runner) => [runner.plan.name, runner]));
    this.#beating = new Map(
      runners.flatMap((runner) => (runner.plan.kind === "heartbeat" ? [[digestOf(runner.beatId), runner]] : [])),
    );
    for (const runner of fresh.values()) this.#begin(runner);
  }

  /** Every check, in the order of the configuration. */
  views(): CheckView[] {
    return [...this.#runners.values()].map(viewOf);
  }

  /** One check. */
  find(name: string): CheckView | undefined {
    const runner = this.#runners.get(name);
    return runner && viewOf(runner);
  }

  /** Why outcomes are not kept at the moment; undefined when they are. */
  get keepFailure(): string | undefined {
    return this.#keepFailure;
  }

  /** Askings on their way, and those that wait for a place. */
  counts(): { taken: number; waiting: number } {
    return this.#turns.counts();
  }

  /** Asks a check now, instead of when it would be. False when there is none, or it cannot be asked. */
  runNow(name: string): boolean {
    const runner = this.#runners.get(name);
    if (!runner || runner.plan.kind === "heartbeat" || this.#isStopped) return false;
    if (runner.asking) return true;
    runner.cancel();
    this.#ask(runner);
    return true;
  }

  /** Whether a heartbeat has this id. */
  hasBeat(id: string): boolean {
    return this.#beating.has(digestOf(id));
  }

  /** A beat came for the heartbeat of this id; false when no check has it. `message` is what it brought. */
  beat(id: string, kind: BeatKind, message: string): boolean {
    const { clock, history } = this.#parts;
    const runner = this.#beating.get(digestOf(id));
    if (!runner) return false;
    if (kind === "start") {
      runner.startedAtMs = clock.monotonicMs();
      return true;
    }
    const isGood = kind === "good" || kind === 0;
    const latencyMs = runner.startedAtMs === undefined ? 0 : clock.monotonicMs() - runner.startedAtMs;
    runner.startedAtMs = undefined;
    const text = message.trim().slice(0, 1000);
    if (isGood) {
      runner.lastBeatAt = clock.now();
      runner.lastMissedAt = undefined;
      const at = runner.lastBeatAt;
      this.#keep(runner, () => history.beat(runner.plan.name, at));
    }
    this.#took(runner, {
      isGood,
      reason: isGood
        ? "It beat"
        : kind === "fail"
          ? "The job said that it failed"
          : `The job ended with status ${kind}`,
      latencyMs,
      ...(text === "" ? {} : { excerpt: text }),
    });
    this.#await(runner);
    return true;
  }

  /** Ends all askings and waits for none. */
  stop(): void {
    this.#isStopped = true;
    for (const runner of this.#runners.values()) this.#end(runner);
  }

  #runnerOf(plan: Plan): Runner {
    const { clock, history, makeId } = this.#parts;
    const kept = history.check(plan.name, () => ({ at: clock.now(), beatId: makeId() }));
    return {
      plan,
      standing: kept.standing,
      beatId: plan.entry.id ?? kept.beatId,
      lastBeatAt: kept.lastBeatAt,
      lastMissedAt: undefined,
      watchedSinceAt: clock.now(),
      startedAtMs: undefined,
      nextAt: undefined,
      cancel: () => {},
      asking: undefined,
    };
  }

  #begin(runner: Runner): void {
    const { kind, intervalMs } = runner.plan;
    if (kind === "heartbeat") this.#await(runner);
    else this.#later(runner, this.#parts.random() * Math.min(firstMs, intervalMs));
  }

  #end(runner: Runner): void {
    runner.cancel();
    runner.asking?.abort();
  }

  #later(runner: Runner, delayMs: number): void {
    const { clock } = this.#parts;
    runner.nextAt = clock.now() + delayMs;
    runner.cancel = clock.schedule(delayMs, () => this.#ask(runner));
  }

  #ask(runner: Runner): void {
    const { clock, log, probe, random } = this.#parts;
    const asking = new AbortController();
    runner.asking = asking;
    runner.nextAt = undefined;
    const askedMs = clock.monotonicMs();
    const leaveLine = this.#turns.take((leave) => {
      const asked = probe(runner.plan, asking.signal);
      asked
        .then(
          (outcome) => {
            if (!asking.signal.aborted) this.#took(runner, outcome);
          },
          (thrown: unknown) => {
            if (!asking.signal.aborted)
              log.error("A check could not be made", { check: runner.plan.name, reason: reasonOf(thrown) });
          },
        )
        .finally(() => {
          leave();
          if (asking.signal.aborted) return;
          runner.asking = undefined;
          const { intervalMs, jitterMs } = runner.plan;
          const spentMs = clock.monotonicMs() - askedMs;
          this.#later(runner, Math.max(0, intervalMs + random() * jitterMs - spentMs));
        });
    });
    asking.signal.addEventListener("abort", leaveLine, { once: true });
  }

  #took(runner: Runner, outcome: Outcome): void {
    const { clock, happened, history, sink } = this.#parts;
    const at = clock.now();
    const { change, standing } = judge(runner.standing, outcome, at, runner.plan);
    runner.standing = standing;
    sink.send(pointsOf(runner.plan, outcome, standing.level === "up", at));
    happened(runner.plan, outcome, change);
    this.#keep(runner, () => history.record(runner.plan.name, standing, outcome, at, change !== undefined));
  }

  /** A disk that takes nothing more ends no watching. */
  #keep(runner: Runner, keep: () => void): void {
    try {
      keep();
      this.#keepFailure = undefined;
    } catch (thrown) {
      const { log } = this.#parts;
      this.#keepFailure = reasonOf(thrown);
      log.error("The outcome of a check could not be kept", { check: runner.plan.name, reason: reasonOf(thrown) });
    }
  }

  /** Waits until the next beat is missed. The wall clock may be set meanwhile, so it is looked at again each time. */
  #await(runner: Runner): void {
    const { clock } = this.#parts;
    runner.cancel();
    if (this.#isStopped) return;
    // Of a clock that was set back, what was before would lie ahead, and excuse a job for as long.
    const now = clock.now();
    runner.watchedSinceAt = Math.min(runner.watchedSinceAt, now);
    if (runner.lastBeatAt !== undefined) runner.lastBeatAt = Math.min(runner.lastBeatAt, now);
    if (runner.lastMissedAt !== undefined) runner.lastMissedAt = Math.min(runner.lastMissedAt, now);
    const dueAt = lateAt(runner, runner.plan);
    runner.nextAt = dueAt;
    runner.cancel = clock.schedule(Math.max(1, dueAt - now), () => {
      if (clock.now() >= lateAt(runner, runner.plan)) {
        runner.lastMissedAt = clock.now();
        const reason = runner.lastBeatAt === undefined ? "It never beat" : "It did not beat in time";
        this.#took(runner, { isGood: false, reason, latencyMs: 0 });
      }
      this.#await(runner);
    });
  }
}

function digestOf(id: string): string {
  return new Bun.CryptoHasher("sha256").update(id).digest("hex");
}

function viewOf(runner: Runner): CheckView {
  const { asking, beatId, lastBeatAt, nextAt, plan, standing } = runner;
  const isHeartbeat = plan.kind === "heartbeat";
  return {
    plan,
    standing,
    isAsking: asking !== undefined,
    nextAt,
    beatId: isHeartbeat ? beatId : undefined,
    lastBeatAt,
  };
}

/** The Fault for a check that is not there. */
export function noSuchCheck(name: string): Fault {
  return new Fault(
    "missing",
    "chimney/no-check",
    `Cannot find the check "${name.slice(0, 120)}": no check has that name`,
  );
}

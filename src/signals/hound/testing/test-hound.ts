/** A hound for tests, with rules as they are written, a clock that stands still, and a record of what it tells. */
import { createLog } from "../../../kit/log.ts";
import type { MetricSource } from "../../../kit/metric-source/source.ts";
import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import { Hound, type HoundPolicy } from "../hound.ts";
import { KeptFile } from "../kept.ts";
import type { Notice } from "../notice.ts";
import { readRules } from "../rule-file.ts";

const minuteMs = 60_000;

/** A policy in which nothing is held back. */
export const plainPolicy: HoundPolicy = {
  everybody: ["ops@x.example"],
  routes: [],
  throttle: 0,
  groupFrom: 0,
  graphBase: undefined,
  actionsOf: () => [],
  quiet: { windows: [], exceptSeverities: [] },
  maintenance: [],
  tellsErrors: false,
  tellsSilences: false,
  blindAfterMs: 5 * minuteMs,
  calmMs: 30 * minuteMs,
  level: { flap: { failures: 0, windowMs: 60 * minuteMs, calmMs: 30 * minuteMs }, gapMs: 10 * minuteMs },
  forgetSeriesMs: 7 * 1440 * minuteMs,
  warmsUp: false,
};

/** What a test has in hand. */
export class HoundTest {
  readonly clock: ManualClock;
  readonly kept = new KeptFile(":memory:");
  readonly notices: Notice[] = [];
  readonly #source: MetricSource;
  readonly #policy: HoundPolicy;
  readonly #entries: readonly unknown[];
  #made = 0;
  /** While true nothing can be handed on. */
  isSinkBroken = false;
  hound: Hound;

  constructor(entries: readonly unknown[], source: MetricSource, policy: Partial<HoundPolicy> = {}, startsAt?: number) {
    this.clock = new ManualClock(startsAt);
    this.#source = source;
    this.#policy = { ...plainPolicy, ...policy };
    this.#entries = entries;
    this.hound = this.#start();
  }

  /** As after a crash: only what is on disk is left. */
  restart(entries = this.#entries): void {
    this.hound = this.#start(entries);
  }

  /** A round now; the notices that it told. */
  async round(): Promise<Notice[]> {
    const before = this.notices.length;
    await this.hound.round(new AbortController().signal);
    return this.notices.slice(before);
  }

  /** Rounds every `everyMs` until `forMs` have passed; what they told, as `minute: subject`. */
  async pass(forMs: number, everyMs = minuteMs): Promise<string[]> {
    const told: string[] = [];
    const beganAt = this.clock.now();
    while (this.clock.now() - beganAt < forMs) {
      const minute = (this.clock.now() - beganAt) / minuteMs;
      for (const { subject } of await this.round()) told.push(`${minute}: ${subject}`);
      this.clock.advance(everyMs);
    }
    return told;
  }

  #start(entries = this.#entries): Hound {
    const hound = new Hound({
      clock: this.clock,
      log: createLog({ clock: this.clock, level: "error", format: "json", write: () => {} }),
      source: this.#source,
      kept: this.kept,
      sink: {
        take: async (notice) => {
          if (this.isSinkBroken) throw new Error("The disk is full");
          this.notices.push(notice);
        },
      },
      policy: this.#policy,
      makeId: () => (this.#made++).toString(16).padStart(8, "0"),
    });
    hound.setRules(
      readRules(entries, undefined, { windowMs: 600_000, graceMs: undefined, forMs: 0, keepFiringMs: 0, zone: "UTC" }),
    );
    return hound;
  }
}

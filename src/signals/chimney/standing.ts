/**
 * How a check stands: up, down, or not known yet, and what one more outcome changes. A pure rule: time comes in as a
 * number, nothing is asked or kept here. Down takes so many failures in a row, up again so many successes; the first
 * success of a check that nobody knows anything about makes it up at once. A heartbeat is late when neither a beat nor
 * this program's own start lies within its time and grace, so that our own absence accuses nobody.
 */
import type { Outcome } from "./outcome.ts";

/** What is known of a check. */
export type Level = "unknown" | "up" | "down";

/** How a check stands. */
export interface Standing {
  readonly level: Level;
  /** Since when, epoch ms. */
  readonly sinceAt: number;
  readonly failuresInRow: number;
  readonly successesInRow: number;
  /** The newest outcome, and when it was. */
  readonly last: Outcome | undefined;
  readonly lastAt: number | undefined;
}

/** How many in a row it takes. */
export interface Rule {
  failures: number;
  successes: number;
}

/** Another level, and how long the one before lasted. */
export interface Change {
  from: Level;
  to: Level;
  lastedMs: number;
}

/** A check that was never asked. */
export function unknownSince(at: number): Standing {
  return { level: "unknown", sinceAt: at, failuresInRow: 0, successesInRow: 0, last: undefined, lastAt: undefined };
}

/** What an outcome at `at` makes of a standing. */
export function judge(
  before: Standing,
  outcome: Outcome,
  at: number,
  rule: Rule,
): { standing: Standing; change: Change | undefined } {
  const failuresInRow = outcome.isGood ? 0 : before.failuresInRow + 1;
  const successesInRow = outcome.isGood ? before.successesInRow + 1 : 0;
  const isUp = outcome.isGood && (before.level === "unknown" || successesInRow >= rule.successes);
  const isDown = !outcome.isGood && failuresInRow >= rule.failures;
  const level: Level = isUp ? "up" : isDown ? "down" : before.level;
  const hasChanged = level !== before.level;
  return {
    standing: {
      level,
      sinceAt: hasChanged ? at : before.sinceAt,
      failuresInRow,
      successesInRow,
      last: outcome,
      lastAt: at,
    },
    change: hasChanged ? { from: before.level, to: level, lastedMs: Math.max(0, at - before.sinceAt) } : undefined,
  };
}

/** When a heartbeat counts as missed, epoch ms. */
export function lateAt(
  beat: { lastBeatAt: number | undefined; watchedSinceAt: number; lastMissedAt: number | undefined },
  times: { everyMs: number; graceMs: number },
): number {
  const first = Math.max(beat.lastBeatAt ?? 0, beat.watchedSinceAt) + times.everyMs + times.graceMs;
  // Once missed, it is told again with each beat that did not come.
  return beat.lastMissedAt === undefined || beat.lastMissedAt < first
    ? first
    : Math.max(first, beat.lastMissedAt + times.everyMs);
}

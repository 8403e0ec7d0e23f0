/**
 * A rule over the past: the rounds that would have been, with the same judging and telling, on a clock of their own and
 * with nothing kept. What the source gives for the whole stretch is read once and cut for each round; where the past is
 * kept more coarsely than the present, it is judged as coarsely.
 */
import { type Clock, sleep } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { formatSpan } from "../../kit/pages/quantity.ts";
import type { Logger } from "../../kit/log.ts";
import type { MetricSource, SourceSeries, TargetAnswer } from "../../kit/metric-source/source.ts";
import { Hound, type HoundPolicy } from "./hound.ts";
import { KeptFile } from "./kept.ts";
import type { Rule } from "./rule.ts";
import { asksOf } from "./verdict.ts";

/** What would have been. */
export interface Replay {
  rule: string;
  fromAt: number;
  untilAt: number;
  rounds: number;
  /** Each time that it would have failed; without an end where it still does. */
  failings: { series?: string; fromAt: number; untilAt?: number; message: string }[];
  /** Everything that would have been told. */
  told: { at: number; subject: string }[];
  /** Rounds in which there was nothing to judge. */
  roundsWithoutData: number;
}

const roundsMax = 50_000;
/** Rounds of a long past may lie so much further apart than those of every day. */
const coarsestFactor = 4;
const roundsAtOnce = 100;

/** Runs a rule from `fromAt` until `untilAt`, epoch ms. Faults: `hound/replay` (invalid), and what the source throws. */
export async function replay(
  rule: Rule,
  options: {
    source: MetricSource;
    policy: HoundPolicy;
    fromAt: number;
    untilAt: number;
    everyMs: number;
    /** The real one, for pauses in which others have their turn. */
    clock: Clock;
    log: Logger;
    signal: AbortSignal;
  },
): Promise<Replay> {
  const { clock, fromAt, log, policy, signal, source, untilAt } = options;
  const everyMs = Math.min(
    Math.max(options.everyMs, Math.ceil((untilAt - fromAt) / roundsMax)),
    options.everyMs * coarsestFactor,
  );
  const rounds = Math.floor((untilAt - fromAt) / everyMs);
  if (!(rounds >= 1 && rounds <= roundsMax))
    throw new Fault(
      "invalid",
      "hound/replay",
      `Cannot run ${rounds} rounds: wanted 1 to ${roundsMax}, and each is ${everyMs} ms; the past may be ${formatSpan(roundsMax * everyMs)} at most`,
    );
  const past = await pastOf(rule, source, Math.floor(fromAt / 1000), Math.ceil(untilAt / 1000), signal);
  let now = fromAt;
  const kept = new KeptFile(":memory:");
  try {
    const report: Replay = { rule: rule.name, fromAt, untilAt, rounds, failings: [], told: [], roundsWithoutData: 0 };
    const open = new Map<string, Replay["failings"][number]>();
    const hound = new Hound({
      clock: { now: () => now, monotonicMs: () => now, schedule: () => () => undefined },
      log,
      source: past,
      kept,
      sink: {
        async take({ createdAt, subject }) {
          report.told.push({ at: createdAt, subject });
        },
      },
      policy: {
        ...policy,
        level: { ...policy.level, gapMs: Math.max(policy.level.gapMs, 5 * everyMs + 60_000) },
        warmsUp: false,
        actionsOf: () => [],
        everybody: ["somebody"],
        tellsErrors: false,
      },
      makeId: () => "00000000",
    });
    // Those that it depends on are not looked at: they would have held it back at most.
    hound.setRules([{ ...rule, dependsOn: [] }]);
    for (let round = 0; round < rounds; round++, now += everyMs) {
      if (round % roundsAtOnce === 0) await sleep(clock, 0, signal);
      signal.throwIfAborted();
      const { changes, counts } = await hound.round(signal);
      if (counts.errors > 0) report.roundsWithoutData++;
      for (const { to, watched } of changes) {
        if (to === "another level") continue;
        if (to === "OK") {
          const failing = open.get(watched.id);
          if (failing) failing.untilAt = now;
          open.delete(watched.id);
          continue;
        }
        const { memory, series } = watched;
        const failing = { ...(series === undefined ? {} : { series }), fromAt: now, message: memory.message };
        open.set(watched.id, failing);
        report.failings.push(failing);
      }
    }
    return report;
  } finally {
    kept.close();
  }
}

/** A source that has read all that the rounds will ask. */
async function pastOf(
  rule: Rule,
  source: MetricSource,
  fromSeconds: number,
  untilSeconds: number,
  signal: AbortSignal,
): Promise<MetricSource> {
  const known: { series: readonly SourceSeries[]; fromSeconds: number; untilSeconds: number }[] = [];
  const first = asksOf(rule, fromSeconds);
  for (const ask of first) {
    const range = { fromSeconds: ask.fromSeconds, untilSeconds: ask.untilSeconds + untilSeconds - fromSeconds };
    const [answer] = await source.render([rule.target], range, signal);
    if (answer?.fault) throw answer.fault;
    known.push({ ...range, series: answer?.series ?? [] });
  }
  return {
    name: source.name,
    language: source.language,
    async render(targets, range): Promise<TargetAnswer[]> {
      const stretch = known.find(
        (one) => one.fromSeconds <= range.fromSeconds && range.untilSeconds <= one.untilSeconds,
      );
      const series = (stretch?.series ?? []).map((one) => cut(one, range.fromSeconds, range.untilSeconds));
      return targets.map(() => ({ series: series.filter(({ points }) => points.length > 0) }));
    },
    find: async () => [],
  };
}

function cut(series: SourceSeries, fromSeconds: number, untilSeconds: number): SourceSeries {
  const from = firstAt(series.points, fromSeconds);
  return { ...series, points: series.points.slice(from, firstAt(series.points, untilSeconds + 1)) };
}

/** The position of the first point at or after an instant. */
function firstAt(points: SourceSeries["points"], atSeconds: number): number {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((points[middle]?.[1] ?? 0) < atSeconds) low = middle + 1;
    else high = middle;
  }
  return low;
}

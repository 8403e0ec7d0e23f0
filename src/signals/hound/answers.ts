/**
 * Asks the source for everything that rules want to know at one instant: what is asked twice is asked once, targets of
 * one stretch of time go together, a few such questions at a time, each with a deadline. Where some cannot be answered
 * the others count; where none can, the source as a whole is not to be read.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { inParallel } from "../../kit/in-parallel.ts";
import type { MetricSource, TargetAnswer } from "../../kit/metric-source/source.ts";
import type { Rule } from "./rule.ts";
import { asksOf } from "./verdict.ts";

/** How is asked. */
export interface AskingOptions {
  clock: Clock;
  signal: AbortSignal;
  /** For each question. @default 10000 */
  timeoutMs?: number;
  /** Targets of one question. @default 1000 */
  batch?: number;
  /** Questions at a time. @default 4 */
  width?: number;
}

/** The answers for a rule, in the order of `asksOf`; or why nothing at all could be read. */
export type Answers = { of(rule: Rule): readonly TargetAnswer[]; blind?: never } | { of?: never; blind: string };

/** Kinds of faults that are about the source, not about what was asked. */
const ofSource: ReadonlySet<string> = new Set([
  "unavailable",
  "timeout",
  "internal",
  "unauthorized",
  "forbidden",
  "limited",
]);
/** What failed in a large batch is tried once more in small ones, so that one target does not take others with it. */
const smallBatch = 50;

interface Batch {
  fromSeconds: number;
  untilSeconds: number;
  targets: string[];
}

/** Asks for all rules. Throws only what aborts it. */
export async function askAll(
  source: MetricSource,
  rules: readonly Rule[],
  atSeconds: number,
  options: AskingOptions,
): Promise<Answers> {
  const { batch: batchSize = 1000, width = 4 } = options;
  const found = new Map<string, TargetAnswer>();
  const ranges = new Map<string, Batch & { seen: Set<string> }>();
  for (const rule of rules) {
    for (const { fromSeconds, target, untilSeconds } of asksOf(rule, atSeconds)) {
      const key = `${fromSeconds} ${untilSeconds}`;
      const range = ranges.get(key) ?? { fromSeconds, untilSeconds, targets: [], seen: new Set() };
      if (!range.seen.has(target)) range.targets.push(target);
      range.seen.add(target);
      ranges.set(key, range);
    }
  }
  const failed: Batch[] = [];
  const ask = async (batch: Batch): Promise<void> => {
    try {
      const answers = await askOne(source, batch, options);
      for (const [position, target] of batch.targets.entries())
        found.set(keyOf(target, batch), answers[position] ?? { fault: noAnswer("it was left out of the answer") });
    } catch (thrown) {
      options.signal.throwIfAborted();
      const fault = thrown instanceof Fault ? thrown : noAnswer(reasonOf(thrown));
      for (const target of batch.targets) found.set(keyOf(target, batch), { fault });
      failed.push(batch);
    }
  };
  const batches = [...ranges.values()].flatMap((range) => inPieces(range, batchSize));
  await inParallel(batches, width, ask);
  if (failed.length > 0 && failed.length < batches.length) {
    await inParallel(
      failed.splice(0).flatMap((batch) => inPieces(batch, smallBatch)),
      width,
      ask,
    );
  }
  const answers = [...found.values()];
  const ownFaults = answers.filter(({ fault }) => fault && ofSource.has(fault.kind));
  if (answers.length > 0 && ownFaults.length === answers.length) {
    return { blind: ownFaults[0]?.fault?.message ?? "it gives no answer" };
  }
  return {
    of: (rule) =>
      asksOf(rule, atSeconds).map(
        (one) => found.get(keyOf(one.target, one)) ?? { fault: noAnswer("it was not asked") },
      ),
  };
}

async function askOne(
  source: MetricSource,
  { fromSeconds, targets, untilSeconds }: Batch,
  { clock, signal, timeoutMs = 10_000 }: AskingOptions,
): Promise<readonly TargetAnswer[]> {
  const late = new AbortController();
  const either = AbortSignal.any([signal, late.signal]);
  // A source that does not listen must not hold up whoever waits.
  const given = new Promise<never>((_, reject) => {
    either.addEventListener("abort", () => reject(either.reason as Error), { once: true });
  });
  const cancel = clock.schedule(timeoutMs, () => {
    late.abort(new Fault("timeout", "hound/source-timeout", `${source.name} gives no answer within ${timeoutMs} ms`));
  });
  try {
    signal.throwIfAborted();
    return await Promise.race([source.render(targets, { fromSeconds, untilSeconds }, either), given]);
  } finally {
    cancel();
  }
}

function inPieces({ fromSeconds, targets, untilSeconds }: Batch, size: number): Batch[] {
  const pieces: Batch[] = [];
  for (let from = 0; from < targets.length; from += size)
    pieces.push({ fromSeconds, untilSeconds, targets: targets.slice(from, from + size) });
  return pieces;
}

function keyOf(target: string, { fromSeconds, untilSeconds }: { fromSeconds: number; untilSeconds: number }): string {
  return `${fromSeconds} ${untilSeconds} ${target}`;
}

function noAnswer(reason: string): Fault {
  return new Fault("unavailable", "hound/no-answer", `Cannot read measurements: ${reason}`);
}

/**
 * Where measurements are read from: a port with two verbs, fulfilled by the store in the same program, a Graphite, or
 * a Prometheus or VictoriaMetrics elsewhere. Targets are asked in batches, and each target is answered by itself, so
 * that one that cannot be answered harms no other. Leaves out writing, events and tags.
 */
import type { Fault } from "../fault.ts";

/** One series of an answer, oldest point first. */
export interface SourceSeries {
  /** As the source calls it: a path, or the expression that made it. */
  name: string;
  tags: Readonly<Record<string, string>>;
  /** Pairs of value and epoch seconds; null where nothing is known. */
  points: readonly (readonly [number | null, number])[];
}

/** What became of one target: its series (none is an answer too), or why there is no answer. */
export type TargetAnswer = { series: readonly SourceSeries[]; fault?: never } | { series?: never; fault: Fault };

/** A stretch of time, in epoch seconds; the end is included. */
export interface SourceRange {
  fromSeconds: number;
  untilSeconds: number;
  /** The most points of one series; more are consolidated. */
  maxDataPoints?: number;
}

/** One node of the tree of names. */
export interface FoundNode {
  /** Its whole path. */
  id: string;
  /** Its last part. */
  text: string;
  isLeaf: boolean;
}

/** A place that answers questions about measurements. */
export interface MetricSource {
  /** For people: `series`, or an address without its credentials. */
  readonly name: string;
  /** What its targets are written in. */
  readonly language: "graphite" | "promql";
  /** One answer for each target, in their order. Throws a Fault where the source as a whole cannot be asked. */
  render(targets: readonly string[], range: SourceRange, signal: AbortSignal): Promise<readonly TargetAnswer[]>;
  /** The nodes one level of the tree below what a pattern matches. Throws a Fault. */
  find(pattern: string, signal: AbortSignal): Promise<readonly FoundNode[]>;
}

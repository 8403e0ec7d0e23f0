/** What the pages of Chimney show, and where they are. */
import type { CheckKind } from "../plan.ts";
import type { Level } from "../standing.ts";

/** An hour in a strip; `runs` 0 where nothing was asked. */
export interface StripHour {
  at: number;
  runs: number;
  bad: number;
}

/** A check in the list. */
export interface CheckRow {
  name: string;
  kind: CheckKind;
  target: string;
  level: Level;
  sinceAt: number;
  lastAt: number | undefined;
  isAsking: boolean;
  /** Failing, but not often enough yet to be down. */
  isShaky: boolean;
  reason: string;
  latencyMs: number | undefined;
  failing: readonly string[];
  hours: readonly StripHour[];
  /** Good askings of all in the hours of the strip; undefined without any. */
  goodShare: number | undefined;
}

/** How many checks stand which way. */
export interface Counts {
  all: number;
  down: number;
  shaky: number;
  unknown: number;
  /** Some that are down, by name. */
  downNames: readonly string[];
}

/** The first page. */
export interface OverviewView {
  mountPath: string;
  now: number;
  /** Of all checks, shown or not. */
  counts: Counts;
  /** Those of this page, worst first. */
  rows: readonly CheckRow[];
  search: string;
  /** From 0, and how many there are. */
  page: number;
  pages: number;
  /** Checks that the search found. */
  found: number;
  /** The file of checks, and why it does not count as it stands. */
  file: string | undefined;
  trouble: string | undefined;
}

/** The page of one check. */
export interface CheckPageView {
  mountPath: string;
  now: number;
  row: CheckRow;
  nextAt: number | undefined;
  status: number | undefined;
  address: string | undefined;
  finalUrl: string | undefined;
  expiresAt: number | undefined;
  excerpt: string | undefined;
  tests: { run: number; passed: number; failed: number; errored: number; classes: number; timeMs: number } | undefined;
  /** Of heartbeats; the URL only for those who may change things. */
  beatUrl: string | undefined;
  lastBeatAt: number | undefined;
  everyMs: number;
  graceMs: number;
  intervalMs: number;
  /** Good share of one, seven and thirty days; undefined where nothing was asked. */
  shares: readonly (number | undefined)[];
  /** Half, 95 and 99 of a hundred answers of the last day came within. */
  percentilesMs: readonly number[];
  days: readonly StripHour[];
  latencies: readonly number[];
  spells: readonly {
    level: Level;
    fromAt: number;
    untilAt: number | undefined;
    reason: string;
    failing: readonly string[];
  }[];
  results: readonly { at: number; isGood: boolean; latencyMs: number; status: number | undefined; reason: string }[];
}

/** The path of a check's page below the mount. */
export function checkPath(name: string): string {
  return `/check/${encodeURIComponent(name)}/`;
}

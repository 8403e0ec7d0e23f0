/**
 * What a series holds at a time, put together from files and memory. Coarser archives are rolled up when points go to
 * files; until then the intervals that newer points touch are computed here, from the same rule and with the same
 * result: whisper's, which counts an interval anew whenever one of its finer points is written.
 *
 * What is older than the last change of a series' schema may lie at other steps; holes there are filled from them, finer
 * ones rolled up, coarser ones at their own time.
 */
import type { Archive } from "../../lib/whisper/retention.ts";
import { planFetch } from "../../lib/whisper/whisper.ts";
import { aggregate } from "../../lib/whisper/rollup.ts";
import type { DirectPoint, DirectPoints, StoredSeries } from "./catalog.ts";
import type { ChunkTable } from "./chunk-table.ts";
import type { Head } from "./head.ts";

/** A part of a series on its grid; NaN where there is nothing. */
export interface SeriesRange {
  path: string;
  startSeconds: number;
  /** The first step after the last value. */
  endSeconds: number;
  stepSeconds: number;
  values: Float64Array;
}

/** Slots without a changed one that are read along rather than reading twice. */
const joinedGap = 16;

/** Slots of an archive that memory has something new for, and what they hold now. */
export type ChangedSlots = Map<number, number>;

function headsOf(series: StoredSeries, step: number, frozenOnly: boolean): Head[] {
  return [series.frozen, frozenOnly ? undefined : series.head].flatMap((head) =>
    head?.stepSeconds === step ? [head] : [],
  );
}

function directsOf(series: StoredSeries, step: number, frozenOnly: boolean): Map<number, DirectPoint>[] {
  return [series.frozenDirect, frozenOnly ? undefined : series.direct].flatMap((direct: DirectPoints | undefined) => {
    const points = direct?.get(step);
    return points ? [points] : [];
  });
}

/** Everything at one step, as it was written there: files, then memory. */
export function writtenAt(
  table: ChunkTable,
  series: StoredSeries,
  step: number,
  firstSlot: number,
  target: Float64Array,
): void {
  table.layOver(series.id, step, firstSlot, target);
  for (const points of directsOf(series, step, false)) {
    for (const [slot, { value }] of points) {
      if (slot >= firstSlot && slot < firstSlot + target.length) target[slot - firstSlot] = value;
    }
  }
  for (const head of headsOf(series, step, false)) head.layOver(firstSlot, target);
}

/**
 * The slots `[fromSlot, untilSlot)` of archive `level` (1 or more) that change through what is in memory, with their new
 * values. `frozenOnly` asks for those that what is being written to files touches; their values know everything. `known`
 * keeps results between calls for the same span of time.
 */
export function changedSlots(
  table: ChunkTable,
  series: StoredSeries,
  level: number,
  fromSlot: number,
  untilSlot: number,
  frozenOnly = false,
  known?: Map<string, ChangedSlots>,
): ChangedSlots {
  const key = `${level} ${frozenOnly}`;
  const found = known?.get(key);
  if (found) return found;
  const changed: ChangedSlots = new Map();
  known?.set(key, changed);
  const archive = series.schema.archives[level];
  const finer = series.schema.archives[level - 1];
  if (!archive || !finer) return changed;
  const ratio = archive.stepSeconds / finer.stepSeconds;
  const dirty = new Set<number>();
  const lower = (frozen: boolean) =>
    changedSlots(table, series, level - 1, fromSlot * ratio, untilSlot * ratio, frozen, known);
  const below = level > 1 ? lower(false) : undefined;
  const touched = (slot: number) => dirty.add(Math.floor(slot / ratio));
  if (!below) {
    for (const head of headsOf(series, finer.stepSeconds, frozenOnly))
      head.each(fromSlot * ratio, untilSlot * ratio, touched);
  } else {
    const keys = frozenOnly && (series.head || series.direct) ? lower(true) : below;
    for (const slot of keys.keys()) touched(slot);
  }
  const directs = directsOf(series, archive.stepSeconds, false);
  const shown = directsOf(series, archive.stepSeconds, frozenOnly);
  for (const points of shown) {
    for (const [slot, point] of points) {
      if (point.superseded && slot >= fromSlot && slot < untilSlot) changed.set(slot, point.value);
    }
  }
  for (const [first, end] of stretches([...dirty].sort((left, right) => left - right))) {
    const values = new Float64Array((end - first) * ratio).fill(NaN);
    writtenAt(table, series, finer.stepSeconds, first * ratio, values);
    if (below) {
      for (const [slot, value] of below) {
        if (slot >= first * ratio && slot < end * ratio) values[slot - first * ratio] = value;
      }
    }
    for (let slot = first; slot < end; slot++) {
      if (!dirty.has(slot)) continue;
      const at = (slot - first) * ratio;
      const { aggregation, xFilesFactor } = series.schema;
      const value = aggregate(aggregation, xFilesFactor, values.subarray(at, at + ratio));
      if (!Number.isNaN(value)) changed.set(slot, value);
    }
  }
  for (const points of directs) {
    for (const [slot, point] of points) {
      const wanted = slot >= fromSlot && slot < untilSlot && (changed.has(slot) || shown.includes(points));
      if (!point.superseded && wanted) changed.set(slot, point.value);
    }
  }
  return changed;
}

/** Ascending slots as half-open stretches, near ones joined. */
function stretches(slots: readonly number[]): [number, number][] {
  const found: [number, number][] = [];
  for (const slot of slots) {
    const last = found.at(-1);
    if (last && slot - last[1] <= joinedGap) last[1] = slot + 1;
    else found.push([slot, slot + 1]);
  }
  return found;
}

/** How many points {@link fetchRange} would give of a series that is kept so. */
export function plannedPoints(
  archives: readonly Archive[],
  { from, until, now }: { from: number; until: number; now: number },
): number {
  const plan = planFetch(archives, from, until, now);
  return plan ? (plan.endSeconds - plan.startSeconds) / plan.stepSeconds : 0;
}

/** What whisper would answer for (from, until] at `now`, all in seconds; undefined when nothing of it can be known. */
export function fetchRange(
  table: ChunkTable,
  series: StoredSeries,
  range: { from: number; until: number; now: number },
): SeriesRange | undefined {
  const { archives } = series.schema;
  const plan = planFetch(archives, range.from, range.until, range.now);
  if (!plan) return undefined;
  const { archive, startSeconds, endSeconds, stepSeconds } = plan;
  const count = (endSeconds - startSeconds) / stepSeconds;
  const firstSlot = startSeconds / stepSeconds;
  const values = new Float64Array(count).fill(NaN);
  writtenAt(table, series, stepSeconds, firstSlot, values);
  if (archive > 0) {
    for (const [slot, value] of changedSlots(table, series, archive, firstSlot, firstSlot + count)) {
      values[slot - firstSlot] = value;
    }
  }
  if (series.changedSeconds > startSeconds) fillFromOthers(table, series, stepSeconds, firstSlot, values);
  return { path: series.path, startSeconds, endSeconds, stepSeconds, values };
}

/** Fills holes before the schema's last change from other steps: finer ones first, the nearest of each kind before others. */
export function fillFromOthers(
  table: ChunkTable,
  series: StoredSeries,
  step: number,
  firstSlot: number,
  target: Float64Array,
): void {
  const count = Math.min(target.length, Math.ceil(series.changedSeconds / step) - firstSlot);
  const steps = new Set([...table.steps(), ...(series.direct?.keys() ?? []), ...(series.frozenDirect?.keys() ?? [])]);
  for (const head of [series.head, series.frozen]) if (head) steps.add(head.stepSeconds);
  const others = [...steps].sort((left, right) => left - right);
  const finer = others.filter((each) => each < step && step % each === 0).reverse();
  const coarser = others.filter((each) => each > step);
  const { aggregation, xFilesFactor } = series.schema;
  for (const each of finer) {
    if (!holes(target, count)) return;
    const ratio = step / each;
    const values = new Float64Array(count * ratio).fill(NaN);
    writtenAt(table, series, each, firstSlot * ratio, values);
    for (let at = 0; at < count; at++) {
      if (!Number.isNaN(target[at] as number)) continue;
      target[at] = aggregate(aggregation, xFilesFactor, values.subarray(at * ratio, (at + 1) * ratio));
    }
  }
  for (const each of coarser) {
    if (!holes(target, count)) return;
    const first = Math.ceil((firstSlot * step) / each);
    const end = Math.ceil(((firstSlot + count) * step) / each);
    const values = new Float64Array(Math.max(0, end - first)).fill(NaN);
    writtenAt(table, series, each, first, values);
    for (let at = 0; at < values.length; at++) {
      const place = Math.floor(((first + at) * each) / step) - firstSlot;
      if (Number.isNaN(target[place] as number)) target[place] = values[at] as number;
    }
  }
}

function holes(target: Float64Array, count: number): boolean {
  for (let at = 0; at < count; at++) if (Number.isNaN(target[at] as number)) return true;
  return false;
}

/**
 * The points that are in memory only: where they are kept with their series, how many they are and since when, and how
 * all of them are set apart in one moment to be written to files while new ones go on coming. Invariant: each series that
 * has something here is listed once, so that a flush finds all of it.
 */
import type { StoredSeries } from "./catalog.ts";
import { Head } from "./head.ts";

/** Points in memory. */
export class Memory {
  #active: StoredSeries[] = [];
  #newest = 0;
  #frozen = 0;
  /** Since when points have come that are here only, in seconds; what is being written to files has its own. */
  #newestSince = Infinity;
  #frozenSince = Infinity;

  /** All points. */
  get points(): number {
    return this.#newest + this.#frozen;
  }

  /** Points that are not set apart. */
  get newest(): number {
    return this.#newest;
  }

  /** Points that are set apart. */
  get frozen(): number {
    return this.#frozen;
  }

  /** Series that have something that is not set apart. */
  get series(): number {
    return this.#active.length;
  }

  /** Since when points have come that are here only, in epoch seconds; Infinity when there are none. */
  get sinceSeconds(): number {
    return Math.min(this.#newestSince, this.#frozenSince);
  }

  /** Something came at this time. */
  came(seconds: number): void {
    if (seconds < this.#newestSince) this.#newestSince = seconds;
  }

  /** Puts a point in. `direct` says that it is written past the roll-up, to the coarser step. */
  keep(series: StoredSeries, step: number, direct: boolean, time: number, value: number): void {
    if (!series.head && !series.direct) this.#active.push(series);
    const slot = Math.floor(time / step);
    if (series.direct || series.frozenDirect) supersede(series, step, time);
    if (direct || step !== series.schema.archives[0]?.stepSeconds) {
      this.#keepDirect(series, step, slot, value);
      return;
    }
    let { head } = series;
    if (head && head.stepSeconds !== step) {
      // The schema changed while points of the former step were in memory.
      head.each(0, Infinity, (each, held) => this.#keepDirect(series, head?.stepSeconds ?? step, each, held));
      head = undefined;
    }
    if (!head) {
      head = new Head(step);
      series.head = head;
    }
    if (head.set(slot, value)) this.#newest++;
  }

  /** Sets everything apart; the series that have something, by id. */
  freeze(): StoredSeries[] {
    const frozen = this.#active.filter((series) => !series.gone);
    this.#active = [];
    for (const series of frozen) {
      series.frozen = series.head;
      series.frozenDirect = series.direct;
      series.head = series.direct = undefined;
    }
    this.#frozenSince = this.#newestSince;
    this.#newestSince = Infinity;
    this.#frozen = this.#newest;
    this.#newest = 0;
    return frozen.sort((left, right) => left.id - right.id);
  }

  /** What was set apart is in files. */
  settle(): void {
    this.#frozen = 0;
    this.#frozenSince = Infinity;
  }

  #keepDirect(series: StoredSeries, step: number, slot: number, value: number): void {
    series.direct ??= new Map();
    let points = series.direct.get(step);
    if (!points) series.direct.set(step, (points = new Map()));
    if (!points.has(slot)) this.#newest++;
    points.set(slot, { value, superseded: false });
  }
}

/** A finer point came: what was written past the roll-up at coarser steps gives way to what is rolled up. */
function supersede(series: StoredSeries, step: number, time: number): void {
  for (const direct of [series.direct, series.frozenDirect]) {
    if (!direct) continue;
    for (const [coarser, points] of direct) {
      if (coarser <= step) continue;
      const point = points.get(Math.floor(time / coarser));
      if (point) point.superseded = true;
    }
  }
}

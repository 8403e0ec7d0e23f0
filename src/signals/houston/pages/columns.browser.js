/**
 * Series of an answer as the columns that uPlot draws: one column of times for all, null where nothing is known, undefined
 * where a series of another step has no slot. Stacking, and an earlier time laid over the present. Pure.
 */
import uPlot from "uplot";

/** @typedef {{ name: string, start?: number, step?: number, times?: number[], values: (number | null)[] }} Series */
/** @typedef {{ name: string, isEarlier: boolean }} Label */
/** @typedef {{ table: uPlot.AlignedData, raw: (number | null | undefined)[][], labels: Label[], left: number }} Columns */

/** More lines than this tell nobody anything. */
const seriesMax = 40;

/** @param {Series} series @returns {number[]} */
function timesOf({ start = 0, step = 1, times, values }) {
  return values.map((_, at) => (times ? (times[at] ?? 0) : start + at * step));
}

/** An earlier time laid over the present; what has no place there, or one that is taken, is left out. @param {Series} series @param {(at: number) => number | undefined} moved @returns {[number[], (number | null)[]]} */
function laidOver(series, moved) {
  /** @type {[number[], (number | null)[]]} */
  const kept = [[], []];
  for (const [slot, time] of timesOf(series).entries()) {
    const at = moved(time);
    if (at === undefined || at <= (kept[0].at(-1) ?? -Infinity)) continue;
    kept[0].push(at);
    kept[1].push(series.values[slot] ?? null);
  }
  return kept;
}

/** @param {readonly Series[]} all */
function isAligned(all) {
  const [first] = all;
  return all.every(
    ({ start, step, times, values }) =>
      times === undefined && start === first?.start && step === first?.step && values.length === first?.values.length,
  );
}

/** Each on top of those before; where none knows anything there is nothing. @param {(number | null | undefined)[][]} columns */
function stacked(columns) {
  /** @type {number[]} */
  const sum = [];
  const known = columns[0]?.map((_, at) => columns.some((column) => typeof column[at] === "number")) ?? [];
  return columns.map((column) =>
    column.map((value, at) => {
      sum[at] = (sum[at] ?? 0) + (value ?? 0);
      return known[at] ? sum[at] : null;
    }),
  );
}

/**
 * @param {readonly Series[]} present @param {readonly Series[]} earlier @param {(at: number) => number | undefined} moved where a time of `earlier` stands
 * @param {{ isStacked: boolean, nullIsZero: boolean }} looks @returns {Columns}
 */
export function columnsOf(present, earlier, moved, looks) {
  const all = [...present, ...earlier];
  const kept = all.slice(0, seriesMax);
  const labels = kept.map(({ name }, at) => ({ name, isEarlier: at >= present.length }));
  if (kept.length === 0) return { table: [[]], raw: [], labels, left: 0 };
  /** @type {uPlot.AlignedData} */
  const joined =
    earlier.length === 0 && kept[0] && isAligned(kept)
      ? [timesOf(kept[0]), ...kept.map(({ values }) => values)]
      : uPlot.join(
          kept.map((series, at) => (at >= present.length ? laidOver(series, moved) : [timesOf(series), series.values])),
          // What is not known stays a gap, also between the slots of another series.
          kept.map(() => [1, 2]),
        );
  const [times = [], ...rest] = joined;
  const raw = rest.map((column) =>
    looks.nullIsZero ? Array.from(column, (value) => (value === null ? 0 : value)) : Array.from(column),
  );
  const drawn = looks.isStacked ? [...stacked(raw.slice(0, present.length)), ...raw.slice(present.length)] : raw;
  return { table: [times, ...drawn], raw, labels, left: all.length - kept.length };
}

/**
 * When word goes out again: the schedule that the predecessor documents. At once, then after 5 and 30 minutes, 1, 2, 4
 * and 8 hours, each counted from the word before, then every 24 hours for as long as it lasts.
 */

const minuteMs = 60_000;
const pausesMs = [5, 30, 60, 120, 240, 480, 1440].map((minutes) => minutes * minuteMs);

/** How long is waited after the word of that number (1 is the first). */
export function pauseAfterMs(toldCount: number): number {
  return pausesMs[Math.min(Math.max(toldCount, 1), pausesMs.length) - 1] ?? 0;
}

/** What has been told so far. */
export interface Telling {
  toldCount: number;
  lastToldAt?: number | undefined;
}

/** When word is due next; epoch ms, at most a pause from now. */
export function dueAt({ lastToldAt, toldCount }: Telling, at: number): number {
  if (toldCount === 0 || lastToldAt === undefined) return at;
  return Math.min(lastToldAt, at) + pauseAfterMs(toldCount);
}

/** The step of the schedule, 0 to 7, as the predecessor's metric `global_backoff` counts it. */
export function stepOf(toldCount: number): number {
  return Math.min(toldCount, pausesMs.length);
}

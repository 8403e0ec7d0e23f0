/**
 * How far a piece of work is: a bar with rate and time left where a person watches, a plain line every ten seconds
 * elsewhere. The rate is that of the last seconds, so that the time left follows what is happening now.
 */
import type { Clock } from "../clock.ts";
import { formatCount, formatSize, formatSpan } from "../pages/quantity.ts";
import type { Screen } from "./screen.ts";

/** What is shown. */
export interface ProgressOptions {
  screen: Screen;
  clock: Clock;
  /** What is being done, such as `put`. */
  label: string;
  /** How much there is to do; undefined when nobody knows. */
  total?: number | undefined;
  /** @default "bytes" */
  unit?: "bytes" | "blobs";
}

/** A piece of work that is under way. */
export interface Progress {
  /** Done so far; `beside` is shown after the numbers, such as `3 of 12 files`. */
  at(done: number, beside?: string): void;
  /** Changes how much there is to do. */
  expect(total: number | undefined): void;
  /** Removes the bar. */
  end(): void;
}

const drawEveryMs = 100;
const lineEveryMs = 10_000;
/** The rate is measured over this time. */
const windowMs = 5000;
/** Before that a rate would say more about starting than about the work. */
const settleMs = 500;
const barWidth = 24;

/** Shows a piece of work until it ends. */
export function startProgress(options: ProgressOptions): Progress {
  const { screen, clock, label } = options;
  let { total } = options;
  const amount = options.unit === "blobs" ? formatCount : formatSize;
  const startedMs = clock.monotonicMs();
  const samples: { atMs: number; done: number }[] = [{ atMs: startedMs, done: 0 }];
  let shownMs = startedMs - (screen.isLive ? drawEveryMs : 0);
  return {
    at(done, beside = "") {
      const nowMs = clock.monotonicMs();
      if (nowMs - shownMs < (screen.isLive ? drawEveryMs : lineEveryMs)) return;
      shownMs = nowMs;
      samples.push({ atMs: nowMs, done });
      while (samples.length > 2 && nowMs - (samples[1]?.atMs ?? nowMs) >= windowMs) samples.shift();
      const first = samples[0] ?? { atMs: startedMs, done: 0 };
      const spanMs = nowMs - first.atMs;
      const perSecond = spanMs >= settleMs ? ((done - first.done) * 1000) / spanMs : 0;
      const text = progressText({ label, done, total, perSecond, amount, beside, withBar: screen.isLive });
      if (screen.isLive) screen.draw(text.slice(0, Math.max(20, screen.columns - 1)));
      else screen.note(text);
    },
    expect(wanted) {
      total = wanted;
    },
    end() {
      screen.draw("");
    },
  };
}

/** One line: label, bar, amounts, rate, time left. */
export function progressText(view: {
  label: string;
  done: number;
  total: number | undefined;
  perSecond: number;
  amount: (value: number) => string;
  beside: string;
  withBar: boolean;
}): string {
  const { amount, done, label, perSecond, total } = view;
  const parts = [label];
  if (total !== undefined && total > 0) {
    const share = Math.min(1, done / total);
    const filled = Math.floor(share * barWidth);
    if (view.withBar) parts.push(`[${"#".repeat(filled)}${"-".repeat(barWidth - filled)}]`);
    parts.push(`${Math.floor(share * 100)} %`, `${amount(done)} of ${amount(total)}`);
  } else {
    parts.push(amount(done));
  }
  if (perSecond > 0) parts.push(`${amount(perSecond)}/s`);
  if (total !== undefined && perSecond > 0 && done < total) {
    parts.push(`${formatSpan(Math.ceil((total - done) / perSecond) * 1000)} left`);
  }
  if (view.beside !== "") parts.push(view.beside);
  return parts.join("  ");
}

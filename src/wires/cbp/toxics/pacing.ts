/**
 * When a chunk may go on, and in what pieces: the rules of latency, bandwidth and slicer. Times are ideal instants, not those
 * at which a timer happened to fire, so that late timers do not add up.
 */
import { below, type Random } from "../../../kit/random.ts";
import type { Attributes } from "./toxic.ts";

/** The rules of one toxic on one connection. */
export interface Pacing {
  /** The pieces of a chunk, together its bytes. */
  pieces(chunk: Uint8Array): Iterable<Uint8Array>;
  /** When a piece may go that came at `cameMs`, where the one before it may go at `lastMs`; never before either. */
  dueMs(cameMs: number, lastMs: number, sizeBytes: number): number;
  /** At least so long after one piece has really gone the next may go; 0 lets late ones catch up. */
  readonly gapMs: number;
  /** How much may wait before the sender should pause. */
  readonly limitBytes: number;
}

/** Pieces of a limited bandwidth are what passes in this time, so that bytes trickle rather than gush. */
const trickleMs = 50;
/** A limited bandwidth is felt by the sender soon. */
const smallLimitBytes = 65_536;
/** What may be under way on a long line. */
const longLimitBytes = 16 * 1024 * 1024;

/** Delays each chunk by `latency` ms, plus or minus up to `jitter` ms; order is kept. */
export function latencyPacing(attributes: Attributes, random: Random): Pacing {
  const { jitter = 0, latency = 0 } = attributes;
  return {
    pieces: (chunk) => [chunk],
    dueMs(cameMs, lastMs) {
      const delayMs = jitter > 0 ? latency - jitter + 2 * jitter * random() : latency;
      return Math.max(lastMs, cameMs + Math.max(0, delayMs));
    },
    gapMs: 0,
    limitBytes: longLimitBytes,
  };
}

/** Lets `rate` bytes through in a millisecond; a piece goes when its last byte would have arrived. */
export function bandwidthPacing(attributes: Attributes): Pacing {
  const { rate = 0 } = attributes;
  if (rate === 0) return latencyPacing({}, () => 0);
  return {
    pieces: (chunk) => slices(chunk, () => rate * trickleMs),
    dueMs: (cameMs, lastMs, sizeBytes) => Math.max(cameMs, lastMs) + sizeBytes / rate,
    gapMs: 0,
    limitBytes: Math.max(smallLimitBytes, rate * trickleMs),
  };
}

/** Cuts chunks into slices of `average_size` bytes, plus or minus `size_variation`, with `delay` µs between any two. */
export function slicerPacing(attributes: Attributes, random: Random): Pacing {
  const { average_size: size = 1, delay = 0, size_variation: variation = 0 } = attributes;
  let isFirst = true;
  return {
    pieces: (chunk) => slices(chunk, () => Math.max(1, size - variation + below(random, 2 * variation + 1))),
    dueMs(cameMs, lastMs) {
      const dueMs = isFirst ? cameMs : Math.max(cameMs, lastMs + delay / 1000);
      isFirst = false;
      return Math.max(dueMs, lastMs);
    },
    // Timers are no finer than a millisecond; with less between them slices go by the clock, several at a time.
    gapMs: delay >= 1000 ? delay / 1000 : 0,
    limitBytes: smallLimitBytes,
  };
}

function* slices(chunk: Uint8Array, next: () => number): Generator<Uint8Array> {
  let at = 0;
  while (at < chunk.length) {
    const end = Math.min(chunk.length, at + next());
    yield at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end);
    at = end;
  }
}

/**
 * How long a job will take, roughly, from what its header claims. Only the order of jobs and the time told to those who are
 * sent away depend on it, so a claim that lies harms nobody but its own place in the queue.
 */
import { targetOf } from "../../lib/resize/geometry.ts";
import type { ImageFormat, RenderJob } from "./engine.ts";
import type { Sniffed } from "./sniff.ts";

/** Pixels in a millisecond, decoding, measured on one core of 2024. */
const decodeRate: Readonly<Record<ImageFormat, number>> = {
  jpeg: 250_000,
  png: 60_000,
  gif: 60_000,
  webp: 50_000,
  avif: 30_000,
};

/** The same, encoding at the usual settings. */
const encodeRate: Readonly<Record<ImageFormat, number>> = {
  jpeg: 40_000,
  png: 10_000,
  gif: 3_000,
  webp: 12_000,
  avif: 4_000,
};

/** Where no size can be read: a photograph's. */
const usualSize = { width: 4000, height: 3000 };

/** Milliseconds for looking at `sniffed` once, or for making `job` of it. */
export function estimateMs(sniffed: Sniffed & { kind: "image" }, job?: RenderJob): number {
  const size = sniffed.width && sniffed.height ? { width: sniffed.width, height: sniffed.height } : usualSize;
  const decodeMs = (size.width * size.height) / decodeRate[sniffed.format];
  if (job === undefined) return 2 + decodeMs;
  const target = targetOf(job.spec, size, { pixelRatio: job.pixelRatio ?? 1, noEnlarge: job.noEnlarge ?? false });
  const format = job.format ?? sniffed.format;
  const slowness = format === "avif" || format === "webp" ? 1.6 ** Math.max(0, (job.effort ?? 1) - 1) : 1;
  return 2 + decodeMs + ((target.width * target.height) / encodeRate[format]) * slowness;
}

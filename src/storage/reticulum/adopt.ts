/**
 * Brings the images of a predecessor into Reticulum under the names they have there, so that every URL with a hash of 40
 * digits goes on working. Where they come from (a folder, another server) is behind {@link Found}; whatever it is, the
 * bytes are held against their SHA-1 before they are sent, and what does not fit is told and left where it is. What the
 * server has already is not sent again, so a run that was cut is simply run again. Nothing is changed at the source.
 */
import { type Clock, sleep } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { type Key, requireKey } from "../cask/client.ts";
import type { ReticulumClient } from "./client.ts";

/** An image of the predecessor that was found. */
export interface Found {
  /** 40 lower-case hex digits. */
  readonly hash: string;
  /** For people: a path or a URL. */
  readonly place: string;
  /** The extension under which it is served, small and without its dot; undefined when only `open` can tell. */
  readonly extension: string | undefined;
  /**
   * Its bytes, and the extension they have. Throws a Fault when they cannot be had; the one of kind `missing` says that
   * there is no such image.
   */
  open(signal: AbortSignal): Promise<{ bytes: Uint8Array<ArrayBuffer>; extension: string }>;
}

/** What became of the images so far. */
export interface AdoptReport {
  seen: number;
  /** The hash of the image that was looked at last; those of a folder come in order. */
  lastHash: string;
  /** Brought over; in a dry run, those that would be. */
  adopted: number;
  adoptedBytes: number;
  /** The server had them. */
  already: number;
  /** Their bytes are not those of their hash. */
  bad: number;
  /** The server does not take them: no images, damaged, or too large. */
  refused: number;
  /** They could not be read or sent. */
  failed: number;
  /** Each that was not brought over and why; the first thousand. */
  left: { place: string; reason: string }[];
  /** Whether all were looked at. */
  finished: boolean;
}

/** How to adopt. */
export interface AdoptOptions {
  clock: Clock;
  signal: AbortSignal;
  /** Images on their way at the same time. */
  parallel: number;
  /** Look and verify, and send nothing. */
  isDry: boolean;
  /** Called after each image. */
  onProgress?: (report: AdoptReport) => void;
}

/** What the predecessor stored images as, the most frequent first. */
export const predecessorExtensions = ["jpg", "png", "gif", "webp"] as const;

const leftMax = 1000;
/** Where the server is busy or away, an image is tried so often. */
const attemptsMax = 6;
const firstWaitMs = 500;

/** An extension as URLs have it: small, and `jpg` for `jpeg`. */
export function plainExtension(extension: string): string {
  const small = extension.toLowerCase();
  return small === "jpeg" ? "jpg" : small;
}

/**
 * Brings over everything that is found. Throws the Fault that makes going on pointless: no right to store, or no server
 * after all attempts. Single images that fail are in the report.
 */
export async function adopt(
  found: AsyncGenerator<Found, void>,
  client: Pick<ReticulumClient, "holds" | "put">,
  options: AdoptOptions,
): Promise<AdoptReport> {
  const report: AdoptReport = {
    seen: 0,
    lastHash: "",
    adopted: 0,
    adoptedBytes: 0,
    already: 0,
    bad: 0,
    refused: 0,
    failed: 0,
    left: [],
    finished: false,
  };
  const leave = (kind: "bad" | "refused" | "failed", place: string, reason: string) => {
    report[kind]++;
    if (report.left.length < leftMax) report.left.push({ place, reason });
  };
  const halt = new AbortController();
  const stop = AbortSignal.any([halt.signal, options.signal]);

  const one = async (image: Found): Promise<void> => {
    const key = requireKey(`sha1:${image.hash}`);
    if (await isThere(client, key, image.extension, options.clock, stop)) {
      report.already++;
      return;
    }
    let source: { bytes: Uint8Array<ArrayBuffer>; extension: string };
    try {
      source = await image.open(stop);
    } catch (thrown) {
      stop.throwIfAborted();
      return leave("failed", image.place, thrown instanceof Fault ? thrown.message : reasonOf(thrown));
    }
    const { bytes, extension } = source;
    const hash = new Bun.CryptoHasher("sha1").update(bytes).digest("hex");
    if (hash !== image.hash) return leave("bad", image.place, `its bytes hash to ${hash}`);
    if (!options.isDry) {
      try {
        await patiently(options.clock, stop, () =>
          client.put(
            { bytes, mediaType: `image/${extension === "jpg" ? "jpeg" : extension}`, algorithm: "sha1" },
            { signal: stop },
          ),
        );
      } catch (thrown) {
        if (!(thrown instanceof Fault) || !["invalid", "too-large"].includes(thrown.kind)) throw thrown;
        return leave("refused", image.place, thrown.message);
      }
    }
    report.adopted++;
    report.adoptedBytes += bytes.byteLength;
  };

  // Each worker takes the next image when it is done with one; a generator queues concurrent calls.
  const work = async (): Promise<void> => {
    while (!stop.aborted) {
      const next = await found.next();
      if (next.done) return;
      await one(next.value);
      report.seen++;
      report.lastHash = next.value.hash;
      options.onProgress?.(report);
    }
  };
  const outcomes = await Promise.allSettled(
    Array.from({ length: options.parallel }, () =>
      work().catch((thrown: unknown) => {
        halt.abort();
        throw thrown;
      }),
    ),
  );
  await found.return(undefined);
  if (!options.signal.aborted) {
    for (const outcome of outcomes) {
      // Those that ended because another had failed have nothing to add.
      if (outcome.status === "rejected" && outcome.reason !== halt.signal.reason) throw outcome.reason;
    }
  }
  report.finished = !stop.aborted;
  return report;
}

/** Whether the server serves the image under that extension; under any, where none is known. */
async function isThere(
  client: Pick<ReticulumClient, "holds">,
  key: Key,
  extension: string | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  for (const one of extension === undefined ? predecessorExtensions : [extension]) {
    if (await patiently(clock, signal, () => client.holds(key, one, { signal }))) return true;
  }
  return false;
}

/** Tries again while the server is busy or away, waiting as long as it says, otherwise longer each time. */
async function patiently<T>(clock: Clock, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  for (let waitMs = firstWaitMs, count = 1; ; waitMs *= 2, count++) {
    try {
      return await attempt();
    } catch (thrown) {
      signal.throwIfAborted();
      const isPassing = thrown instanceof Fault && ["unavailable", "timeout", "limited"].includes(thrown.kind);
      if (!isPassing || count >= attemptsMax) throw thrown;
      await sleep(clock, Math.max(waitMs, thrown.retryAfterMs ?? 0), signal);
    }
  }
}

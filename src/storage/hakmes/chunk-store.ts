/**
 * The port to where chunks and manifests lie: blobs under their hash. Narrower than a client of Cask, so that the rules can
 * be tested over memory and over faults. What comes out whole has been hashed.
 */
import { type Clock, sleep } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import type { Algorithm, Key } from "../cask/client.ts";

/** Blobs by key. Failures are Faults; a blob that is not there is one of kind `missing`. */
export interface ChunkStore {
  /**
   * Stores bytes under their hash; durable when it resolves. They must not change before that, and may afterwards.
   * @returns their key, and whether the blob was not there before, as far as was seen
   */
  put(algorithm: Algorithm, bytes: Uint8Array, signal?: AbortSignal): Promise<{ key: Key; isNew: boolean }>;
  /** A whole blob, its bytes hashed to its key. Throws `hakmes/chunk-size` when it is longer than `maxBytes`. */
  get(key: Key, maxBytes: number, signal?: AbortSignal): Promise<Uint8Array>;
  /** A whole blob as it comes, not verified. To be read to its end, or returned. */
  stream(key: Key, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, void>;
  /** The size of a blob; undefined when nobody who could be asked has it. */
  find(key: Key, signal?: AbortSignal): Promise<{ sizeBytes: number } | undefined>;
}

/** Pauses between attempts at one blob, ms. A cluster needs some seconds to see that a node has gone. */
export const patientPausesMs: readonly number[] = [100, 500, 2000];

/**
 * Tries until it works, as often as there are pauses and once more; throws the last failure. Only what may be otherwise
 * next time is tried again: not what was refused, and not a bug.
 */
export async function patiently<T>(
  clock: Clock,
  pausesMs: readonly number[],
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  for (const pauseMs of pausesMs) {
    try {
      return await attempt();
    } catch (thrown) {
      if (!mayPass(thrown)) throw thrown;
    }
    await sleep(clock, pauseMs, signal);
    signal?.throwIfAborted();
  }
  return attempt();
}

/** Whether a failure may be gone at the next attempt. A manifest that was read and is wrong stays so. */
export function mayPass(thrown: unknown): boolean {
  return thrown instanceof Fault && passing.has(thrown.kind) && thrown.code !== "hakmes/damaged-manifest";
}

/** Kinds of failure that may pass. A blob that is missing may be on a node that is just coming back. */
const passing: ReadonlySet<string> = new Set(["unavailable", "timeout", "missing", "internal", "limited"]);

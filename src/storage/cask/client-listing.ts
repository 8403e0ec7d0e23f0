/**
 * The list of the keys of one bucket, gathered from as many answers as it takes. Each answer is hostile until checked:
 * keys that are none, lie elsewhere or do not rise are nonsense, and so is an answer that leads nowhere.
 */
import type { z } from "zod";

import { Fault } from "../../kit/fault.ts";
import type { keysShape } from "./client-answers.ts";
import { bucketCount, bucketOf, parseKey, type SizedKey } from "./key.ts";

/** What the nodes of a cluster hold in one bucket. */
export interface BucketListing {
  bucket: number;
  /** Sorted by key, each once. What a node says that it holds; only reading it tells whether the bytes are good. */
  keys: SizedKey[];
  /** False when a node that is known to exist was not heard: there may be more keys, which only it holds. */
  complete: boolean;
  /** Ids of the nodes that were not heard, sorted. One that was not met since the asked node started has none here. */
  unasked: string[];
}

/** Gathers the list of a bucket. `ask` gets a path below Cask's own. Throws RangeError, `cask/nonsense`, what `ask` throws. */
export async function bucketListing(
  bucket: number,
  ask: (path: string) => Promise<z.infer<typeof keysShape>>,
): Promise<BucketListing> {
  if (!Number.isInteger(bucket) || bucket < 0 || bucket >= bucketCount)
    throw new RangeError(`Cannot list bucket ${bucket}: wanted a whole number from 0 to ${bucketCount - 1}`);
  const keys: SizedKey[] = [];
  const unasked = new Set<string>();
  let complete = true;
  let last = "";
  while (true) {
    const answer = await ask(`/keys/?bucket=${bucket}${last === "" ? "" : `&after=${last}`}`);
    for (const [text, sizeBytes] of answer.keys) {
      const key = parseKey(text);
      if (key === undefined || bucketOf(key) !== bucket || key <= last) throw nonsense(bucket, text);
      keys.push({ key, sizeBytes });
      last = key;
    }
    complete &&= answer.complete;
    for (const id of answer.unasked) unasked.add(id);
    if (answer.next === undefined) return { bucket, keys, complete, unasked: [...unasked].sort() };
    if (answer.next !== last || answer.keys.length === 0) throw nonsense(bucket, answer.next);
  }
}

function nonsense(bucket: number, text: string): Fault {
  return new Fault(
    "unavailable",
    "cask/nonsense",
    `The answer is not one of Cask: "${text.slice(0, 100)}" has no place in the list of bucket ${bucket}`,
  );
}

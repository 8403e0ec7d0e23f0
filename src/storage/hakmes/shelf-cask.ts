/**
 * The blobs of Cask, by its client, for the search for manifests. A Cask that has no listing is told from one that cannot
 * list now: the former answers that there is no such page, or shows a page for people.
 */
import { Fault } from "../../kit/fault.ts";
import type { CaskClient } from "../cask/client.ts";
import { rootBytesMax } from "./peers-entry.ts";
import type { Shelf } from "./shelf.ts";

/** What is known of Cask beside what its client says. */
export interface CaskShelfOptions {
  /** Nodes that are known to exist and were not met. Absent for a Cask elsewhere, of which this is not known. */
  unmet?(): number;
}

/** A Shelf over a client of Cask. */
export function caskShelf(client: Pick<CaskClient, "keys" | "get" | "status">, options: CaskShelfOptions = {}): Shelf {
  /** Whether fewer nodes were silent than have every acknowledged blob. */
  const isAnyHeard = async (silent: number, signal: AbortSignal): Promise<boolean> => {
    if (silent === 0 || options.unmet === undefined || options.unmet() > 0) return false;
    const { copies } = await client.status({ signal });
    return silent < copies.quorum;
  };
  return {
    async keys(bucket, signal) {
      try {
        const listing = await client.keys(bucket, { signal });
        return {
          keys: listing.keys.map(({ key, sizeBytes }) => [key, sizeBytes] as const),
          isComplete: listing.complete || (await isAnyHeard(listing.unasked.length, signal)),
        };
      } catch (thrown) {
        if (thrown instanceof Fault && thrown.kind === "missing") return undefined;
        if (thrown instanceof Fault && thrown.code === "cask/nonsense" && (await isOriginal(client, signal)))
          return undefined;
        throw thrown;
      }
    },
    async read(key, firstBytes, signal) {
      try {
        const reading = await client.get(key, {
          signal,
          ...(firstBytes === undefined ? {} : { range: { start: 0, end: firstBytes } }),
        });
        const bytes = new Uint8Array(Math.min(firstBytes ?? rootBytesMax, reading.sizeBytes));
        let at = 0;
        for await (const piece of reading.bytes) {
          // Longer than it was listed: nothing that is looked for.
          if (at + piece.byteLength > bytes.byteLength) return undefined;
          bytes.set(piece, at);
          at += piece.byteLength;
        }
        return bytes.subarray(0, at);
      } catch (thrown) {
        if (thrown instanceof Fault && thrown.kind === "missing") return undefined;
        throw thrown;
      }
    },
  };
}

/** An original answers every path that it does not know with its page. */
async function isOriginal(client: Pick<CaskClient, "status">, signal: AbortSignal): Promise<boolean> {
  try {
    await client.status({ signal });
    return false;
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === "cask/nonsense") return true;
    throw thrown;
  }
}

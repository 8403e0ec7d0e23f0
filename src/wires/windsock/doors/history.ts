/**
 * The newest publications as one answer holds them: what somebody may ask for in a line is bounded in bytes, not only in
 * number, or those who ask and do not read would fill the memory.
 */
import type { Hub } from "../hub.ts";
import type { Interest, Publication } from "../publication.ts";

/** What is told of the past. */
export interface History {
  /** Oldest first. */
  publications: readonly Publication[];
  /** There are older ones that were asked for and found no room. */
  more?: true;
}

/** The newest of interest, at most `limit` and about `maxBytes`; one at least where there is one. */
export async function historyOf(
  hub: Pick<Hub, "history">,
  interest: Interest,
  limit: number,
  maxBytes: number,
): Promise<History> {
  const publications = await hub.history(interest, limit);
  let bytes = 0;
  const cut = publications.findLastIndex(
    ({ address, content }) => (bytes += address.length + content.length) > maxBytes,
  );
  if (cut < 0) return { publications };
  return { publications: publications.slice(Math.min(cut + 1, publications.length - 1)), more: true };
}

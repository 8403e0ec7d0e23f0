/**
 * A consistent-hash ring: which nodes, in which order, are responsible for a digest.
 *
 * Every node stands at 16 points. Point i (0 to 15) of a node is the lower-case hex SHA-1 of its id directly followed by
 * the decimal i. All points are sorted as text; the walk for a digest starts at the first point strictly greater than
 * the digest (at the lowest point when there is none) and goes once round, naming each node where it first appears.
 * This is the ring of the original Cask, to the bit, so that both can share a cluster. Digests of other hashes walk the
 * same ring: text comparison only needs lower-case hex of at least 40 digits.
 *
 * A Ring never changes; a change of members makes a new one.
 */

/** Points of each node on the ring. */
export const pointsPerNode = 16;

const points = new Map<string, readonly string[]>();

/** The 16 points of a node in order of i, each 40 hex digits. */
export function pointsOf(nodeId: string): readonly string[] {
  const known = points.get(nodeId);
  if (known) return known;
  const made = Array.from({ length: pointsPerNode }, (_, index) =>
    new Bun.CryptoHasher("sha1").update(`${nodeId}${index}`).digest("hex"),
  );
  // Membership is small and ids are few; the bound only guards against a flood of invented ids.
  if (points.size >= 4096) points.clear();
  points.set(nodeId, made);
  return made;
}

/** An unchanging ring over a set of node ids. */
export class Ring {
  /** The ids on the ring, sorted. */
  readonly nodeIds: readonly string[];
  readonly #points: readonly string[];
  readonly #owners: readonly string[];
  /** The order from each point, computed when first walked. */
  readonly #orders: (readonly string[] | undefined)[];

  constructor(nodeIds: Iterable<string>) {
    this.nodeIds = [...new Set(nodeIds)].sort();
    const placed = this.nodeIds.flatMap((nodeId) => pointsOf(nodeId).map((point) => ({ point, nodeId })));
    placed.sort((left, right) => (left.point < right.point ? -1 : left.point > right.point ? 1 : 0));
    this.#points = placed.map(({ point }) => point);
    this.#owners = placed.map(({ nodeId }) => nodeId);
    this.#orders = Array.from({ length: placed.length });
  }

  /**
   * All nodes in the order of their responsibility for a digest (lower-case hex, at least 40 digits), each once.
   * Empty when the ring is. The list belongs to the ring: do not change it.
   */
  order(digest: string): readonly string[] {
    const size = this.#points.length;
    if (size === 0) return [];
    let low = 0;
    let high = size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#points[middle] as string) > digest) high = middle;
      else low = middle + 1;
    }
    const start = low === size ? 0 : low;
    return (this.#orders[start] ??= this.#walk(start));
  }

  /** The share of the digest space for which a node comes first, for each node; they add up to 1. */
  shares(): Map<string, number> {
    const shares = new Map(this.nodeIds.map((nodeId) => [nodeId, 0]));
    const position = (point: string) => Number.parseInt(point.slice(0, 13), 16) / 16 ** 13;
    this.#points.forEach((point, index) => {
      const previous =
        index === 0 ? position(this.#points.at(-1) as string) - 1 : position(this.#points[index - 1] as string);
      const owner = this.#owners[index] as string;
      shares.set(owner, (shares.get(owner) as number) + position(point) - previous);
    });
    return shares;
  }

  #walk(start: number): readonly string[] {
    const seen = new Set<string>();
    for (let step = 0; step < this.#owners.length && seen.size < this.nodeIds.length; step++) {
      seen.add(this.#owners[(start + step) % this.#owners.length] as string);
    }
    return [...seen];
  }
}

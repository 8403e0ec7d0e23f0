/**
 * Which of several statsds a metric belongs to, as Etsy's cluster proxy decides it, point for point: every node stands at
 * the first four bytes, little-endian, of the MD5 of `host:port-i` for i from 0 to about 40; a metric belongs to the first
 * point that is not below its own, which is the same of the MD5 of its name. (The ring of the package `hashring`, in the
 * proxy's settings.) It is not lib/ring's, which is Cask's.
 *
 * A ring never changes; a change of nodes makes a new one.
 */

const pointsWanted = 40;

/** An unchanging ring over nodes, each `host:port`. */
export class NodeRing {
  readonly nodes: readonly string[];
  readonly #points: Uint32Array;
  /** Positions in {@link nodes}, point by point. */
  readonly #owners: Uint32Array;

  constructor(nodes: readonly string[]) {
    this.nodes = nodes;
    // The original's sum of shares, whose rounding may lose a point.
    const each = nodes.length === 0 ? 0 : Math.floor((1 / nodes.length) * pointsWanted * nodes.length);
    const placed = nodes.flatMap((node, owner) =>
      Array.from({ length: each }, (_, number) => ({ point: pointOf(`${node}-${number}`), owner })),
    );
    placed.sort((left, right) => left.point - right.point);
    this.#points = Uint32Array.from(placed, ({ point }) => point);
    this.#owners = Uint32Array.from(placed, ({ owner }) => owner);
  }

  /** The position in {@link nodes} of the node that has a name; undefined when there are none. */
  ownerOf(name: string | Uint8Array): number | undefined {
    const wanted = pointOf(name);
    let low = 0;
    let high = this.#points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#points[middle] as number) >= wanted) high = middle;
      else low = middle + 1;
    }
    return this.#owners[low] ?? this.#owners[0];
  }
}

function pointOf(text: string | Uint8Array): number {
  return new Bun.CryptoHasher("md5").update(text).digest().readUInt32LE(0);
}

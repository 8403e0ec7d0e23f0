/**
 * The places for connections that others open: so many in all, and so many from one address. Where all are taken, a
 * newcomer gets that of a connection whose handshake is not done, so that nobody keeps others out by opening connections
 * and saying nothing; those whose handshake is done keep theirs.
 */
import { ZmtpError } from "./protocol-error.ts";

/** Whoever has a place. */
interface Guest {
  /** Ends the connection; its place is left before this returns. */
  fail(error: Error): void;
}

/** What an address has. */
interface Row<Peer> {
  taken: number;
  /** Those whose handshake is not done, oldest first. */
  readonly greeting: Set<Peer>;
}

/** See the file's head. */
export class Places<Peer extends Guest> {
  readonly #most: number;
  readonly #rows = new Map<string, Row<Peer>>();
  #taken = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Makes room for one more from an address, which may have so many (0 is no limit); or gives the reason why there is none. */
  makeRoom(address: string, mostOfOne: number): ZmtpError | undefined {
    const row = this.#rows.get(address);
    if (row && mostOfOne > 0 && row.taken >= mostOfOne && !dropOldest(row)) {
      return new ZmtpError(`More than ${mostOfOne} peers of one address`);
    }
    if (this.#taken < this.#most) return undefined;
    // Of the address that has most of them.
    let [crowd] = this.#rows.values();
    for (const each of this.#rows.values()) if (each.greeting.size > (crowd?.greeting.size ?? 0)) crowd = each;
    if (crowd && dropOldest(crowd)) return undefined;
    return new ZmtpError(`More than ${this.#most} peers`);
  }

  /** A newcomer takes a place. */
  enter(address: string, peer: Peer): void {
    let row = this.#rows.get(address);
    if (!row) this.#rows.set(address, (row = { taken: 0, greeting: new Set() }));
    row.greeting.add(peer);
    row.taken++;
    this.#taken++;
  }

  /** The handshake of a peer is done; nothing for one that has no place here. */
  greeted(address: string, peer: Peer): void {
    this.#rows.get(address)?.greeting.delete(peer);
  }

  /** A peer that took a place is gone. */
  leave(address: string, peer: Peer): void {
    const row = this.#rows.get(address);
    if (!row) return;
    row.greeting.delete(peer);
    this.#taken--;
    if (--row.taken === 0) this.#rows.delete(address);
  }
}

/** Whether there was one to drop. */
function dropOldest({ greeting }: Row<Guest>): boolean {
  const [oldest] = greeting;
  oldest?.fail(new ZmtpError("Others wanted the place that it took without a handshake"));
  return oldest !== undefined;
}

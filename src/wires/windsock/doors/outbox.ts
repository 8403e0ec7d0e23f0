/**
 * What waits for one client, whatever takes it there: in order, bounded, and never in anyone else's way. What a client
 * asked for itself (replies, and what it missed) is bounded by how much it may ask for; what merely happens is bounded by
 * bytes, and a client that lets more wait is ended, so that it comes back with its position and misses nothing unseen.
 */

/** One thing to send. */
export interface Parcel {
  /** Made when it is sent, so that what waits costs no copy. */
  text(): string;
  sizeBytes: number;
  /** Asked for: does not count against the bound. */
  isAsked: boolean;
}

/** Whoever takes from it. One object rather than closures, for there are many. */
export interface OutboxOwner {
  /** There is something to take. */
  stirred(): void;
  /** Called once when too much waits; nothing is taken then. */
  overflowed(): void;
}

/** See the file's head. */
export class Outbox {
  readonly #maxBytes: number;
  readonly #owner: OutboxOwner;
  #parcels: Parcel[] = [];
  #at = 0;
  #bytes = 0;
  #askedBytes = 0;
  #isOver = false;

  constructor(maxBytes: number, owner: OutboxOwner) {
    this.#maxBytes = maxBytes;
    this.#owner = owner;
  }

  /** Bytes that wait because they were asked for. */
  get askedBytes(): number {
    return this.#askedBytes;
  }

  /** Bytes that wait and count. */
  get waitingBytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#at === this.#parcels.length;
  }

  /** Adds one. */
  put(parcel: Parcel): void {
    if (this.#isOver) return;
    if (parcel.isAsked) this.#askedBytes += parcel.sizeBytes;
    else {
      this.#bytes += parcel.sizeBytes;
      if (this.#bytes > this.#maxBytes) {
        this.end();
        this.#owner.overflowed();
        return;
      }
    }
    this.#parcels.push(parcel);
    if (this.#parcels.length - this.#at === 1) this.#owner.stirred();
  }

  /** Takes the next ones, up to about so many bytes, as lines of one text; undefined when there is nothing. */
  take(aboutBytes: number, separator = "\n"): string | undefined {
    if (this.isEmpty) return undefined;
    let text = "";
    let sizeBytes = 0;
    while (this.#at < this.#parcels.length && sizeBytes < aboutBytes) {
      const parcel = this.#parcels[this.#at++];
      if (!parcel) break;
      text += text === "" ? parcel.text() : `${separator}${parcel.text()}`;
      sizeBytes += parcel.sizeBytes;
      if (parcel.isAsked) this.#askedBytes -= parcel.sizeBytes;
      else this.#bytes -= parcel.sizeBytes;
    }
    if (this.#at === this.#parcels.length || this.#at > 1024) {
      this.#parcels = this.#at === this.#parcels.length ? [] : this.#parcels.slice(this.#at);
      this.#at = 0;
    }
    return text;
  }

  /** Takes nothing more, and forgets what waits. */
  end(): void {
    this.#isOver = true;
    this.#parcels = [];
    this.#at = 0;
    this.#bytes = 0;
    this.#askedBytes = 0;
  }
}

/**
 * What one reading has fetched and not yet given out, in the room that all readings share. It waits for room only while it
 * holds none, so that every reading gets its turn, and fetches ahead only into room that nobody waits for. When its client
 * stalls and another waits, everything is given back: what was not given out is fetched and verified again when the client
 * moves on.
 */
import type { Clock } from "../../kit/clock.ts";
import { letGo } from "../../kit/let-go.ts";
import type { PlacedChunk } from "./manifest-tree.ts";
import type { Holder, Room } from "./room.ts";

/** What of a chunk is wanted, and how it is had. */
export interface Wanted {
  readonly chunk: PlacedChunk;
  /** The half-open span of the chunk's bytes that is to be given out. */
  readonly from: number;
  readonly until: number;
  /** "whole": all of it is held. "span": only what is wanted is. "stream": nothing is, its reader has it come by itself. */
  readonly way: "whole" | "span" | "stream";
}

/** What a {@link ReadAhead} needs. */
export interface ReadAheadParts {
  readonly room: Room;
  readonly clock: Clock;
  /** Chunks on their way at once. */
  readonly parallel: number;
  /** Bytes held at once, at most; one chunk may be longer. */
  readonly readAheadBytes: number;
  /** The chunks in order. */
  readonly wanted: AsyncGenerator<Wanted, void, void>;
  /** The bytes that are held of a chunk, verified. Ends when its signal aborts. */
  readonly fetch: (wanted: Wanted, signal: AbortSignal) => Promise<Uint8Array>;
  /** Ends waiting; {@link ReadAhead.end} ends the rest. */
  readonly signal: AbortSignal;
}

/** What is fetched, or on its way. */
export interface Fetched {
  readonly wanted: Wanted;
  /** Absent for what comes as a stream. */
  readonly bytes: Promise<Uint8Array> | undefined;
}

interface Held extends Fetched {
  readonly takenBytes: number;
}

/** The chunks ahead of one reader. Calls do not overlap. */
export class ReadAhead implements Holder {
  readonly #parts: ReadAheadParts;
  readonly #leave: () => void;
  #held: Held[] = [];
  #heldBytes = 0;
  /** What comes next and is not held. */
  #next: Wanted[] = [];
  #silentSinceMs: number | undefined;
  /** Ends what is on its way. */
  #abort = new AbortController();

  constructor(parts: ReadAheadParts) {
    this.#parts = parts;
    this.#leave = parts.room.join(this);
  }

  /** What is to be given out now; undefined at the end. Waits for room, and throws the signal's reason. */
  async first(): Promise<Fetched | undefined> {
    await this.#fill();
    return this.#held[0];
  }

  /** What {@link first} gave has been given out. Its bytes are gone. */
  shift(given: Fetched): void {
    const [first] = this.#held;
    if (first === given) {
      this.#held.shift();
      this.#letGo(first);
    } else if (this.#next[0] === given.wanted) {
      // It was given back meanwhile.
      this.#next.shift();
    }
  }

  /** The client has got something and did not ask for more yet. */
  rest(): void {
    this.#silentSinceMs = this.#parts.clock.monotonicMs();
  }

  /** It asks for more. */
  goOn(): void {
    this.#silentSinceMs = undefined;
  }

  silentSince(): number | undefined {
    return this.#heldBytes === 0 ? undefined : this.#silentSinceMs;
  }

  giveWay(): void {
    this.#dropAll(undefined);
  }

  /** Lets go of everything, at once; what is on its way ends with this reason. */
  end(reason?: unknown): void {
    this.#dropAll(reason);
    this.#leave();
  }

  async #fill(): Promise<void> {
    const { parallel, readAheadBytes, room, signal } = this.#parts;
    while (this.#held.length < parallel) {
      signal.throwIfAborted();
      const next = this.#next[0] ?? (await this.#more());
      if (next === undefined) return;
      signal.throwIfAborted();
      const sizeBytes = heldOf(next);
      const last = this.#held.at(-1);
      if (last === undefined) {
        await room.enter(sizeBytes, signal);
      } else {
        // A long chunk begins when its turn has come, and nothing is fetched past it.
        if (next.way !== "whole" || last.wanted.way !== "whole") return;
        if (this.#heldBytes + sizeBytes > readAheadBytes || !room.take(sizeBytes)) return;
      }
      this.#next.shift();
      this.#fetch(next, sizeBytes);
    }
  }

  async #more(): Promise<Wanted | undefined> {
    const next = await this.#parts.wanted.next();
    if (next.done) return undefined;
    this.#next.push(next.value);
    return next.value;
  }

  #fetch(wanted: Wanted, takenBytes: number): void {
    const bytes = wanted.way === "stream" ? undefined : this.#parts.fetch(wanted, this.#abort.signal);
    // Whoever waits for it hears of its failure; until then nobody does.
    bytes?.catch(() => undefined);
    this.#held.push({ wanted, bytes, takenBytes });
    this.#heldBytes += takenBytes;
  }

  #dropAll(reason: unknown): void {
    const held = this.#held;
    this.#held = [];
    this.#next.unshift(...held.map(({ wanted }) => wanted));
    this.#abort.abort(reason);
    this.#abort = new AbortController();
    for (const one of held) this.#letGo(one);
  }

  #letGo({ bytes, takenBytes }: Held): void {
    bytes?.then(letGo, () => undefined);
    this.#heldBytes -= takenBytes;
    this.#parts.room.give(takenBytes);
  }
}

function heldOf({ chunk, from, until, way }: Wanted): number {
  if (way === "stream") return 0;
  return way === "whole" ? chunk.sizeBytes : until - from;
}

/**
 * How nodes come to know of the same revocations. What is called back at one is told to all at once; whoever was away, or
 * missed it, sees by the count in the next beat that it did, and asks for the whole list. Lists only grow together, so
 * what is told twice, or late, does no harm; and what a node learns it tells on, so that two nodes that cannot reach each
 * other learn from a third. Each node keeps its own list, on its own disk.
 */
import type { Clock } from "../../../kit/clock.ts";
import type { NodeMessage, RevokedEntry } from "./node-message.ts";

/** The list of a node. */
export interface RevocationList {
  /** All that are in force. */
  inForce(): RevokedEntry[];
  /** Takes what another node tells; gives those that were new. */
  learn(entries: readonly RevokedEntry[]): RevokedEntry[];
  /** Tells of each that is called back at this node, until the function is called. */
  onRevoke(tell: (entry: RevokedEntry) => void): () => void;
}

/** What it stands on. */
export interface SharingParts {
  list: RevocationList;
  clock: Clock;
  /** Who says it. */
  self: { from: string; run: string };
  askAgainMs: number;
  send(to: string | undefined, message: NodeMessage): void;
}

/** What is known of another node's list. */
interface Other {
  run: string;
  /** The count up to which all of it is known; -1 before any of it is. */
  known: number;
  askedAtMs: number;
  /** Parts of the whole that is on its way. */
  parts: { revoked: number; heard: Set<number> };
}

const mostOthers = 1000;
const perMessage = 100;

/** See the file's head. */
export class SharedRevocations {
  readonly #parts: SharingParts;
  readonly #others = new Map<string, Other>();
  readonly #stop: () => void;
  /** What is to be told to all. */
  #fresh: RevokedEntry[] = [];
  #cancelTell: (() => void) | undefined;
  #count: number;

  constructor(parts: SharingParts) {
    this.#parts = parts;
    // Of an empty list there is nothing to ask for.
    this.#count = parts.list.inForce().length > 0 ? 1 : 0;
    this.#stop = parts.list.onRevoke((entry) => this.#tellAll([entry]));
  }

  /** Changes with every change of the list. */
  get count(): number {
    return this.#count;
  }

  /** Tells what is still to be told, and ends. */
  stop(): void {
    this.#stop();
    this.#sendFresh();
  }

  /** Another node says how its list stands. */
  hearCount(from: string, run: string, count: number): void {
    const other = this.#other(from, run);
    if (count === 0) other.known = 0;
    if (count === other.known) return;
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - other.askedAtMs < this.#parts.askAgainMs) return;
    other.askedAtMs = nowMs;
    this.#parts.send(from, { kind: "which", ...this.#parts.self, of: from });
  }

  /** Takes what another node tells of its list. */
  hear({ entries, from, isWhole, part, parts, revoked, run }: NodeMessage & { kind: "revoked" }): void {
    const other = this.#other(from, run);
    const learned = this.#parts.list.learn(entries);
    if (learned.length > 0) this.#tellAll(learned);
    if (!isWhole) {
      if (revoked === other.known + 1) other.known = revoked;
      return;
    }
    if (other.parts.revoked !== revoked) other.parts = { revoked, heard: new Set() };
    other.parts.heard.add(part);
    if (other.parts.heard.size >= parts) other.known = Math.max(other.known, revoked);
  }

  /** Tells the whole list. */
  answer(to: string): void {
    const all = this.#parts.list.inForce();
    const parts = Math.max(1, Math.ceil(all.length / perMessage));
    for (let part = 0; part < parts; part++) {
      const entries = all.slice(part * perMessage, (part + 1) * perMessage);
      this.#send(to, entries, { isWhole: true, part, parts });
    }
  }

  #tellAll(entries: readonly RevokedEntry[]): void {
    this.#fresh.push(...entries);
    // What is called back in one go is told together.
    this.#cancelTell ??= this.#parts.clock.schedule(0, () => this.#sendFresh());
  }

  #sendFresh(): void {
    this.#cancelTell?.();
    this.#cancelTell = undefined;
    while (this.#fresh.length > 0) {
      this.#count++;
      this.#send(undefined, this.#fresh.splice(0, perMessage), { isWhole: false, part: 0, parts: 1 });
    }
  }

  #send(
    to: string | undefined,
    entries: RevokedEntry[],
    place: { isWhole: boolean; part: number; parts: number },
  ): void {
    this.#parts.send(to, { kind: "revoked", ...this.#parts.self, revoked: this.#count, ...place, entries });
  }

  #other(id: string, run: string): Other {
    const held = this.#others.get(id);
    if (held?.run === run) return held;
    const other: Other = {
      run,
      known: -1,
      askedAtMs: Number.NEGATIVE_INFINITY,
      parts: { revoked: -1, heard: new Set() },
    };
    this.#others.delete(id);
    this.#others.set(id, other);
    for (const oldest of this.#others.keys()) {
      if (this.#others.size <= mostOthers) break;
      this.#others.delete(oldest);
    }
    return other;
  }
}

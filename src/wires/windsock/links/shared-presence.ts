/**
 * How nodes come to know who is present at each: every change is told to all with its number; whoever misses one, or is
 * new, sees it by the count in the next beat and asks for all who are present, which comes in parts, at the pace that the
 * way to it takes. Changes that come meanwhile wait for the whole that they follow.
 */
import type { Clock } from "../../../kit/clock.ts";
import type { Presence } from "../hub.ts";
import type { OrderedHub } from "../hub-ordered.ts";
import type { NodeMessage, PresentEntry } from "./node-message.ts";

/** What it stands on. */
export interface SharedPresenceParts {
  hub: Pick<OrderedHub, "enterElsewhere">;
  clock: Clock;
  /** Who says it. */
  self: { from: string; run: string };
  askAgainMs: number;
  /** A node that takes nothing for so long is told nothing more until it asks again. */
  patienceMs: number;
  /** False when it is known that it did not leave. */
  send(to: string | undefined, message: NodeMessage): boolean;
}

/** What is known of another node's people. */
interface Other {
  /** The number of the newest change that was done; -1 before all are known. */
  count: number;
  askedAtMs: number;
  people: Map<string, () => void>;
  /** Parts of a whole that is on its way. */
  parts: { count: number; heard: Map<number, readonly PresentEntry[]> };
  /** Changes by their numbers that come before the whole which they follow. */
  later: Map<number, { isThere: boolean; entry: PresentEntry }>;
}

/** All who are present, on their way to a node that asked. */
interface Telling {
  count: number;
  parts: readonly PresentEntry[][];
  next: number;
  /** When there was last room for a part. */
  movedAtMs: number;
  cancel: () => void;
}

const peoplePerPart = 500;
/** About; a message must stay below what NATS takes. */
const charactersPerPart = 128 * 1024;
/** Of one node; who comes beyond is not seen elsewhere. */
const mostPeople = 500_000;
/** Changes that wait for a whole. */
const mostLater = 20_000;
/** Where there is no room for a part, it is tried again after this long. */
const roomMs = 20;

/** See the file's head. */
export class SharedPresence {
  readonly #parts: SharedPresenceParts;
  readonly #here = new Map<string, PresentEntry>();
  readonly #others = new Map<string, Other>();
  readonly #tellings = new Map<string, Telling>();
  #count = 0;

  constructor(parts: SharedPresenceParts) {
    this.#parts = parts;
  }

  /** Changes of this node's people so far. */
  get count(): number {
    return this.#count;
  }

  /** Somebody came to this node, or left it. */
  changed(address: string, who: Presence, isThere: boolean): void {
    const entry: PresentEntry = [address, who.connection, who.user, who.info ?? null];
    if (isThere) this.#here.set(keyOf(entry), entry);
    else this.#here.delete(keyOf(entry));
    this.#count++;
    this.#parts.send(undefined, { kind: "change", ...this.#parts.self, presence: this.#count, isThere, entry });
  }

  /** Another node says how many changes there were. */
  hearCount(from: string, count: number): void {
    if (count !== this.#other(from).count) this.#ask(from);
  }

  /** Takes a change. */
  hearChange({ entry, from, isThere, presence: count }: NodeMessage & { kind: "change" }): void {
    const other = this.#other(from);
    if (count <= other.count) return;
    if (other.later.size >= mostLater) other.later.clear();
    other.later.set(count, { isThere, entry });
    this.#follow(other);
    if (count > other.count) this.#ask(from);
  }

  /** Takes a part of all. */
  hearPart({ entries, from, part, parts, presence: count }: NodeMessage & { kind: "here" }): void {
    const other = this.#other(from);
    if (count < other.count) return;
    // The rest of it is on its way.
    other.askedAtMs = this.#parts.clock.monotonicMs();
    if (other.parts.count !== count) other.parts = { count, heard: new Map() };
    other.parts.heard.set(part, entries);
    if (other.parts.heard.size < parts) return;
    const all = [...other.parts.heard.values()].flat();
    const keys = new Set(all.map(keyOf));
    for (const key of other.people.keys()) if (!keys.has(key)) leave(other, key);
    for (const entry of all) if (!other.people.has(keyOf(entry))) this.#enter(other, entry);
    other.count = count;
    other.parts = { count: -1, heard: new Map() };
    this.#follow(other);
  }

  /** Tells all who are present here. */
  answer(to: string): void {
    // Of what is on its way the rest follows.
    if (this.#tellings.has(to)) return;
    const telling: Telling = {
      count: this.#count,
      parts: partsOf(this.#here.values()),
      next: 0,
      movedAtMs: this.#parts.clock.monotonicMs(),
      cancel: () => undefined,
    };
    this.#tellings.set(to, telling);
    this.#tellOn(to, telling);
  }

  /** Nobody of a node is present any more; when it is there again it is asked for all. */
  empty(from: string): void {
    const other = this.#others.get(from);
    if (!other) return;
    for (const end of other.people.values()) end();
    this.#others.delete(from);
  }

  /** Nobody of other nodes is present any more, and nothing more is told. */
  stop(): void {
    for (const from of this.#others.keys()) this.empty(from);
    for (const { cancel } of this.#tellings.values()) cancel();
    this.#tellings.clear();
  }

  /** As many parts as there is room for; thousands may be present, and one way holds only so much. */
  #tellOn(to: string, telling: Telling): void {
    const { clock, patienceMs, self, send } = this.#parts;
    const { count: presence, parts } = telling;
    const nowMs = clock.monotonicMs();
    for (let entries = parts[telling.next]; entries; entries = parts[telling.next]) {
      if (!send(to, { kind: "here", ...self, presence, part: telling.next, parts: parts.length, entries })) break;
      telling.next++;
      telling.movedAtMs = nowMs;
    }
    if (telling.next >= parts.length || nowMs - telling.movedAtMs > patienceMs) this.#tellings.delete(to);
    else telling.cancel = clock.schedule(roomMs, () => this.#tellOn(to, telling));
  }

  /** Does what follows the newest change that was done. */
  #follow(other: Other): void {
    for (let change = other.later.get(other.count + 1); change; change = other.later.get(other.count + 1)) {
      other.later.delete(++other.count);
      if (change.isThere) this.#enter(other, change.entry);
      else leave(other, keyOf(change.entry));
    }
    for (const number of other.later.keys()) {
      if (number > other.count) break;
      other.later.delete(number);
    }
  }

  #ask(of: string): void {
    const other = this.#other(of);
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - other.askedAtMs < this.#parts.askAgainMs) return;
    other.askedAtMs = nowMs;
    this.#parts.send(of, { kind: "who", ...this.#parts.self, of });
  }

  #enter(other: Other, entry: PresentEntry): void {
    if (other.people.size >= mostPeople) return;
    const [address, connection, user, info] = entry;
    const who: Presence = { connection, user, ...(info === null ? {} : { info }) };
    other.people.set(keyOf(entry), this.#parts.hub.enterElsewhere(address, who));
  }

  #other(id: string): Other {
    let other = this.#others.get(id);
    if (!other) {
      other = {
        count: -1,
        askedAtMs: Number.NEGATIVE_INFINITY,
        people: new Map(),
        parts: { count: -1, heard: new Map() },
        later: new Map(),
      };
      this.#others.set(id, other);
    }
    return other;
  }
}

function leave(other: Other, key: string): void {
  other.people.get(key)?.();
  other.people.delete(key);
}

/** People in parts that messages hold; one part at least. */
function partsOf(people: Iterable<PresentEntry>): PresentEntry[][] {
  let part: PresentEntry[] = [];
  const parts = [part];
  let characters = 0;
  for (const entry of people) {
    characters += entry.reduce((sum, text) => sum + (text?.length ?? 0), 20);
    if (part.length === peoplePerPart || (part.length > 0 && characters > charactersPerPart)) {
      parts.push((part = []));
      characters = 0;
    }
    part.push(entry);
  }
  return parts;
}

function keyOf([address, connection]: PresentEntry): string {
  return `${address}\0${connection}`;
}

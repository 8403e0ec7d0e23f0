/**
 * The hub: one order of publications on this node. Each gets the next offset, goes into the log, and is then heard by
 * everyone whose interest it meets, in that order and never one inside another, even where a listener publishes in turn.
 * What is accepted in one turn of the event loop goes to the disk together, before anyone hears of it.
 *
 * Where a carrier is given (a broker elsewhere, NATS, Redis, other nodes), what is published here goes out by it, and has
 * its place when it comes back by `accept`: the order is then the carrier's.
 */
import { Activity } from "./activity.ts";
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { Hearers } from "./hearers.ts";
import type { Ended, Hub, Listener, Party, Presence, PresenceChange, Recovery, Return, Returner, Seat } from "./hub.ts";
import { Parties, type Whom } from "./parties.ts";
import { PresenceBoard, type PresenceWatcher } from "./presence-board.ts";
import { Pace } from "./limits.ts";
import { MemoryLog } from "./log-memory.ts";
import { SqliteLog } from "./log-sqlite.ts";
import {
  type Found,
  formatPosition,
  type LogBounds,
  parsePosition,
  type PortionBounds,
  type PublicationLog,
  sizeOf,
} from "./publication-log.ts";
import type { Envelope, Interest, Publication } from "./publication.ts";
import { Returns } from "./returns.ts";

/** What takes publications elsewhere. */
export interface Carrier {
  /**
   * Resolves when it was taken; it then comes (or came) by {@link OrderedHub.accept}. Rejects with Fault
   * `windsock/away` (unavailable) when it cannot be said to have been.
   */
  carry(envelope: Envelope): Promise<void>;
}

/** What the hub needs. */
export interface HubParts {
  clock: Clock;
  log: PublicationLog;
  /** The most that address and content may take together, in bytes of UTF-8. */
  maxMessageBytes: number;
  /** Whether the log is on a disk: what comes in one turn is then written together. */
  isDurable?: boolean;
  /** How many publications one address takes in a second from this node's clients and back ends; 0 is no limit. @default 0 */
  addressPerSecond?: number;
  /** A listener threw: it hears nothing any more. */
  broken?(error: unknown): void;
  /** What is beyond the bounds could not be forgotten; told once until it can be again. */
  untrimmed?(error: unknown): void;
}

/** What {@link openHub} is told. */
export interface HubSettings {
  clock: Clock;
  maxMessageBytes: number;
  /** How much is kept to go back to. */
  bounds: LogBounds;
  /** A file for the log; in memory without one. Faults as of `openDatabase`. */
  path?: string;
  addressPerSecond?: number;
  broken?(error: unknown): void;
  /** What is beyond the bounds could not be forgotten; told once until it can be again. */
  untrimmed?(error: unknown): void;
}

/** A hub with a log of its own. */
export function openHub(settings: HubSettings): OrderedHub {
  const { bounds, path, ...rest } = settings;
  const log = path === undefined ? new MemoryLog(bounds) : new SqliteLog(path, bounds);
  return new OrderedHub({ ...rest, log, isDurable: path !== undefined });
}

/** The most that an address may have, in bytes of UTF-8. */
export const maxAddressBytes = 1024;
const defaultLimit = 10_000;
const trimEveryMs = 1000;
/** Addresses whose pace is known. */
const maxPaces = 50_000;

/** Something to tell, in its turn. */
type Turn = { publication: Publication; offset: number } | "gap" | "gap and other numbers";

/** Publications that wait for the disk. */
interface Waiting {
  publication: Publication;
  offset: number;
  done(publication: Publication): void;
  failed(error: unknown): void;
}

/** See {@link Hub}; what is beyond it is for links to other nodes and for doors that send to many at once. */
export class OrderedHub implements Hub {
  /** The connections of this node. */
  readonly parties = new Parties();
  readonly #clock: Clock;
  readonly #log: PublicationLog;
  readonly #maxMessageBytes: number;
  readonly #isDurable: boolean;
  readonly #addressPerSecond: number;
  readonly #paces = new Map<string, Pace>();
  readonly #hearers: Hearers;
  readonly #returns = new Returns(this);
  readonly #board = new PresenceBoard();
  readonly #activity: Activity;
  readonly #turns: Turn[] = [];
  #isTelling = false;
  #waiting: Waiting[] = [];
  #offset: number;
  #cancelTrim: () => void;
  #isUntrimmed = false;
  #publications = 0;
  #gaps = 0;
  #carrier: Carrier | undefined;

  constructor(parts: HubParts) {
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#maxMessageBytes = parts.maxMessageBytes;
    this.#isDurable = parts.isDurable ?? false;
    this.#hearers = new Hearers({ position: () => this.position, broken: (error) => parts.broken?.(error) });
    this.#addressPerSecond = parts.addressPerSecond ?? 0;
    this.#offset = parts.log.newest;
    this.#activity = new Activity(parts.clock.monotonicMs());
    const trim = () => {
      this.#cancelTrim = this.#clock.schedule(trimEveryMs, trim);
      try {
        this.#log.trim(this.#clock.now());
        this.#isUntrimmed = false;
      } catch (thrown) {
        // A full disk cannot even forget; it is tried again, and told once.
        if (!this.#isUntrimmed) parts.untrimmed?.(thrown);
        this.#isUntrimmed = true;
      }
    };
    this.#cancelTrim = this.#clock.schedule(trimEveryMs, trim);
  }

  get figures() {
    return {
      publications: this.#publications,
      deliveries: this.#hearers.deliveries,
      listeners: this.#hearers.count,
      gaps: this.#gaps,
    };
  }

  /** How much is kept to go back to. */
  get kept(): { count: number; sizeBytes: number } {
    return { count: this.#log.count, sizeBytes: this.#log.sizeBytes };
  }

  /** Where the order stands: what was heard by now. */
  get position(): string {
    return formatPosition(this.#log.epoch, this.#log.newest);
  }

  /** From now on, what is published here goes out by a carrier; undefined for an order of its own. */
  set carrier(carrier: Carrier | undefined) {
    this.#carrier = carrier;
  }

  /** Whether the order is a carrier's. */
  get isCarried(): boolean {
    return this.#carrier !== undefined;
  }

  async publish(envelope: Envelope): Promise<Publication> {
    this.#check(envelope);
    if (this.#addressPerSecond > 0) this.#bound(envelope.address);
    if (!this.#carrier) return this.accept(envelope);
    await this.#carrier.carry(envelope);
    // Its own place is known only when it comes back; this one is not behind it by more than what is on its way.
    return { ...envelope, position: this.position, at: this.#clock.now() };
  }

  /**
   * Gives an envelope the next place in the order, whoever it came from. Resolves when it is in the log; rejects with what
   * the disk said. Faults: `windsock/too-large`, `windsock/address`.
   */
  accept(envelope: Envelope, at: number = this.#clock.now()): Promise<Publication> {
    try {
      this.#check(envelope);
    } catch (thrown) {
      return Promise.reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
    const offset = ++this.#offset;
    const { address, content } = envelope;
    const publication = { address, content, position: formatPosition(this.#log.epoch, offset), at };
    if (!this.#isDurable) {
      this.#keep([publication]);
      this.#turns.push({ publication, offset });
      this.#tell();
      return Promise.resolve(publication);
    }
    const { promise, resolve, reject } = Promise.withResolvers<Publication>();
    this.#waiting.push({ publication, offset, done: resolve, failed: reject });
    // After the polling of the event loop: everything that came in one turn is one transaction.
    if (this.#waiting.length === 1) setImmediate(() => this.flush());
    return promise;
  }

  /** Writes what waits for the disk, and tells it. */
  flush(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    try {
      this.#keep(waiting.map(({ publication }) => publication));
    } catch (thrown) {
      // Nothing of it happened; the numbers are given again.
      this.#offset = this.#log.newest;
      for (const { failed } of waiting) failed(thrown);
      return;
    }
    for (const { publication, offset, done } of waiting) {
      this.#turns.push({ publication, offset });
      done(publication);
    }
    this.#tell();
  }

  /** Puts what was published before this node came into its log; nobody is told, for to nobody it is new. */
  remember({ address, content }: Envelope, at: number): void {
    this.flush();
    const offset = ++this.#offset;
    this.#log.append([{ address, content, position: formatPosition(this.#log.epoch, offset), at }]);
  }

  /** Tells everyone that something between was lost, those too who come back later from before it. */
  breakOrder(): void {
    this.flush();
    this.#log.renew();
    this.#gaps++;
    this.#turns.push("gap");
    this.#tell();
  }

  /** As {@link breakOrder}, and goes on after a place in the numbers of a log that several nodes share. */
  moveTo(epoch: string, newest: number): void {
    this.flush();
    this.#log.reset(epoch, newest);
    this.#offset = newest;
    this.#gaps++;
    this.#turns.push("gap and other numbers");
    this.#tell();
  }

  /** The run of numbers and the newest of them. */
  get place(): { epoch: string; newest: number } {
    return { epoch: this.#log.epoch, newest: this.#log.newest };
  }

  listen(
    interests: readonly Interest[],
    listener: Listener,
    options: { since?: string; limit?: number } = {},
  ): Promise<{ seat: Seat; recovery?: Recovery }> {
    try {
      return Promise.resolve(this.sit(interests, listener, options));
    } catch (thrown) {
      return Promise.reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
  }

  /** As {@link listen}, at once. */
  sit(
    interests: readonly Interest[],
    listener: Listener,
    options: { since?: string; limit?: number } = {},
  ): { seat: Seat; recovery?: Recovery } {
    const recovery = options.since === undefined ? undefined : this.recall(interests, options.since, options.limit);
    // What is in the log but not told yet was found there, and must not be heard again.
    const seat = this.#hearers.seat(listener, interests, this.#log.newest);
    if (recovery && !recovery.isComplete) listener.gap();
    for (const publication of recovery?.publications ?? []) listener.hear(publication);
    return recovery ? { seat, recovery } : { seat };
  }

  /** What came after a position, as far as it is kept; see {@link Recovery}. */
  recall(interests: readonly Interest[], since: string, limit = defaultLimit): Recovery {
    const { newest, epoch } = this.#log;
    const from = parsePosition(since);
    let found: Found;
    if (!from || from.epoch !== epoch || from.offset > newest) {
      found = { ...this.#log.after(this.#log.oldest - 1, interests, limit), isComplete: false };
    } else if (from.offset === newest) found = { publications: [], isComplete: true };
    else found = this.#log.after(from.offset, interests, limit);
    if (!found.isComplete) this.#gaps++;
    return { ...found, position: this.position };
  }

  /**
   * As {@link recall}, in portions from the oldest on: for who takes little at a time. `next` is where the following
   * portion begins, undefined when this was the last.
   */
  resume(
    interests: readonly Interest[],
    since: string,
    bounds: PortionBounds,
  ): Recovery & { next: string | undefined } {
    const { newest, epoch, oldest } = this.#log;
    const from = parsePosition(since);
    const isKnown = from !== undefined && from.epoch === epoch && from.offset <= newest;
    const found = this.#log.following(isKnown ? from.offset : oldest - 1, interests, bounds);
    const isComplete = isKnown && found.isComplete;
    if (!isComplete) this.#gaps++;
    // Of the present epoch, even where the publication is of a former one: it is the numbers that go on.
    const next = found.next === undefined ? undefined : formatPosition(epoch, found.next);
    return { publications: found.publications, isComplete, position: this.position, next };
  }

  goBack(interests: readonly Interest[], returner: Returner, since: string): Promise<Return> {
    return this.#returns.goBack(interests, returner, since);
  }

  /** The cursor that goes on after a publication, for {@link resume}. */
  after(publication: Publication): string {
    return formatPosition(this.#log.epoch, parsePosition(publication.position)?.offset ?? 0);
  }

  history(interest: Interest, limit: number): Promise<readonly Publication[]> {
    return Promise.resolve(this.#log.last(interest, limit));
  }

  enter(address: string, who: Presence): () => void {
    return this.#board.enter(address, who, true);
  }

  /** As {@link enter}, for somebody on another node. */
  enterElsewhere(address: string, who: Presence): () => void {
    return this.#board.enter(address, who, false);
  }

  presence(address: string): readonly Presence[] {
    return this.#board.list(address);
  }

  /** All that are there, of this node and others. */
  everyone(): Generator<{ address: string; who: Presence }> {
    return this.#board.entries();
  }

  watch(address: string, listener: (change: PresenceChange) => void): () => void {
    return this.#board.watch(address, listener);
  }

  /** Tells of all changes of presence; `isLocal` are those of this node. */
  watchEverything(watcher: PresenceWatcher): () => void {
    return this.#board.watchEverything(watcher);
  }

  attach(party: Party): () => void {
    return this.parties.attach(party);
  }

  detach(party: Party): void {
    this.parties.detach(party);
  }

  disconnect(who: Whom, reason: string): Ended {
    return this.parties.order(who, reason);
  }

  topics(limit: number): { address: string; listeners: number; perMinute: number }[] {
    return this.#activity
      .busiest(limit, this.#clock.monotonicMs())
      .map(({ address, perMinute }) => ({ address, listeners: this.listenersOf(address), perMinute }));
  }

  /** How many clients hear an address. */
  listenersOf(address: string): number {
    return this.#hearers.countOf(address);
  }

  /** Writes what waits and closes the log; nothing may be published any more. */
  close(): void {
    this.flush();
    this.#cancelTrim();
    this.#log.close();
  }

  #bound(address: string): void {
    let pace = this.#paces.get(address);
    if (!pace) {
      // Forgetting all of them forgives each at most one second.
      if (this.#paces.size >= maxPaces) this.#paces.clear();
      pace = new Pace(this.#clock, this.#addressPerSecond, this.#addressPerSecond);
      this.#paces.set(address, pace);
    }
    if (pace.take()) return;
    throw new Fault(
      "limited",
      "windsock/too-fast",
      `Cannot publish: this address takes ${this.#addressPerSecond} messages a second`,
      { retryAfterMs: 1000 },
    );
  }

  #check(envelope: Envelope): void {
    const { address, content } = envelope;
    if (address.length > maxAddressBytes || Buffer.byteLength(address) > maxAddressBytes) {
      throw new Fault(
        "invalid",
        "windsock/address",
        `Cannot publish: the address is longer than ${maxAddressBytes} bytes`,
      );
    }
    // Most are far from the bound, where three bytes a character say enough.
    if (content.length * 3 + maxAddressBytes <= this.#maxMessageBytes) return;
    if (sizeOf({ address, content }) > this.#maxMessageBytes) {
      throw new Fault(
        "too-large",
        "windsock/too-large",
        `Cannot publish: address and content are more than ${this.#maxMessageBytes} bytes`,
      );
    }
  }

  #keep(publications: readonly Publication[]): void {
    this.#log.append(publications);
    this.#publications += publications.length;
    const now = this.#clock.monotonicMs();
    for (const { address } of publications) this.#activity.add(address, now);
  }

  #tell(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      for (let at = 0; at < this.#turns.length; at++) {
        const turn = this.#turns[at];
        if (turn === "gap") this.#hearers.tellGap();
        else if (turn === "gap and other numbers") {
          this.#hearers.renumber();
          this.#hearers.tellGap();
        } else if (turn) this.#hearers.tell(turn.publication, turn.offset);
      }
    } finally {
      this.#turns.length = 0;
      this.#isTelling = false;
    }
  }
}

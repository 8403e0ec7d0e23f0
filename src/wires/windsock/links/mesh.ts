/**
 * The rules by which nodes tell each other what was published, who is present and whom to end, over anything that
 * carries texts, loses some, delays them and turns their order round. Each node numbers what it says, in a run of its own
 * that begins with its start; whoever misses a number asks for it. What its maker has forgotten, or took with it
 * when it died, is a gap, and listeners are told. Without sockets: simulated from seeds.
 *
 *   heard in order       given to the hub, once
 *   heard with a hole    not taken; asked for from the hole on
 *   heard again          passed over
 *   another run          a gap, unless the former run said farewell and was heard to its end
 *   nothing for long     its people are gone, and a gap, for its last words may be missing
 */
import type { Clock } from "../../../kit/clock.ts";
import type { Carrier, OrderedHub } from "../hub-ordered.ts";
import type { Envelope } from "../publication.ts";
import { type EntryBounds, EntryLog } from "./entry-log.ts";
import type { LinkedNode } from "./node-link.ts";
import { type Entry, type NodeMessage, readNodeMessage, writeNodeMessage } from "./node-message.ts";
import { SharedPresence } from "./shared-presence.ts";
import { type RevocationList, SharedRevocations } from "./shared-revocations.ts";

/** How often things are said and when patience ends, in ms. */
export interface MeshTimes {
  /** Each node says this often that it is there. */
  beatMs: number;
  /** A node of which nothing was heard for so long is gone. */
  silentMs: number;
  /** A question is asked again after this long. */
  askAgainMs: number;
}

/** Six beats may be lost before a node counts as gone, ten seconds after it was last heard. */
export const usualTimes: MeshTimes = { beatMs: 1500, silentMs: 10_000, askAgainMs: 1000 };

/** What the rules stand on. */
export interface MeshParts {
  hub: OrderedHub;
  clock: Clock;
  /** Of this node. */
  id: string;
  /** Unique for this start. */
  run: string;
  times: MeshTimes;
  bounds: EntryBounds;
  /** Whether publications go this way; otherwise only presence, orders and revocations do. */
  carriesPublications: boolean;
  /** What was called back, to be shared with the others; nothing is without. */
  revocations?: RevocationList | undefined;
  /** Sends to one node, or to all when there is no name; may fail to. False when it is known that it did not leave. */
  send(to: string | undefined, text: string): boolean;
}

/** What is known of another node. */
interface Other {
  run: string;
  /** Runs that ended, whose last words may still be on their way. */
  formerRuns: readonly string[];
  /** The number that is heard next. */
  next: number;
  newest: number;
  heardAtMs: number;
  askedAtMs: number;
  isThere: boolean;
  /** It said that nothing follows. */
  hasLeft: boolean;
}

const mostOthers = 1000;
const runsRemembered = 8;
const long = Number.NEGATIVE_INFINITY;

/** One node among others; see the file's head. */
export class Mesh implements Carrier {
  readonly #parts: MeshParts;
  readonly #log: EntryLog;
  readonly #others = new Map<string, Other>();
  readonly #endings: (() => void)[];
  readonly #presence: SharedPresence;
  readonly #revocations: SharedRevocations | undefined;
  #sent = 0;
  #cancelSend: (() => void) | undefined;
  #cancelTick: () => void;
  #isOver = false;

  constructor(parts: MeshParts) {
    this.#parts = parts;
    this.#log = new EntryLog(parts.bounds);
    const { clock, hub, revocations: list, times } = parts;
    this.#presence = new SharedPresence({
      hub,
      clock,
      self: this.#self,
      askAgainMs: times.askAgainMs,
      patienceMs: times.silentMs,
      send: (to, message) => this.#send(to, message),
    });
    this.#revocations =
      list &&
      new SharedRevocations({
        list,
        clock,
        self: this.#self,
        askAgainMs: times.askAgainMs,
        send: (to, message) => void this.#send(to, message),
      });
    this.#endings = [
      parts.hub.watchEverything((address, { kind, who }, isLocal) => {
        if (isLocal) this.#presence.changed(address, who, kind === "join");
      }),
      parts.hub.parties.watch((who, reason) => {
        const said = reason.slice(0, 500);
        this.#say("user" in who ? ["end-user", who.user, said] : ["end-connection", who.connection, said]);
      }),
    ];
    this.#cancelTick = parts.clock.schedule(parts.times.beatMs, () => this.#tick());
  }

  /** Gives the publication its place here, and tells the others. */
  async carry(envelope: Envelope): Promise<void> {
    const { address, at, content } = await this.#parts.hub.accept(envelope);
    this.#say(["publish", address, content, at]);
  }

  /** The other nodes. */
  nodes(): LinkedNode[] {
    const nowMs = this.#parts.clock.monotonicMs();
    return [...this.#others].map(([id, { heardAtMs, isThere, newest, next }]) => ({
      id,
      silentMs: Math.round(nowMs - heardAtMs),
      isThere,
      behind: Math.max(0, newest - next + 1),
    }));
  }

  /** A way to a node, or to all, opened: it is told where things stand. */
  met(id?: string): void {
    this.#beat(id);
  }

  /** Takes what came from another node; what is no message, or our own, is passed over. */
  hear(text: string): void {
    if (this.#isOver) return;
    const message = readNodeMessage(text);
    if (!message || message.from === this.#parts.id) return;
    const other = this.#other(message);
    if (!other) return;
    switch (message.kind) {
      case "entries":
        this.#hearEntries(other, message);
        return;
      case "beat":
        other.newest = Math.max(other.newest, message.newest);
        if (message.leaves) this.#farewell(message.from, other);
        else {
          this.#askForMissing(message.from, other);
          this.#presence.hearCount(message.from, message.presence);
          this.#revocations?.hearCount(message.from, message.run, message.revoked ?? 0);
        }
        return;
      case "want":
        if (message.of === this.#parts.id && message.ofRun === this.#parts.run)
          this.#answer(message.from, message.after);
        return;
      case "lost":
        if (message.to === this.#parts.id && other.next < message.oldest) {
          this.#gap();
          other.next = message.oldest;
          other.newest = Math.max(other.newest, message.newest);
          other.askedAtMs = long;
          this.#askForMissing(message.from, other);
        }
        return;
      case "here":
        if (other.isThere) this.#presence.hearPart(message);
        return;
      case "change":
        if (other.isThere) this.#presence.hearChange(message);
        return;
      case "who":
        if (message.of === this.#parts.id) this.#presence.answer(message.from);
        return;
      case "revoked":
        this.#revocations?.hear(message);
        return;
      case "which":
        if (message.of === this.#parts.id) this.#revocations?.answer(message.from);
    }
  }

  /** Says farewell and ends. */
  stop(): void {
    if (this.#isOver) return;
    this.#sendNew();
    this.#revocations?.stop();
    this.#send(undefined, { kind: "beat", ...this.#self, newest: this.#log.newest, presence: 0, leaves: true });
    this.#isOver = true;
    this.#cancelTick();
    for (const end of this.#endings) end();
    this.#presence.stop();
  }

  get #self(): { from: string; run: string } {
    return { from: this.#parts.id, run: this.#parts.run };
  }

  #say(entry: Entry): void {
    if (this.#isOver) return;
    this.#log.add(entry);
    // What is said in one go is sent together.
    this.#cancelSend ??= this.#parts.clock.schedule(0, () => this.#sendNew());
  }

  #sendNew(): void {
    this.#cancelSend?.();
    this.#cancelSend = undefined;
    while (this.#sent < this.#log.newest) {
      const after = Math.max(this.#sent, this.#log.oldest - 1);
      const entries = this.#log.after(after);
      if (entries.length === 0) return;
      this.#sent = after + entries.length;
      this.#send(undefined, { kind: "entries", ...this.#self, first: after + 1, newest: this.#log.newest, entries });
    }
  }

  #answer(to: string, after: number): void {
    const { newest, oldest } = this.#log;
    if (after + 1 < oldest) {
      this.#send(to, { kind: "lost", ...this.#self, to, oldest, newest });
      return;
    }
    const entries = this.#log.after(after);
    if (entries.length > 0) this.#send(to, { kind: "entries", ...this.#self, first: after + 1, newest, entries });
  }

  /** What is known of whoever said a message; undefined where it should not be listened to. */
  #other({ from, kind, run, ...message }: NodeMessage): Other | undefined {
    const nowMs = this.#parts.clock.monotonicMs();
    const held = this.#others.get(from);
    const first = kind === "entries" && "first" in message ? message.first : undefined;
    const newest = kind === "beat" && "newest" in message ? message.newest : undefined;
    if (held?.run === run) {
      held.heardAtMs = nowMs;
      if (!held.hasLeft) held.isThere = true;
      return held;
    }
    if (held?.formerRuns.includes(run)) return undefined;
    // Where its numbers stand is said by these two only.
    const next = first ?? (newest === undefined ? undefined : newest + 1);
    if (next === undefined) return undefined;
    const endedWell = held?.hasLeft === true && held.next > held.newest;
    // What it said before we met is not for those who listen now; but they may have listened since before.
    const isWhole = (held === undefined || endedWell) && next === 1;
    if (held) this.#empty(from, held);
    const other: Other = {
      run,
      formerRuns: held ? [held.run, ...held.formerRuns].slice(0, runsRemembered) : [],
      next,
      newest: next - 1,
      heardAtMs: nowMs,
      askedAtMs: long,
      isThere: true,
      hasLeft: false,
    };
    this.#others.delete(from);
    this.#others.set(from, other);
    this.#forgetSome();
    if (!isWhole) this.#gap();
    return other;
  }

  #hearEntries(other: Other, message: NodeMessage & { kind: "entries" }): void {
    const { entries, first, from, newest } = message;
    other.newest = Math.max(other.newest, newest);
    if (first <= other.next) {
      for (const entry of entries.slice(other.next - first)) {
        other.next++;
        this.#do(entry);
      }
      if (other.next > first && entries.length > 0) other.askedAtMs = long;
    }
    this.#askForMissing(from, other);
  }

  #do(entry: Entry): void {
    const { carriesPublications, hub } = this.#parts;
    switch (entry[0]) {
      case "publish": {
        if (!carriesPublications) return;
        const [, address, content, saidAt] = entry;
        // By a clock that is ahead it would outlive its time here, and keep all that follows alive with it.
        const at = Math.min(saidAt, this.#parts.clock.now());
        // Too large for this node, or its disk is full: it is missing here, and that is said.
        hub.accept({ address, content }, at).catch(() => this.#gap());
        return;
      }
      case "end-user":
        hub.parties.end({ user: entry[1] }, entry[2]);
        return;
      case "end-connection":
        hub.parties.end({ connection: entry[1] }, entry[2]);
        return;
      case "unreadable":
        // It may have been a publication.
        this.#gap();
    }
  }

  #askForMissing(id: string, other: Other): void {
    const { clock, times } = this.#parts;
    if (other.next > other.newest) return;
    const nowMs = clock.monotonicMs();
    if (nowMs - other.askedAtMs < times.askAgainMs) return;
    other.askedAtMs = nowMs;
    this.#send(id, { kind: "want", ...this.#self, of: id, ofRun: other.run, after: other.next - 1 });
  }

  #empty(id: string, other: Other): void {
    this.#presence.empty(id);
    other.isThere = false;
  }

  #farewell(id: string, other: Other): void {
    other.hasLeft = true;
    this.#empty(id, other);
    if (other.next > other.newest) return;
    // Nobody will answer for it any more; what still comes in pieces is passed over.
    this.#gap();
    other.next = other.newest + 1;
  }

  #tick(): void {
    const { clock, times } = this.#parts;
    const nowMs = clock.monotonicMs();
    for (const [id, other] of this.#others) {
      if (!other.isThere) continue;
      if (nowMs - other.heardAtMs > times.silentMs) {
        this.#empty(id, other);
        this.#gap();
      } else this.#askForMissing(id, other);
    }
    this.#beat();
    this.#cancelTick = clock.schedule(times.beatMs, () => this.#tick());
  }

  #beat(to?: string): void {
    // After what was said before it, or the others would miss that too early.
    this.#sendNew();
    const [newest, presence, revoked] = [this.#log.newest, this.#presence.count, this.#revocations?.count ?? 0];
    this.#send(to, { kind: "beat", ...this.#self, newest, presence, revoked, leaves: false });
  }

  #gap(): void {
    if (this.#parts.carriesPublications) this.#parts.hub.breakOrder();
  }

  #forgetSome(): void {
    if (this.#others.size <= mostOthers) return;
    const [oldest] = [...this.#others].sort(([, left], [, right]) => left.heardAtMs - right.heardAtMs);
    if (!oldest) return;
    this.#empty(...oldest);
    this.#others.delete(oldest[0]);
  }

  #send(to: string | undefined, message: NodeMessage): boolean {
    return this.#parts.send(to, writeNodeMessage(message));
  }
}

/**
 * Who is in the cluster and how they are: the SWIM rules that turn alive, suspect and dead messages into member states.
 * Invariant: for one life of a member, only a higher incarnation makes it better; our own record is alive until we leave, and
 * whoever says otherwise is outbid. A dead or departed member counts for a while (`gossipToDeadMs`), then is only remembered:
 * it is no longer told to others, and any alive message about it is accepted. Without sockets; all effects go through a port.
 * Source: SWIM (Das et al. 2002), Lifeguard (Dadgar et al. 2017), behaviour of hashicorp/memberlist 0.5.4.
 */
import type { Address } from "./address.ts";
import type { Clock } from "./clock.ts";
import { MEMBERS_MAX } from "./limits.ts";
import { type Alive, type Dead, type Suspect, U32_MAX, type Versions } from "./messages.ts";
import type { MemberReport, MemberState } from "./stream.ts";
import { Suspicion } from "./suspicion.ts";
import { confirmationsWanted, suspicionMinMs, type Timing } from "./timing.ts";

/** A member as this node sees it at one moment. */
export interface Member {
  readonly name: string;
  /** IP address in canonical text. */
  readonly address: string;
  readonly port: number;
  /** At most 512 bytes; never modified in place. */
  readonly meta: Uint8Array;
  readonly state: MemberState;
  /** When it entered this state, on the scale of the clock's `monotonicMs()`. */
  readonly stateSinceMs: number;
  readonly incarnation: number;
  readonly versions: Versions;
}

/** What changed about a member. */
export type MemberChange = "join" | "left" | "dead" | "update" | "suspect" | "alive";

/** Somebody else uses a member's name at another address. */
export interface Conflict {
  readonly name: string;
  readonly known: Address;
  readonly claimed: Address;
}

/** What the roster causes. */
export interface RosterEffects {
  broadcast(message: Alive | Suspect | Dead, done?: () => void): void;
  changed(change: MemberChange, member: Member): void;
  conflict(conflict: Conflict): void;
  /** We were accused and objected: something is slow about us. */
  refuted(): void;
  /** Whether the application takes this member in. */
  accepts(member: Member): boolean;
}

/** What a roster is made of. */
export interface RosterOptions {
  readonly name: string;
  readonly versions: Versions;
  readonly timing: Timing;
  readonly clock: Clock;
  readonly effects: RosterEffects;
}

// A conflict is told, and our name defended, at most this often: two nodes with one name would otherwise outbid each other
// with every packet.
const CONFLICT_INTERVAL_MS = 5000;

class Entry implements Member {
  readonly name: string;
  address = "";
  port = 0;
  meta: Uint8Array = new Uint8Array(0);
  state: MemberState = "dead";
  stateSinceMs = 0;
  incarnation = 0;
  versions: Versions;
  suspicion: Suspicion | undefined;
  conflictToldMs = Number.NEGATIVE_INFINITY;

  constructor(name: string, versions: Versions) {
    this.name = name;
    this.versions = versions;
  }

  snapshot(): Member {
    const { name, address, port, meta, state, stateSinceMs, incarnation, versions } = this;
    return { name, address, port, meta, state, stateSinceMs, incarnation, versions };
  }
}

/** The table of members of one node, itself included. */
export class Roster {
  readonly #options: RosterOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #self: Entry;
  #leaving = false;

  constructor(options: RosterOptions) {
    this.#options = options;
    this.#self = new Entry(options.name, options.versions);
    this.#entries.set(options.name, this.#self);
  }

  /** This node. */
  get self(): Member {
    return this.#self.snapshot();
  }

  /** Members that count: all but those that are only remembered. */
  get count(): number {
    let count = 0;
    for (const entry of this.#entries.values()) if (!this.#onlyRemembered(entry)) count++;
    return count;
  }

  /** All members, dead, departed and remembered ones included. */
  members(): Member[] {
    return Array.from(this.#entries.values(), (entry) => entry.snapshot());
  }

  /** One member by name. */
  find(name: string): Member | undefined {
    return this.#entries.get(name)?.snapshot();
  }

  /** The others that `wanted` chooses; live views, to be read at once. */
  others(wanted: (member: Member) => boolean): Member[] {
    const chosen: Member[] = [];
    for (const entry of this.#entries.values()) if (entry !== this.#self && wanted(entry)) chosen.push(entry);
    return chosen;
  }

  /** Others that gossip goes to: alive, suspected, and dead ones that may still object. */
  gossipTargets(): Member[] {
    return this.others(
      (member) => member.state === "alive" || member.state === "suspect" || this.#recentlyDead(member),
    );
  }

  /** What is told in a push/pull. */
  reports(): MemberReport[] {
    const reports: MemberReport[] = [];
    for (const entry of this.#entries.values()) {
      if (this.#onlyRemembered(entry)) continue;
      const { name, address: host, port, meta, incarnation, state, versions } = entry;
      reports.push({ name, host, port, meta, incarnation, state, versions });
    }
    return reports;
  }

  /** Enters ourselves as alive, or with other metadata; `done` is called when that was told. */
  announce(address: Address, meta: Uint8Array, done?: () => void): void {
    const self = this.#self;
    self.address = address.host;
    self.port = address.port;
    self.meta = meta;
    if (self.state !== "alive") this.#enter(self, "alive");
    this.#leaving = false;
    self.incarnation = Math.min(U32_MAX, self.incarnation + 1);
    this.#options.effects.broadcast(this.#aliveMessage(self), done);
  }

  /** Enters ourselves as departed; `done` is called when that was told. */
  depart(done?: () => void): void {
    const self = this.#self;
    this.#leaving = true;
    this.#enter(self, "left");
    const message: Dead = { kind: "dead", incarnation: self.incarnation, node: self.name, from: self.name };
    this.#options.effects.broadcast(message, done);
  }

  /** Ends all suspicions without a verdict. */
  stop(): void {
    for (const entry of this.#entries.values()) this.#acquit(entry);
  }

  /** Somebody says that a member lives. */
  alive(message: Alive): void {
    const { versions } = message;
    if (message.node === "" || message.host === "" || message.port === 0 || versions === undefined) return;
    if (versions.protocolMin === 0 || versions.protocolMin > versions.protocolMax) return;
    if (message.node === this.#self.name) {
      this.#aliveSelf(message, versions);
      return;
    }
    const known = this.#entries.get(message.node);
    const entry = known ?? new Entry(message.node, versions);
    const fresh = known === undefined || this.#onlyRemembered(entry);
    const moved = entry.address !== message.host || entry.port !== message.port;
    const reclaimed = !fresh && moved && this.#mayReclaim(entry);
    if (!fresh && moved && !reclaimed) {
      this.#conflict(entry, message);
      return;
    }
    if (!fresh && !reclaimed && message.incarnation <= entry.incarnation) return;
    const candidate: Member = { ...entry.snapshot(), ...lifeOf(message, versions), state: "alive" };
    if (!this.#options.effects.accepts(candidate)) return;
    if (known === undefined && !this.#makeRoom()) return;
    this.#entries.set(entry.name, entry);
    this.#acquit(entry);
    const before = entry.state;
    const sameMeta = Buffer.compare(entry.meta, message.meta) === 0;
    Object.assign(entry, lifeOf(message, versions));
    if (before !== "alive") this.#enter(entry, "alive");
    this.#options.effects.broadcast(message);
    if (before === "dead" || before === "left") {
      this.#tell("join", entry);
      return;
    }
    if (before === "suspect") this.#tell("alive", entry);
    if (!sameMeta) this.#tell("update", entry);
  }

  /** Somebody suspects a member. */
  suspect(message: Suspect): void {
    const entry = this.#entries.get(message.node);
    if (entry === undefined || message.incarnation < entry.incarnation) return;
    if (entry === this.#self) {
      if (!this.#leaving) this.#refute(message.incarnation);
      return;
    }
    if (entry.suspicion !== undefined) {
      if (entry.suspicion.confirm(message.from)) this.#options.effects.broadcast(message);
      return;
    }
    if (entry.state !== "alive") return;
    this.#options.effects.broadcast(message);
    entry.incarnation = message.incarnation;
    this.#enter(entry, "suspect");
    const { clock, timing } = this.#options;
    // Only those who can still answer may confirm; hashicorp/memberlist counts the dead too and so waits needlessly long.
    const members = this.others(({ state }) => state === "alive" || state === "suspect").length + 1;
    const minMs = suspicionMinMs(timing, members);
    entry.suspicion = new Suspicion({
      clock,
      accuser: message.from,
      confirmationsWanted: confirmationsWanted(timing, members),
      minMs,
      maxMs: minMs * timing.suspicionStretch,
      graceMs: timing.probeTimeoutMs,
      expired: () => {
        const { incarnation, name } = entry;
        this.dead({ kind: "dead", incarnation, node: name, from: this.#self.name });
      },
    });
    this.#tell("suspect", entry);
  }

  /** Somebody gives a member up, or the member says itself that it leaves. */
  dead(message: Dead): void {
    const entry = this.#entries.get(message.node);
    if (entry === undefined || message.incarnation < entry.incarnation) return;
    if (entry === this.#self) {
      if (!this.#leaving) this.#refute(message.incarnation);
      return;
    }
    if (entry.state === "dead" || entry.state === "left") return;
    this.#acquit(entry);
    this.#options.effects.broadcast(message);
    entry.incarnation = message.incarnation;
    const change = message.node === message.from ? "left" : "dead";
    this.#enter(entry, change);
    this.#tell(change, entry);
  }

  /**
   * The present life of a member, if somebody accuses an earlier one: he missed the objection that others heard, and would give
   * the member up alone.
   */
  objection(message: Suspect | Dead): Alive | undefined {
    const entry = this.#entries.get(message.node);
    if (entry?.state !== "alive" || message.incarnation >= entry.incarnation) return undefined;
    return this.#aliveMessage(entry);
  }

  /** Takes in what another node knows. Its dead are only suspected here, so that they can object. */
  merge(reports: readonly MemberReport[]): void {
    for (const report of reports) {
      const { name: node, incarnation, host, port, meta, versions } = report;
      if (report.state === "alive") {
        this.alive({
          kind: "alive",
          incarnation,
          node,
          host,
          port,
          meta,
          ...(versions === undefined ? {} : { versions }),
        });
      } else if (report.state === "left") {
        this.dead({ kind: "dead", incarnation, node, from: node });
      } else {
        this.suspect({ kind: "suspect", incarnation, node, from: this.#self.name });
      }
    }
  }

  /** Forgets members that have been dead or gone for longer than they are remembered. */
  forget(): void {
    const oldestMs = this.#options.clock.monotonicMs() - this.#options.timing.rememberMs;
    for (const entry of this.#entries.values()) {
      if (this.#onlyRemembered(entry) && entry.stateSinceMs < oldestMs) this.#entries.delete(entry.name);
    }
  }

  #aliveSelf(message: Alive, versions: Versions): void {
    const self = this.#self;
    if (this.#leaving || message.incarnation < self.incarnation) return;
    if (message.host !== self.address || message.port !== self.port) {
      if (this.#conflict(self, message)) this.#refute(message.incarnation);
      return;
    }
    const same =
      message.incarnation === self.incarnation &&
      Buffer.compare(message.meta, self.meta) === 0 &&
      sameVersions(versions, self.versions);
    // Otherwise it is about an earlier life of ours, or somebody made it up.
    if (!same) this.#refute(message.incarnation);
  }

  #refute(accusedIncarnation: number): void {
    const self = this.#self;
    // At the largest number there is nothing left to outbid with; the accusation is then made up, since lives start at 1.
    self.incarnation = Math.min(U32_MAX, Math.max(self.incarnation, accusedIncarnation) + 1);
    this.#options.effects.refuted();
    this.#options.effects.broadcast(this.#aliveMessage(self));
  }

  #conflict(entry: Entry, message: Alive): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - entry.conflictToldMs < CONFLICT_INTERVAL_MS) return false;
    entry.conflictToldMs = nowMs;
    this.#options.effects.conflict({
      name: entry.name,
      known: { host: entry.address, port: entry.port },
      claimed: { host: message.host, port: message.port },
    });
    return true;
  }

  #mayReclaim(entry: Entry): boolean {
    if (entry.state === "left") return true;
    return entry.state === "dead" && this.#ageMs(entry) > this.#options.timing.reclaimMs;
  }

  #makeRoom(): boolean {
    if (this.#entries.size < MEMBERS_MAX) return true;
    for (const entry of this.#entries.values()) {
      if (!this.#onlyRemembered(entry)) continue;
      this.#entries.delete(entry.name);
      return true;
    }
    return false;
  }

  #onlyRemembered(entry: Entry): boolean {
    if (entry === this.#self || entry.state === "alive" || entry.state === "suspect") return false;
    return this.#ageMs(entry) > this.#options.timing.gossipToDeadMs;
  }

  #recentlyDead(member: Member): boolean {
    return member.state === "dead" && this.#ageMs(member) <= this.#options.timing.gossipToDeadMs;
  }

  #ageMs(member: Member): number {
    return this.#options.clock.monotonicMs() - member.stateSinceMs;
  }

  #acquit(entry: Entry): void {
    entry.suspicion?.cancel();
    entry.suspicion = undefined;
  }

  #enter(entry: Entry, state: MemberState): void {
    entry.state = state;
    entry.stateSinceMs = this.#options.clock.monotonicMs();
  }

  #tell(change: MemberChange, entry: Entry): void {
    this.#options.effects.changed(change, entry.snapshot());
  }

  #aliveMessage(entry: Entry): Alive {
    const { name: node, address: host, port, meta, incarnation, versions } = entry;
    return { kind: "alive", incarnation, node, host, port, meta, versions };
  }
}

function lifeOf(message: Alive, versions: Versions) {
  const { host: address, port, meta, incarnation } = message;
  return { address, port, meta, incarnation, versions };
}

function sameVersions(left: Versions, right: Versions): boolean {
  return (
    left.protocolMin === right.protocolMin &&
    left.protocolMax === right.protocolMax &&
    left.protocolCurrent === right.protocolCurrent &&
    left.delegateMin === right.delegateMin &&
    left.delegateMax === right.delegateMax &&
    left.delegateCurrent === right.delegateCurrent
  );
}

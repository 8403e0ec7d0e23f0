/**
 * What one connection hears and where it is present: the one model under the newer websocket, SSE and the long poll. All
 * topics of a connection hang on one seat, so each publication comes once however many of them it meets, and one position
 * is enough to go on from. Rights are asked here and nowhere else.
 */
import { Fault } from "../../../kit/fault.ts";
import type { Hub, Presence, PresenceChange, Return, Returner, Seat } from "../hub.ts";
import { InterestSet } from "../interest-set.ts";
import type { Interest, Publication } from "../publication.ts";
import { type History, historyOf } from "./history.ts";
import type { DoorLimits } from "./limits.ts";
import { maySubscribe, requireSubscribe, type Rights } from "./rights.ts";
import type { Roster } from "./roster.ts";
import { parseTopic, topicWords } from "./topic.ts";

/** The hub with the place that its order has reached: all that comes before it was heard by everyone who listens. */
export type PlacedHub = Hub & { readonly position: string; after(publication: Publication): string };

/** What takes news to the client. None of it may wait. */
export interface Outlet {
  /** Unique for each connection. */
  readonly connection: string;
  /** `isMissed` for what was published while the client was away. */
  publication(publication: Publication, isMissed: boolean): void;
  gap(): void;
  /** Resolves when more of what was missed may come; false when that was enough, or it is over. */
  room(): Promise<boolean>;
  presence(address: string, change: PresenceChange): void;
}

/** What all subscribers stand on. */
export interface SubscriberParts {
  readonly hub: PlacedHub;
  readonly roster: Roster;
  readonly limits: DoorLimits;
}

/** Where other doors enter channels and subscriptions, which who may hear everything must not make up. */
const ownList = /^(?:pusher\.[\w-]+\.#occupied|mercure\.#subscriptions)$/;

/** What became of a subscription. */
export interface Subscribed {
  /** What comes later is heard. */
  position: string;
  /** Whether one can go back to positions at all. */
  recoverable: true;
  /** With `since`: whether everything in between was told, as far as it was gone through. */
  recovered?: boolean;
  /** With `since`: the outlet had enough before its end. */
  isCut?: true;
  /** With `history`: the newest before the position, oldest first; nothing of it is told again. */
  history?: readonly Publication[];
  /** There are older ones that were asked for and found no room. */
  more?: true;
}

/** See the file's head. */
export class Subscriber implements Returner {
  readonly #parts: SubscriberParts;
  readonly #outlet: Outlet;
  /** Made when they are wanted: most connections are nowhere. */
  #places: Map<string, () => void> | undefined;
  #watches: Map<string, () => void> | undefined;
  /** Positions that were told while a question for history is under way. */
  #told: Set<string> | undefined;
  #seat: Seat | undefined;
  /** Topics whose past is being told. */
  #coming: readonly Interest[] = [];
  /** How far what was missed has been told, as long as it is. */
  #reached: string | undefined;
  #isOver = false;
  #info: string | undefined;
  #rights: Rights;

  constructor(parts: SubscriberParts, outlet: Outlet, rights: Rights, info?: string) {
    this.#parts = parts;
    this.#outlet = outlet;
    this.#rights = rights;
    this.#info = info;
  }

  get rights(): Rights {
    return this.#rights;
  }

  get interests(): Interest[] {
    return [...(this.#seat?.interests ?? this.#coming)];
  }

  /** Where one goes on after what was told by now: not further than what was missed has been told. */
  get position(): string {
    return this.#reached ?? this.#parts.hub.position;
  }

  /**
   * Hears more topics. `since` is for the first subscription of a connection, `history` for a single topic. Faults:
   * `windsock/subscribe-right`, `windsock/topics` (limited), `windsock/since` and `windsock/history` (invalid).
   */
  async subscribe(
    interests: readonly Interest[],
    options: { since?: string | undefined; history?: number | undefined } = {},
  ): Promise<Subscribed> {
    const { hub, roster } = this.#parts;
    for (const interest of interests) requireSubscribe(this.#rights, interest);
    const held = this.#seat?.interests;
    const fresh = [...new InterestSet(interests.filter((interest) => !held?.has(interest)))];
    this.#requireRoom((held?.size ?? 0) + fresh.length);
    const { history, since } = options;
    if (history !== undefined && interests.length !== 1) {
      throw new Fault("invalid", "windsock/history", "Cannot tell the history of several topics in one: ask for each");
    }
    if (since !== undefined && this.#seat) {
      throw new Fault("invalid", "windsock/since", "Cannot go back now: only the first subscription may say since");
    }
    const told = history === undefined ? undefined : new Set<string>();
    this.#told = told;
    try {
      const past = since === undefined ? undefined : await this.#goBack(fresh, since);
      if (!past) {
        if (this.#seat) for (const interest of fresh) this.#seat.add(interest);
        else this.#seat = (await hub.listen(fresh, this)).seat;
        for (const interest of fresh) if (this.#seat.interests.has(interest)) roster.hear(interest);
      }
      if (this.#isOver) this.leave();
      const position = past?.position ?? this.#seat?.position ?? hub.position;
      const [only] = interests;
      const found = history === undefined || !only ? undefined : await this.#historyOf(only, history);
      return {
        position,
        recoverable: true,
        ...(past ? { recovered: past.isComplete } : {}),
        ...(past && !past.seat ? { isCut: true } : {}),
        ...(found ? { history: found.publications.filter(({ position }) => !told?.has(position)) } : {}),
        ...(found?.more ? { more: true } : {}),
      };
    } finally {
      this.#told = undefined;
    }
  }

  /** The hub tells. */
  hear(publication: Publication): void {
    this.#told?.add(publication.position);
    const isMissed = this.#reached !== undefined;
    if (isMissed) this.#reached = publication.position;
    this.#outlet.publication(publication, isMissed);
  }

  /** See {@link Returner}. */
  async room(): Promise<boolean> {
    return !this.#isOver && (await this.#outlet.room()) && !this.#isOver;
  }

  /** The hub tells that something is missing. */
  gap(): void {
    this.#outlet.gap();
  }

  /** Hears topics no more. */
  unsubscribe(interests: readonly Interest[]): void {
    for (const interest of interests) {
      if (!this.#seat?.interests.has(interest)) continue;
      this.#seat.remove(interest);
      this.#parts.roster.cease(interest);
    }
  }

  /** The newest publications, oldest first. Faults: `windsock/subscribe-right`, `windsock/history`. */
  history(interest: Interest, limit: number): Promise<History> {
    requireSubscribe(this.#rights, interest);
    return this.#historyOf(interest, limit);
  }

  /** Who is at an address. Fault `windsock/subscribe-right`. */
  presence(address: string): readonly Presence[] {
    requireSubscribe(this.#rights, { kind: "exact", address });
    return this.#parts.hub.presence(address);
  }

  /**
   * Is at an address from now on, for others to see. Faults: `windsock/subscribe-right`, `windsock/topic` (it is too long,
   * or the server's own), `windsock/topics`.
   */
  enter(address: string): void {
    parseTopic({ address });
    if (ownList.test(address)) {
      throw new Fault(
        "forbidden",
        "windsock/topic",
        "Cannot let you be there: at that address the server keeps a list",
      );
    }
    requireSubscribe(this.#rights, { kind: "exact", address });
    this.#places ??= new Map();
    if (this.#places.has(address)) return;
    this.#requireRoom(this.#places.size + 1);
    const info = this.#rights.info ?? this.#info;
    const who = {
      connection: this.#outlet.connection,
      user: this.#rights.user,
      ...(info === undefined ? {} : { info }),
    };
    this.#places.set(address, this.#parts.hub.enter(address, who));
  }

  /** Is there no more. */
  exit(address: string): void {
    this.#places?.get(address)?.();
    this.#places?.delete(address);
  }

  /** Hears who comes and goes; gives who is there. Faults as of {@link enter}. */
  watch(address: string): readonly Presence[] {
    parseTopic({ address });
    requireSubscribe(this.#rights, { kind: "exact", address });
    this.#watches ??= new Map();
    if (!this.#watches.has(address)) {
      this.#requireRoom(this.#watches.size + 1);
      const outlet = this.#outlet;
      this.#watches.set(
        address,
        this.#parts.hub.watch(address, (change) => outlet.presence(address, change)),
      );
    }
    return this.#parts.hub.presence(address);
  }

  /** Hears of it no more. */
  unwatch(address: string): void {
    this.#watches?.get(address)?.();
    this.#watches?.delete(address);
  }

  /** Other rights count from now on; gives the topics that they do not cover, which are heard no more. */
  refresh(rights: Rights): Interest[] {
    this.#rights = rights;
    const lost = this.interests.filter((interest) => !maySubscribe(rights, interest));
    this.unsubscribe(lost);
    for (const address of [...(this.#places?.keys() ?? []), ...(this.#watches?.keys() ?? [])]) {
      if (maySubscribe(rights, { kind: "exact", address })) continue;
      this.exit(address);
      this.unwatch(address);
    }
    return lost;
  }

  /** What it hears, in words. */
  words(): string[] {
    return this.interests.map(topicWords);
  }

  /** Hears nothing any more, and is nowhere. */
  leave(): void {
    this.#isOver = true;
    for (const interest of this.interests) this.#parts.roster.cease(interest);
    this.#coming = [];
    this.#seat?.leave();
    for (const exit of [...(this.#places?.values() ?? []), ...(this.#watches?.values() ?? [])]) exit();
    this.#places = undefined;
    this.#watches = undefined;
  }

  async #goBack(fresh: readonly Interest[], since: string): Promise<Return> {
    const { hub, roster } = this.#parts;
    this.#coming = fresh;
    this.#reached = since;
    // Those of whom webhooks tell are there already.
    for (const interest of fresh) roster.hear(interest);
    try {
      const back = await hub.goBack(fresh, this, since);
      if (this.#isOver) back.seat?.leave();
      else if (back.seat) this.#seat = back.seat;
      return back;
    } finally {
      this.#reached = undefined;
      if (!this.#seat) for (const interest of this.#coming) roster.cease(interest);
      this.#coming = [];
    }
  }

  async #historyOf(interest: Interest, limit: number): Promise<History> {
    const { historyBytes, historyCount } = this.#parts.limits;
    if (limit <= historyCount) return historyOf(this.#parts.hub, interest, limit, historyBytes);
    throw new Fault(
      "invalid",
      "windsock/history",
      `Cannot tell the last ${limit} publications: at most ${historyCount} may be asked for`,
    );
  }

  #requireRoom(count: number): void {
    const { topics } = this.#parts.limits;
    if (count <= topics) return;
    throw new Fault(
      "limited",
      "windsock/topics",
      `Cannot take more: one connection may have ${topics} topics, and be at or watch as many addresses`,
    );
  }
}

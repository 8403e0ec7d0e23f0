/**
 * The middle of Windsock as the doors see it: publish, listen, look back, be present. Everything that comes in, by ZeroMQ,
 * HTTP, websocket or from another node, goes through one hub, and everyone who listens, by whatever protocol, hangs on
 * it. A port, so that the doors (sockets, SSE, long poll, Pusher, Mercure) know nothing of logs, brokers and clusters.
 */
import type { Envelope, Interest, Publication } from "./publication.ts";

/** Someone who listens. */
export interface Listener {
  /**
   * Called for each publication of interest, in order, once however many interests it meets. Must not wait: who cannot
   * take it now keeps it in a bounded queue of its own, or ends.
   */
  hear(publication: Publication): void;
  /** The order was broken: what was published in between is lost. The listener tells its client so. */
  gap(): void;
  /** How many clients it stands for, for figures. @default 1 */
  readonly clients?: number;
}

/** What became of going back to a position. What is named here was heard already, after a {@link Listener.gap} if any. */
export type Recovery =
  /** Everything since then, complete. */
  | { isComplete: true; publications: readonly Publication[]; position: string }
  /** Something is missing; the newest that there is. */
  | { isComplete: false; publications: readonly Publication[]; position: string };

/** Someone who comes back. */
export interface Returner extends Listener {
  /** Resolves when there is room for another portion; false when it goes back no further, or is over. */
  room(): Promise<boolean>;
}

/** How far somebody went back. */
export interface Return {
  /** From here on it goes, if it wants to: everything before was told, if need be after a gap. */
  position: string;
  /** Whether no gap was told. */
  isComplete: boolean;
  /** When everything was told: from now on what comes is heard. */
  seat: Seat | undefined;
}

/** Who listens, for presence: a client may be there by several connections. */
export interface Presence {
  /** Unique for each connection. */
  connection: string;
  /** Whom the token names; empty for nobody in particular. */
  user: string;
  /** What the client says of itself, at most 1 KiB of JSON. */
  info?: string;
}

/** One change of presence. */
export interface PresenceChange {
  kind: "join" | "leave";
  who: Presence;
}

/** A listener at its place. */
export interface Seat {
  /** Where the order stood when the last interest was added: what comes later is heard. */
  readonly position: string;
  /** What is listened to. */
  readonly interests: Iterable<Interest> & { readonly size: number; has(interest: Interest): boolean };
  add(interest: Interest): void;
  remove(interest: Interest): void;
  /** Leaves; nothing is heard any more. */
  leave(): void;
}

/** What came of an order to end connections: how many were at this node, and whether other nodes were told. */
export interface Ended {
  ended: number;
  elsewhere: boolean;
}

/** A connection that can be ended by order. */
export interface Party {
  /** Unique for each connection. */
  readonly connection: string;
  /** Whom its token names; empty for nobody in particular. */
  readonly user: string;
  /** Ends it. */
  end(reason: string): void;
}

/** The middle. */
export interface Hub {
  /**
   * Resolves when the publication has its place (and, with a log on disk, is on it). Faults: `windsock/too-large`,
   * `windsock/address`, `windsock/away` (unavailable: the broker, or what carries messages between nodes, is away).
   */
  publish(envelope: Envelope): Promise<Publication>;
  /**
   * Begins to listen. With `since`, what was published after that position is heard first (before this resolves), then
   * what comes, nothing twice and nothing left out; where that cannot be, `recovery.isComplete` is false, and `gap` is
   * called before the newest `limit` that there are.
   */
  listen(
    interests: readonly Interest[],
    listener: Listener,
    options?: { since?: string; limit?: number },
  ): Promise<{ seat: Seat; recovery?: Recovery }>;
  /**
   * As {@link Hub.listen} with `since`, in portions as there is room, a little of everyone's at a time: for however many
   * come back at once. All that is kept is told, after a gap if need be. Until there is a seat, gaps come with portions.
   */
  goBack(interests: readonly Interest[], returner: Returner, since: string): Promise<Return>;
  /** The newest publications of interest, oldest first; none where no history is kept. */
  history(interest: Interest, limit: number): Promise<readonly Publication[]>;
  /** Says that somebody is there, under an address, until the function that it gives is called. */
  enter(address: string, who: Presence): () => void;
  /** Who is there, on all nodes. */
  presence(address: string): readonly Presence[];
  /** Tells of changes of presence under an address, until the function that it gives is called. */
  watch(address: string, listener: (change: PresenceChange) => void): () => void;
  /** Has a connection known, so that it can be ended, until the function that it gives is called. */
  attach(party: Party): () => void;
  /** What the function of {@link attach} does, for parties whose user never changes: they need not keep it. */
  detach(party: Party): void;
  /** Ends all connections of a user, or one connection, on all nodes; with a reason for the client. */
  disconnect(who: { user: string } | { connection: string }, reason: string): Ended;
  /** For pages and metrics. */
  readonly figures: {
    readonly publications: number;
    readonly deliveries: number;
    readonly listeners: number;
    readonly gaps: number;
  };
  /** The busiest addresses: how many listen, and messages in the last minute. */
  topics(limit: number): readonly { address: string; listeners: number; perMinute: number }[];
}

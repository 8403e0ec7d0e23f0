/**
 * What goes into a node and what comes out of it besides calls: options, events and figures. Only shapes; `memberlist.ts` gives
 * them their meaning.
 */
import type { Address } from "./address.ts";
import type { Clock, Random } from "./clock.ts";
import type { Counters } from "./counters.ts";
import type { Conflict, Member } from "./roster.ts";
import type { Timing, TimingProfile } from "./timing.ts";
import type { Transport } from "./transport.ts";
import type { SocketOptions } from "./transport-socket.ts";
import type { WireOptions } from "./wire.ts";

/** What a node is made of. */
export interface MemberlistOptions extends WireOptions {
  /** Unique in the cluster; 1 to 512 bytes of UTF-8. */
  readonly name: string;
  /** Where to listen; ignored when `transport` is given. @default 0.0.0.0 and a free port */
  readonly listen?: SocketOptions;
  /** Another network than the machine's. */
  readonly transport?: Transport;
  /** Bytes that all members see beside the name, at most 512. @default none */
  readonly meta?: Uint8Array;
  /** Addresses `host:port` to join and to return to for ever; host names are resolved at each attempt. @default none */
  readonly seeds?: readonly string[];
  /** A profile by name, or every value. @default "lan" */
  readonly timing?: TimingProfile | Timing;
  /** Delegate version that the application speaks, with the range it understands. @default all 0 */
  readonly delegateVersion?: { readonly min: number; readonly max: number; readonly current: number };
  /** Bytes for the other side of a push/pull; `join` when either side is joining. @default none */
  readonly localState?: (join: boolean) => Uint8Array;
  /** Takes the other side's bytes of a push/pull; called only when there are any. */
  readonly mergeState?: (state: Uint8Array, join: boolean) => void;
  /** Whether to take a member in that is new or back; called before it is entered. @default everyone */
  readonly accepts?: (member: Member) => boolean;
  readonly clock?: Clock;
  readonly random?: Random;
  /** IP addresses of a host name. @default the system's resolver */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

/** Bytes from the application on another node. Delivery may repeat or reorder datagrams. */
export interface ReceivedMessage {
  readonly payload: Uint8Array;
  readonly from: Address;
  /** Whether it came on a stream. */
  readonly reliable: boolean;
}

/** Events and what their listeners get. None is about this node itself, except a conflict over its name. */
export interface MemberlistEvents {
  /** A member is new, or back after it was dead or had left. */
  join: Member;
  /** A member said that it leaves. */
  left: Member;
  /** A member was given up. */
  dead: Member;
  /** A member has other metadata. */
  update: Member;
  /** A member does not answer; it has some time to object. */
  suspect: Member;
  /** A suspected member objected. */
  alive: Member;
  /** A name is used at two addresses; told at most every five seconds for a name. */
  conflict: Conflict;
  /** Bytes for the application. */
  message: ReceivedMessage;
}

/** How the node is and what it counted. */
export interface MemberlistHealth extends Readonly<Counters> {
  /** 0 is well; up to 7. The probe interval is stretched by the score plus one. */
  readonly score: number;
  /** Members by state, this one included, remembered ones included. */
  readonly members: Readonly<Record<Member["state"], number>>;
  /** News waiting to be gossiped. */
  readonly broadcastsQueued: number;
}

/** What a bridge is told: networks, the channels on them, and where each channel lies on the bus. Values only. */
import type { Identity } from "../../lib/irc/registration.ts";

/** One channel that is bridged. */
export interface ChannelPlan {
  /** Such as `#room`. */
  name: string;
  /** What has to be said to come in. */
  key?: string;
  /** Messages to addresses that begin so go into the channel; what is said there is published below `<address>.fitor`. */
  address: string;
}

/** One network. */
export interface NetworkPlan {
  /** For addresses, paths and people; unique. */
  name: string;
  host: string;
  port: number;
  tls: boolean;
  tlsVerify: boolean;
  tlsCa?: string;
  tlsCertificate?: string;
  tlsKey?: string;
  identity: Identity;
  channels: readonly ChannelPlan[];
}

/** What of IRC is told to the bus. */
export const bridgedKinds = ["message", "action", "notice", "join", "part", "quit", "kick", "nick", "topic"] as const;
/** One of {@link bridgedKinds}. */
export type BridgedKind = (typeof bridgedKinds)[number];

/** The end of the address under which the bridge itself publishes. */
export const ownPart = "fitor";

/**
 * Between this service and its pages: what is published there, or below, is never said on IRC. The colon keeps it from being the
 * address of a channel.
 */
export const pageAddress = "fitor:page";

/** Whether an address is {@link pageAddress}, or below it. */
export function isForPages(address: string): boolean {
  return address === pageAddress || address.startsWith(`${pageAddress}.`);
}

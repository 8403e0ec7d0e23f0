/**
 * What joins the hubs of several nodes: publications, presence, and orders to end connections go between them. Whoever
 * listens at any node hears each publication once, or is told of a gap. A port, fulfilled by NATS, by Redis, and by
 * connections between the nodes themselves.
 */
import type { Carrier } from "../hub-ordered.ts";

/** Another node, as the link sees it. */
export interface LinkedNode {
  id: string;
  /** How long nothing was heard of it, ms. */
  silentMs: number;
  isThere: boolean;
  /** Publications of it that are known of and did not come yet. */
  behind: number;
}

/** For pages and findings. */
export interface LinkState {
  /** Whether what carries messages is reachable now. */
  isUp: boolean;
  /** What is wrong, for people; undefined when nothing is. */
  failure: string | undefined;
  nodes: readonly LinkedNode[];
}

/** A link that runs. */
export interface NodeLink {
  readonly kind: "nats" | "redis" | "direct";
  /** What takes publications: for the hub. */
  readonly carrier: Carrier;
  state(): LinkState;
  /** Says farewell and ends. */
  stop(): Promise<void>;
}

/**
 * What a statsd does, as its parts need it, wherever it was configured: in the program's own file, by statsd-go's flags,
 * or in a file of Etsy's. Data only.
 */
import { hostname } from "node:os";

import type { Address } from "../../kit/config/address.ts";
import type { ClusterNode } from "./cluster/cluster.ts";
import type { BucketLimits, IdleFlushes } from "./buckets.ts";
import type { NamingRules } from "./naming.ts";
import type { ReadingRules } from "./packet.ts";
import type { RepeatTarget } from "./repeater.ts";
import type { TimerRules } from "./timer-figures.ts";

/** A Graphite to send to. */
export interface GraphiteTarget extends Address {
  protocol: "line" | "pickle";
}

/** All settings of a statsd. */
export interface StatsdSettings {
  reading: ReadingRules;
  naming: NamingRules;
  timers: TimerRules;
  idle: IdleFlushes;
  limits: BucketLimits;
  flushMs: number;
  udp: readonly Address[];
  tcp: readonly Address[];
  /** Paths of unix stream sockets. */
  unix: readonly string[];
  /** Permission bits of those, or undefined for what the umask gives. */
  unixMode: number | undefined;
  /** Paths of unix datagram sockets. */
  unixDatagram: readonly string[];
  /** Permission bits of those, or undefined for what the umask gives. */
  unixDatagramMode: number | undefined;
  admin: readonly Address[];
  receiveBufferBytes: number;
  graphite: readonly GraphiteTarget[];
  repeat: readonly RepeatTarget[];
  /** Statsds that share what comes; where there are any, nothing is counted here. */
  nodes: readonly ClusterNode[];
  checkNodesEveryMs: number;
  toConsole: boolean;
  toSeries: boolean;
  exposes: boolean;
  spoolBytes: number;
  health: "up" | "down";
  /** Every line that comes is written to the log. */
  dumps: boolean;
}

/** `{host}` in a prefix as this machine's name, in a form that is one level of a path. */
export function withHost(prefix: string): string {
  return prefix.replaceAll("{host}", hostname().replaceAll(/[^a-zA-Z0-9_-]/g, "_"));
}

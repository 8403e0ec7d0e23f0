/**
 * How often and how patiently: three profiles and the formulas that scale them with the number of members, so that no cluster
 * below a few hundred nodes needs a setting changed. Values of the profiles are those of hashicorp/memberlist's local, LAN
 * and WAN configurations, because a mixed cluster detects failures as evenly as its members agree on them; only the local
 * profile repeats its news as often as the others, since twice is too seldom among three members.
 */

/** All intervals in milliseconds. */
export interface Timing {
  /** One member is probed this often. */
  readonly probeIntervalMs: number;
  /** An ack later than this starts indirect probes. */
  readonly probeTimeoutMs: number;
  /** Members asked to probe on our behalf. */
  readonly indirectProbes: number;
  /** Suspicion lasts at least this many probe intervals, times log10 of the members. */
  readonly suspicionFactor: number;
  /** Without confirmations it lasts this many times longer. */
  readonly suspicionStretch: number;
  /** Broadcasts are sent this often while there are any. */
  readonly gossipIntervalMs: number;
  /** Members told each time. */
  readonly gossipFanout: number;
  /** A dead member is still told for this long, so that it can object. */
  readonly gossipToDeadMs: number;
  /** A broadcast is sent this many times, times log10 of the members. */
  readonly retransmitFactor: number;
  /** Full state is exchanged with one member this often; rarer in clusters of more than 32. */
  readonly pushPullIntervalMs: number;
  /** A stream that has not finished after this is given up. */
  readonly streamTimeoutMs: number;
  /** Health scores run from 0 to one less than this; the score plus one multiplies the probe interval. */
  readonly healthScores: number;
  /** A dead member's name may be claimed from another address after this. */
  readonly reclaimMs: number;
  /** Retry of a seed that is not alive: first delay, and the longest one. */
  readonly rejoinMinMs: number;
  readonly rejoinMaxMs: number;
  /** A dead member is remembered, shown and tried again for this long. */
  readonly rememberMs: number;
  /** Largest datagram that is built, in bytes. */
  readonly datagramBytes: number;
}

/** Name of a ready-made timing: one machine, one site, or sites far apart. */
export type TimingProfile = "local" | "lan" | "wan";

const lan: Timing = {
  probeIntervalMs: 1000,
  probeTimeoutMs: 500,
  indirectProbes: 3,
  suspicionFactor: 4,
  suspicionStretch: 6,
  gossipIntervalMs: 200,
  gossipFanout: 3,
  gossipToDeadMs: 30_000,
  retransmitFactor: 4,
  pushPullIntervalMs: 30_000,
  streamTimeoutMs: 10_000,
  healthScores: 8,
  reclaimMs: 10_000,
  rejoinMinMs: 1000,
  rejoinMaxMs: 60_000,
  rememberMs: 72 * 3_600_000,
  datagramBytes: 1400,
};

/** The profiles by name. */
export const timings: Readonly<Record<TimingProfile, Timing>> = {
  local: {
    ...lan,
    probeTimeoutMs: 200,
    indirectProbes: 1,
    suspicionFactor: 3,
    gossipIntervalMs: 100,
    gossipToDeadMs: 15_000,
    pushPullIntervalMs: 15_000,
    streamTimeoutMs: 1000,
    rejoinMinMs: 500,
    rejoinMaxMs: 15_000,
  },
  lan,
  wan: {
    ...lan,
    probeIntervalMs: 5000,
    probeTimeoutMs: 3000,
    suspicionFactor: 6,
    gossipIntervalMs: 500,
    gossipFanout: 4,
    gossipToDeadMs: 60_000,
    pushPullIntervalMs: 60_000,
    streamTimeoutMs: 30_000,
    rejoinMinMs: 3000,
    rejoinMaxMs: 120_000,
  },
};

/** Shortest suspicion: suspicionFactor × max(1, log10 members) × probeInterval. */
export function suspicionMinMs(timing: Timing, members: number): number {
  return timing.suspicionFactor * Math.max(1, Math.log10(Math.max(1, members))) * timing.probeIntervalMs;
}

/**
 * Confirmations by others that bring a suspicion down to its shortest: suspicionFactor − 2, or 0 when there are too few
 * others to give them.
 */
export function confirmationsWanted(timing: Timing, members: number): number {
  const wanted = timing.suspicionFactor - 2;
  return members - 2 < wanted ? 0 : wanted;
}

/** Times that a broadcast is sent: retransmitFactor × ⌈log10(members + 1)⌉. */
export function transmitLimit(timing: Timing, members: number): number {
  return timing.retransmitFactor * Math.ceil(Math.log10(members + 1));
}

/** Time between push/pulls: the interval, and one more of it each time that the members double beyond 32. */
export function pushPullDelayMs(timing: Timing, members: number): number {
  if (members <= 32) return timing.pushPullIntervalMs;
  return timing.pushPullIntervalMs * (Math.ceil(Math.log2(members) - 5) + 1);
}

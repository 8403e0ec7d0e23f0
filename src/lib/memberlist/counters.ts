/** What one node counted since it was created; plain numbers that only grow. */

/** Totals of one node. */
export interface Counters {
  packetsIn: number;
  packetBytesIn: number;
  packetsOut: number;
  packetBytesOut: number;
  /** Datagrams and parts of them that could not be accepted. */
  packetsRefused: number;
  streamsIn: number;
  streamsOut: number;
  /** Streams whose bytes could not be accepted, or that were too many at once. */
  streamsRefused: number;
  probes: number;
  /** Probes that nobody answered by datagram or stream. */
  probesFailed: number;
  /** Probes answered only by a stream: datagrams to that member seem to be blocked. */
  probesStreamOnly: number;
  /** Times that this node objected to being suspected or declared dead. */
  refutations: number;
}

/** All totals at zero. */
export function createCounters(): Counters {
  return {
    packetsIn: 0,
    packetBytesIn: 0,
    packetsOut: 0,
    packetBytesOut: 0,
    packetsRefused: 0,
    streamsIn: 0,
    streamsOut: 0,
    streamsRefused: 0,
    probes: 0,
    probesFailed: 0,
    probesStreamOnly: 0,
    refutations: 0,
  };
}

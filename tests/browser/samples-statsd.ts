/** Sample views of statsd's page: a busy one, one in trouble, nodes that share, nothing at all, hostile names. */
import type { OverviewView } from "../../src/signals/statsd/pages/overview.tsx";
import { hostileName, sampleNow } from "./samples-console.ts";

const now = sampleNow;
const wave = (middle: number) => Array.from({ length: 60 }, (_, at) => middle * (1 + Math.sin(at / 7) / 3));

const empty: OverviewView = {
  now,
  findings: [{ name: "statsd", state: "ok", sentence: "Metrics come in and go out" }],
  packetRates: [],
  lineRates: [],
  names: 3,
  maxNames: 200_000,
  bad: 0,
  drops: 0,
  flushMs: 10_000,
  lastFlush: undefined,
  waysIn: [],
  outputs: [],
  nodes: [],
  busiest: [],
  makers: [],
  senders: [],
  badLines: [],
  events: [],
  checks: [],
};

const output = {
  name: "graphite.example:2003",
  kind: "graphite",
  isUp: true,
  sentPoints: 1_204_332,
  spooledBytes: 0,
  droppedPoints: 0,
  lastSentAt: now - 4000,
  lastFailedAt: 0,
  failure: "",
  lastLengthBytes: 8123,
  lastWriteMs: 3,
};

const well: OverviewView = {
  ...empty,
  packetRates: wave(12_300),
  lineRates: wave(61_500),
  names: 4217,
  bad: 12,
  lastFlush: { at: now - 4000, stats: 4217, points: 9120, tookMs: 31 },
  waysIn: [
    { purpose: "udp", address: "127.0.0.1:8125", failure: undefined, drops: 0, grantedBytes: 8_388_608 },
    { purpose: "tcp", address: "127.0.0.1:8125", failure: undefined, drops: 0, grantedBytes: undefined },
    { purpose: "admin", address: "127.0.0.1:8126", failure: undefined, drops: 0, grantedBytes: undefined },
  ],
  outputs: [{ ...output, name: "the series of this program", kind: "series" }, output],
  nodes: [],
  busiest: [
    { kind: "counter", name: "shop.requests", updates: 48_211 },
    { kind: "timer", name: "shop.checkout;region=north", updates: 3204 },
    { kind: "gauge", name: "shop.carts", updates: 12 },
  ],
  makers: [{ who: "shop.requests", made: 312, refused: 0 }],
  senders: [{ who: "127.0.0.1", made: 4217, refused: 0 }],
  badLines: [{ at: now - 60_000, line: "shop.total:12,50|c", reason: "its value is no number", sender: "10.0.0.7" }],
  checks: [{ at: now - 9000, name: "db.replica", status: 1, atSeconds: undefined, host: "", message: "12 s behind" }],
  events: [
    {
      at: now - 300_000,
      title: "Deploy",
      text: "version 1.2.3",
      atSeconds: undefined,
      host: "",
      kind: "success",
      priority: "normal",
      aggregationKey: "",
      source: "",
      tags: [],
    },
  ],
};

const taken =
  "Cannot take metrics at 127.0.0.1:8125 (udp): the port is held by node (pid 812); set udp in [statsd] to another address";

/** The samples of statsd's page. */
export const statsdSamples: Record<string, OverviewView> = {
  well,
  trouble: {
    ...well,
    findings: [{ name: "statsd udp", state: "degraded", sentence: taken }],
    names: 200_000,
    drops: 48_213,
    waysIn: [
      { purpose: "udp", address: "127.0.0.1:8125", failure: taken, drops: 48_213, grantedBytes: undefined },
      ...well.waysIn.slice(1),
    ],
    outputs: [
      {
        ...output,
        isUp: false,
        failure: "connect ECONNREFUSED 10.0.0.9:2003",
        spooledBytes: 61_203_112,
        droppedPoints: 8120,
      },
    ],
    makers: [{ who: "users.by-id", made: 195_000, refused: 12_004_112 }],
  },
  empty,
  shared: {
    ...well,
    nodes: [
      { name: "10.0.0.2:8125", isUp: true, lines: 4_812_331, dropped: 0, failure: "" },
      { name: "[fd00::3]:8125", isUp: true, lines: 4_790_112, dropped: 12, failure: "" },
      {
        name: "statsd-3.example:8125",
        isUp: false,
        lines: 120_331,
        dropped: 0,
        failure: "statsd-3.example:8126 did not answer within 10000 ms",
      },
    ],
  },
  hostile: {
    ...well,
    busiest: [{ kind: "set", name: hostileName, updates: 1 }],
    makers: [{ who: hostileName, made: 1, refused: 1 }],
    badLines: [{ at: now, line: hostileName, reason: "it has no value", sender: "::1" }],
    events: well.events.map((event) => ({ ...event, title: hostileName, text: hostileName })),
    checks: well.checks.map((check) => ({ ...check, name: hostileName, message: hostileName })),
  },
};

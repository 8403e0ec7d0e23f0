/** Sample views of cbp's page: all passes, one upstream is down, nothing at all, hostile and endless words. */
import type { OverviewView, ProxyView } from "../../src/wires/cbp/pages/overview.tsx";
import type { UpstreamStatus } from "../../src/wires/cbp/status.ts";
import { hostileName, sampleNow } from "./samples-console.ts";

const endless = "x".repeat(300);

function upstream(name: string, facts: Partial<UpstreamStatus> = {}): UpstreamStatus {
  return {
    name,
    address: "db1.example:5432",
    addresses: ["192.0.2.7"],
    lookupFailure: "",
    isFallback: false,
    isEjected: false,
    ejections: 0,
    active: 41,
    dials: 120_345,
    failed: 0,
    failuresBy: {},
    connectMs: [0.31, 0.9, 4.2],
    firstByteMs: [2.1, 9.8, 41],
    check: null,
    state: "closed",
    event: "ready",
    generation: 0,
    successes: 512,
    failures: 0,
    retryInMs: 0,
    admitted: 1,
    staleResults: 0,
    trips: 0,
    history: [],
    ...facts,
  };
}

const wave = (size: number) => Array.from({ length: 60 }, (_, at) => Math.round(size * (1 + Math.sin(at / 6))));

function proxy(name: string, upstreams: readonly UpstreamStatus[], facts: Partial<ProxyView> = {}): ProxyView {
  return {
    name,
    listen: "127.0.0.1:6432",
    isListening: true,
    isDraining: false,
    failure: "",
    balance: "least-connections",
    connections: 41,
    queued: 0,
    maxConnections: 8000,
    accepted: 120_345,
    refused: 0,
    upBytes: 2 ** 31,
    downBytes: 2 ** 34,
    endings: { done: 120_304 },
    ownFailures: 0,
    upstreams,
    acceptedRates: wave(120),
    refusedRates: wave(0),
    upRates: wave(2 ** 18),
    downRates: wave(2 ** 22),
    ...facts,
  };
}

const view = (proxies: readonly ProxyView[]): OverviewView => ({
  mountPath: "/cbp",
  now: sampleNow,
  mayWrite: true,
  proxies,
});

const open = upstream("db1.example:5432", {
  state: "open",
  event: "tripped",
  retryInMs: 2350,
  active: 0,
  failed: 7,
  trips: 1,
  successes: 4,
  failures: 5,
  history: [
    { at: sampleNow - 61_000, from: "closed", to: "open", reason: "5 of 9 failed, the last with refused" },
    { at: sampleNow - 60_000, from: "open", to: "half-open", reason: "the delay has passed" },
    { at: sampleNow - 59_000, from: "half-open", to: "open", reason: "a probe failed (dial-timeout)" },
  ],
});

/** The page. */
export const cbpSamples: Record<string, OverviewView> = {
  well: view([proxy("database", [upstream("db1.example:5432")])]),
  trouble: view([
    proxy("database", [open, upstream("db2.example:5432", { isFallback: true })]),
    proxy("search", [{ ...open, state: "half-open" }], { refused: 1402, refusedRates: wave(30), queued: 3 }),
    proxy("mail", [upstream("mail.example:25", { state: "forced-closed", isEjected: true })], { isDraining: true }),
  ]),
  empty: view([]),
  hostile: view([
    proxy(hostileName, [upstream(endless, { addresses: [], lookupFailure: hostileName, history: open.history })], {
      failure: `Cannot listen on ${endless}`,
    }),
  ]),
};

/** Sample views of Cask's pages: three nodes and well, nine nodes in trouble, nothing at all, hostile and endless names. */
import type {
  JoinView,
  LogView,
  LookupView,
  NodeRow,
  OverviewView,
  UploadView,
} from "../../src/storage/cask/pages/view.ts";
import { hostileName, sampleNow } from "./samples-console.ts";

const now = sampleNow;
const frame = { mountPath: "/cask", now };
const gib = 2 ** 30;
const key = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const otherKey = "sha1:a94a8fe5ccb19ba61c4c0873d391e987982fbbd3";

function node(name: string, share: number, facts: Partial<NodeRow> = {}): NodeRow {
  return {
    id: `id-of-${name}`,
    name,
    self: false,
    state: "alive",
    stateSince: now - 272_000_000,
    url: `http://${name}.example.internal:4100/cask`,
    writeable: true,
    share,
    freeBytes: 812 * gib,
    totalBytes: 1863 * gib,
    blobs: Math.round(share * 36_102),
    ...facts,
  };
}

const well: OverviewView = {
  ...frame,
  nodes: [
    node("heron", 0.348, { self: true }),
    node("adder", 0.301, { freeBytes: 1204 * gib }),
    node("otter", 0.351, { freeBytes: 190 * gib }),
  ],
  copies: { perBlob: 3, quorum: 2, wanted: 36_102, had: 36_102 },
  handOff: { waiting: 0 },
  scrub: {
    state: "working",
    done: 0.5547,
    position: "bucket 142 of 256",
    bytesPerSecond: 3_250_586,
    etaMs: 353_000_000,
    targetMs: 30 * 86_400_000,
    lagMs: 0,
    bad: 1,
  },
  repairs: [
    { at: now - 539_000, key, what: "fetched", node: "adder", reason: "the copy here did not match its key" },
    { at: now - 540_000, key, what: "put aside", reason: "the bytes hash to sha256:51aa08c2…" },
    { at: now - 7_400_000, key: otherKey, what: "sent", node: "otter", reason: "it was away when the blob was stored" },
    { at: now - 9_000_000, key: otherKey, what: "dropped", reason: "its 3 owners proved their copies" },
  ],
  store: {
    kind: "disk",
    place: "/var/lib/warren/cask",
    blobs: 12_034,
    bytes: 86.2 * gib,
    freeBytes: 812 * gib,
    totalBytes: 1863 * gib,
    writeable: true,
    quarantined: 1,
  },
};

const names = ["heron", "adder", "otter", "badger", "stoat", "vole", "shrew", "marten", "lynx"];

const trouble: OverviewView = {
  ...well,
  nodes: names.map((name, position) =>
    node(name, [0.121, 0.098, 0.133, 0.104, 0.089, 0.142, 0.117, 0.108, 0.088][position] ?? 0, {
      self: position === 0,
      ...(name === "otter"
        ? {
            state: "dead" as const,
            stateSince: now - 840_000,
            freeBytes: undefined,
            totalBytes: undefined,
            blobs: undefined,
          }
        : {}),
      ...(name === "vole" ? { state: "suspect" as const, stateSince: now - 9000 } : {}),
      ...(name === "lynx"
        ? {
            state: "left" as const,
            stateSince: now - 90_000_000,
            share: undefined,
            blobs: undefined,
            url: undefined,
            freeBytes: undefined,
          }
        : {}),
      ...(name === "stoat" ? { writeable: false, freeBytes: 0.2 * gib, totalBytes: 480 * gib } : {}),
      ...(name === "marten" ? { freeBytes: Infinity, totalBytes: Infinity } : {}),
    }),
  ),
  copies: { perBlob: 3, quorum: 2, wanted: 36_102, had: 31_887 },
  handOff: { waiting: 418, oldestSince: now - 840_000, failure: "otter does not answer: connection refused" },
  scrub: {
    state: "failing",
    done: 0.031,
    position: "bucket 8 of 256",
    bytesPerSecond: 0,
    etaMs: undefined,
    targetMs: 30 * 86_400_000,
    lagMs: 5 * 86_400_000,
    bad: 12,
    failure: "Cannot read bucket 8: input/output error",
  },
};

const empty: OverviewView = {
  ...frame,
  nodes: [node("heron", 1, { self: true, blobs: 0 })],
  copies: { perBlob: 1, quorum: 1, wanted: 0, had: 0 },
  handOff: { waiting: 0 },
  scrub: undefined,
  repairs: [],
  store: {
    kind: "memory",
    place: "this process",
    blobs: 0,
    bytes: 0,
    freeBytes: Infinity,
    totalBytes: Infinity,
    writeable: true,
    quarantined: 0,
  },
};

const long = `${"very-long-".repeat(14)}name`;

const hostile: OverviewView = {
  ...trouble,
  nodes: trouble.nodes.map((row, position) => ({
    ...row,
    name: position % 2 === 0 ? hostileName : long,
    url: position % 2 === 0 ? `http://${long}` : row.url,
  })),
  repairs: well.repairs.map((repair) => ({ ...repair, key: hostileName, node: long, reason: hostileName })),
  store: { ...well.store, place: `/${long.repeat(2)}`, kind: hostileName },
};

/** Samples of the overview by name. */
export const overviewSamples: Record<string, OverviewView> = { well, trouble, empty, hostile };

/** Samples of the look-up page by name. */
export const lookupSamples: Record<string, LookupView> = {
  empty: { ...frame, query: "" },
  invalid: {
    ...frame,
    query: "sha256:9F86",
    outcome: {
      kind: "invalid",
      reason: `Cannot read key "sha256:9F86": wanted 64 lower-case hex digits after the colon`,
    },
  },
  missing: { ...frame, query: key, outcome: { kind: "missing", key, asked: 3, unreachable: 1 } },
  found: {
    ...frame,
    query: key,
    outcome: {
      kind: "found",
      key,
      sizeBytes: 4_812_336,
      wanted: 3,
      storedAt: now - 86_400_000,
      holders: [
        {
          node: "otter",
          self: false,
          url: "http://otter.example.internal:4100/cask",
          owner: true,
          has: "verified",
          verifiedAt: now - 3_600_000,
        },
        { node: "heron", self: true, url: "http://heron.example.internal:4100/cask", owner: true, has: "held" },
        { node: "adder", self: false, url: "http://adder.example.internal:4100/cask", owner: true, has: "unreachable" },
        { node: "stoat", self: false, url: undefined, owner: false, has: "missing" },
      ],
    },
  },
  hostile: {
    ...frame,
    query: hostileName,
    outcome: {
      kind: "found",
      key: hostileName,
      sizeBytes: 1,
      wanted: 1,
      holders: [{ node: hostileName + long, self: false, url: undefined, owner: true, has: "held" }],
    },
  },
};

/** Samples of the upload page by name. */
export const uploadSamples: Record<string, UploadView> = {
  well: { ...frame, maxBytes: 2 * gib },
  refused: { ...frame, maxBytes: 2 * gib, refusal: "No file can be stored now: 1 node takes writes, 2 must." },
  stored: { ...frame, maxBytes: 2 * gib, outcome: { kind: "stored", key, sizeBytes: 4_812_336, made: 2, wanted: 3 } },
  failed: {
    ...frame,
    maxBytes: 2 * gib,
    outcome: {
      kind: "failed",
      reason: "Cannot store the file: 1 of 2 nodes has it on disk, and no other takes writes",
    },
  },
};

/** Samples of the log by name. */
export const logSamples: Record<string, LogView> = {
  well: {
    ...frame,
    entries: Array.from({ length: 60 }, (_, position) => ({
      at: now - (60 - position) * 7000,
      level: (["info", "info", "debug", "info", "warn", "info", "error"] as const)[position % 7] ?? "info",
      message:
        [
          "Blob stored",
          "Peer answered",
          "Digest compared",
          "Request served",
          "Peer is slow",
          "Scrub moved on",
          "Copy did not match its key",
        ][position % 7] ?? "",
      fields: {
        service: "cask",
        key: position % 3 === 0 ? key : undefined,
        millis: position * 3,
        reason: position % 7 === 6 ? "bytes hash to another key" : undefined,
      },
    })),
  },
  empty: { ...frame, entries: [] },
  hostile: {
    ...frame,
    entries: [{ at: now, level: "error", message: hostileName, fields: { [hostileName]: long + hostileName } }],
  },
};

/** Samples of the join form by name. */
export const joinSamples: Record<string, JoinView> = {
  well: { ...frame, url: "", known: 3, secretWanted: true },
  joined: { ...frame, url: "", known: 4, secretWanted: false, outcome: { kind: "joined", answered: 1 } },
  failed: {
    ...frame,
    url: "10.0.0.99:7946",
    known: 1,
    secretWanted: true,
    outcome: { kind: "failed", reason: "Cannot join: the secret is not the cluster's" },
  },
};

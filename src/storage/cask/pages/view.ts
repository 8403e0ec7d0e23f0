/**
 * What the pages of Cask show, as plain values that whoever answers requests fills. Unknown numbers are `undefined` and
 * shown as a dash: a page never guesses. Addresses of pages are made here, so that they stand in one place.
 */
import type { LogEntry } from "../../../kit/log.ts";
import type { Tab } from "../../../kit/pages/layout.tsx";

/** What every page of Cask knows. */
export interface CaskFrame {
  /** `/cask`, or the empty string where Cask has an address of its own. */
  mountPath: string;
  /** Wall time of the view, epoch ms. */
  now: number;
}

/** The first page: how the cluster fares, seen from this node. */
export interface OverviewView extends CaskFrame {
  /** Sorted as they are to be shown. */
  nodes: readonly NodeRow[];
  copies: {
    /** Copies wanted of each blob. */
    perBlob: number;
    /** Copies that must be on disk before an upload is answered. */
    quorum: number;
    /** All copies that ought to exist of the blobs this node answers for. */
    wanted: number | undefined;
    /** How many of them are known to exist. */
    had: number | undefined;
  };
  /** Copies promised to nodes that were away. */
  handOff: {
    waiting: number;
    /** Since when the oldest waits, epoch ms. */
    oldestSince?: number | undefined;
    /** Why the last attempt failed. */
    failure?: string | undefined;
  };
  scrub: ScrubView | undefined;
  /** What was mended lately, newest first. */
  repairs: readonly RepairRow[];
  store: {
    /** `disk`, `s3` or `memory`. */
    kind: string;
    /** A folder or a bucket. */
    place: string;
    blobs: number;
    bytes: number;
    freeBytes: number;
    totalBytes: number;
    writeable: boolean;
    /** Bad copies put aside for a person to see. */
    quarantined: number;
  };
}

/** One node of the cluster. */
export interface NodeRow {
  id: string;
  name: string;
  self: boolean;
  state: "alive" | "suspect" | "dead" | "left";
  /** Since when it is in this state, epoch ms. */
  stateSince: number;
  /** Where it is reached; undefined when it has told none. */
  url: string | undefined;
  writeable: boolean;
  /** Its part of the key space, 0 to 1; undefined when it is not on the ring. */
  share: number | undefined;
  freeBytes: number | undefined;
  totalBytes: number | undefined;
  blobs: number | undefined;
}

/** The reading of all blobs, over and over. */
export interface ScrubView {
  state: "working" | "waiting" | "idle" | "failing" | "paused" | "stopped";
  /** How much of this round is done, 0 to 1. */
  done: number;
  /** Where it is, in words, such as `bucket 142 of 256`. */
  position: string;
  bytesPerSecond: number;
  /** Until the end of this round. */
  etaMs: number | undefined;
  /** In what time all bytes ought to be read. */
  targetMs: number;
  /** How far it is behind that; 0 when it keeps up. */
  lagMs: number;
  /** Copies found bad since the start. */
  bad: number;
  failure?: string | undefined;
}

/** One thing that was mended. */
export interface RepairRow {
  at: number;
  key: string;
  what: "fetched" | "sent" | "put aside" | "dropped";
  /** The other node, where there is one. */
  node?: string | undefined;
  /** Why, in a few words. */
  reason: string;
}

/** The page that looks a key up. */
export interface LookupView extends CaskFrame {
  /** What was typed; empty at first. */
  query: string;
  outcome?: LookupOutcome | undefined;
}

/** What became of looking a key up. */
export type LookupOutcome =
  | { kind: "invalid"; reason: string }
  | { kind: "missing"; key: string; asked: number; unreachable: number }
  | {
      kind: "found";
      key: string;
      sizeBytes: number;
      /** Copies wanted. */
      wanted: number;
      storedAt?: number | undefined;
      /** In the order of the ring, owners first. */
      holders: readonly HolderRow[];
    };

/** What one node says about one key. */
export interface HolderRow {
  node: string;
  self: boolean;
  /** Its pages; undefined when it has told none. */
  url: string | undefined;
  /** Whether the ring gives it a copy. */
  owner: boolean;
  has: "verified" | "held" | "missing" | "unreachable";
  verifiedAt?: number | undefined;
}

/** The page that takes files. */
export interface UploadView extends CaskFrame {
  /** Largest file that is taken. */
  maxBytes: number;
  /** Why no file can be taken now, as a sentence. */
  refusal?: string | undefined;
  /** What became of a file sent without script. */
  outcome?:
    | { kind: "stored"; key: string; sizeBytes: number; made: number; wanted: number }
    | { kind: "failed"; reason: string }
    | undefined;
}

/** The last lines of the log. */
export interface LogView extends CaskFrame {
  /** Oldest first, as the log keeps them. */
  entries: readonly LogEntry[];
}

/** The form that reaches another node. */
export interface JoinView extends CaskFrame {
  /** What was typed into `url`. */
  url: string;
  /** Nodes known now, this one included. */
  known: number;
  /** Whether the cluster has a secret that must be given. */
  secretWanted: boolean;
  outcome?: { kind: "joined"; answered: number } | { kind: "failed"; reason: string } | undefined;
}

/** Paths of the pages, below the mount path. */
export const caskPaths = {
  overview: "/",
  live: "/live",
  lookup: "/lookup/",
  upload: "/upload/",
  log: "/log/",
  logLive: "/log/live",
  join: "/join/",
} as const;

/** The tabs of Cask's pages, with the current one marked. */
export function caskTabs(mountPath: string, current: "overview" | "lookup" | "upload" | "log" | "join"): Tab[] {
  const titles = { overview: "Overview", lookup: "Look up", upload: "Upload", log: "Log", join: "Join" } as const;
  const names = ["overview", "lookup", "upload", "log", "join"] as const;
  return names.map((name) => ({
    title: titles[name],
    href: `${mountPath}${caskPaths[name]}`,
    current: name === current,
  }));
}

/** Where the bytes of a key are. */
export function filePath(mountPath: string, key: string): string {
  return `${mountPath}/file/${encodeURIComponent(key).replaceAll("%3A", ":")}/`;
}

/** The page that tells where a key is. */
export function lookupPath(mountPath: string, key: string): string {
  return `${mountPath}${caskPaths.lookup}?key=${encodeURIComponent(key)}`;
}

/**
 * Proving what was merely found: a file whose manifest bears no seal is read whole and hashed, and only then believed. Goes
 * through all such files one after another at a bounded pace; one that somebody asks for is proven at once. One that proves to be another's content is out of the catalog, and the next manifest in line gets its turn. One that cannot
 * be read now waits longer and longer, and lets those in line try before it.
 */
import { type Clock, sleep } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import type { Work, WorkOutcome } from "../../kit/worker.ts";
import type { Key } from "../cask/client.ts";
import type { Catalog } from "./catalog.ts";
import type { Discovery } from "./discovery.ts";
import { within } from "./patience.ts";
import type { ManifestReader } from "./peers.ts";
import type { StoredFile } from "./record.ts";

/** What proving stands on. */
export interface ProvingParts {
  catalog: Catalog;
  clock: Clock;
  log: Logger;
  manifests: ManifestReader;
  /**
   * Reads a file by its manifest and hashes it. Enters it as proven, or takes it out of the catalog and throws the Fault
   * `hakmes/damaged-manifest`; other Faults decide nothing.
   */
  prove(file: StoredFile, signal: AbortSignal): Promise<unknown>;
  line: Pick<Discovery, "promote" | "nextInLine" | "leaveLine" | "hasSearched">;
  /** How fast is read on average, bytes a second. */
  bytesPerSecond: number;
  /** Something became known. */
  learned(): void;
}

/** How often it is looked whether the first search has ended. */
const searchingMs = 500;
/** Pauses of a file that cannot be read; the first when another manifest for it stands in line. */
const lineStepMs = 200;
const firstPauseMs = 30_000;
const longestPauseMs = 3_600_000;
/**
 * A reading ends after this, and after twice as long at each further attempt: a small manifest can name a chunk so often
 * that its file has no end, and others wait for their turn.
 */
const firstReadingMs = 60_000;
/** Files looked at to find the next; a bound on the work of one step. */
const lookMax = 64;

/** Files that are proven at the same time because somebody asks for them; short ones do not wait for long ones. */
const askedMax = { short: 4, long: 2 } as const;
const shortBytes = 256 * 1024 * 1024;

/** What came of asking for a proof; "waiting" when it has not ended, or the file cannot be read now. */
export type Verdict = "proven" | "refuted" | "waiting";

/** The work of proving. */
export interface ProvingWork extends Work {
  /**
   * Proves a file ahead of the others; what takes longer than `limitMs` goes on meanwhile. "refuted": what was in the
   * catalog is out of it; another manifest may have come in its place.
   */
  prove(key: Key, limitMs: number): Promise<Verdict>;
  /** Another manifest for a file is there to be tried: it waits no longer. */
  hurry(key: Key): void;
  /** Files proven and refuted since the program started. */
  counts(): { proven: number; refuted: number };
  /** Ends what was begun because somebody asked. */
  stop(): void;
}

function kindOf({ sizeBytes }: StoredFile): "short" | "long" {
  return sizeBytes <= shortBytes ? "short" : "long";
}

/** Proves all files that are not proven. */
export function provingWork(parts: ProvingParts): ProvingWork {
  const { catalog, clock, log, line } = parts;
  const later = new Map<Key, { atMs: number; failures: number }>();
  const asked = { short: new Map<Key, Promise<void>>(), long: new Map<Key, Promise<void>>() };
  const wanted = new Set<Key>();
  const stopping = new AbortController();
  let proven = 0;
  let refuted = 0;

  const next = (): StoredFile | undefined => {
    let asked: StoredFile | undefined;
    for (const key of wanted) {
      const file = catalog.find(key);
      if (file?.isProven !== false || file.manifest === undefined) wanted.delete(key);
      else if (asked === undefined || file.sizeBytes < asked.sizeBytes) asked = file;
    }
    if (asked !== undefined) {
      wanted.delete(asked.key);
      return asked;
    }
    const nowMs = clock.monotonicMs();
    for (const key of later.keys()) if (catalog.find(key)?.isProven !== false) later.delete(key);
    // Imported ones without a manifest get one first. Who has waited for longest comes next, so that one that is tried again
    // and again does not keep the others from their turn; of those that were never tried the shortest.
    const dueMs = ({ key }: StoredFile) => later.get(key)?.atMs ?? Number.NEGATIVE_INFINITY;
    let first: StoredFile | undefined;
    for (const file of catalog.unproven(lookMax + later.size)) {
      if (file.manifest === undefined || dueMs(file) > nowMs) continue;
      const isBefore =
        first === undefined ||
        dueMs(file) < dueMs(first) ||
        (dueMs(file) === dueMs(first) && file.sizeBytes < first.sizeBytes);
      if (isBefore) first = file;
    }
    return first;
  };
  const untilLaterMs = () => {
    const nextMs = Math.min(...[...later.values()].map(({ atMs }) => atMs));
    return Math.max(100, nextMs - clock.monotonicMs());
  };
  const postpone = (key: Key, isAnotherInLine: boolean) => {
    const failures = (later.get(key)?.failures ?? 0) + 1;
    const pauseMs = isAnotherInLine ? lineStepMs * failures : firstPauseMs * 2 ** Math.min(failures - 1, 10);
    later.set(key, { atMs: clock.monotonicMs() + Math.min(pauseMs, longestPauseMs), failures });
  };

  /** Whether a manifest is right; undefined when that cannot be said now. */
  const isRight = async (file: StoredFile, signal: AbortSignal): Promise<boolean | undefined> => {
    const readingMs = firstReadingMs * 2 ** Math.min(later.get(file.key)?.failures ?? 0, 20);
    try {
      await within(clock, readingMs, (limit) => parts.prove(file, limit), signal);
      proven++;
      return true;
    } catch (thrown) {
      if (signal.aborted || !(thrown instanceof Fault)) throw thrown;
      if (thrown.code === "hakmes/damaged-manifest") {
        refuted++;
        log.warn("A manifest in Cask lies about its file", { key: file.key, manifest: file.manifest });
        return false;
      }
      const reason = reasonOf(thrown);
      log.warn("A found file could not be read to prove it and will be tried again", { key: file.key, reason });
      return undefined;
    }
  };
  /** The name that came with the manifest, now that it is believed. */
  const addName = ({ key }: StoredFile) => {
    const root = catalog.root(key);
    const manifest = catalog.find(key)?.manifest;
    const found = root === undefined || manifest === undefined ? undefined : parts.manifests.read(manifest, root);
    if (found?.kind === "file" && found.name !== undefined) catalog.addName(found.name);
  };
  const proveNext = async (file: StoredFile, signal: AbortSignal): Promise<void> => {
    const verdict = await isRight(file, signal);
    if (verdict === true) {
      addName(file);
      parts.learned();
      return;
    }
    if (verdict === false) {
      await line.promote(signal);
      return;
    }
    const other = await line.nextInLine(file.key, signal);
    postpone(file.key, other !== undefined);
    if (other === undefined) return;
    const otherVerdict = await isRight(other.file, signal);
    if (otherVerdict === undefined) return;
    line.leaveLine(file.key, other.manifest);
    if (!otherVerdict) {
      catalog.examined([other.manifest]);
      return;
    }
    addName(file);
    parts.learned();
  };
  const proveAsked = async (file: StoredFile): Promise<void> => {
    try {
      await proveNext(file, stopping.signal);
    } catch (thrown) {
      if (!stopping.signal.aborted) throw thrown;
    } finally {
      asked[kindOf(file)].delete(file.key);
    }
  };
  const verdictOn = (before: StoredFile): Verdict => {
    const now = catalog.find(before.key);
    if (now?.isProven === true) return "proven";
    return now?.manifest === before.manifest ? "waiting" : "refuted";
  };

  return {
    name: "prove",
    summary: "Reads files whose manifests were merely found, and believes them once their hash is right",
    counts: () => ({ proven, refuted }),
    hurry: (key) => void later.delete(key),
    stop: () => stopping.abort(),
    async prove(key, limitMs) {
      const file = catalog.find(key);
      if (file === undefined) return "refuted";
      if (file.isProven) return "proven";
      const running = asked[kindOf(file)];
      if (!running.has(key)) {
        if ((later.get(key)?.atMs ?? 0) > clock.monotonicMs()) return "waiting";
        if (running.size >= askedMax[kindOf(file)] || stopping.signal.aborted) {
          wanted.add(key);
          parts.learned();
          return "waiting";
        }
        running.set(key, proveAsked(file));
      }
      const limit = new AbortController();
      await Promise.race([running.get(key), sleep(clock, limitMs, limit.signal)]);
      limit.abort();
      return verdictOn(file);
    },
    progress: () => ({ proven, refuted, postponed: later.size }),
    async step(signal): Promise<WorkOutcome> {
      // A sealed manifest that is still to be found spares the reading, and must not come second to one that bears none.
      if (!line.hasSearched()) return { waitMs: searchingMs };
      await line.promote(signal);
      const file = next();
      if (file === undefined) return later.size === 0 ? "idle" : { waitMs: untilLaterMs() };
      const beganMs = clock.monotonicMs();
      await proveNext(file, signal);
      // Of others it is not known how much was read: what a manifest says of its length may be a lie.
      const readBytes = catalog.find(file.key)?.isProven === true ? file.sizeBytes : 0;
      const paceMs = (readBytes / parts.bytesPerSecond) * 1000;
      return { waitMs: Math.max(0, paceMs - (clock.monotonicMs() - beganMs)) };
    },
  };
}

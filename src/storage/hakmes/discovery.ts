/**
 * The search for manifests: walks Cask bucket by bucket, looks at the first bytes of every small blob it has not looked at,
 * and enters what is a manifest. A round that saw every blob makes the catalog whole: whatever was acknowledged before it
 * began is in it.
 *
 * Several manifests may name one key, for anybody can store a text that looks like one. A sealed one is believed, the others
 * stand in line: one is in the catalog, unproven, the rest are remembered here and take its place when it is refuted or
 * cannot be read (proving.ts). What is remembered is found again by the next round after a restart, because a blob counts as
 * looked at only when nothing more can come of it.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { inParallel } from "../../kit/in-parallel.ts";
import type { Logger } from "../../kit/log.ts";
import type { Work, WorkOutcome } from "../../kit/worker.ts";
import type { Key } from "../cask/client.ts";
import type { Catalog } from "./catalog.ts";
import { within } from "./patience.ts";
import { isBlobOf, rootBytesMax } from "./peers-entry.ts";
import type { ManifestReader } from "./peers.ts";
import type { StoredFile } from "./record.ts";
import type { Shelf } from "./shelf.ts";

/** Buckets that Cask lists. */
export const bucketCount = 256;
/** The name under which a catalog notes how many whole rounds it has seen; no catalog's id. */
const roundsNote = "cask";
/** The name under which it notes that manifests stand in line. */
const lineNote = "cask line";
/** Blobs looked at in one step, and how many at a time. */
const stepBlobs = 256;
const width = 8;
/** A listing may be long; a blob is not. */
const listMs = 60_000;
const readMs = 20_000;
/** Pause after a round that could not see everything. */
const incompleteMs = 15_000;
/** Files whose further manifests are remembered, and how many of each. */
const linesMax = 10_000;
const lineMax = 1000;

/** What the search stands on. */
export interface DiscoveryParts {
  catalog: Catalog;
  shelf: Shelf;
  manifests: ManifestReader;
  clock: Clock;
  log: Logger;
  /** Pause between two rounds, ms. */
  roundEveryMs: number;
  /** Something was entered. */
  learned(): void;
  /** Another manifest for a file that is not proven came into line. */
  joinedLine(fileKey: Key): void;
}

/** How the search stands. */
export interface DiscoveryState {
  /** A round is under way. */
  readonly isRunning: boolean;
  /** Whether the Cask in use lists its blobs; "unknown" until it was asked. */
  readonly listing: "yes" | "no" | "unknown";
  /** Of the round under way, or of the last one. */
  readonly bucketsDone: number;
  readonly buckets: number;
  readonly blobsListed: number;
  readonly blobsLookedAt: number;
  readonly filesFound: number;
  readonly namesFound: number;
  /** The last round that ended saw every blob. */
  readonly isComplete: boolean;
  /** Rounds that saw every blob since the catalog was made. */
  readonly rounds: number;
}

interface Round {
  readonly beganMs: number;
  /** Looks at everything, whatever is known of it. */
  readonly again: boolean;
  bucket: number;
  pending: Key[];
  complete: boolean;
}

/** The search, its state, and how far its result can be relied on. */
export class Discovery {
  readonly #parts: DiscoveryParts;
  /** By file, the manifests that lost to one that is not proven either. */
  readonly #line = new Map<Key, Key[]>();
  #isCrowded = false;
  #round: Round | undefined;
  /** Another round is wanted as soon as the one under way has ended. */
  #soon = false;
  #nextAtMs = 0;
  #listing: DiscoveryState["listing"] = "unknown";
  #listed = 0;
  #lookedAt = 0;
  #filesFound = 0;
  #namesFound = 0;
  #bucketsDone = 0;
  #isComplete = false;
  #hasEnded = false;
  #completeBeganMs = Number.NEGATIVE_INFINITY;
  #wake = () => {};
  #ended = Promise.withResolvers<void>();

  constructor(parts: DiscoveryParts) {
    this.#parts = parts;
  }

  /** Whether the catalog holds all that was in Cask when it was made. Without a listing nothing more can be known. */
  isWhole(): boolean {
    if (this.#listing === "no") return true;
    if (this.#isCrowded) return false;
    // What stood in line when the program ended is found again by the first round after it.
    return this.#rounds() > 0 && (this.#completeBeganMs >= 0 || this.#parts.catalog.followed(lineNote) === 0);
  }

  /** Whether a round has ended, or one of an earlier run of the program had: what bears a seal is known by now. */
  hasSearched(): boolean {
    return this.#hasEnded || this.#rounds() > 0;
  }

  /** Whether a round that saw everything began at or after an instant of the monotonic clock. */
  covers(sinceMs: number): boolean {
    return this.#completeBeganMs >= sinceMs;
  }

  /** Resolves when the round under way, or the next one, has ended. */
  roundEnd(): Promise<void> {
    return this.#ended.promise;
  }

  state(): DiscoveryState {
    return {
      isRunning: this.#round !== undefined,
      listing: this.#listing,
      bucketsDone: this.#bucketsDone,
      buckets: bucketCount,
      blobsListed: this.#listed,
      blobsLookedAt: this.#lookedAt,
      filesFound: this.#filesFound,
      namesFound: this.#namesFound,
      isComplete: this.#isComplete,
      rounds: this.#rounds(),
    };
  }

  /** Begins a round now; with `again` one that looks at every small blob, known or not. */
  restart(again: boolean): void {
    if (again) this.#round = this.#begin(true);
    else this.#soon = this.#round !== undefined;
    this.#nextAtMs = 0;
    this.#wake();
  }

  /** What a Worker drives; `wake` is to end its wait. */
  work(wake: () => void): Work {
    this.#wake = wake;
    return {
      name: "discover",
      summary: "Looks for manifests in Cask, so that every file there is found here",
      progress: () => ({
        bucket: this.#bucketsDone,
        looked: this.#lookedAt,
        files: this.#filesFound,
        rounds: this.#rounds(),
      }),
      step: (signal) => this.step(signal),
    };
  }

  /** One bounded step of a round. */
  async step(signal: AbortSignal): Promise<WorkOutcome> {
    const { clock, roundEveryMs } = this.#parts;
    const waitMs = this.#nextAtMs - clock.monotonicMs();
    if (this.#round === undefined && waitMs > 0) return { waitMs };
    const round = (this.#round ??= this.#begin(false));
    if (round.pending.length === 0 && !(await this.#list(round, signal))) {
      // Without a listing there is nothing to be done; Cask may be a newer one tomorrow.
      if (this.#round === round) this.#end(roundEveryMs);
      return { waitMs: roundEveryMs };
    }
    await this.#look(round, round.pending.splice(0, stepBlobs), signal);
    if (this.#round !== round || round.pending.length > 0) return { waitMs: 0 };
    round.bucket++;
    this.#bucketsDone = round.bucket;
    if (round.bucket < bucketCount) return { waitMs: 0 };
    this.#finish(round);
    return { waitMs: Math.max(1, this.#nextAtMs - clock.monotonicMs()) };
  }

  /** Whether a manifest of a file waits for its turn, so that the file may yet turn up. */
  isInLine(fileKey: Key): boolean {
    return this.#line.has(fileKey);
  }

  /** Enters the next in line for files of which none is in the catalog any more, as it was refuted. */
  async promote(signal: AbortSignal): Promise<void> {
    const { catalog, learned } = this.#parts;
    for (const fileKey of this.#line.keys()) {
      while (catalog.find(fileKey) === undefined && !signal.aborted) {
        const next = await this.nextInLine(fileKey, signal);
        if (next === undefined) break;
        this.leaveLine(fileKey, next.manifest);
        if (catalog.add(next.file, next.root)) learned();
      }
      if (catalog.find(fileKey)?.isProven === true) this.#line.delete(fileKey);
    }
  }

  /** The manifest that has waited for longest; it goes to the end of the line. Those that cannot be read any more leave it. */
  async nextInLine(
    fileKey: Key,
    signal: AbortSignal,
  ): Promise<{ file: StoredFile; manifest: Key; root: Uint8Array } | undefined> {
    const [manifest] = this.#line.get(fileKey) ?? [];
    if (manifest === undefined) return undefined;
    const root = await this.#read(manifest, undefined, signal);
    const found = root && this.#parts.manifests.read(manifest, root);
    this.leaveLine(fileKey, manifest);
    if (root === undefined || found?.kind !== "file" || found.file.key !== fileKey)
      return this.nextInLine(fileKey, signal);
    this.#line.set(fileKey, [...(this.#line.get(fileKey) ?? []), manifest]);
    return { file: found.file, manifest, root };
  }

  /** Takes a manifest out of the line. */
  leaveLine(fileKey: Key, manifest: Key): void {
    const line = this.#line.get(fileKey)?.filter((key) => key !== manifest) ?? [];
    if (line.length === 0) this.#line.delete(fileKey);
    else this.#line.set(fileKey, line);
  }

  #rounds(): number {
    return this.#parts.catalog.followed(roundsNote);
  }

  #begin(again: boolean): Round {
    this.#soon = false;
    this.#isCrowded = false;
    this.#listed = 0;
    this.#lookedAt = 0;
    this.#filesFound = 0;
    this.#namesFound = 0;
    this.#bucketsDone = 0;
    return { beganMs: this.#parts.clock.monotonicMs(), again, bucket: 0, pending: [], complete: true };
  }

  #finish(round: Round): void {
    const { catalog, log } = this.#parts;
    this.#isComplete = round.complete;
    if (round.complete) {
      this.#completeBeganMs = round.beganMs;
      for (const key of this.#line.keys()) if (catalog.find(key)?.isProven === true) this.#line.delete(key);
      this.#noteLine(this.#line.size > 0 || this.#isCrowded);
      catalog.follow(roundsNote, this.#rounds() + 1);
    }
    if (this.#filesFound > 0) log.info("Found files in Cask that were not known here", { files: this.#filesFound });
    const pauseMs = round.complete ? this.#parts.roundEveryMs : Math.min(incompleteMs, this.#parts.roundEveryMs);
    this.#end(this.#soon ? 0 : pauseMs);
  }

  #end(pauseMs: number): void {
    this.#hasEnded = true;
    this.#round = undefined;
    this.#nextAtMs = this.#parts.clock.monotonicMs() + pauseMs;
    this.#ended.resolve();
    this.#ended = Promise.withResolvers<void>();
  }

  /** Lists a bucket into the round; false when Cask has no listing. */
  async #list(round: Round, signal: AbortSignal): Promise<boolean> {
    const { catalog, clock, shelf } = this.#parts;
    const listing = await within(clock, listMs, (limit) => shelf.keys(round.bucket, limit), signal);
    if (listing === undefined) {
      // One that has listed before still can; what it says now is no reason to rely on less.
      if (this.#listing === "yes")
        throw new Fault("unavailable", "hakmes/no-listing", "Cask does not list its blobs now");
      this.#listing = "no";
      return false;
    }
    this.#listing = "yes";
    if (!listing.isComplete) round.complete = false;
    this.#listed += listing.keys.length;
    for (const [key, sizeBytes] of listing.keys) {
      if (sizeBytes > rootBytesMax || sizeBytes <= this.#parts.manifests.headBytes) continue;
      if (round.again || !catalog.isExamined(key)) round.pending.push(key);
    }
    return true;
  }

  async #look(round: Round, keys: readonly Key[], signal: AbortSignal): Promise<void> {
    const done: Key[] = [];
    await inParallel(keys, width, async (key) => {
      if (signal.aborted) {
        round.complete = false;
        return;
      }
      try {
        if (await this.#lookAt(key, signal)) done.push(key);
      } catch (thrown) {
        if (!(thrown instanceof Fault)) throw thrown;
        // One that cannot be read now may be the manifest that is asked for.
        round.complete = false;
        this.#parts.log.warn("A blob could not be looked at and will be tried again", {
          key,
          reason: reasonOf(thrown),
        });
      }
    });
    this.#lookedAt += keys.length;
    this.#parts.catalog.examined(done);
  }

  /** Looks at one blob; true when nothing more can come of it. */
  async #lookAt(key: Key, signal: AbortSignal): Promise<boolean> {
    const { manifests } = this.#parts;
    const head = await this.#read(key, manifests.headBytes, signal);
    if (head === undefined) return false;
    if (!manifests.isHead(head)) return true;
    const bytes = await this.#read(key, undefined, signal);
    if (bytes === undefined) return false;
    return this.#take(key, bytes);
  }

  #take(key: Key, bytes: Uint8Array): boolean {
    const { catalog, manifests, learned } = this.#parts;
    const found = isBlobOf(key, bytes) ? manifests.read(key, bytes) : undefined;
    if (found === undefined || found.kind === "part") return true;
    if (found.kind === "name") {
      // Without a seal a name is believed for a file that is known, as anybody who may store may give it.
      if (!found.isSealed && catalog.find(found.name.key)?.isProven !== true) return false;
      if (catalog.addName(found.name)) {
        this.#namesFound++;
        learned();
      }
      return true;
    }
    const { file, name } = found;
    const before = catalog.find(file.key);
    if (catalog.add(file, bytes)) {
      this.#filesFound++;
      learned();
      // The older one is preferred, which says nothing about the other that was here.
      if (before?.manifest !== undefined && before.manifest !== key && !file.isProven) {
        this.#standInLine(file.key, before.manifest);
      }
    }
    const known = catalog.find(file.key);
    if (known?.isProven === true) {
      if (name !== undefined && catalog.addName(name)) learned();
      return true;
    }
    // Refuted before: it was not entered, and nothing more comes of it.
    if (catalog.isExamined(key)) return true;
    if (known?.manifest !== key) this.#standInLine(file.key, key);
    return false;
  }

  #standInLine(fileKey: Key, manifest: Key): void {
    const line = this.#line.get(fileKey) ?? [];
    if (line.includes(manifest)) return;
    this.#noteLine(true);
    // More than fit wait for another round, and until then the catalog does not count as whole.
    if (line.length >= lineMax || (line.length === 0 && this.#line.size >= linesMax)) this.#isCrowded = true;
    else {
      this.#line.set(fileKey, [...line, manifest]);
      this.#parts.joinedLine(fileKey);
    }
  }

  /** Keeps in mind, over a restart, that not all that was found could be entered. */
  #noteLine(isThere: boolean): void {
    const { catalog } = this.#parts;
    const note = isThere ? 1 : 0;
    if (catalog.followed(lineNote) !== note) catalog.follow(lineNote, note);
  }

  #read(key: Key, firstBytes: number | undefined, signal: AbortSignal): Promise<Uint8Array | undefined> {
    return within(this.#parts.clock, readMs, (limit) => this.#parts.shelf.read(key, firstBytes, limit), signal);
  }
}

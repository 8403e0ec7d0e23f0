/**
 * The rounds: at the start and then in every interval all folders are looked at, several at once, judged against what
 * was known, and told. A folder whose look hangs delays no other, and no round waits for the one before it; but where
 * looks take longer than the interval, of thousands of folders or on a slow machine, no more are made at a time.
 * What has been seen (that a place was a mount, that it could be written to, since when it is as it is) survives a
 * restart in a small file.
 */
import type { Clock } from "../../kit/clock.ts";
import { reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import type { PointSink } from "../../kit/point-sink.ts";
import { type Mount, mountOf, type Wanted } from "./mount-table.ts";
import { pointsOf } from "./points.ts";
import type { Prober } from "./prober.ts";
import { type Condition, type ProbeAnswer, type Verdict, verdictOf } from "./verdict.ts";
import type { Watched } from "./watched.ts";

/** What is kept of a folder between starts. */
export interface Memory {
  wasMounted: boolean;
  wasWritable: boolean;
  condition: Condition | "unknown";
  sinceAt: number;
}

/** The machine as the rounds see it. */
export interface Machine {
  mounts(): Promise<readonly Mount[]>;
  fstab(): Promise<readonly Wanted[]>;
}

/** What the rounds stand on. */
export interface RoundsParts {
  clock: Clock;
  log: Logger;
  machine: Machine;
  prober: Prober;
  sink: PointSink;
  prefix: string;
  /** Only the predecessor's one metric for each folder. */
  onlyOriginal: boolean;
  intervalMs: number;
  /** What is watched, given the table of the moment. */
  watched(mounts: readonly Mount[], fstab: readonly Wanted[]): readonly Watched[];
  /** Looks at the same time. */
  parallel: number;
  remembered: ReadonlyMap<string, Memory>;
  /** Keeps what is to survive a restart. */
  remember(memories: ReadonlyMap<string, Memory>): void;
  /** Told when a folder is not as it was. */
  changed(path: string, from: Memory["condition"], verdict: Verdict): void;
}

/** A folder as it was seen last. */
export interface FolderView {
  watched: Watched;
  mount: Mount | undefined;
  /** The mount that the folder lies on, where it is none itself. */
  under: Mount | undefined;
  answer: ProbeAnswer | undefined;
  verdict: Verdict | undefined;
  lookedAt: number | undefined;
  sinceAt: number;
}

interface Folder extends FolderView {
  isLooking: boolean;
}

/** So many folders that are no longer watched are remembered, those that changed last. */
const goneMax = 1000;

/** Looks at everything, again and again. */
export class Rounds {
  readonly #parts: RoundsParts;
  readonly #memories: Map<string, Memory>;
  readonly #stopping = new AbortController();
  #folders = new Map<string, Folder>();
  /** Folders that are still to be looked at. */
  readonly #queue = new Map<Folder, Wanted | undefined>();
  /** When the look of each worker began. */
  readonly #looks = new Set<{ sinceMs: number }>();
  #cancel = () => {};

  constructor(parts: RoundsParts) {
    this.#parts = parts;
    this.#memories = new Map(parts.remembered);
  }

  /** Makes the first round at once and the others in their interval. */
  start(): void {
    if (this.#stopping.signal.aborted) return;
    // Planned before the round begins: one that hangs must not keep the next from coming.
    this.#cancel = this.#parts.clock.schedule(this.#parts.intervalMs, () => this.start());
    this.round().catch((thrown: unknown) => {
      this.#parts.log.error("A round could not be made", { reason: reasonOf(thrown) });
    });
  }

  /** Every folder, in the order of the configuration. */
  views(): FolderView[] {
    return [...this.#folders.values()];
  }

  /** Ends the looks on their way and begins no more. */
  stop(): void {
    this.#cancel();
    this.#stopping.abort();
  }

  /** One round; resolves when every folder that does not hang was looked at. */
  async round(): Promise<void> {
    const { clock, machine } = this.#parts;
    const [mounts, fstab] = await Promise.all([machine.mounts(), machine.fstab()]);
    const mountsAt = new Map(mounts.map((mount) => [mount.mountPoint, mount]));
    const wantedAt = new Map(fstab.map((wanted) => [wanted.mountPoint, wanted]));
    const folders = new Map<string, Folder>();
    for (const watched of this.#parts.watched(mounts, fstab)) {
      const { path } = watched;
      const before = this.#folders.get(path);
      const folder = before ?? {
        watched,
        mount: undefined,
        under: undefined,
        answer: undefined,
        verdict: undefined,
        lookedAt: undefined,
        sinceAt: this.#memories.get(path)?.sinceAt ?? clock.now(),
        isLooking: false,
      };
      folder.watched = watched;
      folder.mount = mountsAt.get(path);
      folder.under = folder.mount ? undefined : mountOf(mounts, path);
      folders.set(path, folder);
    }
    this.#folders = folders;
    for (const folder of this.#queue.keys())
      if (folders.get(folder.watched.path) !== folder) this.#queue.delete(folder);
    for (const folder of folders.values())
      if (!folder.isLooking) this.#queue.set(folder, wantedAt.get(folder.watched.path));
    await Promise.all(Array.from({ length: this.#free() }, () => this.#work()));
  }

  /** How many looks may begin. One that is under way since a round ago hangs, and is not counted. */
  #free(): number {
    const { clock, intervalMs, parallel } = this.#parts;
    const sinceMs = clock.monotonicMs() - intervalMs;
    const busy = [...this.#looks].filter((look) => look.sinceMs > sinceMs).length;
    return Math.max(0, parallel - busy);
  }

  async #work(): Promise<void> {
    for (const [folder, wanted] of this.#queue) {
      if (this.#stopping.signal.aborted) return;
      this.#queue.delete(folder);
      const look = { sinceMs: this.#parts.clock.monotonicMs() };
      this.#looks.add(look);
      await this.#look(folder, wanted).finally(() => this.#looks.delete(look));
    }
  }

  async #look(folder: Folder, wanted: Wanted | undefined): Promise<void> {
    const { clock, log, prober } = this.#parts;
    const { watched } = folder;
    // The round before may still be at it.
    if (folder.isLooking) return;
    folder.isLooking = true;
    try {
      const answer = await prober.look(watched.path, watched.write, this.#stopping.signal);
      if (this.#stopping.signal.aborted) return;
      this.#took(folder, answer, wanted);
    } catch (thrown) {
      log.error("A folder could not be looked at", { path: watched.path, reason: reasonOf(thrown) });
    } finally {
      folder.isLooking = false;
      folder.lookedAt = clock.now();
    }
  }

  #took(folder: Folder, answer: ProbeAnswer, wanted: Wanted | undefined): void {
    const { changed, clock, onlyOriginal, prefix, remember, sink } = this.#parts;
    const { mount, watched } = folder;
    const { path } = watched;
    const now = clock.now();
    const before = this.#memories.get(path) ?? {
      wasMounted: false,
      wasWritable: false,
      condition: "unknown" as const,
      sinceAt: now,
    };
    const verdict = verdictOf(watched, answer, mount, wanted, before);
    const hasChanged = verdict.condition !== before.condition;
    const after: Memory = {
      wasMounted: before.wasMounted || (verdict.isMounted ?? false),
      wasWritable: before.wasWritable || (mount !== undefined && !mount.isReadOnly),
      condition: verdict.condition,
      sinceAt: hasChanged ? now : before.sinceAt,
    };
    folder.answer = answer;
    folder.verdict = verdict;
    folder.sinceAt = after.sinceAt;
    this.#memories.set(path, after);
    sink.send(pointsOf(watched, answer, verdict, { prefix, onlyOriginal, at: now }));
    if (hasChanged) changed(path, before.condition, verdict);
    if (Bun.deepEquals(before, after)) return;
    this.#forgetGone();
    remember(this.#memories);
  }
  #forgetGone(): void {
    if (this.#memories.size <= this.#folders.size + goneMax) return;
    const gone = [...this.#memories].filter(([path]) => !this.#folders.has(path));
    gone.sort(([, one], [, other]) => other.sinceAt - one.sinceAt);
    for (const [path] of gone.slice(goneMax)) this.#memories.delete(path);
  }
}

/**
 * Makes the folders of a disk store and makes changes in them durable. Several changes of one folder share one fsync,
 * as long as it begins after the last of them; a change that comes while one runs waits for the next.
 * A failed fsync is reported to all who waited for it and never tried again for them: after a failure the system may
 * have dropped what was to be written, and a second call would wrongly succeed.
 */
import { closeSync, constants, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";

import { isSystemError } from "../../kit/disk/atomic.ts";
import type { DiskCalls } from "./store-disk-calls.ts";

interface Syncing {
  current: Promise<void>;
  /** The one that begins when the current one has ended, whatever became of it. */
  next: Promise<void> | undefined;
}

/** The folders below the root of a store. */
export class StoreFolders {
  readonly #running = new Map<string, Syncing>();
  readonly #made = new Map<string, Promise<void>>();
  readonly #calls: DiskCalls;

  constructor(calls: DiskCalls) {
    this.#calls = calls;
  }

  /** Resolves when all entries that `folder` has now survive a crash of the machine. */
  settle(folder: string): Promise<void> {
    const running = this.#running.get(folder);
    if (running) {
      const begin = () => this.#begin(folder);
      running.next ??= running.current.then(begin, begin);
      return running.next;
    }
    return this.#begin(folder);
  }

  /**
   * Resolves when `folder`, which lies `depth` levels below one that exists, is there and survives a crash.
   * Remembers what it made: at most 514 folders in a store.
   */
  make(folder: string, depth: number): Promise<void> {
    let made = this.#made.get(folder);
    if (!made) {
      made = this.#make(folder, depth);
      this.#made.set(folder, made);
      made.catch(() => this.#made.delete(folder));
    }
    return made;
  }

  /** Forgets which folders were made, after one of them turned out to be missing. */
  forget(): void {
    this.#made.clear();
  }

  async #make(folder: string, depth: number): Promise<void> {
    const parent = dirname(folder);
    if (depth > 1) await this.make(parent, depth - 1);
    try {
      mkdirSync(folder, 0o755);
    } catch (thrown) {
      if (!isSystemError(thrown, "EEXIST")) throw thrown;
    }
    // Also when it was there: a crash may have come between making and syncing it.
    await this.settle(parent);
  }

  #begin(folder: string): Promise<void> {
    const entry: Syncing = { current: this.#syncNow(folder), next: undefined };
    this.#running.set(folder, entry);
    const forgetEnded = () => {
      // Whoever waits for the next one begins it by itself and puts its own entry here.
      if (this.#running.get(folder) === entry && entry.next === undefined) this.#running.delete(folder);
    };
    entry.current.then(forgetEnded, forgetEnded);
    return entry.current;
  }

  async #syncNow(folder: string): Promise<void> {
    const descriptor = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await this.#calls.sync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
}

/**
 * Which uploads of this user were begun and not finished, so that a command that was ended and is run again goes on: one
 * small file each in the user's cache folder, named by the file's path, size and time of change, and the server. Losing
 * it costs only time; whatever cannot be read or written counts as not there.
 */
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";

import { z } from "zod";

import type { Clock } from "../../kit/clock.ts";
import type { NamedFile } from "../../kit/commands/named-files.ts";
import { replaceFile } from "../../kit/disk/atomic.ts";

const shape = z.object({ url: z.url() });

/** What is older than this is of no use to any server. */
const keptMs = 30 * 86_400_000;

/** Begun uploads. */
export class UploadMemory {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #baseUrls: readonly string[];

  /** `cacheFolder` is the user's for all programs; `baseUrls` are the server's. */
  constructor(cacheFolder: string, clock: Clock, baseUrls: readonly string[]) {
    this.#folder = join(cacheFolder, "warren", "uploads");
    this.#clock = clock;
    this.#baseUrls = baseUrls.map((url) => url.replace(/\/+$/, ""));
  }

  /** Where the upload of a file stands, below one of the server's addresses. */
  async find(file: NamedFile): Promise<string | undefined> {
    try {
      const { url } = shape.parse(JSON.parse(await Bun.file(this.#pathOf(file)).text()));
      return this.#baseUrls.some((base) => url.startsWith(`${base}/tus/`)) ? url : undefined;
    } catch {
      return undefined;
    }
  }

  /** Keeps the address of an upload. Never throws. */
  async keep(file: NamedFile, url: string): Promise<void> {
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await replaceFile(this.#pathOf(file), `${JSON.stringify({ url, path: resolve(file.path) })}\n`, { mode: 0o600 });
      await this.#sweep();
    } catch {
      return;
    }
  }

  /** The upload is done, or of no use. Never throws. */
  async forget(file: NamedFile): Promise<void> {
    await rm(this.#pathOf(file), { force: true }).catch(() => undefined);
  }

  async #sweep(): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      if (this.#clock.now() - (await stat(path)).mtimeMs > keptMs) await rm(path, { force: true });
    }
  }

  #pathOf({ modifiedAt, path, sizeBytes }: NamedFile): string {
    const words = JSON.stringify([[...this.#baseUrls].sort(), resolve(path), sizeBytes, modifiedAt]);
    return join(this.#folder, `${new Bun.CryptoHasher("sha256").update(words).digest("hex").slice(0, 32)}.json`);
  }
}

/**
 * The bytes of results, one file for each content, under the SHA-256 of it. A file appears whole, by renaming; as it is
 * not synced, a crash of the machine may leave an empty or torn one, so that every reading compares size and hash. What
 * reads wrong is as good as absent: it can be made again.
 */
import { randomUUID } from "node:crypto";
import { renameSync, unlinkSync, writeFileSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { isSystemError } from "../../kit/disk/atomic.ts";

/** What is no longer is written at once: it goes into memory only, in less time than handing it to another thread takes. */
const atOnceBytes = 64 * 1024;

/** The SHA-256 of bytes, in hex. */
export function digestOfBytes(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

/** Files by the digest of their content. */
export class ResultFiles {
  readonly #folder: string;
  readonly #made = new Set<string>();

  /** `folder` is this object's alone; it is made when something is kept. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Keeps bytes under their digest, whole or not at all. Throws the system's error. */
  async keep(digest: string, bytes: Uint8Array): Promise<void> {
    await this.#make("new");
    await this.#make(digest.slice(0, 2));
    const draft = join(this.#folder, "new", randomUUID());
    try {
      if (bytes.byteLength <= atOnceBytes) writeFileSync(draft, bytes, { mode: 0o600 });
      else await writeFile(draft, bytes, { mode: 0o600 });
      renameSync(draft, this.#path(digest));
    } catch (thrown) {
      // A folder that someone removed is made again the next time.
      this.#made.clear();
      await rm(draft, { force: true });
      throw thrown;
    }
  }

  /** The bytes of that digest and size, or undefined when they are not there just so. */
  async read(digest: string, sizeBytes: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      const file = Bun.file(this.#path(digest));
      if (file.size !== sizeBytes) return undefined;
      bytes = await file.bytes();
    } catch (thrown) {
      if (isLoss(thrown)) return undefined;
      throw thrown;
    }
    return bytes.byteLength === sizeBytes && digestOfBytes(bytes) === digest ? bytes : undefined;
  }

  /** The file of that digest and size, read through once in pieces; undefined when it is not there just so. */
  async checked(digest: string, sizeBytes: number): Promise<Blob | undefined> {
    const file = this.file(digest);
    if (file.size !== sizeBytes) return undefined;
    const hasher = new Bun.CryptoHasher("sha256");
    try {
      for await (const piece of file.stream()) hasher.update(piece);
    } catch (thrown) {
      if (isLoss(thrown)) return undefined;
      throw thrown;
    }
    return hasher.digest("hex") === digest ? file : undefined;
  }

  /** The file of a digest, unread: for one that has just been kept. */
  file(digest: string): Blob {
    return Bun.file(this.#path(digest));
  }

  /** Removes a content; one that is gone is no trouble. */
  remove(digest: string): void {
    try {
      unlinkSync(this.#path(digest));
    } catch (thrown) {
      if (!isSystemError(thrown, "ENOENT")) throw thrown;
    }
  }

  /** Removes drafts of a former run, and every content that `isWanted` does not know; how many files went. */
  async sweep(isWanted: (digest: string) => boolean): Promise<number> {
    let removed = 0;
    for (const name of await entriesOf(join(this.#folder, "new"))) {
      await rm(join(this.#folder, "new", name), { force: true });
      removed++;
    }
    for (const shelf of await entriesOf(this.#folder)) {
      if (!/^[0-9a-f]{2}$/.test(shelf)) continue;
      for (const digest of await entriesOf(join(this.#folder, shelf))) {
        if (!/^[0-9a-f]{64}$/.test(digest) || isWanted(digest)) continue;
        this.remove(digest);
        removed++;
      }
    }
    return removed;
  }

  async #make(name: string): Promise<void> {
    if (this.#made.has(name)) return;
    await mkdir(join(this.#folder, name), { recursive: true, mode: 0o700 });
    this.#made.add(name);
  }

  #path(digest: string): string {
    return join(this.#folder, digest.slice(0, 2), digest);
  }
}

/** Whether reading failed because the content is not there any more, or cannot be read. */
function isLoss(thrown: unknown): boolean {
  return ["ENOENT", "EIO", "EACCES"].some((code) => isSystemError(thrown, code));
}

async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (thrown) {
    if (isSystemError(thrown, "ENOENT")) return [];
    throw thrown;
  }
}

/**
 * The bytes of unfinished uploads after their last whole chunk, each in a file of its own. A file is whole and synced before
 * a row names it, and what is read is held against the row's digest, so that a damaged disk cannot slip other bytes into a
 * file. A file that no row names is swept away at the start.
 */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import { isSystemError, makeFolders, replaceFile } from "../../kit/disk/atomic.ts";
import { reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import { noTail, type TusTail } from "./tus-ledger.ts";

/** The folder of the tails. */
export class TusTails {
  readonly #folder: string;
  readonly #log: Logger;

  private constructor(folder: string, log: Logger) {
    this.#folder = folder;
    this.#log = log;
  }

  /** Opens or makes the folder and removes the files that are not in `named`. */
  static async open(folder: string, named: ReadonlySet<string>, log: Logger): Promise<TusTails> {
    await makeFolders(folder);
    const tails = new TusTails(folder, log);
    for (const name of await readdir(folder)) if (!named.has(name)) await tails.remove(name);
    return tails;
  }

  /** Writes a tail; durable when the promise resolves. `offsetBytes` is where it ends in its upload. */
  async write(id: string, offsetBytes: number, bytes: Uint8Array): Promise<TusTail> {
    if (bytes.length === 0) return noTail;
    const name = `${id}.${offsetBytes}`;
    await replaceFile(join(this.#folder, name), bytes);
    return { name, sizeBytes: bytes.length, digest: digestOf(bytes) };
  }

  /** The bytes of a tail; undefined when they are not there or not the same any more. */
  async read(tail: TusTail): Promise<Uint8Array | undefined> {
    if (tail.name === "") return new Uint8Array(0);
    try {
      const bytes = await readFile(join(this.#folder, tail.name));
      if (bytes.length === tail.sizeBytes && digestOf(bytes) === tail.digest) return bytes;
      this.#log.warn("The last bytes of an unfinished upload are damaged; its sender is asked for them again", {
        file: tail.name,
      });
    } catch (thrown) {
      if (!isSystemError(thrown, "ENOENT")) throw thrown;
      this.#log.warn("The last bytes of an unfinished upload are missing; its sender is asked for them again", {
        file: tail.name,
      });
    }
    return undefined;
  }

  /** Removes a file, if it is there. A failure is logged: the next start tries again. */
  async remove(name: string): Promise<void> {
    if (name === "") return;
    try {
      await rm(join(this.#folder, name), { force: true });
    } catch (thrown) {
      this.#log.warn("A file of an upload that is over could not be removed", { file: name, reason: reasonOf(thrown) });
    }
  }
}

function digestOf(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

/**
 * A file that people change while the program runs. It is looked at again and again, by its inode, time and size, which
 * works on every kind of disk, and read when one of them differs and stays so until the look after: the beginning of a file
 * that somebody still writes may well make sense. A file that cannot be read, or says something wrong, changes nothing:
 * what it said before counts, and the trouble is told until the file can be used. The mark is taken before the text, so
 * that what is written while it is read is seen at the next look.
 */
import { type Stats, statSync } from "node:fs";
import { stat } from "node:fs/promises";

import { Fault, reasonOf } from "./fault.ts";

/** What tells one state of a file from another; different whenever it may have changed, also when it was replaced. */
export function fileMark({ ino, mtimeMs, size }: Stats): string {
  return `${ino} ${mtimeMs} ${size}`;
}

/** The mark of the file at a path, following links; undefined when there is none. */
export function fileMarkAt(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && fileMark(found);
}

/** What is watched. */
export interface WatchedFileParts<Said> {
  /** Undefined: there is no file, ever. */
  path: string | undefined;
  /** What the text says; undefined for no file at all. What it throws is given to `wrongIn`. */
  read(text: string | undefined): Said;
  /** The sentence for a file that says something wrong; undefined when what was thrown is a bug. */
  wrongIn(thrown: unknown): string | undefined;
  /** Of the Fault for a file that cannot be used at the start, such as `hound/file`. */
  code: string;
  /** @default 64 MiB */
  maxBytes?: number;
}

const defaultMaxBytes = 64 << 20;

/** A file that is read again when it has changed. */
export class WatchedFile<Said> {
  readonly #parts: WatchedFileParts<Said>;
  /** Of what was read, and of what was seen at the last look. */
  #read: string | undefined;
  #seen: string | undefined;
  #isRead = false;
  #trouble: string | undefined;

  constructor(parts: WatchedFileParts<Said>) {
    this.#parts = parts;
  }

  /** Where the file is, if there is one. */
  get path(): string | undefined {
    return this.#parts.path;
  }

  /** Why the file as it is now does not count; undefined when it does. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** What it says, for the start. A Fault (invalid) when the file cannot be used. */
  async first(): Promise<Said> {
    const found = await this.changed();
    if (this.#trouble !== undefined) throw new Fault("invalid", this.#parts.code, this.#trouble);
    return found ?? this.#parts.read(undefined);
  }

  /**
   * What it says when it has changed since it was read, was the same at the last look, and can be used; undefined otherwise.
   * The very first time it is read at once.
   */
  async changed(): Promise<Said | undefined> {
    const { path } = this.#parts;
    if (path === undefined) return undefined;
    const text = await this.#newText(path);
    if (text === undefined) return undefined;
    try {
      const said = this.#parts.read(text);
      this.#trouble = undefined;
      return said;
    } catch (thrown) {
      const wrong = this.#parts.wrongIn(thrown);
      if (wrong === undefined) throw thrown;
      this.#trouble = wrong;
      return undefined;
    }
  }

  async #newText(path: string): Promise<string | undefined> {
    try {
      const found = await stat(path);
      // Reading what is no file, such as a pipe, might never end.
      if (!found.isFile()) throw new TypeError("wanted a file");
      const { maxBytes = defaultMaxBytes } = this.#parts;
      if (found.size > maxBytes) throw new RangeError(`wanted a file of at most ${maxBytes} bytes`);
      const mark = fileMark(found);
      const isSettled = mark === this.#seen || !this.#isRead;
      this.#seen = mark;
      if (mark === this.#read || !isSettled) return undefined;
      const text = await Bun.file(path).text();
      this.#read = mark;
      this.#isRead = true;
      return text;
    } catch (thrown) {
      // The very same file may come back.
      this.#read = undefined;
      this.#trouble = `Cannot read "${path}": ${reasonOf(thrown)}`;
      return undefined;
    }
  }
}

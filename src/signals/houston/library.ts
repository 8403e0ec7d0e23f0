/**
 * The dashboards there are: those of the folder, which can be changed by hand, those of files that only the operator
 * changes, and those that come with the program. A file that cannot be used changes nothing: what it said before stays,
 * and its problems are told. Saving is one step on disk, and only over what the writer has seen (by entity tag).
 */
import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";

import { isSystemError, replaceFile, syncFolder } from "../../kit/disk/atomic.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { fileMark } from "../../kit/watched-file.ts";
import { fileMaxBytes, type FileProblem, formatDashboard, problemText, readDashboard } from "./dashboard-file.ts";
import type { WrittenDashboard } from "./written.ts";

/** One dashboard. */
export interface Entry {
  /** Its name in addresses: that of its file without the ending. */
  readonly slug: string;
  /** Undefined for those of the program. */
  readonly file: string | undefined;
  readonly canChange: boolean;
  /** With quotes, as HTTP carries it; that of the file as it is now. */
  readonly etag: string;
  /** The file's text as it is now. */
  readonly text: string;
  /** What it says, or said before it went wrong; undefined when it never was right. */
  readonly written: WrittenDashboard | undefined;
  /** What is wrong with the file as it is now. */
  readonly problems: readonly FileProblem[];
}

/** Where dashboards come from. */
export interface LibraryParts {
  folder: string;
  files: readonly string[];
  /** Of the program, by slug. */
  ownDashboards: readonly { slug: string; written: WrittenDashboard }[];
  canChange: boolean;
}

const slugForm = /^[a-z0-9][\w-]{0,63}$/i;
const filesMax = 1000;

/** The dashboards of a node. */
export class Library {
  readonly #parts: LibraryParts;
  #entries = new Map<string, Entry>();
  #seen = new Map<string, { mark: string; entry: Entry }>();
  #troubles: string[] = [];
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: LibraryParts) {
    this.#parts = parts;
  }

  /** All, by title. */
  list(): Entry[] {
    return [...this.#entries.values()].toSorted((one, other) => titleOf(one).localeCompare(titleOf(other)));
  }

  /** The dashboard of that name, if there is one. */
  find(slug: string): Entry | undefined {
    return this.#entries.get(slug);
  }

  /** The dashboard of that name. Fault `houston/no-such-dashboard`. */
  get(slug: string): Entry {
    const found = this.find(slug);
    if (found) return found;
    throw new Fault(
      "missing",
      "houston/no-such-dashboard",
      `Cannot find dashboard "${slug.slice(0, 100)}": there is none of that name`,
    );
  }

  /** Files that are no dashboards at all, and folders that cannot be read; one sentence each. */
  get troubles(): readonly string[] {
    return this.#troubles;
  }

  /** Looks at all files; whether anything is different. */
  look(): Promise<boolean> {
    return this.#inTurn(async () => {
      const before = [...this.#entries.values()];
      const troubles: string[] = [];
      const paths = [
        ...(await this.#pathsOfFolder(troubles)),
        ...this.#parts.files.map((path) => ({ path, own: false })),
      ];
      const entries = new Map<string, Entry>();
      for (const { slug, written } of this.#parts.ownDashboards) entries.set(slug, ownEntry(slug, written));
      const seen = new Map<string, { mark: string; entry: Entry }>();
      for (const { own, path } of paths) {
        try {
          const found = await this.#read(path, own && this.#parts.canChange);
          seen.set(path, found);
          const { entry } = found;
          const other = entries.get(entry.slug);
          if (other?.file !== undefined) troubles.push(`"${path}" has the same name as "${other.file}", which counts`);
          else entries.set(entry.slug, entry);
        } catch (thrown) {
          if (!(thrown instanceof Error)) throw thrown;
          const before = this.#seen.get(path);
          // A file that is there and cannot be read leaves what it said; one that is gone takes it along.
          if (before && !isSystemError(thrown, "ENOENT") && !entries.get(before.entry.slug)?.file) {
            const told = unreadable(before.entry, reasonOf(thrown));
            seen.set(path, { mark: "", entry: told });
            entries.set(told.slug, told);
          } else troubles.push(`Cannot read "${path}": ${reasonOf(thrown)}`);
        }
      }
      this.#entries = entries;
      this.#seen = seen;
      this.#troubles = troubles;
      const now = [...entries.values()];
      return now.length !== before.length || now.some((entry, at) => entry !== before[at] && entry.file !== undefined);
    });
  }

  /**
   * Puts a text in the place of a dashboard's file, if the file is still what `etag` says; undefined wants that there is
   * none yet. Faults: `houston/file` (invalid) with all problems, `houston/changed` (conflict), `houston/fixed` (forbidden),
   * `houston/disk` (unavailable).
   */
  save(slug: string, text: string, etag: string | undefined): Promise<Entry> {
    return this.#inTurn(async () => {
      const entry = this.#entries.get(slug);
      const path = this.#pathFor(slug, entry);
      const read = await readDashboard(text, path);
      if (read.problems) {
        throw new Fault(
          "invalid",
          "houston/file",
          `Cannot save "${slug}": ${read.problems.map(problemText).join("; ")}`,
          {
            details: { problems: read.problems.map((problem) => ({ ...problem })) },
          },
        );
      }
      const before = await textOf(path);
      if ((before === undefined ? undefined : etagOf(before)) !== etag) {
        const reason =
          before === undefined
            ? "the file is gone"
            : etag === undefined
              ? "there is one of that name already"
              : "somebody else changed it meanwhile: look at it anew, then change it again";
        throw new Fault("conflict", "houston/changed", `Cannot save "${slug}": ${reason}`, {
          status: etag === undefined ? 409 : 412,
        });
      }
      await onDisk("save", slug, async () => {
        await mkdir(this.#parts.folder, { recursive: true });
        const mode = before === undefined ? 0o644 : (await stat(path)).mode & 0o777;
        await replaceFile(path, text, { mode });
      });
      const found = await this.#read(path, true);
      this.#seen.set(path, found);
      this.#entries.set(slug, found.entry);
      return found.entry;
    });
  }

  /** Saves what was changed by hand, in the form that the file has. */
  saveWritten(slug: string, written: WrittenDashboard, etag: string | undefined): Promise<Entry> {
    return this.save(slug, formatDashboard(written, this.find(slug)?.file ?? ".toml"), etag);
  }

  /** Removes a dashboard's file, if it is still what `etag` says. Faults as with {@link save}. */
  remove(slug: string, etag: string): Promise<void> {
    return this.#inTurn(async () => {
      const entry = this.get(slug);
      if (entry.file === undefined) throw fixed(slug);
      const path = this.#pathFor(slug, entry);
      const before = await textOf(path);
      if (before !== undefined && etagOf(before) !== etag) {
        throw new Fault("conflict", "houston/changed", `Cannot remove "${slug}": somebody changed it meanwhile`, {
          status: 412,
        });
      }
      await onDisk("remove", slug, async () => {
        await rm(path, { force: true });
        await syncFolder(this.#parts.folder);
      });
      this.#seen.delete(path);
      this.#entries.delete(slug);
      const own = this.#parts.ownDashboards.find((each) => each.slug === slug);
      if (own) this.#entries.set(slug, ownEntry(slug, own.written));
    });
  }

  #pathFor(slug: string, entry: Entry | undefined): string {
    if (!slugForm.test(slug)) {
      throw new Fault(
        "invalid",
        "houston/name",
        `Cannot save "${slug.slice(0, 100)}": wanted letters, digits, - and _ for its name`,
      );
    }
    if (!this.#parts.canChange || (entry?.file !== undefined && !entry.canChange)) {
      throw fixed(slug);
    }
    return entry?.file ?? join(this.#parts.folder, `${slug}.toml`);
  }

  async #pathsOfFolder(troubles: string[]): Promise<{ path: string; own: boolean }[]> {
    const { folder } = this.#parts;
    try {
      const all = await readdir(folder, { withFileTypes: true });
      const files = all.filter(({ name }) => /\.(?:toml|json)$/.test(name) && !name.startsWith("."));
      const links = new Set(files.filter((each) => each.isSymbolicLink()).map(({ name }) => name));
      const names = files.map(({ name }) => name);
      if (names.length > filesMax)
        troubles.push(`There are more than ${filesMax} files in "${folder}": the rest is left out`);
      return (
        names
          .toSorted()
          .slice(0, filesMax)
          // What a link leads to is somebody else's; a file in its place would hide it.
          .map((name) => ({ path: join(folder, name), own: !links.has(name) }))
      );
    } catch (thrown) {
      if (!isSystemError(thrown, "ENOENT")) troubles.push(`Cannot read "${folder}": ${reasonOf(thrown)}`);
      return [];
    }
  }

  async #read(path: string, canChange: boolean): Promise<{ mark: string; entry: Entry }> {
    const found = await stat(path);
    if (!found.isFile()) throw new TypeError("wanted a file");
    const mark = fileMark(found);
    const before = this.#seen.get(path);
    if (before?.mark === mark) return before;
    if (found.size > fileMaxBytes) throw new RangeError("wanted a file of at most 1 MiB");
    const slug = basename(path).replace(/\.(?:toml|json)$/, "");
    if (!slugForm.test(slug)) throw new SyntaxError("wanted a name of letters, digits, - and _");
    const text = await readFile(path, "utf8");
    const { problems, written } = await readDashboard(text, path);
    const entry: Entry = {
      slug,
      file: path,
      canChange,
      etag: etagOf(text),
      text,
      written: written ?? before?.entry.written,
      problems: problems ?? [],
    };
    return { mark, entry };
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const next = this.#turn.then(action, action);
    this.#turn = next.catch(() => undefined);
    return next;
  }
}

/** The title of a dashboard, or its name where it has none that can be read. */
export function titleOf({ slug, written }: Entry): string {
  return written?.title ?? slug;
}

/** The entity tag of a text. */
export function etagOf(text: string): string {
  return `"${new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 32)}"`;
}

function fixed(slug: string): Fault {
  return new Fault(
    "forbidden",
    "houston/fixed",
    `Cannot change "${slug}": it is not one of the folder that can be changed here`,
  );
}

/** The same entry while it stays as it is, so that nothing seems to have changed. */
function unreadable(entry: Entry, message: string): Entry {
  if (entry.problems.length === 1 && entry.problems[0]?.message === message && entry.text === "") return entry;
  return { ...entry, text: "", etag: etagOf(""), problems: [{ line: undefined, place: "", message }] };
}

function ownEntry(slug: string, written: WrittenDashboard): Entry {
  const text = formatDashboard(written, ".toml");
  return { slug, file: undefined, canChange: false, etag: etagOf(text), text, written, problems: [] };
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    // Reading what is no file, such as a pipe, might never end.
    if (!(await stat(path)).isFile())
      throw new Fault("conflict", "houston/file", `Cannot use "${path}": it is no file`);
    return await readFile(path, "utf8");
  } catch (thrown) {
    if (isSystemError(thrown, "ENOENT")) return undefined;
    if (!(thrown instanceof Error) || thrown instanceof Fault) throw thrown;
    throw new Fault("conflict", "houston/file", `Cannot use "${path}": ${reasonOf(thrown)}`, { cause: thrown });
  }
}

/** What the disk refuses is no bug: it is told to whoever wanted it. */
async function onDisk(what: string, slug: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (thrown) {
    if (!(thrown instanceof Error && "code" in thrown)) throw thrown;
    const isFull = isSystemError(thrown, "ENOSPC") || isSystemError(thrown, "EDQUOT");
    const reason = isFull ? "the disk is full" : `the folder cannot be written (${String(thrown.code)})`;
    throw new Fault("unavailable", "houston/disk", `Cannot ${what} "${slug}": ${reason}`, { cause: thrown });
  }
}

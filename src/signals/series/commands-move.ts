/**
 * What the verbs of series do: whisper files in and out, series deleted, files of rules read again. Carbon's tree of files
 * says the names: `a/b/c.wsp` is `a.b.c`, series with tags lie below `_tagged` with `_DOT_` for each dot.
 */
import { mkdir, opendir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";

import type { RemoteContext } from "../../kit/commands/remote.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { inParallel } from "../../kit/in-parallel.ts";
import { countOf, formatCount } from "../../kit/pages/quantity.ts";
import { plainLine } from "../../kit/terminal/plain-text.ts";
import { type SeriesClient, SeriesRefusal } from "./client.ts";

type Context = Pick<RemoteContext<SeriesClient>, "client" | "screen">;

const fileMaxBytes = 1 << 30;

/** Takes over a file or a tree of them; 1 when one could not be taken. */
export async function importVerb(
  { client, screen }: Context,
  folder: string,
  { prefix, parallel, quiet }: { prefix: string; parallel: number; quiet: boolean },
): Promise<number> {
  const files = await filesOf(folder);
  if (files.length === 0)
    throw new Fault("missing", "series/import", `Cannot import "${folder}": it has no .wsp files`);
  let done = 0;
  let points = 0;
  let failed = 0;
  await inParallel(files, parallel, async ({ file, below }) => {
    const own = pathOfFile(below);
    try {
      if (own === undefined) throw new Error("its name is only a hash, as TAG_HASH_FILENAMES makes it");
      const path = prefix === "" ? own : `${prefix.replace(/\.+$/, "")}.${own}`;
      const { size } = await stat(file);
      if (size > fileMaxBytes) throw new Error("it is longer than 1 GiB");
      const taken = await client.importWhisper(path, await Bun.file(file).bytes());
      points += taken.points;
      if (!quiet) screen.print(plainLine(path));
    } catch (thrown) {
      // These would be the same for every file.
      if (isRefusedConnection(thrown)) throw asFault(thrown);
      if (thrown instanceof SeriesRefusal && [401, 403].includes(thrown.status)) throw asFault(thrown);
      failed++;
      screen.note(plainLine(`${file}: ${reasonOf(thrown)}`));
    }
    screen.draw(`${formatCount(++done)} of ${formatCount(files.length)} files`);
  });
  screen.draw("");
  const taken = files.length - failed;
  const sentence = `${formatCount(taken)} series with ${countOf(points, "point")} ${was(taken)} taken over`;
  screen.note(failed === 0 ? sentence : `${sentence}; ${countOf(failed, "file")} ${was(failed)} not`);
  return failed === 0 ? 0 : 1;
}

/** Writes series as files. */
export async function exportVerb(
  { client, screen }: Context,
  patterns: readonly string[],
  folder: string,
): Promise<number> {
  let failed = 0;
  for (const path of await pathsOf(client, patterns)) {
    try {
      const file = join(folder, fileOfPath(path));
      await mkdir(dirname(file), { recursive: true });
      await writeNew(file, () => client.exportWhisper(path));
      screen.print(file);
    } catch (thrown) {
      if (isRefusedConnection(thrown)) throw asFault(thrown);
      failed++;
      screen.note(plainLine(`${path}: ${reasonOf(thrown)}`));
    }
  }
  return failed === 0 ? 0 : 1;
}

/** Writes a file that is not there yet, whole or not at all. */
async function writeNew(file: string, content: () => Promise<Uint8Array>): Promise<void> {
  if (await Bun.file(file).exists()) throw new Error("the file is there already");
  const draft = `${file}.new`;
  try {
    await writeFile(draft, await content());
    await rename(draft, file);
  } catch (thrown) {
    await rm(draft, { force: true });
    throw thrown;
  }
}

/** Nobody listens there. */
function isRefusedConnection(thrown: unknown): boolean {
  return (
    thrown instanceof Error && "code" in thrown && ["ECONNREFUSED", "ConnectionRefused"].includes(String(thrown.code))
  );
}

/** Deletes series, or lists what would be deleted. */
export async function deleteVerb(
  { client, screen }: Context,
  patterns: readonly string[],
  isDry: boolean,
): Promise<number> {
  let deleted = 0;
  for (const pattern of patterns) {
    if (isDry) for (const path of (await asked(client.matching(pattern))).matching) screen.print(plainLine(path));
    else deleted += (await asked(client.delete(pattern))).deleted;
  }
  if (!isDry) screen.note(`${formatCount(deleted)} series ${was(deleted)} deleted`);
  return 0;
}

/** Has the files of rules read again. */
export async function reschemaVerb({ client, screen }: Context): Promise<number> {
  const { changed } = await asked(client.reschema());
  screen.note(`The files were read; ${formatCount(changed)} series are kept in another way from now on`);
  return 0;
}

async function pathsOf(client: SeriesClient, patterns: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const pattern of patterns) for (const path of (await asked(client.matching(pattern))).matching) found.add(path);
  if (found.size === 0)
    throw new Fault("missing", "series/export", `Cannot find any series for "${patterns.join(" ")}"`);
  return [...found];
}

async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (thrown) {
    throw asFault(thrown);
  }
}

/** What a store refused, or that there is none, as a sentence for the terminal. */
function asFault(thrown: unknown): unknown {
  if (thrown instanceof SeriesRefusal) return new Fault("invalid", "series/refused", thrown.message, { cause: thrown });
  if (!(thrown instanceof Error) || !("code" in thrown)) return thrown;
  return new Fault("unavailable", "series/unreachable", `Cannot reach series: ${reasonOf(thrown)}`, { cause: thrown });
}

/** Whisper files of a tree with their paths below it, or one file. */
async function filesOf(folder: string): Promise<{ file: string; below: string }[]> {
  try {
    if ((await stat(folder)).isFile()) return [{ file: folder, below: folder.slice(folder.lastIndexOf(sep) + 1) }];
    const found: { file: string; below: string }[] = [];
    for await (const entry of await opendir(folder, { recursive: true })) {
      if (!entry.isFile() || !entry.name.endsWith(".wsp")) continue;
      const file = join(entry.parentPath, entry.name);
      found.push({ file, below: relative(folder, file) });
    }
    return found.sort((left, right) => (left.below < right.below ? -1 : 1));
  } catch (thrown) {
    throw new Fault("missing", "series/import", `Cannot read "${folder}": ${reasonOf(thrown)}`, { cause: thrown });
  }
}

/** The name that carbon means by a file's path below its folder; undefined where the path does not hold it. */
export function pathOfFile(below: string): string | undefined {
  const nodes = below.replace(/\.wsp$/, "").split(/[\\/]/);
  if (nodes[0] !== "_tagged") return nodes.join(".");
  const last = nodes.at(-1) ?? "";
  return /^[0-9a-f]{64}$/.test(last) ? undefined : last.replaceAll("_DOT_", ".");
}

/** The path below a folder where carbon keeps a series. */
export function fileOfPath(path: string): string {
  if (!path.includes(";")) return `${path.split(".").map(safeNode).join("/")}.wsp`;
  const hash = new Bun.CryptoHasher("sha256").update(path).digest("hex");
  return `_tagged/${hash.slice(0, 3)}/${hash.slice(3, 6)}/${safeNode(path.replaceAll(".", "_DOT_"))}.wsp`;
}

/** No node may lead out of the folder. */
function safeNode(node: string): string {
  return node.replaceAll(/[/\\\0]/g, "_");
}

function was(count: number): string {
  return count === 1 ? "was" : "were";
}

/**
 * `warren hakmes get`: one file to a file or to standard output, compared with its key. A file gets its name only once its
 * bytes are proven; until then they are in `<name>.<digits>.part` beside it. A connection that is cut is taken up again,
 * and so is the work of an earlier run. The name that the server says is used without anything that is more than a name.
 */
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

import { systemClock } from "../../kit/clock.ts";
import { isSystemError } from "../../kit/disk/atomic.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { Patience, patiently, type PatienceOptions } from "../../kit/http/patience.ts";
import { formatSize } from "../../kit/pages/quantity.ts";
import { plainLine } from "../../kit/terminal/plain-text.ts";
import { startProgress } from "../../kit/terminal/progress.ts";
import { algorithmOf, digestOf, type Key, requireKey } from "../cask/client.ts";
import { FileHash } from "./client-hash.ts";
import { patienceOf } from "./commands-put.ts";
import type { VerbContext } from "./commands.ts";

/** What the verb was given. */
export interface GetFlags {
  /** A file, a folder, or `-`; the stored name in this folder when absent. */
  output?: string;
  force: boolean;
  quiet: boolean;
  /** Given up after this long without progress. */
  patienceMs: number;
}

/** Reads a file. Resolves to the exit code. */
export async function getVerb(context: VerbContext, text: string, flags: GetFlags): Promise<number> {
  const key = requireKey(text);
  const { screen } = context;
  const note = flags.quiet ? () => undefined : (line: string) => screen.note(line);
  const patience = patienceOf(flags.patienceMs, note);
  if (flags.output === "-") await toScreen(context, key, flags, patience);
  else {
    const path = await toFile(context, key, flags, patience, note);
    if (path !== flags.output) note(plainLine(path));
  }
  return 0;
}

async function toScreen(
  { client, screen }: VerbContext,
  key: Key,
  flags: GetFlags,
  patience: PatienceOptions,
): Promise<void> {
  const reading = await client.get(key, { patience });
  const progress = flags.quiet
    ? undefined
    : startProgress({ screen, clock: systemClock, label: "get", total: reading.sizeBytes });
  let done = 0;
  for await (const chunk of reading.bytes) {
    await screen.write(chunk);
    done += chunk.byteLength;
    progress?.at(done);
  }
  progress?.end();
}

async function toFile(
  { client, screen }: VerbContext,
  key: Key,
  flags: GetFlags,
  patience: PatienceOptions,
  note: (line: string) => void,
): Promise<string> {
  const found = await patiently(new Patience(patience), undefined, () => client.find(key));
  if (found === undefined)
    throw new Fault("missing", "hakmes/not-found", `Cannot find "${key}": no node knows this file`);
  const output = await placeFor(key, found.name, flags);
  const partial = `${output}.${digestOf(key).slice(0, 12)}.part`;
  const progress = flags.quiet
    ? undefined
    : startProgress({ screen, clock: systemClock, label: "get", total: found.sizeBytes });
  const file = await open(partial, "a+").catch((thrown: unknown) => {
    throw cannotWrite(output, reasonOf(thrown), thrown);
  });
  try {
    const resumedFrom = await fill(file, found.sizeBytes);
    if (resumedFrom > 0) note(`going on at ${formatSize(resumedFrom)}`);
    let isRight = await fetchRest(file, resumedFrom);
    if (!isRight && resumedFrom > 0) {
      // The beginning that was there is not of this file; once more, without it.
      note("the beginning that was there is not of this file: starting anew");
      await file.truncate(0);
      isRight = await fetchRest(file, 0);
    }
    if (!isRight) {
      await rm(partial, { force: true });
      throw new Fault("unavailable", "hakmes/wrong-bytes", `The bytes that came are not those of ${key}: try again`);
    }
    await file.sync();
  } finally {
    progress?.end();
    await file.close();
  }
  // Somebody may have put a file there meanwhile.
  await refuseExisting(output, flags);
  await rename(partial, output).catch((thrown: unknown) => {
    throw cannotWrite(output, reasonOf(thrown), thrown);
  });
  return output;

  /** How much of an earlier run can be used: as much as the file may have. */
  async function fill(handle: FileHandle, sizeBytes: number): Promise<number> {
    const { size } = await handle.stat();
    if (size <= sizeBytes) return size;
    await handle.truncate(0);
    return 0;
  }

  /** Fetches what follows `from`; whether all is then the file's. */
  async function fetchRest(handle: FileHandle, from: number): Promise<boolean> {
    const hash = new FileHash(algorithmOf(key));
    if (from > 0) await hash.catchUp(Bun.file(partial).slice(0, from).stream(), from);
    const sizeBytes = found?.sizeBytes ?? 0;
    if (from < sizeBytes) {
      const reading = await client.get(key, { patience, ...(from === 0 ? {} : { range: { start: from } }) });
      try {
        for await (const chunk of reading.bytes) {
          await handle.writeFile(chunk).catch((thrown: unknown) => {
            throw cannotWrite(partial, reasonOf(thrown), thrown);
          });
          hash.take(hash.sizeBytes, chunk);
          progress?.at(hash.sizeBytes);
        }
      } catch (thrown) {
        if (thrown instanceof Fault && thrown.code === "hakmes/wrong-bytes") return false;
        throw thrown;
      }
    }
    return hash.sizeBytes === sizeBytes && hash.isOf(key) === true;
  }
}

/** Where the file goes. */
async function placeFor(key: Key, storedName: string | undefined, flags: GetFlags): Promise<string> {
  const { output } = flags;
  const isFolder = output !== undefined && (output.endsWith("/") || (await kindOf(output)) === "folder");
  const name = safeName(storedName ?? "") || digestOf(key);
  const path = output === undefined ? name : isFolder ? join(output, name) : output;
  await refuseExisting(path, flags);
  return path;
}

async function refuseExisting(path: string, flags: GetFlags): Promise<void> {
  const kind = await kindOf(path);
  if (kind === "none" || (kind === "file" && flags.force)) return;
  throw cannotWrite(path, kind === "file" ? "it exists already; --force replaces it" : "it is no file", undefined);
}

async function kindOf(path: string): Promise<"none" | "file" | "folder" | "other"> {
  try {
    const stats = await stat(path);
    return stats.isFile() ? "file" : stats.isDirectory() ? "folder" : "other";
  } catch (thrown) {
    if (isSystemError(thrown, "ENOENT")) return "none";
    throw cannotWrite(path, reasonOf(thrown), thrown);
  }
}

function cannotWrite(path: string, reason: string, cause: unknown): Fault {
  return new Fault("invalid", "hakmes/output", `Cannot write "${path}": ${reason}`, { cause });
}

/**
 * A stored name as the name of a file in a folder of ours: nothing before the last slash, no control characters or marks
 * of direction, no dot in front that would hide it or lead upwards, at most 200 bytes. Empty when nothing is left.
 */
export function safeName(stored: string): string {
  const last = stored.split(/[/\\]/).at(-1) ?? "";
  let name = last
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "")
    .replace(/[<>:"|?*]/g, "_")
    .trim()
    .replace(/^[.\s-]+/, "")
    .replace(/[.\s]+$/, "");
  while (Buffer.byteLength(name) > 200) {
    const dot = name.lastIndexOf(".");
    const cut = dot > 0 && name.length - dot <= 16 ? dot : name.length;
    name = name.slice(0, cut).replace(/.$/su, "") + name.slice(cut);
  }
  return name;
}

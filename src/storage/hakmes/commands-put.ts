/**
 * `warren hakmes put`: files, folders and standard input into Hakmes, several at once. What is large goes by an upload that
 * is gone on with after a cut connection, a restarted server, or a second run of the command; what is small goes in one
 * request that is sent again. A file that fails does not stop the others. Keys are printed as soon as each is safe.
 */
import { basename } from "node:path";

import { systemClock } from "../../kit/clock.ts";
import { findNamedFiles, type NamedFile } from "../../kit/commands/named-files.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { Patience, patiently, type PatienceOptions } from "../../kit/http/patience.ts";
import { countOf, formatShare, formatSize, formatSpan } from "../../kit/pages/quantity.ts";
import { systemRandom } from "../../kit/random.ts";
import { plainLine, plainText } from "../../kit/terminal/plain-text.ts";
import { startProgress } from "../../kit/terminal/progress.ts";
import type { HakmesClient, Uploaded } from "./client.ts";
import type { VerbContext } from "./commands.ts";
import { UploadMemory } from "./upload-memory.ts";
import { fileSource, StreamSource } from "./upload-sources.ts";

/** What the verb was given. */
export interface PutFlags {
  parallel: number;
  json: boolean;
  quiet: boolean;
  /** Given up after this long without progress. */
  patienceMs: number;
  /** The name of standard input, or of the one file. */
  name?: string;
  /** The media type of all of them. */
  type?: string;
  /** The user's cache folder; absent when uploads are not to be remembered. */
  cacheFolder?: string;
}

/** Up to this size a file goes in one request. */
const smallBytes = 1024 * 1024;
/** Of standard input so much is kept until the server has it. */
const keptBytes = 16 * 1024 * 1024;

/** Stores what the paths name. Resolves to the exit code: 1 when anything failed. */
export async function putVerb(context: VerbContext, paths: readonly string[], flags: PutFlags): Promise<number> {
  const { client, screen } = context;
  const { failures: unreadable, files, leftOut } = await findNamedFiles(paths);
  if (flags.name !== undefined && files.length + unreadable.length > 1) {
    throw new Fault("invalid", "command/flag", "Cannot use --name for several files: wanted one file, or -");
  }
  const failures = [...unreadable];
  const note = flags.quiet ? () => undefined : (line: string) => screen.note(line);
  const isSizeKnown = files.every(({ sizeBytes }) => sizeBytes !== undefined);
  const total = isSizeKnown ? files.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0) : undefined;
  const progress = flags.quiet ? undefined : startProgress({ screen, clock: systemClock, label: "put", total });
  const memory =
    flags.cacheFolder === undefined ? undefined : new UploadMemory(flags.cacheFolder, systemClock, context.baseUrls);
  const positions = files.map(() => 0);
  let sent = 0;
  let stored = 0;
  let storedBytes = 0;
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < files.length) {
      const index = next++;
      const file = files[index];
      if (file === undefined) return;
      const at = (offset: number): void => {
        sent += offset - (positions[index] ?? 0);
        positions[index] = offset;
        progress?.at(sent, files.length > 1 ? `${stored} of ${files.length} files` : "");
      };
      const shown = plainLine(file.path);
      try {
        const blob = await putOne(client, file, flags, { at, memory, note: (line) => note(`${shown}: ${line}`) });
        at(file.sizeBytes ?? blob.sizeBytes);
        stored++;
        storedBytes += blob.sizeBytes;
        screen.print(flags.json ? JSON.stringify({ path: file.path, ...blob }) : `${blob.key}  ${shown}`);
      } catch (thrown) {
        at(file.sizeBytes ?? 0);
        failures.push({ path: file.path, reason: thrown instanceof Fault ? thrown.message : reasonOf(thrown) });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(flags.parallel, files.length) }, worker));
  progress?.end();
  if (leftOut > 0) note(`${countOf(leftOut, "entry", "entries")} left out: neither files nor folders`);
  if (files.length + unreadable.length > 1)
    note(`${countOf(stored, "file")} stored, ${formatSize(storedBytes)}; ${failures.length} failed`);
  for (const { path, reason } of failures) screen.note(`${plainLine(path)}: ${plainText(reason)}`);
  return failures.length === 0 ? 0 : 1;
}

interface Watching {
  /** How many bytes of the file are on their way or there. */
  at(offset: number): void;
  note(line: string): void;
  memory: UploadMemory | undefined;
}

async function putOne(client: HakmesClient, file: NamedFile, flags: PutFlags, watching: Watching): Promise<Uploaded> {
  const name = flags.name ?? (file.path === "-" ? "" : basename(file.path));
  const label = { name, mimetype: flags.type ?? typeOf(name) };
  const patience = patienceOf(flags.patienceMs, watching.note);
  const whole = async (bytes: Uint8Array): Promise<Uploaded> => {
    const { key, size } = await patiently(new Patience(patience), undefined, () => client.put(bytes, label));
    return { key, sizeBytes: size };
  };
  const { sizeBytes } = file;
  if (sizeBytes === undefined) {
    const source = new StreamSource(Bun.stdin.stream(), keptBytes);
    const small = await source.whole(smallBytes);
    if (small !== undefined) return whole(small);
    return client.upload(source, { ...label, patience, onSent: watching.at });
  }
  if (sizeBytes <= smallBytes) return whole(await Bun.file(file.path).bytes());

  const { memory } = watching;
  const resume = await memory?.find(file);
  try {
    const stored = await client.upload(fileSource(file.path, sizeBytes), {
      ...label,
      patience,
      resume,
      onSent: watching.at,
      onResumed: (offset) =>
        watching.note(`going on at ${formatSize(offset)}, ${formatShare(offset / sizeBytes)} of it are there`),
      onCreated: (url) => memory?.keep(file, url),
    });
    await memory?.forget(file);
    return stored;
  } catch (thrown) {
    if (!knowsNoUploads(thrown)) throw thrown;
  }
  // Its bytes can be had again, so what fails is sent again from the start.
  const { key, size } = await patiently(new Patience(patience), undefined, () =>
    client.put(() => counted(Bun.file(file.path).stream(), watching.at), { ...label, sizeBytes }),
  );
  return { key, sizeBytes: size };
}

/** Whether a server is one of those that take a file only in one request, as the predecessor's do. */
function knowsNoUploads(thrown: unknown): boolean {
  return thrown instanceof Fault && thrown.code === "hakmes/no-uploads";
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  at: (offset: number) => void,
): AsyncGenerator<Uint8Array, void, void> {
  let sent = 0;
  for await (const chunk of chunks) {
    yield chunk;
    sent += chunk.byteLength;
    at(sent);
  }
}

/** How long to try, and a word about it when it begins. */
export function patienceOf(limitMs: number, note: (line: string) => void): PatienceOptions {
  let saidAtMs = Number.NEGATIVE_INFINITY;
  return {
    clock: systemClock,
    random: systemRandom,
    limitMs,
    onWait({ message }) {
      const nowMs = systemClock.monotonicMs();
      if (nowMs - saidAtMs > saidAgainMs)
        note(`${plainText(message)}; trying again, for up to ${formatSpan(limitMs)} in vain`);
      saidAtMs = nowMs;
    },
  };
}

/** One word for one outage. */
const saidAgainMs = 30_000;

/** The media type that a name's ending stands for. */
function typeOf(name: string): string {
  return Bun.file(name === "" ? "-" : name).type.replace(/;charset=/, "; charset=");
}

/**
 * `warren reticulum put`: images, folders and standard input into Reticulum, several at once. An image that is refused does
 * not stop the others. Hashes are printed as soon as each is safe.
 */
import { basename } from "node:path";

import { systemClock } from "../../kit/clock.ts";
import { findNamedFiles } from "../../kit/commands/named-files.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { countOf, formatSize } from "../../kit/pages/quantity.ts";
import { plainLine, plainText } from "../../kit/terminal/plain-text.ts";
import { startProgress } from "../../kit/terminal/progress.ts";
import type { VerbContext } from "./commands.ts";
import { keyInFile } from "./key-file.ts";

/** What the verb was given. */
export interface PutFlags {
  parallel: number;
  json: boolean;
  quiet: boolean;
  sizes: readonly string[];
  algorithm?: "sha256" | "sha1";
  /** Holds an upload key. */
  keyFile?: string;
}

/** No node takes a larger one. */
const imageBytesMax = 1024 * 1024 * 1024;

/** Stores what the paths name. Resolves to the exit code: 1 when anything failed. */
export async function putVerb(
  { client, screen }: VerbContext,
  paths: readonly string[],
  flags: PutFlags,
): Promise<number> {
  const uploadKey = flags.keyFile === undefined ? undefined : await keyInFile(flags.keyFile);
  const { failures: unreadable, files, leftOut } = await findNamedFiles(paths);
  const failures = [...unreadable];
  const note = flags.quiet ? () => undefined : (line: string) => screen.note(line);
  const total = files.some(({ sizeBytes }) => sizeBytes === undefined)
    ? undefined
    : files.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
  const progress = flags.quiet ? undefined : startProgress({ screen, clock: systemClock, label: "put", total });
  let next = 0;
  let stored = 0;
  let storedBytes = 0;
  let doneBytes = 0;
  const worker = async (): Promise<void> => {
    while (next < files.length) {
      const file = files[next++];
      if (file === undefined) return;
      try {
        if ((file.sizeBytes ?? 0) > imageBytesMax) throw new RangeError("it is larger than any node takes");
        const isInput = file.path === "-";
        const bytes = isInput ? await inputBytes() : await Bun.file(file.path).bytes();
        const image = await client.put({
          bytes,
          name: isInput ? "" : basename(file.path),
          sizes: flags.sizes,
          ...(flags.algorithm === undefined ? {} : { algorithm: flags.algorithm }),
          ...(uploadKey === undefined ? {} : { uploadKey }),
        });
        stored++;
        storedBytes += bytes.byteLength;
        screen.print(
          flags.json
            ? JSON.stringify({ path: file.path, ...image })
            : `${image.hash}  ${image.width}x${image.height}  ${image.format}  ${plainLine(file.path)}`,
        );
      } catch (thrown) {
        failures.push({ path: file.path, reason: thrown instanceof Fault ? thrown.message : reasonOf(thrown) });
      }
      doneBytes += file.sizeBytes ?? 0;
      progress?.at(doneBytes, `${stored} of ${files.length} images`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(flags.parallel, files.length) }, worker));
  progress?.end();
  if (leftOut > 0) note(`${countOf(leftOut, "entry", "entries")} left out: neither files nor folders`);
  if (files.length + unreadable.length > 1)
    note(`${countOf(stored, "image")} stored, ${formatSize(storedBytes)}; ${failures.length} failed`);
  for (const { path, reason } of failures) screen.note(`${plainLine(path)}: ${plainText(reason)}`);
  return failures.length === 0 ? 0 : 1;
}

async function inputBytes(): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of Bun.stdin.stream()) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > imageBytesMax) throw new RangeError("it is larger than any node takes");
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks, sizeBytes));
}

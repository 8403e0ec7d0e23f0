/**
 * `warren cask put`: files, folders and standard input into Cask, several at once. A file that fails does not stop the
 * others; what failed is listed at the end. Keys are printed as soon as each is safe, so that output can be piped on.
 */
import { lstatSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { systemClock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { countOf, formatSize } from "../../kit/pages/quantity.ts";
import { startProgress } from "../../kit/terminal/progress.ts";
import type { Algorithm } from "./client.ts";
import type { VerbContext } from "./commands.ts";

/** What is to be stored: a path, or `-` for standard input, whose size nobody knows. */
interface Item {
  path: string;
  sizeBytes: number;
}

interface Failure {
  path: string;
  reason: string;
}

/** Stores what the paths name. Resolves to the exit code: 1 when anything failed. */
export async function putVerb(
  { client, screen }: VerbContext,
  paths: readonly string[],
  options: { algorithm?: Algorithm; parallel: number; json: boolean },
): Promise<number> {
  const items: Item[] = [];
  const failures: Failure[] = [];
  let left = 0;
  if (paths.filter((path) => path === "-").length > 1) {
    throw new Fault("invalid", "cask/flag", "Cannot read standard input twice: wanted - once");
  }
  for (const path of paths) left += await collect(path, items, failures, true);
  const total = items.some(({ path }) => path === "-")
    ? undefined
    : items.reduce((sum, item) => sum + item.sizeBytes, 0);
  const progress = startProgress({ screen, clock: systemClock, label: "put", total });
  let sent = 0;
  let stored = 0;
  let storedBytes = 0;
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const item = items[next++];
      if (item === undefined) return;
      const before = sent;
      try {
        const bytes = async function* (): AsyncGenerator<Uint8Array> {
          for await (const chunk of item.path === "-" ? Bun.stdin.stream() : Bun.file(item.path).stream()) {
            sent += chunk.byteLength;
            progress.at(sent, `${stored} of ${items.length} files`);
            yield chunk;
          }
        };
        const blob = await client.put(item.path === "-" ? bytes() : bytes, {
          ...(options.algorithm === undefined ? {} : { algorithm: options.algorithm }),
          ...(item.path === "-" ? {} : { sizeBytes: item.sizeBytes }),
        });
        stored++;
        storedBytes += blob.sizeBytes;
        screen.print(options.json ? JSON.stringify({ path: item.path, ...blob }) : `${blob.key}  ${item.path}`);
      } catch (thrown) {
        sent = Math.max(sent, before + item.sizeBytes);
        failures.push({ path: item.path, reason: thrown instanceof Fault ? thrown.message : reasonOf(thrown) });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.parallel, items.length) }, worker));
  progress.end();
  if (left > 0) screen.note(`${countOf(left, "entry", "entries")} left out: neither files nor folders`);
  if (items.length + failures.length > 1) {
    screen.note(`${countOf(stored, "file")} stored, ${formatSize(storedBytes)}; ${failures.length} failed`);
  }
  for (const { path, reason } of failures) screen.note(`${path}: ${reason}`);
  return failures.length === 0 ? 0 : 1;
}

/** Adds the files at a path; resolves to how many entries are neither file nor folder. Links inside of folders are not followed. */
async function collect(path: string, items: Item[], failures: Failure[], named: boolean): Promise<number> {
  if (path === "-") {
    items.push({ path, sizeBytes: 0 });
    return 0;
  }
  try {
    const stats = named ? await Bun.file(path).stat() : lstatSync(path);
    if (stats.isFile()) items.push({ path, sizeBytes: stats.size });
    else if (stats.isDirectory()) {
      let left = 0;
      for (const name of (await readdir(path)).sort()) left += await collect(join(path, name), items, failures, false);
      return left;
    } else return 1;
  } catch (thrown) {
    failures.push({ path, reason: reasonOf(thrown) });
  }
  return 0;
}

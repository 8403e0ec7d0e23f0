/**
 * `warren cask put`: files, folders and standard input into Cask, several at once. A file that fails does not stop the
 * others; what failed is listed at the end. Keys are printed as soon as each is safe, so that output can be piped on.
 */
import { systemClock } from "../../kit/clock.ts";
import { findNamedFiles } from "../../kit/commands/named-files.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { countOf, formatSize } from "../../kit/pages/quantity.ts";
import { plainLine, plainText } from "../../kit/terminal/plain-text.ts";
import { startProgress } from "../../kit/terminal/progress.ts";
import type { Algorithm } from "./client.ts";
import type { VerbContext } from "./commands.ts";

/** Stores what the paths name. Resolves to the exit code: 1 when anything failed. */
export async function putVerb(
  { client, screen }: VerbContext,
  paths: readonly string[],
  options: { algorithm?: Algorithm; parallel: number; json: boolean },
): Promise<number> {
  const { failures: unreadable, files: items, leftOut } = await findNamedFiles(paths);
  const failures = [...unreadable];
  const total = items.some(({ sizeBytes }) => sizeBytes === undefined)
    ? undefined
    : items.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
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
          ...(item.sizeBytes === undefined ? {} : { sizeBytes: item.sizeBytes }),
        });
        stored++;
        storedBytes += blob.sizeBytes;
        screen.print(
          options.json ? JSON.stringify({ path: item.path, ...blob }) : `${blob.key}  ${plainLine(item.path)}`,
        );
      } catch (thrown) {
        sent = Math.max(sent, before + (item.sizeBytes ?? 0));
        failures.push({ path: item.path, reason: thrown instanceof Fault ? thrown.message : reasonOf(thrown) });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.parallel, items.length) }, worker));
  progress.end();
  if (leftOut > 0) screen.note(`${countOf(leftOut, "entry", "entries")} left out: neither files nor folders`);
  if (items.length + failures.length > 1) {
    screen.note(`${countOf(stored, "file")} stored, ${formatSize(storedBytes)}; ${failures.length} failed`);
  }
  for (const { path, reason } of failures) screen.note(`${plainLine(path)}: ${plainText(reason)}`);
  return failures.length === 0 ? 0 : 1;
}

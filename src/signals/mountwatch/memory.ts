/** What Mountwatch remembers between starts, in one small file that is replaced as a whole. */
import { join } from "node:path";

import { z } from "zod";

import { isSystemError, replaceFile } from "../../kit/disk/atomic.ts";
import { reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import type { Memory } from "./rounds.ts";

const memoryShape = z.record(
  z.string(),
  z.object({
    wasMounted: z.boolean(),
    wasWritable: z.boolean(),
    condition: z.enum(["good", "warn", "bad", "unknown"]),
    sinceAt: z.number(),
  }),
);

/** Reads and keeps memories in a folder. */
export interface MemoryFile {
  read(): Promise<Map<string, Memory>>;
  /** Keeps them soon; only the newest state is written when several come. */
  write(memories: ReadonlyMap<string, Memory>): void;
  /** Resolves when the newest state is on disk. */
  flush(): Promise<void>;
}

/** The memories in `folder`. What cannot be read is nothing remembered, and logged. */
export function memoryFile(folder: string, log: Logger): MemoryFile {
  const path = join(folder, "seen.json");
  let newest: ReadonlyMap<string, Memory> | undefined;
  let writing: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    while (newest !== undefined) {
      const text = `${JSON.stringify(Object.fromEntries(newest), undefined, 1)}\n`;
      newest = undefined;
      try {
        await replaceFile(path, text);
      } catch (thrown) {
        log.error("What was seen of mounts could not be kept", { path, reason: reasonOf(thrown) });
      }
    }
    writing = undefined;
  };
  return {
    async read() {
      try {
        return new Map(Object.entries(memoryShape.parse(JSON.parse(await Bun.file(path).text()))));
      } catch (thrown) {
        if (!isSystemError(thrown, "ENOENT"))
          log.warn("What was seen of mounts cannot be read and begins anew", { path, reason: reasonOf(thrown) });
        return new Map();
      }
    },
    write(memories) {
      newest = memories;
      writing ??= run();
    },
    flush: () => writing ?? Promise.resolve(),
  };
}

/** The tables of this machine, as files. Elsewhere than on Linux there are none, and device ids alone tell a mount. */
import { isSystemError } from "../../kit/disk/atomic.ts";
import { reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import { parseFstab, parseMountTable } from "./mount-table.ts";
import type { Machine } from "./rounds.ts";

/** Where the tables are. */
export interface MachineTables {
  mounts: string;
  fstab: string;
}

const usual: MachineTables = { mounts: "/proc/self/mountinfo", fstab: "/etc/fstab" };

/**
 * This machine. A table that is not there is empty; one that cannot be read now is as it was last, for that no more files
 * can be opened unmounts nothing. Either is logged once.
 */
export function thisMachine(log: Logger, tables = usual): Machine {
  const told = new Set<string>();
  const last = new Map<string, string>();
  const read = async (path: string): Promise<string> => {
    try {
      const text = await Bun.file(path).text();
      last.set(path, text);
      return text;
    } catch (thrown) {
      if (!told.has(path)) log.info("A table of mounts cannot be read", { path, reason: reasonOf(thrown) });
      told.add(path);
      return isSystemError(thrown, "ENOENT") ? "" : (last.get(path) ?? "");
    }
  };
  return {
    mounts: async () => parseMountTable(await read(tables.mounts)),
    fstab: async () => parseFstab(await read(tables.fstab)),
  };
}

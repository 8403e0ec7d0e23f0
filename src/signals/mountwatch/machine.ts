/** The tables of this machine, as files. Elsewhere than on Linux there are none, and device ids alone tell a mount. */
import { reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import { parseFstab, parseMountTable } from "./mount-table.ts";
import type { Machine } from "./rounds.ts";

/** This machine. What cannot be read counts as empty, and is logged once. */
export function thisMachine(log: Logger): Machine {
  const told = new Set<string>();
  const read = async (path: string): Promise<string> => {
    try {
      return await Bun.file(path).text();
    } catch (thrown) {
      if (!told.has(path)) log.info("A table of mounts cannot be read", { path, reason: reasonOf(thrown) });
      told.add(path);
      return "";
    }
  };
  return {
    mounts: async () => parseMountTable(await read("/proc/self/mountinfo")),
    fstab: async () => parseFstab(await read("/etc/fstab")),
  };
}

import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../../kit/clock.ts";
import { createLog } from "../../kit/log.ts";
import { thisMachine } from "./machine.ts";

const folder = mkdtempSync(join(tmpdir(), "warren-machine-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("thisMachine: a table that cannot be read now is as it was last; one that is not there is empty", async () => {
  const lines: string[] = [];
  const log = createLog({ clock: systemClock, level: "info", format: "json", write: (line) => void lines.push(line) });
  const [mounts, fstab] = [join(folder, "mountinfo"), join(folder, "fstab")];
  writeFileSync(mounts, "27 1 8:1 / / rw - ext4 /dev/sda1 rw\n28 27 8:2 / /mnt/a rw - xfs /dev/sdb1 rw\n");
  const machine = thisMachine(log, { mounts, fstab });
  const points = async () => (await machine.mounts()).map(({ mountPoint }) => mountPoint);
  expect([await points(), await machine.fstab()]).toEqual([["/", "/mnt/a"], []]);
  rmSync(mounts);
  mkdirSync(mounts);
  expect(await points()).toEqual(["/", "/mnt/a"]);
  expect(await points()).toEqual(["/", "/mnt/a"]);
  rmSync(mounts, { recursive: true });
  expect(await points()).toEqual([]);
  expect(lines.length).toBe(2);
});

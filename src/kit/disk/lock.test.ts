/** Two processes never share a data folder, and a dead one never blocks it. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Fault } from "../fault.ts";
import { lockFolder } from "./lock.ts";

const folder = mkdtempSync(join(tmpdir(), "warren-lock-"));
afterAll(() => rmSync(folder, { recursive: true }));

function refusal(path: string): Fault {
  try {
    lockFolder(path).release();
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown;
    throw thrown;
  }
  throw new Error("The lock was given");
}

test("lockFolder: a second one is refused until release", () => {
  const lock = lockFolder(folder);
  const fault = refusal(folder);
  expect(fault.code).toBe("disk/folder-in-use");
  expect(fault.message).toContain(folder);
  expect(fault.details).toEqual({ folder, pid: process.pid });
  lock.release();
  lock.release();
  lockFolder(folder).release();
});

test("lockFolder: another process is refused, and SIGKILL frees the folder", async () => {
  const script = `import { lockFolder } from "${join(import.meta.dir, "lock.ts")}";
    lockFolder(${JSON.stringify(folder)}); Bun.gc(true); console.log("held"); setInterval(() => Bun.gc(true), 1000);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  const reader = child.stdout.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toContain("held");
  expect(refusal(folder).details.pid).toBe(child.pid);
  child.kill("SIGKILL");
  await child.exited;
  lockFolder(folder).release();
});

test("lockFolder: a missing folder is named", () => {
  const fault = refusal(join(folder, "nowhere"));
  expect(fault.code).toBe("disk/folder-unusable");
  expect(fault.message).toContain("nowhere");
});

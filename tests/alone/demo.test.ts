/**
 * `warren demo` as a person starts it: it must come to its good end, and leave nothing behind when it
 * is broken off.
 */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { sharedTranslation, until } from "../../src/kit/testing/child-node.ts";

const root = resolve(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "warren-demo-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function start(name: string) {
  const temporary = join(folder, name);
  mkdirSync(temporary);
  const child = Bun.spawn([process.execPath, join(root, "src/main.ts"), "demo"], {
    cwd: folder,
    env: { TMPDIR: temporary, HOME: folder, ...sharedTranslation },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  return { child, temporary };
}

/** Processes that work on a folder below `temporary`, by their command lines. */
function nodesOf(temporary: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")];
      } catch {
        // It ended between the two looks.
        return [];
      }
    })
    .filter((line) => line.includes(temporary));
}

test("warren demo: every file comes back, and nothing is left of it", async () => {
  const { child, temporary } = start("whole");
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect({ exitCode: await child.exited, stderr }).toMatchObject({ exitCode: 0 });
  expect(stdout).toMatch(/^\d+ files, one node lost and found, nothing missing, in \d+ (?:s|min)/);
  expect(stderr.match(/^ok {2}/gm)?.length).toBe(7);
  expect(readdirSync(temporary)).toEqual([]);
  expect(nodesOf(temporary)).toEqual([]);
}, 300_000);

test("warren demo: broken off, it ends its nodes and removes its files", async () => {
  const { child, temporary } = start("broken off");
  await until("its nodes run", () => nodesOf(temporary).length >= 3);
  child.kill("SIGINT");
  const stderr = await child.stderr.text();
  expect(await child.exited).toBe(1);
  expect(stderr).toContain("Ended before it was over");
  expect(readdirSync(temporary)).toEqual([]);
  expect(nodesOf(temporary)).toEqual([]);
}, 300_000);

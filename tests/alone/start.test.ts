/**
 * `npm start` as a newcomer types it, with what is installed: it says where everything is, takes arguments, ends the node
 * with itself whichever way it is ended, and hands its exit code on. Installing from nothing is the gate's own beginning.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { until } from "../../src/kit/testing/child-node.ts";

const root = resolve(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "warren-start-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const isThere = (pid: number) => {
  try {
    // One that has ended and was not asked after is as good as gone.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
};

async function start(name: string, command: readonly string[]) {
  const child = Bun.spawn([...command, "--listen", "127.0.0.1:0", "--data", join(folder, name)], {
    cwd: root,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let stdout = "";
  const decoder = new TextDecoder();
  const reading = (async () => {
    for await (const chunk of child.stdout) stdout += decoder.decode(chunk, { stream: true });
  })();
  await until("the node is ready", () => /^ready$/m.test(stdout) || child.exitCode !== null);
  const url = /^warren\s+(\S+)/m.exec(stdout)?.[1] ?? "";
  const pid = Number(readFileSync(join(folder, name, "lock.pid"), "utf8"));
  expect((await fetch(`${url}readyz`)).status).toBe(200);
  return { child, pid, text: () => stdout, reading };
}

describe("npm start", () => {
  test("npm start: prints the table of addresses, and ends the node when npm is told to end", async () => {
    const { child, pid, text } = await start("npm", ["npm", "start", "--"]);
    expect(text()).toMatch(/^cask\s+http:\/\/127\.0\.0\.1:\d+\/cask\/ /m);
    child.kill("SIGTERM");
    await child.exited;
    await until("the node is gone", () => !isThere(pid));
  });

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    test(`tools/start.mjs: ${signal} stops the node in order, and its exit code comes back`, async () => {
      const { child, pid, text, reading } = await start(signal, ["node", "tools/start.mjs"]);
      child.kill(signal);
      // From a terminal the same word comes twice.
      child.kill(signal);
      expect(await child.exited).toBe(0);
      await reading;
      expect(isThere(pid)).toBe(false);
      expect(text()).toMatch(/^warren /);
    });
  }

  test("tools/start.mjs: killed, it leaves no node behind", async () => {
    const { child, pid } = await start("killed", ["node", "tools/start.mjs"]);
    child.kill("SIGKILL");
    await child.exited;
    await until("the node is gone", () => !isThere(pid));
  });

  test("tools/start.mjs: a node that cannot start says so and gives its exit code", async () => {
    const child = Bun.spawn(["node", "tools/start.mjs", "--listen", "nowhere"], { cwd: root, stderr: "pipe" });
    expect(await child.stderr.text()).toContain("nowhere");
    expect(await child.exited).toBe(1);
  });
});

import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { until } from "../src/kit/testing/child-node.ts";
import { startNginx } from "./nginx.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "warren-nginx-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const isMissing = !Bun.which("nginx") || !Bun.which("setpriv");

function isGone(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return true;
  return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
}

test.skipIf(isMissing)("startNginx: workers end with a master that was killed", async () => {
  const nginx = await startNginx(join(folder, "nginx"), folder, false);
  const master = Number(readFileSync(join(folder, "nginx/nginx.pid"), "utf8"));
  process.kill(master, "SIGKILL");
  await nginx[Symbol.asyncDispose]();
  await until("the worker has ended", () => isGone(nginx.pid));
});

test.skipIf(isMissing)("startNginx: master and workers end with a bench that was killed", async () => {
  const code = `
    import { startNginx } from ${JSON.stringify(join(import.meta.dir, "nginx.ts"))};
    const nginx = await startNginx(${JSON.stringify(join(folder, "nginx"))}, ${JSON.stringify(folder)}, false);
    process.stdout.write(nginx.pid + "\\n");
    await new Promise(() => setInterval(() => {}, 1000));
  `;
  const bench = Bun.spawn([process.execPath, "-e", code], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const { value } = await bench.stdout.getReader().read();
  const worker = Number(new TextDecoder().decode(value));
  const master = Number(readFileSync(join(folder, "nginx/nginx.pid"), "utf8"));
  expect([isGone(worker), isGone(master)]).toEqual([false, false]);
  bench.kill("SIGKILL");
  await until("nginx has ended", () => isGone(worker) && isGone(master));
});

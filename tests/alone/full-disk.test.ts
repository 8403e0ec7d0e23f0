/** The whole program on a disk that is full: it stops when it is told to, and starts again when there is room. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startChild, until } from "../../src/kit/testing/child-node.ts";

setDefaultTimeout(180_000);

const run = (...words: string[]) => Bun.spawnSync(words, { stdout: "ignore", stderr: "ignore" }).exitCode === 0;

test("warren up: what is told to stop on a full disk stops, and has everything at the next start", async () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-full-"));
  const data = join(folder, "data");
  mkdirSync(data);
  if (!run("mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", data)) {
    console.warn("Not run: this machine does not allow mounting");
    rmSync(folder, { recursive: true });
    return;
  }
  try {
    const ballast = join(data, "ballast");
    {
      await using node = await startChild({
        folder,
        config: '[series]\nmeasure_every = "1s"\n[windsock]\nhistory_store = "disk"\n',
      });
      const published = await fetch(`${node.url}/windsock/api/publish`, {
        method: "POST",
        body: JSON.stringify({ address: "a", content: "before it was full" }),
      });
      expect(published.status).toBe(200);
      for (let sizeBytes = 64 << 20; sizeBytes >= 512; sizeBytes >>= 1) {
        try {
          writeFileSync(ballast, new Uint8Array(sizeBytes), { flag: "a" });
        } catch (thrown) {
          expect(String(thrown)).toContain("ENOSPC");
        }
      }
      await until("it is noticed", () => /ENOSPC|no space|disk is full|full/i.test(node.output()));
      const ended = await Promise.race([node.end("SIGTERM"), Bun.sleep(40_000).then(() => "still there")]);
      expect(ended).toBe(0);
    }
    rmSync(ballast);
    await using node = await startChild({ folder, config: '[windsock]\nhistory_store = "disk"\n' });
    const history = await fetch(`${node.url}/windsock/api/history`, {
      method: "POST",
      body: JSON.stringify({ topic: "a" }),
    });
    expect(await history.text()).toContain("before it was full");
  } finally {
    run("umount", "-l", data);
    rmSync(folder, { recursive: true, force: true });
  }
});

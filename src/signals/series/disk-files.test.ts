import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { filesBelow } from "./disk-files.ts";

test("filesBelow: a thousand open files take few handles, and each is read as it is", () => {
  const root = mkdtempSync(join(tmpdir(), "warren-files-"));
  const handles = () => readdirSync("/proc/self/fd").length;
  try {
    mkdirSync(join(root, "points"));
    for (let at = 0; at < 1000; at++) writeFileSync(join(root, "points", String(at)), `file ${at}`);
    const disk = filesBelow(root);
    const before = handles();
    const files = Array.from({ length: 1000 }, (_, at) => disk.open(`points/${at}`));
    for (let turn = 0; turn < 2; turn++) {
      for (const [at, file] of files.entries())
        expect(Buffer.from(file.read(0, file.sizeBytes)).toString()).toBe(`file ${at}`);
    }
    expect(handles() - before).toBeLessThan(300);
    for (const file of files) file.close();
    expect(handles() - before).toBeLessThan(5);
    expect(() => disk.open("points/none")).toThrow("ENOENT");
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

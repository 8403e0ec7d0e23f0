/** A disk that takes no more: what was learnt and made is lost, and nothing else. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { isWriteRefused } from "./write-refused.ts";

/** Runs on a disk of its own, given as the last word; prints what happened as JSON. */
const script = `
  import { rmSync, writeFileSync } from "node:fs";
  import { systemClock } from "${import.meta.dir}/../../kit/clock.ts";
  import { KnownImages } from "${import.meta.dir}/known-images.ts";
  import { Results } from "${import.meta.dir}/results.ts";
  const disk = process.argv.at(-1);
  let refused = 0;
  const known = new KnownImages(disk + "/images.sqlite", () => refused++);
  const results = new Results({ path: disk + "/results.sqlite", folder: disk + "/results", maxBytes: 1e9, clock: systemClock });
  const image = "sha256:" + "0".repeat(64);
  const rendered = (text) => ({ bytes: new TextEncoder().encode(text), format: "jpeg", width: 1, height: 1, pages: 1 });
  const outcome = (promise) => promise.then(() => "kept", (thrown) => thrown.code);
  const before = await outcome(results.keep("before", image, rendered("before")));
  // Entries are written down a moment later.
  results.flush();
  try {
    for (let at = 0; ; at++) writeFileSync(disk + "/fill", new Uint8Array(4096), { flag: "a" });
  } catch {}
  const ends = new Set();
  for (let at = 0; at < 200; at++) {
    known.learn({ key: "sha256:" + String(at).padStart(64, "0"), format: "jpeg", sizeBytes: 9 });
    ends.add(await outcome(results.keep("name " + at, image, rendered("text " + at))));
  }
  for (let at = 0; at < 2500; at++) results.used("before");
  results.flush();
  const found = results.find("before");
  const text = new TextDecoder().decode(await results.read(found));
  rmSync(disk + "/fill");
  const after = await outcome(results.keep("after", image, rendered("after")));
  const swept = await results.sweep();
  console.log(JSON.stringify({ before, refused: refused > 0, ends: [...ends].includes("ENOSPC"), text, after, swept }));
`;

test("KnownImages.learn, Results: a full disk costs what is new, and nothing lies about afterwards", async () => {
  const disk = mkdtempSync(join(tmpdir(), "warren-full-"));
  try {
    const within = (command: string) => [
      "unshare",
      "-rm",
      "sh",
      "-c",
      `mount -t tmpfs -o size=2m none "$0" && ${command}`,
      disk,
    ];
    if (Bun.which("unshare") === null || Bun.spawnSync(within("true")).exitCode !== 0) {
      console.warn("Not run: a disk that fills up, because this machine does not allow mounting in a namespace");
      return;
    }
    const child = Bun.spawn({
      cmd: [...within('exec "$1" -e "$2" "$0"'), process.execPath, script],
      stdout: "pipe",
      stderr: "inherit",
    });
    expect(JSON.parse(await new Response(child.stdout).text())).toEqual({
      before: "kept",
      refused: true,
      ends: true,
      text: "before",
      after: "kept",
      swept: 0,
    });
  } finally {
    rmSync(disk, { recursive: true, force: true });
  }
}, 120_000);

test("isWriteRefused: a disk and a lock, not a mistake", () => {
  const failure = (code: string) => Object.assign(new Error(code), { code });
  expect(["SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_BUSY"].map((code) => isWriteRefused(failure(code)))).toEqual([
    true,
    true,
    true,
  ]);
  expect([failure("SQLITE_CONSTRAINT"), failure("ENOENT"), new Error("any"), "text"].some(isWriteRefused)).toBe(false);
});

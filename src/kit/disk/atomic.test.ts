/** Files are replaced whole or not at all. Durability itself (fsync) is watched from outside with strace-like means elsewhere. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { isSystemError, makeFolders, replaceFile, syncFolder } from "./atomic.ts";

const folder = mkdtempSync(join(tmpdir(), "warren-atomic-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("replaceFile: writes, replaces, sets the mode whatever the umask, and leaves nothing beside", async () => {
  const own = join(folder, "replace");
  await makeFolders(own);
  const path = join(own, "secret.toml");
  await replaceFile(path, "one");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  await replaceFile(path, new TextEncoder().encode("two"), { mode: 0o666 });
  expect(readFileSync(path, "utf8")).toBe("two");
  expect(statSync(path).mode & 0o777).toBe(0o666);
  expect(readdirSync(own)).toEqual(["secret.toml"]);
});

test("replaceFile: many at once on one path end with one whole content", async () => {
  const own = join(folder, "race");
  await makeFolders(own);
  const contents = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(10_000));
  await Promise.all(contents.map((content) => replaceFile(join(own, "file"), content)));
  expect(contents).toContain(readFileSync(join(own, "file"), "utf8"));
  expect(readdirSync(own)).toEqual(["file"]);
});

test("replaceFile: a rename that fails keeps the old content and removes the draft", async () => {
  const own = join(folder, "fails");
  await makeFolders(join(own, "target", "inside"));
  await expect(replaceFile(join(own, "target"), "bytes")).rejects.toThrow();
  await replaceFile(join(own, "other"), "x");
  expect(readdirSync(own).sort()).toEqual(["other", "target"]);
});

test("makeFolders: makes each missing level once and keeps what is there", async () => {
  const deep = join(folder, "a", "b", "c");
  await makeFolders(deep, 0o750);
  await makeFolders(deep, 0o700);
  expect(statSync(deep).mode & 0o777).toBe(0o750);
  await makeFolders(join(folder, "a", "d"));
  expect(readdirSync(join(folder, "a")).sort()).toEqual(["b", "d"]);
});

test("makeFolders: a file in the way is an error", async () => {
  writeFileSync(join(folder, "file"), "");
  await expect(makeFolders(join(folder, "file", "below"))).rejects.toThrow();
});

test("syncFolder: refuses what is no folder", async () => {
  writeFileSync(join(folder, "plain"), "");
  const failure: unknown = await syncFolder(join(folder, "plain")).catch((thrown: unknown) => thrown);
  expect(isSystemError(failure, "ENOTDIR")).toBe(true);
  await syncFolder(folder);
});

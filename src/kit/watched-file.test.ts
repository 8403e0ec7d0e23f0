import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { fileMarkAt, WatchedFile } from "./watched-file.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "warren-watched-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function watch(path: string | undefined, maxBytes = 1000): WatchedFile<number> {
  return new WatchedFile({
    path,
    read(text) {
      if (text === "bug") throw new RangeError("a bug");
      if (text !== undefined && !/^\d+$/.test(text)) throw new SyntaxError(`no number: ${text}`);
      return Number(text ?? -1);
    },
    wrongIn: (thrown) => (thrown instanceof SyntaxError ? thrown.message : undefined),
    code: "watched/file",
    maxBytes,
  });
}

/** What is seen at the second look after a change. */
async function settled(file: WatchedFile<number>): Promise<number | undefined> {
  expect(await file.changed()).toBeUndefined();
  return file.changed();
}

test("WatchedFile: one that is still being written is read when it was the same twice", async () => {
  const path = join(folder, "number");
  writeFileSync(path, "1");
  const file = watch(path);
  expect(await file.first()).toBe(1);
  for (const text of ["", "2", "23", "234"]) {
    writeFileSync(path, text);
    expect(await file.changed()).toBeUndefined();
    expect(file.trouble).toBeUndefined();
  }
  expect(await file.changed()).toBe(234);
  expect(await file.changed()).toBeUndefined();
});

test("WatchedFile: is read once, and again when its text, its time or the file itself is another", async () => {
  const path = join(folder, "number");
  writeFileSync(path, "1");
  const file = watch(path);
  expect(await file.first()).toBe(1);
  expect(await file.changed()).toBeUndefined();
  writeFileSync(path, "22");
  expect(await settled(file)).toBe(22);
  expect(await file.changed()).toBeUndefined();
  // The same size and time, but another file.
  writeFileSync(join(folder, "next"), "33");
  utimesSync(path, 1000, 1000);
  expect(await settled(file)).toBe(22);
  utimesSync(join(folder, "next"), 1000, 1000);
  renameSync(join(folder, "next"), path);
  expect(await settled(file)).toBe(33);
  expect(await file.changed()).toBeUndefined();
});

test("WatchedFile: a file that says something wrong is told once it does, and counts again when it is right", async () => {
  const path = join(folder, "number");
  writeFileSync(path, "1");
  const file = watch(path);
  await file.first();
  writeFileSync(path, "half a numb");
  expect(await settled(file)).toBeUndefined();
  expect(file.trouble).toBe("no number: half a numb");
  expect(await file.changed()).toBeUndefined();
  expect(file.trouble).toBe("no number: half a numb");
  writeFileSync(path, "12");
  expect(await settled(file)).toBe(12);
  expect(file.trouble).toBeUndefined();
});

test("WatchedFile: a file that was away and comes back as it was is no trouble any more", async () => {
  const path = join(folder, "number");
  writeFileSync(path, "1");
  const file = watch(path);
  await file.first();
  renameSync(path, `${path}.away`);
  expect(await file.changed()).toBeUndefined();
  expect(file.trouble).toStartWith(`Cannot read "${path}": `);
  renameSync(`${path}.away`, path);
  expect(await file.changed()).toBe(1);
  expect(file.trouble).toBeUndefined();
});

test("WatchedFile: what is no file, is too large or is not there cannot be read", async () => {
  const path = join(folder, "number");
  const file = watch(path, 5);
  await expect(file.first()).rejects.toMatchObject({ kind: "invalid", code: "watched/file" });
  mkdirSync(path);
  expect(await file.changed()).toBeUndefined();
  expect(file.trouble).toBe(`Cannot read "${path}": wanted a file`);
  rmSync(path, { recursive: true });
  writeFileSync(path, "123456");
  expect(await file.changed()).toBeUndefined();
  expect(file.trouble).toBe(`Cannot read "${path}": wanted a file of at most 5 bytes`);
  writeFileSync(path, "12345");
  expect(await file.changed()).toBe(12345);
});

test("WatchedFile: without a path it says what it says without one; a bug is thrown", async () => {
  const none = watch(undefined);
  expect(await none.first()).toBe(-1);
  expect(await none.changed()).toBeUndefined();
  const path = join(folder, "number");
  writeFileSync(path, "bug");
  await expect(watch(path).changed()).rejects.toThrow("a bug");
});

test("fileMarkAt: undefined where there is no file", () => {
  const path = join(folder, "number");
  expect(fileMarkAt(path)).toBeUndefined();
  writeFileSync(path, "1");
  const before = fileMarkAt(path);
  expect(before).toMatch(/^\d+ [\d.]+ 1$/);
  writeFileSync(path, "22");
  expect(fileMarkAt(path)).not.toBe(before);
});

/** Parts of the verbs of Hakmes that need no process: names that come from others, and uploads that are remembered. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import fc from "fast-check";

import { systemClock } from "../../kit/clock.ts";
import { safeName } from "./commands-get.ts";
import { UploadMemory } from "./upload-memory.ts";

describe("safeName", () => {
  test("safeName: keeps what is only a name, takes away what leads, hides or deceives", () => {
    const cases: [string, string][] = [
      ["report 2026.tar.gz", "report 2026.tar.gz"],
      ["Übersicht – 文件.txt", "Übersicht – 文件.txt"],
      ["/etc/passwd", "passwd"],
      ["..\\..\\boot.ini", "boot.ini"],
      ["../..", ""],
      [".bashrc", "bashrc"],
      ["--force", "force"],
      ["a\u0000b\u001b[2J", "ab[2J"],
      ["gpj.\u202eexe", "gpj.exe"],
      ["C:what?.txt", "C_what_.txt"],
      ["trailing. . ", "trailing"],
      ["", ""],
    ];
    for (const [stored, name] of cases) expect(safeName(stored)).toBe(name);
  });

  test("safeName: a long one keeps its ending and whole characters", () => {
    const name = safeName(`${"ü".repeat(300)}.jpeg`);
    expect(name).toEndWith("ü.jpeg");
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(200);
    expect(safeName(`${"😀".repeat(300)}`)).toMatch(/^(?:😀)+$/u);
  });

  test("safeName: whatever is stored, a file of that name is in the folder it is put in", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 400 }), (stored) => {
        const name = safeName(stored);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(200);
        expect(name).not.toMatch(/[/\\\p{Cc}]/u);
        if (name !== "") expect(resolve("/folder", name)).toBe(`/folder/${name}`);
      }),
    );
  });
});

describe("UploadMemory", () => {
  const file = { path: "big.bin", sizeBytes: 5_000_000, modifiedAt: 1234.5 };
  const base = "http://box:4100/hakmes";
  const url = `${base}/tus/abc`;
  const within = async (work: (folder: string) => Promise<void>): Promise<void> => {
    const folder = mkdtempSync(join(tmpdir(), "warren-memory-"));
    try {
      await work(folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };

  test("UploadMemory: finds an upload again for the same file and server only", () =>
    within(async (folder) => {
      const memory = new UploadMemory(folder, systemClock, [`${base}/`]);
      expect(await memory.find(file)).toBeUndefined();
      await memory.keep(file, url);
      expect(await new UploadMemory(folder, systemClock, [base]).find(file)).toBe(url);
      for (const other of [
        { ...file, path: "other.bin" },
        { ...file, sizeBytes: 1 },
        { ...file, modifiedAt: 1234.6 },
      ])
        expect(await memory.find(other)).toBeUndefined();
      expect(await new UploadMemory(folder, systemClock, ["http://elsewhere"]).find(file)).toBeUndefined();
      await memory.forget(file);
      expect(await memory.find(file)).toBeUndefined();
      expect(readdirSync(join(folder, "warren/uploads"))).toEqual([]);
    }));

  test("UploadMemory: what was tampered with, or leads elsewhere, is not used", () =>
    within(async (folder) => {
      const memory = new UploadMemory(folder, systemClock, [base]);
      await memory.keep(file, url);
      const path = join(folder, "warren/uploads", readdirSync(join(folder, "warren/uploads"))[0] ?? "");
      for (const text of ["", "{", "[]", '{"url":1}', '{"url":"http://evil/tus/x"}', `{"url":"${base}x/tus/1"}`]) {
        writeFileSync(path, text);
        expect(await memory.find(file)).toBeUndefined();
      }
    }));

  test("UploadMemory: old ones are swept when another is kept; a folder that cannot be written is no failure", () =>
    within(async (folder) => {
      const memory = new UploadMemory(folder, systemClock, [base]);
      await memory.keep(file, url);
      const uploads = join(folder, "warren/uploads");
      utimesSync(join(uploads, readdirSync(uploads)[0] ?? ""), 1, 1);
      await memory.keep({ ...file, path: "new.bin" }, url);
      expect(await memory.find(file)).toBeUndefined();
      expect(readdirSync(uploads).length).toBe(1);
      writeFileSync(join(folder, "no folder"), "");
      const nowhere = new UploadMemory(join(folder, "no folder"), systemClock, [base]);
      await nowhere.keep(file, url);
      await nowhere.forget(file);
      expect(await nowhere.find(file)).toBeUndefined();
    }));
});

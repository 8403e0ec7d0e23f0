/** Opening, migrating and refusing database files. */
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Fault } from "../fault.ts";
import { closeDatabase, inTransaction, openDatabase, schemaVersion } from "./sqlite.ts";

const folder = mkdtempSync(join(tmpdir(), "warren-sqlite-"));
afterAll(() => rmSync(folder, { recursive: true }));

const first = "CREATE TABLE hares (name TEXT PRIMARY KEY) STRICT; CREATE TABLE holes (depth INTEGER) STRICT";
const second = "ALTER TABLE hares ADD COLUMN age INTEGER";

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (thrown) {
    return thrown instanceof Fault ? thrown.code : String(thrown);
  }
  return "nothing was thrown";
}

test("openDatabase: makes a private file with the promised settings", () => {
  const path = join(folder, "new.sqlite");
  const database = openDatabase(path, { migrations: [first], synchronous: "full" });
  const pragma = (name: string) =>
    Object.values(database.query<Record<string, unknown>, []>(`PRAGMA ${name}`).get() ?? {})[0];
  expect(pragma("journal_mode")).toBe("wal");
  expect(pragma("synchronous")).toBe(2);
  expect(pragma("foreign_keys")).toBe(1);
  expect(pragma("busy_timeout")).toBe(5000);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600);
  closeDatabase(database);
});

test("openDatabase: applies only the migrations that are missing and keeps the rows", () => {
  const path = join(folder, "grow.sqlite");
  const old = openDatabase(path, { migrations: [first], synchronous: "normal" });
  old.run("INSERT INTO hares (name) VALUES ('Hazel')");
  expect(schemaVersion(old)).toBe(1);
  closeDatabase(old);
  const young = openDatabase(path, { migrations: [first, second], synchronous: "normal" });
  expect(schemaVersion(young)).toBe(2);
  expect(young.query("SELECT name, age FROM hares").all()).toEqual([{ name: "Hazel", age: null }]);
  closeDatabase(young);
});

test("openDatabase: a migration that fails changes nothing", () => {
  const path = join(folder, "fails.sqlite");
  expect(
    codeOf(() =>
      openDatabase(path, { migrations: [first, "CREATE TABLE x (a INTEGER); NONSENSE"], synchronous: "normal" }),
    ),
  ).toBe("disk/database-unreadable");
  const database = openDatabase(path, { migrations: [first], synchronous: "normal" });
  expect(database.query("SELECT count(*) AS count FROM sqlite_master WHERE name = 'x'").get()).toEqual({ count: 0 });
  closeDatabase(database);
});

test("openDatabase: a file from a newer program is refused and left as it was", () => {
  const path = join(folder, "newer.sqlite");
  closeDatabase(openDatabase(path, { migrations: [first, second], synchronous: "normal" }));
  expect(codeOf(() => openDatabase(path, { migrations: [first], synchronous: "normal" }))).toBe("disk/database-newer");
  const raw = new Database(path);
  expect(schemaVersion(raw)).toBe(2);
  raw.close();
});

test("openDatabase: garbage and unreachable paths say so", () => {
  const path = join(folder, "garbage.sqlite");
  writeFileSync(path, "these are not the bytes you are looking for".repeat(100));
  expect(codeOf(() => openDatabase(path, { migrations: [first], synchronous: "normal" }))).toBe(
    "disk/database-damaged",
  );
  expect(
    codeOf(() => openDatabase(join(folder, "no", "where.sqlite"), { migrations: [], synchronous: "normal" })),
  ).toBe("disk/database-unreadable");
});

test("openDatabase: two that open at once migrate once", async () => {
  const path = join(folder, "both.sqlite");
  const script = `import { openDatabase } from "${join(import.meta.dir, "sqlite.ts")}";
    openDatabase(${JSON.stringify(path)}, { migrations: [${JSON.stringify(first)}, ${JSON.stringify(second)}], synchronous: "normal" }).close();`;
  const children = [1, 2, 3].map(() => Bun.spawn([process.execPath, "-e", script], { stderr: "pipe" }));
  for (const child of children) expect(await child.exited).toBe(0);
});

test("openDatabase: who writes in a file that has no log yet is waited for", async () => {
  const path = join(folder, "held.sqlite");
  const script = `import { Database } from "bun:sqlite";
    const database = new Database(${JSON.stringify(path)}, { create: true });
    database.run("BEGIN IMMEDIATE");
    console.log("held");
    for await (const line of console) if (line === "asked") setTimeout(() => process.exit(0), 200);`;
  const holder = Bun.spawn([process.execPath, "-e", script], { stdin: "pipe", stdout: "pipe" });
  const { value } = await holder.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toContain("held");
  // Opening waits in place: the holder is told before, and has its lock for a while yet.
  holder.stdin.write("asked\n");
  await holder.stdin.flush();
  const database = openDatabase(path, { migrations: [first], synchronous: "normal", busyTimeoutMs: 60_000 });
  expect(schemaVersion(database)).toBe(1);
  closeDatabase(database);
  expect(await holder.exited).toBe(0);
});

test("inTransaction: all or nothing, and the result comes back", () => {
  const database = openDatabase(":memory:", { migrations: [first], synchronous: "normal" });
  expect(inTransaction(database, () => database.run("INSERT INTO hares (name) VALUES ('Fiver')").changes)).toBe(1);
  expect(() =>
    inTransaction(database, () => {
      database.run("INSERT INTO hares (name) VALUES ('Bigwig')");
      throw new RangeError("no");
    }),
  ).toThrow(RangeError);
  expect(database.query("SELECT name FROM hares").all()).toEqual([{ name: "Fiver" }]);
  expect(() => inTransaction(database, () => inTransaction(database, () => 1))).toThrow();
  database.close();
});

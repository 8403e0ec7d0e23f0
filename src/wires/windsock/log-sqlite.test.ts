import { afterEach, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { openHub } from "./hub-ordered.ts";

const bounds = { count: 10, sizeBytes: 1_000_000, ageMs: 60_000 };
const everything = [{ kind: "prefix", prefix: "" }] as const;
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

/** A hub on a disk that can be made to take nothing. */
function fullable() {
  const folder = mkdtempSync(join(tmpdir(), "windsock-log-"));
  closers.push(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "log.sqlite");
  const clock = new ManualClock();
  const untrimmed: string[] = [];
  const open = () =>
    openHub({
      clock,
      maxMessageBytes: 1000,
      bounds,
      path,
      untrimmed: (error) => void untrimmed.push(error instanceof Error ? error.message : String(error)),
    });
  const change = (sql: (name: string, on: string) => string) => {
    const other = new Database(path);
    for (const [name, on] of [
      ["a", "INSERT ON publications"],
      ["b", "DELETE ON publications"],
      ["c", "UPDATE ON standing"],
    ] as const) {
      other.run(sql(name, on));
    }
    other.close();
  };
  const fill = () =>
    change((name, on) => `CREATE TRIGGER ${name} BEFORE ${on} BEGIN SELECT RAISE(FAIL, 'disk is full'); END`);
  const free = () => change((name) => `DROP TRIGGER ${name}`);
  return { open, clock, fill, free, untrimmed };
}

test("hub on a full disk: what is old stays until there is room, told once, and nothing falls", async () => {
  const { clock, fill, free, open, untrimmed } = fullable();
  const hub = open();
  closers.push(() => hub.close());
  for (let index = 0; index < 30; index++) void hub.accept({ address: "a", content: String(index) });
  hub.flush();
  fill();
  clock.advance(10_000);
  expect(untrimmed).toEqual(["disk is full"]);
  expect(hub.kept.count).toBe(30);
  const late = hub.accept({ address: "a", content: "late" }).catch((thrown: Error) => thrown.message);
  hub.flush();
  expect(await late).toBe("disk is full");
  free();
  clock.advance(2000);
  expect(hub.kept.count).toBe(10);
});

test("hub on a full disk: a broken order is broken, also for those who come back after a restart", async () => {
  const { fill, free, open } = fullable();
  const hub = open();
  void hub.accept({ address: "a", content: "1" });
  hub.flush();
  const before = hub.position;
  fill();
  const heard: string[] = [];
  hub.sit(everything, { hear: ({ content }) => void heard.push(content), gap: () => void heard.push("-") });
  hub.breakOrder();
  expect(heard).toEqual(["-"]);
  expect(hub.recall(everything, before).isComplete).toBe(false);
  free();
  void hub.accept({ address: "a", content: "2" });
  hub.flush();
  hub.close();
  const again = open();
  closers.push(() => again.close());
  expect(again.recall(everything, before).isComplete).toBe(false);
});

test("hub on a full disk: other numbers begin, and nothing of the former ones is found under them", async () => {
  const { fill, free, open } = fullable();
  const hub = open();
  closers.push(() => hub.close());
  for (const content of ["1", "2", "3"]) void hub.accept({ address: "a", content });
  hub.flush();
  fill();
  hub.moveTo("other", 1);
  expect(await hub.history(everything[0], 10)).toEqual([]);
  free();
  void hub.accept({ address: "a", content: "new" });
  hub.flush();
  expect((await hub.history(everything[0], 10)).map(({ content, position }) => [content, position])).toEqual([
    ["new", "other-2"],
  ]);
});

test("log on disk: publications have the positions under which they were told, over breaks and restarts", async () => {
  const { open } = fullable();
  let hub = open();
  const told: string[] = [];
  const say = (content: string) => {
    hub.sit(everything, { hear: ({ position }) => void told.push(position), gap: () => undefined });
    void hub.accept({ address: "a", content });
    hub.flush();
    hub.close();
    hub = open();
  };
  const positions = async () => (await hub.history(everything[0], 100)).map(({ position }) => position);
  say("1");
  say("2");
  hub.breakOrder();
  hub.breakOrder();
  say("3");
  hub.breakOrder();
  say("4");
  expect(await positions()).toEqual(told);
  expect(new Set(told.map((position) => position.split("-")[0])).size).toBe(3);
  hub.moveTo("other", 2);
  say("5");
  expect(await positions()).toEqual(["other-3"]);
  hub.close();
});

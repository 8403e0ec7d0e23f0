/** Names on disk when several want them saved at once, as imports and the flush do. */
import { expect, test } from "bun:test";

import { Catalog } from "./catalog.ts";
import type { Disk } from "./disk.ts";
import { MemoryDisk } from "./disk-memory-fixture.ts";
import { Schemas } from "./schemas.ts";

const schemas = new Schemas("[all]\npattern = .*\nretentions = 10s:1d\n");

/** A disk whose first sync after `hold` waits until it is let go. */
function slowDisk(disk: MemoryDisk): { disk: Disk; hold(): () => void } {
  let held: Promise<void> | undefined;
  const own = disk.attach();
  return {
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      return resolve;
    },
    disk: {
      ...own,
      async create(path) {
        const file = await own.create(path);
        return {
          ...file,
          async sync() {
            const wait = held;
            held = undefined;
            await wait;
            await file.sync();
          },
        };
      },
    },
  };
}

async function pathsOn(disk: MemoryDisk): Promise<string[]> {
  const catalog = new Catalog();
  const damaged: string[] = [];
  await catalog.load(disk.attach(), schemas, 0, (path) => damaged.push(path));
  expect(damaged).toEqual([]);
  return [...catalog.all()].map(({ path }) => path).sort();
}

test("Catalog: a save that takes long takes no name of a later one away", async () => {
  const memory = new MemoryDisk();
  const { disk, hold } = slowDisk(memory);
  const catalog = new Catalog();
  const add = (path: string) => catalog.add(path, schemas.schemaOf(path));
  // So many saves that the next one writes all names anew and removes the files before it.
  for (let number = 0; number < 16; number++) {
    add(`before.n${number}`);
    await catalog.save(disk);
  }
  const letGo = hold();
  add("one");
  const first = catalog.save(disk);
  add("two");
  const second = catalog.save(disk);
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
  letGo();
  await Promise.all([first, second]);
  const found = await pathsOn(memory);
  expect(found).toEqual([...catalog.all()].map(({ path }) => path).sort());
  expect(found).toContain("two");
});

test("Catalog: what changes while it is saved is saved the next time, also after a refusal", async () => {
  const memory = new MemoryDisk();
  const { disk, hold } = slowDisk(memory);
  const catalog = new Catalog();
  const series = catalog.add("a", schemas.schemaOf("a"));
  const letGo = hold();
  const saving = catalog.save(disk);
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
  catalog.changedAt(series, 77);
  letGo();
  await saving;
  memory.fault = (call) => (call === "sync" ? new Error("no room") : undefined);
  await expect(catalog.save(disk)).rejects.toThrow("no room");
  memory.fault = (call, path) => (call === "rename" && path.endsWith(".names") ? new Error("no room") : undefined);
  const before = memory.list("names");
  await catalog.save(disk).catch(() => undefined);
  expect(memory.list("names")).toEqual(before);
  memory.fault = () => undefined;
  await catalog.save(disk);
  const again = new Catalog();
  await again.load(memory.attach(), schemas, 5, () => undefined);
  expect(again.find("a")?.changedSeconds).toBe(77);
});

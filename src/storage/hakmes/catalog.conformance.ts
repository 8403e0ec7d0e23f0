/**
 * What every catalog has to do, run over each of them.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";

import { type Key, requireKey } from "../cask/client.ts";
import type { Catalog } from "./catalog.ts";
import { keyOfShort } from "./digest.ts";
import type { FileName, StoredFile } from "./record.ts";

/** A catalog under test. */
export interface CatalogFixture {
  catalog: Catalog;
  /** Closes it and opens it anew; absent where nothing outlives closing. */
  reopen?: () => Promise<Catalog>;
  dispose(): Promise<void>;
}

/** The key of a made-up content. */
export function keyNumbered(number: number, algorithm: "sha1" | "sha256" = "sha256"): Key {
  return keyOfShort(algorithm, `content ${number}`);
}

/** A made-up file; `number` decides its key, size and time. */
export function fileNumbered(number: number, changes: Partial<StoredFile> = {}): StoredFile {
  return {
    key: keyNumbered(number),
    sizeBytes: 1000 + number,
    extension: ".bin",
    mimetype: "application/octet-stream",
    createdAt: 1_900_000_000_000 + number,
    chunkCount: 1,
    cut: { rule: "fastcdc-1", minBytes: 1, averageBytes: 2, maxBytes: 3 },
    manifest: keyNumbered(1_000_000 + number),
    isProven: true,
    ...changes,
  };
}

const rootOf = (text: string) => new TextEncoder().encode(`root of ${text}`);
const nameOf = (key: Key, name: string, addedAt = 5): FileName => ({ key, name, mimetype: "text/plain", addedAt });

/** The same file without its manifest. */
function unanchored(file: StoredFile): StoredFile {
  const { manifest: _, ...rest } = file;
  return rest;
}

/** Runs the suite over the catalogs that `open` gives, each empty. */
export function describeCatalog(title: string, open: () => Promise<CatalogFixture>): void {
  describe(title, () => {
    let fixture: CatalogFixture;
    let catalog: Catalog;

    beforeEach(async () => {
      fixture = await open();
      ({ catalog } = fixture);
    });
    afterEach(() => fixture.dispose());

    test("add and find: gives back every field, also where some are absent", () => {
      const whole = fileNumbered(1, { key: keyNumbered(1, "sha1"), sizeBytes: 2 ** 45 });
      const { cut: _, ...bare } = unanchored(fileNumbered(2, { isProven: false }));
      for (const file of [whole, bare]) {
        expect(catalog.find(file.key)).toBeUndefined();
        expect(catalog.add(file, rootOf("it"))).toBe(true);
        expect(catalog.find(file.key)).toEqual(file);
        expect(Buffer.from(catalog.root(file.key) ?? "").toString()).toBe("root of it");
      }
      expect(catalog.root(keyNumbered(3))).toBeUndefined();
    });

    test("add: sizes that are lies do not keep others out, and are out of the sum again when dropped", () => {
      const lies = Array.from({ length: 1100 }, (_, at) =>
        fileNumbered(at, { sizeBytes: Number.MAX_SAFE_INTEGER, isProven: false }),
      );
      catalog.together(() => {
        for (const lie of lies) expect(catalog.add(lie, rootOf("a lie"))).toBe(true);
      });
      expect(catalog.counts().bytes / 2 ** 53).toBeCloseTo(1100);
      expect(catalog.add(fileNumbered(5000), rootOf("it"))).toBe(true);
      catalog.together(() => {
        for (const { key } of lies) catalog.drop(key);
      });
      expect(catalog.counts()).toMatchObject({ files: 1, bytes: 6000 });
    });

    test("add: of two entries the same one wins, whichever came first", () => {
      const rising = (key: Key) => [
        unanchored(fileNumbered(1, { key, isProven: false })),
        fileNumbered(2, { key, isProven: false, createdAt: 50, manifest: keyOfShort("sha256", `${key} 2`) }),
        fileNumbered(3, { key, isProven: false, createdAt: 40, manifest: keyOfShort("sha256", `${key} 3`) }),
        fileNumbered(4, { key, isProven: true, createdAt: 60, manifest: keyOfShort("sha256", `${key} 4`) }),
        fileNumbered(5, { key, isProven: true, createdAt: 60, manifest: keyOfShort("sha1", `${key} 5`) }),
      ];
      const count = rising(keyNumbered(0)).length;
      for (let weak = 0; weak < count; weak++) {
        for (let strong = weak + 1; strong < count; strong++) {
          const key = keyNumbered(10 * weak + strong);
          const weaker = rising(key)[weak] ?? fileNumbered(0);
          const stronger = rising(key)[strong] ?? fileNumbered(0);
          expect([catalog.add(weaker, rootOf("weaker")), catalog.add(stronger, rootOf("stronger"))]).toEqual([
            true,
            true,
          ]);
          expect(catalog.find(key)).toEqual(stronger);
          expect([catalog.add(weaker, rootOf("weaker")), catalog.add(stronger, rootOf("again"))]).toEqual([
            false,
            false,
          ]);
          expect(catalog.find(key)).toEqual(stronger);
          expect(Buffer.from(catalog.root(key) ?? "").toString()).toBe("root of stronger");
        }
      }
    });

    test("names: in the order in which they came, each once, also of a file that is not there yet", () => {
      const key = keyNumbered(1);
      expect(catalog.addName(nameOf(key, "later", 9))).toBe(true);
      expect(catalog.addName(nameOf(key, "first", 3))).toBe(true);
      expect(catalog.addName({ ...nameOf(key, "first", 1), mimetype: "image/png" })).toBe(false);
      expect(catalog.names(key)).toEqual([nameOf(key, "first", 3), nameOf(key, "later", 9)]);
      expect(catalog.names(keyNumbered(2))).toEqual([]);
    });

    test("prove: only marks, and nothing where there is no file", () => {
      const file = fileNumbered(1, { isProven: false });
      catalog.add(file, rootOf("it"));
      expect(catalog.unproven(9)).toEqual([file]);
      catalog.prove(file.key);
      catalog.prove(keyNumbered(2));
      expect(catalog.find(file.key)).toEqual({ ...file, isProven: true });
      expect(catalog.unproven(9)).toEqual([]);
      expect(catalog.counts().unproven).toBe(0);
    });

    test("drop: the file goes with its names, and its manifest is not believed again without proof", () => {
      const file = fileNumbered(1, { isProven: false });
      catalog.add(file, rootOf("it"));
      catalog.addName(nameOf(file.key, "bait"));
      catalog.drop(file.key);
      catalog.drop(file.key);
      expect(catalog.find(file.key)).toBeUndefined();
      expect(catalog.root(file.key)).toBeUndefined();
      expect(catalog.names(file.key)).toEqual([]);
      expect(catalog.add(file, rootOf("it"))).toBe(false);
      expect(catalog.add({ ...file, manifest: keyNumbered(77) }, rootOf("other"))).toBe(true);
      expect(catalog.add({ ...file, isProven: true }, rootOf("it"))).toBe(true);
    });

    test("counts: files, names, bytes, and what waits for proof or for a manifest", () => {
      expect(catalog.counts()).toEqual({ files: 0, names: 0, bytes: 0, unproven: 0, unanchored: 0 });
      catalog.add(fileNumbered(1, { sizeBytes: 2 ** 50 }), rootOf("1"));
      catalog.add(fileNumbered(2, { sizeBytes: 7, isProven: false }), rootOf("2"));
      catalog.add(unanchored(fileNumbered(3, { sizeBytes: 0, isProven: false })), rootOf("3"));
      catalog.addName(nameOf(keyNumbered(1), "a"));
      catalog.addName(nameOf(keyNumbered(1), "b"));
      expect(catalog.counts()).toEqual({ files: 3, names: 2, bytes: 2 ** 50 + 7, unproven: 2, unanchored: 1 });
      expect(catalog.unanchored(9).map(({ key }) => key)).toEqual([keyNumbered(3)]);
      expect(catalog.unproven(1)).toHaveLength(1);
      catalog.add(fileNumbered(3, { sizeBytes: 5 }), rootOf("3"));
      catalog.drop(keyNumbered(1));
      expect(catalog.counts()).toEqual({ files: 2, names: 0, bytes: 12, unproven: 1, unanchored: 0 });
    });

    test("changes: every entry and name once, at its newest place, in order and within the limit", () => {
      expect([catalog.sequence(), catalog.changes(0, 9)]).toEqual([0, []]);
      const [first, second] = [fileNumbered(1, { isProven: false }), fileNumbered(2)];
      catalog.add(first, rootOf("1"));
      catalog.addName(nameOf(first.key, "a"));
      catalog.add(second, rootOf("2"));
      catalog.prove(first.key);
      const changes = catalog.changes(0, 9);
      expect(changes.map((change) => change.sequence)).toEqual([2, 3, 4]);
      expect(changes).toEqual([
        { sequence: 2, kind: "name", name: nameOf(first.key, "a") },
        { sequence: 3, kind: "file", file: second, root: changes[1]?.kind === "file" ? changes[1].root : rootOf("") },
        {
          sequence: 4,
          kind: "file",
          file: { ...first, isProven: true },
          root: changes[2]?.kind === "file" ? changes[2].root : rootOf(""),
        },
      ]);
      expect(changes.map((change) => (change.kind === "file" ? Buffer.from(change.root).toString() : ""))).toEqual([
        "",
        "root of 2",
        "root of 1",
      ]);
      expect(catalog.sequence()).toBe(4);
      expect(catalog.changes(2, 1).map(({ sequence }) => sequence)).toEqual([3]);
      expect(catalog.changes(4, 9)).toEqual([]);
      catalog.add(first, rootOf("1"));
      catalog.addName(nameOf(first.key, "a"));
      expect(catalog.sequence()).toBe(4);
    });

    test("together: all or nothing, and may be nested", () => {
      catalog.add(fileNumbered(1), rootOf("1"));
      const before = [catalog.sequence(), catalog.counts()];
      expect(() =>
        catalog.together(() => {
          catalog.add(fileNumbered(2), rootOf("2"));
          catalog.together(() => catalog.addName(nameOf(keyNumbered(1), "a")));
          catalog.drop(keyNumbered(1));
          catalog.follow("other", 5);
          throw new RangeError("enough");
        }),
      ).toThrow("enough");
      expect([catalog.sequence(), catalog.counts()]).toEqual(before);
      expect(catalog.find(keyNumbered(1))).toEqual(fileNumbered(1));
      expect([catalog.followed("other"), catalog.isExamined(fileNumbered(1).manifest ?? keyNumbered(0))]).toEqual([
        0,
        false,
      ]);
      expect(catalog.together(() => catalog.add(fileNumbered(3), rootOf("3")))).toBe(true);
      expect(catalog.counts().files).toBe(2);
    });

    test("follow and examined: are remembered by catalog and by key", () => {
      catalog.follow("one", 7);
      catalog.follow("one", 9);
      expect([catalog.followed("one"), catalog.followed("two")]).toEqual([9, 0]);
      catalog.examined([keyNumbered(1), keyNumbered(2, "sha1"), keyNumbered(1)]);
      expect([1, 2].map((number) => catalog.isExamined(keyNumbered(number)))).toEqual([true, false]);
      expect(catalog.isExamined(keyNumbered(2, "sha1"))).toBe(true);
    });

    test("all: every file in the order of the keys' text, for any number of them", () => {
      const keys: Key[] = [];
      catalog.together(() => {
        for (let number = 0; number < 1100; number++) {
          const file = fileNumbered(number, { key: keyNumbered(number, number % 3 === 0 ? "sha1" : "sha256") });
          keys.push(file.key);
          catalog.add(file, rootOf(""));
        }
      });
      expect([...catalog.all()].map(({ key }) => key)).toEqual(keys.toSorted());
    });

    test("list: pages put together are the whole list in each order, with equal values among them", () => {
      catalog.together(() => {
        for (let number = 0; number < 57; number++) {
          const file = fileNumbered(number, { sizeBytes: number % 5, createdAt: 100 + (number % 7) });
          catalog.add(file, rootOf(""));
          if (number % 4 > 0) catalog.addName(nameOf(file.key, `Name ${number % 11}`));
        }
      });
      for (const sort of ["newest", "name", "size"] as const) {
        const whole = catalog.list({ sort, limit: 100 });
        expect(whole.total).toBe(57);
        expect(whole.next).toBeUndefined();
        const pages: Key[] = [];
        let after: string | undefined;
        do {
          const page = catalog.list({ sort, limit: 10, ...(after === undefined ? {} : { after }) });
          expect(page.total).toBe(57);
          pages.push(...page.files.map(({ file }) => file.key));
          after = page.next;
        } while (after !== undefined);
        expect(pages).toEqual(whole.files.map(({ file }) => file.key));
        expect(new Set(pages).size).toBe(57);
        const values = whole.files.map(({ file, names }) =>
          sort === "name" ? (names[0]?.name ?? "") : sort === "size" ? -file.sizeBytes : -file.createdAt,
        );
        expect(values).toEqual(
          values.toSorted((a, b) => (typeof a === "string" ? (a < b ? -1 : a > b ? 1 : 0) : Number(a) - Number(b))),
        );
      }
    });

    test("list: a page does not skip or repeat a file when others come meanwhile", () => {
      for (let number = 0; number < 6; number++) catalog.add(fileNumbered(number), rootOf(""));
      const first = catalog.list({ limit: 3 });
      catalog.add(fileNumbered(99), rootOf(""));
      catalog.drop(first.files[0]?.file.key ?? keyNumbered(0));
      const second = catalog.list({ limit: 3, after: first.next ?? "" });
      expect([...first.files, ...second.files].map(({ file }) => file.createdAt - 1_900_000_000_000)).toEqual([
        5, 4, 3, 2, 1, 0,
      ]);
    });

    test("list: finds part of any name whatever its case, and beginnings of keys", () => {
      for (const number of [1, 2, 3]) catalog.add(fileNumbered(number), rootOf(""));
      catalog.addName(nameOf(keyNumbered(1), "Größe 100%.TXT", 1));
      catalog.addName(nameOf(keyNumbered(1), "copy_of.txt", 2));
      catalog.addName(nameOf(keyNumbered(2), "image.png"));
      const found = (search: string) =>
        catalog.list({ search }).files.map(({ file }) => [1, 2, 3].find((number) => keyNumbered(number) === file.key));
      expect(found("größe")).toEqual([1]);
      expect(found("100%")).toEqual([1]);
      expect(found("%")).toEqual([1]);
      expect(found("y_o")).toEqual([1]);
      expect(found("e")).toEqual([2, 1]);
      expect(found("nothing of the kind")).toEqual([]);
      expect(found(keyNumbered(3))).toEqual([3]);
      expect(found(keyNumbered(3).slice(0, 15))).toEqual([3]);
      expect(found(keyNumbered(3).slice(7, 14))).toEqual([3]);
      expect(found("sha256:")).toEqual([3, 2, 1]);
      expect(catalog.list({ search: "e" }).total).toBe(2);
      expect(catalog.list({ search: "e" }).files[1]?.names.map(({ name }) => name)).toEqual([
        "Größe 100%.TXT",
        "copy_of.txt",
      ]);
    });

    test("list: refuses a mark that is none, or of another order", () => {
      for (let number = 0; number < 3; number++) catalog.add(fileNumbered(number), rootOf(""));
      const mark = catalog.list({ limit: 1, sort: "size" }).next ?? "";
      expect(() => catalog.list({ sort: "name", after: mark })).toThrow("no mark");
      expect(() => catalog.list({ after: "nonsense" })).toThrow("no mark");
      expect(catalog.list({ limit: 1, sort: "size", after: mark }).files).toHaveLength(1);
    });

    test("reopen: everything is there after closing", async () => {
      const file = fileNumbered(1);
      catalog.add(file, rootOf("it"));
      catalog.addName(nameOf(file.key, "a"));
      catalog.follow("other", 3);
      catalog.examined([keyNumbered(5)]);
      const before = [catalog.id, catalog.sequence(), catalog.counts()];
      if (fixture.reopen) catalog = await fixture.reopen();
      expect([catalog.id, catalog.sequence(), catalog.counts()]).toEqual(before);
      expect(catalog.find(file.key)).toEqual(file);
      expect(Buffer.from(catalog.root(file.key) ?? "").toString()).toBe("root of it");
      expect(catalog.names(file.key)).toEqual([nameOf(file.key, "a")]);
      expect([catalog.followed("other"), catalog.isExamined(keyNumbered(5))]).toEqual([3, true]);
      expect(requireKey(file.key)).toBe(file.key);
    });
  });
}

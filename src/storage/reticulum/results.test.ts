/** What is kept of results: within its bound, over a restart, once for equal contents, and never torn. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import type { Key } from "../cask/client.ts";
import type { Rendered } from "./engine.ts";
import { digestOfBytes } from "./result-files.ts";
import { Results } from "./results.ts";

const image = `sha256:${"0".repeat(64)}` as Key;
const second = `sha256:${"1".repeat(64)}` as Key;

let folder: string;
let clock: ManualClock;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "warren-results-"));
  mkdirSync(join(folder, "results"));
  clock = new ManualClock();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Bytes and nothing else, so that sums are plain to see. */
const costs = { blockBytes: 1, entryBytes: 0 };
const open = (maxBytes = 1000) =>
  new Results({ path: join(folder, "results.sqlite"), folder: join(folder, "results"), maxBytes, clock, costs });
const rendered = (text: string): Rendered => ({
  bytes: new TextEncoder().encode(text),
  format: "jpeg",
  width: 10,
  height: 5,
  pages: 1,
});
const pathOf = (text: string) => {
  const digest = digestOfBytes(new TextEncoder().encode(text));
  return join(folder, "results", digest.slice(0, 2), digest);
};
const textOf = async (results: Results, name: string) => {
  const found = results.find(name);
  const bytes = found && (await results.read(found));
  return bytes && (await new Response(bytes).text());
};
const filesIn = () =>
  readdirSync(join(folder, "results"), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .length;

test("keep, read: gives back what was kept, also after a restart", async () => {
  let results = open();
  const kept = await results.keep("a/100s", image, rendered("hello"));
  expect(kept).toMatchObject({ name: "a/100s", image, sizeBytes: 5, format: "jpeg", width: 10, isRefined: false });
  results.close();
  results = open();
  expect(await textOf(results, "a/100s")).toBe("hello");
  expect(results.state()).toMatchObject({ results: 1, contents: 1, sizeBytes: 5 });
  expect(results.find("a/200s")).toBeUndefined();
  results.close();
});

test("keep: equal contents are there once, and as long as one result wants them", async () => {
  const results = open();
  await Promise.all(["a", "b", "c"].map((name) => results.keep(name, image, rendered("same"))));
  await results.keep("d", second, rendered("same"));
  expect(results.state()).toMatchObject({ results: 4, contents: 1, sizeBytes: 4 });
  expect(filesIn()).toBe(1);
  expect(results.purge(image)).toBe(3);
  expect(await textOf(results, "d")).toBe("same");
  expect(results.purge(second)).toBe(1);
  expect([results.state().sizeBytes, filesIn()]).toEqual([0, 0]);
  results.close();
});

test("keep: another content under the same name takes the place of the first", async () => {
  const results = open();
  await results.keep("a", image, rendered("quick"));
  expect(results.unrefined("jpeg", 9).map(({ name }) => name)).toEqual(["a"]);
  await results.keep("a", image, rendered("better!"), { isRefined: true });
  expect([await textOf(results, "a"), results.state().sizeBytes, filesIn()]).toEqual(["better!", 7, 1]);
  expect(results.unrefined("jpeg", 9)).toEqual([]);
  results.close();
});

test("keep: what was unused for longest goes first, also when its use was before a restart", async () => {
  let results = open(40);
  for (const name of ["a", "b", "c", "d"]) {
    await results.keep(name, image, rendered(name.repeat(10)));
    clock.advance(10);
  }
  results.used("a");
  results.close();
  results = open(40);
  await results.keep("e", image, rendered("e".repeat(10)));
  expect(["a", "b", "c", "d", "e"].filter((name) => results.find(name))).toEqual(["a", "d", "e"]);
  expect(results.state()).toMatchObject({ sizeBytes: 30, evicted: 2 });
  expect(filesIn()).toBe(3);
  results.close();
});

test("keep: what is larger than everything is not kept, and costs nothing that is", async () => {
  const results = open(20);
  await results.keep("a", image, rendered("small"));
  await results.keep("b", image, rendered("x".repeat(21)));
  expect([results.find("b"), await textOf(results, "a")]).toEqual([undefined, "small"]);
  results.close();
});

test("read: a file that is gone, torn or changed is not served, and its results are forgotten", async () => {
  const results = open();
  const harms: ((path: string) => void)[] = [
    (path) => rmSync(path),
    (path) => truncateSync(path, 3),
    (path) => truncateSync(path, 0),
    (path) => writeFileSync(path, "hellp"),
  ];
  for (const harm of harms) {
    await results.keep("a", image, rendered("hello"));
    await results.keep("b", image, rendered("hello"));
    harm(pathOf("hello"));
    expect(await textOf(results, "a")).toBeUndefined();
    expect([results.find("a"), results.find("b"), results.state().sizeBytes]).toEqual([undefined, undefined, 0]);
  }
  expect(results.state().torn).toBe(4);
  await results.keep("a", image, rendered("hello"));
  expect(await textOf(results, "a")).toBe("hello");
  results.close();
});

test("keep: names without number for one content, and files smaller than a block, stay within the bound too", async () => {
  const path = join(folder, "results.sqlite");
  const maxBytes = 200_000;
  const files = join(folder, "results");
  let results = new Results({ path, folder: files, maxBytes, clock });
  for (let at = 0; at < 400; at++) await results.keep(`a/${at}s`, image, rendered("one pixel"));
  expect(results.state()).toMatchObject({ contents: 1 });
  expect(results.state().results).toBeLessThan(200);
  for (let at = 0; at < 100; at++) await results.keep(`b/${at}s`, image, rendered(`pixel ${at}`));
  const { contents, results: count, sizeBytes } = results.state();
  expect([contents * 4096 + count * 1024, sizeBytes <= maxBytes, filesIn()]).toEqual([sizeBytes, true, contents]);
  results.close();
  results = new Results({ path, folder: files, maxBytes, clock });
  expect(results.state().sizeBytes).toBe(sizeBytes);
  results.close();
});

test("read, fileOf: what is long is given as its file, hashed all the same", async () => {
  const results = open(20_000_000);
  const long = rendered("long ".repeat(600_000));
  const kept = await results.keep("a", image, long);
  expect([await results.read(kept), results.fileOf(kept)]).toEqual([expect.any(Blob), expect.any(Blob)]);
  expect(await textOf(results, "a")).toBe(new TextDecoder().decode(long.bytes));
  expect(results.fileOf(await results.keep("b", image, rendered("short")))).toBeUndefined();
  writeFileSync(pathOf("long ".repeat(600_000)), "lonG ".repeat(600_000));
  expect(await results.read(kept)).toBeUndefined();
  expect([results.fileOf(kept), results.state().torn]).toEqual([undefined, 1]);
  results.close();
});

test("sweep: drafts and contents that no result names are removed, the others stay", async () => {
  const results = open();
  await results.keep("a", image, rendered("wanted"));
  writeFileSync(join(folder, "results", "new", "draft"), "half");
  writeFileSync(pathOf("wanted").replace(/..$/, "00"), "stranger");
  expect(await results.sweep()).toBe(2);
  expect([await textOf(results, "a"), filesIn()]).toEqual(["wanted", 1]);
  results.close();
});

test("keep: any order of keeping, using and purging stays within the bound and true to its own sums", async () => {
  const step = fc.record({
    does: fc.constantFrom("keep", "keep", "keep", "use", "purge"),
    name: fc.constantFrom("a", "b", "c", "d", "e", "f"),
    text: fc.constantFrom("1", "22", "333", "55555", "7777777", "x".repeat(15)),
    of: fc.constantFrom(image, second),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const results = new Results({ path: ":memory:", folder: join(folder, "results"), maxBytes: 20, clock, costs });
      const truth = new Map<string, string>();
      for (const { does, name, of, text } of steps) {
        clock.advance(1);
        if (does === "keep") {
          await results.keep(name, of, rendered(text));
          truth.set(name, text);
        } else if (does === "use") results.used(name);
        else results.purge(of);
        const { contents, sizeBytes } = results.state();
        expect(sizeBytes).toBeLessThanOrEqual(20);
        const held = new Set<string>();
        for (const [one, wanted] of truth) {
          if (results.find(one) === undefined) continue;
          expect(await textOf(results, one)).toBe(wanted);
          held.add(wanted);
        }
        expect(contents).toBe(held.size);
        expect(sizeBytes).toBe([...held].reduce((sum, one) => sum + one.length, 0));
        expect(filesIn()).toBe(contents);
      }
      for (const one of [image, second]) results.purge(one);
      results.close();
    }),
    { numRuns: 60 },
  );
});

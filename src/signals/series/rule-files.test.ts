import { afterEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import type { Point } from "../../lib/graphite/path.ts";
import { MemoryDisk } from "./disk-memory-fixture.ts";
import { Incoming } from "./incoming.ts";
import { readRules, RuleFiles, type RulePaths } from "./rule-files.ts";
import { SeriesStore } from "./store.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const startMs = 1_700_000_000_000;

const noPaths: RulePaths = {
  schemas: undefined,
  aggregation: undefined,
  aggregationRules: undefined,
  rewriteRules: undefined,
  whitelist: undefined,
  blacklist: undefined,
};

async function opened(texts: Partial<Record<keyof RulePaths, string>>) {
  const folder = mkdtempSync(join(tmpdir(), "warren-rules-"));
  folders.push(folder);
  const paths = { ...noPaths };
  const write = (name: keyof RulePaths, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    paths[name] = path;
  };
  for (const name of Object.keys(texts) as (keyof RulePaths)[]) write(name, texts[name] ?? "");
  const clock = new ManualClock(startMs);
  const { rules, schemas } = await readRules(paths);
  const store = await SeriesStore.open({ disk: new MemoryDisk(), clock, schemas });
  const forwarded: Point[] = [];
  const incoming = new Incoming({ store, keep: true, forward: (points) => void forwarded.push(...points) });
  incoming.use(rules);
  const files = new RuleFiles(paths, { clock, incoming, reschema: (changed) => store.reschema(changed) });
  await files.step();
  return { clock, files, forwarded, incoming, paths, store, write };
}

const point = (path: string, value = 1, atSeconds = startMs / 1000): Point => ({ path, value, atSeconds });

test("RuleFiles: schemas are read again when they change, and apply to series that are there", async () => {
  const { clock, files, incoming, store, write } = await opened({
    schemas: "[all]\npattern = .*\nretentions = 10s:1d\n",
  });
  incoming.take([point("a")]);
  write("schemas", "[all]\npattern = .*\nretentions = 10s:1d,10m:2y\n");
  await files.step();
  expect(store.schemaOf("a")?.archives).toHaveLength(1);
  await clock.advance(5000);
  await files.step();
  expect(store.schemaOf("a")?.archives).toHaveLength(2);
  expect(files.progress()).toEqual({ "series changed": 1 });
  await store.close();
});

test("RuleFiles: a file that cannot be read any more changes nothing, and is told of until it can", async () => {
  const { clock, files, incoming, store, write } = await opened({ blacklist: "^no\\." });
  write("blacklist", "^no\\.\n(");
  await clock.advance(5000);
  await files.step();
  expect(files.findings()[0]?.sentence).toContain("line 2");
  incoming.take([point("no.a"), point("yes.a")]);
  expect(store.allPaths()).toEqual(["yes.a"]);
  write("blacklist", "^neither\\.");
  await clock.advance(5000);
  await files.step();
  expect(files.findings()).toEqual([]);
  incoming.take([point("no.a")]);
  expect(store.allPaths()).toEqual(["no.a", "yes.a"]);
  await store.close();
});

test("RuleFiles: a file that could not be read is read as soon as it can, also when it looks the same", async () => {
  const { clock, files, paths, write } = await opened({ blacklist: "^no\\." });
  const path = paths.blacklist ?? "";
  write("blacklist", "(");
  utimesSync(path, 1, 1);
  await clock.advance(5000);
  await files.step();
  expect(files.findings()[0]?.sentence).toContain("line 1");
  write("blacklist", "x");
  utimesSync(path, 1, 1);
  await clock.advance(5000);
  await files.step();
  expect(files.findings()).toEqual([]);
  rmSync(path);
  mkdirSync(path);
  await clock.advance(5000);
  await files.step();
  expect(files.findings()[0]?.sentence).toContain(`Cannot read blacklist = "${path}" of [series]: it is no file`);
});

test("RuleFiles: files that cannot be read at the start are a Fault", async () => {
  await expect(opened({ aggregationRules: "nonsense" })).rejects.toThrow("line 1: wanted <output>");
  await expect(opened({ schemas: "[a]\npattern = .*\nretentions = 10s:0d\n" })).rejects.toThrow(
    /^Cannot read storage-schemas.conf, section \[a\] at line 1: Cannot use retention "10:0": [^"]*$/,
  );
  const nowhere = { ...noPaths, aggregationRules: "/nowhere/rules" };
  await expect(readRules(nowhere)).rejects.toThrow(
    'Cannot read aggregation_rules = "/nowhere/rules" of [series]: ENOENT',
  );
});

test("RuleFiles: an interval in which some file was read again is told whole", async () => {
  const { clock, files, forwarded, incoming, store, write } = await opened({
    blacklist: "debug",
    aggregationRules: "all (10) = sum *.cpu",
  });
  incoming.take([point("a.cpu", 1)]);
  write("blacklist", "debug\nother");
  await clock.advance(5000);
  await files.step();
  incoming.take([point("b.cpu", 2)]);
  await clock.advance(5000);
  await files.step();
  expect(forwarded.findLast(({ path }) => path === "all")).toEqual(point("all", 3));
  await store.close();
});

test("Incoming: names are kept out, rewritten, aggregated, and what is left is kept and handed on", async () => {
  const { clock, files, forwarded, incoming, store } = await opened({
    whitelist: "cpu\n",
    blacklist: "debug",
    rewriteRules: "[pre]\n^old\\. = new.\n[post]\n_x$ = _y\n",
    aggregationRules: "all.cpu_x (10) = sum *.cpu",
  });
  const points = [point("old.cpu", 1), point("b.cpu", 2), point("debug.cpu", 4), point("c.mem", 8)];
  expect(incoming.take(points).accepted).toBe(4);
  await clock.advance(10_000);
  await files.step();
  const paths = ["all.cpu_y", "b.cpu", "new.cpu"];
  expect(store.allPaths()).toEqual(paths);
  expect(forwarded).toEqual([point("new.cpu", 1), point("b.cpu", 2), point("all.cpu_y", 3)]);
  expect(incoming.counts).toEqual({ unwanted: 2, aggregated: 1, unaggregated: 0, histograms: 0 });
  await store.close();
});

test("Incoming: what is only handed on is not kept", async () => {
  const { store } = await opened({});
  const forwarded: Point[] = [];
  const incoming = new Incoming({ store, keep: false, forward: (points) => void forwarded.push(...points) });
  expect(incoming.take([point("a")])).toMatchObject({ accepted: 1, late: 0 });
  expect(store.allPaths()).toEqual([]);
  expect(forwarded).toEqual([point("a")]);
  await store.close();
});

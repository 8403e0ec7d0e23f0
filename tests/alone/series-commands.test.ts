/** The verbs of `warren series` against a real node, as people use them. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { type ChildNode, runProgram, startChild } from "../../src/kit/testing/child-node.ts";
import { fileOfPath, pathOfFile } from "../../src/signals/series/commands-move.ts";
import { WhisperFile } from "../../src/lib/whisper/whisper.ts";

const folder = mkdtempSync(join(tmpdir(), "warren-series-commands-"));
const schemasFile = join(folder, "storage-schemas.conf");
let node: ChildNode;

beforeAll(async () => {
  const home = join(folder, "node");
  mkdirSync(home);
  writeFileSync(schemasFile, "[all]\npattern = .*\nretentions = 60s:1d\n");
  node = await startChild({
    folder: home,
    config: `[series]\nschemas = ${JSON.stringify(schemasFile)}\nhost_metrics = false\nown_metrics = false\n[statsd]\nenabled = false\n`,
  });
});
afterAll(async () => {
  await node.end();
  rmSync(folder, { recursive: true, force: true });
});

const series = (...words: string[]) => {
  const [verb = "", ...rest] = words;
  return runProgram(["series", verb, "--server", `${node.url}/series`, ...rest], { folder });
};
const names = async () =>
  ((await (await fetch(`${node.url}/series/metrics/index.json`)).json()) as string[]).filter((name) =>
    /^(old|all)\.|;/.test(name),
  );

test("import: a tree of whisper files is taken over, with names and tags; export gives it back", async () => {
  const now = Math.floor(Date.now() / 1000);
  const tree = join(folder, "whisper");
  const files = ["servers/web1/cpu.wsp", "servers/web2/cpu.wsp", fileOfPath("disk.used;rack=a1;server=web01")];
  for (const [which, below] of files.entries()) {
    const file = WhisperFile.create([{ stepSeconds: 60, points: 1440 }], "average", 0);
    for (let back = 1; back <= 30; back++) file.update(which * 100 + back, now - back * 60, now);
    mkdirSync(dirname(join(tree, below)), { recursive: true });
    writeFileSync(join(tree, below), file.bytes);
  }
  writeFileSync(join(tree, "servers/broken.wsp"), "nothing of the kind");
  writeFileSync(join(tree, "servers/notes.txt"), "no series");
  const taken = await series("import", tree, "--prefix", "old");
  expect(taken.stderr).toContain("3 series with 90 points were taken over; 1 file was not");
  expect(taken.stderr).toContain("broken.wsp: The store answered 400");
  expect(taken.exitCode).toBe(1);
  expect(taken.stdout.trim().split("\n").sort()).toEqual([
    "old.disk.used;rack=a1;server=web01",
    "old.servers.web1.cpu",
    "old.servers.web2.cpu",
  ]);
  const out = join(folder, "out");
  const given = await series("export", "old.servers.*.cpu", "old.disk.used;rack=a1;server=web01", "-o", out);
  expect([given.stderr, given.exitCode]).toEqual(["", 0]);
  const back = new WhisperFile(new Uint8Array(readFileSync(join(out, "old/servers/web2/cpu.wsp"))));
  expect([...back.points(0).values].toSorted((left, right) => left - right)).toEqual(
    Array.from({ length: 30 }, (_, at) => 101 + at),
  );
  expect(existsSync(join(out, fileOfPath("old.disk.used;rack=a1;server=web01")))).toBe(true);
  // A second time nothing is written over.
  const again = await series("export", "old.servers.*.cpu", "-o", out);
  expect([again.exitCode, again.stderr]).toEqual([1, expect.stringContaining("the file is there already")]);
});

test("delete: lists first where asked, then deletes by pattern", async () => {
  const dry = await series("delete", "old.servers.*.cpu", "--dry-run");
  expect(dry.stdout.trim().split("\n")).toEqual(["old.servers.web1.cpu", "old.servers.web2.cpu"]);
  expect((await series("delete", "old.servers.*.cpu")).stderr).toContain("2 series were deleted");
  expect(await names()).toEqual(["old.disk.used;rack=a1;server=web01"]);
});

test("reschema: an edited file applies at once, one that cannot be read is refused with its line", async () => {
  writeFileSync(schemasFile, "[all]\npattern = .*\nretentions = 60s:7d,10m:1y\n");
  const read = await series("reschema");
  expect(read.stderr).toMatch(/series are kept in another way from now on/);
  writeFileSync(schemasFile, "[all]\npattern = (\nretentions = 60s:7d\n");
  const refused = await series("reschema");
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toContain("section [all] at line 1");
  const health = await (await fetch(`${node.url}/series/status.json`)).text();
  expect(health).toContain("What was read before stays in force");
});

test("what is not there is said in a sentence", async () => {
  expect((await series("import", join(folder, "nowhere"))).stderr).toContain("Cannot read");
  expect((await series("export", "none.*", "-o", folder)).stderr).toContain('Cannot find any series for "none.*"');
  const away = await runProgram(["series", "reschema", "--server", "http://127.0.0.1:1/series"], { folder });
  expect(away.stderr).toContain("Cannot reach series");
  expect(away.exitCode).toBe(1);
  // Once, and not for each of the files.
  const words = ["series", "import", join(folder, "whisper"), "--server", "http://127.0.0.1:1/series"];
  expect((await runProgram(words, { folder })).stderr.match(/Cannot reach series|ECONNREFUSED/g)?.length).toBe(2);
});

test("pathOfFile: carbon's names of files", () => {
  expect(pathOfFile("a/b/c.wsp")).toBe("a.b.c");
  expect(pathOfFile("_tagged/eff/aae/some_DOT_metric;tag1=v.wsp")).toBe("some.metric;tag1=v");
  expect(pathOfFile(`_tagged/eff/aae/${"0".repeat(64)}.wsp`)).toBeUndefined();
  expect(fileOfPath("../a/b.c")).not.toContain("../");
});

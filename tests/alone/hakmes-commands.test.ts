/**
 * The verbs below `warren hakmes`, each as a process of its own against a real node, as a person or a script uses them,
 * over lines that break and servers that die in the middle.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ChildNode, runProgram, sharedTranslation, startChild, until } from "../../src/kit/testing/child-node.ts";
import { type FaultyProxy, startFaultyProxy } from "../../src/kit/testing/faulty-proxy.ts";
import { onlyServices } from "../only-services.ts";

const storage = onlyServices("cask", "hakmes");

setDefaultTimeout(180_000);

const folder = mkdtempSync(join(tmpdir(), "warren-hakmes-verbs-"));
const cache = join(folder, "cache");
const MiB = 1024 * 1024;
let node: ChildNode;
let line: FaultyProxy;
beforeAll(async () => {
  mkdirSync(join(folder, "node"));
  node = await startChild({ environment: storage, folder: join(folder, "node") });
  line = await startFaultyProxy(portOf(node.url));
});
afterAll(async () => {
  await line[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

function portOf(url: string): number {
  return Number(new URL(url).port);
}

function bytesOf(sizeBytes: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

const keyOf = (bytes: string | Uint8Array, algorithm: "sha1" | "sha256" = "sha256") =>
  `${algorithm}:${new Bun.CryptoHasher(algorithm).update(bytes).digest("hex")}`;
const absent = `sha256:${"0".repeat(64)}`;

interface Options {
  input?: string | Uint8Array;
  environment?: Record<string, string>;
}

function environmentOf(options: Options): Record<string, string> {
  return { WARREN_SERVER: `${node.url}/hakmes/`, XDG_CACHE_HOME: cache, ...options.environment };
}

function hakmes(words: readonly string[], options: Options = {}) {
  const input = typeof options.input === "string" ? new TextEncoder().encode(options.input) : options.input;
  return runProgram(["hakmes", ...words], {
    folder,
    environment: environmentOf(options),
    ...(input === undefined ? {} : { input }),
  });
}

const overTheLine = () => ({ environment: { WARREN_SERVER: `${line.url}/hakmes` } });
const quiet = (stdout: string) => ({ exitCode: 0, stdout, stderr: "" });
const fileIs = (name: string, bytes: Uint8Array) => Buffer.compare(readFileSync(join(folder, name)), bytes) === 0;
const leftovers = () => readdirSync(folder).filter((name) => name.endsWith(".part"));
const remembered = () => (existsSync(join(cache, "warren/uploads")) ? readdirSync(join(cache, "warren/uploads")) : []);

describe("put", () => {
  test("put: standard input short, empty and long, with a name", async () => {
    expect(await hakmes(["put", "-"], { input: "from a pipe" })).toEqual(quiet(`${keyOf("from a pipe")}  -\n`));
    expect(await hakmes(["put", "-"], { input: "" })).toEqual(quiet(`${keyOf("")}  -\n`));
    const long = bytesOf(40 * MiB + 17);
    expect(await hakmes(["put", "--name", "long one.bin", "-"], { input: long })).toEqual(quiet(`${keyOf(long)}  -\n`));
    expect(JSON.parse((await hakmes(["info", "--json", keyOf(long)])).stdout)).toMatchObject({
      size: 40 * MiB + 17,
      names: [{ name: "long one.bin" }],
    });
  });

  test("put: a folder with all below it, small files and large, one line each; links are left out", async () => {
    const tree = join(folder, "tree");
    mkdirSync(join(tree, "deep/deeper"), { recursive: true });
    for (let index = 0; index < 12; index++) writeFileSync(join(tree, "deep/deeper", `file-${index}`), `no. ${index}`);
    const large = bytesOf(3 * MiB);
    writeFileSync(join(tree, "large.png"), large);
    writeFileSync(join(tree, "line\nbreak"), "odd");
    symlinkSync("/etc/passwd", join(tree, "link"));
    const { exitCode, stderr, stdout } = await hakmes(["put", "--parallel", "4", "tree"]);
    const wanted = [
      ...Array.from({ length: 12 }, (_, index) => `${keyOf(`no. ${index}`)}  tree/deep/deeper/file-${index}`),
      `${keyOf(large)}  tree/large.png`,
      `${keyOf("odd")}  tree/line\\u000abreak`,
    ];
    expect(stdout.trimEnd().split("\n").sort()).toEqual(wanted.sort());
    expect(stderr).toBe("1 entry left out: neither files nor folders\n14 files stored, 3.00 MiB; 0 failed\n");
    expect(exitCode).toBe(0);
    expect(remembered()).toEqual([]);
    const { stdout: record } = await hakmes(["info", "--json", keyOf(large)]);
    expect(JSON.parse(record)).toMatchObject({
      mimetype: "image/png",
      extension: ".png",
      names: [{ name: "large.png" }],
    });
  });

  test("put: what fails does not stop the others, is listed, and makes the exit code 1", async () => {
    writeFileSync(join(folder, "good"), "good");
    const { exitCode, stderr, stdout } = await hakmes(["put", "--json", "missing", "good", "missing too"]);
    expect(JSON.parse(stdout)).toEqual({ path: "good", key: keyOf("good"), sizeBytes: 4 });
    expect(stderr).toStartWith("1 file stored, 4 B; 2 failed\nmissing: ");
    expect(stderr).toContain("\nmissing too: ");
    expect(exitCode).toBe(1);
  });

  test("put: nobody there is said, once, with the address, after the time given", async () => {
    writeFileSync(join(folder, "lonely"), bytesOf(2 * MiB));
    const { exitCode, stderr, stdout } = await hakmes([
      "put",
      "--patience",
      "1s",
      "--server",
      "http://127.0.0.1:1/hakmes",
      "lonely",
    ]);
    expect([exitCode, stdout]).toEqual([1, ""]);
    expect(stderr.match(/Cannot reach Hakmes at http:\/\/127\.0\.0\.1:1\/hakmes/g)?.length).toBe(2);
    expect(stderr).toContain("trying again, for up to 1 s in vain\n");
    // With a second address the first is passed over.
    const second = ["put", "--server", `http://127.0.0.1:1/hakmes,${node.url}/hakmes`, "lonely"];
    expect(await hakmes(second)).toMatchObject({ exitCode: 0 });
  });

  test("put: words and numbers that cannot be meant are refused in a sentence", async () => {
    const cases: [string[], string][] = [
      [["put", "--parallel", "0", "x"], "Cannot use --parallel 0: wanted a whole number from 1 to 64\n"],
      [["put", "--patience", "soon", "x"], "Cannot use --patience soon: "],
      [["put", "-", "-"], "Cannot read standard input twice: wanted - once\n"],
      [["put", "--name", "n", "good", "good"], "Cannot use --name for several files: wanted one file, or -\n"],
      [
        ["put", "--server", "ftp://x", "x"],
        'Cannot use the server "ftp://x": wanted a URL such as http://127.0.0.1:4100/hakmes\n',
      ],
    ];
    for (const [words, sentence] of cases) {
      const { exitCode, stderr, stdout } = await hakmes(words);
      expect([exitCode, stdout, stderr.slice(0, sentence.length)]).toEqual([1, "", sentence]);
    }
  });

  test("put: goes on by itself over a line that breaks again and again, from files and from standard input", async () => {
    const bytes = bytesOf(24 * MiB);
    writeFileSync(join(folder, "over.bin"), bytes);
    const cutsBefore = line.cuts;
    line.cutAfterBytes = 7 * MiB;
    line.cutsLeft = 3;
    const sentBefore = line.upBytes;
    const { exitCode, stderr, stdout } = await hakmes(["put", "over.bin"], overTheLine());
    expect([exitCode, stdout]).toEqual([0, `${keyOf(bytes)}  over.bin\n`]);
    expect(line.cuts - cutsBefore).toBe(3);
    expect(stderr).toContain("over.bin: going on at ");
    // Not all anew each time.
    expect(line.upBytes - sentBefore).toBeLessThan(36 * MiB);

    const piped = bytesOf(24 * MiB);
    line.cutsLeft = 3;
    const fromPipe = await hakmes(["put", "-"], { ...overTheLine(), input: piped });
    expect([fromPipe.exitCode, fromPipe.stdout]).toEqual([0, `${keyOf(piped)}  -\n`]);
    expect(line.cuts - cutsBefore).toBe(6);
    line.cutAfterBytes = Number.POSITIVE_INFINITY;
    expect(remembered()).toEqual([]);
  });

  test("put: survives a server that is killed in the middle and started again", async () => {
    const home = join(folder, "mortal");
    mkdirSync(home);
    const first = await startChild({ environment: storage, folder: home });
    await using through = await startFaultyProxy(portOf(first.url));
    const bytes = bytesOf(48 * MiB);
    writeFileSync(join(folder, "mortal.bin"), bytes);
    const putting = hakmes(["put", "mortal.bin"], { environment: { WARREN_SERVER: `${through.url}/hakmes` } });
    await until("some of it was sent", () => through.upBytes > 12 * MiB);
    await first.end("SIGKILL");
    const tried = through.connections;
    through.cut();
    await until("it has tried in vain", () => through.connections > tried);
    await using second = await startChild({ environment: storage, folder: home });
    through.lead(portOf(second.url));
    const { exitCode, stderr, stdout } = await putting;
    expect([exitCode, stdout]).toEqual([0, `${keyOf(bytes)}  mortal.bin\n`]);
    expect(stderr).toContain("trying again, for up to 5 min in vain");
    expect(await (await fetch(`${second.url}/hakmes/file/${keyOf(bytes)}/`)).bytes()).toEqual(bytes);
  });

  test("put: killed itself and run again, it goes on where it was", async () => {
    const bytes = bytesOf(48 * MiB);
    writeFileSync(join(folder, "twice.bin"), bytes);
    const sentBefore = line.upBytes;
    const child = Bun.spawn(
      [process.execPath, join(import.meta.dir, "../../src/main.ts"), "hakmes", "put", "twice.bin"],
      {
        cwd: folder,
        env: { PATH: process.env["PATH"] ?? "", HOME: folder, ...sharedTranslation, ...environmentOf(overTheLine()) },
        stdout: "ignore",
        stderr: "ignore",
      },
    );
    await until("a good part of it was sent", () => line.upBytes - sentBefore > 24 * MiB);
    child.kill("SIGKILL");
    await child.exited;
    expect(remembered().length).toBe(1);
    const before = line.upBytes;
    const again = await hakmes(["put", "twice.bin"], overTheLine());
    expect([again.exitCode, again.stdout]).toEqual([0, `${keyOf(bytes)}  twice.bin\n`]);
    expect(again.stderr).toContain("twice.bin: going on at ");
    expect(line.upBytes - before).toBeLessThan(40 * MiB);
    expect(remembered()).toEqual([]);
  });
});

describe("get", () => {
  const bytes = bytesOf(9 * MiB + 1);
  const key = keyOf(bytes);
  const partial = `.${key.slice(7, 19)}.part`;
  beforeAll(async () => {
    writeFileSync(join(folder, "to get.bin"), bytes);
    expect(await hakmes(["put", "to get.bin"])).toMatchObject({ exitCode: 0 });
    rmSync(join(folder, "to get.bin"));
  });

  test("get: under the stored name, to a file, into a folder, and to standard output", async () => {
    expect(await hakmes(["get", key])).toEqual({ exitCode: 0, stdout: "", stderr: "to get.bin\n" });
    expect(fileIs("to get.bin", bytes)).toBe(true);
    expect(await hakmes(["get", key, "-o", "back"])).toEqual(quiet(""));
    expect(fileIs("back", bytes)).toBe(true);
    mkdirSync(join(folder, "into"));
    expect(await hakmes(["get", "--quiet", key, "-o", "into"])).toEqual(quiet(""));
    expect(fileIs("into/to get.bin", bytes)).toBe(true);
    const piped = Bun.spawn(
      [
        "sh",
        "-c",
        `"${process.execPath}" "${join(import.meta.dir, "../../src/main.ts")}" hakmes get ${key} -o - > piped`,
      ],
      {
        cwd: folder,
        env: { PATH: process.env["PATH"] ?? "", HOME: folder, ...sharedTranslation, ...environmentOf({}) },
      },
    );
    expect(await piped.exited).toBe(0);
    expect(fileIs("piped", bytes)).toBe(true);
    expect(leftovers()).toEqual([]);
  });

  test("get: nothing is replaced unless told to, and only files are", async () => {
    writeFileSync(join(folder, "mine"), "mine");
    const refused = await hakmes(["get", key, "-o", "mine"]);
    expect(refused).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: 'Cannot write "mine": it exists already; --force replaces it\n',
    });
    expect(readFileSync(join(folder, "mine"), "utf8")).toBe("mine");
    expect(await hakmes(["get", "--force", key, "-o", "mine"])).toEqual(quiet(""));
    expect(fileIs("mine", bytes)).toBe(true);
    expect((await hakmes(["get", "--force", key, "-o", "/dev/null"])).stderr).toBe(
      'Cannot write "/dev/null": it is no file\n',
    );
  });

  test("get: goes on where an earlier run ended; a beginning that is not of it is thrown away", async () => {
    writeFileSync(join(folder, `resumed${partial}`), bytes.slice(0, 5 * MiB));
    const before = line.downBytes;
    const { exitCode, stderr } = await hakmes(["get", key, "-o", "resumed"], overTheLine());
    expect([exitCode, stderr]).toEqual([0, "going on at 5.00 MiB\n"]);
    expect(line.downBytes - before).toBeLessThan(5 * MiB);
    expect(fileIs("resumed", bytes)).toBe(true);
    for (const damaged of [new Uint8Array(1000), bytesOf(10 * MiB)]) {
      writeFileSync(join(folder, `damaged${partial}`), damaged);
      expect(await hakmes(["get", "--force", key, "-o", "damaged"])).toMatchObject({ exitCode: 0 });
      expect(fileIs("damaged", bytes)).toBe(true);
    }
    expect(leftovers()).toEqual([]);
  });

  test("get: goes on by itself over a line that breaks, to a file and to standard output", async () => {
    line.cutAfterBytes = 2.5 * MiB;
    line.cutsLeft = 3;
    const before = line.cuts;
    expect(await hakmes(["get", key, "-o", "broken"], overTheLine())).toMatchObject({ exitCode: 0 });
    expect(fileIs("broken", bytes)).toBe(true);
    line.cutsLeft = 2;
    const child = Bun.spawn(
      [process.execPath, join(import.meta.dir, "../../src/main.ts"), "hakmes", "get", key, "-o", "-"],
      {
        env: { PATH: process.env["PATH"] ?? "", HOME: folder, ...sharedTranslation, ...environmentOf(overTheLine()) },
        stderr: "ignore",
      },
    );
    expect(Buffer.compare(await new Response(child.stdout).bytes(), bytes)).toBe(0);
    expect(await child.exited).toBe(0);
    expect(line.cuts - before).toBe(5);
    line.cutAfterBytes = Number.POSITIVE_INFINITY;
  });

  test("get: survives a server that is killed in the middle and started again", async () => {
    const home = join(folder, "mortal giver");
    mkdirSync(home);
    const first = await startChild({ environment: storage, folder: home });
    await using through = await startFaultyProxy(portOf(first.url));
    const large = bytesOf(64 * MiB);
    const environment = { WARREN_SERVER: `${through.url}/hakmes` };
    expect((await hakmes(["put", "--name", "large", "-"], { input: large, environment })).exitCode).toBe(0);
    const before = through.downBytes;
    const getting = hakmes(["get", keyOf(large), "-o", "large"], { environment });
    await until("some of it had come", () => through.downBytes - before > 8 * MiB);
    await first.end("SIGKILL");
    const tried = through.connections;
    through.cut();
    await until("it has tried in vain", () => through.connections > tried);
    await using second = await startChild({ environment: storage, folder: home });
    through.lead(portOf(second.url));
    const { exitCode, stderr } = await getting;
    expect(exitCode).toBe(0);
    expect(stderr).toContain("trying again, for up to 5 min in vain");
    expect(fileIs("large", large)).toBe(true);
    expect(through.downBytes - before).toBeLessThan(100 * MiB);
  });

  test("get: what is not there, no key, and a place that cannot be written", async () => {
    expect(await hakmes(["get", absent, "-o", "none"])).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `Cannot find "${absent}": no node knows this file\n`,
    });
    expect((await hakmes(["get", "../etc/passwd"])).stderr).toStartWith('Cannot read the key "../etc/passwd": wanted');
    expect((await hakmes(["get", key, "-o", "no/such/folder/x"])).stderr).toStartWith('Cannot write "no/such/folder/x');
    expect(leftovers()).toEqual([]);
  });

  test("get: a stored name leads nowhere else", async () => {
    const put = await hakmes(["put", "--name", "..\\..\\.evil\u001b[2J.sh", "-"], { input: "evil" });
    expect(put.exitCode).toBe(0);
    const got = await hakmes(["get", keyOf("evil")]);
    expect(got.exitCode).toBe(0);
    expect(got.stderr).toMatch(/^[\w[.]+\n$/);
    expect(readFileSync(join(folder, got.stderr.trim()), "utf8")).toBe("evil");
  });
});

describe("looking", () => {
  test("info: for people and for programs; 1 when one is not known", async () => {
    writeFileSync(join(folder, "note.txt"), "to be looked at");
    await hakmes(["put", "note.txt"]);
    const key = keyOf("to be looked at");
    const { exitCode, stdout } = await hakmes(["info", key]);
    expect(exitCode).toBe(0);
    expect(stdout).toStartWith(`key     ${key}\nsize    15 B (15 bytes)\ntype    text/plain`);
    expect(stdout).toContain("\nname    note.txt\nstored  2");
    expect(stdout).toEndWith("\nchunks  1\n");
    expect(await hakmes(["info", absent, key])).toMatchObject({
      exitCode: 1,
      stderr: `${absent}: no node knows this file\n`,
    });
  });

  test("list: by part of a name, in pages, all of it, and as JSON", async () => {
    // The one whose age is looked at comes last.
    for (let index = 6; index >= 0; index--) {
      await hakmes(["put", "--name", `findable ${index}.txt`, "-"], { input: `findable ${index}` });
    }
    const page = await hakmes(["list", "--limit", "3", "--sort", "name", "FINDABLE"]);
    expect(page.stdout).toMatch(
      /^KEY +SIZE +STORED +NAME\nsha256:[0-9a-f]{64} {2} *10 B {2}(?:just now|\d+ s ago) {2}findable 0\.txt\n/,
    );
    expect(page.stdout.trimEnd().split("\n").length).toBe(4);
    expect(page.stderr).toMatch(/^3 files of 7; --all shows the rest, --after \S+ the next page\n$/);
    const after = /--after (\S+)/.exec(page.stderr)?.[1] ?? "";
    const second = await hakmes(["list", "--limit", "3", "--sort", "name", "--after", after, "--quiet", "findable"]);
    expect(second.stdout).toMatch(/^sha256:.*findable 3\.txt\n/);
    const everything = await hakmes(["list", "--all", "--limit", "2", "--json", "findable"]);
    const rows = everything.stdout.trimEnd().split("\n");
    expect(rows.map((row) => JSON.parse(row).key).sort()).toEqual(
      Array.from({ length: 7 }, (_, index) => keyOf(`findable ${index}`)).sort(),
    );
    expect(await hakmes(["list", "nothing is called so"])).toEqual({ exitCode: 0, stdout: "", stderr: "no files\n" });
  });

  test("verify: reads every byte; good, absent, and exit codes", async () => {
    await hakmes(["put", "-"], { input: "to be verified" });
    const key = keyOf("to be verified");
    expect(await hakmes(["verify", key])).toEqual(quiet(`${key}  good\n`));
    expect(await hakmes(["verify", "--quiet", absent, key])).toEqual({
      exitCode: 1,
      stdout: `${absent}  absent\n`,
      stderr: "",
    });
    const { exitCode, stderr, stdout } = await hakmes(["verify", "--all"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`${key}  good\n`);
    expect(stderr).toMatch(/\d+ files read, .*: \d+ good, 0 bad, 0 absent, 0 unreadable\n$/);
    expect((await hakmes(["verify"])).stderr).toBe("Cannot tell what to verify: wanted keys, or --all\n");
  });
});

test("serialize, ingest and reindex: records go from node to node, and come back from Cask alone", async () => {
  writeFileSync(join(folder, "kept.txt"), "kept in the catalog");
  await hakmes(["put", "kept.txt"]);
  const key = keyOf("kept in the catalog");
  const { exitCode, stdout } = await hakmes(["serialize"]);
  expect(exitCode).toBe(0);
  const lines = stdout.trimEnd().split("\n");
  expect(lines.map((text) => JSON.parse(text).key)).toContain(key);
  const again = await hakmes(["ingest"], { input: `${stdout}no record\n` });
  expect(again.exitCode).toBe(1);
  expect(again.stderr).toStartWith(`${lines.length + 1} lines: 0 entered, ${lines.length} were here, 1 skipped\n`);
  const searched = await hakmes(["reindex"]);
  expect(searched).toMatchObject({ exitCode: 0, stdout: "" });
  expect(searched.stderr).toContain("all of Cask was seen\n");
});

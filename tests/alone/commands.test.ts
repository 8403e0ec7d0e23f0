/**
 * The verbs below `warren cask`, each as a process of its own against a real node, as a person or a script uses them.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ChildNode, runProgram, startChild } from "../../src/kit/testing/child-node.ts";

const folder = mkdtempSync(join(tmpdir(), "warren-verbs-"));
let node: ChildNode;
beforeAll(async () => {
  mkdirSync(join(folder, "node"));
  node = await startChild({ folder: join(folder, "node") });
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const keyOf = (bytes: string | Uint8Array, algorithm: "sha1" | "sha256" = "sha256") =>
  `${algorithm}:${new Bun.CryptoHasher(algorithm).update(bytes).digest("hex")}`;
const absent = `sha256:${"0".repeat(64)}`;

function cask(
  words: readonly string[],
  options: { input?: string | Uint8Array; environment?: Record<string, string> } = {},
) {
  const input = typeof options.input === "string" ? new TextEncoder().encode(options.input) : options.input;
  return runProgram(["cask", ...words], {
    folder,
    environment: { WARREN_SERVER: `${node.url}/cask/`, ...options.environment },
    ...(input === undefined ? {} : { input }),
  });
}

const quiet = (stdout: string) => ({ exitCode: 0, stdout, stderr: "" });

describe("put", () => {
  test("put: standard input, and one file", async () => {
    expect(await cask(["put", "-"], { input: "from a pipe" })).toEqual(quiet(`${keyOf("from a pipe")}  -\n`));
    writeFileSync(join(folder, "a b.txt"), "spaced");
    expect(await cask(["put", "a b.txt"])).toEqual(quiet(`${keyOf("spaced")}  a b.txt\n`));
    expect(await cask(["put", "-"], { input: "" })).toEqual(quiet(`${keyOf("")}  -\n`));
  });

  test("put: another algorithm, and JSON for programs", async () => {
    const { exitCode, stdout } = await cask(["put", "--algorithm", "sha1", "--json", "-"], {
      input: "hashed otherwise",
    });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      path: "-",
      key: keyOf("hashed otherwise", "sha1"),
      sizeBytes: 16,
      copies: 1,
      wanted: 3,
    });
  });

  test("put: a folder with all below it; links and what is no file are left out", async () => {
    const tree = join(folder, "tree");
    mkdirSync(join(tree, "deep/deeper"), { recursive: true });
    for (let index = 0; index < 30; index++)
      writeFileSync(join(tree, "deep/deeper", `file-${index}`), `number ${index}`);
    writeFileSync(join(tree, "top"), "at the top");
    symlinkSync("/etc/passwd", join(tree, "link"));
    const { exitCode, stderr, stdout } = await cask(["put", "--parallel", "8", "tree"]);
    const wanted = [
      ...Array.from({ length: 30 }, (_, index) => `${keyOf(`number ${index}`)}  tree/deep/deeper/file-${index}`),
      `${keyOf("at the top")}  tree/top`,
    ];
    expect(stdout.trimEnd().split("\n").sort()).toEqual(wanted.sort());
    expect(stderr).toBe("1 entry left out: neither files nor folders\n31 files stored, 270 B; 0 failed\n");
    expect(exitCode).toBe(0);
  });

  test("put: what fails does not stop the others, is listed, and makes the exit code 1", async () => {
    writeFileSync(join(folder, "good"), "good");
    const { exitCode, stderr, stdout } = await cask(["put", "missing", "good", "missing too"]);
    expect(stdout).toBe(`${keyOf("good")}  good\n`);
    expect(stderr).toStartWith("1 file stored, 4 B; 2 failed\nmissing: ");
    expect(stderr).toContain("\nmissing too: ");
    expect(exitCode).toBe(1);
  });

  test("put: words and numbers that cannot be meant are refused in a sentence", async () => {
    const cases: [string[], string][] = [
      [["put", "--parallel", "0", "x"], "Cannot use --parallel 0: wanted a whole number from 1 to 64\n"],
      [["put", "-", "-"], "Cannot read standard input twice: wanted - once\n"],
      [
        ["put", "--server", "ftp://x", "x"],
        'Cannot use the server "ftp://x": wanted a URL such as http://127.0.0.1:4100/cask\n',
      ],
      [["put", "--token-file", "nowhere", "x"], 'Cannot read the token in "nowhere": '],
    ];
    for (const [words, sentence] of cases) {
      const { exitCode, stderr, stdout } = await cask(words);
      expect([exitCode, stdout, stderr.slice(0, sentence.length)]).toEqual([1, "", sentence]);
    }
    expect((await cask(["put", "--algorithm", "md5", "x"])).exitCode).toBe(1);
    expect((await cask(["put"])).exitCode).toBe(1);
  });

  test("put: nobody there is said, with the address", async () => {
    writeFileSync(join(folder, "lonely"), "lonely");
    const { exitCode, stderr } = await cask(["put", "--server", "http://127.0.0.1:1/cask", "lonely"]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("lonely: Cannot reach Cask at http://127.0.0.1:1/cask");
    // With a second address the first is passed over.
    expect(await cask(["put", "--server", `http://127.0.0.1:1/cask,${node.url}/cask`, "lonely"])).toMatchObject({
      exitCode: 0,
    });
  });
});

describe("get", () => {
  const bytes = crypto.getRandomValues(new Uint8Array(3_000_001));
  const key = keyOf(bytes);
  const partial = `.${key.slice(7, 19)}.part`;
  beforeAll(async () => {
    expect(await cask(["put", "-"], { input: bytes })).toMatchObject({ exitCode: 0 });
  });
  const fileIs = async (name: string) => Buffer.compare(await Bun.file(join(folder, name)).bytes(), bytes) === 0;
  const leftovers = () => readdirSync(folder).filter((name) => name.endsWith(".part"));

  test("get: to a file, and to standard output", async () => {
    expect(await cask(["get", key, "-o", "back"])).toEqual(quiet(""));
    expect(await fileIs("back")).toBe(true);
    const piped = Bun.spawn(
      ["sh", "-c", `"${process.execPath}" "${join(import.meta.dir, "../../src/main.ts")}" cask get ${key} > piped`],
      { cwd: folder, env: { PATH: process.env["PATH"] ?? "", WARREN_SERVER: `${node.url}/cask` } },
    );
    expect(await piped.exited).toBe(0);
    expect(await fileIs("piped")).toBe(true);
    expect(leftovers()).toEqual([]);
  });

  test("get: goes on where an earlier run ended", async () => {
    writeFileSync(join(folder, `resumed${partial}`), bytes.slice(0, 1_234_567));
    expect(await cask(["get", key, "-o", "resumed"])).toEqual(quiet(""));
    expect(await fileIs("resumed")).toBe(true);
    expect(leftovers()).toEqual([]);
  });

  // Also the proof that a beginning is used at all.
  test("get: a beginning that was damaged is found out and thrown away, and the next run is good", async () => {
    writeFileSync(join(folder, `damaged${partial}`), new Uint8Array(1000));
    const first = await cask(["get", key, "-o", "damaged"]);
    expect(first.exitCode).toBe(1);
    expect(first.stderr).toContain("are not those of");
    expect(readdirSync(folder).filter((name) => name.startsWith("damaged"))).toEqual([]);
    expect(await cask(["get", key, "-o", "damaged"])).toEqual(quiet(""));
    expect(await fileIs("damaged")).toBe(true);
  });

  test("get: what is not there, no key, and a place that cannot be written", async () => {
    const missing = await cask(["get", absent, "-o", "none"]);
    expect(missing).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `Cannot find "${absent}": no node of the cluster holds it\n`,
    });
    expect((await cask(["get", absent])).stderr).toBe(missing.stderr);
    expect((await cask(["get", "../etc/passwd"])).stderr).toStartWith('Cannot read the key "../etc/passwd": wanted');
    expect((await cask(["get", key, "-o", "no/such/folder/x"])).stderr).toStartWith(
      'Cannot write "no/such/folder/x": ',
    );
    expect(leftovers()).toEqual([]);
  });
});

describe("looking", () => {
  test("stat: sizes; 1 when one is not there", async () => {
    const here = keyOf("to be looked at");
    await cask(["put", "-"], { input: "to be looked at" });
    expect(await cask(["stat", here])).toEqual(quiet(`${here}  15\n`));
    expect(await cask(["stat", absent, here])).toEqual({
      exitCode: 1,
      stdout: `${here}  15\n`,
      stderr: `${absent}: no node of the cluster holds it\n`,
    });
  });

  test("whereis and verify: who has it, and whether it is whole", async () => {
    const key = keyOf("to be found");
    await cask(["put", "-"], { input: "to be found" });
    const where = await cask(["whereis", key]);
    expect(where.stdout).toMatch(/^\S+ {2}held {2}owner +(?:11 B +)?verified (?:just now|\d+ s ago) {2}http:/);
    expect(where.stderr).toBe("1 of 3 copies\n");
    expect(JSON.parse((await cask(["whereis", "--json", key])).stdout).places).toMatchObject([
      { held: true, self: true },
    ]);
    expect((await cask(["whereis", absent])).exitCode).toBe(1);
    expect(await cask(["verify", key])).toEqual(quiet(`${key}  good\n`));
    expect((await cask(["verify", "--everywhere", key])).stdout).toStartWith(`${key}  good  `);
    expect(await cask(["verify", absent, key])).toMatchObject({
      exitCode: 1,
      stdout: `${absent}  absent\n${key}  good\n`,
    });
  });

  test("status: a table for people, JSON for programs", async () => {
    const { exitCode, stdout } = await cask(["status"]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^ {2}NODE +STATE +SHARE +BLOBS +FREE +OF +URL\n\* \S+ +alive +takes blobs +100 % +[\d,]+ /);
    expect(stdout).toMatch(/^[\d,]+ blobs here, .*; 3 copies of each, 1 before a write is acknowledged$/m);
    expect(JSON.parse((await cask(["status", "--json"])).stdout)).toMatchObject({ writeable: "yes", owed: 0 });
  });
});

test("drain: an empty node is done at once; while it lasts nothing new is taken; --undo ends it", async () => {
  await using other = await startChild();
  const environment = { WARREN_SERVER: `${other.url}/cask` };
  const drained = await cask(["drain"], { environment });
  expect(drained).toMatchObject({ exitCode: 0, stdout: "" });
  expect(drained.stderr).toContain("Nothing is left: the node can be stopped for good\n");
  expect(await cask(["put", "-"], { environment, input: "x" })).toMatchObject({ exitCode: 1, stdout: "" });
  expect(await cask(["drain", "--undo"], { environment })).toMatchObject({ exitCode: 0 });
  expect(await cask(["put", "-"], { environment, input: "x" })).toMatchObject({ exitCode: 0 });
});

test("--token: wanted where tokens exist, taken from the environment, a file, or with a warning from the line", async () => {
  await using other = await startChild();
  const made = await runProgram(["token", "create", "script", "--scope", "cask:write", "--data", other.data]);
  const token = made.stdout.split("\n")[0] ?? "";
  const environment = { WARREN_SERVER: `${other.url}/cask` };
  const put = (words: string[], more: Record<string, string> = {}) =>
    cask(["put", ...words, "-"], { environment: { ...environment, ...more }, input: "guarded" });
  // A running node sees a new token within a second.
  while ((await put([])).exitCode === 0);
  expect((await put([])).stderr).toContain("token");
  writeFileSync(join(folder, "token"), `${token}\n`);
  chmodSync(join(folder, "token"), 0o600);
  expect(await put(["--token-file", "token"])).toEqual(quiet(`${keyOf("guarded")}  -\n`));
  expect(await put([], { WARREN_TOKEN: token })).toEqual(quiet(`${keyOf("guarded")}  -\n`));
  const shown = await put(["--token", token]);
  expect(shown.exitCode).toBe(0);
  expect(shown.stderr).toStartWith("warning: --token is visible to other users");
  expect((await cask(["drain", "--no-wait", "--token-file", "token"], { environment })).exitCode).toBe(1);
});

describe("adopt", () => {
  const content = "kept by the predecessor\n";
  const key = keyOf(content, "sha1");
  function predecessor(name: string): string {
    const path = join(folder, name, "sha1", ...(key.slice(5).match(/../g) ?? []));
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "data"), content);
    return join(folder, name);
  }

  test("adopt: brings a folder over while the node is stopped, and the node then serves it", async () => {
    const old = predecessor("old");
    const home = join(folder, "adopted");
    mkdirSync(home);
    const adopted = await cask(["adopt", old, "--data", join(home, "data")]);
    expect(adopted).toMatchObject({ exitCode: 0, stdout: "" });
    expect(adopted.stderr).toContain("1 blob brought over, 24 B; 0 were there already\n");
    await using other = await startChild({ folder: home });
    expect(await (await fetch(`${other.url}/cask/file/${key}/`)).text()).toBe(content);
    // Running, it has its folder for itself.
    const refused = await cask(["adopt", predecessor("older"), "--data", other.data]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("Cannot use data folder");
  });

  test("adopt: a bad blob is put aside and said; a folder of something else is refused", async () => {
    const old = predecessor("spoilt");
    writeFileSync(join(old, "sha1", ...(key.slice(5).match(/../g) ?? []), "data"), "other bytes");
    const { exitCode, stderr } = await cask(["adopt", old, "--data", join(folder, "spoilt data")]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("1 blob put aside, whose bytes are not those of their key:\n");
    expect(stderr).toContain(key);
    mkdirSync(join(folder, "photos"));
    expect((await cask(["adopt", "photos", "--data", join(folder, "x data")])).stderr).toStartWith(
      'Cannot use "photos"',
    );
  });
});

test("warren cask: without a verb it starts the service, with flags of the same names as a verb's", async () => {
  await using alone = await startChild({ words: ["cask", "--algorithm", "sha1"] });
  const { stdout } = await cask(["put", "-"], { environment: { WARREN_SERVER: alone.url }, input: "alone" });
  expect(stdout).toBe(`${keyOf("alone", "sha1")}  -\n`);
  expect((await cask(["frobnicate"])).exitCode).toBe(1);
});

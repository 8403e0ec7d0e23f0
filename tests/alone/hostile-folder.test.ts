/**
 * A data folder and a configuration as a careless operator leaves them: each time the node starts, or says in one sentence
 * what is wrong with which file. Nothing outside the folder is written, and no blob is lost.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { runProgram, startChild } from "../../src/kit/testing/child-node.ts";

// Several programs are started here, on machines that may be busy.
setDefaultTimeout(180_000);

const blob = "a blob that must not be lost";
const key = `sha256:${new Bun.CryptoHasher("sha256").update(blob).digest("hex")}`;
const environment = { WARREN_CASK_QUORUM: "1" };

describe("a damaged data folder", () => {
  const seed = mkdtempSync(join(tmpdir(), "warren-test-"));
  beforeAll(async () => {
    await using node = await startChild({ folder: seed, environment });
    for (let number = 0; number < 50; number++) await fetch(`${node.url}/cask/`, { method: "PUT", body: `${number}` });
    expect((await fetch(`${node.url}/cask/`, { method: "PUT", body: blob })).status).toBe(200);
    expect(await node.end()).toBe(0);
  });
  afterAll(() => rmSync(seed, { recursive: true }));

  /** A copy of the folder, damaged; removed with all it holds at the end. */
  async function damaged<T>(
    damage: (data: string) => void,
    look: (folder: string, data: string) => Promise<T>,
  ): Promise<T> {
    const folder = mkdtempSync(join(tmpdir(), "warren-test-"));
    const data = join(folder, "data");
    cpSync(join(seed, "data"), data, { recursive: true });
    damage(data);
    try {
      return await look(folder, data);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
  const scrambled = (path: string, fromByte: number) => {
    const bytes = readFileSync(path);
    for (let at = fromByte; at < bytes.length; at++) bytes[at] = (bytes[at] ?? 0) ^ 0x5a;
    writeFileSync(path, bytes);
  };

  for (const [name, damage, sentence] of [
    [
      "an empty id",
      (data) => writeFileSync(join(data, "node-id"), ""),
      /^Cannot read the node's id in .*node-id: wanted/,
    ],
    [
      "a folder for an id",
      (data) => {
        rmSync(join(data, "node-id"));
        mkdirSync(join(data, "node-id"));
      },
      /^Cannot read the node's id in .*node-id: /,
    ],
    [
      "a scrambled ledger",
      (data) => scrambled(join(data, "cask/ledger.sqlite"), 0),
      /Cannot open database ".*ledger.sqlite": it is not whole|not a whole/,
    ],
    [
      "a ledger scrambled behind its first page",
      (data) => scrambled(join(data, "cask/ledger.sqlite"), 4096),
      /Cannot open database ".*ledger.sqlite": .*move it away/,
    ],
    [
      "scrambled tokens",
      (data) => scrambled(join(data, "tokens.sqlite"), 0),
      /Cannot open database ".*tokens.sqlite": /,
    ],
    [
      "a scrambled lock",
      (data) => writeFileSync(join(data, "lock.sqlite"), "x".repeat(5000)),
      /^Cannot use data folder ".*": /,
    ],
  ] as [string, (data: string) => void, RegExp][]) {
    test(`${name} is named, and the node does not start`, async () => {
      await damaged(damage, async (folder, data) => {
        const { exitCode, stderr } = await runProgram(["up", "--listen", "127.0.0.1:0", "--data", data], { folder });
        expect(exitCode).toBe(1);
        expect(
          stderr
            .split("\n")
            .filter((line) => !line.startsWith("{"))
            .join("\n"),
        ).toMatch(sentence);
        expect(stderr).not.toContain("    at ");
      });
    });
  }

  test("without its ledger a node starts, and gives every blob back", async () => {
    await damaged(
      (data) => rmSync(join(data, "cask/ledger.sqlite")),
      async (folder) => {
        await using node = await startChild({ folder, environment });
        expect(await (await fetch(`${node.url}/cask/file/${key}/`)).text()).toBe(blob);
        await node.end();
      },
    );
  });

  test("nothing is written through a link that lies in the place of a file of ours", async () => {
    await damaged(
      (data) => {
        writeFileSync(join(data, "../precious"), "[]");
        for (const name of ["lock.pid", "members.json"]) {
          rmSync(join(data, name), { force: true });
          symlinkSync("../precious", join(data, name));
        }
      },
      async (folder) => {
        await using node = await startChild({ folder, environment });
        expect(await (await fetch(`${node.url}/cask/file/${key}/`)).text()).toBe(blob);
        await node.end();
        expect(readFileSync(join(folder, "precious"), "utf8")).toBe("[]");
      },
    );
  });
});

describe("a careless configuration", () => {
  test("two nodes with data folders of their own cannot share one folder of blobs", async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-test-"));
    const shared = { ...environment, WARREN_CASK_FOLDER: join(folder, "blobs") };
    await using node = await startChild({ environment: shared });
    const other = () =>
      runProgram(["up", "--listen", "127.0.0.1:0", "--data", join(folder, "other")], { folder, environment: shared });
    const { exitCode, stderr } = await other();
    expect([exitCode, stderr.includes(`${join(folder, "blobs")}": it belongs to node`)]).toEqual([1, true]);
    expect((await fetch(`${node.url}/cask/`, { method: "PUT", body: blob })).status).toBe(200);
    expect(await node.end()).toBe(0);
    // Whoever takes that node's place, under its id, has its blobs.
    const heir = { ...shared, WARREN_NODE_ID: readFileSync(join(node.data, "node-id"), "utf8").trim() };
    await using next = await startChild({ environment: heir });
    expect(await (await fetch(`${next.url}/cask/file/${key}/`)).text()).toBe(blob);
    expect(await next.end()).toBe(0);
    rmSync(folder, { recursive: true });
  });

  test("a URL with a password in it is refused, for URLs are shown and logged; the password is not shown", async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-test-"));
    writeFileSync(
      join(folder, "warren.toml"),
      '[cask]\ns3_endpoint = "https://me:hunter2@s3.example"\n[node]\nadvertise = "http://h/?x"\n',
    );
    for (const verb of ["check", "config"]) {
      const { exitCode, stderr, stdout } = await runProgram([verb], { folder });
      expect([verb, exitCode]).toEqual([verb, 1]);
      expect(stderr + stdout).toContain("without user and password");
      expect(stderr + stdout).not.toContain("hunter2");
    }
    rmSync(folder, { recursive: true });
  });

  test("secrets are in no output: not of config, not of metrics, pages, status or log", async () => {
    const secrets = {
      WARREN_NODE_CLUSTER_SECRET: "hunter2-cluster",
      WARREN_CASK_ORIGINAL_SECRET: "hunter2-original",
      WARREN_CASK_S3_SECRET_KEY: "hunter2-s3",
    };
    await using node = await startChild({
      environment: secrets,
      words: ["up", "--log-level", "debug", "--access-log"],
    });
    const shown = [node.output()];
    for (const path of [
      "/",
      "/metrics",
      "/readyz",
      "/cask/",
      "/cask/status.json",
      "/cask/config/",
      "/cask/log/",
      "/cask/join/",
      "/cask/debug/vars",
    ]) {
      shown.push(await (await fetch(`${node.url}${path}`)).text());
    }
    shown.push((await runProgram(["config"], { environment: secrets })).stdout);
    shown.push((await runProgram(["doctor", "--data", node.data], { environment: secrets })).stdout);
    shown.push(
      await (
        await fetch(`${node.url}/cask/join/`, {
          method: "POST",
          body: new URLSearchParams({ url: "127.0.0.1:1", secret: "hunter2-guess" }),
        })
      ).text(),
    );
    shown.push(node.output());
    expect(shown.join("\n")).not.toContain("hunter2");
    expect(readFileSync(`/proc/${node.pid}/cmdline`, "utf8")).not.toContain("hunter2");
    expect(await node.end()).toBe(0);
  });

  test("a node that is told to stop as soon as it is ready stops in order", async () => {
    for (let round = 0; round < 3; round++) {
      await using node = await startChild();
      expect(await node.end("SIGTERM")).toBe(0);
      expect(existsSync(join(node.data, "node-id"))).toBe(true);
    }
  });
});

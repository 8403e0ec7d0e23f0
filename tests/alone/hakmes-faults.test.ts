/**
 * What goes wrong around Hakmes: it dies in the middle, its Cask answers errors, wrong bytes or nothing, its catalog is
 * lost. What was acknowledged is there afterwards, and no answer that looks whole is anything but the file.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ChildNode, startChild, until } from "../../src/kit/testing/child-node.ts";
import { onlyServices } from "../only-services.ts";
import { makeToken, tokenCounts } from "../tokens.ts";

const sha256 = (bytes: string | Uint8Array) => `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
const random = (length: number) => {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
};
const put = async (url: string, body: Uint8Array<ArrayBuffer> | string) => {
  const answer = await fetch(`${url}/`, { method: "PUT", body });
  if (answer.status !== 200) throw new Error(`the upload was answered ${answer.status}: ${await answer.text()}`);
  return ((await answer.json()) as { key: string }).key;
};
const quiet = onlyServices("cask", "hakmes");

/** What curl makes of a download: its exit code, the status, and how much came. */
async function download(url: string, folder: string): Promise<{ exitCode: number; status: string; bytes: Uint8Array }> {
  const path = join(folder, "download");
  rmSync(path, { force: true });
  const child = Bun.spawn(["curl", "-s", "--max-time", "120", "-o", path, "-w", "%{http_code}", url], {
    stdout: "pipe",
  });
  const status = await new Response(child.stdout).text();
  const exitCode = await child.exited;
  const file = Bun.file(path);
  return {
    exitCode,
    status,
    bytes: (await file.exists()) ? new Uint8Array(await file.arrayBuffer()) : new Uint8Array(),
  };
}

describe("deaths", () => {
  test("SIGKILL in the middle of uploads: every acknowledged file is there, and the node starts again", async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-test-"));
    const acknowledged = new Map<string, Uint8Array>();
    {
      await using node = await startChild({ folder, environment: quiet });
      const state = { dead: false };
      const writer = async () => {
        while (!state.dead) {
          const bytes = random(1 + (Math.floor(acknowledged.size * 31_337) % 3_000_000));
          try {
            acknowledged.set(await put(`${node.url}/hakmes`, bytes), bytes);
          } catch (thrown) {
            if (!state.dead) throw thrown;
          }
        }
      };
      const writers = [writer(), writer(), writer()];
      await until("twenty files are acknowledged", () => acknowledged.size >= 20);
      state.dead = true;
      await node.end("SIGKILL");
      await Promise.allSettled(writers);
    }
    await using again = await startChild({ folder, environment: quiet });
    for (const [key, bytes] of acknowledged) {
      const read = await fetch(`${again.url}/hakmes/file/${key}/`);
      expect([read.status, sha256(new Uint8Array(await read.arrayBuffer()))]).toEqual([200, sha256(bytes)]);
    }
    await again.end();
    rmSync(folder, { recursive: true });
  }, 180_000);

  test("SIGKILL in the middle of a download: the client sees that it was cut", async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-test-"));
    await using node = await startChild({ environment: quiet });
    const key = await put(`${node.url}/hakmes`, random(24_000_000));
    const path = join(folder, "part");
    const child = Bun.spawn(["curl", "-s", "--limit-rate", "4M", "-o", path, `${node.url}/hakmes/file/${key}/`]);
    await until("some of it has come", async () => (await Bun.file(path).exists()) && Bun.file(path).size > 500_000);
    await node.end("SIGKILL");
    expect(await child.exited).not.toBe(0);
    rmSync(folder, { recursive: true });
  }, 180_000);

  test("a catalog that is lost is found again in Cask, with names", async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-test-"));
    const bytes = random(3_000_000);
    let key = "";
    {
      await using node = await startChild({ folder, environment: quiet });
      const answer = await fetch(`${node.url}/hakmes/found%20again.bin`, { method: "PUT", body: bytes });
      ({ key } = (await answer.json()) as { key: string });
      await node.end();
    }
    rmSync(join(folder, "data/hakmes"), { recursive: true });
    await using node = await startChild({ folder, environment: quiet });
    const url = `${node.url}/hakmes/file/${key}/`;
    const read = await until("the file is found", async () => {
      const answer = await fetch(url);
      // Never "not found" before all of Cask was looked through.
      expect([200, 503]).toContain(answer.status);
      return answer.status === 200 ? answer : undefined;
    });
    expect(sha256(new Uint8Array(await read.arrayBuffer()))).toBe(key);
    expect(read.headers.get("content-disposition")).toContain("found again.bin");
    const listed = (await (await fetch(`${node.url}/hakmes/list.json?search=found`)).json()) as { total: number };
    expect(listed.total).toBe(1);
    await node.end();
    rmSync(folder, { recursive: true });
  }, 180_000);
});

describe("between Hakmes and its Cask", () => {
  /** What stands in between does to answers for blobs. */
  let meddle: (request: Request, pass: () => Promise<Response>) => Response | Promise<Response> = (_, pass) => pass();
  let cask: ChildNode;
  let between: Bun.Server<undefined>;
  let node: ChildNode;
  let folder = "";
  const reads: string[] = [];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "warren-test-"));
    cask = await startChild({ environment: { ...onlyServices("cask"), WARREN_CASK_COPIES: "1" } });
    between = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      idleTimeout: 60,
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      async fetch(request) {
        const url = new URL(request.url);
        if (request.method === "GET" && url.pathname.startsWith("/file/")) reads.push(url.pathname);
        const body = request.method === "PUT" || request.method === "POST" ? await request.arrayBuffer() : null;
        const headers = new Headers(request.headers);
        headers.delete("host");
        const pass = () =>
          fetch(`${cask.url}/cask${url.pathname}${url.search}`, { method: request.method, headers, body });
        return meddle(request, pass);
      },
    });
    node = await startChild({
      words: ["hakmes"],
      environment: { WARREN_HAKMES_CASK: `http://127.0.0.1:${between.port}`, WARREN_HAKMES_PARALLEL: "2" },
    });
  });
  afterAll(async () => {
    await node[Symbol.asyncDispose]();
    await between.stop(true);
    await cask[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  const isBlob = (request: Request) => request.method === "GET" && new URL(request.url).pathname.startsWith("/file/");
  const chunksOf = async (key: string) =>
    ((await (await fetch(`${node.url}/info/${key}/`)).json()) as { chunks: string[] }).chunks;

  test("an error, a cut and wrong bytes for a while: the file comes whole all the same", async () => {
    const bytes = random(6_000_000);
    const key = await put(node.url, bytes);
    let failures = 0;
    meddle = async (request, pass) => {
      if (!isBlob(request) || failures >= 6) return pass();
      failures++;
      if (failures % 3 === 0) return new Response("down", { status: 500 });
      const good = new Uint8Array(await (await pass()).arrayBuffer());
      if (failures % 3 === 1) return new Response(good.subarray(0, good.length - 1));
      good[good.length >> 1] = (good[good.length >> 1] ?? 0) ^ 1;
      return new Response(good);
    };
    const got = await download(`${node.url}/file/${key}/`, folder);
    expect([got.exitCode, got.status, sha256(got.bytes)]).toEqual([0, "200", key]);
    expect(failures).toBe(6);
  }, 180_000);

  test("a chunk that stays wrong: 503 when it is the first, otherwise a cut that the client sees", async () => {
    const bytes = random(8_000_000);
    const key = await put(node.url, bytes);
    const chunks = await chunksOf(key);
    let bad = chunks.at(-1) ?? "";
    meddle = async (request, pass) => {
      if (!isBlob(request) || !request.url.includes(bad)) return pass();
      const wrong = new Uint8Array(await (await pass()).arrayBuffer());
      wrong[0] = (wrong[0] ?? 0) ^ 1;
      return new Response(wrong);
    };
    const cut = await download(`${node.url}/file/${key}/`, folder);
    expect([cut.exitCode === 0, cut.status]).toEqual([false, "200"]);
    // What came is the beginning of the file, and not all of it.
    expect(cut.bytes.length).toBeLessThan(bytes.length);
    expect(sha256(cut.bytes)).toBe(sha256(bytes.subarray(0, cut.bytes.length)));
    bad = chunks[0] ?? "";
    const refused = await fetch(`${node.url}/file/${key}/`);
    expect(refused.status).toBe(503);
    expect(await refused.text()).not.toContain("  at ");
    meddle = (_, pass) => pass();
    expect((await download(`${node.url}/file/${key}/`, folder)).exitCode).toBe(0);
  }, 180_000);

  test("a range fetches only its chunks; HEAD, conditions and the record fetch none", async () => {
    const bytes = random(12_000_000);
    const key = await put(node.url, bytes);
    const chunks = await chunksOf(key);
    expect(chunks.length).toBeGreaterThan(5);
    reads.length = 0;
    const url = `${node.url}/file/${key}/`;
    expect((await fetch(url, { method: "HEAD" })).status).toBe(200);
    expect((await fetch(url, { headers: { "If-None-Match": `"${key}"` } })).status).toBe(304);
    expect((await fetch(url, { headers: { "If-Match": '"x"' } })).status).toBe(412);
    expect((await fetch(url, { headers: { Range: "bytes=12000000-" } })).status).toBe(416);
    expect((await fetch(`${node.url}/info/${key}/`)).status).toBe(200);
    expect(reads).toEqual([]);
    const part = await fetch(url, { headers: { Range: "bytes=5000000-5000009" } });
    expect(new Uint8Array(await part.arrayBuffer())).toEqual(bytes.slice(5_000_000, 5_000_010));
    expect(reads.length).toBeLessThanOrEqual(2);
  }, 180_000);

  test("a Cask that is away: 503, nothing entered, and the node says what is wrong", async () => {
    const before = ((await (await fetch(`${node.url}/status.json`)).json()) as { files: number }).files;
    meddle = () => new Response("down", { status: 503 });
    const refused = await fetch(`${node.url}/x`, { method: "PUT", body: random(100_000) });
    expect(refused.status).toBe(503);
    expect(((await (await fetch(`${node.url}/status.json`)).json()) as { files: number }).files).toBe(before);
    const ready = await until(
      "the node has noticed",
      async () => {
        const answer = await fetch(`${node.url}/readyz`);
        return answer.status === 503 ? answer : undefined;
      },
      120_000,
    );
    expect(await ready.text()).toContain("Files can be neither taken nor given");
    const page = await (await fetch(`${node.url}/`)).text();
    expect(page).toContain("Files can be neither taken nor given");
    meddle = (_, pass) => pass();
    const key = await put(node.url, "back again");
    expect(await (await fetch(`${node.url}/file/${key}/`)).text()).toBe("back again");
  }, 180_000);
});

test("tokens: each route wants its scope, and nodes have their own secret", async () => {
  await using node = await startChild({ environment: { ...quiet, WARREN_NODE_CLUSTER_SECRET: "sesame" } });
  const key = await put(`${node.url}/hakmes`, "guarded");
  const as = (token: string) => ({ Authorization: `Bearer ${token}` });
  const reader = as(await makeToken(node, "reader", "hakmes:read"));
  const writer = as(await makeToken(node, "writer", "hakmes:write"));
  const admin = as(await makeToken(node, "admin", "hakmes:admin"));
  const newest = await makeToken(node, "stranger", "cask:admin");
  const stranger = as(newest);
  const ask = async (method: string, path: string, headers: Record<string, string> = {}) =>
    (await fetch(`${node.url}/hakmes${path}`, { method, headers, ...(method === "PUT" ? { body: "x" } : {}) })).status;
  await tokenCounts(`${node.url}/hakmes/`, newest);
  for (const path of ["/", `/file/${key}/`, `/info/${key}/`, "/list.json", "/export.jsonl", `/show/${key}/`]) {
    expect([path, await ask("GET", path), await ask("GET", path, reader), await ask("GET", path, stranger)]).toEqual([
      path,
      401,
      200,
      403,
    ]);
  }
  for (const [method, path] of [
    ["PUT", "/x"],
    ["POST", "/import.jsonl"],
  ] as const) {
    expect([await ask(method, path), await ask(method, path, reader), await ask(method, path, writer)]).toEqual([
      401, 403, 200,
    ]);
  }
  expect([await ask("POST", "/reindex/", writer), await ask("POST", "/reindex/", admin)]).toEqual([403, 200]);
  // Not for tokens, and not for this machine either.
  expect([403, 404]).toContain(await ask("GET", `/peer/entry/${key}/`, admin));
  const read = await fetch(`${node.url}/hakmes/file/${key}/`, { headers: reader });
  expect(read.headers.get("cache-control")).toBe("private, max-age=31536000, immutable");
}, 180_000);

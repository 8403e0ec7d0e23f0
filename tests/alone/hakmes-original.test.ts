/**
 * Hakmes in the place of its predecessor: started alone with that one's variables, against a Cask elsewhere, with that
 * one's words and statuses, and with records that either of them wrote. What the predecessor's own tests assert is here.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ChildNode, runProgram, startChild, until } from "../../src/kit/testing/child-node.ts";

const sha1 = (bytes: string | Uint8Array) => `sha1:${new Bun.CryptoHasher("sha1").update(bytes).digest("hex")}`;
const absent = `sha1:${"0".repeat(40)}`;

function form(text: string | Uint8Array<ArrayBuffer>, name = "a.txt", type = "text/plain"): FormData {
  const made = new FormData();
  made.append("file", new Blob([text], { type }), name);
  return made;
}

interface Record {
  key: string;
  extension: string;
  mimetype: string;
  size: number;
  chunks: string[] | null;
}

const post = (url: string, body: FormData | string) => fetch(url, { method: "POST", body });

describe("with a Cask elsewhere", () => {
  let cask: ChildNode;
  let node: ChildNode;
  let folder = "";
  let environment: Readonly<{ [name: string]: string }> = {};
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "warren-test-"));
    cask = await startChild({
      words: ["up"],
      environment: { WARREN_HAKMES_ENABLED: "false", WARREN_RETICULUM_ENABLED: "false", WARREN_CASK_COPIES: "1" },
    });
    // A slash at the end or none, and one address that is dead: all the same.
    environment = {
      HAKMES_CASK_BASE: `http://127.0.0.1:9/,${cask.url}/cask/`,
      HAKMES_CHUNK_SIZE: "7",
      HAKMES_DB_PATH: join(folder, "hakmes.db"),
    };
    node = await startChild({ words: ["hakmes"], environment });
  });
  afterAll(async () => {
    await node[Symbol.asyncDispose]();
    await cask[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  test("an upload is cut every HAKMES_CHUNK_SIZE and named by SHA-1, and each chunk is a blob in Cask", async () => {
    const text = "twenty bytes of text";
    const answer = await post(`${node.url}/`, form(text));
    const record = (await answer.json()) as Record;
    expect([answer.status, record.key, record.size, record.extension]).toEqual([200, sha1(text), 20, ".txt"]);
    const chunks = [text.slice(0, 7), text.slice(7, 14), text.slice(14)];
    expect(record.chunks).toEqual(chunks.map(sha1));
    for (const chunk of chunks) {
      expect(await (await fetch(`${cask.url}/cask/file/${sha1(chunk)}/`)).text()).toBe(chunk);
    }
    expect(await (await fetch(`${node.url}/file/${record.key}/`)).text()).toBe(text);
    const part = await fetch(`${node.url}/file/${record.key}/`, { headers: { Range: "bytes=5-16" } });
    expect([part.status, await part.text()]).toEqual([206, text.slice(5, 17)]);
  });

  test("a file of one chunk has the chunk's key, and the empty file no chunks", async () => {
    const record = (await (await post(`${node.url}/`, form("six by"))).json()) as Record;
    expect(record.chunks).toEqual([record.key]);
    const nothing = (await (await post(`${node.url}/`, form(""))).json()) as Record;
    expect([nothing.key, nothing.size, nothing.chunks]).toEqual([sha1(""), 0, null]);
    expect((await fetch(`${node.url}/file/${nothing.key}/`)).status).toBe(200);
  });

  test("a part of ten bytes over two chunks, the quoted key, keys of other kinds, keys nobody has", async () => {
    const { key } = (await (await post(`${node.url}/`, form("0123456789"))).json()) as Record;
    const part = await fetch(`${node.url}/file/${key}/`, { headers: { Range: "bytes=2-6" } });
    expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([206, "bytes 2-6/10", "23456"]);
    const known = { headers: { "If-None-Match": `"${key}"` } };
    expect((await fetch(`${node.url}/file/${key}/`, known)).status).toBe(304);
    expect((await fetch(`${node.url}/info/${key}/`, known)).status).toBe(304);
    expect(((await (await fetch(`${node.url}/info/${key}/`)).json()) as Record).size).toBe(10);
    for (const route of ["file", "info"]) {
      for (const bad of [`md5:${"a".repeat(32)}`, "sha1:1234", "nonsense"]) {
        const refused = await fetch(`${node.url}/${route}/${bad}/`);
        expect([refused.status, await refused.text()]).toEqual([400, "invalid key\n"]);
      }
      const missing = await until("it is certain that nobody has it", async () => {
        const answer = await fetch(`${node.url}/${route}/${absent}/`);
        return answer.status === 503 ? undefined : answer;
      });
      expect([missing.status, await missing.text()]).toEqual([404, "file not found\n"]);
    }
  });

  test("the status page has its title, unknown paths the words of Go, and a form without a file 500", async () => {
    const status = await fetch(`${node.url}/`);
    const page = await status.text();
    expect([status.status, page.includes("<title>Hakmes status"), page.includes(cask.url)]).toEqual([200, true, true]);
    expect(page).toContain("every 7 B");
    const unknown = await fetch(`${node.url}/nowhere`);
    expect([unknown.status, await unknown.text()]).toEqual([404, "404 page not found\n"]);
    const empty = new FormData();
    empty.append("other", "x");
    for (const body of [empty, "no form"]) {
      const refused = await fetch(`${node.url}/`, {
        method: "POST",
        body,
        ...(typeof body === "string" ? { headers: { "Content-Type": "multipart/form-data" } } : {}),
      });
      expect([refused.status, await refused.text()]).toEqual([500, "couldn't read file\n"]);
    }
    // Whoever asks for JSON learns whose fault it was.
    const told = await fetch(`${node.url}/`, { method: "POST", body: empty, headers: { Accept: "application/json" } });
    expect(told.status).toBe(400);
  });

  test("the data folder lies beside the database that was named", async () => {
    const out = await runProgram(["hakmes", "--serialize"], { folder, environment });
    expect([out.exitCode, out.stdout]).toEqual([0, ""]);
    expect(await Bun.file(join(folder, "hakmes.db.warren/hakmes/catalog.sqlite")).exists()).toBe(true);
  });

  test("records of the predecessor come in by HAKMES_INGEST, are readable, and go out by HAKMES_SERIALIZE", async () => {
    const texts = ["the predecessor cut this every nine bytes", "short", ""];
    const lines: string[] = [];
    for (const text of texts) {
      const chunks = text.match(/[^]{1,9}/g) ?? [];
      for (const chunk of chunks) {
        const put = await fetch(`${cask.url}/cask/?algorithm=sha1`, { method: "PUT", body: chunk });
        expect(put.status).toBe(200);
      }
      const record = {
        key: sha1(text),
        extension: ".TXT",
        mimetype: "text/plain",
        size: text.length,
        chunks: chunks.length === 0 ? null : chunks.map(sha1),
      };
      lines.push(JSON.stringify(record));
    }
    const sent = [
      lines[0],
      "{bad json",
      '{"key":"sha1:zz","extension":"","mimetype":"","size":1,"chunks":[]}',
      "",
      ...lines,
    ];
    const data = join(folder, "ingested");
    const input = new TextEncoder().encode(`${sent.join("\n")}\n`);
    const ingested = await runProgram(["hakmes", "--data", data], {
      folder,
      environment: { ...environment, HAKMES_INGEST: "true" },
      input,
    });
    expect([ingested.exitCode, ingested.stdout]).toEqual([0, ""]);
    expect(ingested.stderr).toMatch(/"entered":3,"existed":1,"skipped":2/);
    expect(ingested.stderr).toContain("A line was no record and is skipped");
    expect(ingested.stderr).not.toContain("ready");

    // Serialize wins over ingest, prints in the order of keys, and knows the lengths that the record did not have.
    const out = await runProgram(["hakmes", "--data", data], {
      folder,
      environment: { ...environment, HAKMES_INGEST: "1", HAKMES_SERIALIZE: "t" },
    });
    expect(out.exitCode).toBe(0);
    const printed = out.stdout.trimEnd().split("\n");
    const theirs = printed.map((line) => {
      const { key, extension, mimetype, size, chunks } = JSON.parse(line) as Record;
      return JSON.stringify({ key, extension, mimetype, size, chunks });
    });
    expect(theirs).toEqual([...lines].sort((left, right) => (left < right ? -1 : 1)));
    for (const line of printed)
      expect(line).toMatch(/^\{"key":"[^"]+","extension":"[^"]*","mimetype":"[^"]*","size":\d+,"chunks":/);
    const long = JSON.parse(printed.find((line) => line.includes(sha1(texts[0] ?? ""))) ?? "{}") as { sizes: number[] };
    expect(long.sizes).toEqual([9, 9, 9, 9, 5]);

    await using served = await startChild({ words: ["hakmes"], environment });
    const again = await fetch(`${served.url}/import.jsonl`, { method: "POST", body: out.stdout });
    const { entered, existed, skipped } = (await again.json()) as { entered: number; existed: number; skipped: number };
    // A node that has begun to look through Cask may have found some of them by itself.
    expect([entered + existed, skipped]).toEqual([3, 0]);
    for (const text of texts) {
      const read = await fetch(`${served.url}/file/${sha1(text)}/`);
      expect([read.status, await read.text()]).toEqual([200, text]);
      // What it found by itself has the type of the earlier upload of the same bytes.
      expect(read.headers.get("content-type")).toMatch(/^text\/plain(;charset=utf-8)?$/);
    }
    const part = await fetch(`${served.url}/file/${sha1(texts[0] ?? "")}/`, { headers: { Range: "bytes=8-27" } });
    expect(await part.text()).toBe((texts[0] ?? "").slice(8, 28));
  });

  test("while a node serves, an errand in its folder is refused", async () => {
    const refused = await runProgram(["hakmes", "--data", node.data, "--serialize"], { folder, environment });
    expect([refused.exitCode, refused.stdout]).toEqual([1, ""]);
    expect(refused.stderr).toContain(node.data);
  });

  test("a line of many thousand chunks goes in: no limit of 64 KiB holds", async () => {
    await fetch(`${cask.url}/cask/?algorithm=sha1`, { method: "PUT", body: "0123456789abcdef" });
    const chunks = Array.from({ length: 5000 }, () => sha1("0123456789abcdef"));
    const whole = "0123456789abcdef".repeat(5000);
    const line = JSON.stringify({ key: sha1(whole), extension: "", mimetype: "x/y", size: 80_000, chunks });
    expect(line.length).toBeGreaterThan(200_000);
    const answer = await fetch(`${node.url}/import.jsonl`, { method: "POST", body: line });
    expect(await answer.json()).toMatchObject({ lines: 1, entered: 1 });
    expect(await (await fetch(`${node.url}/file/${sha1(whole)}/`)).text()).toBe(whole);
  }, 180_000);
});

describe("with a Cask that fails", () => {
  /** What it answers to uploads, changed by the tests. */
  let answer = (): Response => new Response("down", { status: 500 });
  let stored = 0;
  let cask: Bun.Server<undefined>;
  let node: ChildNode;
  beforeAll(async () => {
    cask = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      async fetch(request) {
        if (request.method !== "POST" && request.method !== "PUT")
          return new Response("not found\n\n", { status: 404 });
        stored++;
        await request.arrayBuffer();
        return answer();
      },
    });
    node = await startChild({ words: ["hakmes"], environment: { HAKMES_CASK_BASE: `http://127.0.0.1:${cask.port}` } });
  });
  afterAll(async () => {
    await node[Symbol.asyncDispose]();
    await cask.stop(true);
  });

  test("500, success:false and what is no JSON fail the upload with 500, and nothing is entered", async () => {
    const answers: (() => Response)[] = [
      () => new Response("down", { status: 500 }),
      () => Response.json({ key: sha1("some text"), success: false }),
      () => new Response("<html>hello"),
    ];
    for (const next of answers) {
      answer = next;
      const refused = await post(`${node.url}/`, form("some text"));
      expect([refused.status, await refused.text()]).toEqual([500, "failed to write to cask\n"]);
    }
    expect(stored).toBeGreaterThan(2);
    const counts = (await (await fetch(`${node.url}/status.json`)).json()) as { files: number };
    expect(counts.files).toBe(0);
  }, 180_000);

  test("a file whose chunks are gone is 500 as it was, and 503 with the reason for whoever asks for JSON", async () => {
    const record = { key: sha1("gone"), extension: "", mimetype: "text/plain", size: 4, chunks: [sha1("gone")] };
    const entered = await fetch(`${node.url}/import.jsonl`, { method: "POST", body: JSON.stringify(record) });
    expect([entered.status, await entered.json()]).toMatchObject([200, { entered: 1 }]);
    const url = `${node.url}/file/${record.key}/`;
    const head = await fetch(url, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "4"]);
    expect((await fetch(url, { headers: { "If-None-Match": `"${record.key}"` } })).status).toBe(304);
    const refused = await fetch(url);
    expect([refused.status, await refused.text()]).toEqual([500, "cask retrieve failed\n"]);
    const told = await fetch(url, { headers: { Accept: "application/json" } });
    expect(told.status).toBe(503);
  }, 180_000);
});

test("alone without a Cask the start is refused with what to do", async () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-test-"));
  const words = ["hakmes", "--listen", "127.0.0.1:0", "--data", join(folder, "data")];
  const { exitCode, stderr } = await runProgram(words, { folder });
  rmSync(folder, { recursive: true });
  expect(exitCode).toBe(1);
  expect(stderr).toContain("set cask in [hakmes] to the address of one");
});

test("a chunk size of 0, which was the default, is none in particular", async () => {
  await using cask = await startChild({
    words: ["up"],
    environment: { WARREN_HAKMES_ENABLED: "false", WARREN_RETICULUM_ENABLED: "false" },
  });
  await using node = await startChild({
    words: ["hakmes"],
    environment: { CASK_BASE: `${cask.url}/cask`, CHUNK_SIZE: "0" },
  });
  const { cut, algorithm } = (await (await fetch(`${node.url}/status.json`)).json()) as {
    cut: { rule: string; averageBytes: number };
    algorithm: string;
  };
  expect([cut.rule, cut.averageBytes, algorithm]).toEqual(["fastcdc-1", 1_048_576, "sha1"]);
});

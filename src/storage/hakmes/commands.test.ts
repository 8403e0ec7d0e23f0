/** Parts of the verbs of Hakmes that need no process: names that come from others, and uploads that are remembered. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import fc from "fast-check";

import { systemClock } from "../../kit/clock.ts";
import { createScreen } from "../../kit/terminal/screen.ts";
import { requireKey } from "../cask/client.ts";
import { FakeHakmes } from "./client-fixture.ts";
import { HakmesClient } from "./client.ts";
import { ingestVerb, reindexVerb, serializeVerb } from "./commands-catalog.ts";
import { safeName } from "./commands-get.ts";
import { infoVerb, listVerb, verifyVerb } from "./commands-look.ts";
import { putVerb } from "./commands-put.ts";
import { UploadMemory } from "./upload-memory.ts";

/** A verb's context over a fake server, with what it printed. */
function contextOf(fake: FakeHakmes) {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const into = (list: string[]) => ({
    write(chunk: string | Uint8Array, written?: (failure?: Error | null) => void) {
      list.push(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString());
      written?.();
      return true;
    },
  });
  const clientFor = (...baseUrls: string[]) => new HakmesClient({ baseUrls, clock: systemClock, fetch: fake.fetch });
  const context = {
    screen: createScreen(into(stdout), into(stderr)),
    client: clientFor(fake.baseUrl),
    baseUrls: [fake.baseUrl],
    clientFor,
  };
  return { context, out: () => stdout.splice(0).join(""), err: () => stderr.splice(0).join("") };
}

describe("looking", () => {
  const loud = { all: false, json: false, quiet: false, parallel: 1 };

  test("verifyVerb: bad bytes, silence about one file, and a file that is gone are three things", async () => {
    const fake = new FakeHakmes();
    const [good, bad, cut] = ["good", "bad!", "cut!"].map((text) => fake.add(new TextEncoder().encode(text), text));
    const gone = requireKey(`sha1:${"0".repeat(40)}`);
    if (good === undefined || bad === undefined || cut === undefined) throw new Error("Three files were added");
    fake.served.set(bad, new TextEncoder().encode("BAD!"));
    fake.fault = ({ url }) =>
      url.includes(cut)
        ? Response.json({ code: "hakmes/chunk", detail: "A chunk\u001b is away" }, { status: 503 })
        : undefined;
    const { context, err, out } = contextOf(fake);
    expect(await verifyVerb(context, [good, bad, cut, gone], loud)).toBe(1);
    expect(out()).toBe(`${good}  good\n${bad}  bad\n${cut}  unreadable\n${gone}  absent\n`);
    expect(err()).toBe(`${cut}: A chunk\\u001b is away\n4 files read, 8 B: 1 good, 1 bad, 1 absent, 1 unreadable\n`);
    expect(await verifyVerb(context, [bad], { ...loud, json: true })).toBe(1);
    expect(JSON.parse(out())).toMatchObject({ key: bad, verdict: "bad" });
    expect(await verifyVerb(context, [], { ...loud, all: true, quiet: true })).toBe(1);
    expect(out()).toBe(`${bad}  bad  bad!\n${cut}  unreadable  cut!\n`);
  });

  test("verifyVerb: when nobody can be asked at all, no file is said to be anything", async () => {
    const fake = new FakeHakmes();
    const key = fake.add(new Uint8Array(3));
    fake.fault = () => new Response(null, { status: 401 });
    const { context, out } = contextOf(fake);
    await expect(verifyVerb(context, [key], loud)).rejects.toMatchObject({ kind: "unauthorized" });
    expect(out()).toBe("");
  });

  test("listVerb and infoVerb: names cannot move a cursor, nor add a line", async () => {
    const fake = new FakeHakmes();
    const key = fake.add(new Uint8Array(3), "a\n\u001b]0;title\u0007b", "text/plain\u001b[1m");
    const { context, out } = contextOf(fake);
    expect(await listVerb(context, {}, { json: false, all: false, quiet: true })).toBe(0);
    expect(out()).toBe(`${key}  3 B  –  a\\u000a\\u001b]0;title\\u0007b\n`);
    expect(await infoVerb(context, [key], { json: false, chunks: true })).toBe(0);
    const shown = out();
    expect(shown).not.toMatch(/[^\P{Cc}\n]/u);
    expect(shown).toEndWith(`chunks  1\n${key}\n`);
  });
});

describe("catalog", () => {
  const found = { buckets: 256, bucketsDone: 256, blobsLookedAt: 12, filesFound: 3, isRunning: false, rounds: 1 };

  test("reindexVerb: watches to the end, and says whether all was seen", async () => {
    const fake = new FakeHakmes();
    const states = [
      { ...found, bucketsDone: 3, isRunning: true, isComplete: false, listing: "yes" },
      { ...found, isComplete: true, listing: "yes" },
    ];
    fake.fault = () => Response.json(states.length > 1 ? states.shift() : states[0]);
    const { context, err, out } = contextOf(fake);
    const flags = { wait: true, json: false, quiet: false };
    expect(await reindexVerb(context, flags)).toBe(0);
    expect(err()).toBe("3 files found in 12 blobs looked at: all of Cask was seen\n");
    expect(fake.asked).toEqual(["POST /reindex/", "GET /reindex/"]);
    for (const [listing, words] of [
      ["yes", "not all of Cask could be seen; the node tries again by itself"],
      ["no", "this Cask does not list what it has"],
    ]) {
      fake.fault = () => Response.json({ ...found, isComplete: false, listing });
      expect(await reindexVerb(context, { ...flags, quiet: true })).toBe(1);
      expect(err()).toContain(words ?? "");
    }
    expect(await reindexVerb(context, { ...flags, wait: false, quiet: true })).toBe(0);
    expect(await reindexVerb(context, { ...flags, json: true })).toBe(1);
    expect(JSON.parse(out())).toMatchObject({ filesFound: 3, isComplete: false });
  });

  test("serializeVerb: what breaks off is not taken for all there is", async () => {
    const fake = new FakeHakmes();
    const { context, out } = contextOf(fake);
    fake.fault = () => new Response('{"a":1}\n{"b":2}\n');
    expect(await serializeVerb(context)).toBe(0);
    expect(out()).toBe('{"a":1}\n{"b":2}\n');
    fake.fault = () => new Response('{"a":1}\n{"b');
    await expect(serializeVerb(context)).rejects.toMatchObject({ code: "hakmes/cut-short" });
    fake.fault = () => new Response(new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) }));
    await expect(serializeVerb(context)).rejects.toMatchObject({ code: "hakmes/cut-short" });
  });

  test("ingestVerb: sends the file, counts, and names the lines that were skipped", async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-ingest-"));
    try {
      const path = join(folder, "records.jsonl");
      writeFileSync(path, "one\ntwo\n");
      const fake = new FakeHakmes();
      let came = "";
      fake.fault = async (request) => {
        came = await request.text();
        const problems = [{ line: 2, reason: "it is no\u001b JSON" }];
        return Response.json({ lines: 2, entered: 1, existed: 0, skipped: 1, problems });
      };
      const { context, err } = contextOf(fake);
      expect(await ingestVerb(context, path, { json: false, quiet: false })).toBe(1);
      expect(came).toBe("one\ntwo\n");
      expect(err()).toBe("2 lines: 1 entered, 0 were here, 1 skipped\nline 2: it is no\\u001b JSON\n");
      await expect(ingestVerb(context, join(folder, "none"), { json: false, quiet: false })).rejects.toThrow(
        "it is no file",
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

test("putVerb: a predecessor's server, which knows no resumable uploads, gets large files in one request", async () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-put-"));
  try {
    const bytes = new Uint8Array(2_000_000).fill(7);
    writeFileSync(join(folder, "large"), bytes);
    for (const status of [404, 405]) {
      const fake = new FakeHakmes();
      fake.algorithm = "sha1";
      fake.fault = ({ url }) => (url.includes("/tus/") ? new Response("404 page not found\n", { status }) : undefined);
      const { context, err, out } = contextOf(fake);
      const flags = { parallel: 2, json: false, quiet: true, patienceMs: 1000 };
      expect(await putVerb(context, [join(folder, "large")], flags)).toBe(0);
      expect([out(), err()]).toEqual([`${fake.keyOf(bytes)}  ${join(folder, "large")}\n`, ""]);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

describe("safeName", () => {
  test("safeName: keeps what is only a name, takes away what leads, hides or deceives", () => {
    const cases: [string, string][] = [
      ["report 2026.tar.gz", "report 2026.tar.gz"],
      ["Übersicht – 文件.txt", "Übersicht – 文件.txt"],
      ["/etc/passwd", "passwd"],
      ["..\\..\\boot.ini", "boot.ini"],
      ["../..", ""],
      [".bashrc", "bashrc"],
      ["--force", "force"],
      ["a\u0000b\u001b[2J", "ab[2J"],
      ["gpj.\u202eexe", "gpj.exe"],
      ["C:what?.txt", "C_what_.txt"],
      ["trailing. . ", "trailing"],
      ["", ""],
    ];
    for (const [stored, name] of cases) expect(safeName(stored)).toBe(name);
  });

  test("safeName: a long one keeps its ending and whole characters", () => {
    const name = safeName(`${"ü".repeat(300)}.jpeg`);
    expect(name).toEndWith("ü.jpeg");
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(200);
    expect(safeName(`${"😀".repeat(300)}`)).toMatch(/^(?:😀)+$/u);
  });

  test("safeName: whatever is stored, a file of that name is in the folder it is put in", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 400 }), (stored) => {
        const name = safeName(stored);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(200);
        expect(name).not.toMatch(/[/\\\p{Cc}]/u);
        if (name !== "") expect(resolve("/folder", name)).toBe(`/folder/${name}`);
      }),
    );
  });
});

describe("UploadMemory", () => {
  const file = { path: "big.bin", sizeBytes: 5_000_000, modifiedAt: 1234.5 };
  const base = "http://box:4100/hakmes";
  const url = `${base}/tus/abc`;
  const within = async (work: (folder: string) => Promise<void>): Promise<void> => {
    const folder = mkdtempSync(join(tmpdir(), "warren-memory-"));
    try {
      await work(folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };

  test("UploadMemory: finds an upload again for the same file and server only", () =>
    within(async (folder) => {
      const memory = new UploadMemory(folder, systemClock, [`${base}/`]);
      expect(await memory.find(file)).toBeUndefined();
      await memory.keep(file, url);
      expect(await new UploadMemory(folder, systemClock, [base]).find(file)).toBe(url);
      for (const other of [
        { ...file, path: "other.bin" },
        { ...file, sizeBytes: 1 },
        { ...file, modifiedAt: 1234.6 },
      ])
        expect(await memory.find(other)).toBeUndefined();
      expect(await new UploadMemory(folder, systemClock, ["http://elsewhere"]).find(file)).toBeUndefined();
      await memory.forget(file);
      expect(await memory.find(file)).toBeUndefined();
      expect(readdirSync(join(folder, "warren/uploads"))).toEqual([]);
    }));

  test("UploadMemory: what was tampered with, or leads elsewhere, is not used", () =>
    within(async (folder) => {
      const memory = new UploadMemory(folder, systemClock, [base]);
      await memory.keep(file, url);
      const path = join(folder, "warren/uploads", readdirSync(join(folder, "warren/uploads"))[0] ?? "");
      for (const text of ["", "{", "[]", '{"url":1}', '{"url":"http://evil/tus/x"}', `{"url":"${base}x/tus/1"}`]) {
        writeFileSync(path, text);
        expect(await memory.find(file)).toBeUndefined();
      }
    }));

  test("UploadMemory: old ones are swept when another is kept; a folder that cannot be written is no failure", () =>
    within(async (folder) => {
      const memory = new UploadMemory(folder, systemClock, [base]);
      await memory.keep(file, url);
      const uploads = join(folder, "warren/uploads");
      utimesSync(join(uploads, readdirSync(uploads)[0] ?? ""), 1, 1);
      await memory.keep({ ...file, path: "new.bin" }, url);
      expect(await memory.find(file)).toBeUndefined();
      expect(readdirSync(uploads).length).toBe(1);
      writeFileSync(join(folder, "no folder"), "");
      const nowhere = new UploadMemory(join(folder, "no folder"), systemClock, [base]);
      await nowhere.keep(file, url);
      await nowhere.forget(file);
      expect(await nowhere.find(file)).toBeUndefined();
    }));
});

/**
 * The images of a predecessor come over with their names, from its upload directory and from its servers, and its URLs go
 * on working. The predecessor is played by a folder as it writes it, and by a small server that answers as it was seen to.
 * Real nodes, the real program.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import sharp from "sharp";

import { type ChildNode, runProgram, startChild, until } from "../../src/kit/testing/child-node.ts";

const sha1 = (bytes: Uint8Array) => new Bun.CryptoHasher("sha1").update(bytes).digest("hex");

/** An image unlike all others. */
async function image(format: "jpeg" | "png" | "webp", seed: number): Promise<Uint8Array<ArrayBuffer>> {
  const raw = Buffer.alloc(90 * 60 * 3, seed * 17);
  raw.writeUInt32BE(seed, 0);
  return new Uint8Array(
    await sharp(raw, { raw: { width: 90, height: 60, channels: 3 } })
      .toFormat(format)
      .toBuffer(),
  );
}

/** Where the predecessor writes the file of a hash below a folder that ends in a slash, or does not. */
function write(folder: string, hash: string, name: string, bytes: Uint8Array): string {
  const path = `${folder}${hash.match(/../g)?.join("/")}`;
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, name), bytes);
  return join(path, name);
}

/** A server that answers as the predecessor does, and notes what it was asked. */
function predecessor(images: ReadonlyMap<string, Uint8Array<ArrayBuffer>>, neighbours: () => string[] = () => []) {
  const asked: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const path = new URL(request.url).pathname;
      asked.push(path);
      const missing = (text: string) => new Response(`${text}\n`, { status: 404 });
      const [, route, hash = "", size, last = ""] = path.split("/");
      if (path === "/announce/") {
        const neighbors = neighbours().map((base_url, at) => ({ nickname: `n${at}`, uuid: `uuid-${at}`, base_url }));
        return Response.json({ nickname: "n", uuid: "uuid", location: "", writeable: true, base_url: "", neighbors });
      }
      if (path === "/dashboard/") {
        const links = [...images.keys()].map((name) => {
          const [own, extension] = name.split(".");
          return `<a href="/image/${own}/full/image.${extension}"><img src="/image/${own}/100s/image.${extension}"></a>`;
        });
        return new Response(`<html>${links.join("\n")}</html>`, { headers: { "Content-Type": "text/html" } });
      }
      if (route === "retrieve_info" && hash.length !== 40) return missing("bad hash: invalid hash");
      if (route === "retrieve_info")
        return Response.json({ hash, extension: `.${last}`, local: images.has(`${hash}.${last}`) });
      if (route === "retrieve" || route === "image") {
        const bytes = size === "full" ? images.get(`${hash}.${last.replace(/^.*\./, "")}`) : undefined;
        return bytes === undefined ? missing("not found in the cluster") : new Response(bytes);
      }
      // Any unknown path is answered with the upload form.
      return new Response("<html><form></form></html>", { headers: { "Content-Type": "text/html" } });
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, asked, stop: () => server.stop(true) };
}

let node: ChildNode;
let base: string;
let scratch: string;
beforeAll(async () => {
  node = await startChild();
  base = `${node.url}/reticulum`;
  scratch = mkdtempSync(join(tmpdir(), "warren-adopt-"));
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

const adopt = (words: readonly string[], options: { input?: Uint8Array; server?: string } = {}) =>
  runProgram(["reticulum", "adopt", "--server", options.server ?? base, ...words], {
    folder: scratch,
    ...(options.input === undefined ? {} : { input: options.input }),
  });
const get = (path: string) => fetch(`${base}${path}`, { redirect: "manual" });

describe("from a folder", () => {
  test("adopt: verifies each, brings both variants of the slash, leaves what is corrupt, and can be run again", async () => {
    const folder = join(scratch, "images");
    const inside = await image("jpeg", 1);
    const beside = await image("png", 2);
    const mislabelled = await image("png", 3);
    const torn = await image("jpeg", 4);
    const page = new TextEncoder().encode("<html>no image</html>");
    write(`${folder}/`, sha1(inside), "full.jpg", inside);
    write(`${folder}/`, sha1(inside), "100s.jpg", beside);
    write(`${folder}/`, sha1(inside), "200w100h.jpg", beside);
    write(folder, sha1(beside), "full.png", beside);
    write(`${folder}/`, sha1(mislabelled), "full.jpg", mislabelled);
    const tornPath = write(`${folder}/`, sha1(torn), "full.jpg", torn.subarray(0, torn.length - 3));
    write(`${folder}/`, sha1(page), "full.png", page);
    writeFileSync(join(folder, "notes.txt"), "stray");
    symlinkSync(tornPath, join(folder, "link"));

    const dry = await adopt(["--dry-run", folder]);
    expect([dry.exitCode, dry.stdout]).toEqual([1, ""]);
    expect(dry.stderr).toContain("5 images looked at: 4 would be brought over");
    expect((await get(`/image/${sha1(inside)}/full/a.jpg`)).status).toBe(404);

    const first = await adopt([folder]);
    expect(first.exitCode).toBe(1);
    expect(first.stderr).toContain("5 images looked at: 3 brought over");
    expect(first.stderr).toContain("1 image left, whose bytes are not those of their hash");
    expect(first.stderr).toContain(tornPath);
    expect(first.stderr).toContain("1 image left, which the server does not take");
    expect(first.stderr).toContain(`${join(folder, "notes.txt")}: no folder of images`);
    expect(first.stderr).not.toContain("100s.jpg");

    // URLs of the predecessor, sizes and all.
    for (const [bytes, extension] of [
      [inside, "jpg"],
      [beside, "png"],
      [mislabelled, "jpg"],
      [mislabelled, "png"],
    ] as const) {
      const full = await get(`/image/${sha1(bytes)}/full/image.${extension}`);
      expect([extension, full.status, full.headers.get("etag")]).toEqual([extension, 200, `"${sha1(bytes)}"`]);
      expect(Buffer.compare(await full.bytes(), bytes)).toBe(0);
      const small = await get(`/image/${sha1(bytes)}/30w/kitten.${extension}`);
      const { height, width } = await sharp(await small.bytes()).metadata();
      expect([small.status, width, height]).toEqual([200, 30, 20]);
    }
    expect((await get(`/image/${sha1(torn)}/full/a.jpg`)).status).toBe(404);

    const again = await adopt([folder]);
    expect(again.stderr).toContain("5 images looked at: 0 brought over, 0 B; 3 there already");
  });

  test("adopt: a folder that is none, or of something else, is told so", async () => {
    const empty = join(scratch, "empty");
    mkdirSync(empty);
    const wrong = await adopt([empty]);
    expect([wrong.exitCode, wrong.stderr]).toEqual([
      1,
      expect.stringContaining("wanted an upload directory of Reticulum"),
    ]);
    const absent = await adopt([join(scratch, "absent")]);
    expect([absent.exitCode, absent.stderr]).toEqual([1, expect.stringContaining("Cannot read the folder")]);
  });

  test("adopt: without the right to store it ends at once, and says so", async () => {
    await using guarded = await startChild();
    const made = await runProgram(["token", "create", "reader", "--scope", "reticulum:read", "--data", guarded.data]);
    const folder = join(scratch, "guarded");
    const picture = await image("jpeg", 9);
    write(`${folder}/`, sha1(picture), "full.jpg", picture);
    const token = /\S{20,}/.exec(made.stdout)?.[0] ?? "";
    await until("the token is known", async () => (await fetch(`${guarded.url}/reticulum/stats.json`)).status === 401);
    const refused = await runProgram(["reticulum", "adopt", "--server", `${guarded.url}/reticulum`, folder], {
      environment: { WARREN_TOKEN: token },
    });
    expect([made.exitCode, refused.exitCode, refused.stderr]).toEqual([0, 1, expect.stringMatching(/^Cannot .*write/)]);
  });
});

describe("from servers", () => {
  test("adopt --list: reads from the node that has it, asks for nothing that no node has, and stores nothing wrong", async () => {
    const here = await image("jpeg", 21);
    const there = await image("webp", 22);
    const both = await image("png", 23);
    const wrong = await image("jpeg", 24);
    const absent = sha1(await image("jpeg", 25));
    const other = predecessor(
      new Map([
        [`${sha1(there)}.webp`, there],
        [`${sha1(both)}.png`, both],
      ]),
    );
    const first = predecessor(
      new Map([
        [`${sha1(here)}.jpg`, here],
        [`${sha1(both)}.png`, both],
        [`${sha1(wrong)}.jpg`, there],
      ]),
      () => [other.url.replace("http://", "")],
    );
    const list = [
      "# images of the site",
      `${first.url}/image/${sha1(here)}/200w/kitten.jpg`,
      sha1(there),
      `<img src="/image/${sha1(both)}/100s/image.png">`,
      sha1(wrong),
      sha1(here),
      absent,
      "no hash at all",
      "",
    ].join("\n");
    const came = await adopt(["--list", "-", first.url], { input: new TextEncoder().encode(list) });
    expect(came.stderr).toContain("5 images looked at: 3 brought over");
    expect(came.stderr).toContain("its bytes hash to");
    expect(came.stderr).toContain(`${absent}/full/image: no node has it`);
    expect(came.stderr).toContain("no hash at all: names no image");
    expect(came.exitCode).toBe(1);
    for (const [bytes, extension] of [
      [here, "jpg"],
      [there, "webp"],
      [both, "png"],
    ] as const) {
      expect((await get(`/image/${sha1(bytes)}/full/a.${extension}`)).status).toBe(200);
    }
    // What makes a predecessor's nodes ask each other without end was never asked.
    for (const asked of [...first.asked, ...other.asked]) {
      expect(asked).toMatch(/^\/(?:announce\/|retrieve_info\/.*|retrieve\/.*)$/);
    }
    expect(other.asked).toContain(`/retrieve/${sha1(there)}/full/webp/`);
    expect(other.asked.filter((path) => path.startsWith("/retrieve/"))).toHaveLength(1);

    const before = first.asked.length;
    const path = join(scratch, "list.txt");
    writeFileSync(path, `${sha1(here)}\n${sha1(there)}\n`);
    const again = await adopt(["--list", path, first.url]);
    expect([again.exitCode, again.stderr]).toEqual([
      0,
      expect.stringContaining("0 brought over, 0 B; 2 there already"),
    ]);
    expect(first.asked.slice(before)).toEqual(["/announce/"]);
    await Promise.all([first.stop(), other.stop()]);
  });

  test("adopt: without a list, what the dashboard shows; a server that gives images only is asked for them", async () => {
    const picture = await image("png", 31);
    const shown = predecessor(new Map([[`${sha1(picture)}.png`, picture]]));
    const came = await adopt([shown.url]);
    expect([came.exitCode, came.stderr]).toEqual([0, expect.stringContaining("1 image looked at: 1 brought over")]);
    expect(came.stderr).toContain("give all of them with --list");
    await shown.stop();

    const hidden = await image("webp", 32);
    const front = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request) =>
        new URL(request.url).pathname === `/image/${sha1(hidden)}/full/image.webp`
          ? new Response(hidden, { headers: { "Content-Type": "image/webp" } })
          : new Response("<html></html>", { headers: { "Content-Type": "text/html" } }),
    });
    const input = new TextEncoder().encode(sha1(hidden));
    const url = `http://127.0.0.1:${front.port}`;
    const got = await adopt(["--list", "-", url], { input });
    expect([got.exitCode, got.stderr]).toEqual([0, expect.stringContaining("1 brought over")]);
    await front.stop(true);
  });

  test("adopt: an answer without end, a redirect and silence each cost one image and no more", async () => {
    const hashes = [1, 2, 3].map((number) => String(number).repeat(40));
    const hostile = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      idleTimeout: 0,
      fetch(request) {
        const path = new URL(request.url).pathname;
        if (path.startsWith("/retrieve_info/")) return Response.json({ local: path.endsWith("/jpg/") });
        if (path.includes(hashes[0] ?? "")) {
          const endless = new ReadableStream<Uint8Array>({
            pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
          });
          return new Response(endless, { headers: { "Content-Type": "image/jpeg" } });
        }
        if (path.includes(hashes[1] ?? "")) return Response.redirect(`${node.url}/cask/`, 302);
        if (path.includes(hashes[2] ?? "")) return new Promise<Response>(() => undefined);
        return new Response("{}");
      },
    });
    const input = new TextEncoder().encode(hashes.join("\n"));
    const words = ["--max-size", "1MiB", "--timeout", "4s", "--list", "-", `http://127.0.0.1:${hostile.port}`];
    const came = await adopt(words, { input });
    expect(came.exitCode).toBe(1);
    expect(came.stderr).toContain("3 images looked at: 0 brought over");
    expect(came.stderr).toContain("more than 1048576 bytes");
    expect(came.stderr).toContain("answered 302");
    expect(came.stderr).toContain("3 images left, which could not be read");
    await hostile.stop(true);
  });

  test("adopt: no server there, and no such list", async () => {
    const nobody = await adopt(["--list", "-", "http://127.0.0.1:1"], { input: new Uint8Array() });
    expect([nobody.exitCode, nobody.stderr]).toEqual([1, expect.stringContaining("Cannot reach http://127.0.0.1:1")]);
    const shown = predecessor(new Map());
    const unread = await adopt(["--list", join(scratch, "none.txt"), shown.url]);
    expect([unread.exitCode, unread.stderr]).toEqual([1, expect.stringContaining("Cannot read the list")]);
    await shown.stop();
  });
});

describe("the other verbs", () => {
  test("put, info, url, purge: an image goes in, is described, is asked for, and its results are forgotten", async () => {
    const picture = await image("jpeg", 41);
    writeFileSync(join(scratch, "photo.jpg"), picture);
    const run = (
      words: readonly string[],
      options: { environment?: Record<string, string>; input?: Uint8Array } = {},
    ) =>
      runProgram(["reticulum", ...words], {
        folder: scratch,
        ...options,
        environment: { WARREN_SERVER: `${node.url}/cask`, ...options.environment },
      });
    const stored = await run(["put", "--algorithm", "sha1", "--sizes", "30w", "photo.jpg"]);
    expect([stored.exitCode, stored.stdout]).toEqual([0, `${sha1(picture)}  90x60  jpeg  photo.jpg\n`]);
    const piped = await run(["put", "--json", "-"], { input: picture });
    expect(JSON.parse(piped.stdout)).toMatchObject({ path: "-", format: "jpeg", width: 90 });

    const url = await run(["url", sha1(picture), "40w"]);
    expect([url.exitCode, url.stdout]).toEqual([0, `${base}/image/${sha1(picture)}/40w/image.jpg\n`]);
    expect((await fetch(url.stdout.trim())).status).toBe(200);

    const info = await run(["info", sha1(picture)]);
    expect(info.stdout).toMatch(/image +jpeg, 90x60/);
    expect(info.stdout).toMatch(/results +.*40w jpeg/);
    const purged = await run(["purge", sha1(picture)]);
    expect([purged.exitCode, purged.stdout]).toEqual([0, expect.stringMatching(/[12] results? forgotten/)]);
    const gone = await run(["info", "0".repeat(40)]);
    expect([gone.exitCode, gone.stderr]).toEqual([1, expect.stringContaining("not found in the cluster")]);
    const nonsense = await run(["put", "nowhere.jpg"]);
    expect([nonsense.exitCode, nonsense.stderr]).toEqual([1, expect.stringContaining("nowhere.jpg")]);
  });

  test("url: signs with a key from a file or the environment, and asks nobody when it need not", async () => {
    const keys = ["the newer key of this test", "the older key of this test"];
    await using signed = await startChild({
      config: `[reticulum]\nurls = "signed"\nsigning_keys = ${JSON.stringify(keys)}\n`,
    });
    const server = `${signed.url}/reticulum`;
    const picture = await image("jpeg", 51);
    const stored = await fetch(`${server}/`, { method: "POST", body: picture });
    const { hash } = (await stored.json()) as { hash: string };
    writeFileSync(join(scratch, "key.txt"), `${keys[1]}\n`);
    const urls = await Promise.all([
      runProgram(["reticulum", "url", "--server", server, hash, "30w", "--name", "a.jpg", "--key-file", "key.txt"], {
        folder: scratch,
      }),
      runProgram(["reticulum", "url", "--server", server, hash, "30w", "--dpr", "2", "--expires-in", "1h"], {
        environment: { WARREN_RETICULUM_SIGNING_KEY: keys[0] ?? "" },
      }),
      runProgram(["reticulum", "url", "--server", server, hash, "20s", "--sign", "--expires-in", "1h"]),
    ]);
    for (const { exitCode, stdout } of urls) {
      expect(exitCode).toBe(0);
      expect((await fetch(stdout.trim())).status).toBe(200);
      expect((await fetch(stdout.trim().replace(/\/(\d+)([ws])\//, "/2$1$2/"))).status).toBe(403);
    }
    const alone = await runProgram(
      [
        "reticulum",
        "url",
        "--server",
        "http://127.0.0.1:1/reticulum",
        hash,
        "30w",
        "--name",
        "a.jpg",
        "--key-file",
        "key.txt",
      ],
      { folder: scratch },
    );
    expect(alone.stdout).toBe((urls[0]?.stdout ?? "").replace(server, "http://127.0.0.1:1/reticulum"));
    const plain = await runProgram([
      "reticulum",
      "url",
      "--server",
      server,
      hash,
      "30w",
      "--name",
      "a.jpg",
      "--key",
      "x",
    ]);
    expect([plain.exitCode, plain.stderr]).toEqual([1, expect.stringContaining("WARREN_RETICULUM_SIGNING_KEY")]);
  });
});

/**
 * Reticulum from outside, as its clients and those of its predecessor ask: what was observed of the predecessor, exchange by
 * exchange, and what is different here for a reason. Real processes, real images.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import sharp from "sharp";

import { seededRandom } from "../../src/kit/random.ts";
import { type ChildNode, startChild, until } from "../../src/kit/testing/child-node.ts";

/** The smallest PNG there is, whose SHA-1 is well known. */
const dot = Buffer.from(
  "89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c020000000b4944415478da6364600000000600023081d02f0000000049454e44ae426082",
  "hex",
);
const dotHash = "c1986af3c26609b8b7d8933f99c51c1a89e9ea6b";

/** A picture with edges everywhere, so that no two sizes of it are alike. */
async function photo(width: number, height: number, seed = 7): Promise<Uint8Array<ArrayBuffer>> {
  const raw = Buffer.alloc(width * height * 3);
  for (let at = 0; at < raw.length; at++) raw[at] = (at * seed + Math.floor(at / (width * 3)) * 13) & 255;
  return new Uint8Array(
    await sharp(raw, { raw: { width, height, channels: 3 } })
      .jpeg()
      .toBuffer(),
  );
}

const sha256 = (bytes: Uint8Array) => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

let node: ChildNode;
let base: string;
beforeAll(async () => {
  node = await startChild({ config: `[reticulum]\nalgorithm = "sha1"\nmax_upload = "1MiB"\nmax_side = 1000\n` });
  base = `${node.url}/reticulum`;
});
afterAll(() => node[Symbol.asyncDispose]());

const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(`${base}${path}`, { headers, redirect: "manual" });

function form(bytes: Uint8Array, type: string, options: { name?: string; filename?: string; fields?: object } = {}) {
  const body = new FormData();
  for (const [name, value] of Object.entries(options.fields ?? {})) body.append(name, String(value));
  body.append(
    options.name ?? "image",
    new Blob([bytes as Uint8Array<ArrayBuffer>], { type }),
    options.filename ?? "image.png",
  );
  return body;
}

const upload = (bytes: Uint8Array, type = "image/png", path = "/") =>
  fetch(`${base}${path}`, { method: "POST", body: form(bytes, type) });

async function sizeOf(response: Response): Promise<string> {
  const { height, width } = await sharp(await response.bytes()).metadata();
  return `${width}x${height}`;
}

describe("an upload", () => {
  test("POST /: answers the predecessor's fields in their order, true ones, and ours after them", async () => {
    const answer = await upload(dot);
    expect([answer.status, answer.headers.get("content-type")?.split(";")[0]]).toEqual([200, "application/json"]);
    const text = await answer.text();
    expect(text).toStartWith(
      `{"hash":"${dotHash}","length":68,"extension":"png","full_url":"/reticulum/image/${dotHash}/full/image.png","satisfied":true,"nodes":[`,
    );
    const fields = JSON.parse(text);
    expect(fields.nodes).toHaveLength(1);
    expect(fields).toMatchObject({ key: `sha1:${dotHash}`, width: 1, height: 1, format: "png", pages: 1 });
    expect(await (await upload(dot)).text()).toBe(text);
  });

  test("POST /: what the bytes are decides, and links with the declared extension work too", async () => {
    const picture = await photo(40, 30, 11);
    for (const type of ["image/jpg", "application/octet-stream", "image/gif"]) {
      const fields = (await (await upload(picture, type)).json()) as { extension: string; hash: string };
      expect([type, fields.extension]).toEqual([type, "jpg"]);
      expect((await get(`/image/${fields.hash}/full/a.jpg`)).status).toBe(200);
    }
    const hash = new Bun.CryptoHasher("sha1").update(picture).digest("hex");
    const asGif = await get(`/image/${hash}/20w/a.gif`);
    expect([asGif.status, asGif.headers.get("content-type"), await sizeOf(asGif)]).toEqual([
      200,
      "image/jpeg",
      "20x15",
    ]);
    expect((await get(`/image/${hash}/20w/a.png`)).status).toBe(404);
  });

  test("POST, PUT with the image as the body: the same as a form", async () => {
    const picture = await photo(33, 22, 5);
    const hash = new Bun.CryptoHasher("sha1").update(picture).digest("hex");
    for (const [method, path] of [
      ["POST", "/"],
      ["POST", "/upload/"],
      ["PUT", "/"],
      ["PUT", "/photo.jpg"],
    ] as const) {
      const answer = await fetch(`${base}${path}`, {
        method,
        body: picture,
        headers: { "Content-Type": "image/jpeg" },
      });
      expect([method, path, ((await answer.json()) as { hash: string }).hash]).toEqual([method, path, hash]);
    }
  });

  test("POST /: refusals say what is wrong", async () => {
    const cases: [string, FormData | Uint8Array<ArrayBuffer> | string, number, string][] = [
      ["another part", form(dot, "image/png", { name: "file" }), 400, "missing image file"],
      ["no body", new Uint8Array(), 400, "missing image file"],
      ["text", form(new TextEncoder().encode("hello"), "text/plain"), 415, ""],
      ["a page as a PNG", form(new TextEncoder().encode("<html><script>1</script>"), "image/png"), 415, ""],
      ["half a JPEG", form((await photo(100, 100)).subarray(0, 900), "image/jpeg"), 422, ""],
      ["a PNG's first bytes", form(dot.subarray(0, 20), "image/png"), 422, ""],
      ["too many bytes", form(new Uint8Array(1_200_000), "image/png"), 413, "larger than 1048576 bytes"],
      ["several", withSecond(form(dot, "image/png")), 400, "several"],
    ];
    for (const [what, body, status, sentence] of cases) {
      const answer = await fetch(`${base}/`, { method: "POST", body });
      const text = await answer.text();
      expect([what, answer.status, answer.headers.get("cache-control")]).toEqual([what, status, "no-store"]);
      expect(text).toContain(sentence);
      expect(text).toEndWith("\n");
    }
  });

  function withSecond(body: FormData): FormData {
    body.append("image", new Blob([dot]), "b.png");
    return body;
  }

  test("size_hints: are made ahead in normal form, and nothing is written elsewhere", async () => {
    const picture = await photo(60, 50, 3);
    const hash = new Bun.CryptoHasher("sha1").update(picture).digest("hex");
    const fields = { size_hints: "40w,30h20w,full,../../evil,abc" };
    const body = form(picture, "image/jpeg", { fields });
    const answer = (await (await fetch(`${base}/?size_hints=11s`, { method: "POST", body })).json()) as object;
    expect(answer).toMatchObject({ size_hints: ["11s", "40w", "20w30h"] });
    await until("the hints are there", async () => {
      const info = (await (await get(`/info/${hash}/`)).json()) as { results: { size: string }[] };
      return (
        info.results.length === 3 &&
        info.results
          .map(({ size }) => size)
          .sort()
          .join() === "11s,20w30h,40w"
      );
    });
    // The original is what it was.
    expect(sha256(await (await get(`/image/${hash}/full/a.jpg`)).bytes())).toBe(sha256(picture));
  });
});

describe("an image", () => {
  test("full: is the bytes that were sent, with their hash as tag, and can be had in parts", async () => {
    const whole = await get(`/image/${dotHash}/full/image.png`);
    expect(await whole.bytes()).toEqual(new Uint8Array(dot));
    const headers = Object.fromEntries(whole.headers);
    expect(headers).toMatchObject({
      "content-type": "image/png",
      "content-length": "68",
      etag: `"${dotHash}"`,
      "cache-control": "public, max-age=31536000, immutable",
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; sandbox",
    });
    expect(headers.expires).toMatch(/^\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT$/);
    const part = await get(`/image/${dotHash}/full/image.png`, { Range: "bytes=1-3" });
    expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([206, "bytes 1-3/68", "PNG"]);
    const head = await fetch(`${base}/image/${dotHash}/full/image.png`, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "68", ""]);
  });

  test("If-None-Match: quoted, bare, weak, in a list or a star", async () => {
    const sized = `/image/${dotHash}/7w/image.png`;
    const etag = (await get(sized)).headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[\w-]{22}"$/);
    for (const [path, tag] of [
      [`/image/${dotHash}/full/image.png`, `"${dotHash}"`],
      [sized, etag],
    ] as const) {
      for (const given of [tag, tag.slice(1, -1), `W/${tag}`, `"x", ${tag}`, "*"]) {
        const answer = await get(path, { "If-None-Match": given });
        expect([given, answer.status]).toEqual([given, 304]);
        expect(answer.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
        expect(answer.headers.get("etag")).toBe(tag);
      }
      expect((await get(path, { "If-None-Match": '"other"' })).status).toBe(200);
    }
  });

  test("sizes: exactly those of the rules, enlarging too", async () => {
    const picture = await photo(150, 80);
    const { hash } = (await (await upload(picture, "image/jpeg")).json()) as { hash: string };
    const sizes =
      "100s:100x100 200s:150x80 100w:100x53 100h:188x100 100w50h:93x50 200w100h:187x100 33w:33x18 7h:13x7 0w:150x80";
    for (const [size, wanted] of sizes.split(" ").map((pair) => pair.split(":"))) {
      const answer = await get(`/image/${hash}/${size}/x.jpg`);
      expect([size, answer.status, await sizeOf(answer)]).toEqual([size, 200, wanted]);
    }
    expect(await sizeOf(await get(`/image/${hash}/100w/x.jpg?dpr=2`))).toBe("200x107");
    expect((await get(`/image/${hash}/100w/x.jpg?dpr=9`)).status).toBe(400);
    // One pixel is as large as its neighbour here, but bombs end at the limit.
    expect((await get(`/image/${hash}/20000w/x.jpg`)).status).toBe(400);
    expect((await get(`/image/${hash}/9999999999999999s/x.jpg`)).status).toBe(301);
    expect((await get(`/image/${hash}/1000h/x.jpg`)).status).toBe(400);
  });

  test("a result of megabytes: is sent with its length, whole and in parts, new and kept", async () => {
    const seed = seededRandom(5);
    const raw = Uint8Array.from({ length: 520 * 520 * 3 }, () => Math.floor(seed() * 256));
    const noise = await sharp(raw, { raw: { width: 520, height: 520, channels: 3 } })
      .png({ palette: false })
      .toBuffer();
    const { hash } = (await (await upload(new Uint8Array(noise))).json()) as { hash: string };
    const path = `/image/${hash}/990w/x.png`;
    const first = await get(path);
    const bytes = await first.bytes();
    expect(bytes.byteLength).toBeGreaterThan(2 * 1024 * 1024);
    expect(first.headers.get("content-length")).toBe(String(bytes.byteLength));
    const kept = await get(path);
    expect([kept.headers.get("content-length"), sha256(await kept.bytes())]).toEqual([
      String(bytes.byteLength),
      sha256(bytes),
    ]);
    const etag = first.headers.get("etag") ?? "";
    const cases: [Record<string, string>, number, Uint8Array][] = [
      [{ Range: "bytes=1000000-1000009" }, 206, bytes.subarray(1_000_000, 1_000_010)],
      [{ Range: "bytes=-5", "If-Range": etag }, 206, bytes.subarray(-5)],
      [{ Range: "bytes=0-5", "If-Range": '"other"' }, 200, bytes],
    ];
    for (const [headers, status, wanted] of cases) {
      const answer = await get(path, headers);
      expect([headers, answer.status, sha256(await answer.bytes())]).toEqual([headers, status, sha256(wanted)]);
    }
  });

  test("URLs of old: lead to the normal form in one permanent step", async () => {
    const location = async (path: string) => {
      const answer = await get(path);
      expect([path, answer.status]).toEqual([path, 301]);
      return answer.headers.get("location");
    };
    const below = `/reticulum/image/${dotHash}`;
    expect(await location(`/image/${dotHash}/100h200w/image.png?old=1`)).toBe(`${below}/200w100h/image.png`);
    expect(await location(`/image/${dotHash}/100h200w/image.png?dpr=2`)).toBe(`${below}/200w100h/image.png?dpr=2`);
    expect(await location(`/image/${dotHash}/100s/image.jpeg`)).toBe(`${below}/100s/image.jpg`);
    expect(await location(`/image/${dotHash}/100s/a.jpeg.jpeg`)).toBe(`${below}/100s/a.jpg.jpeg`);
    expect(await location(`/image/${dotHash}/007s/image.png`)).toBe(`${below}/7s/image.png`);
    expect(await location(`/image/${dotHash}/%20100w/image.png`)).toBe(`${below}/100w/image.png`);
    expect(await location(`//image/${dotHash}///100w/image.png?dpr=2`)).toBe(`${below}/100w/image.png?dpr=2`);
    expect(await location(`//evil.example//x`)).toBe("/reticulum/evil.example/x");
  });

  test("what is not there or means nothing", async () => {
    const cases: [string, number, string][] = [
      [`/image/${dotHash}/100s/x.gif`, 404, "not found in the cluster"],
      [`/image/${dotHash}/100s/image.PNG`, 404, "not found in the cluster"],
      [`/image/${dotHash}/100s/image`, 404, "not found in the cluster"],
      [`/image/${dotHash}/100s/image.webp`, 404, "not found in the cluster"],
      [`/image/${"0".repeat(40)}/100s/image.png`, 404, "not found in the cluster"],
      [`/image/${dotHash.slice(1)}/100s/image.png`, 404, "invalid hash"],
      [`/image/${dotHash.toUpperCase()}/100s/image.png`, 404, "invalid hash"],
      [`/image/${".".repeat(40)}/full/image.png`, 404, "invalid hash"],
      [`/image/${dotHash}//image.png`, 404, "no size"],
      [`/image/${dotHash}/abc/image.png`, 400, 'Cannot read the size "abc"'],
      [`/image/${dotHash}/100/image.png`, 400, "Cannot read the size"],
      [`/image/${dotHash}/100s`, 404, "there is no such page"],
      [`/nosuch`, 404, "there is no such page"],
    ];
    for (const [path, status, sentence] of cases) {
      const answer = await get(path);
      expect([path, answer.status]).toEqual([path, status]);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      expect(await answer.text()).toContain(sentence);
    }
  });

  test("a blob of Cask that is no image is not given out", async () => {
    const bytes = new TextEncoder().encode("<script>alert(1)</script>");
    await fetch(`${node.url}/cask/?algorithm=sha1`, { method: "PUT", body: bytes });
    const hash = new Bun.CryptoHasher("sha1").update(bytes).digest("hex");
    expect((await fetch(`${node.url}/cask/file/sha1:${hash}/`)).status).toBe(200);
    for (const size of ["full", "100s"])
      for (const extension of ["png", "jpg", "html"])
        expect((await get(`/image/${hash}/${size}/x.${extension}`)).status).toBe(404);
  });

  test("methods: 405 with those that are allowed", async () => {
    for (const [method, path, allow] of [
      ["POST", `/image/${dotHash}/full/image.png`, "GET, HEAD"],
      ["DELETE", "/", "GET, HEAD, POST, PUT"],
      ["PUT", `/image/${dotHash}/full/image.png`, "GET, HEAD"],
      ["POST", `/image/${dotHash}/focus`, "PUT, DELETE"],
      ["POST", "/stats.json", "GET, HEAD"],
      ["POST", "/nosuch/at/all", "GET, HEAD"],
    ] as const) {
      const answer = await fetch(`${base}${path}`, { method, body: method === "DELETE" ? null : "x" });
      expect([method, path, answer.status, answer.headers.get("allow")]).toEqual([method, path, 405, allow]);
    }
  });

  test("curl: posts a form, follows a redirect and asks again only for what has changed", async () => {
    if (Bun.which("curl") === null) {
      console.log("skipped: needs curl");
      return;
    }
    const picture = await photo(80, 60, 9);
    await Bun.write(`${node.folder}/p.webp`, new Uint8Array(await sharp(picture).webp().toBuffer()));
    const curl = async (...words: string[]) =>
      new Response(Bun.spawn(["curl", "-sS", ...words], { cwd: node.folder }).stdout).text();
    const { hash } = JSON.parse(await curl("-F", "image=@p.webp", `${base}/`)) as { hash: string };
    const again = ["--etag-save", "tag", "--etag-compare", "tag", "-o", "out.webp", "-w", "%{http_code}", "-L"];
    expect(await curl(...again, `${base}/image/${hash}/30h40w/a.webp`)).toBe("200");
    const meta = await sharp(await Bun.file(`${node.folder}/out.webp`).bytes()).metadata();
    expect([meta.format, meta.width, meta.height]).toEqual(["webp", 40, 30]);
    expect(await curl(...again, `${base}/image/${hash}/40w30h/a.webp`)).toBe("304");
  });
});

describe("what else there is", () => {
  test("a hundred who ask for one new size at once cost one decode", async () => {
    const { hash } = (await (await upload(await photo(400, 300, 17), "image/jpeg")).json()) as { hash: string };
    const stats = async () =>
      (await (await get("/stats.json")).json()) as { events: Record<string, number>; engine: { done: number } };
    const before = await stats();
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, at) => sha256(await (await get(`/image/${hash}/123w/${at}.jpg`)).bytes())),
    );
    const after = await stats();
    expect(new Set(answers).size).toBe(1);
    expect([(after.events.made ?? 0) - (before.events.made ?? 0), after.engine.done - before.engine.done]).toEqual([
      1, 1,
    ]);
  });

  test("/info/, /srcset/: facts of an image, and the element to show it", async () => {
    const { hash } = (await (await upload(await photo(700, 350, 19), "image/jpeg")).json()) as { hash: string };
    const info = (await (await get(`/info/${hash}/`)).json()) as Record<string, unknown>;
    expect(info).toMatchObject({
      hash,
      format: "jpeg",
      width: 700,
      height: 350,
      orientation: 1,
      pages: 1,
      focus: null,
    });
    expect(String(info.colour)).toMatch(/^#[0-9a-f]{6}$/);
    const set = (await (await get(`/srcset/${hash}/?alt=%22a%22`)).json()) as Record<string, string>;
    const url = (width: number) => `/reticulum/image/${hash}/${width}w/image.jpg`;
    expect(set.srcset).toBe(`${url(320)} 320w, ${url(640)} 640w`);
    expect(set.html).toBe(
      `<img src="${url(640)}" srcset="${set.srcset}" sizes="100vw" width="640" height="320" alt="&quot;a&quot;" loading="lazy">`,
    );
    expect((await get(`/srcset/${hash}/?widths=0`)).status).toBe(400);
    for (const path of ["info", "srcset"]) expect((await get(`/${path}/${"0".repeat(40)}/`)).status).toBe(404);
  });

  test("a focal point moves the square, and can be taken back", async () => {
    // Left half black, right half white.
    const raw = Buffer.alloc(200 * 100, 0).map((_, at) => (at % 200 < 100 ? 0 : 255));
    const picture = await sharp(raw, { raw: { width: 200, height: 100, channels: 1 } })
      .png()
      .toBuffer();
    const { hash } = (await (await upload(picture)).json()) as { hash: string };
    const brightness = async () => {
      const { channels } = await sharp(await (await get(`/image/${hash}/50s/x.png`)).bytes()).stats();
      return Math.round(channels[0]?.mean ?? -1);
    };
    const put = (body: unknown) => fetch(`${base}/image/${hash}/focus`, { method: "PUT", body: JSON.stringify(body) });
    const middle = await brightness();
    expect(middle > 100 && middle < 155).toBe(true);
    expect(await (await put({ x: 1, y: 0.5 })).json()).toEqual({ hash, focus: { x: 1, y: 0.5 } });
    expect(await brightness()).toBe(255);
    expect((await put({ x: 2, y: 0 })).status).toBe(400);
    await fetch(`${base}/image/${hash}/focus`, { method: "DELETE" });
    expect(await brightness()).toBe(middle);
  });

  test("DELETE: forgets the results of an image and not the image", async () => {
    const { hash } = (await (await upload(await photo(90, 60, 23), "image/jpeg")).json()) as { hash: string };
    for (const size of ["10w", "20w"]) await (await get(`/image/${hash}/${size}/x.jpg`)).bytes();
    const purge = () => fetch(`${base}/image/${hash}/`, { method: "DELETE" });
    expect(await (await purge()).json()).toEqual({ hash, purged: 2 });
    expect(await (await purge()).json()).toEqual({ hash, purged: 0 });
    expect(await sizeOf(await get(`/image/${hash}/10w/x.jpg`))).toBe("10x7");
  });

  test("HEAD: tells of everything what GET would, its length too", async () => {
    const paths = ["full/a.png", "3w/a.png", "debug/a.png"].map((rest) => `/image/${dotHash}/${rest}`);
    paths.push(
      `/info/${dotHash}/`,
      `/srcset/${dotHash}/`,
      `/retrieve/${dotHash}/3w/png/`,
      `/retrieve_info/${dotHash}/full/png/`,
    );
    paths.push("/", `/show/${dotHash}/`);
    for (const path of paths) {
      const whole = await get(path);
      const length = (await whole.bytes()).byteLength;
      const head = await fetch(`${base}${path}`, { method: "HEAD" });
      const wanted = [path, whole.status, String(length), whole.headers.get("content-type"), ""];
      const { headers, status } = head;
      expect([path, status, headers.get("content-length"), headers.get("content-type"), await head.text()]).toEqual(
        wanted,
      );
    }
  });

  test("/retrieve/, /retrieve_info/: answer as nodes of the predecessor asked", async () => {
    const full = await get(`/retrieve/${dotHash}/full/png/`);
    expect([full.status, full.headers.get("content-type"), full.headers.get("etag")]).toEqual([
      200,
      "image/png",
      `"${dotHash}"`,
    ]);
    const told = async (path: string) => (await get(`/retrieve_info/${path}/`)).text();
    expect(await told(`${dotHash}/full/png`)).toBe(`{"hash":"${dotHash}","extension":".png","local":true}`);
    expect(await told(`${dotHash}/full/jpg`)).toBe(`{"hash":"${dotHash}","extension":".jpg","local":false}`);
    expect(await told("short/full/png")).toStartWith("bad hash: invalid hash");
  });

  test("results survive a restart, and one that was torn is made again", async () => {
    const { hash } = (await (await upload(await photo(90, 70, 29), "image/jpeg")).json()) as { hash: string };
    const first = await get(`/image/${hash}/45w/x.jpg`);
    const bytes = await first.bytes();
    const made = async () => ((await (await get("/stats.json")).json()) as { events: { made: number } }).events.made;
    await node.end();
    node = await startChild({ folder: node.folder });
    base = `${node.url}/reticulum`;
    const second = await get(`/image/${hash}/45w/x.jpg`);
    expect([await second.bytes(), second.headers.get("etag"), await made()]).toEqual([
      bytes,
      first.headers.get("etag"),
      0,
    ]);
    await node.end("SIGKILL");
    const digest = sha256(bytes);
    await Bun.write(`${node.data}/reticulum/results/${digest.slice(0, 2)}/${digest}`, bytes.subarray(0, 100));
    node = await startChild({ folder: node.folder });
    base = `${node.url}/reticulum`;
    expect([await (await get(`/image/${hash}/45w/x.jpg`)).bytes(), await made()]).toEqual([bytes, 1]);
  });
});

/**
 * Hakmes over HTTP, seen from outside with curl and with raw sockets: every route with its statuses, headers and bodies,
 * and every kind of bad request. One real node, as `warren up` runs it.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { streamOf } from "../../src/kit/http/stream.ts";
import { type ChildNode, startChild, until } from "../../src/kit/testing/child-node.ts";

const sha = (algorithm: "sha1" | "sha256", bytes: string | Uint8Array) =>
  `${algorithm}:${new Bun.CryptoHasher(algorithm).update(bytes).digest("hex")}`;
const absent = `sha256:${"0".repeat(64)}`;

interface Reply {
  status: number;
  headers: Headers;
  text: string;
  bytes: Uint8Array;
}

let node: ChildNode;
let hakmes = "";
let folder = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "warren-test-"));
  node = await startChild({
    environment: {
      WARREN_HAKMES_MAX_UPLOAD: "16KiB",
      WARREN_HAKMES_UPLOAD_IDLE: "2s",
      WARREN_HAKMES_CUT: "fixed",
      WARREN_HAKMES_CHUNK_SIZE: "7",
      WARREN_RETICULUM_ENABLED: "false",
    },
  });
  hakmes = `${node.url}/hakmes`;
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

let bodies = 0;

/** What real curl gets. */
async function curl(...words: string[]): Promise<Reply> {
  const body = join(folder, `body-${bodies++}`);
  const fixed = ["--silent", "--show-error", "--max-time", "20", "--dump-header", "-", "--output", body];
  const child = Bun.spawn(["curl", ...fixed, ...words], { cwd: folder, stdout: "pipe", stderr: "pipe" });
  const heads = (await new Response(child.stdout).text()).trimEnd().split("\r\n\r\n");
  await child.exited;
  const [first = "", ...lines] = (heads.at(-1) ?? "").split("\r\n");
  const headers = new Headers(
    lines.map((line): [string, string] => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]),
  );
  const bytes = existsSync(body) ? new Uint8Array(await Bun.file(body).arrayBuffer()) : new Uint8Array(0);
  return { status: Number(first.split(" ")[1]), headers, text: new TextDecoder().decode(bytes), bytes };
}

/** Sends bytes as they are and gives back what comes until the other side closes. */
function rawly(text: string, how: { end?: boolean } = {}): Promise<string> {
  const { hostname, port } = new URL(hakmes);
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(Number(port), hostname, () => {
      socket.write(text);
      if (how.end) socket.end();
    });
    socket.on("data", (chunk) => {
      answer += chunk.toString();
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}

const files = async () => ((await (await fetch(`${hakmes}/status.json`)).json()) as { files: number }).files;
async function stored(text: string, name = "", type = ""): Promise<string> {
  const answer = await fetch(`${hakmes}/${name}`, {
    method: "PUT",
    body: text,
    headers: type === "" ? {} : { "Content-Type": type },
  });
  return ((await answer.json()) as { key: string }).key;
}

describe("uploads", () => {
  test("a form with a part file answers the record, the predecessor's fields first and in its order", async () => {
    const text = "hello, chunks";
    const reply = await curl("-F", `file=${text};filename=a.b.TXT;type=text/plain`, `${hakmes}/`);
    expect(reply.status).toBe(200);
    expect(reply.headers.get("content-type")).toBe("application/json");
    const record = JSON.parse(reply.text) as Record<string, unknown>;
    expect(Object.keys(record)).toEqual([
      "key",
      "extension",
      "mimetype",
      "size",
      "chunks",
      "sizes",
      "cut",
      "createdAt",
      "names",
    ]);
    expect(record).toMatchObject({
      key: sha("sha256", text),
      extension: ".TXT",
      mimetype: "text/plain",
      size: text.length,
      chunks: [sha("sha256", text.slice(0, 7)), sha("sha256", text.slice(7))],
      sizes: [7, 6],
      cut: { rule: "fixed-1", minBytes: 7, averageBytes: 7, maxBytes: 7 },
      names: [{ name: "a.b.TXT", mimetype: "text/plain" }],
    });
  });

  test("curl -T names the file by the path, and its type by its ending", async () => {
    await Bun.write(join(folder, "Grüße.png"), "no picture");
    const reply = await curl("-T", "Grüße.png", `${hakmes}/`);
    expect(JSON.parse(reply.text)).toMatchObject({ extension: ".png", mimetype: "image/png" });
    expect(JSON.parse(reply.text).names[0].name).toBe("Grüße.png");
    const deep = await curl("-T", "Grüße.png", `${hakmes}/some/folder/deep.tar.gz`);
    expect(JSON.parse(deep.text).names.map(({ name }: { name: string }) => name)).toEqual(["Grüße.png", "deep.tar.gz"]);
  });

  test("a raw body by POST is stored under the type and name that are said", async () => {
    const reply = await curl("-H", "Content-Type: audio/flac", "--data-binary", "tune", `${hakmes}/?name=a%2Fb.flac`);
    expect(JSON.parse(reply.text)).toMatchObject({
      key: sha("sha256", "tune"),
      mimetype: "audio/flac",
      extension: ".flac",
    });
    expect(JSON.parse(reply.text).names[0].name).toBe("b.flac");
  });

  test("the first upload of a content decides its type, later ones add names", async () => {
    const key = await stored("twice", "first.txt", "text/plain");
    const again = await curl("-F", "file=twice;filename=second.html;type=text/html", `${hakmes}/`);
    const record = JSON.parse(again.text) as { extension: string; mimetype: string; names: { name: string }[] };
    expect([record.extension, record.mimetype]).toEqual([".txt", "text/plain"]);
    expect(record.names.map(({ name }) => name).sort()).toEqual(["first.txt", "second.html"]);
    expect((await curl(`${hakmes}/info/${key}/`)).text).toBe(again.text);
  });

  test("an empty file has no chunks: null, as the predecessor said it", async () => {
    const reply = await curl("-F", "file=;filename=void.txt", `${hakmes}/`);
    expect(reply.text).toStartWith(`{"key":"${sha("sha256", "")}","extension":".txt","mimetype":"`);
    expect(reply.text).toContain('"size":0,"chunks":null,"sizes":null,');
    const read = await curl(`${hakmes}/file/${sha("sha256", "")}/`);
    expect([read.status, read.text, read.headers.get("content-length")]).toEqual([200, "", "0"]);
  });

  test("PUT to a key takes only the bytes of that key, named by either hash", async () => {
    const right = await curl("-X", "PUT", "--data-binary", "mine", `${hakmes}/file/${sha("sha1", "mine")}/`);
    expect([right.status, JSON.parse(right.text).key]).toEqual([200, sha("sha1", "mine")]);
    const before = await files();
    const wrong = await curl("-X", "PUT", "--data-binary", "other", `${hakmes}/file/${sha("sha256", "mine!")}/`);
    expect([wrong.status, wrong.text]).toEqual([
      409,
      `Cannot store the bytes as "${sha("sha256", "mine!")}": they are those of "${sha("sha256", "other")}"\n`,
    ]);
    expect((await curl("-X", "PUT", "--data-binary", "x", `${hakmes}/file/md5:0/`)).status).toBe(400);
    expect(await files()).toBe(before);
  });

  test("a digest that is promised is held against the bytes", async () => {
    const digest = new Bun.CryptoHasher("sha256").update("dig").digest("base64");
    const put = (body: string, header: string) =>
      curl("-X", "PUT", "-H", header, "--data-binary", body, `${hakmes}/dig`);
    expect((await put("dig", `Content-Digest: sha-256=:${digest}:`)).status).toBe(200);
    expect((await put("dig", `Repr-Digest: sha-512=:xx:, sha-256=:${digest}:`)).status).toBe(200);
    expect((await put("dug", `Content-Digest: sha-256=:${digest}:`)).status).toBe(409);
    expect((await put("dig", "Content-Digest: md5=:xx:")).status).toBe(400);
    expect((await curl(`${hakmes}/file/${sha("sha256", "dug")}/`)).status).toBe(404);
  });

  test("forms and bodies of every wrong kind are refused, and nothing is entered", async () => {
    const before = await files();
    const wrong: [string[], number, string][] = [
      [["-F", "other=x"], 400, 'no part named "file"'],
      [["-d", "file=x"], 400, 'a part named "file"'],
      [["-F", "file=a;filename=a", "-F", "file=b;filename=b"], 400, "several parts"],
      [["-H", "Content-Type: multipart/form-data", "--data-binary", "x"], 400, "boundary"],
      [["-H", "Content-Type: multipart/form-data; boundary=q", "--data-binary", "x"], 400, "Cannot take the form"],
      [["-H", "Content-Range: bytes 0-1/5", "-X", "PUT", "--data-binary", "ab"], 400, "without Content-Range"],
      [Array.from({ length: 40 }, (_, part) => ["-F", `p${part}=x`]).flat(), 413, "more than 32 parts"],
    ];
    for (const [words, status, sentence] of wrong) {
      const reply = await curl(...words, `${hakmes}/`);
      expect([words[1], reply.status]).toEqual([words[1], status]);
      expect(reply.text).toContain(sentence);
      expect(reply.headers.get("x-content-type-options")).toBe("nosniff");
    }
    expect(await files()).toBe(before);
  });

  test("more than the limit is 413, told in advance or found out on the way", async () => {
    await Bun.write(join(folder, "big"), new Uint8Array(16 * 1024 + 1));
    expect((await curl("-T", "big", `${hakmes}/`)).status).toBe(413);
    expect((await curl("-T", "big", "-H", "Transfer-Encoding: chunked", `${hakmes}/`)).status).toBe(413);
    expect((await curl("-F", "file=@big", `${hakmes}/`)).status).toBe(413);
    expect((await curl("-T", "big", "-H", "Accept: application/json", `${hakmes}/`)).text).toContain(
      '"hakmes/too-large"',
    );
  });

  test("a sender who falls silent, or leaves, is no file", async () => {
    const before = await files();
    const silent = await rawly("PUT /hakmes/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\n\r\nabc");
    expect(silent).toStartWith("HTTP/1.1 408 ");
    const half = "--q\r\nContent-Disposition: form-data; name=file; filename=x\r\n\r\nhalf";
    const head = "POST /hakmes/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=q\r\n";
    await rawly(`${head}Content-Length: 5000\r\n\r\n${half}`, { end: true });
    const cut = await rawly(`${head}Connection: close\r\nContent-Length: ${half.length}\r\n\r\n${half}`);
    expect(cut).toStartWith("HTTP/1.1 400 ");
    expect(await files()).toBe(before);
  });
});

describe("reading", () => {
  const text = "0123456789";
  let url = "";
  let key = "";
  beforeAll(async () => {
    key = await stored(text, "ten digits.bin");
    url = `${hakmes}/file/${key}/`;
  });

  test("a file comes whole, with what caches and clients need", async () => {
    const reply = await curl(url);
    expect([reply.status, reply.text]).toEqual([200, text]);
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      "content-type": "application/octet-stream",
      "content-length": "10",
      etag: `"${key}"`,
      "accept-ranges": "bytes",
      "cache-control": "public, max-age=31536000, immutable",
      "x-content-type-options": "nosniff",
      "content-security-policy": "sandbox; default-src 'none'",
      "content-disposition": 'attachment; filename="ten digits.bin"',
    });
    expect(reply.headers.has("last-modified")).toBe(false);
    const head = await curl("-I", url);
    expect([head.status, head.headers.get("content-length"), head.headers.get("etag")]).toEqual([
      200,
      "10",
      `"${key}"`,
    ]);
  });

  test("the key may be encoded, the last slash missing, and anything may follow", async () => {
    for (const path of [key.replace(":", "%3A"), key, `${key}/`, `${key}/any/thing.txt`]) {
      expect((await curl(`${hakmes}/file/${path}`)).text).toBe(text);
    }
  });

  test("ranges: one, open, suffix, across chunks, several, none that exists", async () => {
    const range = (wanted: string, ...words: string[]) => curl("-H", `Range: ${wanted}`, ...words, url);
    for (const [wanted, part, bytes] of [
      ["bytes=2-6", "2-6", "23456"],
      ["bytes=5-8", "5-8", "5678"],
      ["bytes=8-", "8-9", "89"],
      ["bytes=-3", "7-9", "789"],
      ["bytes=-99", "0-9", text],
      ["bytes=0-0", "0-0", "0"],
      ["bytes=3-99", "3-9", "3456789"],
    ] as const) {
      const reply = await range(wanted);
      expect([wanted, reply.status, reply.text]).toEqual([wanted, 206, bytes]);
      expect(reply.headers.get("content-range")).toBe(`bytes ${part}/10`);
      expect(reply.headers.get("content-length")).toBe(String(bytes.length));
    }
    for (const wanted of ["bytes=10-", "bytes=6-2", "bytes=-0", "bytes=x-y"]) {
      const reply = await range(wanted);
      expect([wanted, reply.status, reply.headers.get("content-range")]).toEqual([wanted, 416, "bytes */10"]);
    }
    expect((await range("lines=1-2")).text).toBe(text);
    expect((await range("bytes=0-9,0-9")).status).toBe(200);
    const several = await range("bytes=0-1,8-9");
    expect(several.status).toBe(206);
    const boundary = /^multipart\/byteranges; boundary=(\w+)$/.exec(several.headers.get("content-type") ?? "")?.[1];
    const part = (span: string, bytes: string) =>
      `--${boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes ${span}/10\r\n\r\n${bytes}\r\n`;
    expect(several.text).toBe(`${part("0-1", "01")}${part("8-9", "89")}--${boundary}--\r\n`);
    const head = await curl("-I", "-H", "Range: bytes=2-6", url);
    expect([head.status, head.headers.get("content-range")]).toEqual([206, "bytes 2-6/10"]);
  });

  test("conditions are weighed as Go's ServeContent does", async () => {
    const asked = (...headers: string[]) => curl(...headers.flatMap((header) => ["-H", header]), url);
    for (const list of [`"${key}"`, `W/"${key}"`, `"x", "${key}"`, "*"]) {
      const reply = await asked(`If-None-Match: ${list}`);
      expect([list, reply.status, reply.text]).toEqual([list, 304, ""]);
      expect(reply.headers.has("content-type")).toBe(false);
      expect(reply.headers.has("content-disposition")).toBe(false);
      expect(reply.headers.get("etag")).toBe(`"${key}"`);
    }
    expect((await asked('If-None-Match: "other"')).status).toBe(200);
    expect((await asked(`If-Match: "${key}"`)).status).toBe(200);
    expect((await asked('If-Match: "other"')).status).toBe(412);
    expect((await asked(`If-Match: W/"${key}"`)).status).toBe(412);
    expect((await asked(`If-Range: "${key}"`, "Range: bytes=0-1")).status).toBe(206);
    expect((await asked('If-Range: "other"', "Range: bytes=0-1")).text).toBe(text);
    expect((await asked(`If-Range: W/"${key}"`, "Range: bytes=0-1")).text).toBe(text);
  });

  test("a file over many chunks comes in order, and ranges over all of it are right", async () => {
    const bytes = crypto.getRandomValues(new Uint8Array(6000));
    await Bun.write(join(folder, "many"), bytes);
    const { key: many } = JSON.parse((await curl("-T", "many", `${hakmes}/`)).text) as { key: string };
    expect((await curl(`${hakmes}/file/${many}/`)).bytes).toEqual(bytes);
    for (const [start, end] of [
      [0, 6000],
      [6, 8],
      [4199, 4201],
      [1234, 5432],
    ] as const) {
      const reply = await curl("-H", `Range: bytes=${start}-${end - 1}`, `${hakmes}/file/${many}/`);
      expect(reply.bytes).toEqual(bytes.slice(start, end));
    }
  });

  test("a name can be chosen, and a download asked for, without harm to headers", async () => {
    const name = async (query: string) => (await curl("-I", `${url}?${query}`)).headers.get("content-disposition");
    const kept = `${hakmes}/file/${await stored("words", "kept.txt", "text/plain")}/`;
    expect((await curl("-I", kept)).headers.get("content-disposition")).toBe('inline; filename="kept.txt"');
    expect((await curl("-I", `${kept}?download=1`)).headers.get("content-disposition")).toBe(
      'attachment; filename="kept.txt"',
    );
    expect(await name("name=other.iso")).toBe('attachment; filename="other.iso"');
    expect(await name("name=..%2F..%2Fetc%2Fpasswd")).toBe('attachment; filename="passwd"');
    expect(await name("name=a%22%0d%0aSet-Cookie:%20x%3D1")).not.toContain("\n");
    expect(await name("name=caf%C3%A9%20%F0%9F%90%87.txt")).toBe(
      `attachment; filename="caf_ _.txt"; filename*=UTF-8''caf%C3%A9%20%F0%9F%90%87.txt`,
    );
  });

  test("what could run in a browser is not given to one as what it is", async () => {
    const browser = ["-A", "Mozilla/5.0 (X11; Linux x86_64)"];
    for (const type of ["text/html", "image/svg+xml", "application/xhtml+xml", "text/javascript", "text/css"]) {
      const page = `${hakmes}/file/${await stored(`<script>${type}</script>`, "evil", type)}/`;
      const seen = await curl("-I", ...browser, page);
      expect(seen.headers.get("content-type")).toBe("application/octet-stream");
      expect(seen.headers.get("content-disposition")).toBe('attachment; filename="evil"');
      expect(seen.headers.get("content-security-policy")).toBe("sandbox; default-src 'none'");
      expect(seen.headers.get("vary")).toBe("Sec-Fetch-Dest, User-Agent");
      expect((await curl("-I", "-H", "Sec-Fetch-Dest: script", page)).headers.get("content-type")).toBe(
        "application/octet-stream",
      );
      // Programs get what was stored.
      expect((await curl("-I", page)).headers.get("content-type")).toBe(type);
    }
    const picture = await curl("-I", ...browser, `${hakmes}/file/${await stored("png", "a.png", "image/png")}/`);
    expect(picture.headers.get("content-type")).toBe("image/png");
    expect(picture.headers.get("content-disposition")).toBe('inline; filename="a.png"');
    const odd = await stored("odd", "odd", "text/html\u00e9; <b>");
    expect((await curl("-I", `${hakmes}/file/${odd}/`)).headers.get("content-type")).toBe("application/octet-stream");
  });

  test("the record: exact key 304 even when nobody has it, otherwise JSON or the predecessor's words", async () => {
    const reply = await curl(`${hakmes}/info/${key}/`);
    expect([reply.status, reply.headers.get("content-type"), reply.headers.get("etag")]).toEqual([
      200,
      "application/json",
      `"${key}"`,
    ]);
    expect(reply.headers.get("content-length")).toBe(String(reply.bytes.length));
    expect(JSON.parse(reply.text)).toMatchObject({ key, size: 10, sizes: [7, 3] });
    const known = await curl("-H", `If-None-Match: "${key}"`, `${hakmes}/info/${key}/`);
    expect([known.status, known.text]).toEqual([304, ""]);
    expect((await curl("-H", `If-None-Match: "${absent}"`, `${hakmes}/info/${absent}/`)).status).toBe(304);
    expect((await curl("-H", `If-None-Match: "x", "${key}"`, `${hakmes}/info/${key}/`)).status).toBe(200);
    expect((await curl("-I", `${hakmes}/info/${key}/`)).status).toBe(200);
  });

  test("keys nobody has are 404 and texts that are no keys 400, in text, JSON or a page", async () => {
    for (const route of ["file", "info"]) {
      await until("Cask was looked through", async () => (await curl(`${hakmes}/${route}/${absent}/`)).status === 404);
      const missing = await curl(`${hakmes}/${route}/${absent}/`);
      expect([missing.text, missing.headers.get("content-type")]).toEqual([
        "file not found\n",
        "text/plain; charset=utf-8",
      ]);
      const json = await curl("-H", "Accept: application/json", `${hakmes}/${route}/${absent}/`);
      expect([json.status, JSON.parse(json.text).code]).toEqual([404, "hakmes/not-found"]);
      const page = await curl("-H", "Accept: text/html", `${hakmes}/${route}/${absent}/`);
      expect([page.status, page.text.includes("Not here")]).toEqual([404, true]);
      for (const text of ["x", "sha1:", `md5:${"a".repeat(32)}`, key.toUpperCase(), `${key}0`, "%ff"]) {
        const bad = await curl(`${hakmes}/${route}/${text}/`);
        expect([text, bad.status, bad.text]).toEqual([text, 400, "invalid key\n"]);
      }
    }
  });
});

describe("beside files", () => {
  test("the list: search, order and pages; what is no order, number or mark is 400", async () => {
    for (const name of ["list-one.txt", "list-two.txt", "list-three.iso"]) await stored(`content of ${name}`, name);
    const list = async (query: string) =>
      (await (await fetch(`${hakmes}/list.json?${query}`)).json()) as {
        files: { key: string; names: { name: string }[]; chunks?: unknown }[];
        next?: string;
        total: number;
      };
    const found = await list("search=LIST-&sort=name");
    expect(found.files.map(({ names }) => names[0]?.name)).toEqual(["list-one.txt", "list-three.iso", "list-two.txt"]);
    expect([found.total, found.next, found.files[0]?.chunks]).toEqual([3, undefined, undefined]);
    const first = await list("search=list-&sort=name&limit=2");
    expect(first.files.length).toBe(2);
    const second = await list(`search=list-&sort=name&limit=2&after=${first.next}`);
    expect(second.files.map(({ names }) => names[0]?.name)).toEqual(["list-two.txt"]);
    const byKey = await list(`search=${found.files[0]?.key.slice(0, 20)}`);
    expect(byKey.files.map(({ key }) => key)).toEqual([found.files[0]?.key ?? ""]);
    for (const query of ["sort=age", "limit=0", "limit=1001", "limit=x", "after=x", `sort=size&after=${first.next}`]) {
      expect([query, (await fetch(`${hakmes}/list.json?${query}`)).status]).toEqual([query, 400]);
    }
  });

  test("methods that a path does not have are 405 and say which it has", async () => {
    const key = await stored("kept");
    for (const [method, path, allow] of [
      ["DELETE", `/file/${key}/`, "GET, HEAD, PUT"],
      ["POST", `/file/${key}/`, "GET, HEAD, PUT"],
      ["PUT", `/info/${key}/`, "GET, HEAD"],
      ["DELETE", "/", "GET, HEAD, POST, PUT"],
      ["PUT", "/list.json", "GET, HEAD"],
      ["GET", "/import.jsonl", "POST"],
      ["DELETE", "/nowhere", "PUT"],
      ["PATCH", "/reindex/", "GET, HEAD, POST"],
    ] as const) {
      const reply = await curl("-X", method, `${hakmes}${path}`);
      expect([method, path, reply.status, reply.headers.get("allow")]).toEqual([method, path, 405, allow]);
    }
    expect((await curl(`${hakmes}/file/${key}/`)).text).toBe("kept");
  });

  test("HEAD: tells of pages and JSON what GET would, the length too", async () => {
    const { key } = (await (await fetch(`${hakmes}/head.txt`, { method: "PUT", body: "the head" })).json()) as {
      key: string;
    };
    for (const path of ["/", `/show/${key}/`, `/info/${key}/`, "/list.json", "/reindex/", `/info/${absent}/`]) {
      const length = (await (await fetch(`${hakmes}${path}`)).bytes()).byteLength;
      const head = await fetch(`${hakmes}${path}`, { method: "HEAD" });
      expect([path, head.headers.get("content-length"), await head.text()]).toEqual([path, String(length), ""]);
      expect(length).toBeGreaterThan(0);
    }
    const file = await fetch(`${hakmes}/file/${key}/`, { method: "HEAD" });
    expect([file.headers.get("content-length"), await file.text()]).toEqual(["8", ""]);
  });

  test("paths nobody knows are 404", async () => {
    for (const path of ["/nowhere", "/file/", "/info/", "/file", "/peer/nothing", "/show/"]) {
      expect([path, (await curl(`${hakmes}${path}`)).status]).toEqual([path, 404]);
    }
    expect((await curl("-X", "POST", "-d", "x", `${hakmes}/nowhere`)).status).toBe(404);
    expect((await curl(`${node.url}/favicon.ico`)).status).toBe(200);
  });

  test("the pages: what there is, one file, and what went wrong, with names as text", async () => {
    const name = "<img src=x onerror=alert(1)>.txt";
    const key = await stored("a page's file", encodeURIComponent(name), "text/plain");
    const overview = await curl("-H", "Accept: text/html", `${hakmes}/?search=onerror`);
    expect([overview.status, overview.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    expect(overview.text).toContain("<title>Hakmes status");
    expect(overview.text).toContain("&lt;img src=x onerror=alert(1)&gt;.txt");
    expect(overview.text).not.toContain("<img src=x");
    const page = await curl(`${hakmes}/show/${key}/`);
    expect([page.status, page.text.includes(key), page.text.includes("<img src=x")]).toEqual([200, true, false]);
    expect((await curl("-H", "Accept: text/html", `${hakmes}/show/${absent}/`)).status).toBe(404);
    expect((await curl(`${hakmes}/show/x/`)).status).toBe(400);
    expect((await curl(`${hakmes}/?after=nonsense`)).status).toBe(400);
    expect((await curl("-I", `${hakmes}/`)).status).toBe(200);
  });

  test("a form without script leads to the file's page, or back with the reason", async () => {
    const html = ["-H", "Accept: text/html"];
    const done = await curl(...html, "-F", "file=by form;filename=f.txt", `${hakmes}/upload/`);
    const to = `/hakmes/show/${sha("sha256", "by form")}/?stored=new`;
    expect([done.status, done.headers.get("location")]).toEqual([303, to]);
    expect((await curl(`${node.url}${to}`)).text).toContain("Its bytes are safe in Cask");
    const again = await curl(...html, "-F", "file=by form;filename=f.txt", `${hakmes}/upload/`);
    expect(again.headers.get("location")).toEndWith("?stored=existed");
    const refused = await curl(...html, "-F", "other=x", `${hakmes}/upload/`);
    expect([refused.status, refused.text.includes("the form has no part named &quot;file&quot;")]).toEqual([400, true]);
  });

  test("no more than two imports are taken at a time, as each may hold a long line", async () => {
    const stopped = new AbortController();
    const slow = async function* () {
      while (!stopped.signal.aborted) {
        yield new TextEncoder().encode("\n");
        await Bun.sleep(50);
      }
    };
    const importing = async (body: string | ReadableStream) =>
      (await fetch(`${hakmes}/import.jsonl`, { method: "POST", body })).status;
    const slowly = async (): Promise<number> => {
      const status = await importing(streamOf(slow()));
      return status === 503 ? slowly() : status;
    };
    const open = [slowly(), slowly()];
    await until("both are being taken", async () => (await importing("")) === 503);
    stopped.abort();
    expect(await Promise.all(open)).toEqual([200, 200]);
    expect(await importing("")).toBe(200);
  });

  test("records go out as lines and come in again, and nothing is overwritten", async () => {
    const key = await stored("to be exported", "out.txt", "text/plain");
    const lines = (await curl(`${hakmes}/export.jsonl`)).text.trimEnd().split("\n");
    const keys = lines.map((line) => (JSON.parse(line) as { key: string }).key);
    expect(keys).toEqual([...keys].sort());
    expect(keys).toContain(key);
    expect(keys.length).toBe(await files());
    const mine = JSON.parse(lines[keys.indexOf(key)] ?? "{}") as Record<string, unknown>;
    const changed = JSON.stringify({ ...mine, mimetype: "text/html" });
    const sent = `${changed}\n\nno JSON\n{"key":"md5:x"}\n{"key":"${absent}","size":3,"chunks":null}\n`;
    await Bun.write(join(folder, "lines"), sent);
    const reply = await curl("--data-binary", "@lines", `${hakmes}/import.jsonl`);
    const { reasons, ...counts } = JSON.parse(reply.text) as { reasons: { line: number; reason: string }[] };
    expect(counts).toEqual({ lines: 5, entered: 0, existed: 1, skipped: 3 });
    expect(reasons.map(({ line }) => line)).toEqual([3, 4, 5]);
    expect(JSON.parse((await curl(`${hakmes}/info/${key}/`)).text).mimetype).toBe("text/plain");
  });
});

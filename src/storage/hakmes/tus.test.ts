/** The protocol as a client sees it: every method, header and refusal, on a Hakmes in memory. */
import { describe, expect, test } from "bun:test";

import { parseKey } from "../cask/client.ts";
import { bodyOf, keyOfBytes, seededBytes, TusFixture, tusUrl } from "./tus-fixture.ts";

const unknownId = "0123456789abcdef0123456789abcdef";
const offsetType = { "Content-Type": "application/offset+octet-stream" };
const filename = (name: string) => ({ "Upload-Metadata": `filename ${Buffer.from(name).toString("base64")}` });
const sha = (algorithm: "sha1" | "sha256" | "md5", bytes: Uint8Array) =>
  `${algorithm} ${new Bun.CryptoHasher(algorithm).update(bytes).digest("base64")}`;
const seen = ({ status, headers }: Response) => [status, headers.get("upload-offset")];

describe("every request", () => {
  test("OPTIONS: tells what is understood, whatever version the client speaks", async () => {
    await using tus = await TusFixture.open();
    for (const path of ["", unknownId]) {
      const { status, headers } = await tus.send("OPTIONS", path, { "Tus-Resumable": "0.2.2" });
      expect([status, headers.get("tus-version"), headers.get("tus-max-size")]).toEqual([204, "1.0.0", "1000000"]);
      expect(headers.get("tus-extension")?.split(",")).toEqual([
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "expiration",
        "checksum",
        "termination",
        "concatenation",
      ]);
      expect(headers.get("tus-checksum-algorithm")).toBe("sha1,sha256,md5");
      expect([...headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
    }
  });

  test("another version: is refused with the one that is spoken", async () => {
    await using tus = await TusFixture.open();
    for (const [method, path] of [
      ["POST", ""],
      ["HEAD", unknownId],
      ["PATCH", unknownId],
      ["DELETE", unknownId],
    ] as const) {
      const { status, headers } = await tus.send(method, path, { "Tus-Resumable": "0.2.2" });
      expect([method, status, headers.get("tus-version"), headers.get("tus-resumable")]).toEqual([
        method,
        412,
        "1.0.0",
        "1.0.0",
      ]);
    }
  });

  test("failures: carry the protocol's headers, and a body unless asked by HEAD", async () => {
    await using tus = await TusFixture.open();
    for (const path of [unknownId, "short", unknownId.toUpperCase(), `${unknownId}/x`, "..%2ftus.sqlite"]) {
      for (const method of ["HEAD", "PATCH", "DELETE", "GET"]) {
        const response = await tus.send(method, path, { ...offsetType, "Upload-Offset": "0" });
        expect([path, method, response.status, response.headers.get("tus-resumable")]).toEqual([
          path,
          method,
          404,
          "1.0.0",
        ]);
        expect(response.headers.get("cache-control")).toBe("no-store");
        expect((await response.text()) === "").toBe(method === "HEAD");
      }
    }
  });

  test("other methods: are told which there are", async () => {
    await using tus = await TusFixture.open();
    const [collection, upload] = [await tus.send("GET", ""), await tus.send("PUT", unknownId)];
    expect([collection.status, collection.headers.get("allow")]).toEqual([405, "POST, OPTIONS"]);
    expect([upload.status, upload.headers.get("allow")]).toEqual([405, "HEAD, PATCH, DELETE, GET, OPTIONS"]);
  });

  test("X-HTTP-Method-Override: counts on POST alone", async () => {
    await using tus = await TusFixture.open();
    const url = await tus.create({ "Upload-Length": "4" });
    const override = { "X-HTTP-Method-Override": "patch", ...offsetType, "Upload-Offset": "0" };
    expect(seen(await tus.send("POST", url, override, seededBytes(1, 4)))).toEqual([204, "4"]);
    expect((await tus.send("GET", url, { "X-HTTP-Method-Override": "DELETE" })).status).toBe(200);
    expect((await tus.send("POST", url, { "X-HTTP-Method-Override": "DELETE" })).status).toBe(204);
    expect((await tus.send("HEAD", url)).status).toBe(410);
  });
});

describe("creation", () => {
  test("a length or its deferral, and neither both nor none", async () => {
    await using tus = await TusFixture.open();
    const post = async (headers: Record<string, string>) => (await tus.send("POST", "", headers)).status;
    expect(await post({ "Upload-Length": "10" })).toBe(201);
    expect(await post({ "Upload-Defer-Length": "1" })).toBe(201);
    expect(await post({})).toBe(400);
    expect(await post({ "Upload-Length": "10", "Upload-Defer-Length": "1" })).toBe(400);
    expect(await post({ "Upload-Defer-Length": "2" })).toBe(400);
    expect(await post({ "Upload-Length": "-1" })).toBe(400);
    expect(await post({ "Upload-Length": "1000001" })).toBe(413);
    expect(await post({ "Upload-Length": "10", "Upload-Metadata": "a !" })).toBe(400);
  });

  test("Location: is right for the address that was asked, behind any proxy", async () => {
    await using tus = await TusFixture.open();
    for (const path of ["http://node.test/hakmes/tus", tusUrl]) {
      const response = await tus.send("POST", path, { "Upload-Length": "0" });
      const seenAs = new URL(path.replace("/hakmes/", "/storage/files/"));
      expect(new URL(response.headers.get("location") ?? "", seenAs).pathname).toMatch(
        /^\/storage\/files\/tus\/[0-9a-f]{32}$/,
      );
      expect(new URL(response.headers.get("content-location") ?? "", seenAs).pathname).toBe(
        `/storage/files/file/${keyOfBytes(new Uint8Array(0))}/`,
      );
    }
  });

  test("what was said of the file comes back, and becomes its label", async () => {
    await using tus = await TusFixture.open();
    const bytes = seededBytes(2, 10);
    const metadata = `filename ${btoa("a.txt")},filetype ${btoa("text/plain")},mark`;
    const url = await tus.create({ "Upload-Length": "10", "Upload-Metadata": metadata });
    expect((await tus.send("HEAD", url)).headers.get("upload-metadata")).toBe(metadata);
    const key = parseKey((await tus.patch(url, 0, bytes)).headers.get("warren-key") ?? "");
    const file = key && (await tus.hakmes.find(key));
    expect([file?.extension, file?.mimetype]).toEqual([".txt", "text/plain"]);
    expect(key && tus.hakmes.names(key).map(({ name }) => name)).toEqual(["a.txt"]);
  });

  test("an empty file: is there at once", async () => {
    await using tus = await TusFixture.open();
    const response = await tus.send("POST", "", { "Upload-Length": "0", ...filename("empty") });
    expect(response.headers.get("warren-key")).toBe(keyOfBytes(new Uint8Array(0)));
    expect(seen(await tus.send("HEAD", response.headers.get("location") ?? ""))).toEqual([200, "0"]);
  });

  test("with upload: the first bytes come along; of a failure nothing stays", async () => {
    await using tus = await TusFixture.open();
    const bytes = seededBytes(3, 5000);
    const part = await tus.send("POST", "", { "Upload-Length": "5000", ...offsetType }, bytes.subarray(0, 2000));
    expect(seen(part)).toEqual([201, "2000"]);
    const whole = await tus.send("POST", "", { "Upload-Length": "5000", ...offsetType }, bytes);
    expect([...seen(whole), whole.headers.get("warren-key")]).toEqual([201, "5000", keyOfBytes(bytes)]);
    const before = tus.uploads.counts().open;
    const post = async (headers: Record<string, string>, body = bytes) =>
      (await tus.send("POST", "", headers, body)).status;
    expect(await post({ "Upload-Length": "5000" })).toBe(415);
    expect(await post({ "Upload-Length": "4999", ...offsetType })).toBe(413);
    expect(
      await post({ "Upload-Length": "5000", ...offsetType, "Upload-Checksum": sha("sha1", seededBytes(4, 9)) }),
    ).toBe(460);
    expect(tus.uploads.counts().open).toBe(before);
  });

  test("more than may be unfinished are refused, until some are finished or ended", async () => {
    await using tus = await TusFixture.open({ limits: { maxUnfinished: 2 } });
    const url = await tus.create({ "Upload-Length": "1" });
    await tus.create({ "Upload-Length": "1" });
    const refused = await tus.send("POST", "", { "Upload-Length": "1" });
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "60"]);
    await tus.patch(url, 0, seededBytes(1, 1));
    expect((await tus.send("POST", "", { "Upload-Length": "1" })).status).toBe(201);
  });
});

describe("PATCH and HEAD", () => {
  test("bytes in steps become the file, named at the end and afterwards", async () => {
    await using tus = await TusFixture.open();
    const bytes = seededBytes(5, 30_000);
    const url = await tus.create({ "Upload-Length": "30000", ...filename("steps.bin") });
    let offset = 0;
    for (const size of [1, 999, 9000, 0, 19_999]) {
      const response = await tus.patch(url, offset, bytes.subarray(offset, offset + size));
      offset += size;
      expect([...seen(response), response.headers.get("warren-key")]).toEqual([204, String(offset), null]);
      expect(response.headers.get("upload-expires")).toBe(new Date(tus.clock.now() + 3_600_000).toUTCString());
      const head = await tus.send("HEAD", url);
      expect([...seen(head), head.headers.get("upload-length")]).toEqual([200, String(offset), "30000"]);
      expect(head.headers.get("cache-control")).toBe("no-store");
    }
    const last = await tus.patch(url, offset, bytes.subarray(offset));
    expect([...seen(last), last.headers.get("warren-key")]).toEqual([204, "30000", keyOfBytes(bytes)]);
    expect(new URL(last.headers.get("content-location") ?? "", url).pathname).toBe(
      `/hakmes/file/${keyOfBytes(bytes)}/`,
    );
    const head = await tus.send("HEAD", url);
    expect([...seen(head), head.headers.get("warren-key")]).toEqual([200, "30000", keyOfBytes(bytes)]);
    expect(head.headers.get("upload-expires")).toBeNull();
    expect(Buffer.from(await tus.read(keyOfBytes(bytes))).equals(bytes)).toBe(true);
  });

  test("what is not the next bytes is refused, and nothing changes", async () => {
    await using tus = await TusFixture.open();
    const url = await tus.create({ "Upload-Length": "10" });
    await tus.patch(url, 0, seededBytes(6, 4));
    const status = async (
      headers: Record<string, string>,
      body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>,
    ) => (await tus.send("PATCH", url, headers, body)).status;
    const six = seededBytes(7, 6);
    expect(await status({ ...offsetType, "Upload-Offset": "3" }, six)).toBe(409);
    expect(await status({ ...offsetType, "Upload-Offset": "5" }, six)).toBe(409);
    expect(await status({ ...offsetType, "Upload-Offset": "x" }, six)).toBe(400);
    expect(await status(offsetType, six)).toBe(400);
    expect(await status({ "Content-Type": "application/octet-stream", "Upload-Offset": "4" }, six)).toBe(415);
    expect(await status({ ...offsetType, "Upload-Offset": "4", "Upload-Length": "11" }, six)).toBe(400);
    expect(await status({ ...offsetType, "Upload-Offset": "4" }, seededBytes(7, 7))).toBe(413);
    expect(await status({ ...offsetType, "Upload-Offset": "4" }, bodyOf(seededBytes(7, 7)).stream)).toBe(413);
    expect(seen(await tus.send("HEAD", url))).toEqual([200, "4"]);
    expect(seen(await tus.patch(url, 4, six))).toEqual([204, "10"]);
    expect((await tus.patch(url, 10, seededBytes(1, 1))).status).toBe(413);
    expect(seen(await tus.patch(url, 10, new Uint8Array(0)))).toEqual([204, "10"]);
  });

  test("a deferred length: comes with any later request, and stays", async () => {
    await using tus = await TusFixture.open();
    const bytes = seededBytes(8, 3000);
    const url = await tus.create({ "Upload-Defer-Length": "1" });
    await tus.patch(url, 0, bytes.subarray(0, 2000));
    const open = await tus.send("HEAD", url);
    expect([...seen(open), open.headers.get("upload-length"), open.headers.get("upload-defer-length")]).toEqual([
      200,
      "2000",
      null,
      "1",
    ]);
    expect((await tus.patch(url, 2000, bytes.subarray(2000), { "Upload-Length": "1999" })).status).toBe(400);
    expect((await tus.patch(url, 2000, bytes.subarray(2000), { "Upload-Length": "1000001" })).status).toBe(413);
    expect(seen(await tus.patch(url, 2000, bytes.subarray(2000)))).toEqual([204, "3000"]);
    const last = await tus.patch(url, 3000, new Uint8Array(0), { "Upload-Length": "3000" });
    expect([...seen(last), last.headers.get("warren-key")]).toEqual([204, "3000", keyOfBytes(bytes)]);
  });

  test("GET: tells the state to people and programs", async () => {
    await using tus = await TusFixture.open();
    const bytes = seededBytes(9, 8);
    const url = await tus.create({ "Upload-Length": "8", ...filename("é.txt") });
    await tus.patch(url, 0, bytes.subarray(0, 3));
    const state = async () => (await tus.send("GET", url, { "Tus-Resumable": "" })).json();
    expect(await state()).toMatchObject({
      kind: "whole",
      state: "open",
      offset: 3,
      length: 8,
      metadata: { filename: "é.txt" },
    });
    await tus.patch(url, 3, bytes.subarray(3));
    expect(await state()).toMatchObject({
      state: "done",
      offset: 8,
      key: keyOfBytes(bytes),
      file: `../file/${keyOfBytes(bytes)}/`,
    });
  });

  test("DELETE: ends an upload, a file that came of it stays", async () => {
    await using tus = await TusFixture.open();
    const bytes = seededBytes(10, 8);
    const url = await tus.create({ "Upload-Length": "8" });
    await tus.patch(url, 0, bytes.subarray(0, 3));
    expect((await tus.send("DELETE", url)).status).toBe(204);
    for (const method of ["HEAD", "DELETE", "GET"]) expect((await tus.send(method, url)).status).toBe(410);
    expect((await tus.patch(url, 3, bytes.subarray(3))).status).toBe(410);
    const other = await tus.create({ "Upload-Length": "8" });
    await tus.patch(other, 0, bytes);
    expect((await tus.send("DELETE", other)).status).toBe(204);
    expect(Buffer.from(await tus.read(keyOfBytes(bytes))).equals(bytes)).toBe(true);
  });
});

describe("checksum", () => {
  for (const algorithm of ["sha1", "sha256", "md5"] as const) {
    test(`${algorithm}: right bytes count, wrong ones are as if they had never come`, async () => {
      await using tus = await TusFixture.open();
      const bytes = seededBytes(11, 20_000);
      const url = await tus.create({ "Upload-Length": "20000" });
      const patch = (offset: number, body: Uint8Array<ArrayBuffer>, checksum: string) =>
        tus.patch(url, offset, body, { "Upload-Checksum": checksum });
      const [first, second] = [bytes.subarray(0, 7000), bytes.subarray(7000)];
      expect((await patch(0, first, sha(algorithm, second))).status).toBe(460);
      expect(seen(await tus.send("HEAD", url))).toEqual([200, "0"]);
      expect(seen(await patch(0, first, sha(algorithm, first)))).toEqual([204, "7000"]);
      expect((await patch(7000, seededBytes(12, 13_000), sha(algorithm, second))).status).toBe(460);
      expect(seen(await tus.send("HEAD", url))).toEqual([200, "7000"]);
      const last = await patch(7000, second, sha(algorithm, second));
      expect([...seen(last), last.headers.get("warren-key")]).toEqual([204, "20000", keyOfBytes(bytes)]);
    });
  }

  test("what cannot be checked is refused before a byte is taken", async () => {
    await using tus = await TusFixture.open();
    const url = await tus.create({ "Upload-Length": "4" });
    for (const checksum of ["crc32 AAAAAA==", "sha1 AAAA", "sha1"]) {
      expect((await tus.patch(url, 0, seededBytes(1, 4), { "Upload-Checksum": checksum })).status).toBe(400);
    }
    expect(seen(await tus.send("HEAD", url))).toEqual([200, "0"]);
  });

  test("a body that breaks off could not be checked, so nothing of it stays", async () => {
    await using tus = await TusFixture.open();
    const bytes = seededBytes(13, 9000);
    const url = await tus.create({ "Upload-Length": "9000" });
    const cut = await tus.patch(url, 0, bodyOf(bytes.subarray(0, 5000), "cut").stream, {
      "Upload-Checksum": sha("sha1", bytes),
    });
    expect(cut.status).toBe(400);
    expect(seen(await tus.send("HEAD", url))).toEqual([200, "0"]);
    expect((await tus.patch(url, 0, bytes)).headers.get("warren-key")).toBe(keyOfBytes(bytes));
  });
});

describe("concatenation", () => {
  test("parts become one file in the order asked", async () => {
    await using tus = await TusFixture.open();
    const bytes = seededBytes(14, 40_000);
    const parts = await Promise.all(
      [bytes.subarray(0, 15_000), bytes.subarray(15_000, 15_000), bytes.subarray(15_000)].map(async (part) => {
        const url = await tus.create({ "Upload-Length": String(part.length), "Upload-Concat": "partial" });
        expect((await tus.patch(url, 0, part)).headers.get("warren-key")).toBeNull();
        expect((await tus.send("HEAD", url)).headers.get("upload-concat")).toBe("partial");
        return url;
      }),
    );
    const concat = `final;${parts.join(" ")}`;
    const final = await tus.send("POST", "", { "Upload-Concat": concat, ...filename("whole.bin") });
    expect([final.status, final.headers.get("warren-key")]).toEqual([201, keyOfBytes(bytes)]);
    const url = final.headers.get("location") ?? "";
    const head = await tus.send("HEAD", url);
    expect([...seen(head), head.headers.get("upload-length"), head.headers.get("upload-concat")]).toEqual([
      200,
      "40000",
      "40000",
      concat,
    ]);
    expect((await tus.patch(url, 40_000, new Uint8Array(0))).status).toBe(403);
    expect(Buffer.from(await tus.read(keyOfBytes(bytes))).equals(bytes)).toBe(true);
    const again = await tus.send("POST", "", { "Upload-Concat": `final;${parts[2]}` });
    expect(again.headers.get("warren-key")).toBe(keyOfBytes(bytes.subarray(15_000)));
  });

  test("what is no whole part is refused", async () => {
    await using tus = await TusFixture.open();
    const [part, whole] = [
      await tus.create({ "Upload-Length": "5", "Upload-Concat": "partial" }),
      await tus.create({ "Upload-Length": "5" }),
    ];
    await tus.patch(part, 0, seededBytes(1, 4));
    const post = async (headers: Record<string, string>) => (await tus.send("POST", "", headers)).status;
    expect(await post({ "Upload-Concat": `final;${part}` })).toBe(400);
    expect(await post({ "Upload-Concat": `final;${whole}` })).toBe(400);
    expect(await post({ "Upload-Concat": `final;/tus/${unknownId}` })).toBe(404);
    await tus.patch(part, 4, seededBytes(1, 1));
    expect(await post({ "Upload-Concat": `final;${part}`, "Upload-Length": "5" })).toBe(400);
    expect(await post({ "Upload-Concat": `final;${part}` })).toBe(201);
  });
});

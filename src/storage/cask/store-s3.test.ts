import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../../kit/clock.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { openS3Store, type S3StoreOptions } from "./store-s3.ts";
import { findS3Program, type S3Server, startS3Server } from "./store-s3-fixture.ts";
import {
  bodyBytes,
  codeOf,
  describeStore,
  keysIn,
  nextKey,
  noise,
  put,
  readAll,
  sameBytes,
  text,
} from "./store.conformance.ts";

const spool = await mkdtemp(join(tmpdir(), "cask-spool-"));
const troubledSpool = await mkdtemp(join(tmpdir(), "cask-spool-"));
afterAll(async () => {
  for (const folder of [spool, troubledSpool]) await rm(folder, { recursive: true, force: true });
});
let prefixes = 0;

const program = findS3Program(process.env);
if (program === undefined) {
  console.log("Skipped: the S3 store against a real server, because neither versitygw nor moto_server is installed");
  test.skip("S3Store against a real server", () => undefined);
} else {
  describe("S3Store against a real server", () => {
    let server: S3Server;
    beforeAll(async () => {
      server = await startS3Server(program, process.env);
    }, 120_000);
    afterAll(() => server.stop());

    const open = (options: Partial<S3StoreOptions> = {}) =>
      // The server, too, may have to wait for its turn.
      openS3Store({
        ...server,
        spool,
        clock: systemClock,
        prefix: `test-${++prefixes}/`,
        timeoutMs: 100_000,
        ...options,
      });

    describeStore("S3Store", async () => {
      const prefix = `conformance-${++prefixes}/`;
      return { store: await open({ prefix }), reopen: () => open({ prefix }), dispose: async () => {} };
    });

    test("objects are named by their key behind the prefix", async () => {
      const store = await open({ prefix: "" });
      const key = nextKey("sha1");
      await put(store, key, text("named"));
      expect(await new Bun.S3Client(server).file(key).text()).toBe("named");
      await store.remove(key);
    });

    test("a large blob goes up in parts and comes back whole, also in ranges", async () => {
      const store = await open();
      const key = nextKey();
      const whole = noise(23_000_001, 6);
      expect((await put(store, key, whole)).sizeBytes).toBe(whole.length);
      expect(sameBytes(await readAll(store, key), whole)).toBe(true);
      expect(
        sameBytes(await bodyBytes(store, key, { start: 4_000_000, end: 9_000_000 }), whole.subarray(4e6, 9e6)),
      ).toBe(true);
      await store.quarantine(key, "for the test");
      expect(await store.find(key)).toBeUndefined();
      expect(await readdir(join(spool, "incoming"))).toEqual([]);
    });

    test("list: goes on beyond the thousandth key", async () => {
      const prefix = `many-${++prefixes}/`;
      const store = await open({ prefix });
      const keys = Array.from({ length: 1050 }, () => nextKey("sha1", 0x77));
      const client = new Bun.S3Client(server);
      for (let start = 0; start < keys.length; start += 50) {
        await Promise.all(keys.slice(start, start + 50).map((key) => client.write(prefix + key, "x")));
      }
      expect((await keysIn(store, [0x77])).toSorted()).toEqual(keys.toSorted());
    }, 120_000);

    test("quarantine: keeps the bytes and the reason in the bucket", async () => {
      const prefix = `rotten-${++prefixes}/`;
      const store = await open({ prefix });
      const key = nextKey();
      await put(store, key, text("rotten"));
      await store.quarantine(key, "its bytes do not hash to its key");
      const client = new Bun.S3Client(server);
      const names = ((await client.list({ prefix: `${prefix}quarantine/` })).contents ?? []).map((entry) => entry.key);
      expect(names).toHaveLength(2);
      expect(await client.file(names[0] ?? "").text()).toBe("rotten");
      expect(await client.file(names[1] ?? "").text()).toContain("do not hash");
    });

    test("a bucket that is not there is a clear Fault", async () => {
      expect(await codeOf(open({ bucket: "no-such-bucket" }))).toBe("cask/store-gone");
    });
  });
}

describe("S3Store in trouble", () => {
  /** A server that answers what the test says, after letting the store open itself. */
  function stub(answer: (request: Request) => Response | Promise<Response>) {
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request) {
        if (new URL(request.url).searchParams.has("list-type")) {
          return new Response(
            "<?xml version='1.0'?><ListBucketResult><Name>b</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>",
          );
        }
        await request.arrayBuffer();
        return answer(request);
      },
    });
    const open = (options: Partial<S3StoreOptions> = {}) =>
      openS3Store({
        endpoint: `http://127.0.0.1:${server.port}`,
        bucket: "b",
        accessKeyId: "a",
        secretAccessKey: "s",
        spool: troubledSpool,
        clock: systemClock,
        ...options,
      });
    return { open, [Symbol.dispose]: () => void server.stop(true) };
  }
  const problem = (status: number, code: string) =>
    new Response(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>m</Message></Error>`, { status });
  const missing = () => new Response(null, { status: 404 });

  test.each([
    [403, "AccessDenied", "cask/store-forbidden"],
    [403, "SignatureDoesNotMatch", "cask/store-forbidden"],
    [404, "NoSuchBucket", "cask/store-gone"],
    [500, "InternalError", "cask/store-failed"],
    [507, "XMinioStorageFull", "cask/disk-full"],
  ])("a put answered %d %s is %s, and no draft is left", async (status, code, expected) => {
    using server = stub((request) => (request.method === "PUT" ? problem(status, code) : missing()));
    const store = await server.open();
    for (const sizeBytes of [10, 400_000])
      expect(await codeOf(put(store, nextKey(), noise(sizeBytes, 1)))).toBe(expected);
    expect(await readdir(join(troubledSpool, "incoming"))).toEqual([]);
  });

  test("a HEAD that is refused or fails is a Fault, not an absence", async () => {
    for (const status of [403, 500, 503]) {
      using server = stub(() => new Response(null, { status }));
      const store = await server.open();
      expect(await codeOf(store.find(nextKey()))).toBe("cask/store-failed");
    }
  });

  test("a server that does not answer is a Fault after the time limit", async () => {
    const [asked, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    using server = stub(async () => {
      asked.resolve();
      await held.promise;
      return missing();
    });
    const clock = new ManualClock();
    const store = await server.open({ clock, timeoutMs: 100 });
    const looking = codeOf(store.find(nextKey()));
    await asked.promise;
    clock.advance(100);
    expect(await looking).toBe("cask/store-failed");
    held.resolve();
  });

  test("a server that confirms a put and holds something else is caught", async () => {
    let stored = false;
    using server = stub((request) => {
      if (request.method === "PUT") stored = true;
      if (request.method !== "HEAD") return new Response(null);
      if (!stored) return missing();
      return new Response("short", { headers: { etag: '"e"', "last-modified": new Date(0).toUTCString() } });
    });
    const store = await server.open();
    expect(await codeOf(put(store, nextKey(), text("much longer")))).toBe("cask/store-failed");
  });

  test("a range that is answered with other bytes than asked for is caught", async () => {
    using server = stub(
      () => new Response("0123456789", { headers: { etag: '"e"', "last-modified": new Date(0).toUTCString() } }),
    );
    const store = await server.open();
    expect(await codeOf(readAll(store, nextKey(), { start: 2, end: 4 }))).toBe("cask/store-failed");
  });

  test("a server that cannot be reached is a clear Fault", async () => {
    let open: ReturnType<typeof stub>["open"];
    {
      using server = stub(missing);
      ({ open } = server);
    }
    expect(await codeOf(open())).toBe("cask/store-failed");
  });

  test("a bucket that vanished does not look like an empty one", async () => {
    let nowMs = 0;
    let gone = false;
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch(request) {
        if (gone) return request.method === "HEAD" ? missing() : problem(404, "NoSuchBucket");
        if (request.method === "HEAD") return missing();
        return new Response("<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated></ListBucketResult>");
      },
    });
    try {
      const store = await openS3Store({
        endpoint: `http://127.0.0.1:${server.port}`,
        bucket: "b",
        accessKeyId: "a",
        secretAccessKey: "s",
        spool: troubledSpool,
        clock: { ...systemClock, monotonicMs: () => nowMs },
      });
      expect(await store.find(nextKey())).toBeUndefined();
      gone = true;
      nowMs = 11_000;
      expect(await codeOf(store.find(nextKey()))).toBe("cask/store-gone");
    } finally {
      await server.stop(true);
    }
  });
});

/**
 * Cask over HTTP, seen from outside: the routes and bodies that programs depend on, and every kind of bad request. The
 * same requests are made under `warren up` and to a node that stands in for an original.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { connect } from "node:net";

import { type ChildNode, startChild, until } from "../../src/kit/testing/child-node.ts";

const sha = (algorithm: "sha1" | "sha256", bytes: string | Uint8Array) =>
  `${algorithm}:${new Bun.CryptoHasher(algorithm).update(bytes).digest("hex")}`;
const absent = `sha256:${"0".repeat(64)}`;

function form(...parts: { name?: string; bytes: string | Uint8Array<ArrayBuffer> }[]): FormData {
  const made = new FormData();
  for (const { name = "file", bytes } of parts) made.append(name, new Blob([bytes]), "photo.jpg");
  return made;
}

/** Sends bytes as they are and gives back everything that comes, until the other side closes or `stop` says so. */
function rawly(url: string, text: string, how: { end?: boolean; quiet?: boolean } = {}): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(Number(port), hostname, () => {
      socket.write(text);
      if (how.end) socket.end();
    });
    socket.on("data", (chunk) => {
      answer += chunk.toString();
      if (answer.includes("\r\n\r\n") && !how.quiet) socket.destroy();
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}

describe("under warren up", () => {
  let node: ChildNode;
  let cask = "";
  beforeAll(async () => {
    node = await startChild({
      environment: { WARREN_CASK_MAX_BLOB: "2MiB", WARREN_CASK_UPLOAD_IDLE: "2s", WARREN_CASK_QUORUM: "1" },
    });
    cask = `${node.url}/cask`;
  });
  afterAll(async () => {
    await node[Symbol.asyncDispose]();
  });
  const stored = async () => ((await (await fetch(`${cask}/status.json`)).json()) as { blobs: number }).blobs;

  test("a form with a file is stored under the SHA-256 of its bytes and given back", async () => {
    const bytes = crypto.getRandomValues(new Uint8Array(70_000));
    const answer = await fetch(`${cask}/`, { method: "POST", body: form({ bytes }) });
    expect(answer.status).toBe(200);
    const key = sha("sha256", bytes);
    expect(await answer.json()).toEqual({
      key,
      success: true,
      size: 70_000,
      algorithm: "sha256",
      copies: 1,
      wanted: 3,
      quorum: 1,
    });
    const read = await fetch(`${cask}/file/${key}/`);
    expect(read.headers.get("content-type")).toBe("application/octet");
    expect(read.headers.get("etag")).toBe(`"${key}"`);
    expect(read.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(read.headers.get("x-content-type-options")).toBe("nosniff");
    expect(new Uint8Array(await read.arrayBuffer())).toEqual(bytes);
    const head = await fetch(`${cask}/file/${key}/`, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "70000"]);
  });

  test("raw bodies, by PUT and by POST, with and without the algorithm, are stored", async () => {
    const put = await fetch(`${cask}/`, { method: "PUT", body: "raw" });
    expect(((await put.json()) as { key: string }).key).toBe(sha("sha256", "raw"));
    const posted = await fetch(`${cask}/?algorithm=sha1`, { method: "POST", body: new Uint8Array([1, 2, 3]) });
    const key = sha("sha1", new Uint8Array([1, 2, 3]));
    expect(((await posted.json()) as { key: string }).key).toBe(key);
    expect(new Uint8Array(await (await fetch(`${cask}/file/${key}/`)).arrayBuffer())).toEqual(
      new Uint8Array([1, 2, 3]),
    );
  });

  test("a percent-encoded key is the same key, and the last slash may be missing", async () => {
    await fetch(`${cask}/`, { method: "PUT", body: "encoded" });
    const key = sha("sha256", "encoded");
    expect(await (await fetch(`${cask}/file/${key.replace(":", "%3A")}/`)).text()).toBe("encoded");
    expect(await (await fetch(`${cask}/file/${key}`)).text()).toBe("encoded");
  });

  test("an empty file is a file", async () => {
    const answer = await fetch(`${cask}/?algorithm=sha1`, { method: "POST", body: form({ bytes: "" }) });
    expect(((await answer.json()) as { key: string }).key).toBe("sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709");
    const read = await fetch(`${cask}/file/sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709/`);
    expect([read.status, await read.text()]).toEqual([200, ""]);
  });

  test("ranges and conditions are answered", async () => {
    await fetch(`${cask}/`, { method: "PUT", body: "0123456789" });
    const key = sha("sha256", "0123456789");
    const url = `${cask}/file/${key}/`;
    const part = await fetch(url, { headers: { Range: "bytes=2-6" } });
    expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([206, "bytes 2-6/10", "23456"]);
    const tail = await fetch(url, { headers: { Range: "bytes=-3" } });
    expect([tail.status, await tail.text()]).toEqual([206, "789"]);
    const beyond = await fetch(url, { headers: { Range: "bytes=10-" } });
    expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, "bytes */10"]);
    const several = await fetch(url, { headers: { Range: "bytes=0-1,8-9" } });
    expect(several.status).toBe(206);
    expect(several.headers.get("content-type")).toStartWith("multipart/byteranges; boundary=");
    expect(await several.text()).toContain("\r\n01\r\n");
    for (const condition of [`"${key}"`, `W/"${key}"`, `"x", "${key}"`, "*"]) {
      expect((await fetch(url, { headers: { "If-None-Match": condition } })).status).toBe(304);
    }
    expect((await fetch(url, { headers: { "If-None-Match": '"other"' } })).status).toBe(200);
    expect((await fetch(url, { headers: { "If-Match": '"other"' } })).status).toBe(412);
    const stale = await fetch(url, { headers: { "If-Range": '"other"', Range: "bytes=0-1" } });
    expect([stale.status, await stale.text()]).toEqual([200, "0123456789"]);
  });

  test("a client that names the exact key gets 304 before anything is looked at", async () => {
    expect((await fetch(`${cask}/file/${absent}/`, { headers: { "If-None-Match": `"${absent}"` } })).status).toBe(304);
  });

  test("an unknown key is 404, in text, JSON or a page as asked", async () => {
    const text = await fetch(`${cask}/file/${absent}/`);
    expect([text.status, await text.text()]).toEqual([404, "not found\n"]);
    const json = await fetch(`${cask}/file/${absent}/`, { headers: { Accept: "application/json" } });
    expect(json.headers.get("content-type")).toBe("application/problem+json");
    expect(((await json.json()) as { code: string }).code).toBe("cask/not-found");
    const page = await fetch(`${cask}/file/${absent}/`, { headers: { Accept: "text/html" } });
    expect([page.status, page.headers.get("content-type")]).toEqual([404, "text/html; charset=utf-8"]);
  });

  test("keys of every wrong form are 400 and touch nothing", async () => {
    const hex = "a".repeat(64);
    const wrong = [
      "sha1",
      "sha256",
      "sha1:",
      `md5:${"a".repeat(32)}`,
      `sha1:${"A".repeat(40)}`,
      `sha256:${hex.toUpperCase()}`,
      `sha256:${hex}a`,
      `sha256:${hex.slice(1)}`,
      `sha256:${hex}:x`,
      ` sha256:${hex}`,
      `sha1:${"..".repeat(20)}`,
      `sha1:${"%2e%2e".repeat(20)}`,
      "..%2f..%2f..%2fetc%2fpasswd",
      "%00",
      "%ff%fe",
      "x".repeat(7000),
      "🐇",
    ];
    for (const key of wrong) {
      const answer = await rawly(
        cask,
        `GET /cask/file/${encodeURI(key).replaceAll("%25", "%")}/ HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      );
      expect(answer.split("\r\n")[0]).toBe("HTTP/1.1 400 Bad Request");
      const local = await rawly(
        cask,
        `GET /cask/local/${encodeURI(key).replaceAll("%25", "%")}/ HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      );
      expect(local.split("\r\n")[0]).toBe("HTTP/1.1 400 Bad Request");
    }
  });

  test("paths that climb are not found, whatever they climb to", async () => {
    for (const path of [
      "/cask/file/../../../etc/passwd",
      "/cask/../../etc/passwd",
      "/cask/file/%2e%2e/%2e%2e/",
      "//etc/passwd",
    ]) {
      const answer = await rawly(cask, `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      expect(answer).not.toContain("root:");
      // What is left of some of these after the dots are resolved is a page of ours.
      expect(answer.split(" ")[1]).toMatch(/^(?:200|40\d)$/);
    }
  });

  test("forms that are none are refused with a sentence, and store nothing", async () => {
    const before = await stored();
    const boundary = "x7";
    const send = (body: string, type = `multipart/form-data; boundary=${boundary}`) =>
      fetch(`${cask}/`, { method: "POST", body, headers: { "Content-Type": type } });
    const part = (name: string, text: string) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="f"\r\n\r\n${text}\r\n`;
    const cases: [Promise<Response>, number, string][] = [
      [send(`--${boundary}--\r\n`), 400, "Cannot"],
      [send(`${part("other", "text")}--${boundary}--\r\n`), 400, 'no part named "file"'],
      [send(`${part("file", "one")}${part("file", "two")}--${boundary}--\r\n`), 400, "several parts"],
      [send(`--other\r\n\r\nx\r\n--other--\r\n`), 400, "Cannot"],
      [send("x", "multipart/form-data"), 400, "boundary"],
      [send(part("file", "never ends").slice(0, -4)), 400, "Cannot"],
      [send("file=text", "application/x-www-form-urlencoded"), 400, "multipart form"],
      [fetch(`${cask}/?algorithm=md5`, { method: "PUT", body: "x" }), 400, "sha1 or sha256"],
    ];
    for (const [answer, status, words] of cases) {
      const got = await answer;
      const text = await got.text();
      expect([got.status, text.includes(words) ? words : text]).toEqual([status, words]);
    }
    expect(await stored()).toBe(before);
  });

  test("a digest that the client offers must fit", async () => {
    const right = Buffer.from(new Bun.CryptoHasher("sha256").update("text").digest()).toString("base64");
    const put = (digest: string, body: string) =>
      fetch(`${cask}/`, { method: "PUT", body, headers: { "Content-Digest": digest } });
    expect((await put(`sha-256=:${right}:`, "text")).status).toBe(200);
    const wrong = await put(`sha-256=:${right}:`, "other text");
    expect([wrong.status, await wrong.text()]).toEqual([400, expect.stringContaining("its bytes hash to")]);
    expect((await put("sha-256=nonsense", "text")).status).toBe(400);
    const named = await fetch(`${cask}/file/${sha("sha256", "a")}/`, { method: "PUT", body: "b" });
    expect(named.status).toBe(400);
    expect((await fetch(`${cask}/file/${sha("sha256", "b")}/`)).status).toBe(404);
  });

  test("a body over the limit is 413, with and without a length, form and raw", async () => {
    const before = await stored();
    const bytes = new Uint8Array(2 * 1024 * 1024 + 200_000);
    const streamed = () =>
      new ReadableStream<Uint8Array>({
        start(controller) {
          for (let offset = 0; offset < bytes.length; offset += 65_536)
            controller.enqueue(bytes.subarray(offset, offset + 65_536));
          controller.close();
        },
      });
    for (const body of [bytes, streamed(), form({ bytes })]) {
      const answer = await fetch(`${cask}/`, { method: "POST", body });
      expect([answer.status, (await answer.text()).length > 5]).toEqual([413, true]);
    }
    expect(await stored()).toBe(before);
  });

  test("a body cut short, raw or chunked, stores nothing", async () => {
    const before = await stored();
    await rawly(cask, "PUT /cask/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nonly this", {
      end: true,
      quiet: true,
    });
    await rawly(
      cask,
      "PUT /cask/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n",
      { end: true, quiet: true },
    );
    expect(await stored()).toBe(before);
    expect((await fetch(`${cask}/file/${sha("sha256", "only this")}/`)).status).toBe(404);
  });

  test("a body that stalls is ended with 408", async () => {
    const answer = await rawly(cask, "PUT /cask/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nslow");
    expect(answer.split("\r\n")[0]).toBe("HTTP/1.1 408 Request Timeout");
  });

  test("HEAD: tells of pages and JSON what GET would, the length too", async () => {
    for (const path of ["/", "/config/", `/whereis/${absent}/`, "/lookup/?key=x", "/keys/?bucket=3"]) {
      const length = (await (await fetch(`${cask}${path}`)).bytes()).byteLength;
      const head = await fetch(`${cask}${path}`, { method: "HEAD" });
      expect([path, head.headers.get("content-length"), await head.text()]).toEqual([path, String(length), ""]);
      expect(length).toBeGreaterThan(0);
    }
  });

  test("a wrong method is 405 and says which are right", async () => {
    const answer = await fetch(`${cask}/file/${absent}/`, { method: "DELETE" });
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD, PUT"]);
  });

  test("a page of another site cannot make a browser store anything", async () => {
    const answer = await fetch(`${cask}/`, {
      method: "POST",
      body: "x",
      headers: { Origin: "http://evil.example", "Sec-Fetch-Site": "cross-site" },
    });
    expect(answer.status).toBe(403);
    const rebound = await rawly(cask, "GET /cask/ HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    expect(rebound.split("\r\n")[0]).toBe("HTTP/1.1 403 Forbidden");
  });

  test("thousands of odd requests leave the node well", async () => {
    const odd = [
      "GET /cask/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET /cask/file//// HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "HEAD /cask/lookup/?key=%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "POST /cask/join/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
      "GET /cask/peer/keys/?bucket=999 HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET /cask/peer/prove/x/?nonce=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ];
    for (let round = 0; round < 20; round++) {
      for (const text of odd) expect((await rawly(cask, text)).split(" ")[1]).toMatch(/^[2-4]\d\d$/);
    }
    expect(await (await fetch(`${node.url}/healthz`)).text()).toBe("ok\n");
    expect(node.output()).not.toContain("outside of its handler");
  });

  test("metrics tell what was done", async () => {
    await fetch(`${cask}/`, { method: "PUT", body: "measured" });
    await (await fetch(`${cask}/file/${sha("sha256", "measured")}/`)).text();
    const text = await (await fetch(`${node.url}/metrics`)).text();
    expect(text).toMatch(/warren_cask_puts_total\{outcome="acknowledged"\} \d+/);
    expect(text).toMatch(/warren_cask_reads_total\{source="local"\} \d+/);
    expect(text).toMatch(/^cask_cluster_total 1$/m);
  });

  test("pages are there, and the node stops cleanly", async () => {
    for (const path of ["", "lookup/", "upload/", "log/", "join/"]) {
      const page = await fetch(`${cask}/${path}`);
      expect([path, page.status, page.headers.get("content-type")]).toEqual([path, 200, "text/html; charset=utf-8"]);
    }
    const uploaded = await fetch(`${cask}/upload/`, {
      method: "POST",
      body: form({ bytes: "by form" }),
      headers: { Accept: "text/html" },
    });
    expect(await uploaded.text()).toContain(sha("sha256", "by form"));
    expect(await node.end("SIGINT")).toBe(0);
  });
});

describe("standing in for an original", () => {
  let node: ChildNode;
  const secret = "sesame";
  const knock = { "X-Cask-Cluster-Secret": secret };
  beforeAll(async () => {
    node = await startChild({
      words: ["cask"],
      environment: {
        CASK_BACKEND: "disk",
        CASK_UUID: "testuuid-1",
        CASK_WRITEABLE: "true",
        CASK_CLUSTER_SECRET: secret,
        CASK_GOSSIP_PORT: "0",
        CASK_MAX_UPLOAD_SIZE: "1000",
        KEEP_FREE: "1000",
        CASK_REPLICATION: "1",
      },
    });
  });
  afterAll(async () => {
    await node[Symbol.asyncDispose]();
  });

  test("its routes begin at the root and name blobs by SHA-1", async () => {
    const answer = await fetch(`${node.url}/`, { method: "POST", body: form({ bytes: "hello\n" }) });
    expect(await answer.json()).toMatchObject({ key: "sha1:f572d396fae9206628714fb2ce00f72e94f2258f", success: true });
    const any = await fetch(`${node.url}/any/path`, { method: "POST", body: form({ bytes: "a" }) });
    expect(await any.json()).toMatchObject({ key: sha("sha1", "a"), success: true });
    expect(await (await fetch(`${node.url}/file/${sha("sha1", "a")}/`)).text()).toBe("a");
  });

  test("a GET nobody knows shows the status page", async () => {
    for (const path of ["/", "/status/", "/never/heard/of"]) {
      const page = await fetch(`${node.url}${path}`);
      expect([path, page.status]).toEqual([path, 200]);
    }
  });

  test("/local/ wants the secret, then obeys as the original does", async () => {
    const local = `${node.url}/local/`;
    for (const headers of [{}, { "X-Cask-Cluster-Secret": "wrong" }]) {
      const refused = await fetch(local, { headers });
      expect([refused.status, await refused.text()]).toEqual([403, "sorry, need the secret knock\n"]);
    }
    expect(await (await fetch(local, { headers: knock })).text()).toBe("show form/handle post\n");
    const put = await fetch(local, { method: "POST", body: form({ bytes: "hello world" }), headers: knock });
    const key = sha("sha1", "hello world");
    expect([put.status, put.statusText, await put.text()]).toEqual([200, "OK", key]);
    const big = await fetch(local, { method: "POST", body: form({ bytes: new Uint8Array(70_000) }), headers: knock });
    expect([big.status, await big.text()]).toEqual([413, "file too large\n"]);
    const read = await fetch(`${local}${key}/`, { headers: knock });
    expect([read.status, read.headers.get("etag"), await read.text()]).toEqual([200, `"${key}"`, "hello world"]);
    const head = await fetch(`${local}${key}/`, { headers: knock, method: "HEAD" });
    expect([head.status, head.headers.get("content-type"), head.headers.get("etag")]).toEqual([
      200,
      "application/octet",
      `"${key}"`,
    ]);
    const missing = await fetch(`${local}${sha("sha1", "never")}/`, { headers: knock });
    expect([missing.status, await missing.text()]).toEqual([404, "not found\n\n"]);
    const bad = await fetch(`${local}sha1:short/`, { headers: knock });
    expect([bad.status, await bad.text()]).toEqual([400, "invalid key\n\n"]);
    const same = await fetch(`${local}${key}/`, { headers: { ...knock, "If-None-Match": `"${key}"` } });
    expect([same.status, same.headers.get("etag")]).toEqual([304, null]);
  });

  test("/config/, /join/, /favicon.ico, /metrics and /debug/vars answer", async () => {
    const config = await fetch(`${node.url}/config/`);
    expect(config.headers.get("content-type")).toStartWith("application/json");
    expect(await config.json()).toMatchObject({
      uuid: "testuuid-1",
      writeable: true,
      last_failed: "0001-01-01T00:00:00Z",
    });
    const join = (query: string) => fetch(`${node.url}/join/${query}`, { method: "POST" });
    expect(await (await join("")).text()).toBe("no url specified");
    const wrong = await join("?url=127.0.0.1:1&secret=wrong");
    expect([wrong.status, await wrong.text()]).toEqual([403, "need to know the secret knock"]);
    const nobody = await join(`?url=127.0.0.1:1&secret=${secret}`);
    expect([nobody.status, await nobody.text()]).toEqual([200, expect.stringContaining("Cannot join")]);
    expect((await fetch(`${node.url}/favicon.ico`)).status).toBe(200);
    expect(await (await fetch(`${node.url}/metrics`)).text()).toContain("cask_rebalance_total");
    expect(await (await fetch(`${node.url}/debug/vars`)).json()).toHaveProperty("memstats");
    expect(node.output()).not.toContain(secret);
  });
});

test("the cluster's secret, as its operator knows it, opens the join form", async () => {
  await using node = await startChild({ environment: { WARREN_NODE_CLUSTER_SECRET: "sesame" } });
  const join = async (secret: string) => {
    const body = new URLSearchParams({ url: "127.0.0.1:1", secret });
    const answer = await fetch(`${node.url}/cask/join/`, { method: "POST", body });
    return [answer.status, await answer.text()];
  };
  expect(await join("wrong")).toEqual([403, "need to know the secret knock"]);
  expect(await join("sesame")).toEqual([200, expect.stringContaining("no node answered")]);
});

test("a node that the environment declares read-only says so and takes nothing", async () => {
  await using node = await startChild({
    words: ["cask"],
    environment: { CASK_BACKEND: "disk", CASK_UUID: "testuuid-2", CASK_CLUSTER_SECRET: "s", CASK_GOSSIP_PORT: "0" },
  });
  const local = await fetch(`${node.url}/local/`, {
    method: "POST",
    body: form({ bytes: "x" }),
    headers: { "X-Cask-Cluster-Secret": "s" },
  });
  expect([local.status, await local.text()]).toEqual([503, "this node is read-only\n"]);
  const put = await fetch(`${node.url}/`, { method: "POST", body: form({ bytes: "x" }) });
  expect(put.status).toBe(200);
  expect(await put.json()).toMatchObject({ success: false });
  await until("the node is ready", async () => (await fetch(`${node.url}/readyz`)).ok);
});

test("a large blob goes with its length, and many downloads broken off leave nothing open", async () => {
  await using node = await startChild();
  const bytes = new Uint8Array(6 * 1024 * 1024).map((_, index) => (index * 31) % 251);
  const { key } = (await (await fetch(`${node.url}/cask/`, { method: "PUT", body: bytes })).json()) as { key: string };
  const url = `${node.url}/cask/file/${key}/`;
  const whole = await fetch(url);
  expect([whole.headers.get("content-length"), whole.headers.get("transfer-encoding")]).toEqual([
    String(bytes.length),
    null,
  ]);
  expect(Buffer.compare(Buffer.from(await whole.arrayBuffer()), bytes)).toBe(0);
  const tail = await fetch(url, { headers: { Range: "bytes=1000000-5999999" } });
  expect([tail.status, tail.headers.get("content-length")]).toEqual([206, "5000000"]);
  expect(Buffer.compare(Buffer.from(await tail.arrayBuffer()), bytes.subarray(1_000_000, 6_000_000))).toBe(0);
  const openFiles = () => readdirSync(`/proc/${node.pid}/fd`).length;
  const before = openFiles();
  for (let round = 0; round < 100; round++) {
    const broken = await fetch(url);
    const reader = broken.body?.getReader();
    await reader?.read();
    await reader?.cancel();
  }
  await until("what was opened is closed", () => openFiles() <= before + 2);
});

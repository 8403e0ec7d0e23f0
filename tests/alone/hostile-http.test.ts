/**
 * A node as a hostile user meets it: requests that different readers would read differently, streams opened in ways that
 * never end, uploads cut off, and tokens that end while they are in use. Nothing may be let in by a spelling, and nothing
 * may stay behind.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { hkdfSync } from "node:crypto";
import { connect } from "node:net";

import { type ChildNode, runProgram, startChild, until } from "../../src/kit/testing/child-node.ts";
import { makeToken, tokenCounts } from "../tokens.ts";

// Several programs are started here, on machines that may be busy.
setDefaultTimeout(180_000);

const keyOf = (bytes: string) => `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;

/** Sends a request as it stands and gives back status and body of what comes, or an empty status. */
function rawly(url: string, text: string): Promise<{ status: string; text: string }> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.on("data", (chunk) => {
      answer += chunk.toString();
      if (answer.includes("\r\n\r\n")) socket.destroy();
    });
    socket.on("close", () => resolve({ status: /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? "", text: answer }));
    socket.on("error", reject);
  });
}

const request = (line: string, ...headers: string[]) =>
  [`${line} HTTP/1.1`, "Host: 127.0.0.1", ...headers, "Content-Length: 0", "", ""].join("\r\n");

/** How many of a node's streams are drawn now, as its counter of open connections to a path cannot tell. */
const workDone = async (pid: number) => {
  const fields = (await Bun.file(`/proc/${pid}/stat`).text()).split(") ")[1]?.split(" ") ?? [];
  return Number(fields[11]) + Number(fields[12]);
};

async function workOfASecond(pid: number): Promise<number> {
  const before = await workDone(pid);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return (await workDone(pid)) - before;
}

describe("with tokens", () => {
  let node: ChildNode;
  let alone: ChildNode;
  let writer = "";
  let reader = "";
  beforeAll(async () => {
    node = await startChild({ environment: { WARREN_CASK_QUORUM: "1" } });
    alone = await startChild({ words: ["cask"], environment: { WARREN_CASK_QUORUM: "1" } });
    writer = await makeToken(node, "writer", "cask:write");
    reader = await makeToken(node, "reader", "cask:read");
    await tokenCounts(`${node.url}/cask/status.json`, reader);
    await tokenCounts(`${alone.url}/status.json`, await makeToken(alone, "reader", "cask:read"));
  });
  afterAll(async () => {
    await node[Symbol.asyncDispose]();
    await alone[Symbol.asyncDispose]();
  });

  test("no spelling of a path asks for less than the path", async () => {
    for (const line of [
      "POST /cask/drain/",
      "POST /cask/%64rain/",
      "POST /cask/%64%72%61%69%6E/",
      "POST /cask/x/../drain/",
      "POST /cask/x/%2e%2e/drain/",
      "POST /cask/./drain/",
      "POST /cask/%2E/drain/",
      "DELETE /cask/%64rain/",
      "POST /cask/%76erify/sha256:00/",
      "POST /cask/f%6Frget/some-node-id/",
      "GET /cask/log/",
      "GET /cask/%6cog/",
      "GET /cask/l%6fg/live",
      "GET /cask/x/../log/",
      "GET /cask/x/%2e%2E/log/",
      "GET /cask/x/..\\log/",
      "GET /cask/x\\..\\log/",
      "GET /cask/x/..%2flog/",
      "GET /x/../cask/log/",
      "GET /%63ask/log/",
    ]) {
      const { status, text } = await rawly(node.url, request(line, `Authorization: Bearer ${writer}`));
      expect([line, status]).toEqual([line, expect.stringMatching(/^(400|403|404)$/)]);
      expect(text).not.toContain("<!doctype");
    }
    const { writeable } = (await (
      await fetch(`${node.url}/cask/status.json`, { headers: { Authorization: `Bearer ${reader}` } })
    ).json()) as { writeable: string };
    expect(writeable).toBe("yes");
  });

  test("every route asks for its scope: without one nothing, with each one no more than it covers", async () => {
    const admin = await makeToken(node, "admin", "cask:admin");
    const other = await makeToken(node, "other", "reticulum:admin");
    const key = keyOf("scopes");
    const ask = (method: string, path: string, token?: string) =>
      fetch(`${node.url}${path}`, {
        method,
        headers: {
          Accept: "text/plain",
          ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
          ...(path.startsWith("/cask/join/") ? { "Content-Type": "application/x-www-form-urlencoded" } : {}),
        },
        ...(method === "POST" || method === "PUT"
          ? { body: path.startsWith("/cask/join/") ? "url=127.0.0.1:1" : "scopes" }
          : {}),
      });
    await tokenCounts(`${node.url}/cask/`, other);
    expect((await ask("PUT", "/cask/", admin)).ok).toBe(true);
    const scopes = ["read", "write", "admin"];
    for (const [method, path, needed] of [
      ["GET", "/cask/", "read"],
      ["GET", "/cask/status/", "read"],
      ["GET", "/cask/status.json", "read"],
      ["GET", "/cask/config/", "read"],
      ["GET", "/cask/debug/vars", "read"],
      ["GET", "/cask/lookup/", "read"],
      ["GET", `/cask/lookup/?key=${key}`, "read"],
      ["GET", "/cask/upload/", "read"],
      ["GET", "/cask/join/", "read"],
      ["GET", `/cask/file/${key}/`, "read"],
      ["HEAD", `/cask/file/${key}/`, "read"],
      ["GET", `/cask/file/${key}`, "read"],
      ["GET", `/cask/whereis/${key}/`, "read"],
      ["HEAD", "/cask/live", "read"],
      ["GET", "/cask/log/", "admin"],
      ["HEAD", "/cask/log/live", "admin"],
      ["POST", "/cask/", "write"],
      ["PUT", "/cask/", "write"],
      ["PUT", "/cask/any/name.jpg", "write"],
      ["POST", "/cask/any/", "write"],
      ["POST", "/cask/upload/", "write"],
      ["PUT", `/cask/file/${key}/`, "write"],
      ["POST", `/cask/verify/${key}/`, "admin"],
      ["POST", "/cask/forget/some-node-id/", "admin"],
      ["POST", "/cask/drain/", "admin"],
      ["DELETE", "/cask/drain/", "admin"],
      // What nodes ask of each other. Without a cluster secret, as here, whoever may write on this machine is believed.
      ["GET", `/cask/local/${key}/`, "write"],
      ["HEAD", `/cask/local/${key}/`, "write"],
      ["GET", "/cask/local/", "write"],
      ["POST", "/cask/local/", "write"],
      ["PUT", "/cask/local/?algorithm=sha256", "write"],
      ["GET", "/cask/peer/digests/?node=x", "write"],
      ["GET", "/cask/peer/keys/?node=x&bucket=0", "write"],
      ["GET", `/cask/peer/prove/${key}/?nonce=${"0".repeat(16)}`, "write"],
      ["POST", "/cask/join/", "admin"],
    ] as const) {
      const name = `${method} ${path}`;
      for (const [token, held] of [
        [undefined, -1],
        [other, -1],
        [reader, 0],
        [writer, 1],
        [admin, 2],
      ] as const) {
        const { status } = await ask(method, path, token);
        const refused = status === 401 || status === 403;
        expect([name, held, refused]).toEqual([name, held, held < scopes.indexOf(needed)]);
      }
    }
    for (const path of ["/", "/console/live", "/metrics"]) {
      for (const token of [undefined, admin, other])
        expect([path, [401, 403].includes((await ask("HEAD", path, token)).status)]).toEqual([path, true]);
    }
  });

  test("no path is open that only nodes may use, also where every unknown path shows the state", async () => {
    for (const path of [
      "/peer/",
      "/peer/x/",
      "/local/x",
      "/local//",
      "/peer/../",
      "/%70eer/x/",
      "/local",
      "/peer",
      "/x",
    ]) {
      for (const [{ url }, mount] of [
        [alone, ""],
        [node, "/cask"],
      ] as const) {
        const { status, text } = await rawly(url, request(`GET ${mount}${path}`, "Accept: text/html"));
        expect([path, status]).toEqual([path, expect.stringMatching(/^(400|401|403|404)$/)]);
        expect(text).not.toContain("freeBytes");
        expect(text).not.toContain("Copies");
      }
    }
  });

  test("/readyz tells strangers the state and nothing else", async () => {
    const open = await fetch(`${node.url}/readyz`);
    expect([open.status, await open.text()]).toEqual([200, "ready\n"]);
    const all = await makeToken(node, "all", "*:read");
    await until("the token counts", async () =>
      (await (await fetch(`${node.url}/readyz`, { headers: { Authorization: `Bearer ${all}` } })).text()).includes(
        "Keeps",
      ),
    );
  });

  test("caches in between must not keep what needs a token, also when the first token came after the start", async () => {
    const bytes = "kept from strangers";
    const url = `${node.url}/cask/`;
    await fetch(url, { method: "PUT", body: bytes, headers: { Authorization: `Bearer ${writer}` } });
    for (const headers of [{}, { Range: "bytes=0-3" }]) {
      const read = await fetch(`${url}file/${keyOf(bytes)}/`, {
        headers: { ...headers, Authorization: `Bearer ${reader}` },
      });
      expect(read.headers.get("cache-control")).toBe("private, max-age=31536000, immutable");
      await read.arrayBuffer();
    }
  });

  test("a stream ends soon after the token it was opened with is revoked", async () => {
    const brief = await makeToken(node, "brief", "*:admin");
    const headers = { Authorization: `Bearer ${brief}` };
    await until("the token counts", async () => (await fetch(`${node.url}/`, { headers })).ok);
    const streams = await Promise.all(
      ["/console/live", "/cask/live", "/cask/log/live"].map((path) => fetch(`${node.url}${path}`, { headers })),
    );
    expect(streams.map(({ status }) => status)).toEqual([200, 200, 200]);
    await runProgram(["token", "revoke", "brief", "--data", node.data]);
    for (const stream of streams) expect(await stream.text()).toContain("event:");
  });
});

describe("with a cluster secret", () => {
  const environment = { WARREN_NODE_CLUSTER_SECRET: "open sesame", WARREN_CASK_QUORUM: "1" };
  const right = Buffer.from(hkdfSync("sha256", "open sesame", "warren cluster", "cask peers", 32)).toString("hex");
  const knock = (node: ChildNode, secret: string) =>
    fetch(`${node.url}/cask/local/`, { headers: { "X-Cask-Cluster-Secret": secret } });
  const join = (node: ChildNode, secret: string) =>
    fetch(`${node.url}/cask/join/`, { method: "POST", body: new URLSearchParams({ url: "127.0.0.1:1", secret }) });

  test("whoever guesses waits, also with the right one in the end, on either way in", async () => {
    for (const guess of [knock, join]) {
      await using node = await startChild({ environment });
      const seen: number[] = [];
      for (let number = 0; number < 15; number++) seen.push((await guess(node, `guess ${number}`)).status);
      expect([seen.slice(0, 10), seen.slice(-1)]).toEqual([Array<number>(10).fill(403), [429]]);
      const late = await knock(node, right);
      expect([late.status, Number(late.headers.get("retry-after")) > 0]).toEqual([429, true]);
    }
  });

  test("a node that is known is not shut out by a neighbour who guesses", async () => {
    await using node = await startChild({ environment });
    expect((await knock(node, right)).status).toBe(200);
    for (let number = 0; number < 15; number++) expect((await knock(node, `guess ${number}`)).status).toBe(403);
    expect((await knock(node, right)).status).toBe(200);
    // No secret at all, or the plain one that the nodes never send, is no key either.
    expect((await knock(node, "")).status).toBe(403);
    expect((await knock(node, "open sesame")).status).toBe(403);
  });
});

describe("open on this machine", () => {
  test("an answer to HEAD leaves nothing that goes on drawing", async () => {
    await using node = await startChild();
    // What a node does by itself takes more on a slower machine: only what comes on top of it is looked for.
    const usual: number[] = [];
    for (let second = 0; second < 3; second++) usual.push(await workOfASecond(node.pid));
    const head = (path: string) => fetch(`${node.url}${path}`, { method: "HEAD" });
    for (const path of ["/cask/live", "/cask/log/live", "/console/live"]) expect((await head(path)).status).toBe(200);
    await Promise.all(Array.from({ length: 300 }, () => head("/cask/live")));
    await Promise.all(Array.from({ length: 300 }, () => head("/console/live")));
    // Six hundred pages drawn every two seconds would take a good part of a processor.
    await until("the node is at rest", async () => (await workOfASecond(node.pid)) <= 2 * Math.min(...usual) + 2);
  });

  test("streams that were dropped, or only asked for by HEAD, do not let a stop cut uploads short", async () => {
    await using node = await startChild({ environment: { WARREN_CASK_QUORUM: "1" } });
    for (let count = 0; count < 20; count++) await fetch(`${node.url}/cask/live`, { method: "HEAD" });
    const { hostname, port } = new URL(node.url);
    let answer = "";
    const socket = connect(Number(port), hostname);
    socket.on("data", (chunk) => {
      answer += chunk.toString();
    });
    const body = "x".repeat(2_000_000);
    socket.write(`PUT /cask/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length + 5}\r\n\r\n${body}`);
    const files = () => Array.fromAsync(new Bun.Glob("*").scan({ cwd: `${node.data}/cask/blobs/incoming` }));
    await until("the upload is on its way", async () => (await files()).length === 1);
    const ended = node.end("SIGTERM");
    await until("it is stopping", () => node.output().includes('"Stopping"'));
    socket.write("56789");
    expect(await ended).toBe(0);
    await until("all of the answer was read", () => socket.destroyed);
    expect(answer).toContain("HTTP/1.1 200 OK");
    expect(answer).toContain(keyOf(`${body}56789`));
  });

  test("uploads that stall hold a stop up for the stated time only, and services still close in order", async () => {
    await using node = await startChild({
      environment: { WARREN_CASK_QUORUM: "1", WARREN_NODE_STOP_TIMEOUT: "300ms" },
    });
    const { hostname, port } = new URL(node.url);
    const sockets = Array.from({ length: 10 }, () => {
      const socket = connect(Number(port), hostname);
      socket.on("error", () => undefined);
      socket.write("PUT /cask/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n");
      socket.write(new Uint8Array(2_000_000));
      return socket;
    });
    const files = () => Array.fromAsync(new Bun.Glob("*").scan({ cwd: `${node.data}/cask/blobs/incoming` }));
    await until("the uploads are on their way", async () => (await files()).length === 10);
    expect(await node.end()).toBe(0);
    for (const socket of sockets) socket.destroy();
    expect(await files()).toEqual([]);
    expect(node.output()).not.toContain("did not stop in time");
  });

  test("a part of a file is not stored as if it were the whole", async () => {
    await using node = await startChild({ environment: { WARREN_CASK_QUORUM: "1" } });
    const headers = { "Content-Range": "bytes 0-1/10" };
    const refused = await fetch(`${node.url}/cask/`, { method: "PUT", body: "01", headers });
    expect([refused.status, (await refused.text()).includes("Content-Range")]).toEqual([400, true]);
    expect((await fetch(`${node.url}/cask/file/${keyOf("01")}/`)).status).toBe(404);
  });

  test("a request that names no host, or an impossible one, is refused as bad, but a probe without one is answered", async () => {
    await using node = await startChild();
    for (const [text, status] of [
      ["GET /healthz HTTP/1.0\r\n\r\n", "200"],
      ["GET /readyz HTTP/1.0\r\n\r\n", "200"],
      ["GET /cask/ HTTP/1.0\r\n\r\n", "400"],
      ["GET /no HTTP/1.1\r\nHost: <script>\r\nAccept: text/html\r\n\r\n", "400"],
      ["GET /cask/ HTTP/1.1\r\nHost: [\r\n\r\n", "400"],
      ["GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"],
      ["CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "400"],
    ] as const) {
      expect([text, (await rawly(node.url, text)).status]).toEqual([text, status]);
    }
    expect(node.output()).not.toContain("A request failed");
  });

  test("uploads that are cut off are no failure of the node, and leave no file and no connection behind", async () => {
    await using node = await startChild({ environment: { WARREN_CASK_QUORUM: "1" } });
    const { hostname, port } = new URL(node.url);
    const openFiles = async () =>
      (await Array.fromAsync(new Bun.Glob("*").scan({ cwd: `/proc/${node.pid}/fd`, onlyFiles: false }))).length;
    await fetch(`${node.url}/cask/`, { method: "PUT", body: "x" });
    const before = await openFiles();
    for (let round = 0; round < 10; round++) {
      await Promise.all(
        Array.from({ length: 30 }, async (_, number) => {
          const socket = connect(Number(port), hostname);
          socket.on("error", () => undefined);
          const announced = number % 4 === 1 ? 2000 : 99_000_000;
          socket.write(`PUT /cask/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${announced}\r\n\r\n`);
          await new Promise<void>((resolve) =>
            socket.write(new Uint8Array(number % 2 ? 1000 : 1_200_000), () => resolve()),
          );
          socket.destroy();
        }),
      );
    }
    await until("all is as before", async () => (await openFiles()) <= before + 4);
    const left = () => Array.fromAsync(new Bun.Glob("*").scan({ cwd: `${node.data}/cask/blobs/incoming` }));
    await until("no file is left", async () => (await left()).length === 0);
    expect(node.output()).not.toContain("A request failed");
  });
});

/** TLS and PROXY headers at both edges of a proxy, over real sockets, with openssl and curl where they can do it. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer, TLSSocket } from "node:tls";

import { systemClock } from "../../../kit/clock.ts";
import { silentLog } from "../../../kit/log.ts";
import { seededRandom } from "../../../kit/random.ts";
import { until as untilThat } from "../../../kit/testing/child-node.ts";
import { freePort } from "../../../kit/testing/free-port.ts";
import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import { blockBytes } from "../../../lib/proxy-protocol/block.ts";
import type { ProxyHeader } from "../../../lib/proxy-protocol/header.ts";
import { lineBytes } from "../../../lib/proxy-protocol/line.ts";
import { HeaderReader } from "../../../lib/proxy-protocol/reader.ts";
import { notesOf, tlvsOf } from "../../../lib/proxy-protocol/tlv.ts";
import { networkCheck } from "../checks.ts";
import { proxyDefaults } from "../config.ts";
import { plansIn } from "../plan.ts";
import { Proxy } from "../proxy.ts";
import { openSockets, silentPeer } from "../silent-fixture.ts";
import { Certificates } from "./certificates.ts";
import { protocolList } from "./origination.ts";

const until = (look: () => boolean) => untilThat("it is so", look);
const folder = mkdtempSync(join(tmpdir(), "warren-edges-"));
const at = (name: string) => join(folder, name);
const open: { stop(): unknown }[] = [];

async function run(words: string[], input = ""): Promise<string> {
  const child = Bun.spawn(words, { stdin: Buffer.from(input), stdout: "pipe", stderr: "pipe" });
  const [out, errors] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return out + errors;
}

/** A certificate for names, signed by the authority `by` or by itself. */
async function certify(file: string, names: string, by?: string): Promise<void> {
  const signer = by === undefined ? [] : ["-CA", at(`${by}.crt`), "-CAkey", at(`${by}.key`)];
  const kind = by === undefined ? [] : ["-addext", "basicConstraints=critical,CA:false"];
  const made = await run([
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-days",
    "30",
    "-subj",
    `/CN=${names.split(",")[0]}`,
    "-addext",
    `subjectAltName=${names.replaceAll(/(^|,)/g, "$1DNS:")}`,
    ...signer,
    ...kind,
    "-keyout",
    at(`${file}.key`),
    "-out",
    at(`${file}.crt`),
  ]);
  if (!(await Bun.file(at(`${file}.crt`)).exists())) throw new Error(`openssl made no certificate: ${made}`);
}

beforeAll(async () => {
  await certify("ca", "authority.example");
  await Promise.all([
    certify("a", "a.example,localhost", "ca"),
    certify("b", "b.example,*.wild.example", "ca"),
    certify("client", "somebody", "ca"),
    certify("stranger", "stranger"),
  ]);
});
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const failed: unknown[] = [];

/** A proxy as a table describes it, in front of `port`. */
async function proxied(port: number, table: Record<string, unknown>): Promise<Proxy> {
  const [plan] = plansIn(
    [{ name: "p", listen: "127.0.0.1:0", upstreams: [`127.0.0.1:${port}`], ...table }],
    proxyDefaults,
  );
  if (!plan) throw new Error("There is no plan");
  const proxy = new Proxy({
    plan,
    clock: systemClock,
    random: seededRandom(1),
    lookup: () => Promise.resolve(["127.0.0.1"]),
    happened: () => undefined,
    changed: () => undefined,
    failed: (thrown) => failed.push(thrown),
    log: silentLog,
  });
  open.push({ stop: () => proxy.stop(0) });
  await proxy.resolve();
  proxy.listen();
  return proxy;
}

async function serve(serveOne: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    serveOne(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.push({
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
}

/** Answers with all that it got, once the client has said that this was all. */
const answerAtEnd = (socket: Socket) => {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.on("end", () => socket.end(Buffer.concat([Buffer.from("got "), ...chunks])));
};
const web = (socket: Socket) => {
  socket.once("data", () => socket.end("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"));
};

/** Sends everything, says that this is all, and gives what comes back. */
function ask(
  port: number,
  pieces: Uint8Array[],
  tls?: Bun.TLSOptions,
): Promise<{ text: string; alpn: string; ok: boolean }> {
  return new Promise((resolve) => {
    const state = { text: "", alpn: "", ok: tls === undefined };
    const say = (socket: Bun.Socket) => {
      for (const piece of pieces) socket.write(piece);
      socket.shutdown();
    };
    void Bun.connect({
      hostname: "127.0.0.1",
      port,
      allowHalfOpen: true,
      ...(tls ? { tls } : {}),
      socket: {
        open: (socket) => {
          if (!tls) say(socket);
        },
        handshake(socket, ok) {
          if (!tls) return;
          state.ok = ok;
          state.alpn = String(socket.alpnProtocol);
          if (ok) say(socket);
        },
        data: (_, chunk) => void (state.text += chunk.toString("latin1")),
        close: () => resolve(state),
        connectError: () => resolve(state),
      },
    });
  });
}

const hello = [Buffer.from("hello")];
const trust = (serverName: string, more: Bun.TLSOptions = {}): Bun.TLSOptions => ({
  serverName,
  ca: Bun.file(at("ca.crt")),
  ...more,
});
const pair = (name: string) => ({ certificate: at(`${name}.crt`), key: at(`${name}.key`) });

describe("TLS from clients", () => {
  test("ends at the proxy, with half-close: the answer comes after the client has said that this was all", async () => {
    const proxy = await proxied(await serve(answerAtEnd), { tls: pair("a") });
    expect(await ask(proxy.port, hello, trust("a.example"))).toMatchObject({ text: "got hello", ok: true });
  });

  test("curl and openssl get through", async () => {
    const proxy = await proxied(await serve(web), { tls: pair("a") });
    const answer = await run(["curl", "-sS", "--cacert", at("ca.crt"), `https://localhost:${proxy.port}/`]);
    expect(answer).toBe("hello");
    const words = ["openssl", "s_client", "-connect", `127.0.0.1:${proxy.port}`, "-servername", "a.example"];
    const told = await run(
      [...words, "-CAfile", at("ca.crt"), "-verify_return_error", "-ign_eof"],
      "GET / HTTP/1.0\r\n\r\n",
    );
    expect(told).toContain("Verify return code: 0 (ok)");
    expect(told).toContain("hello");
  });

  test("megabytes pass unharmed in both directions", async () => {
    const proxy = await proxied(await serve(answerAtEnd), { tls: pair("a") });
    const bytes = Buffer.alloc(3_000_000, "abcdefg");
    const heard: Buffer[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    let left: Uint8Array = bytes;
    const push = (socket: Bun.Socket) => {
      if (left.length === 0) return;
      left = left.subarray(Math.max(0, socket.write(left)));
      if (left.length === 0) socket.shutdown();
    };
    void Bun.connect({
      hostname: "127.0.0.1",
      port: proxy.port,
      allowHalfOpen: true,
      tls: trust("a.example"),
      socket: {
        handshake: (socket) => push(socket),
        drain: (socket) => push(socket),
        data: (_, chunk) => void heard.push(Buffer.from(chunk)),
        close: () => resolve(),
      },
    });
    await promise;
    expect(Buffer.concat(heard).equals(Buffer.concat([Buffer.from("got "), bytes]))).toBe(true);
  });

  test("the certificate is the one for the name that the client asks for, else the first", async () => {
    const proxy = await proxied(await serve(answerAtEnd), { tls: { ...pair("a"), more: [pair("b")] } });
    for (const [name, ok] of [
      ["a.example", true],
      ["b.example", true],
      ["some.wild.example", true],
      ["c.example", false],
    ] as const) {
      expect((await ask(proxy.port, hello, trust(name))).ok, name).toBe(ok);
    }
  });

  test("protocols are agreed upon in the server's order", async () => {
    const proxy = await proxied(await serve(answerAtEnd), { tls: { ...pair("a"), alpn: ["h2", "http/1.1"] } });
    const offer = (...names: string[]) =>
      ask(proxy.port, hello, trust("a.example", { ALPNProtocols: protocolList(names) }));
    expect((await offer("http/1.1", "h2")).alpn).toBe("h2");
    expect((await offer("http/1.1")).alpn).toBe("http/1.1");
    expect((await offer("spdy/3")).ok).toBe(false);
    expect((await ask(proxy.port, hello, trust("a.example"))).ok).toBe(true);
  });

  test("clients show a certificate where it is required, and a wrong one is refused even where it is not", async () => {
    const show = (name: string): Bun.TLSOptions => ({
      cert: Bun.file(at(`${name}.crt`)),
      key: Bun.file(at(`${name}.key`)),
    });
    const port = await serve(answerAtEnd);
    for (const [wanted, none, right, wrong] of [
      ["required", "", "got hello", ""],
      ["optional", "got hello", "got hello", ""],
    ] as const) {
      const tls = { ...pair("a"), client_certificates: wanted, client_ca: at("ca.crt") };
      const proxy = await proxied(port, { tls });
      expect((await ask(proxy.port, hello, trust("a.example"))).text, wanted).toBe(none);
      expect((await ask(proxy.port, hello, trust("a.example", show("client")))).text, wanted).toBe(right);
      expect((await ask(proxy.port, hello, trust("a.example", show("stranger")))).text, wanted).toBe(wrong);
      expect(proxy.counts.accepted).toBe(wanted === "required" ? 1 : 2);
    }
  });

  test("who speaks something else never becomes a connection", async () => {
    const proxy = await proxied(await serve(answerAtEnd), { tls: pair("a") });
    await ask(proxy.port, [Buffer.from("GET / HTTP/1.0\r\n\r\n")]);
    expect(proxy.counts.accepted).toBe(0);
    expect(proxy.turnedAway).toEqual({ headers: 0, handshakes: 1, late: 0, full: 0 });
  });

  test("Certificates: a renewed pair is shown to the next, a broken one is not", async () => {
    const clock = new ManualClock(Date.now());
    await certify("renewed", "a.example", "ca");
    for (const kind of ["key", "crt"]) writeFileSync(at(`used.${kind}`), await Bun.file(at(`a.${kind}`)).text());
    const files = { certificatePath: at("used.crt"), keyPath: at("used.key") };
    const certificates = new Certificates(
      { certificates: [files], clientCertificates: "none", clientCaPath: undefined, alpn: [] },
      clock,
      silentLog,
    );
    const before = certificates.contextFor("a.example");
    renameSync(at("renewed.crt"), at("used.crt"));
    clock.advance(10_000);
    expect(certificates.contextFor("a.example")).toBe(before);
    expect(certificates.problems).toHaveLength(1);
    renameSync(at("renewed.key"), at("used.key"));
    clock.advance(10_000);
    expect(certificates.contextFor("a.example")).not.toBe(before);
    expect(certificates.problems).toEqual([]);
    certificates.stop();
    expect(clock.waiting).toBe(0);
  });
});

describe("TLS to upstreams", () => {
  /** A server with TLS that notes what it was asked. */
  async function tlsServer(
    name: string,
    seen: { name?: unknown; alpn?: unknown; client?: unknown } = {},
  ): Promise<number> {
    const server = createTlsServer(
      {
        cert: await Bun.file(at(`${name}.crt`)).text(),
        key: await Bun.file(at(`${name}.key`)).text(),
        ca: await Bun.file(at("ca.crt")).text(),
        requestCert: true,
        rejectUnauthorized: false,
        ALPNProtocols: ["h2", "http/1.1"],
        allowHalfOpen: true,
      },
      (socket) => {
        Object.assign(seen, {
          name: "servername" in socket ? socket.servername : undefined,
          alpn: socket.alpnProtocol,
          client: socket.authorized,
        });
        socket.on("error", () => undefined);
        answerAtEnd(socket);
      },
    );
    server.on("tlsClientError", () => undefined);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    open.push({ stop: () => server.close() });
    const address = server.address();
    return typeof address === "object" && address ? address.port : 0;
  }

  test("begins at the proxy, with half-close, a name, a protocol and a certificate of our own", async () => {
    const seen = {};
    const proxy = await proxied(await tlsServer("a", seen), {
      upstream_tls: { ca: at("ca.crt"), name: "a.example", alpn: ["http/1.1"], ...pair("client") },
    });
    expect((await ask(proxy.port, hello)).text).toBe("got hello");
    expect(seen).toEqual({ name: "a.example", alpn: "http/1.1", client: true });
  });

  test("name and protocol of the client are passed through", async () => {
    const seen = {};
    const proxy = await proxied(await tlsServer("b", seen), {
      tls: { ...pair("a"), more: [pair("b")], alpn: ["h2", "http/1.1"] },
      upstream_tls: { ca: at("ca.crt"), name: "client", alpn: "client" },
    });
    const alpn = { ALPNProtocols: protocolList(["h2"]) };
    expect((await ask(proxy.port, hello, trust("b.example", alpn))).text).toBe("got hello");
    expect(seen).toMatchObject({ name: "b.example", alpn: "h2" });
  });

  test("an upstream that cannot be verified fails the dial, unless nobody asks", async () => {
    const port = await tlsServer("a");
    for (const [upstream_tls, text, refused] of [
      [{ ca: at("ca.crt"), name: "b.example" }, "", 1],
      [{ name: "a.example" }, "", 1],
      [{ ca: at("ca.crt"), name: "a.example" }, "got hello", 0],
      [{ verify: false }, "got hello", 0],
    ] as const) {
      const proxy = await proxied(port, { upstream_tls });
      expect((await ask(proxy.port, hello)).text, JSON.stringify(upstream_tls)).toBe(text);
      await until(() => (proxy.upstreams[0]?.failuresBy.get("refused") ?? 0) === refused);
      expect(proxy.upstreams[0]?.active).toBe(0);
    }
  });

  test("upstreams that speak no TLS, or never answer, fail in time and leave nothing behind", async () => {
    const plain = await proxied(await serve((socket) => socket.end("nonsense")), { upstream_tls: true });
    expect((await ask(plain.port, hello)).text).toBe("");
    expect(plain.upstreams[0]?.failuresBy.get("refused")).toBe(1);
    const held: Socket[] = [];
    const silent = await proxied(await serve((socket) => held.push(socket)), { upstream_tls: true, dial: "100ms" });
    expect((await ask(silent.port, hello)).text).toBe("");
    expect(silent.upstreams[0]?.failuresBy.get("dial-timeout")).toBe(1);
    await until(() => silent.upstreams[0]?.active === 0 && [...silent.connections()].length === 0);
  });

  test("dials to an upstream that is silent leave no descriptor behind, and one that answers again is met as ever", async () => {
    await using silent = await silentPeer();
    if (silent === undefined) return;
    const table = { upstream_tls: { ca: at("ca.crt"), name: "a.example" }, dial: "150ms", min_samples: 1000 };
    const proxy = await proxied(silent.port, table);
    const [upstream] = proxy.upstreams;
    if (!upstream) throw new Error("There is no upstream");
    // Only once it was silent for a while is it known to be.
    await ask(proxy.port, hello);
    expect(upstream.active).toBe(1);
    const before = openSockets();
    await Promise.all(Array.from({ length: 20 }, () => ask(proxy.port, hello)));
    expect([upstream.failuresBy, upstream.active]).toEqual([new Map([["dial-timeout", 21]]), 1]);
    await until(() => openSockets() <= before);

    const back = await proxied(await tlsServer("a"), { ...table, dial: "10s" });
    const [again] = back.upstreams;
    if (!again) throw new Error("There is no upstream");
    again.silentSinceMs = systemClock.monotonicMs() - 1000;
    expect((await ask(back.port, hello)).text).toBe("got hello");
    expect(again.silentSinceMs).toBe(0);
    await until(() => again.active === 0);
  });

  test("openssl's server is an upstream like any other", async () => {
    const port = freePort();
    const words = [
      "openssl",
      "s_server",
      "-accept",
      `127.0.0.1:${port}`,
      "-www",
      "-cert",
      at("a.crt"),
      "-key",
      at("a.key"),
    ];
    const child = Bun.spawn(words, { stdout: "ignore", stderr: "ignore" });
    open.push({ stop: () => child.kill() });
    const proxy = await proxied(port, { upstream_tls: { ca: at("ca.crt"), name: "a.example" } });
    const url = `http://127.0.0.1:${proxy.port}/`;
    const answer = await untilThat("openssl answers", async () => {
      const told = await run(["curl", "-s", url]);
      return told.includes("s_server") && told;
    });
    expect(answer).toContain("TLSv1.3");
  });
});

test("networkCheck: an upstream with TLS is asked over TLS, and verified as connections are", async () => {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: { cert: Bun.file(at("a.crt")), key: Bun.file(at("a.key")) },
    fetch: () => new Response("well"),
  });
  open.push({ stop: () => server.stop(true) });
  const check = networkCheck(systemClock);
  for (const [name, isWell] of [
    ["a.example", true],
    ["b.example", false],
  ] as const) {
    const upstream_tls = { ca: at("ca.crt"), name, alpn: ["h2"] };
    const { plan, upstreams } = await proxied(server.port ?? 0, { upstream_tls, check_path: "/well" });
    const [upstream] = upstreams;
    const failure = upstream && plan.check ? await check(upstream, plan.check) : "there is none";
    expect(failure === undefined, failure).toBe(isWell);
  }
});

test("a reset of the upstream reaches a client behind a front as a reset", async () => {
  const port = await serve((socket) => socket.once("data", () => socket.resetAndDestroy()));
  const proxy = await proxied(port, { accept_proxy: ["10.0.0.1"] });
  const socket = connect(proxy.port, "127.0.0.1");
  const codes: unknown[] = [];
  socket.on("error", (thrown) => codes.push("code" in thrown ? thrown.code : thrown));
  socket.write("x");
  await until(() => socket.closed);
  expect(codes).toEqual(["ECONNRESET"]);
});

describe("PROXY headers", () => {
  const given = {
    family: "ipv4",
    transport: "stream",
    source: { address: "192.0.2.77", port: 51_372 },
    target: { address: "198.51.100.7", port: 443 },
  } as const;

  /** An upstream that reads a header, and TLS after it where wanted. */
  async function reading(
    headers: ProxyHeader[],
    tls?: { cert: string; key: string },
    answer = answerAtEnd,
  ): Promise<number> {
    return serve((raw) => {
      const reader = new HeaderReader();
      const take = (chunk: Buffer) => {
        const found = reader.take(chunk);
        if (!found) return;
        raw.off("data", take);
        headers.push(found.header);
        raw.pause();
        if (found.rest.length > 0) raw.unshift(Buffer.from(found.rest));
        if (!tls) {
          answer(raw);
          raw.resume();
          return;
        }
        const secured = new TLSSocket(raw, { isServer: true, ...tls });
        secured.allowHalfOpen = true;
        answer(secured);
      };
      raw.on("data", take);
    });
  }

  for (const form of ["v1", "v2", "v2-crc32c"] as const) {
    test(`${form} is sent, with the client's address`, async () => {
      const headers: ProxyHeader[] = [];
      const proxy = await proxied(await reading(headers), { send_proxy: form });
      expect((await ask(proxy.port, hello)).text).toBe("got hello");
      expect(headers[0]).toMatchObject({
        version: form === "v1" ? 1 : 2,
        addresses: {
          family: "ipv4",
          source: { address: "127.0.0.1" },
          target: { address: "127.0.0.1", port: proxy.port },
        },
      });
    });
  }

  test("what came with a header is passed on with ours, in both versions, glued or in pieces", async () => {
    for (const bytes of [lineBytes(given), blockBytes({ addresses: given, checksum: true })]) {
      const headers: ProxyHeader[] = [];
      const proxy = await proxied(await reading(headers), { accept_proxy: ["127.0.0.0/8"], send_proxy: "v2" });
      expect((await ask(proxy.port, [bytes, ...hello])).text).toBe("got hello");
      expect((await ask(proxy.port, [Buffer.concat([bytes, ...hello])])).text).toBe("got hello");
      expect(headers.map(({ addresses }) => addresses)).toEqual([given, given]);
    }
  });

  test("before TLS, and what TLS said goes on as values", async () => {
    const headers: ProxyHeader[] = [];
    const proxy = await proxied(await reading(headers, undefined, web), {
      tls: { ...pair("a"), alpn: ["h2"], client_ca: at("ca.crt") },
      accept_proxy: ["127.0.0.1"],
      send_proxy: "v2",
    });
    // curl sends version 1 before its handshake.
    const shown = ["--cert", at("client.crt"), "--key", at("client.key"), "--cacert", at("ca.crt")];
    await run(["curl", "-sS", "--haproxy-protocol", "--http2", ...shown, `https://localhost:${proxy.port}/`]);
    await until(() => headers.length === 1);
    const [header] = headers;
    expect(header?.addresses).toMatchObject({ family: "ipv4", source: { address: "127.0.0.1" } });
    expect(notesOf(header?.tlvs ?? [])).toMatchObject({
      alpn: "h2",
      authority: "localhost",
      tls: { isTls: true, isVerified: true, version: "TLSv1.3", name: "somebody" },
    });
  });

  test("goes before the handshake with an upstream", async () => {
    const headers: ProxyHeader[] = [];
    const tls = { cert: await Bun.file(at("a.crt")).text(), key: await Bun.file(at("a.key")).text() };
    const proxy = await proxied(await reading(headers, tls), {
      send_proxy: "v2-crc32c",
      upstream_tls: { ca: at("ca.crt"), name: "a.example" },
    });
    expect((await ask(proxy.port, hello)).text).toBe("got hello");
    expect(headers).toHaveLength(1);
    await until(() => proxy.upstreams[0]?.active === 0);
  });

  test("from elsewhere is no header but bytes, and from those who have to send one nothing else gets through", async () => {
    const elsewhere = await proxied(await serve(answerAtEnd), { accept_proxy: ["10.0.0.0/8", "2001:db8::/32"] });
    expect((await ask(elsewhere.port, [lineBytes(given)])).text).toStartWith("got PROXY TCP4");
    const known = await proxied(await serve(answerAtEnd), { accept_proxy: ["127.0.0.1"] });
    expect((await ask(known.port, hello)).text).toBe("");
    expect(known.counts.accepted).toBe(0);
  });

  test("a proxy that speaks for itself is served under its own address", async () => {
    const headers: ProxyHeader[] = [];
    const proxy = await proxied(await reading(headers), { accept_proxy: ["127.0.0.1"], send_proxy: "v1" });
    const local = blockBytes({ addresses: undefined, command: "local", tlvs: tlvsOf({ alpn: "h2" }) });
    expect((await ask(proxy.port, [local, ...hello])).text).toBe("got hello");
    expect(headers[0]?.addresses).toMatchObject({ source: { address: "127.0.0.1" } });
  });
});

test("edgeOf: what does not go together is refused with the reason", () => {
  const table = { name: "p", listen: "127.0.0.1:0", upstreams: ["127.0.0.1:1"] };
  for (const [keys, reason] of [
    [{ accept_proxy: ["10.0.0.0/33"] }, "wanted an address or a net"],
    [{ accept_proxy: ["here"] }, "wanted an address or a net"],
    [{ tls: { certificate: "c", key: "k", client_certificates: "required" } }, "needs client_ca"],
    [{ upstream_tls: { certificate: "c" } }, "certificate and key stand together"],
    [{ tls: { certificate: "c" } }, "tls.key"],
    [{ send_proxy: "v3" }, "send_proxy"],
    [{ send_proxy: "v2", check_path: "/" }, "sends no PROXY header"],
  ] as const) {
    expect(() => plansIn([{ ...table, ...keys }], proxyDefaults)).toThrow(reason);
  }
});

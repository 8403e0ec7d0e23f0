/** The proxy over real sockets: every way in which an upstream can fail or a side can close, and the limits. */
import { describe, expect, test } from "bun:test";
import { connect, createServer, type Server, type Socket } from "node:net";

import { systemClock } from "../../kit/clock.ts";
import { parseAddress } from "../../kit/config/address.ts";
import { silentLog } from "../../kit/log.ts";
import { seededRandom } from "../../kit/random.ts";
import { until } from "../../kit/testing/child-node.ts";
import { freePort } from "../../kit/testing/free-port.ts";
import { breakerDefaults, type BreakerEvent, type BreakerSettings } from "./breaker.ts";
import { networkCheck } from "./checks.ts";
import { proxyDefaults } from "./config.ts";
import type { ProxyPlan, UpstreamPlan } from "./plan.ts";
import { Proxy, type ProxyParts } from "./proxy.ts";
import { openSockets, silentPeer } from "./silent-fixture.ts";

interface Peer extends AsyncDisposable {
  readonly port: number;
  readonly sockets: Socket[];
}

async function serve(serveOne: (socket: Socket) => void, port = 0, host = "127.0.0.1"): Promise<Peer> {
  const sockets: Socket[] = [];
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined);
    sockets.push(socket);
    serveOne(socket);
  });
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  const address = server.address();
  return {
    port: typeof address === "object" && address ? address.port : 0,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const echo = (socket: Socket) => {
  socket.on("data", (bytes) => socket.write(bytes));
  socket.on("end", () => socket.end());
};

const upstreamAt = (port: number, more: Partial<UpstreamPlan> = {}): UpstreamPlan => ({
  name: `127.0.0.1:${port}`,
  address: { host: "127.0.0.1", port },
  isFallback: false,
  maxConnections: 0,
  ...more,
});

type Wanted = Partial<Omit<ProxyPlan, "breaker" | "upstreams">> & {
  breaker?: Partial<BreakerSettings>;
  upstreams: readonly UpstreamPlan[];
};

async function proxied(wanted: Wanted, parts: Partial<ProxyParts> = {}) {
  const events: BreakerEvent[] = [];
  const plan: ProxyPlan = {
    ...proxyDefaults,
    name: "p",
    listen: parseAddress("127.0.0.1:0"),
    ...wanted,
    breaker: { ...breakerDefaults, ...wanted.breaker },
  };
  const failed: unknown[] = [];
  const proxy = new Proxy({
    plan,
    clock: systemClock,
    random: seededRandom(1),
    lookup: () => Promise.resolve([]),
    happened: (_proxy, _upstream, event) => events.push(event),
    changed: () => undefined,
    failed: (thrown) => failed.push(thrown),
    log: silentLog,
    ...parts,
  });
  await proxy.resolve();
  proxy.listen();
  return {
    proxy,
    events,
    ending: (name: string) => new Map<string, number>(proxy.counts.endings).get(name) ?? 0,
    breaker: (index = 0) => {
      const upstream = proxy.upstreams[index];
      if (!upstream) throw new Error("There is no such upstream");
      return upstream.breaker;
    },
    async [Symbol.asyncDispose]() {
      await proxy.stop(0);
      expect(failed).toEqual([]);
      expect(proxy.active).toEqual({ served: 0, queued: 0 });
      expect(proxy.upstreams.map(({ active }) => active)).toEqual(proxy.upstreams.map(() => 0));
    },
  };
}

/** What a client gets that sends a text and, by choice, its end: all bytes until the close, and how it closed. */
function talk(port: number, text: string, options: { end?: boolean } = {}) {
  return new Promise<{ text: string; ending: string; tookMs: number }>((resolve) => {
    const startedMs = performance.now();
    let got = "";
    let ending = "end";
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true }, () => {
      if (text !== "") socket.write(text);
      if (options.end !== false) socket.end();
    });
    socket.on("data", (bytes) => (got += bytes.toString()));
    socket.on("end", () => socket.end());
    socket.on("error", (failure: NodeJS.ErrnoException) => (ending = failure.code ?? failure.message));
    socket.on("close", () => resolve({ text: got, ending, tookMs: performance.now() - startedMs }));
  });
}

describe("proxy: bytes and closing", () => {
  test("defect 3: a client that shuts its side still gets the answer", async () => {
    await using upstream = await serve((socket) => {
      let got = "";
      socket.on("data", (bytes) => (got += bytes.toString()));
      socket.on("end", () => socket.end(`all ${got.length} came`));
    });
    await using made = await proxied({ upstreams: [upstreamAt(upstream.port)] });
    expect(await talk(made.proxy.port, "x".repeat(300_000))).toMatchObject({ text: "all 300000 came", ending: "end" });
    await until("it is counted", () => made.ending("done") === 1);
  });

  test("an upstream that shuts its side first still gets what the client sends", async () => {
    let got = "";
    let isEnded = false;
    await using upstream = await serve((socket) => {
      socket.end("hello");
      socket.on("data", (bytes) => (got += bytes.toString()));
      socket.on("end", () => (isEnded = true));
    });
    await using made = await proxied({ upstreams: [upstreamAt(upstream.port)] });
    const socket = connect({ host: "127.0.0.1", port: made.proxy.port, allowHalfOpen: true });
    let told = "";
    socket.on("data", (bytes) => (told += bytes.toString()));
    await new Promise<void>((resolve) => socket.on("end", () => resolve()));
    expect(told).toBe("hello");
    socket.end("y".repeat(500_000));
    await until("all came", () => isEnded);
    expect(got.length).toBe(500_000);
  });

  test("bytes of both directions at once are the same on both sides, at the pace of slow readers", async () => {
    const sizeBytes = 8 * 2 ** 20;
    const hashOf = () => new Bun.CryptoHasher("sha256");
    const received = hashOf();
    const sentUp = hashOf();
    const sentDown = hashOf();
    const got = hashOf();
    const pour = async (socket: Socket, hash: Bun.CryptoHasher, seed: number) => {
      const random = seededRandom(seed);
      for (let left = sizeBytes; left > 0;) {
        const chunk = Buffer.alloc(Math.min(left, 1 + Math.floor(random() * 400_000)), Math.floor(random() * 256));
        left -= chunk.length;
        hash.update(chunk);
        if (!socket.write(chunk)) await new Promise<void>((resolve) => socket.once("drain", () => resolve()));
      }
      socket.end();
    };
    const slowly = (socket: Socket, hash: Bun.CryptoHasher) =>
      new Promise<void>((resolve) => {
        let count = 0;
        socket.on("data", (bytes: Buffer) => {
          hash.update(bytes);
          if (count++ % 20 !== 0) return;
          socket.pause();
          setImmediate(() => socket.resume());
        });
        socket.on("end", () => resolve());
      });
    let upstreamDone: Promise<unknown> = Promise.resolve();
    await using upstream = await serve((socket) => {
      upstreamDone = Promise.all([slowly(socket, received), pour(socket, sentDown, 2)]);
    });
    await using made = await proxied({ upstreams: [upstreamAt(upstream.port)] });
    const client = connect({ host: "127.0.0.1", port: made.proxy.port, allowHalfOpen: true });
    await Promise.all([slowly(client, got), pour(client, sentUp, 3)]);
    await upstreamDone;
    expect(received.digest("hex")).toBe(sentUp.digest("hex"));
    expect(got.digest("hex")).toBe(sentDown.digest("hex"));
    expect(made.proxy.bytes()).toEqual({ up: sizeBytes, down: sizeBytes });
  });

  test("defect 2: a hundred connections are served at the same time", async () => {
    await using upstream = await serve(echo);
    await using made = await proxied({ upstreams: [upstreamAt(upstream.port)] });
    const sockets = Array.from({ length: 100 }, () => connect({ host: "127.0.0.1", port: made.proxy.port }));
    const answered = sockets.map(
      (socket, index) =>
        new Promise<string>((resolve) => {
          socket.write(`number ${index}`);
          socket.once("data", (bytes) => resolve(bytes.toString()));
        }),
    );
    expect(await Promise.all(answered)).toEqual(sockets.map((_, index) => `number ${index}`));
    expect(made.proxy.active.served).toBe(100);
    for (const socket of sockets) socket.destroy();
  });

  test("a client's reset is a reset to the upstream, and no failure of it", async () => {
    let upstreamEnding = "";
    await using upstream = await serve((socket) => {
      socket.on("error", (failure: NodeJS.ErrnoException) => (upstreamEnding = failure.code ?? ""));
      socket.on("data", () => undefined);
    });
    await using made = await proxied({ upstreams: [upstreamAt(upstream.port)] });
    const socket = connect({ host: "127.0.0.1", port: made.proxy.port }, () => socket.write("x"));
    await until("it came", () => made.proxy.bytes().up === 1);
    socket.resetAndDestroy();
    await until("the upstream saw it", () => upstreamEnding !== "");
    expect(upstreamEnding).toBe("ECONNRESET");
    await until("it is counted", () => made.ending("client-reset") === 1);
    expect(made.breaker().view().failures).toBe(0);
  });

  test("clients that send without reading and go leave nothing behind", async () => {
    let closed = 0;
    await using upstream = await serve((socket) => {
      socket.on("close", () => closed++);
      socket.pipe(socket);
    });
    await using made = await proxied({ upstreams: [upstreamAt(upstream.port)] });
    const count = 30;
    const clients = await Promise.all(
      Array.from({ length: count }, async () => {
        const client = connect({ host: "127.0.0.1", port: made.proxy.port });
        client.on("error", () => undefined);
        client.pause();
        await new Promise((resolve) => client.once("connect", resolve));
        const chunk = Buffer.alloc(65_536);
        const more = () => {
          while (client.writable && client.write(chunk));
        };
        client.on("drain", more);
        more();
        return client;
      }),
    );
    await until("answers wait, while more is sent", () => {
      const all = [...made.proxy.connections()];
      return all.length === count && all.filter(({ down }) => down.isWaiting).length > count / 2;
    });
    for (const client of clients) client.resetAndDestroy();
    await until("no connection is left", () => made.proxy.active.served === 0);
    await until("all are gone at the upstream, too", () => closed === count);
  });

  test("answers half and dies: the half arrives, then the reset", async () => {
    await using upstream = await serve((socket) => {
      socket.once("data", () => socket.write("h".repeat(200_000), () => socket.resetAndDestroy()));
    });
    await using made = await proxied({
      upstreams: [upstreamAt(upstream.port)],
      breaker: { failures: ["reset"], minSamples: 1, failureRatio: 1, backoffMs: 60_000 },
      healthyBytes: 1_000_000,
      healthyMs: 60_000,
    });
    const { ending, text } = await talk(made.proxy.port, "give", { end: false });
    expect(ending).toBe("ECONNRESET");
    expect(text.length).toBeGreaterThan(0);
    expect(made.breaker().state).toBe("open");
    expect(made.ending("upstream-reset")).toBe(1);
  });

  test("an upstream that trickles is healthy from its first byte", async () => {
    await using upstream = await serve((socket) => {
      let left = 5;
      const drip = () => {
        socket.write("t");
        if (--left > 0) setTimeout(drip, 10);
        else socket.end();
      };
      drip();
    });
    await using made = await proxied({ upstreams: [upstreamAt(upstream.port)], firstByteMs: 5000 });
    expect(await talk(made.proxy.port, "go")).toMatchObject({ text: "ttttt", ending: "end" });
    expect(made.breaker().view()).toMatchObject({ successes: 1, failures: 0 });
  });
});

describe("proxy: failing upstreams", () => {
  test("defect 1: an upstream that refuses: four fail, the fifth trips, the sixth is refused at once without a dial", async () => {
    const port = freePort();
    await using made = await proxied({ upstreams: [upstreamAt(port)], breaker: { backoffMs: 60_000 } });
    for (let count = 0; count < 5; count++) await talk(made.proxy.port, "hello", { end: false });
    expect(made.events).toEqual(["fail", "fail", "fail", "fail", "fail", "tripped"]);
    const refused = await talk(made.proxy.port, "hello", { end: false });
    expect(refused.ending).toBe("ECONNRESET");
    expect(refused.tookMs).toBeLessThan(proxyDefaults.dialMs);
    expect(made.proxy.upstreams[0]?.dials).toBe(5);
    expect(made.ending("open")).toBe(1);
  });

  test("an open breaker answers with a close, with bytes, or with an HTTP 503 that can be read to its end", async () => {
    const port = freePort();
    const bytes = new TextEncoder().encode("ERR not now\r\n");
    for (const [refusal, wanted] of [
      ["close", /^$/],
      [{ bytes }, /^ERR not now\r\n$/],
      ["http-503", /^HTTP\/1\.1 503 Service Unavailable\r\n[^]*not answering\n$/],
    ] as const) {
      await using made = await proxied({ upstreams: [upstreamAt(port)], refusal });
      made.breaker().force("open", "a test");
      const answer = await talk(made.proxy.port, `GET / HTTP/1.1\r\n\r\n${"z".repeat(100_000)}`);
      if (refusal === "close") expect(["end", "ECONNRESET", "EPIPE"]).toContain(answer.ending);
      else expect(answer.ending).toBe("end");
      expect(answer.text).toMatch(wanted);
    }
  });

  test("a fetch through an open breaker sees the 503", async () => {
    await using made = await proxied({ upstreams: [upstreamAt(freePort())], refusal: "http-503" });
    made.breaker().force("open", "a test");
    const answer = await fetch(`http://127.0.0.1:${made.proxy.port}/`, { method: "POST", body: "x".repeat(200_000) });
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await answer.text()).toContain("not answering");
  });

  test("an upstream that comes back: the probe goes through, and the breaker closes", async () => {
    const port = freePort();
    await using made = await proxied({
      upstreams: [upstreamAt(port)],
      breaker: { backoffMs: 3000, backoffMaxMs: 3000 },
    });
    for (let count = 0; count < 5; count++) await talk(made.proxy.port, "", { end: false });
    expect(made.breaker().state).toBe("open");
    await using back = await serve(echo, port);
    expect(back.port).toBe(port);
    await until("its delay has passed", () => made.breaker().state === "half-open");
    expect(await talk(made.proxy.port, "are you there")).toMatchObject({ text: "are you there" });
    expect(made.breaker().state).toBe("closed");
    expect(made.events.slice(-2)).toEqual(["ready", "reset"]);
  });

  test("an upstream that resets before its first byte fails", async () => {
    await using upstream = await serve((socket) => socket.once("data", () => socket.resetAndDestroy()));
    await using made = await proxied({ upstreams: [upstreamAt(upstream.port)], breaker: { backoffMs: 60_000 } });
    for (let count = 0; count < 5; count++) await talk(made.proxy.port, "x", { end: false });
    expect(made.breaker().state).toBe("open");
    expect(made.proxy.upstreams[0]?.failuresBy).toEqual(new Map([["reset-early", 5]]));
  });

  test("a reset that meets the first bytes on their way is a reset, too", async () => {
    await using resetting = await serve((socket) => socket.resetAndDestroy());
    await using made = await proxied({ upstreams: [upstreamAt(resetting.port)], breaker: { minSamples: 10_000 } });
    for (let burst = 0; burst < 10; burst++) {
      const all = await Promise.all(Array.from({ length: 50 }, () => talk(made.proxy.port, "x", { end: false })));
      expect(all.filter(({ ending }) => ending === "end")).toEqual([]);
    }
    // Some met it while they were dialed.
    expect([...(made.proxy.upstreams[0]?.failuresBy.keys() ?? [])]).not.toContain("closed-early");
    expect(made.ending("done")).toBe(0);
  });

  test("an upstream that accepts and closes without a byte fails; one that closes after its client did does not", async () => {
    await using closing = await serve((socket) => socket.end());
    await using made = await proxied({ upstreams: [upstreamAt(closing.port)] });
    await talk(made.proxy.port, "", { end: false });
    expect(made.proxy.upstreams[0]?.failuresBy).toEqual(new Map([["closed-early", 1]]));
    await using sink = await serve((socket) => {
      socket.on("data", () => undefined);
      socket.on("end", () => socket.end());
    });
    await using fine = await proxied({ upstreams: [upstreamAt(sink.port)] });
    expect(await talk(fine.proxy.port, "a line of a log\n")).toMatchObject({ ending: "end" });
    expect(fine.breaker().view()).toMatchObject({ successes: 1, failures: 0 });
  });

  test("an upstream that takes connections and hangs: the first byte is not waited for longer than wanted", async () => {
    await using upstream = await serve((socket) => socket.on("data", () => undefined));
    await using made = await proxied({
      upstreams: [upstreamAt(upstream.port)],
      firstByteMs: 100,
      healthyMs: 20,
      refusal: "http-503",
      breaker: { minSamples: 1, failureRatio: 1, backoffMs: 60_000 },
    });
    const answer = await talk(made.proxy.port, "GET / HTTP/1.1\r\n\r\n", { end: false });
    expect(answer.text).toStartWith("HTTP/1.1 503 ");
    expect(made.breaker().state).toBe("open");
    await until("it is counted", () => made.ending("first-byte-timeout") === 1);
  });

  test("a connection is a success when it has been healthy for a while, not when it ends", async () => {
    await using upstream = await serve((socket) => socket.on("data", () => undefined));
    await using made = await proxied({ upstreams: [upstreamAt(upstream.port)], healthyMs: 50 });
    const socket = connect({ host: "127.0.0.1", port: made.proxy.port });
    await until("it counts", () => made.breaker().view().successes === 1);
    expect(made.proxy.active.served).toBe(1);
    socket.destroy();
  });

  test("dials that were given up leave places for others: each holds one descriptor, not two", async () => {
    await using silent = await silentPeer();
    if (silent === undefined) return;
    await using good = await serve(echo);
    await using made = await proxied({
      upstreams: [upstreamAt(silent.port), upstreamAt(good.port, { isFallback: true })],
      breaker: { minSamples: 4, backoffMs: 60_000 },
      maxConnections: 4,
      queueMs: 20_000,
      dialMs: 1500,
    });
    const first = await Promise.all(["a", "b", "c", "d"].map((text) => talk(made.proxy.port, text)));
    expect(first.map(({ text }) => text)).toEqual(["a", "b", "c", "d"]);
    expect(made.breaker(0).state).toBe("open");
    expect(made.proxy.upstreams[0]?.active).toBe(4);
    const second = await Promise.all(["e", "f"].map((text) => talk(made.proxy.port, text)));
    expect(second.map(({ text }) => text)).toEqual(["e", "f"]);
    await silent.end();
    await until("the system gave the dials up", () => made.proxy.upstreams[0]?.active === 0);
  });

  test("a name with an address that does not take connections: clients and checks go to the other one, and nothing has failed", async () => {
    await using good = await serve(echo);
    // As localhost is two addresses, and most programs listen on one of them.
    const lookup = () => Promise.resolve(["127.0.0.2", "127.0.0.1"]);
    const named = upstreamAt(good.port, { address: { host: "db.example", port: good.port } });
    await using made = await proxied({ upstreams: [named] }, { lookup });
    for (let count = 0; count < 20; count++) expect((await talk(made.proxy.port, "x")).text).toBe("x");
    expect(made.breaker().view()).toMatchObject({ state: "closed", failures: 0 });
    const [upstream] = made.proxy.upstreams;
    const plan = { everyMs: 1000, timeoutMs: 1000, httpPath: undefined, fall: 1 };
    for (let count = 0; count < 4; count++)
      expect(upstream && (await networkCheck(systemClock)(upstream, plan))).toBeUndefined();
    // None of them is left.
    await good[Symbol.asyncDispose]();
    await talk(made.proxy.port, "x", { end: false });
    expect(upstream?.failuresBy).toEqual(new Map([["refused", 1]]));
  });

  test("a name that moves: connections stay where they are, new ones go where it is, and where it was when it is gone", async () => {
    await using here = await serve(echo);
    await using there = await serve(echo, here.port, "127.0.0.3");
    let answer: readonly string[] | undefined = ["127.0.0.1"];
    const lookup = () => (answer ? Promise.resolve(answer) : Promise.reject(new Error("no such name")));
    const named = upstreamAt(here.port, { address: { host: "db.example", port: here.port } });
    await using made = await proxied({ upstreams: [named], resolveMs: 20 }, { lookup });
    const held = connect({ host: "127.0.0.1", port: made.proxy.port });
    await until("it is served", () => here.sockets.length === 1);
    answer = ["127.0.0.3"];
    const [upstream] = made.proxy.upstreams;
    await until("the move is seen", () => upstream?.resolver.addresses[0] === "127.0.0.3");
    expect((await talk(made.proxy.port, "x")).text).toBe("x");
    answer = undefined;
    await until("it is gone", () => upstream?.resolver.failure === "no such name");
    expect((await talk(made.proxy.port, "y")).text).toBe("y");
    expect([here.sockets.length, there.sockets.length]).toEqual([1, 2]);
    const answered = new Promise((resolve) => held.once("data", (bytes) => resolve(bytes.toString())));
    held.write("still here");
    expect(await answered).toBe("still here");
    held.destroy();
  });

  test("a dial that hangs is given up, is a failure, and the next upstream is tried", async () => {
    await using silent = await silentPeer();
    if (silent === undefined) return;
    await using good = await serve(echo);
    await using made = await proxied({
      upstreams: [upstreamAt(silent.port), upstreamAt(good.port)],
      balance: "first",
      dialMs: 1500,
    });
    expect(await talk(made.proxy.port, "hello")).toMatchObject({ text: "hello" });
    expect(made.proxy.upstreams[0]?.failuresBy).toEqual(new Map([["dial-timeout", 1]]));
    await silent.end();
    await until("the system gave the dial up", () => made.proxy.upstreams[0]?.active === 0);
  });

  test("dials to an upstream that is silent leave no descriptor behind when they are given up", async () => {
    await using silent = await silentPeer();
    if (silent === undefined) return;
    await using made = await proxied({
      upstreams: [upstreamAt(silent.port)],
      breaker: { minSamples: 1000 },
      dialMs: 2000,
    });
    await talk(made.proxy.port, "x", { end: false });
    // Only once it was silent for a while is it known to be.
    expect(made.proxy.upstreams[0]?.active).toBe(1);
    const before = openSockets();
    await Promise.all(Array.from({ length: 50 }, () => talk(made.proxy.port, "x", { end: false })));
    expect(made.proxy.upstreams[0]?.failuresBy).toEqual(new Map([["dial-timeout", 51]]));
    expect(made.proxy.upstreams[0]?.active).toBe(1);
    await until("all are closed", () => openSockets() <= before);
    // A client that does not wait takes its dial with it.
    const impatient = connect({ host: "127.0.0.1", port: made.proxy.port });
    await until("it is dialed for", () => made.proxy.upstreams[0]?.active === 2);
    impatient.destroy();
    await until("it is given up", () => made.proxy.upstreams[0]?.active === 1);
    await until("it is closed", () => openSockets() <= before);
    await silent.end();
    await until("the system gave the first up", () => made.proxy.upstreams[0]?.active === 0);
  });

  test("an upstream that was silent and answers again: bytes and ends as ever, whoever says the first", async () => {
    const port = freePort();
    await using made = await proxied({ upstreams: [upstreamAt(port)], breaker: { minSamples: 1000 } });
    const [upstream] = made.proxy.upstreams;
    if (!upstream) throw new Error("There is no upstream");
    // As it is after a dial that nobody answered.
    const beSilent = () => (upstream.silentSinceMs = systemClock.monotonicMs() - 1000);
    beSilent();
    expect(await talk(made.proxy.port, "x", { end: false })).toMatchObject({ ending: "ECONNRESET" });
    expect([upstream.failuresBy, upstream.active]).toEqual([new Map([["refused", 1]]), 0]);
    const large = "0123456789".repeat(1_000_000);
    {
      await using back = await serve(echo, port);
      for (const text of ["hello", large]) {
        beSilent();
        expect(await talk(made.proxy.port, text)).toMatchObject({ text, ending: "end" });
      }
      expect(back.sockets).toHaveLength(2);
    }
    {
      await using first = await serve((socket) => socket.end(large), port);
      beSilent();
      expect(await talk(made.proxy.port, "", { end: false })).toMatchObject({ text: large, ending: "end" });
      expect(first.sockets).toHaveLength(1);
    }
    {
      await using broken = await serve((socket) => socket.resetAndDestroy(), port);
      beSilent();
      expect(await talk(made.proxy.port, "x", { end: false })).toMatchObject({ ending: "ECONNRESET" });
      expect(broken.sockets).toHaveLength(1);
    }
    await until("all are over", () => upstream.active === 0);
  });

  test("thousands of connections at the moment of tripping: each is answered at once, none is lost, all is given back", async () => {
    const port = freePort();
    await using made = await proxied({ upstreams: [upstreamAt(port)], breaker: { backoffMs: 60_000 } });
    const answers = await Promise.all(Array.from({ length: 2000 }, () => talk(made.proxy.port, "x", { end: false })));
    expect(answers.every(({ ending }) => ending === "ECONNRESET" || ending === "EPIPE")).toBe(true);
    expect(made.proxy.counts.accepted).toBe(2000);
    expect(made.ending("open") + made.ending("dial-failed") + made.ending("client-reset")).toBe(2000);
    expect(made.events.filter((event) => event === "tripped")).toHaveLength(1);
    expect(made.breaker().view().trips).toBe(1);
  });
});

describe("proxy: several upstreams", () => {
  test("least connections: each gets as many", async () => {
    await using one = await serve(echo);
    await using two = await serve(echo);
    await using made = await proxied({ upstreams: [upstreamAt(one.port), upstreamAt(two.port)] });
    const sockets = Array.from({ length: 20 }, () => connect({ host: "127.0.0.1", port: made.proxy.port }));
    await until("all are there", () => one.sockets.length + two.sockets.length === 20);
    expect([one.sockets.length, two.sockets.length]).toEqual([10, 10]);
    for (const socket of sockets) socket.destroy();
  });

  test("hash: a client stays with its upstream", async () => {
    await using one = await serve(echo);
    await using two = await serve(echo);
    await using three = await serve(echo);
    await using made = await proxied({
      upstreams: [one, two, three].map(({ port }) => upstreamAt(port)),
      balance: "hash",
    });
    for (let count = 0; count < 12; count++) await talk(made.proxy.port, "x");
    expect([one, two, three].map(({ sockets }) => sockets.length).sort()).toEqual([0, 0, 12]);
  });

  test("a dead upstream costs no client anything, and is put aside; the fallback serves when none other can", async () => {
    const dead = freePort();
    const fallback = await serve((socket) => socket.end("sorry"));
    const ejected: string[] = [];
    {
      await using good = await serve(echo);
      await using made = await proxied(
        {
          upstreams: [upstreamAt(dead), upstreamAt(good.port), upstreamAt(fallback.port, { isFallback: true })],
          breaker: { minSamples: 1000 },
          ejectAfter: 3,
        },
        { ejected: (_proxy, upstream) => ejected.push(upstream.plan.name) },
      );
      for (let count = 0; count < 30; count++) expect((await talk(made.proxy.port, "x")).text).toBe("x");
      expect(ejected).toEqual([`127.0.0.1:${dead}`]);
      expect(made.proxy.upstreams[0]?.failures).toBe(3);
      made.breaker(1).force("open", "a test");
      made.breaker(0).force("open", "a test");
      expect((await talk(made.proxy.port, "x")).text).toBe("sorry");
    }
    await fallback[Symbol.asyncDispose]();
  });
});

describe("proxy: limits of its own", () => {
  test("connections: so many are served, so many wait for a while, the rest is refused; none is held against the upstream", async () => {
    await using upstream = await serve(echo);
    await using made = await proxied({
      upstreams: [upstreamAt(upstream.port)],
      maxConnections: 2,
      queue: 2,
      queueMs: 60_000,
    });
    const held = [1, 2].map(() => connect({ host: "127.0.0.1", port: made.proxy.port }));
    await until("two are served", () => made.proxy.active.served === 2);
    const waiting = [talk(made.proxy.port, "third"), talk(made.proxy.port, "fourth")];
    await until("two wait", () => made.proxy.active.queued === 2);
    expect((await talk(made.proxy.port, "fifth", { end: false })).ending).toBe("ECONNRESET");
    for (const socket of held) socket.end();
    expect((await Promise.all(waiting)).map(({ text }) => text)).toEqual(["third", "fourth"]);
    expect(made.breaker().view().failures).toBe(0);
    expect(made.ending("full")).toBe(1);
  });

  test("the queue is not for ever", async () => {
    await using upstream = await serve(echo);
    await using made = await proxied({
      upstreams: [upstreamAt(upstream.port, { maxConnections: 1 })],
      queue: 5,
      queueMs: 50,
    });
    const held = connect({ host: "127.0.0.1", port: made.proxy.port });
    await until("one is served", () => made.proxy.active.served === 1);
    expect((await talk(made.proxy.port, "x", { end: false })).ending).toBe("ECONNRESET");
    held.destroy();
  });

  test("a client may have so many connections, and so many new ones a second", async () => {
    await using upstream = await serve(echo);
    await using few = await proxied({ upstreams: [upstreamAt(upstream.port)], maxPerClient: 1 });
    const held = connect({ host: "127.0.0.1", port: few.proxy.port });
    await until("one is served", () => few.proxy.active.served === 1);
    await talk(few.proxy.port, "x", { end: false });
    expect(few.ending("client-connections")).toBe(1);
    held.destroy();
    await until("it is gone", () => few.proxy.active.served === 0);
    expect((await talk(few.proxy.port, "x")).text).toBe("x");
    await using slow = await proxied({ upstreams: [upstreamAt(upstream.port)], ratePerClient: 2 });
    for (let count = 0; count < 5; count++) await talk(slow.proxy.port, "x");
    expect(slow.ending("client-rate")).toBeGreaterThan(0);
    expect(slow.breaker().view().failures).toBe(0);
  });

  test("idle connections are closed", async () => {
    await using upstream = await serve(echo);
    await using made = await proxied({ upstreams: [upstreamAt(upstream.port)], idleMs: 2000 });
    const answer = await talk(made.proxy.port, "x", { end: false });
    expect(answer.text).toBe("x");
    expect(made.ending("idle")).toBe(1);
  });

  test("drain: no new ones, those there go on to their end", async () => {
    await using upstream = await serve(echo);
    await using made = await proxied({ upstreams: [upstreamAt(upstream.port)] });
    const socket = connect({ host: "127.0.0.1", port: made.proxy.port });
    await until("it is served", () => made.proxy.active.served === 1);
    let isDrained = false;
    const drained = made.proxy.drain(60_000).then(() => (isDrained = true));
    expect((await talk(made.proxy.port, "", { end: false })).ending).toBe("ECONNREFUSED");
    const answer = new Promise((resolve) => socket.once("data", (bytes) => resolve(bytes.toString())));
    socket.write("still here");
    expect(await answer).toBe("still here");
    expect(isDrained).toBe(false);
    socket.end();
    await drained;
    made.proxy.listen();
    expect((await talk(made.proxy.port, "again")).text).toBe("again");
  });
});

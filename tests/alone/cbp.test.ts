/**
 * cbp from outside: in the place of its predecessor, with its flags, figures, datagrams and start errors; as a service of
 * the whole, with its page and what an operator can do; and a gibibyte each way through the real program.
 */
import { describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ChildNode, runProgram, startChild, until } from "../../src/kit/testing/child-node.ts";
import { freePort } from "../../src/kit/testing/free-port.ts";
import { services } from "../../src/services.ts";

const portOf = (node: ChildNode, name: string) =>
  Number(new RegExp(`^cbp ${name} +\\S+:(\\d+)$`, "m").exec(node.output())?.[1]);

async function listening(serve: (socket: Socket) => void, port = 0) {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined);
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const address = server.address();
  return {
    port: typeof address === "object" && address ? address.port : 0,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

/** What comes for a text until the close. */
function talk(port: number, text: string, halfOpen = true): Promise<string> {
  return new Promise((resolve) => {
    let got = "";
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true }, () => {
      socket.write(text);
      if (halfOpen) socket.end();
    });
    socket.on("data", (bytes) => (got += bytes.toString()));
    socket.on("end", () => socket.end());
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(got));
  });
}

const vars = async (node: ChildNode) =>
  (await (await fetch(`${node.url}/debug/vars`)).json()) as { state: string; events: number; connections: number };

describe("in the place of the predecessor", () => {
  test("flags of either style: dead upstream, datagrams to the letter, figures, and the upstream comes back", async () => {
    const upstreamPort = freePort();
    const got: string[] = [];
    const statsd = createSocket("udp4");
    statsd.on("message", (bytes) => got.push(bytes.toString()));
    await new Promise<void>((resolve) => statsd.bind(0, "127.0.0.1", () => resolve()));
    await using node = await startChild({
      words: [
        "cbp",
        ..."-l 127.0.0.1:0 --t 0.5 -ms=5 -v -window-time 60000 --window-buckets=6 -e 127.0.0.1:0".split(" "),
        ...`-r=127.0.0.1:${upstreamPort} -statsd 127.0.0.1:${statsd.address().port}`.split(" "),
        ..."-metric-base=test -metric-name db".split(" "),
      ],
      listen: "",
    });
    const port = portOf(node, "cbp");
    expect(await vars(node)).toMatchObject({ state: "ready", events: 0, connections: 0, cmdline: ["cbp"] });
    for (let count = 0; count < 4; count++) await talk(port, "x", false);
    expect(await vars(node)).toMatchObject({ state: "fail", events: 4, connections: 4 });
    await talk(port, "x", false);
    expect(await vars(node)).toMatchObject({ state: "tripped", events: 6, connections: 5 });
    await using back = await listening((socket) => socket.pipe(socket), upstreamPort);
    expect(back.port).toBe(upstreamPort);
    await until("it has come back", async () => (await talk(port, "hello")) === "hello");
    expect((await vars(node)).state).toBe("reset");
    await until("all datagrams came", () => got.length === 9);
    expect(got.slice(0, 8)).toEqual([
      ...Array.from({ length: 5 }, () => "test.db.fail:1|c"),
      "test.db.tripped:1|c",
      "test.db.ready:1|c",
      "test.db.reset:1|c",
    ]);
    expect(got[8]).toMatch(/^test\.db\.trip-time:\d+\|ms$/);
    statsd.close();
    expect(await node.end()).toBe(0);
  });

  test("what cannot be started ends with its words and 1", async () => {
    await using taken = await listening(() => undefined);
    const at = `127.0.0.1:${taken.port}`;
    for (const [words, message] of [
      [["-l", at], `cannot bind to local port: ${at}: EADDRINUSE`],
      [["-l", "no-such-host.invalid:1"], "cannot resolve local address: no-such-host.invalid: "],
      [["-l", "127.0.0.1:0", "-r", "no-such-host.invalid:80"], "cannot resolve remote address: no-such-host.invalid: "],
    ] as const) {
      const folder = mkdtempSync(join(tmpdir(), "warren-cbp-"));
      const ended = await runProgram(["cbp", ...words, "-e", "127.0.0.1:0"], { folder });
      rmSync(folder, { recursive: true, force: true });
      expect({ code: ended.exitCode, stderr: ended.stderr }).toMatchObject({ code: 1 });
      expect(ended.stderr).toContain(message);
    }
  });

  test("two at once in one folder, the second with its port for figures taken", async () => {
    await using upstream = await listening((socket) => socket.end("hi"));
    const folder = mkdtempSync(join(tmpdir(), "warren-cbp-"));
    const words = ["cbp", "-l", "127.0.0.1:0", "-r", `127.0.0.1:${upstream.port}`];
    {
      await using first = await startChild({ folder, listen: "", words: [...words, "-e", "127.0.0.1:0"] });
      const port = new URL(first.url).port;
      await using second = await startChild({ listen: "", words: [...words, "-e", `127.0.0.1:${port}`] });
      expect(await talk(portOf(second, "cbp"), "")).toBe("hi");
      expect((await vars(second)).connections).toBe(1);
    }
    rmSync(folder, { recursive: true, force: true });
  });
});

describe("as one of the services", () => {
  // What has nothing to do with it is left out.
  const others = Object.fromEntries(
    services
      .filter(({ name }) => name !== "cbp" && name !== "series")
      .map(({ name }) => [`WARREN_${name.toUpperCase()}_ENABLED`, "false"]),
  );

  test("without a proxy: a page, and nothing else", async () => {
    await using node = await startChild({ environment: others });
    const page = await fetch(`${node.url}/cbp/`);
    expect([page.status, (await page.text()).includes("No proxy is configured")]).toEqual([200, true]);
    expect(await (await fetch(`${node.url}/cbp/status.json`)).json()).toEqual({ proxies: [] });
    expect(node.output()).not.toMatch(/^cbp \S+ +\S+:\d+$/m);
  });

  test("proxies from the file: forced, drained, checked, logged, counted and told to the store", async () => {
    await using good = await listening((socket) => socket.end("good"));
    await using spare = await listening((socket) => socket.end("spare"));
    const config = `
[cbp]
access_log = "connections.log"
[[cbp.proxies]]
name = "web"
listen = "127.0.0.1:0"
check = "100ms"
upstreams = [{ address = "127.0.0.1:${good.port}", name = "main" }, { address = "127.0.0.1:${spare.port}", name = "spare", fallback = true }]
[[cbp.proxies]]
name = "dark"
listen = "127.0.0.1:0"
refuse_with = "http-503"
upstreams = ["127.0.0.1:${freePort()}"]
check = "50ms"
check_fall = 2
backoff = "1m"
`;
    await using node = await startChild({ config, environment: others });
    const web = portOf(node, "web");
    expect(await talk(web, "")).toBe("good");
    const act = (path: string, body: object) =>
      fetch(`${node.url}/cbp/proxy/${path}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
    expect((await act("web/force", { mode: "open", upstream: "main" })).status).toBe(200);
    expect(await talk(web, "")).toBe("spare");
    expect((await act("web/force", { mode: "sideways" })).status).toBe(400);
    expect((await act("web/force", { mode: "open", upstream: "none" })).status).toBe(404);
    expect((await act("none/force", { mode: "open" })).status).toBe(404);
    const listed = await runProgram(["cbp", "list", "--server", `${node.url}/cbp`]);
    expect(listed.stdout).toMatch(/^ {2}main {2}forced-open, 0 open$/m);
    const forced = await runProgram(["cbp", "force", "--server", `${node.url}/cbp`, "web", "auto"]);
    expect(forced).toMatchObject({ exitCode: 0 });
    expect(await talk(web, "")).toBe("good");
    expect((await act("web/drain", {})).status).toBe(200);
    expect(await talk(web, "")).toBe("");
    expect((await act("web/listen", {})).status).toBe(200);
    expect(await talk(web, "")).toBe("good");

    // Its checks have opened the breaker before any user came, who is told at once.
    const dark = async (path: string) => {
      const { upstreams } = (await (await fetch(`${node.url}/cbp/proxy/${path}`)).json()) as {
        upstreams: { state: string; retryInMs: number }[];
      };
      return upstreams[0];
    };
    await until("checks have opened it", async () => (await dark("dark/"))?.state === "open");
    const { retryInMs, state } = (await dark("dark")) ?? {};
    expect([state, Number.isInteger(retryInMs)]).toEqual(["open", true]);
    expect(await talk(portOf(node, "dark"), "GET / HTTP/1.1\r\n\r\n")).toStartWith("HTTP/1.1 503 ");

    const html = await (await fetch(`${node.url}/cbp/`)).text();
    expect(html).toContain("Nothing passes dark: its breakers are open.");
    expect(html).toContain("somebody wanted it");
    const metrics = await (await fetch(`${node.url}/metrics`)).text();
    expect(metrics).toMatch(/^warren_cbp_breaker\{proxy="dark",upstream="[^"]+",state="open"\} 1$/m);
    expect(metrics).toMatch(/^warren_cbp_accepted_total\{proxy="web"\} 4$/m);
    const events = await until("the store has the event", async () => {
      const answer = await fetch(`${node.url}/series/events/get_data?from=-1h&tags=dark`);
      const found = (await answer.json()) as { what: string }[];
      return found.length > 0 && found;
    });
    expect(events[0]?.what).toContain("its breaker went from closed to open: 2 checks failed");
    const path = join(node.folder, "connections.log");
    const lines = await until("it is logged", async () => {
      const text = (await Bun.file(path).exists()) ? readFileSync(path, "utf8") : "";
      return text.split("\n").length > 5 && text.trimEnd().split("\n");
    });
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      proxy: "web",
      client: "127.0.0.1",
      upstream: "main",
      ending: "done",
      up_bytes: 0,
      down_bytes: 4,
    });
  });

  test("told to stop: no new connections, those there end by themselves, and the program after them", async () => {
    await using upstream = await listening((socket) => socket.pipe(socket));
    await using node = await startChild({
      words: ["cbp", "--local", "127.0.0.1:0", "--remote", `127.0.0.1:${upstream.port}`],
    });
    const port = portOf(node, "cbp");
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    const got: string[] = [];
    socket.on("data", (bytes) => got.push(bytes.toString()));
    socket.write("before");
    await until("it is served", () => got.join("") === "before");
    const ended = node.end("SIGTERM");
    await until("nobody is taken any more", async () => (await talk(port, "x")) === "");
    socket.write(" and after");
    await until("it is still served", () => got.join("") === "before and after");
    socket.end();
    expect(await ended).toBe(0);
  });

  test("a wrong table is told with its place", async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-cbp-"));
    const at = (table: string) => ({ folder, environment: { WARREN_CBP_PROXIES: table } });
    for (const [table, words] of [
      ['[{"name":"a"}]', "number 1 cannot be used: listen"],
      ['[{"name":"a","listen":"127.0.0.1:1","upstreams":["x:1"],"widnow":"1s"}]', "widnow"],
      [
        '[{"name":"a","listen":"127.0.0.1:1","upstreams":["x:1"],"users_probe":false}]',
        "users_probe = false needs check",
      ],
    ] as const) {
      const ended = await runProgram(["check"], at(table));
      expect(ended.exitCode).toBe(1);
      expect(ended.stdout + ended.stderr).toContain(words);
    }
    rmSync(folder, { recursive: true, force: true });
  });
});

describe("bytes", () => {
  // Of a length that has nothing to do with that of any buffer, so that what is out of place differs.
  const block = Buffer.from(Uint8Array.from({ length: 1_000_003 }, (_, at) => (at * 2_654_435_761) >>> 13));
  const totalBytes = 2 ** 30;

  /** Sends the pattern with back-pressure, then the end. */
  async function pour(socket: Socket): Promise<void> {
    for (let sent = 0; sent < totalBytes;) {
      const from = sent % block.length;
      const part = block.subarray(from, Math.min(block.length, from + totalBytes - sent));
      sent += part.length;
      if (!socket.write(part)) await new Promise<void>((resolve) => socket.once("drain", () => resolve()));
    }
    socket.end();
  }

  /** Compares what comes with the pattern; resolves with how much came and how much of it was wrong, after the end. */
  function compare(socket: Socket): Promise<{ bytes: number; wrong: number }> {
    return new Promise((resolve) => {
      let bytes = 0;
      let wrong = 0;
      socket.on("data", (chunk: Buffer) => {
        for (let at = 0; at < chunk.length;) {
          const from = bytes % block.length;
          const size = Math.min(chunk.length - at, block.length - from);
          if (chunk.compare(block, from, from + size, at, at + size) !== 0) wrong++;
          bytes += size;
          at += size;
        }
      });
      socket.on("end", () => resolve({ bytes, wrong }));
    });
  }

  for (const first of ["client", "upstream"] as const) {
    test(`a gibibyte each way is the same byte for byte, and the ${first} says its end first`, async () => {
      let atUpstream: Promise<{ bytes: number; wrong: number }> | undefined;
      await using upstream = await listening((socket) => {
        atUpstream = compare(socket);
        // The other side begins when it has seen the end of the first.
        void (first === "upstream" ? pour(socket) : atUpstream.then(() => pour(socket)));
      });
      await using node = await startChild({
        words: ["cbp", "--local", "127.0.0.1:0", "--remote", `127.0.0.1:${upstream.port}`],
      });
      const socket = connect({ host: "127.0.0.1", port: portOf(node, "cbp"), allowHalfOpen: true });
      const atClient = compare(socket);
      await (first === "client" ? pour(socket) : atClient.then(() => pour(socket)));
      expect(await atClient).toEqual({ bytes: totalBytes, wrong: 0 });
      expect(await atUpstream).toEqual({ bytes: totalBytes, wrong: 0 });
      await until("it is over", async () => {
        const { proxies } = (await (await fetch(`${node.url}/status.json`)).json()) as {
          proxies: { connections: number; endings: Record<string, number> }[];
        };
        return proxies[0]?.connections === 0 && proxies[0].endings["done"] === 1;
      });
    }, 180_000);
  }
});

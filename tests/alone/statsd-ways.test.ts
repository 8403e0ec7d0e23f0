/**
 * statsd from outside: the real program on free ports, in every way in and out that it has, with what the end-to-end tests
 * of its predecessor assert, and with what went wrong there.
 */
import { describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ChildNode, runProgram, startChild, until } from "../../src/kit/testing/child-node.ts";
import { startFakeCarbon } from "../../src/kit/testing/fake-carbon.ts";

const portOf = (node: ChildNode, purpose: string) =>
  Number(new RegExp(`^statsd ${purpose} +\\S+:(\\d+)$`, "m").exec(node.output())?.[1]);
const words = ["statsd", "--flush-every", "200ms"];

async function send(port: number, ...packets: (string | Uint8Array)[]): Promise<void> {
  const socket = createSocket("udp4");
  for (const packet of packets) {
    await new Promise<void>((resolve, reject) =>
      socket.send(packet, port, "127.0.0.1", (failure) => (failure ? reject(failure) : resolve())),
    );
  }
  await new Promise<void>((resolve) => socket.close(() => resolve()));
}

/** Writes pieces to a socket, one after another, and gives what came back by the end. */
function talk(to: { port: number } | { path: string }, ...pieces: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect({ host: "127.0.0.1", ...to } as { port: number; host: string }, async () => {
      socket.setNoDelay(true);
      for (const piece of pieces) {
        await new Promise<void>((written) => socket.write(piece, () => written()));
        await new Promise<void>((turn) => setImmediate(turn));
      }
      socket.end();
    });
    socket.on("data", (chunk) => (answer += chunk.toString()));
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
  });
}

describe("ways in and out", () => {
  test("statsd: by UDP, TCP in pieces and a unix socket in, by line and pickle out, at the same time", async () => {
    await using line = await startFakeCarbon("line");
    await using pickle = await startFakeCarbon("pickle");
    const folder = mkdtempSync(join(tmpdir(), "warren-statsd-"));
    const path = join(folder, "s");
    const targets = ["--graphite", `127.0.0.1:${line.port}`, "--graphite-pickle", `127.0.0.1:${pickle.port}`];
    await using node = await startChild({ words: [...words, ...targets, "--unix", path] });
    await send(portOf(node, "udp"), "by.udp:1|c\nby.udp:2|c", "g:70|g");
    await talk({ port: portOf(node, "tcp") }, "by.t", "cp:4", "|c\nby.tcp:1|", "c\nby.tcp:2|c");
    await talk({ path }, "by.unix:9|c\n");
    for (const carbon of [line, pickle]) {
      const sum = (name: string) => carbon.values(`stats_counts.${name}`).reduce((all, one) => all + one, 0);
      await until("all is flushed", () => sum("by.udp") === 3 && sum("by.tcp") === 7 && sum("by.unix") === 9);
      await until("the gauge as well", () => carbon.value("stats.gauges.g") === 70);
      await until(
        "it tells of its flush before",
        () => (carbon.value("stats.statsd.graphiteStats.flush_length") ?? 0) > 0,
      );
    }
    await send(portOf(node, "udp"), "last:5|c");
    await until("it came", async () => (await talk({ port: portOf(node, "admin") }, "counters\n")).includes("last:"));
    await node.end();
    await until("its last words were read", () => line.values("stats_counts.last").includes(5));
    expect(line.values("stats_counts.last").reduce((all, one) => all + one, 0)).toBe(5);
    rmSync(folder, { recursive: true, force: true });
  });

  test("statsd: by a unix datagram socket, beside one that cannot be opened", async () => {
    if (process.platform !== "linux" || Bun.which("python3") === null) return;
    await using line = await startFakeCarbon("line");
    const folder = mkdtempSync(join(tmpdir(), "warren-statsd-"));
    const [path, taken] = [join(folder, "s"), join(folder, "taken")];
    writeFileSync(taken, "");
    const sockets = ["--unix-datagram", `${path},${taken}`, "--unix-datagram-mode", "0660"];
    await using node = await startChild({ words: [...words, "--graphite", `127.0.0.1:${line.port}`, ...sockets] });
    expect(node.output()).toContain(
      `Cannot take metrics at ${taken} (unix datagram): there is something that is no socket`,
    );
    const code = "import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect(sys.argv[1])";
    const sends = `${code}\nfor _ in range(1000): s.send(b'by.datagram:1|c\\nby.datagram:2|c')`;
    expect(Bun.spawnSync(["python3", "-c", sends, path]).exitCode).toBe(0);
    const sum = () => line.values("stats_counts.by.datagram").reduce((all, one) => all + one, 0);
    await until("all is flushed", () => sum() === 3000);
    await node.end();
    expect(existsSync(path)).toBe(false);
    rmSync(folder, { recursive: true, force: true });
  });

  test("statsd: Python reads what is sent as a pickle", async () => {
    if (Bun.which("python3") === null) {
      console.log("skipped: there is no python3");
      return;
    }
    let bytes: Uint8Array = new Uint8Array(0);
    const server = createServer((socket) => {
      socket.on("data", (chunk: Buffer) => (bytes = Buffer.concat([bytes, chunk])));
      socket.on("error", () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    {
      await using node = await startChild({ words: [...words, "--graphite-pickle", `127.0.0.1:${port}`] });
      await send(portOf(node, "udp"), "a.b:250|c|#tag1:val1");
      await until("a frame is there", () => Buffer.from(bytes).includes("a.b;tag1=val1"));
    }
    server.close();
    const script = `
import pickle, struct, sys
data = sys.stdin.buffer.read()
names = []
while len(data) >= 4:
    size = struct.unpack("!L", data[:4])[0]
    if len(data) < 4 + size: break
    names += [name for name, (at, value) in pickle.loads(data[4:4 + size]) if float(value) == 250 and int(at) > 1e9]
    data = data[4 + size:]
print(" ".join(names))`;
    const python = Bun.spawnSync(["python3", "-c", script], { stdin: bytes });
    expect(python.stdout.toString().trim()).toBe("stats_counts.a.b;tag1=val1");
  });

  test("statsd: a Graphite that is away gets what it missed, over a restart of statsd too", async () => {
    await using carbon = await startFakeCarbon();
    const folder = mkdtempSync(join(tmpdir(), "warren-statsd-"));
    const start = () => startChild({ words: [...words, "--graphite", `127.0.0.1:${carbon.port}`], folder });
    await carbon.leave();
    {
      await using node = await start();
      await send(portOf(node, "udp"), "missed:7|c");
      await until("it waits on disk", async () =>
        /"spooledBytes":[1-9]/.test(await (await fetch(`${node.url}/status.json`)).text()),
      );
      const ready = (await (await fetch(`${node.url}/status.json`)).json()) as { findings: { sentence: string }[] };
      expect(ready.findings.map(({ sentence }) => sentence).join()).toContain("wait on disk");
      await node.end();
    }
    await carbon.comeBack();
    await using _node = await start();
    await until("it is caught up with", () => carbon.values("stats_counts.missed").includes(7));
    rmSync(folder, { recursive: true, force: true });
  });

  test("statsd: other statsds get every packet, by UDP and by TCP", async () => {
    await using carbon = await startFakeCarbon();
    await using target = await startChild({ words: [...words, "--graphite", `127.0.0.1:${carbon.port}`] });
    const repeat = `udp://127.0.0.1:${portOf(target, "udp")},tcp://127.0.0.1:${portOf(target, "tcp")}`;
    await using node = await startChild({ words: [...words, "--repeat", repeat] });
    await send(portOf(node, "udp"), "twice:1|c", "twice:2|c\n");
    await until("both came twice", () => carbon.values("stats_counts.twice").reduce((all, one) => all + one, 0) === 6);
  });

  test("statsd: Prometheus's text, lines by HTTP, and the page", async () => {
    await using node = await startChild({ words });
    const sent = await fetch(`${node.url}/send`, { method: "POST", body: "http.in:5|c|#a:b\nbad" });
    expect([sent.status, await sent.json()]).toEqual([202, { bad: 1 }]);
    const text = await (await fetch(`${node.url}/prometheus`)).text();
    expect(text).toContain('http_in_total{a="b"} 5\n');
    expect(await (await fetch(`${node.url}/metrics`)).text()).toContain("warren_statsd_bad_lines_total 1\n");
    const page = await (await fetch(`${node.url}/`)).text();
    expect(page).toContain("it has no value");
    expect((await fetch(`${node.url}/nowhere`)).status).toBe(404);
    expect((await fetch(`${node.url}/send`)).status).toBe(405);
  });
});

test("statsd: values and events are kept by the store of the same program", async () => {
  const others = ["cask", "hakmes", "reticulum", "chimney", "mountwatch", "mediacheck"].flatMap((name) => [
    "--set",
    `${name}.enabled=false`,
  ]);
  await using node = await startChild({ words: ["up", ...others, "--set", "statsd.flush_every=500ms"] });
  await send(portOf(node, "udp"), "kept.here:70|g|#env:prod\n_e{6,5}:Deploy|1.2.3|t:success|#app:shop");
  await until("the value can be asked for", async () => {
    const target = "target=stats.gauges.kept.here%3Benv%3Dprod&from=-1min&format=json";
    const text = await (await fetch(`${node.url}/series/render?${target}`)).text();
    return text.includes("[70");
  });
  await until("the event can be asked for", async () => {
    const text = await (await fetch(`${node.url}/series/events/get_data?from=-5min`)).text();
    return text.includes("Deploy") && text.includes("app:shop");
  });
});

describe("the admin port", () => {
  test("statsd: every command of the original, to the letter", async () => {
    await using node = await startChild({ words });
    const port = portOf(node, "admin");
    await send(portOf(node, "udp"), "c.one:1|c\nc.two:1|c\nc.two.x:1|c\ng:5|g\n__proto__:1|ms");
    await until("it came", async () => (await talk({ port }, "gauges\n")).includes("g: 5"));
    expect(await talk({ port }, "health\nhealth down\n", "health\nhealth up\n")).toBe(
      "health: up\nhealth: down\nhealth: down\nhealth: up\n",
    );
    expect(await talk({ port }, "help\n")).toBe(
      "Commands: stats, counters, timers, gauges, delcounters, deltimers, delgauges, health, config, quit\n\n",
    );
    expect(await talk({ port }, "stats\n")).toMatch(
      /^uptime: \d+\nmessages\.last_msg_seen: \d+\nmessages\.bad_lines_seen: 0\nEND\n\n$/,
    );
    expect(await talk({ port }, "timers\n")).toContain("__proto__");
    expect(await talk({ port }, "delcounters c.one nothing c.two.*\n")).toBe(
      "deleted: c.one\nmetric nothing not found\ndeleted: c.two.x\nEND\n\n",
    );
    expect(await talk({ port }, "delgauges g\n")).toBe("deleted: g\nEND\n\n");
    expect(await talk({ port }, "counters\n")).toContain("'c.two'");
    expect(await talk({ port }, "config\n")).toContain("\nflushMs: 200\n");
    expect(await talk({ port }, "dance\n")).toBe("ERROR\n");
    expect(await talk({ port }, "quit\nhealth\n")).toBe("");
    expect(await talk({ port }, "health")).toBe("health: up\n");
  });
});

describe("what goes wrong", () => {
  test("statsd: a port that is taken is named with its owner and its option, and stops nothing else", async () => {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    const taken = socket.address().port;
    await using node = await startChild({ words: [...words, "--udp", `127.0.0.1:${taken}`] });
    const status = (await (await fetch(`${node.url}/status.json`)).json()) as { findings: { sentence: string }[] };
    const { sentence = "" } = status.findings[0] ?? {};
    expect(sentence).toContain(`127.0.0.1:${taken} (udp): the port is held by`);
    expect(sentence).toContain(`(pid ${process.pid})`);
    expect(sentence).toContain("set udp in [statsd]");
    await talk({ port: portOf(node, "tcp") }, "still:1|c\n");
    await until("it came", async () =>
      (await (await fetch(`${node.url}/prometheus`)).text()).includes("still_total 1"),
    );
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  });

  test("statsd: what killed the original, and noise, do not stop it", async () => {
    await using node = await startChild({ words });
    const port = portOf(node, "udp");
    const seed = Date.now() % 1_000_000;
    console.log(`seed ${seed}`);
    let state = seed;
    const noise = Array.from({ length: 300 }, () =>
      Uint8Array.from({ length: 200 }, () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24),
    );
    const killers = [
      "__proto__:1|ms",
      "constructor:1|ms",
      "toString:1|s",
      "a:1|c|@+1",
      "a:1|c|@ 1",
      "constructor:1|c",
      "a:1|c|@0",
    ];
    // In portions, so that the socket of a process that gets no turn for a while does not overflow.
    const portions = Array.from({ length: 10 }, (_, at) => noise.slice(at * 30, (at + 1) * 30));
    const figures = async () => (await fetch(`${node.url}/prometheus`)).text();
    for (const [at, portion] of [killers, ...portions].entries()) {
      await send(port, ...portion, "alive:1|c");
      await until("it lives", async () => (await figures()).includes(`alive_total ${at + 1}\n`));
    }
    const text = await figures();
    expect(text).toContain("constructor_total 1\n");
    expect(text).toContain("a_total 2\n");
    expect(text).not.toContain("NaN");
  });

  test("statsd: a line without an end fills no memory and ends nobody else's connection", async () => {
    await using node = await startChild({ words });
    const port = portOf(node, "tcp");
    await talk({ port }, ...Array.from({ length: 40 }, () => "x".repeat(10_000)), "\nafter:1|c\n");
    await until("what comes after counts", async () =>
      (await (await fetch(`${node.url}/prometheus`)).text()).includes("after_total 1"),
    );
    expect(await (await fetch(`${node.url}/metrics`)).text()).toContain("warren_statsd_bad_lines_total 1\n");
  });
});

describe("in the place of another", () => {
  test("statsd: Etsy's file decides, and a change of it counts while the program runs", async () => {
    await using carbon = await startFakeCarbon();
    await using next = await startFakeCarbon();
    const folder = mkdtempSync(join(tmpdir(), "warren-statsd-"));
    const path = join(folder, "config.js");
    const config = (to: number, legacy: boolean) =>
      `/* of old */ { port: 0, address: '127.0.0.1', mgmt_port: 0, flushInterval: 200, graphiteHost: '127.0.0.1', graphitePort: ${to}, graphite: { legacyNamespace: ${legacy} } }`;
    writeFileSync(path, config(carbon.port, true));
    await using node = await startChild({ words: ["statsd", "--etsy-config", path] });
    const port = portOf(node, "udp");
    await send(port, "a:100|c");
    await until("it comes with the old name", () => carbon.values("stats_counts.a").includes(100));
    await until("so does its rate", () => carbon.values("stats.a").includes(500));
    writeFileSync(path, config(next.port, false));
    await until("it is read again", () => next.values("stats.counters.a.count").includes(0));
    writeFileSync(path, "{ port: code() }");
    await until("the mistake is told", async () =>
      (await (await fetch(`${node.url}/status.json`)).text()).includes("The changed configuration is not in effect"),
    );
    await send(port, "a:3|c");
    await until("what was in effect goes on", () => next.values("stats.counters.a.count").includes(3));
    rmSync(folder, { recursive: true, force: true });
  }, 180_000);

  test("statsd: a file of Etsy's that cannot be used stops the start with the reason", async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-statsd-"));
    writeFileSync(join(folder, "config.js"), "{ port: 8125 + 1 }");
    const { exitCode, stderr } = await runProgram([
      "statsd",
      "--etsy-config",
      join(folder, "config.js"),
      "--data",
      folder,
      "--listen",
      "127.0.0.1:0",
    ]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("code in it is not run");
    rmSync(folder, { recursive: true, force: true });
  });

  test("statsd: statsd-go's flags start it with that one's names", async () => {
    await using carbon = await startFakeCarbon();
    await using node = await startChild({
      words: [
        "statsd",
        "-address=127.0.0.1:0",
        "-graphite",
        `127.0.0.1:${carbon.port}`,
        "-flush-interval=1",
        "-stats-prefix",
        "s.",
      ],
    });
    await send(portOf(node, "udp"), "foo-bar:100|c\ng:3.7|g\nt:5|ms");
    await until("it comes", () => carbon.value("s.statsd.numStats") === 3);
    expect(carbon.values("s.foo-bar")).toContain(100);
    expect(carbon.values("stats.counters.foo-bar")).toContain(100);
    expect(carbon.value("stats.gauges.g")).toBe(3.7);
    expect(carbon.values("stats.timers.t.upper_90")).toContain(5);
    expect(Number.isNaN(portOf(node, "tcp"))).toBe(true);
  });
});

describe("the terminal", () => {
  test("warren stats, warren statsd tail: what a script sends is seen as it comes", async () => {
    await using node = await startChild({ words });
    const to = ["--to", `127.0.0.1:${portOf(node, "udp")}`];
    const tail = runProgram(["statsd", "tail", "--server", node.url, "--match", "shop.", "--count", "4"]);
    // It follows from some moment on; what is sent before is not shown.
    const isSeen = { done: false };
    void tail.then(() => (isSeen.done = true));
    await until(
      "it follows",
      async () => {
        if (isSeen.done) return true;
        for (const verb of [
          ["count", "shop.orders"],
          ["time", "shop.checkout", "320", "--rate", "0.5"],
          ["gauge", "shop.carts", "-3"],
          ["set", "shop.users", "ann", "--tag", "env:prod"],
        ]) {
          const [kind = "", ...rest] = verb;
          expect(await runProgram(["stats", kind, ...to, ...rest])).toMatchObject({ exitCode: 0, stderr: "" });
        }
        return isSeen.done;
      },
      120_000,
    );
    const { exitCode, stdout } = await tail;
    expect(exitCode).toBe(0);
    const lines = stdout.trim().split("\n").toSorted();
    for (const line of [
      "shop.orders:1|c",
      "shop.checkout:320|ms|@0.5",
      "shop.carts:-3|g",
      "shop.users:ann|s|#env:prod",
    ]) {
      expect(lines).toContain(`127.0.0.1  ${line}`);
    }
  }, 180_000);

  test("warren stats: what would not be read as what it is is refused", async () => {
    for (const verb of [
      ["count", "a b"],
      ["count", "a", "x"],
      ["time", "a", "-1"],
      ["gauge", "a", "1|c"],
      ["count", "a", "--rate", "2"],
    ]) {
      const { exitCode, stderr } = await runProgram(["stats", ...verb]);
      expect([verb, exitCode, stderr.startsWith("Cannot send")]).toEqual([verb, 1, true]);
    }
  }, 180_000);
});

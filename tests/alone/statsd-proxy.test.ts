/**
 * The cluster proxy: the same nodes behind Etsy's own proxy (its package, on Node) and behind ours, which reads the same
 * configuration file; each name has to be counted on the same node, whether that node is ours or Etsy's. Then a node dies
 * and comes back.
 */
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { startChild, until } from "../../src/kit/testing/child-node.ts";
import { freePorts } from "../../src/kit/testing/free-port.ts";

const theirFolder = resolve(import.meta.dir, "../../node_modules/statsd");
const node = Bun.which("node");
const canCompare =
  node !== null && existsSync(join(theirFolder, "proxy.js")) && existsSync(resolve(theirFolder, "../hashring"));

/** Sends one command to an admin port; what came until `isWhole`, or the end. */
function ask(port: number, command: string, isWhole: (answer: string) => boolean): Promise<string> {
  return new Promise((done) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(`${command}\n`));
    socket.setEncoding("utf8");
    socket.on("data", (piece: string) => {
      answer += piece;
      if (isWhole(answer)) socket.destroy();
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => done(answer));
  });
}

/** The counters of a statsd whose names begin with something, with their values. */
async function counted(admin: number, beginning: string): Promise<Record<string, number>> {
  const answer = await ask(admin, "counters", (text) => text.endsWith("END\n\n"));
  const found = [...answer.matchAll(/^\s*'?([\w.]+)'?: (\d+)/gm)];
  return Object.fromEntries(
    found.flatMap(([, name = "", value]) => (name.startsWith(beginning) ? [[name, Number(value)]] : [])),
  );
}

async function send(port: number, packets: readonly string[]): Promise<void> {
  const socket = await Bun.udpSocket({ connect: { hostname: "127.0.0.1", port } });
  for (const packet of packets) {
    socket.send(packet);
    await Bun.sleep(0);
  }
  socket.close();
}

function startTheirs(program: string, config: string) {
  const child = Bun.spawn([node ?? "", join(theirFolder, program), config], {
    cwd: theirFolder,
    stdout: "ignore",
    stderr: "ignore",
  });
  return {
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  };
}
const answers = (admin: number) => async () => (await ask(admin, "health", (text) => text.includes("\n"))) !== "";
const statsdWords = (udp: number, admin: number) => [
  "statsd",
  "--udp",
  `127.0.0.1:${udp}`,
  "--admin",
  `127.0.0.1:${admin}`,
  "--flush-every",
  "1h",
];

test.if(canCompare)(
  "statsd: as a cluster proxy it gives each name to the node that Etsy's proxy gives it to, and a dead node's to the others",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-proxy-"));
    const [udpA = 0, adminA = 0, udpB = 0, adminB = 0, udpC = 0, adminC = 0, theirPort = 0, theirAdmin = 0] =
      freePorts(8);
    const admins = [adminA, adminB, adminC];
    // A node that does not say within the interval how it is counts as gone to ours: long enough for one that gets no turn.
    const proxyConfig = (port: number, admin: number, checkInterval: number) => `{
      nodes: [
        {host: '127.0.0.1', port: ${udpA}, adminport: ${adminA}},
        {host: '127.0.0.1', port: ${udpB}, adminport: ${adminB}},
        {host: '127.0.0.1', port: ${udpC}, adminport: ${adminC}}
      ],
      server: './servers/udp', host: '127.0.0.1', address: '127.0.0.1', port: ${port}, udp_version: 'udp4',
      mgmt_port: ${admin}, mgmt_address: '127.0.0.1', forkCount: 0, checkInterval: ${checkInterval}, cacheSize: 10000
    }`;
    writeFileSync(join(folder, "theirs.js"), proxyConfig(theirPort, theirAdmin, 200));
    writeFileSync(join(folder, "ours.js"), proxyConfig(0, 0, 3000));
    writeFileSync(
      join(folder, "node.js"),
      `{ port: ${udpC}, address: '127.0.0.1', mgmt_port: ${adminC}, mgmt_address: '127.0.0.1', flushInterval: 3600000 }`,
    );
    try {
      await using a = await startChild({ words: statsdWords(udpA, adminA) });
      await using _b = await startChild({ words: statsdWords(udpB, adminB) });
      await using _c = startTheirs("stats.js", join(folder, "node.js"));
      await until("Etsy's node answers", answers(adminC));
      await using _theirs = startTheirs("proxy.js", join(folder, "theirs.js"));
      await until("Etsy's proxy answers", answers(theirAdmin));
      await using ours = await startChild({ words: ["statsd", "--etsy-config", join(folder, "ours.js")] });
      const address = (purpose: string) =>
        Number(new RegExp(`^statsd ${purpose} +\\S+:(\\d+)$`, "m").exec(ours.output())?.[1]);
      const [ourPort, ourAdmin] = [address("udp"), address("admin")];
      const shared = (port: number) => ask(port, "status", (text) => /nodes: .*\n/.test(text));
      const all = [udpA, udpB, udpC].map((port) => `127.0.0.1:${port}`);
      const has = (port: number, nodes: string[]) => async () => {
        const told = /nodes: (.*)\n/.exec(await shared(port))?.[1] ?? "";
        return told.trim().split(" ").sort().join() === nodes.toSorted().join();
      };
      for (const admin of [theirAdmin, ourAdmin]) await until("all nodes are in the ring", has(admin, all));

      const packets = (own: string) =>
        Array.from({ length: 20 }, (_, packet) =>
          Array.from({ length: 10 }, (_inner, at) => `${own}.n${packet * 10 + at}:2|c`).join("\n"),
        );
      const places = async (own: string): Promise<string[][]> =>
        Promise.all(admins.map(async (admin) => Object.keys(await counted(admin, `${own}.`)).sort()));
      const sum = (lists: string[][]) => lists.reduce((total, { length }) => total + length, 0);
      // A lost datagram is possible, so the packets are sent until all names are somewhere.
      await until("Etsy's proxy has passed all on", async () => {
        await send(theirPort, packets("x"));
        return sum(await places("x")) === 200;
      });
      const theirPlaces = await places("x");
      const total = async () => {
        const lists = await Promise.all(admins.map((admin) => counted(admin, "x.")));
        return lists.flatMap((found) => Object.values(found)).reduce((whole, value) => whole + value, 0);
      };
      const before = await total();
      await send(ourPort, packets("x"));
      await until("ours has passed all on", async () => (await total()) >= before + 400);
      expect(await places("x")).toEqual(theirPlaces);
      expect(theirPlaces.every(({ length }) => length > 0)).toBe(true);

      // Its names are with the others, and with it again once it is back.
      await a.end("SIGKILL");
      await until("the dead node is out", has(ourAdmin, all.slice(1)));
      await send(ourPort, packets("z"));
      await until("the others have all names", async () => sum(await places("z")) === 200);
      expect(((await (await fetch(`${ours.url}/status.json`)).json()) as { nodes: { isUp: boolean }[] }).nodes).toEqual(
        [
          expect.objectContaining({ isUp: false }),
          expect.objectContaining({ isUp: true }),
          expect.objectContaining({ isUp: true }),
        ] as never,
      );
      await using _again = await startChild({ words: statsdWords(udpA, adminA) });
      for (const admin of [theirAdmin, ourAdmin]) await until("it is back", has(admin, all));
      await send(ourPort, packets("x"));
      await until("it has its own names again", async () => (await places("x"))[0]?.join() === theirPlaces[0]?.join());

      expect(await ask(ourAdmin, "help", (text) => text.includes("\n\n"))).toBe(
        await ask(theirAdmin, "help", (text) => text.includes("\n\n")),
      );
      for (const admin of [ourAdmin, theirAdmin]) {
        expect(await shared(admin)).toMatch(/^uptime: \d+\nnodes: (?:127\.0\.0\.1:\d+ ){3}\n$/);
        expect(await ask(admin, "counters", (text) => text.includes("\n"))).toBe("ERROR\n");
        expect(await ask(admin, "health down", (text) => text.includes("\n"))).toBe("health: down\n");
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  120_000,
);

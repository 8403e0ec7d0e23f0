import { expect, setDefaultTimeout, test } from "bun:test";
import { createServer, type Socket } from "node:net";

import { systemClock } from "../../../kit/clock.ts";
import { silentLog } from "../../../kit/log.ts";
import { openHub, type OrderedHub } from "../hub-ordered.ts";
import { joined, listenAt, type Member, publishing, quickTimes, until } from "./link-fixture.ts";
import { openNatsLink } from "./link-nats.ts";
import { openRedisLink } from "./link-redis.ts";
import type { NodeLink } from "./node-link.ts";
import { serverAt, startServer } from "./server-fixture.ts";

// Real servers on a busy machine.
setDefaultTimeout(120_000);

const nats = serverAt(["/usr/sbin/nats-server", "/usr/bin/nats-server"]);
const redis = serverAt(["/usr/bin/redis-server"]);

type Open = (hub: OrderedHub, port: number, patienceMs: number) => Promise<NodeLink>;

const base = { clock: systemClock, log: silentLog, prefix: "test", keep: 10_000, times: quickTimes };
let nodes = 0;
const openNats: Open = (hub, port, patienceMs) =>
  openNatsLink({
    ...base,
    hub,
    nodeId: `node${++nodes}`,
    patienceMs,
    servers: [`127.0.0.1:${port}`],
    usesStream: true,
    keepMs: 3_600_000,
  });
const openRedis: Open = (hub, port, patienceMs) =>
  openRedisLink({ ...base, hub, nodeId: `node${++nodes}`, patienceMs, url: `redis://127.0.0.1:${port}` });

/** A server that answers as a test says. */
async function badServer(serve: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  return {
    port: typeof address === "object" && address ? address.port : 0,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

const info = (maxPayload: number) =>
  `INFO {"server_id":"x","version":"2.9.0","proto":1,"max_payload":${maxPayload},"jetstream":true,"headers":true}\r\n`;

test("links: what answers half, nonsense or nothing keeps no node from starting, publishing or ending", async () => {
  const cases: [Open, (socket: Socket) => void][] = [
    [openNats, () => undefined],
    [openRedis, () => undefined],
    [openRedis, (socket) => void socket.on("data", () => socket.write(crypto.getRandomValues(new Uint8Array(300))))],
    // Greets, and never says that anything was subscribed to.
    [
      openRedis,
      (socket) =>
        void socket.on("data", (words: Buffer) => {
          if (words.includes("HELLO")) socket.write("%1\r\n+server\r\n+redis\r\n");
        }),
    ],
    // Greets, and then breaks off in the middle of what its own protocol forbids.
    [
      openNats,
      (socket) => {
        socket.write(info(1_000_000));
        socket.on("data", (words: Buffer) => {
          if (words.includes("PING")) socket.write("PONG\r\nMSG a 1 99999999999\r\nxxxxx");
        });
      },
    ],
  ];
  await Promise.all(
    cases.map(async ([open, serve]) => {
      const server = await badServer(serve);
      const hub = openHub({
        clock: systemClock,
        maxMessageBytes: 10_000,
        bounds: { count: 10, sizeBytes: 1e6, ageMs: 1e6 },
      });
      const link = await open(hub, server.port, 300);
      hub.carrier = link.carrier;
      expect(link.state()).toMatchObject({ isUp: false });
      const refusal = await hub.publish({ address: "a", content: "1" }).catch((thrown: unknown) => thrown);
      expect(refusal).toMatchObject({ code: "windsock/away" });
      await link.stop();
      hub.close();
      server.close();
    }),
  );
});

for (const [name, program, open, words] of [
  [
    "nats",
    nats,
    openNats,
    (port: number, folder: string) => ["-a", "127.0.0.1", "-js", "-sd", folder, "-p", `${port}`],
  ],
  ["redis", redis, openRedis, (port: number) => ["--bind", "127.0.0.1", "--port", `${port}`, "--save", ""]],
] as const) {
  test.skipIf(program === undefined)(
    `${name} link: a server that stands still and goes on costs nobody a message; one can end meanwhile`,
    async () => {
      await using server = await startServer(program ?? name, words);
      const join = (): Promise<Member> => joined((hub) => open(hub, server.port, 30_000), 100_000);
      await using ant = await join();
      await using bee = await join();
      const cat = await join();
      const [ants, bees] = [listenAt(ant), listenAt(bee)];
      const writers = [publishing(ant, "ant"), publishing(bee, "bee")];
      await until(() => ants.heard.length > 50 && bees.heard.length > 50);
      server.freeze();
      const before = performance.now();
      await cat[Symbol.asyncDispose]();
      expect(performance.now() - before).toBeLessThan(5000);
      server.thaw();
      const heard = ants.heard.length;
      await until(() => ants.heard.length > heard + 50);
      const failed = (await Promise.all(writers.map((writer) => writer.stop()))).flat();
      const taken = writers.flatMap((writer) => writer.taken);
      await until(() => ants.heard.length === taken.length && bees.heard.length === taken.length);
      expect(failed).toEqual([]);
      expect(bees.heard).toEqual(ants.heard);
    },
  );
}

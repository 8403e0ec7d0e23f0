import { afterEach, describe, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";

import { until } from "../../../kit/testing/child-node.ts";
import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import { type Cluster, type ClusterNode, nodeOf, openCluster } from "./cluster.ts";
import { askHealth } from "./node-health.ts";
import { NodeRing } from "./node-ring.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A node that keeps what it is sent, and answers `health` with what `says` holds; nothing while that is undefined. */
async function startNode(): Promise<{ node: ClusterNode; packets: string[]; says: { words: string | undefined } }> {
  const packets: string[] = [];
  const says: { words: string | undefined } = { words: "health: up\n" };
  const udp = await Bun.udpSocket({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (_socket, packet) => void packets.push(packet.toString()) },
  });
  const admin = await adminSaying((socket) => says.words !== undefined && socket.write(says.words));
  closing.push(() => udp.close());
  return { node: { host: "127.0.0.1", port: udp.port, adminPort: portOf(admin) }, packets, says };
}

async function adminSaying(answer: (socket: Socket) => unknown): Promise<Server> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("data", () => answer(socket));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((done) => server.close(done));
  });
  return server;
}

function portOf(server: Server): number {
  const bound = server.address();
  return typeof bound === "object" && bound !== null ? bound.port : 0;
}

const checkEveryMs = 100;

/** A cluster whose nodes have all the time there is to answer; `looked` resolves when all were asked once more and have. */
async function started(nodes: ClusterNode[], own: (port: number) => boolean = () => false) {
  const changes: string[] = [];
  const clock = new ManualClock();
  const cluster: Cluster = await openCluster({
    nodes,
    checkEveryMs,
    clock,
    own: ({ port }) => own(port),
    changed: (name, trouble) => void changes.push(`${name} ${trouble ?? "up"}`),
  });
  closing.push(() => cluster.close());
  // Besides the deadlines of questions there is one timer, that of the next look.
  const answered = () => until("all have answered", () => clock.waiting === 1);
  const looked = async () => {
    await answered();
    clock.advance(checkEveryMs);
    await answered();
  };
  return { cluster, changes, looked };
}
const idOf = ({ host, port }: ClusterNode) => `${host}:${port}`;
const linesOf = (packets: readonly string[]) => packets.flatMap((packet) => packet.split("\n"));

describe("Cluster", () => {
  test("pass: each line is at the node of its name, in packets of at most 1432 bytes, and none is lost", async () => {
    const [one, other] = [await startNode(), await startNode()];
    const { cluster } = await started([one.node, other.node]);
    const ring = new NodeRing([idOf(one.node), idOf(other.node)]);
    const lines = Array.from({ length: 300 }, (_, at) => `some.name.${at}:${at}|c|#tag:é`);
    expect(cluster.pass(Buffer.from(`\n${lines.join("\n")}\n\nlong:${"1".repeat(2000)}|c\nbare`))).toBe(302);
    const wanted = (owner: number) =>
      [...lines, `long:${"1".repeat(2000)}|c`, "bare"].filter(
        (line) => ring.ownerOf(line.split(":")[0] ?? "") === owner,
      );
    await until("all is there", () => linesOf([...one.packets, ...other.packets]).length === 302);
    expect(linesOf(one.packets)).toEqual(wanted(0));
    expect(linesOf(other.packets)).toEqual(wanted(1));
    const long = [...one.packets, ...other.packets].filter((packet) => Buffer.byteLength(packet) > 1432);
    expect(long).toHaveLength(1);
    expect(cluster.state().map((state) => state.lines)).toEqual([wanted(0).length, wanted(1).length]);
  });

  test("pass: names of a node that says down go to the other until it says up again", async () => {
    const [one, other] = [await startNode(), await startNode()];
    const { changes, cluster, looked } = await started([one.node, other.node]);
    one.says.words = "health: down\n";
    await looked();
    expect(cluster.shared()).toEqual([idOf(other.node)]);
    expect(cluster.state()[0]?.failure).toContain('says "health: down"');
    const text = Array.from({ length: 50 }, (_, at) => `n${at}:1|c`).join("\n");
    cluster.pass(Buffer.from(text));
    await until("all is at the other", () => linesOf(other.packets).length === 50);
    one.says.words = "health: up\n";
    await looked();
    expect(cluster.shared()).toHaveLength(2);
    cluster.pass(Buffer.from(text));
    await until("it has its share", () => one.packets.length > 0);
    expect(changes.map((change) => change.split(" ")[0])).toEqual([idOf(one.node), idOf(one.node)]);
  });

  test("pass: with no node well, lines are counted as dropped, and nothing is thrown", async () => {
    const one = await startNode();
    const { cluster, looked } = await started([{ ...one.node, adminPort: 1 }]);
    await looked();
    expect(cluster.shared()).toEqual([]);
    expect(cluster.pass(Buffer.from("a:1|c\nb:1|c"))).toBe(2);
    expect(cluster.unshared).toBe(2);
  });

  test("pass: a node that is this statsd itself has no share, however well it is", async () => {
    const [one, other] = [await startNode(), await startNode()];
    const { cluster } = await started([one.node, other.node], (port) => port === one.node.port);
    expect(cluster.shared()).toEqual([idOf(other.node)]);
    expect(cluster.state()[0]?.failure).toContain("itself");
  });

  test("pass: a line that no datagram can hold is dropped, and what comes after it is not", async () => {
    const one = await startNode();
    const { cluster } = await started([one.node]);
    cluster.pass(Buffer.from(`a:${"1".repeat(70_000)}|c\nb:1|c`));
    await until("the next is there", () => one.packets.length > 0);
    expect(one.packets).toEqual(["b:1|c"]);
    expect(cluster.state()[0]).toMatchObject({ lines: 1, dropped: 1 });
  });

  test("pass: a node known by a name takes its share once the name was looked up", async () => {
    const one = await startNode();
    const { cluster } = await started([{ ...one.node, host: "localhost" }]);
    await until("a line arrives", () => {
      cluster.pass(Buffer.from("a:1|c"));
      return one.packets.length > 0;
    });
  });
});

describe("askHealth", () => {
  const asked = (server: Server, clock = new ManualClock()) =>
    askHealth({ host: "127.0.0.1", adminPort: portOf(server) }, 300, clock).then(({ trouble }) => trouble);

  test("askHealth: an answer in pieces is one answer", async () => {
    const server = await adminSaying((socket) => {
      socket.write("health: u");
      socket.write("p\n");
    });
    expect(await asked(server)).toBeUndefined();
  });

  test("askHealth: silence, an end without a word, and a flood are reasons against it", async () => {
    const clock = new ManualClock();
    let isAsked = false;
    const silent = asked(await adminSaying(() => (isAsked = true)), clock);
    await until("it is asked", () => isAsked);
    clock.advance(300);
    expect(await silent).toContain("did not answer within 300 ms");
    expect(await asked(await adminSaying((socket) => socket.end()))).toContain("did not say how it is");
    expect(await asked(await adminSaying((socket) => socket.write("x".repeat(5000))))).toContain('says "xxx');
    expect(await asked(await adminSaying((socket) => socket.write("\u001b[2J\nmore\n")))).toEndWith(
      'says "\\u001b[2J"',
    );
  });
});

test("nodeOf: host, port and admin port, and nothing else", () => {
  expect(nodeOf("10.0.0.2:8125/8126")).toEqual({ host: "10.0.0.2", port: 8125, adminPort: 8126 });
  expect(nodeOf("[::1]:8125/8126")).toEqual({ host: "::1", port: 8125, adminPort: 8126 });
  for (const wrong of [
    "",
    "a:1",
    "a:1/",
    "a:0/1",
    "a:1/0",
    "a:1/70000",
    "a:70000/1",
    "a/1",
    ":1/2",
    "a b:1/2",
    "a:1/2/3",
  ])
    expect(nodeOf(wrong)).toBeUndefined();
});

/** Streams from hostile or broken peers, and floods of datagrams, against a running node. */
import { expect, test } from "bun:test";
import { Cluster } from "./cluster.ts";
import { STREAMS_MAX } from "./limits.ts";
import type { Memberlist } from "./memberlist.ts";
import { encodeStream } from "./stream.ts";
import type { Stream, StreamEvents, Transport } from "./transport.ts";
import { createWire } from "./wire.ts";

interface Scene {
  readonly cluster: Cluster;
  readonly node: Memberlist;
  readonly stranger: Transport;
  /** Dials the node; the list grows with what comes back. */
  dial(): { readonly stream: Stream; readonly heard: string[] };
}

async function scene(): Promise<Scene> {
  const cluster = await Cluster.converged({ seed: 61, size: 1 });
  const [node] = cluster.nodes;
  if (node === undefined) throw new Error("one node was started");
  const stranger = cluster.network.transport();
  await stranger.start({ packet: () => undefined, stream: (stream) => stream.destroy() });
  const dial = () => {
    const heard: string[] = [];
    const events: StreamEvents = {
      bytes: (chunk) => heard.push(`bytes ${chunk[0]}`),
      closed: (error) => heard.push(error === undefined ? "closed" : "broken"),
    };
    return { stream: stranger.openStream({ host: node.self.address, port: node.self.port }, events), heard };
  };
  return { cluster, node, stranger, dial };
}

const ping = { kind: "ping", sequence: 5, node: "n0", sourceHost: "", sourcePort: 0, sourceNode: "" } as const;

test("serve: a ping is acked and the stream closed; a ping for somebody else is not", async () => {
  const { cluster, dial } = await scene();
  const [mine, other] = [dial(), dial()];
  mine.stream.write(encodeStream(createWire(), ping, true));
  other.stream.write(encodeStream(createWire(), { ...ping, node: "n9" }, true));
  await cluster.pass(100);
  expect(mine.heard).toEqual(["bytes 2", "closed"]);
  expect(other.heard).toEqual(["closed"]);
});

test("serve: nonsense is refused, a trickle is cut off at the deadline, and the node goes on", async () => {
  const { cluster, node, dial } = await scene();
  const nonsense = dial();
  nonsense.stream.write(Uint8Array.of(6, 0xc1));
  const trickle = dial();
  const bytes = encodeStream(createWire(), ping, true);
  let sent = 0;
  for (let second = 0; second < 12; second++) {
    trickle.stream.write(bytes.subarray(sent, ++sent));
    await cluster.pass(1000);
  }
  expect(nonsense.heard).toEqual(["broken"]);
  expect(trickle.heard).toEqual(["broken"]);
  expect(node.health().streamsRefused).toBe(1);
  const fine = dial();
  fine.stream.write(bytes);
  await cluster.pass(100);
  expect(fine.heard).toEqual(["bytes 2", "closed"]);
});

test("serve: streams that say nothing take only so many places, and give them back", async () => {
  const { cluster, dial } = await scene();
  const silent = Array.from({ length: STREAMS_MAX }, dial);
  await cluster.pass(100);
  const late = dial();
  await cluster.pass(100);
  expect(late.heard).toEqual(["broken"]);
  await cluster.pass(11_000);
  expect(silent.every(({ heard }) => heard[0] === "broken")).toBe(true);
  const afterwards = dial();
  afterwards.stream.write(encodeStream(createWire(), ping, true));
  await cluster.pass(100);
  expect(afterwards.heard).toEqual(["bytes 2", "closed"]);
});

test("ask: a peer that accepts and says nothing costs one deadline", async () => {
  const { cluster, node, stranger } = await scene();
  await stranger.stop();
  const silent = cluster.network.transport({ host: "10.9.9.9", port: 7946 });
  await silent.start({
    packet: () => undefined,
    stream: (stream) => stream.listen({ bytes: () => undefined, closed: () => undefined }),
  });
  const joined = node.join(["10.9.9.9:7946", "10.9.9.8:7946"]);
  await cluster.pass(10_100);
  expect(await joined).toBe(0);
});

test("Memberlist: a flood of garbage changes nothing", async () => {
  const { cluster, node, stranger } = await scene();
  for (let number = 0; number < 2000; number++) {
    const bytes = Uint8Array.from({ length: 1 + Math.floor(cluster.random() * 60) }, () => cluster.random() * 256);
    // User messages are for the application, whatever they hold.
    if (bytes[0] === 8) bytes[0] = 6;
    stranger.sendPacket({ host: node.self.address, port: node.self.port }, bytes);
  }
  await cluster.pass(1000);
  const { members, packetsIn, packetsRefused } = node.health();
  expect({ members, packetsIn }).toEqual({ members: { alive: 1, suspect: 0, dead: 0, left: 0 }, packetsIn: 2000 });
  expect(packetsRefused).toBeGreaterThan(1900);
});

test("stop: whatever is under way ends, and nothing is sent afterwards", async () => {
  const cluster = await Cluster.converged({ seed: 62, size: 5 });
  const [first] = cluster.nodes;
  if (first === undefined) throw new Error("five nodes were started");
  const sending = first.sendTo({ address: "10.9.9.9", port: 1 }, new Uint8Array(5), { reliable: true });
  await first.stop();
  await expect(sending).rejects.toThrow("stopped");
  const { packetsOut, streamsOut } = first.health();
  await cluster.pass(120_000);
  expect(first.health()).toMatchObject({ packetsOut, streamsOut });
  expect(() => first.broadcast(new Uint8Array(1))).toThrow(TypeError);
});

test.each([
  ["a name of no bytes", { name: "" }, RangeError],
  ["a name of 513 bytes", { name: "n".repeat(513) }, RangeError],
  ["metadata of 513 bytes", { name: "n", meta: new Uint8Array(513) }, RangeError],
  ["a label of 256 bytes", { name: "n", label: "l".repeat(256) }, RangeError],
  ["a seed without a host", { name: "n", seeds: [":80"] }, SyntaxError],
] as const)("createMemberlist: %s is refused", async (_, options, error) => {
  const { createMemberlist } = await import("./memberlist.ts");
  expect(() => createMemberlist(options)).toThrow(error);
});

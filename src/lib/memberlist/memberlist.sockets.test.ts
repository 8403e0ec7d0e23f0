/**
 * Nodes on real sockets of this machine, in the clear and encrypted. What is about time and loss is tested on a manual clock
 * in `memberlist.test.ts`; here it is that bytes really travel.
 */
import { expect, test } from "bun:test";
import { networkInterfaces } from "node:os";
import { createMemberlist, type Memberlist } from "./memberlist.ts";
import type { MemberlistOptions } from "./options.ts";
import { Keyring } from "./keyring.ts";
import { type Timing, timings } from "./timing.ts";

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === "::1"));
if (!hasIpv6) console.warn("Skipped: IPv6 sockets cannot be tested, because this machine has no ::1");

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (value: string) => new TextEncoder().encode(value);

/** Resolves as soon as `condition` holds, looking again at every turn of a short timer; fails after a minute. */
async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Gave up waiting until ${what}`);
    await Bun.sleep(5);
  }
}

/** Deaths are found out soon. Streams take as long as they take. */
const quick: Timing = {
  ...timings.local,
  probeIntervalMs: 200,
  probeTimeoutMs: 100,
  gossipIntervalMs: 50,
  streamTimeoutMs: 60_000,
};

async function startNodes(count: number, shared: Partial<MemberlistOptions> = {}): Promise<Memberlist[]> {
  const nodes: Memberlist[] = [];
  for (let index = 0; index < count; index++) {
    const node = createMemberlist({ name: `node-${index}`, timing: quick, listen: { host: "127.0.0.1" }, ...shared });
    await node.start();
    nodes.push(node);
  }
  return nodes;
}

function alive(node: Memberlist): string[] {
  return node
    .members()
    .filter(({ state }) => state === "alive")
    .map(({ name }) => name)
    .sort();
}

const addressOf = (node: Memberlist) => `${node.self.address}:${node.self.port}`;
const stopAll = (nodes: readonly Memberlist[]) => Promise.all(nodes.map((node) => node.stop()));

test.each([
  ["in the clear", {}],
  ["encrypted with a label", { label: "blue", keyring: new Keyring([new Uint8Array(32).fill(7)]) }],
] as const)(
  "createMemberlist: three nodes find each other %s, see metadata, a leave and a death",
  async (_, shared) => {
    const nodes = await startNodes(3, shared);
    const [first, second, third] = nodes;
    if (first === undefined || second === undefined || third === undefined) throw new Error("three nodes were started");
    try {
      expect(await second.join([addressOf(first)])).toBe(1);
      expect(await third.join([addressOf(first)])).toBe(1);
      await until("all see three", () => nodes.every((node) => alive(node).length === 3));
      second.updateMeta(bytes("two"));
      const metaOfSecond = (node: Memberlist) => node.members().find(({ name }) => name === "node-1")?.meta;
      await until("the metadata is known", () =>
        nodes.every((node) => text(metaOfSecond(node) ?? bytes("")) === "two"),
      );
      const events: string[] = [];
      first.on("left", ({ name }) => events.push(`left ${name}`));
      first.on("dead", ({ name }) => events.push(`dead ${name}`));
      expect(await third.leave(5000)).toBe(true);
      await third.stop();
      await until("the leave is known", () => events.length === 1);
      await second.stop();
      await until("the death is known", () => events.length === 2);
      expect(events).toEqual(["left node-2", "dead node-1"]);
    } finally {
      await stopAll(nodes);
    }
  },
  120_000,
);

test("sendTo and broadcast: bytes reach the application by datagram and by stream", async () => {
  const nodes = await startNodes(2);
  const [first, second] = nodes;
  if (first === undefined || second === undefined) throw new Error("two nodes were started");
  try {
    await second.join([addressOf(first)]);
    const received: string[] = [];
    first.on("message", ({ payload, reliable }) => {
      received.push(`${reliable ? "stream" : "datagram"} ${payload.length > 100 ? payload.length : text(payload)}`);
    });
    await second.sendTo(first.self, bytes("small"));
    await until("the datagram came", () => received.length === 1);
    await second.sendTo(first.self, new Uint8Array(3_000_000), { reliable: true });
    await until("the stream came", () => received.length === 2);
    expect(second.broadcast(bytes("all"))).toBe(1);
    await until("the broadcast came", () => received.length === 3);
    expect(received).toEqual(["datagram small", "stream 3000000", "datagram all"]);
  } finally {
    await stopAll(nodes);
  }
});

test.skipIf(!hasIpv6)("createMemberlist: nodes on IPv6 find each other", async () => {
  const nodes = await startNodes(2, { listen: { host: "::1" } });
  const [first, second] = nodes;
  if (first === undefined || second === undefined) throw new Error("two nodes were started");
  try {
    expect(await second.join([`[::1]:${first.self.port}`])).toBe(1);
    await until("both see two", () => nodes.every((node) => alive(node).length === 2));
  } finally {
    await stopAll(nodes);
  }
});

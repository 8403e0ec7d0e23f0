import { expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";

import { bindDatagrams, listenStream, takenBy } from "./bound-socket.ts";
import { until } from "./testing/child-node.ts";
import { freePort } from "./testing/free-port.ts";

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === "::1"));
if (!hasIpv6) console.log("skipped: this machine has no ::1");

const local = { host: "127.0.0.1", port: 0 };

async function thrownBy(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
}

test("listenStream: takes connections, knows how many there are, and ends them when it is closed", async () => {
  const taken: string[] = [];
  const listener = await listenStream(local, {
    take: (socket) => socket.on("data", (chunk: Buffer) => taken.push(chunk.toString())),
  });
  let isOver = false;
  const client = connect(listener.port ?? 0, local.host, () => client.write("hello"));
  client.on("close", () => (isOver = true));
  client.on("error", () => undefined);
  await until("what the client said is there", () => taken.join("") === "hello");
  expect(listener.connections()).toBe(1);
  await listener.close();
  await until("the connection is over", () => isOver);
  expect(listener.connections()).toBe(0);
});

test("listenStream: with half open connections one who has said all is still answered", async () => {
  const listener = await listenStream(local, {
    allowHalfOpen: true,
    take: (socket) => socket.resume().on("end", () => setImmediate(() => socket.end("answer"))),
  });
  let answer = "";
  const client = connect({ port: listener.port ?? 0, host: local.host, allowHalfOpen: true }, () => client.end("ask"));
  client.on("data", (chunk: Buffer) => (answer += chunk.toString()));
  await until("the answer is there", () => answer === "answer");
  await listener.close();
});

test("listenStream: a unix socket has no port", async () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-bound-"));
  try {
    const listener = await listenStream({ path: join(folder, "socket") }, { take: (socket) => socket.destroy() });
    expect(listener.port).toBeUndefined();
    await listener.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("takenBy: the owner of a port that is taken, for TCP and UDP, and nothing for another failure", async () => {
  // Both are left and taken again, and meanwhile nobody else may be given them.
  const listener = await listenStream({ ...local, port: freePort() }, { take: (socket) => socket.destroy() });
  const datagrams = await bindDatagrams({ ...local, port: freePort() }, 65_536);
  const tcp = { ...local, port: listener.port ?? 0 };
  const udp = { ...local, port: datagrams.port };
  const ownName = `held by this very process (pid ${process.pid})`;
  const again = await thrownBy(listenStream(tcp, { take: () => undefined }));
  expect(takenBy(again, "tcp", tcp.port)).toBe(process.platform === "linux" ? ownName : "held by another process");
  const udpAgain = await thrownBy(bindDatagrams(udp, 65_536));
  expect(takenBy(udpAgain, "udp", udp.port)).toBe(process.platform === "linux" ? ownName : "held by another process");
  const elsewhere = await thrownBy(bindDatagrams({ host: "192.0.2.1", port: 0 }, 65_536));
  expect(elsewhere).toBeInstanceOf(Error);
  expect(takenBy(elsewhere, "udp", 0)).toBeUndefined();
  await listener.close();
  await datagrams.close();
  // What was closed can be had again.
  await (await listenStream(tcp, { take: () => undefined })).close();
  await (await bindDatagrams(udp, 65_536)).close();
});

for (const [host, kind] of [
  ["127.0.0.1", "udp4"],
  ["::1", "udp6"],
] as const) {
  test.skipIf(kind === "udp6" && !hasIpv6)(`bindDatagrams: takes datagrams at ${host}`, async () => {
    const listener = await bindDatagrams({ host, port: 0 }, 65_536);
    const taken: string[] = [];
    listener.socket.on("message", (packet) => taken.push(packet.toString()));
    const sender = createSocket(kind);
    sender.send("hello", listener.port, host);
    await until("the datagram is there", () => taken.length > 0);
    expect(taken).toEqual(["hello"]);
    sender.close();
    await listener.close();
  });
}

/** Real sockets: one port for both protocols, and clear words when there is none. */
import { expect, test } from "bun:test";
import { networkInterfaces } from "node:os";
import { createServer } from "node:net";
import { SocketTransport } from "./transport-socket.ts";

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === "::1"));
if (!hasIpv6) console.warn("Skipped: IPv6 sockets cannot be tested, because this machine has no ::1");

const deaf = { packet: () => undefined, stream: () => undefined };

test("start: port 0 finds one port that is then taken for both protocols, and is free after stop", async () => {
  const first = new SocketTransport({ host: "127.0.0.1" });
  const address = await first.start(deaf);
  expect(address.host).toBe("127.0.0.1");
  const second = new SocketTransport({ host: "127.0.0.1", port: address.port });
  await expect(second.start(deaf)).rejects.toThrow(`Cannot listen on 127.0.0.1:${address.port} for gossip`);
  await first.stop();
  expect(await second.start(deaf)).toEqual(address);
  await second.stop();
});

test("start: a port of which only the TCP half is taken is refused, and nothing stays bound", async () => {
  const squatter = createServer();
  await new Promise<void>((resolve) => squatter.listen(0, "127.0.0.1", resolve));
  const bound = squatter.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  const transport = new SocketTransport({ host: "127.0.0.1", port });
  await expect(transport.start(deaf)).rejects.toThrow("Cannot listen");
  await new Promise((resolve) => squatter.close(resolve));
  const address = await transport.start(deaf);
  expect(address.port).toBe(port);
  await transport.stop();
});

test("start: a wildcard advertises an address that others can dial, or the one that was asked for", async () => {
  const wildcard = new SocketTransport({ host: "0.0.0.0" });
  const { host } = await wildcard.start(deaf);
  expect(host).not.toBe("0.0.0.0");
  await wildcard.stop();
  const told = new SocketTransport({ host: "0.0.0.0", advertiseHost: "192.0.2.7", advertisePort: 99 });
  expect(await told.start(deaf)).toEqual({ host: "192.0.2.7", port: 99 });
  await told.stop();
});

test("openStream: a refused connection is told as closed with an error", async () => {
  const transport = new SocketTransport({ host: "127.0.0.1" });
  const { port } = await transport.start(deaf);
  await transport.stop();
  const { promise, resolve } = Promise.withResolvers<Error | undefined>();
  transport.openStream({ host: "127.0.0.1", port }, { bytes: () => undefined, closed: resolve });
  expect(await promise).toBeInstanceOf(Error);
});

test.skipIf(!hasIpv6)("sendPacket: an IPv4 peer is reached from a socket on ::", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const receiver = new SocketTransport({ host: "127.0.0.1" });
  const to = await receiver.start({ ...deaf, packet: (bytes, from) => resolve(`${from.host} ${bytes.length}`) });
  const sender = new SocketTransport({ host: "::" });
  await sender.start(deaf);
  expect(sender.sendPacket(to, new Uint8Array(3))).toBe(true);
  expect(await promise).toBe("127.0.0.1 3");
  await Promise.all([sender.stop(), receiver.stop()]);
});

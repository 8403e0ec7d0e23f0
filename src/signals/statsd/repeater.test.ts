import { expect, test } from "bun:test";
import { lookup } from "node:dns/promises";

import { until } from "../../kit/testing/child-node.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { repeatOf } from "./config.ts";
import { createRepeater, createRepeaters, type RepeatTarget } from "./repeater.ts";

test("createRepeaters: a target that is this statsd itself is given nothing, whatever it is called", async () => {
  const listening = { udp: [{ host: "127.0.0.1", port: 8125 }], tcp: [{ host: "0.0.0.0", port: 8125 }] };
  const udp = (host: string, port = 8125): RepeatTarget => ({ protocol: "udp", host, port });
  const tcp = (host: string): RepeatTarget => ({ protocol: "tcp", host, port: 8125 });
  const repeaters = createRepeaters(
    [udp("127.0.0.1"), udp("localhost"), tcp("127.0.0.1"), tcp("localhost"), udp("127.0.0.1", 8126), udp("192.0.2.1")],
    listening,
    new ManualClock(),
  );
  expect(repeaters.map((repeater) => repeater.state().failure.includes("itself"))).toEqual([
    true,
    true,
    true,
    true,
    false,
    false,
  ]);
  repeaters[0]?.pass(Buffer.from("a:1|c"));
  expect(repeaters[0]?.state()).toMatchObject({ passed: 0, dropped: 1 });
  await Promise.all(repeaters.map((repeater) => repeater.close()));
});

test("createRepeater: a target by its name is looked up once, and then given what comes", async () => {
  const packets: string[] = [];
  // The name may be of either protocol on this machine.
  const { address } = await lookup("localhost");
  const target = await Bun.udpSocket({
    hostname: address,
    port: 0,
    socket: { data: (_socket, packet) => void packets.push(packet.toString()) },
  });
  const repeater = createRepeater({ protocol: "udp", host: "localhost", port: target.port }, new ManualClock());
  await until("a packet arrives", () => {
    repeater.pass(Buffer.from("a:1|c"));
    return packets.length > 0;
  });
  expect(packets[0]).toBe("a:1|c");
  expect(repeater.state().failure).toBe("");
  await repeater.close();
  target.close();
});

test("createRepeater: packets for a name that is nowhere are dropped at once, and are not kept", async () => {
  const clock = new ManualClock();
  const repeater = createRepeater({ protocol: "udp", host: "nowhere.invalid", port: 8125 }, clock);
  await until("it was looked up", () => repeater.state().failure !== "");
  for (let count = 0; count < 1000; count++) repeater.pass(Buffer.from("a:1|c"));
  expect(repeater.state()).toMatchObject({ passed: 0, dropped: 1000 });
  await repeater.close();
});

test("repeatOf: port 0 is no target", () => {
  expect(repeatOf("udp://127.0.0.1:0")).toBeUndefined();
  expect(repeatOf("tcp://[::1]:8125")).toEqual({ protocol: "tcp", host: "::1", port: 8125 });
});

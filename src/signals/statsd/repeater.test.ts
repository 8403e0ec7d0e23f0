import { expect, test } from "bun:test";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { createRepeaters, type RepeatTarget } from "./repeater.ts";

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

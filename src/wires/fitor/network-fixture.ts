/** A network for tests that is away and stays so: what people do on the page and the bus does to it can be seen all the same. */
import type { Clock } from "../../kit/clock.ts";
import { Network } from "./network.ts";
import type { ChannelPlan } from "./plan.ts";

/** A network named `irc` with channels. */
export function awayNetwork(clock: Clock, channels: readonly ChannelPlan[]): Network {
  return new Network(
    {
      name: "irc",
      host: "irc.example",
      port: 6667,
      tls: false,
      tlsVerify: true,
      identity: { nick: "gobot", alternates: [], user: "goirc", realName: "x", mustSignIn: true },
      channels,
    },
    {
      clock,
      random: () => 0.5,
      dial: () => Promise.reject(new Error("away")),
      version: "x",
      quitMessage: "bye",
      flood: { lineMs: 0, bytesPerSecond: 0 },
      pingMs: 3_600_000,
      reconnectMs: 1000,
      reconnectMaxMs: 8000,
      rejoinMs: 10_000,
      regainMs: 60_000,
      hold: 2,
      holdForMs: 60_000,
      markNicks: "taken",
      breakMentions: false,
      relaymsg: true,
      lastAt: () => undefined,
      tell() {},
    },
  );
}

import { expect, setDefaultTimeout, test } from "bun:test";

import fc from "fast-check";

import { systemClock } from "../../../kit/clock.ts";
import { silentLog } from "../../../kit/log.ts";
import {
  joined,
  type Member,
  quickTimes,
  recorder,
  requireGapAfterLoss,
  requireOneOrder,
  requirePresence,
  requireWholeThroughKills,
} from "./link-fixture.ts";
import { entriesOf, openRedisLink } from "./link-redis.ts";
import { serverAt, startServer, type TestServer } from "./server-fixture.ts";

// Real servers on a busy machine.
setDefaultTimeout(120_000);

const program = serverAt(["/usr/bin/redis-server"]);

function startRedis(isKept: boolean): Promise<TestServer> {
  return startServer(program ?? "redis-server", (port, folder) => [
    ..."--bind 127.0.0.1 --appendfsync always --appendonly".split(" "),
    isKept ? "yes" : "no",
    "--port",
    String(port),
    "--dir",
    folder,
    "--save",
    "",
  ]);
}

function join(
  server: TestServer,
  nodeId: string,
  { early = recorder(), patienceMs = 60_000 }: { early?: ReturnType<typeof recorder>; patienceMs?: number } = {},
): Promise<Member> {
  return joined(
    (hub) =>
      openRedisLink({
        hub,
        clock: systemClock,
        log: silentLog,
        url: `redis://127.0.0.1:${server.port}`,
        prefix: "test",
        nodeId,
        keep: 10_000,
        patienceMs,
        times: quickTimes,
      }),
    100_000,
    early,
  );
}

test.skipIf(program === undefined)(
  "redis link: all nodes hear the same in the same order, and positions are good at each of them",
  async () => {
    await using server = await startRedis(false);
    await using ant = await join(server, "ant");
    await using bee = await join(server, "bee");
    const early = recorder();
    await requireOneOrder(ant, bee, () => join(server, "cat", { early }));
    // Who sat at it before it had read the stream is told of a break, and of nothing old.
    expect(early.heard).toEqual(["-"]);
  },
);

test.skipIf(program === undefined)(
  "redis link: a Redis that is killed in mid-stream and comes back whole costs nobody a message",
  async () => {
    await using server = await startRedis(true);
    await using ant = await join(server, "ant");
    await using bee = await join(server, "bee");
    await requireWholeThroughKills(server, ant, bee);
  },
);

test.skipIf(program === undefined)(
  "redis link: a Redis that comes back empty is a gap, and what follows is heard",
  async () => {
    await using server = await startRedis(false);
    await using ant = await join(server, "ant");
    await using bee = await join(server, "bee");
    await requireGapAfterLoss(server, ant, bee, () => undefined);
  },
);

test.skipIf(program === undefined)(
  "redis link: while Redis is away, publications wait, and fail with a reason when it does not come back",
  async () => {
    await using server = await startRedis(false);
    await using ant = await join(server, "ant", { patienceMs: 3000 });
    await ant.hub.publish({ address: "a", content: "1" });
    await server.kill();
    const failure = await ant.hub.publish({ address: "a", content: "2" }).catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ code: "windsock/away", kind: "unavailable" });
    expect(ant.link.state()).toMatchObject({ isUp: false });
  },
);

test.skipIf(program === undefined)("redis link: presence and orders to end go between nodes", async () => {
  await using server = await startRedis(false);
  await using ant = await join(server, "ant");
  await requirePresence(ant, await join(server, "bee"));
});

test("entriesOf: whatever Redis says, entries with numbers or nothing", () => {
  expect(entriesOf({ s: [["7-0", ["a", "x", "c", "y", "t", "5", "e", "z"]]] }, "s")).toEqual([
    { number: 7, address: "x", content: "y", at: 5, epoch: "z" },
  ]);
  fc.assert(fc.property(fc.anything(), (said) => expect(Array.isArray(entriesOf(said, "s"))).toBe(true)));
  fc.assert(
    fc.property(fc.array(fc.anything()), (list) => {
      for (const { number } of entriesOf({ s: list }, "s")) expect(Number.isSafeInteger(number)).toBe(true);
    }),
  );
});

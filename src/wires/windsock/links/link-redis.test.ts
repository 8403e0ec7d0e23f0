import { expect, setDefaultTimeout, test } from "bun:test";

import fc from "fast-check";

import { systemClock } from "../../../kit/clock.ts";
import { silentLog } from "../../../kit/log.ts";
import { openHub, type OrderedHub } from "../hub-ordered.ts";
import { recorder, until } from "./link-fixture.ts";
import { entriesOf, openRedisLink } from "./link-redis.ts";
import type { NodeLink } from "./node-link.ts";
import { serverAt, startServer, type TestServer } from "./server-fixture.ts";

// Real servers on a busy machine.
setDefaultTimeout(30_000);

const program = serverAt(["/usr/bin/redis-server"]);
const everything = [{ kind: "prefix" as const, prefix: "" }];
const times = { beatMs: 100, silentMs: 700, askAgainMs: 100 };

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

interface Member extends AsyncDisposable {
  hub: OrderedHub;
  link: NodeLink;
}

async function join(server: TestServer, nodeId: string, early = recorder()): Promise<Member> {
  const hub = openHub({
    clock: systemClock,
    maxMessageBytes: 100_000,
    bounds: { count: 1000, sizeBytes: 1e7, ageMs: 1e7 },
  });
  hub.sit(everything, early);
  const url = `redis://127.0.0.1:${server.port}`;
  const link = await openRedisLink({
    hub,
    clock: systemClock,
    log: silentLog,
    url,
    prefix: "test",
    nodeId,
    keep: 10_000,
    patienceMs: 8000,
    times,
  });
  hub.carrier = link.carrier;
  return {
    hub,
    link,
    async [Symbol.asyncDispose]() {
      await link.stop();
      hub.close();
    },
  };
}

function listen({ hub }: Member) {
  const listener = recorder();
  hub.sit(everything, listener);
  return listener;
}

/** Publishes numbers one after the other until told to stop; gives those that were taken. */
function publishing({ hub }: Member, name: string) {
  const taken: string[] = [];
  const failed: string[] = [];
  const state = { isOver: false };
  const run = async () => {
    for (let count = 0; !state.isOver; count++) {
      await hub.publish({ address: "a", content: `${name} ${count}` }).then(
        () => taken.push(`${name} ${count}`),
        () => failed.push(`${name} ${count}`),
      );
    }
  };
  const running = run();
  return {
    taken,
    async stop() {
      state.isOver = true;
      await running;
      return failed;
    },
  };
}

test.skipIf(program === undefined)(
  "redis link: all nodes hear the same in the same order, and positions are good at each of them",
  async () => {
    await using server = await startRedis(false);
    await using ant = await join(server, "ant");
    await using bee = await join(server, "bee");
    const [ants, bees] = [listen(ant), listen(bee)];
    await Promise.all(
      Array.from({ length: 500 }, (_, count) =>
        (count % 2 ? ant : bee).hub.publish({ address: "a", content: String(count) }),
      ),
    );
    await until(() => ants.heard.length === 500 && bees.heard.length === 500);
    expect(bees.heard).toEqual(ants.heard);
    expect(new Set(ants.heard).size).toBe(500);
    const [newest] = await ant.hub.history({ kind: "prefix", prefix: "" }, 1);
    const third = (await ant.hub.history({ kind: "prefix", prefix: "" }, 3))[0];
    const early = recorder();
    await using cat = await join(server, "cat", early);
    const { recovery } = await cat.hub.listen(everything, recorder(), { since: third?.position ?? "" });
    expect(recovery?.isComplete).toBe(true);
    // Who sat at it before it had read the stream is told of a break, and of nothing old.
    expect(early.heard).toEqual(["-"]);
    expect(recovery?.publications.map(({ content }) => content)).toEqual(ants.heard.slice(-2));
    expect(recovery?.position).toBe(newest?.position ?? "");
  },
);

test.skipIf(program === undefined)(
  "redis link: a Redis that is killed in mid-stream and comes back whole costs nobody a message",
  async () => {
    await using server = await startRedis(true);
    await using ant = await join(server, "ant");
    await using bee = await join(server, "bee");
    const [ants, bees] = [listen(ant), listen(bee)];
    const writers = [publishing(ant, "ant"), publishing(bee, "bee")];
    for (let round = 0; round < 2; round++) {
      const before = ants.heard.length;
      await until(() => ants.heard.length > before + 50);
      await server.kill();
      await until(() => !ant.link.state().isUp);
      await server.start();
    }
    const before = ants.heard.length;
    await until(() => ants.heard.length > before + 50);
    const failed = (await Promise.all(writers.map((writer) => writer.stop()))).flat();
    const taken = writers.flatMap((writer) => writer.taken);
    await until(() => ants.heard.length === taken.length && bees.heard.length === taken.length);
    expect(failed).toEqual([]);
    expect(bees.heard).toEqual(ants.heard);
    expect([...ants.heard].sort()).toEqual([...taken].sort());
  },
);

test.skipIf(program === undefined)(
  "redis link: a Redis that comes back empty is a gap, and what follows is heard",
  async () => {
    await using server = await startRedis(false);
    await using ant = await join(server, "ant");
    await using bee = await join(server, "bee");
    const [ants, bees] = [listen(ant), listen(bee)];
    await ant.hub.publish({ address: "a", content: "1" });
    await until(() => bees.heard.length === 1);
    const before = bee.hub.position;
    await server.kill();
    await until(() => !ant.link.state().isUp && !bee.link.state().isUp);
    await server.start();
    await until(() => bee.link.state().isUp && ant.link.state().isUp);
    await bee.hub.publish({ address: "a", content: "2" });
    await until(() => ants.heard.includes("2") && bees.heard.includes("2"));
    expect(ants.heard).toEqual(["1", "-", "2"]);
    expect(bees.heard).toEqual(["1", "-", "2"]);
    expect((await bee.hub.listen(everything, recorder(), { since: before })).recovery?.isComplete).toBe(false);
  },
);

test.skipIf(program === undefined)(
  "redis link: while Redis is away, publications wait, and fail with a reason when it does not come back",
  async () => {
    await using server = await startRedis(false);
    const hub = openHub({
      clock: systemClock,
      maxMessageBytes: 1000,
      bounds: { count: 10, sizeBytes: 1e6, ageMs: 1e6 },
    });
    const link = await openRedisLink({
      hub,
      clock: systemClock,
      log: silentLog,
      url: `redis://127.0.0.1:${server.port}`,
      prefix: "p",
      nodeId: "ant",
      keep: 10,
      patienceMs: 300,
    });
    hub.carrier = link.carrier;
    await hub.publish({ address: "a", content: "1" });
    await server.kill();
    const failure = await hub.publish({ address: "a", content: "2" }).catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ code: "windsock/away", kind: "unavailable" });
    expect(link.state()).toMatchObject({ isUp: false });
    await link.stop();
    hub.close();
  },
);

test.skipIf(program === undefined)("redis link: presence and orders to end go between nodes", async () => {
  await using server = await startRedis(false);
  await using ant = await join(server, "ant");
  const bee = await join(server, "bee");
  bee.hub.enter("room", { connection: "b1", user: "ben" });
  await until(() => ant.hub.presence("room").length === 1);
  const reasons: string[] = [];
  bee.hub.attach({ connection: "b1", user: "ben", end: (reason) => void reasons.push(reason) });
  ant.hub.disconnect({ connection: "b1" }, "enough");
  await until(() => reasons.length === 1);
  await bee[Symbol.asyncDispose]();
  await until(() => ant.hub.presence("room").length === 0);
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

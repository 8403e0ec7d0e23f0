import { expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import * as nodePath from "node:path";

import fc from "fast-check";

import { systemClock } from "../../../kit/clock.ts";
import { silentLog } from "../../../kit/log.ts";
import { openHub, type OrderedHub } from "../hub-ordered.ts";
import { recorder, until } from "./link-fixture.ts";
import { openNatsLink, readEnvelope } from "./link-nats.ts";
import type { NodeLink } from "./node-link.ts";
import { serverAt, startServer, type TestServer } from "./server-fixture.ts";

// Real servers on a busy machine.
setDefaultTimeout(30_000);

const program = serverAt(["/usr/sbin/nats-server", "/usr/bin/nats-server"]);
const everything = [{ kind: "prefix" as const, prefix: "" }];
const times = { beatMs: 100, silentMs: 700, askAgainMs: 100 };

function startNats(): Promise<TestServer> {
  return startServer(program ?? "nats-server", (port, folder) => [
    ..."-a 127.0.0.1 -js -sd".split(" "),
    folder,
    "-p",
    String(port),
  ]);
}

interface Member extends AsyncDisposable {
  hub: OrderedHub;
  link: NodeLink;
}

async function join(server: TestServer, nodeId: string, usesStream = true, patienceMs = 10_000): Promise<Member> {
  const hub = openHub({
    clock: systemClock,
    maxMessageBytes: 4_000_000,
    bounds: { count: 1000, sizeBytes: 1e7, ageMs: 1e7 },
  });
  const link = await openNatsLink({
    hub,
    clock: systemClock,
    log: silentLog,
    servers: [`127.0.0.1:${server.port}`],
    prefix: "test",
    nodeId,
    usesStream,
    keep: 10_000,
    keepMs: 3_600_000,
    patienceMs,
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
  "nats link: all nodes hear the same in the same order, and positions are good at each of them",
  async () => {
    await using server = await startNats();
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
    await using cat = await join(server, "cat");
    const { recovery } = await cat.hub.listen(everything, recorder(), { since: third?.position ?? "" });
    expect(recovery?.isComplete).toBe(true);
    expect(recovery?.publications.map(({ content }) => content)).toEqual(ants.heard.slice(-2));
    expect(recovery?.position).toBe(newest?.position ?? "");
  },
);

test.skipIf(program === undefined)(
  "nats link: a NATS that is killed in mid-stream and comes back whole costs nobody a message",
  async () => {
    await using server = await startNats();
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
  "nats link: a NATS that comes back empty is a gap, and what follows is heard",
  async () => {
    await using server = await startNats();
    await using ant = await join(server, "ant");
    await using bee = await join(server, "bee");
    const [ants, bees] = [listen(ant), listen(bee)];
    await ant.hub.publish({ address: "a", content: "1" });
    await until(() => bees.heard.length === 1);
    const before = bee.hub.position;
    await server.kill();
    await until(() => !ant.link.state().isUp && !bee.link.state().isUp);
    rmSync(nodePath.join(server.folder, "jetstream"), { recursive: true });
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
  "nats link: while NATS is away, publications wait, and fail with a reason when it does not come back",
  async () => {
    await using server = await startNats();
    await using ant = await join(server, "ant", true, 300);
    await ant.hub.publish({ address: "a", content: "1" });
    const large = await ant.hub
      .publish({ address: "a", content: "x".repeat(2_000_000) })
      .catch((thrown: unknown) => thrown);
    expect(large).toMatchObject({ code: "windsock/too-large" });
    await server.kill();
    const failure = await ant.hub.publish({ address: "a", content: "2" }).catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ code: "windsock/away", kind: "unavailable" });
    expect(ant.link.state()).toMatchObject({ isUp: false });
  },
);

test.skipIf(program === undefined)(
  "nats link: without JetStream, what a restart of NATS swallowed is asked for by number",
  async () => {
    await using server = await startNats();
    await using ant = await join(server, "ant", false);
    await using bee = await join(server, "bee", false);
    await until(() => [ant, bee].every(({ link }) => link.state().nodes.some((node) => node.isThere)));
    const [ants, bees] = [listen(ant), listen(bee)];
    const publish = async (member: Member, name: string, count: number) => {
      for (let at = 0; at < count; at++) await member.hub.publish({ address: "a", content: `${name} ${at}` });
    };
    await Promise.all([publish(ant, "ant", 50), publish(bee, "bee", 50)]);
    await server.kill();
    await until(() => !ant.link.state().isUp && !bee.link.state().isUp);
    await Promise.all([publish(ant, "late ant", 50), publish(bee, "late bee", 50)]);
    await server.start();
    await until(() => ants.heard.length === 200 && bees.heard.length === 200);
    expect(ants.heard).not.toContain("-");
    expect([...bees.heard].sort()).toEqual([...ants.heard].sort());
    expect(bees.heard.filter((one) => one.startsWith("late ant"))).toEqual(
      Array.from({ length: 50 }, (_, at) => `late ant ${at}`),
    );
  },
);

test.skipIf(program === undefined)("nats link: presence and orders to end go between nodes", async () => {
  await using server = await startNats();
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

test("readEnvelope: what was written is read, and nothing else", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (address, content) => {
      expect(readEnvelope(JSON.stringify([address, content]))).toEqual({ address, content });
    }),
  );
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      const read = readEnvelope(text);
      if (read) expect(JSON.parse(text)).toEqual([read.address, read.content]);
    }),
  );
});

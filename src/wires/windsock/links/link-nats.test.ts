import { expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import * as nodePath from "node:path";

import fc from "fast-check";

import { systemClock } from "../../../kit/clock.ts";
import { silentLog } from "../../../kit/log.ts";
import {
  joined,
  listenAt,
  type Member,
  quickTimes,
  requireGapAfterLoss,
  requireOneOrder,
  requirePresence,
  requireWholeThroughKills,
  until,
} from "./link-fixture.ts";
import { openNatsLink, readEnvelope } from "./link-nats.ts";
import { serverAt, startServer, type TestServer } from "./server-fixture.ts";

// Real servers on a busy machine.
setDefaultTimeout(120_000);

const program = serverAt(["/usr/sbin/nats-server", "/usr/bin/nats-server"]);

function startNats(): Promise<TestServer> {
  return startServer(program ?? "nats-server", (port, folder) => [
    ..."-a 127.0.0.1 -js -sd".split(" "),
    folder,
    "-p",
    String(port),
  ]);
}

function join(server: TestServer, nodeId: string, usesStream = true, patienceMs = 60_000): Promise<Member> {
  return joined(
    (hub) =>
      openNatsLink({
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
        // Without a stream, who is silent for longer than this may have said what nobody heard.
        times: usesStream ? quickTimes : { ...quickTimes, silentMs: 60_000 },
      }),
    4_000_000,
  );
}

test.skipIf(program === undefined)(
  "nats link: all nodes hear the same in the same order, and positions are good at each of them",
  async () => {
    await using server = await startNats();
    await using ant = await join(server, "ant");
    await using bee = await join(server, "bee");
    await requireOneOrder(ant, bee, () => join(server, "cat"));
  },
);

test.skipIf(program === undefined)(
  "nats link: a NATS that is killed in mid-stream and comes back whole costs nobody a message",
  async () => {
    await using server = await startNats();
    await using ant = await join(server, "ant");
    await using bee = await join(server, "bee");
    await requireWholeThroughKills(server, ant, bee);
  },
);

test.skipIf(program === undefined)(
  "nats link: a NATS that comes back empty is a gap, and what follows is heard",
  async () => {
    await using server = await startNats();
    await using ant = await join(server, "ant");
    await using bee = await join(server, "bee");
    await requireGapAfterLoss(server, ant, bee, () =>
      rmSync(nodePath.join(server.folder, "jetstream"), { recursive: true }),
    );
  },
);

test.skipIf(program === undefined)(
  "nats link: while NATS is away, publications wait, and fail with a reason when it does not come back",
  async () => {
    await using server = await startNats();
    await using ant = await join(server, "ant", true, 3000);
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
    const [ants, bees] = [listenAt(ant), listenAt(bee)];
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
  await requirePresence(ant, await join(server, "bee"));
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

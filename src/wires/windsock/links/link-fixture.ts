/**
 * What tests of links share: a listener that remembers, waiting for something to be true, nodes that a link joins, and
 * what is demanded of every link by a server that may be killed.
 */
import { expect } from "bun:test";

import { systemClock } from "../../../kit/clock.ts";
import type { Listener } from "../hub.ts";
import { openHub, type OrderedHub } from "../hub-ordered.ts";
import type { NodeLink } from "./node-link.ts";
import type { TestServer } from "./server-fixture.ts";

/** A listener that remembers contents; gaps are `-`. */
export function recorder(): Listener & { heard: string[] } {
  const heard: string[] = [];
  return { heard, hear: ({ content }) => void heard.push(content), gap: () => void heard.push("-") };
}

/** Resolves when something is true. Throws when it is not within `limitMs`. */
export async function until(isSo: () => boolean, limitMs = 60_000): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!isSo()) {
    if (performance.now() > endMs) throw new Error(`It did not come about within ${limitMs} ms: ${isSo.toString()}`);
    await new Promise<void>((resolve) => setTimeout(resolve, 5));
  }
}

/** A node that a link joins to others. */
export interface Member extends AsyncDisposable {
  hub: OrderedHub;
  link: NodeLink;
}

/** All that is published. */
export const everything = [{ kind: "prefix" as const, prefix: "" }];

/** Times for tests, in which nothing waits long. */
export const quickTimes = { beatMs: 100, silentMs: 700, askAgainMs: 100 };

/** A hub that a link is opened for; `early` sits at it before that. */
export async function joined(
  open: (hub: OrderedHub) => Promise<NodeLink>,
  maxMessageBytes: number,
  early = recorder(),
): Promise<Member> {
  const hub = openHub({
    clock: systemClock,
    maxMessageBytes,
    bounds: { count: 1000, sizeBytes: 1e7, ageMs: 1e7 },
  });
  hub.sit(everything, early);
  const link = await open(hub);
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

/** Hears everything at a node. */
export function listenAt({ hub }: Member) {
  const listener = recorder();
  hub.sit(everything, listener);
  return listener;
}

/** Publishes numbers one after the other until told to stop; gives those that were taken. */
export function publishing({ hub }: Member, name: string) {
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

/** Both hear the same in the same order, and a third that comes later goes on from what they heard. */
export async function requireOneOrder(ant: Member, bee: Member, third: () => Promise<Member>): Promise<void> {
  const [ants, bees] = [listenAt(ant), listenAt(bee)];
  await Promise.all(
    Array.from({ length: 500 }, (_, count) =>
      (count % 2 ? ant : bee).hub.publish({ address: "a", content: String(count) }),
    ),
  );
  await until(() => ants.heard.length === 500 && bees.heard.length === 500);
  expect(bees.heard).toEqual(ants.heard);
  expect(new Set(ants.heard).size).toBe(500);
  const [newest] = await ant.hub.history({ kind: "prefix", prefix: "" }, 1);
  const before = (await ant.hub.history({ kind: "prefix", prefix: "" }, 3))[0];
  await using cat = await third();
  const { recovery } = await cat.hub.listen(everything, recorder(), { since: before?.position ?? "" });
  expect(recovery?.isComplete).toBe(true);
  expect(recovery?.publications.map(({ content }) => content)).toEqual(ants.heard.slice(-2));
  expect(recovery?.position).toBe(newest?.position ?? "");
}

/** What carries is killed twice while both publish, and comes back whole: nobody misses anything. */
export async function requireWholeThroughKills(server: TestServer, ant: Member, bee: Member): Promise<void> {
  const [ants, bees] = [listenAt(ant), listenAt(bee)];
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
}

/** What carries comes back having forgotten all (`empty` sees to it while it is away): that is a gap. */
export async function requireGapAfterLoss(
  server: TestServer,
  ant: Member,
  bee: Member,
  empty: () => void,
): Promise<void> {
  const [ants, bees] = [listenAt(ant), listenAt(bee)];
  await ant.hub.publish({ address: "a", content: "1" });
  await until(() => bees.heard.length === 1);
  const before = bee.hub.position;
  await server.kill();
  await until(() => !ant.link.state().isUp && !bee.link.state().isUp);
  empty();
  await server.start();
  await until(() => bee.link.state().isUp && ant.link.state().isUp);
  await bee.hub.publish({ address: "a", content: "2" });
  await until(() => ants.heard.includes("2") && bees.heard.includes("2"));
  expect(ants.heard).toEqual(["1", "-", "2"]);
  expect(bees.heard).toEqual(["1", "-", "2"]);
  expect((await bee.hub.listen(everything, recorder(), { since: before })).recovery?.isComplete).toBe(false);
}

/** Presence and orders to end go between nodes; who stops takes its people along. */
export async function requirePresence(ant: Member, bee: Member): Promise<void> {
  bee.hub.enter("room", { connection: "b1", user: "ben" });
  await until(() => ant.hub.presence("room").length === 1);
  const reasons: string[] = [];
  bee.hub.attach({ connection: "b1", user: "ben", end: (reason) => void reasons.push(reason) });
  ant.hub.disconnect({ connection: "b1" }, "enough");
  await until(() => reasons.length === 1);
  await bee[Symbol.asyncDispose]();
  await until(() => ant.hub.presence("room").length === 0);
}

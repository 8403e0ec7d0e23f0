import { expect, setDefaultTimeout, test } from "bun:test";
import { createServer } from "node:net";

import fc from "fast-check";

import { systemClock } from "../../../kit/clock.ts";
import type { Cluster, ClusterNode } from "../../../kit/cluster.ts";
import { silentLog } from "../../../kit/log.ts";
import { type FaultyProxy, startFaultyProxy } from "../../../kit/testing/faulty-proxy.ts";
import { openHub, type OrderedHub } from "../hub-ordered.ts";
import { Pieces, piecesOf } from "./direct-frames.ts";
import { openDoor } from "./door-fixture.ts";
import { type DirectLink, linkPath, openDirectLink } from "./link-direct.ts";
import { recorder, until } from "./link-fixture.ts";

// Real servers on a busy machine.
setDefaultTimeout(120_000);

const times = { beatMs: 100, silentMs: 3000, askAgainMs: 100 };
const everything = [{ kind: "prefix" as const, prefix: "" }];

/** Nodes that know each other's URLs. */
class Town {
  readonly #nodes = new Map<string, ClusterNode>();
  readonly #listeners = new Set<() => void>();

  tell(id: string, url: string | undefined): void {
    if (url === undefined) this.#nodes.delete(id);
    else
      this.#nodes.set(id, {
        id,
        name: id,
        state: "alive",
        goneMs: 0,
        services: { door: { url, tells: {} } },
        self: false,
      });
    for (const listener of this.#listeners) listener();
  }

  cluster(selfId: string, secret = "secret"): Cluster {
    return {
      selfId,
      nodes: () => [...this.#nodes.values()].map((node) => ({ ...node, self: node.id === selfId })),
      tell: () => undefined,
      expected: () => this.#nodes.size,
      subscribe: (listener) => {
        this.#listeners.add(listener);
        return () => void this.#listeners.delete(listener);
      },
      join: () => Promise.resolve(0),
      forget: () => Promise.resolve(),
      leave: () => Promise.resolve(),
      isSecret: (text) => text === secret,
      secretFor: (purpose) => (secret === "" ? "" : `${purpose} ${secret}`),
    };
  }
}

interface Member extends AsyncDisposable {
  hub: OrderedHub;
  link: DirectLink;
  /** What other nodes reach it by. */
  line: FaultyProxy;
}

async function join(town: Town, id: string, secret = "secret", log = silentLog): Promise<Member> {
  const hub = openHub({
    clock: systemClock,
    maxMessageBytes: 400_000,
    bounds: { count: 1000, sizeBytes: 1e7, ageMs: 1e7 },
  });
  let link: DirectLink | undefined;
  const door = await openDoor((request, caller) => {
    if (!link) return new Response("not yet\n", { status: 503 });
    return link.handle(request, caller);
  });
  const opened = openDirectLink({
    hub,
    cluster: town.cluster(id, secret),
    clock: systemClock,
    log,
    service: "door",
    maxMessageBytes: 400_000,
    times,
  });
  link = opened;
  hub.carrier = opened.carrier;
  const line = await startFaultyProxy(door.port);
  town.tell(id, line.url);
  return {
    hub,
    link: opened,
    line,
    async [Symbol.asyncDispose]() {
      town.tell(id, undefined);
      await opened.stop();
      await line[Symbol.asyncDispose]();
      await door[Symbol.asyncDispose]();
      hub.close();
    },
  };
}

const isLinked = ({ link }: Member, count: number) =>
  link.state().nodes.filter((node) => node.isThere).length === count;

test("direct link: what one node publishes is heard at the others once, in order, large messages too", async () => {
  const town = new Town();
  await using ant = await join(town, "ant");
  await using bee = await join(town, "bee");
  await using cat = await join(town, "cat");
  await until(() => [ant, bee, cat].every((member) => isLinked(member, 2)));
  const listeners = [ant, bee, cat].map(({ hub }) => {
    const listener = recorder();
    hub.sit(everything, listener);
    return listener;
  });
  const large = "☃\n".repeat(90_000);
  for (let count = 0; count < 300; count++) {
    void ant.hub.publish({ address: "a", content: `ant ${count}` });
    if (count % 3 === 0) void bee.hub.publish({ address: "a", content: `bee ${count}` });
  }
  await cat.hub.publish({ address: "a", content: large });
  await until(() => listeners.every(({ heard }) => heard.length === 401));
  for (const { heard } of listeners) {
    expect(heard).not.toContain("-");
    expect(heard.filter((one) => one.startsWith("ant"))).toEqual(
      Array.from({ length: 300 }, (_, count) => `ant ${count}`),
    );
    expect(heard.filter((one) => one.startsWith("bee")).length).toBe(100);
    expect(heard.filter((one) => one === large).length).toBe(1);
  }
});

test("direct link: presence and orders to end go between nodes, and end with them", async () => {
  const town = new Town();
  await using ant = await join(town, "ant");
  const bee = await join(town, "bee");
  bee.hub.enter("room", { connection: "b1", user: "ben" });
  await until(() => ant.hub.presence("room").length === 1);
  const leave = bee.hub.enter("room", { connection: "b2", user: "bea" });
  await until(() => ant.hub.presence("room").length === 2);
  leave();
  await until(() => ant.hub.presence("room").length === 1);
  const reasons: string[] = [];
  bee.hub.attach({ connection: "b1", user: "ben", end: (reason) => void reasons.push(reason) });
  ant.hub.disconnect({ user: "ben" }, "enough");
  await until(() => reasons.length === 1);
  await bee[Symbol.asyncDispose]();
  await until(() => ant.hub.presence("room").length === 0);
});

test("direct link: a node that comes back, in another run, is heard from its beginning, and those who listen are told", async () => {
  const town = new Town();
  await using ant = await join(town, "ant");
  const bee = await join(town, "bee");
  await until(() => isLinked(ant, 1) && isLinked(bee, 1));
  const listener = recorder();
  ant.hub.sit(everything, listener);
  await bee.hub.publish({ address: "a", content: "1" });
  await until(() => listener.heard.length === 1);
  await bee[Symbol.asyncDispose]();
  await using again = await join(town, "bee");
  await until(() => isLinked(again, 1) && isLinked(ant, 1));
  await again.hub.publish({ address: "a", content: "2" });
  await until(() => listener.heard.includes("2"));
  // It said farewell, so nothing was missed.
  expect(listener.heard).toEqual(["1", "2"]);
});

test("direct link: a short cut costs nothing, and a long one a gap; what was said meanwhile is heard afterwards, once", async () => {
  const town = new Town();
  await using ant = await join(town, "ant");
  await using bee = await join(town, "bee");
  await until(() => isLinked(ant, 1) && isLinked(bee, 1));
  const [ants, bees] = [recorder(), recorder()];
  ant.hub.sit(everything, ants);
  bee.hub.sit(everything, bees);
  const separate = (isCut: boolean) => {
    for (const { line } of [ant, bee]) {
      line.isRefusing = isCut;
      if (isCut) line.cut();
    }
  };
  const wanted: string[] = [];
  const say = async (name: string, count: number) => {
    for (let at = 0; at < count; at++) {
      wanted.push(`${name} ${at}`);
      await ant.hub.publish({ address: "a", content: `${name} ${at}` });
    }
  };
  for (let round = 0; round < 3; round++) {
    const saying = say(`short ${round}`, 200);
    for (const { line } of [ant, bee]) line.cut();
    await saying;
    await until(() => bees.heard.length === wanted.length);
  }
  expect(bees.heard).toEqual(wanted);
  separate(true);
  await say("apart", 50);
  await until(() => isLinked(bee, 0) && isLinked(ant, 0));
  expect(bees.heard.at(-1)).toBe("-");
  separate(false);
  await until(() => bees.heard.length === wanted.length + 1);
  expect(bees.heard.filter((one) => one !== "-")).toEqual(wanted);
  expect(ants.heard.filter((one) => one !== "-")).toEqual(wanted);
});

test("direct link: thousands who are present are known at a node that comes new, whoever comes and goes meanwhile", async () => {
  const town = new Town();
  await using ant = await join(town, "ant");
  const info = JSON.stringify("x".repeat(900));
  for (let at = 0; at < 6000; at++) ant.hub.enter("room", { connection: `c${at}`, user: `u${at}`, info });
  await using bee = await join(town, "bee");
  const churn = setInterval(() => {
    const leave = ant.hub.enter("room", { connection: crypto.randomUUID(), user: "ann" });
    setTimeout(leave, 20);
  }, 3);
  try {
    await until(() => bee.hub.presence("room").length >= 6000);
  } finally {
    clearInterval(churn);
  }
  await until(() => bee.hub.presence("room").length === 6000 && ant.hub.presence("room").length === 6000);
  expect(bee.hub.presence("room").at(-1)?.info).toBe(info);
});

test("direct link: a node that takes the connection and never answers is tried again", async () => {
  const town = new Town();
  let tries = 0;
  const server = createServer((socket) => {
    tries++;
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  await using ant = await join(town, "ant");
  town.tell("bee", `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`);
  await until(() => tries >= 2);
  expect(ant.link.state().failure).toBe("no way to bee");
  server.close();
});

test("direct link: nobody comes in without the cluster's secret", async () => {
  const town = new Town();
  const warnings: unknown[] = [];
  const log = { ...silentLog, warn: (message: string, fields?: object) => void warnings.push({ message, ...fields }) };
  await using ant = await join(town, "ant", "secret", log);
  await using stranger = await join(town, "bee", "another secret");
  const place =
    town
      .cluster("x")
      .nodes()
      .find(({ id }) => id === "ant")?.services.door?.url ?? "";
  const answer = await fetch(`${place}${linkPath}`, { headers: { "X-Warren-Node": "bee", "X-Warren-Secret": "no" } });
  expect(answer.status).toBe(401);
  expect(await answer.text()).toContain("for nodes of the same cluster");
  expect(isLinked(ant, 0) && isLinked(stranger, 0)).toBe(true);
  expect(ant.link.state().failure).toBe("no way to bee");
  // It is tried again and again, and said once.
  await until(() => stranger.line.connections >= 3);
  expect(warnings).toEqual([
    expect.objectContaining({ message: expect.stringContaining("No way to another node"), node: "bee" }),
  ]);
});

test("pieces: whatever the text, it is whole again, and what is no piece is refused", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), fc.integer({ min: 1, max: 2000 }), (text, times) => {
      const pieces = new Pieces(10_000_000);
      const long = text.repeat(times);
      const found = [...piecesOf(long)].map((piece) => pieces.take(piece));
      expect(found.at(-1)).toBe(Buffer.from(long).toString());
      expect(found.slice(0, -1).every((one) => one === undefined)).toBe(true);
    }),
    { numRuns: 30 },
  );
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const pieces = new Pieces(20);
      if (bytes[0] !== 0 && bytes[0] !== 1) expect(() => pieces.take(bytes)).toThrow(SyntaxError);
      else if (bytes.length > 21) expect(() => pieces.take(bytes)).toThrow(RangeError);
      else expect(typeof pieces.take(bytes)).toBe(bytes[0] === 0 ? "string" : "undefined");
    }),
  );
});

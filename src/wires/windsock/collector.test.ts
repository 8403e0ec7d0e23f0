import { expect, test } from "bun:test";

import { systemClock } from "../../kit/clock.ts";
import { type Logger, silentLog } from "../../kit/log.ts";
import { until } from "../../kit/testing/child-node.ts";
import { freePort } from "../../kit/testing/free-port.ts";
import { Publisher } from "../../lib/zmtp/publish.ts";
import { type Collector, openCollector } from "./collector.ts";
import { openHub } from "./hub-ordered.ts";

const zmq = { clock: systemClock, random: Math.random, reconnectMs: 10, reconnectMaxMs: 50 };

function makeHub() {
  const bounds = { count: 1000, sizeBytes: 1e6, ageMs: 3_600_000 };
  return openHub({ clock: systemClock, maxMessageBytes: 10_000, bounds });
}

function collect(
  hub: ReturnType<typeof makeHub>,
  endpoint: string,
  isHeard: boolean,
  log: Logger = silentLog,
): Collector {
  return openCollector({
    endpoints: [endpoint],
    socket: zmq,
    hub,
    clock: systemClock,
    log,
    take: ([address, content]) =>
      void hub.accept({ address: String(address), content: String(content) }).catch(() => undefined),
    isHeard: () => isHeard,
  });
}

test("openCollector: a line that comes back is told of though its publisher says nothing", async () => {
  let source = new Publisher(zmq);
  const endpoint = source.bind("tcp://127.0.0.1:*");
  const hub = makeHub();
  let gaps = 0;
  hub.sit([], { hear: () => undefined, gap: () => void gaps++ });
  const collector = collect(hub, endpoint, false);
  try {
    await until("the line is there", () => source.peers === 1);
    source.close();
    source = new Publisher(zmq);
    source.bind(endpoint);
    await until("the gap was told", () => gaps > 0);
    expect(source.peers).toBe(1);
    expect(gaps).toBe(1);
  } finally {
    collector.close();
    source.close();
    hub.close();
  }
});

test("openCollector: a line that comes late is a gap for those who listened before", async () => {
  const source = new Publisher(zmq);
  const endpoint = source.bind("tcp://127.0.0.1:*");
  const hub = makeHub();
  let gaps = 0;
  hub.sit([], { hear: () => undefined, gap: () => void gaps++ });
  const collector = collect(hub, endpoint, true);
  try {
    await until("the gap was told", () => gaps > 0);
  } finally {
    collector.close();
    source.close();
    hub.close();
  }
});

test("openCollector: what was told while this program was not there is missing after what is kept", async () => {
  const hub = makeHub();
  const fresh = makeHub();
  await hub.publish({ address: "a", content: "before" });
  const positions = [hub.position, fresh.position];
  const collectors = [collect(hub, "tcp://127.0.0.1:1", false), collect(fresh, "tcp://127.0.0.1:1", false)];
  expect(hub.recall([], positions[0] ?? "").isComplete).toBe(false);
  // With nothing before it nothing can be missing.
  expect(fresh.recall([], positions[1] ?? "").isComplete).toBe(true);
  for (const collector of collectors) collector.close();
  hub.close();
  fresh.close();
});

test("openCollector: a publisher that cannot be reached is told once, and named until it is there", async () => {
  const hub = makeHub();
  const endpoint = `tcp://127.0.0.1:${freePort()}`;
  const told: string[] = [];
  let tries = 0;
  const log: Logger = { ...silentLog, warn: (message) => void told.push(message), debug: () => void tries++ };
  const collector = collect(hub, endpoint, false, log);
  const source = new Publisher(zmq);
  try {
    await until("it was tried again", () => tries > 1);
    expect(told).toEqual(["A publisher elsewhere cannot be reached; trying again"]);
    expect(collector.away).toEqual([endpoint]);
    source.bind(endpoint);
    await until("the line is there", () => collector.away.length === 0);
  } finally {
    collector.close();
    source.close();
    hub.close();
  }
});

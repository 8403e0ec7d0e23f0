import { expect, test } from "bun:test";

import { systemClock } from "../../kit/clock.ts";
import { silentLog } from "../../kit/log.ts";
import { until } from "../../kit/testing/child-node.ts";
import { Pusher } from "../../lib/zmtp/pipeline.ts";
import { Publisher } from "../../lib/zmtp/publish.ts";
import { type BrokerSettings, openBroker } from "./broker.ts";
import { plainBroker } from "./broker-fixture.ts";
import { openHub } from "./hub-ordered.ts";

const megabyte = 1 << 20;
const zmq = { clock: systemClock, random: Math.random, reconnectMs: 10, reconnectMaxMs: 50 };
const settings: BrokerSettings = {
  ...plainBroker,
  pullSocket: ["tcp://127.0.0.1:*"],
  maxMessageBytes: 2 * megabyte,
};

/** A broker whose publications go nowhere until they are let. */
function stuckBroker(given: Partial<BrokerSettings>) {
  const bounds = { count: 0, sizeBytes: 0, ageMs: 0 };
  const hub = openHub({ clock: systemClock, maxMessageBytes: 2 * megabyte, bounds });
  const { promise, resolve } = Promise.withResolvers<void>();
  let carried = 0;
  hub.carrier = {
    carry() {
      carried++;
      return promise;
    },
  };
  const broker = openBroker({
    settings: { ...settings, ...given },
    hub,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
  });
  return {
    broker,
    let: resolve,
    carried: () => carried,
    [Symbol.dispose]() {
      broker.close();
      hub.close();
    },
  };
}

/** Whether a number stays as it is for a while. */
async function settled(figure: () => number): Promise<void> {
  for (let same = 0, last = -1; same < 300; last = figure()) {
    await new Promise((resolve) => setImmediate(resolve));
    same = figure() === last ? same + 1 : 0;
  }
}

test("PULL: while publications cannot go out, no more is read than a few tens of megabytes", async () => {
  using stuck = stuckBroker({});
  const pusher = new Pusher({ ...zmq, maxWaitingBytes: 200 * megabyte });
  try {
    pusher.connect(stuck.broker.addresses[0]?.address ?? "");
    await until("the pusher is there", () => pusher.peers === 1);
    const content = Buffer.alloc(megabyte, "x");
    for (let count = 0; count < 100; count++) pusher.send([Buffer.from("a"), content]);
    await until("the first has arrived", () => stuck.carried() > 0);
    await settled(stuck.carried);
    expect(stuck.carried()).toBeLessThan(50);
    stuck.let();
    await until("all have arrived", () => stuck.carried() === 100);
    expect(stuck.broker.counts.refused).toBe(0);
  } finally {
    pusher.close();
  }
});

test("SUB: while publications cannot go out, what is too much is refused and counted", async () => {
  const publisher = new Publisher({ ...zmq, maxWaitingBytes: 200 * megabyte });
  const address = publisher.bind("tcp://127.0.0.1:*");
  try {
    using stuck = stuckBroker({ pullSocket: [], collectFrom: [address] });
    const content = Buffer.alloc(megabyte, "x");
    await until("the subscription is there", () => publisher.send([Buffer.from("a"), content]) > 0);
    for (let count = 1; count < 100; count++) publisher.send([Buffer.from("a"), content]);
    await until("all have been read", () => stuck.carried() + stuck.broker.counts.refused === 100);
    expect(stuck.carried()).toBeLessThan(50);
    stuck.let();
  } finally {
    publisher.close();
  }
});

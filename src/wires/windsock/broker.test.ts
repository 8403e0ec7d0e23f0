import { expect, test } from "bun:test";

import fc from "fast-check";

import { systemClock } from "../../kit/clock.ts";
import { type Logger, silentLog } from "../../kit/log.ts";
import { until } from "../../kit/testing/child-node.ts";
import { freePorts } from "../../kit/testing/free-port.ts";
import { curveKeys } from "../../lib/zmtp/curve.ts";
import type { Security } from "../../lib/zmtp/mechanism.ts";
import { Dealer, Pusher } from "../../lib/zmtp/pipeline.ts";
import { Publisher, Subscriber } from "../../lib/zmtp/publish.ts";
import { Requester } from "../../lib/zmtp/request.ts";
import { encodeZ85 } from "../../lib/zmtp/z85.ts";
import { type BrokerSettings, openBroker } from "./broker.ts";
import { plainBroker } from "./broker-fixture.ts";
import { parseEnvelope } from "./envelope-frame.ts";
import { openHub, type OrderedHub } from "./hub-ordered.ts";
import { openUplink, type UplinkSettings } from "./uplink.ts";

const zmq = { clock: systemClock, random: Math.random, reconnectMs: 10, reconnectMaxMs: 50 };

const settings: BrokerSettings = {
  ...plainBroker,
  repSocket: ["tcp://127.0.0.1:*"],
  pubSocket: ["tcp://127.0.0.1:*"],
  pullSocket: ["tcp://127.0.0.1:*"],
};

function makeHub(): OrderedHub {
  const bounds = { count: 100_000, sizeBytes: 100_000_000, ageMs: 3_600_000 };
  return openHub({ clock: systemClock, maxMessageBytes: 10_000, bounds });
}

/** A broker with a hub of its own. */
function makeBroker(given: Partial<BrokerSettings> = {}, log: Logger = silentLog) {
  const hub = makeHub();
  const broker = openBroker({
    settings: { ...settings, ...given },
    hub,
    clock: systemClock,
    random: Math.random,
    log,
  });
  const at = (purpose: "rep" | "pub" | "pull") =>
    broker.addresses.find((address) => address.purpose === purpose)?.address ?? "";
  return {
    hub,
    broker,
    at,
    [Symbol.dispose]() {
      broker.close();
      hub.close();
    },
  };
}

/** Subscribes to everything and waits until the broker knows. */
async function hearAll(endpoint: string, subscribers: () => number, security?: Security) {
  const heard: string[][] = [];
  const subscriber = new Subscriber({
    ...zmq,
    ...(security ? { security } : {}),
    onMessage: (frames) => void heard.push(frames.map((frame) => frame.toString())),
  });
  subscriber.subscribe(new Uint8Array(0));
  const before = subscribers();
  subscriber.connect(endpoint);
  await until("the broker knows its subscriber", () => subscribers() > before);
  return { heard, [Symbol.dispose]: () => subscriber.close() };
}

test("broker: right envelopes are published and answered; others are refused, and nothing of a former one is told", async () => {
  using made = makeBroker();
  using ear = await hearAll(made.at("pub"), () => made.broker.counts.subscribers);
  const requester = new Requester(zmq);
  requester.connect(made.at("rep"));
  const ask = async (...frames: string[]) =>
    (
      await requester.request(
        frames.map((frame) => Buffer.from(frame)),
        60_000,
      )
    ).map((frame) => frame.toString());
  const good = '{"address":"a.b","content":"secret"}';
  // The subscription itself may still be on its way.
  await until("something is heard", async () => {
    await ask(good);
    return ear.heard.length > 0;
  });
  // So may others of these.
  await ask('{"address":"a.b","content":"the last secret"}');
  await until("all of these were heard", () => ear.heard.at(-1)?.[1] === "the last secret");
  ear.heard.length = 0;
  const bad = [
    "not json",
    "",
    "[]",
    "null",
    '"text"',
    '{"address":"gobot.only"}',
    '{"content":"only"}',
    '{"address":5,"content":"x"}',
    '{"address":"a","content":null}',
    '{"address":"a","content":{"b":1}}',
    `{"address":"${"a".repeat(2000)}","content":""}`,
    `{"address":"a","content":"${"x".repeat(10_001)}"}`,
  ];
  for (const frame of bad) {
    const [reply = "", ...more] = await ask(frame);
    expect(reply).toStartWith("refused: ");
    expect(reply).not.toContain("secret");
    expect(more).toEqual([]);
  }
  expect(made.broker.counts.refused).toBe(bad.length);
  expect(await ask('{"Address":"x","CONTENT":"y","more":{"address":"z"}}')).toEqual(["published"]);
  expect(await ask('{"address":"1","content":""}', '{"address":"2","content":"b"}')).toEqual(["published"]);
  expect((await ask('{"address":"3","content":""}', "nonsense"))[0]).toStartWith("refused: ");
  expect(await ask(good)).toEqual(["published"]);
  await until("the last was heard", () => ear.heard.length === 4);
  expect(ear.heard).toEqual([
    ["x", "y"],
    ["1", ""],
    ["2", "b"],
    ["a.b", "secret"],
  ]);
  requester.close();
});

test("parseEnvelope: whatever comes, it gives an envelope or throws SyntaxError", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        try {
          const { address, content } = parseEnvelope(bytes);
          expect([typeof address, typeof content]).toEqual(["string", "string"]);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(SyntaxError);
        }
      },
    ),
  );
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (address, content) => {
      expect(parseEnvelope(Buffer.from(JSON.stringify({ address, content })))).toEqual({ address, content });
    }),
  );
});

test("broker: an application that leaves without its answer harms nobody, and its message is told", async () => {
  using made = makeBroker();
  using ear = await hearAll(made.at("pub"), () => made.broker.counts.subscribers);
  for (let round = 0; round < 20; round++) {
    const dealer = new Dealer({ ...zmq, onMessage: () => undefined });
    dealer.connect(made.at("rep"));
    await until("it is sent", () =>
      dealer.send([Buffer.alloc(0), Buffer.from(`{"address":"a","content":"${round}"}`)]),
    );
    await Promise.resolve();
    dealer.close();
  }
  await until("all were published", () => made.hub.figures.publications === 20);
  await until("all were heard", () => ear.heard.length === 20);
  expect(ear.heard.map(([, content]) => Number(content)).sort((left, right) => left - right)).toEqual(
    Array.from({ length: 20 }, (_, at) => at),
  );
});

test("broker: PULL and SUB take messages without an answer, as two frames or as one envelope", async () => {
  const source = new Publisher(zmq);
  const endpoint = source.bind("tcp://127.0.0.1:*");
  using made = makeBroker({ collectFrom: [endpoint] });
  const heard: string[] = [];
  made.hub.sit([{ kind: "prefix", prefix: "" }], {
    hear: ({ address, content }) => void heard.push(`${address}=${content}`),
    gap: () => undefined,
  });
  await until("it subscribed", () => source.send([Buffer.from("s"), Buffer.from("0")]) > 0);
  const pusher = new Pusher(zmq);
  pusher.connect(made.at("pull"));
  await until("it is sent", () => pusher.send([Buffer.from("p"), Buffer.from("1")]));
  pusher.send([Buffer.from('{"address":"q","content":"2"}')]);
  pusher.send([Buffer.from("too"), Buffer.from("many"), Buffer.from("frames")]);
  pusher.send([Buffer.from("p"), Buffer.from("3")]);
  await until("all came", () => heard.includes("p=3") && heard.includes("s=0"));
  expect(heard.filter((one) => !one.startsWith("s"))).toEqual(["p=1", "q=2", "p=3"]);
  expect(made.broker.counts.refused).toBe(1);
  pusher.close();
  source.close();
});

test("broker: with PLAIN and with CURVE only those who can prove themselves come in", async () => {
  const [server, client, stranger] = [curveKeys(), curveKeys(), curveKeys()];
  const cases: { given: Partial<BrokerSettings>; good: Security; bad: Security }[] = [
    {
      given: { security: "plain", plainUsers: ["app:right", "b:c"] },
      good: { mechanism: "PLAIN", role: "client", user: "app", password: "right" },
      bad: { mechanism: "PLAIN", role: "client", user: "app", password: "wrong" },
    },
    {
      given: {
        security: "curve",
        curveSecretKey: encodeZ85(server.secretKey),
        curveClients: [encodeZ85(client.publicKey)],
      },
      good: { mechanism: "CURVE", role: "client", serverKey: server.publicKey, ...client },
      bad: { mechanism: "CURVE", role: "client", serverKey: server.publicKey, ...stranger },
    },
  ];
  for (const { bad, given, good } of cases) {
    using made = makeBroker(given);
    const [right, wrong, none] = [good, bad, undefined].map((security) => {
      const requester = new Requester({ ...zmq, ...(security ? { security } : {}) });
      requester.connect(made.at("rep"));
      return requester;
    });
    const frame = Buffer.from('{"address":"a","content":"b"}');
    expect((await right?.request([frame], 60_000))?.toString()).toBe("published");
    expect(await wrong?.request([frame], 300).catch(() => "late")).toBe("late");
    expect(await none?.request([frame], 300).catch(() => "late")).toBe("late");
    expect(made.hub.figures.publications).toBe(1);
    for (const one of [right, wrong, none]) one?.close();
  }
});

test("broker: figures of an address count its subscribers, and none where PUB has nobody", async () => {
  using made = makeBroker();
  await made.hub.publish({ address: "a", content: "unheard" });
  expect(made.hub.topics(1)).toEqual([{ address: "a", listeners: 0, perMinute: 1 }]);
  expect(made.hub.figures.deliveries).toBe(0);
  using ear = await hearAll(made.at("pub"), () => made.broker.counts.subscribers);
  // The subscription comes after the subscriber.
  await until("it is counted", () => made.hub.topics(1)[0]?.listeners === 1);
  await made.hub.publish({ address: "a", content: "heard" });
  await until("something is heard", () => ear.heard.length > 0);
  expect([made.hub.figures.deliveries, made.hub.figures.publications]).toEqual([1, 2]);
});

test("broker: nonsense without end is counted, and does not fill the log", async () => {
  let warned = 0;
  using made = makeBroker({}, { ...silentLog, warn: () => void warned++ });
  const pusher = new Pusher(zmq);
  pusher.connect(made.at("pull"));
  try {
    let sent = 0;
    await until("all are refused", async () => {
      for (let at = 0; at < 100 && sent < 500; at++) if (pusher.send([Buffer.from("nonsense")])) sent++;
      return made.broker.counts.refused === 500;
    });
    expect(warned).toBe(20);
  } finally {
    pusher.close();
  }
});

test("broker: an endpoint that is taken is said by name, and leaves nothing open", () => {
  using first = makeBroker();
  const taken = first.at("rep");
  expect(() => makeBroker({ repSocket: [taken] })).toThrow(
    `Cannot listen on "${taken}" for ZeroMQ: it is held by this very process (pid ${process.pid}); stop that, or set rep_socket to another one`,
  );
  expect(() => makeBroker({ pubSocket: ["ipc:///no/such/folder/socket"] })).toThrow(
    'Cannot listen on "ipc:///no/such/folder/socket" for ZeroMQ: there is no such folder; set pub_socket to another one',
  );
  using again = makeBroker({ pubSocket: ["tcp://127.0.0.1:*"] });
  expect(again.at("pub")).not.toBe("");
});

/** A windsock that stands on a broker elsewhere. */
function makeUplink(req: string, sub: string, given: Partial<UplinkSettings> = {}, log: Logger = silentLog) {
  const hub = makeHub();
  const heard: string[] = [];
  hub.sit([{ kind: "prefix", prefix: "" }], {
    hear: ({ address, content }) => void heard.push(`${address}=${content}`),
    gap: () => void heard.push("-"),
  });
  const uplink = openUplink({
    settings: {
      ...settings,
      reqSocket: [req],
      subSocket: [sub],
      subKey: "",
      brokerTimeoutMs: 60_000,
      maxMessageBytes: 10_000,
      ...given,
    },
    hub,
    clock: systemClock,
    random: Math.random,
    log,
  });
  return {
    hub,
    heard,
    uplink,
    [Symbol.dispose]() {
      uplink.close();
      hub.close();
    },
  };
}

test("uplink: what is published goes out, and is heard when it comes back, by all in one order", async () => {
  using made = makeBroker();
  using one = makeUplink(made.at("rep"), made.at("pub"));
  using two = makeUplink(made.at("rep"), made.at("pub"), { subKey: "room" });
  await until("both hear", () => made.broker.counts.subscribers === 2 && one.uplink.isAsking && two.uplink.isAsking);
  await until("their subscriptions have come", async () => {
    await one.hub.publish({ address: "room", content: "?" });
    return one.heard.length > 0 && two.heard.length > 0;
  });
  await one.hub.publish({ address: "room", content: "the last ?" });
  await until("all of these were heard", () => [one, two].every(({ heard }) => heard.at(-1) === "room=the last ?"));
  const [before, at] = [one.heard.length, two.heard.length];
  await Promise.all([
    one.hub.publish({ address: "room", content: "1" }),
    two.hub.publish({ address: "room", content: "2" }),
    two.hub.publish({ address: "hall", content: "3" }),
  ]);
  await until("all came", () => one.heard.length === before + 3 && two.heard.length === at + 2);
  expect(one.heard.slice(before).toSorted()).toEqual(["hall=3", "room=1", "room=2"]);
  expect(two.heard.slice(at)).toEqual(one.heard.slice(before).filter((text) => text !== "hall=3"));
  expect(await one.hub.publish({ address: "a", content: "x".repeat(9990) }).catch(() => "refused")).toMatchObject({
    address: "a",
  });
});

test("uplink: a broker that is away is told once for each of its sockets, however often it is tried", async () => {
  const warned: unknown[] = [];
  let tries = 0;
  const log: Logger = {
    ...silentLog,
    warn: (_, facts) => void warned.push(facts?.["endpoint"]),
    debug: () => void tries++,
  };
  using _ = makeUplink("tcp://127.0.0.1:1", "tcp://127.0.0.1:2", {}, log);
  await until("both were tried again", () => tries >= 4);
  expect(warned.toSorted()).toEqual(["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"]);
});

test("uplink: a broker that restarts in the middle harms nothing: the loss is told, and all goes on", async () => {
  // It comes back where it was: at ports that nobody is given meanwhile.
  const [rep = "", pub = ""] = freePorts(2).map((port) => `tcp://127.0.0.1:${port}`);
  let made = makeBroker({ repSocket: [rep], pubSocket: [pub] });
  using up = makeUplink(rep, pub);
  await until("it hears", async () => {
    await up.hub.publish({ address: "a", content: "?" }).catch(() => undefined);
    return up.heard.length > 0;
  });
  const before = up.hub.position;
  let failed = 0;
  let taken = 0;
  const over = new AbortController();
  const publishing = (async () => {
    for (let at = 0; !over.signal.aborted; at++) {
      await up.hub.publish({ address: "a", content: String(at) }).then(
        () => taken++,
        (thrown: { code: string }) => {
          expect(thrown.code).toBe("windsock/away");
          failed++;
        },
      );
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  for (let round = 0; round < 3; round++) {
    const takenBefore = taken;
    await until("some are published", () => taken > takenBefore + 20);
    made[Symbol.dispose]();
    await until("it is noticed", () => !up.uplink.isHearing);
    made = makeBroker({ repSocket: [rep], pubSocket: [pub] });
    await until("the gap was told", () => up.heard.filter((text) => text === "-").length === round + 1);
  }
  const takenBefore = taken;
  await until("it goes on", () => taken > takenBefore + 20);
  over.abort();
  await publishing;
  await until("the last one came", async () => {
    await up.hub.publish({ address: "a", content: "last" });
    return up.heard.includes("a=last");
  });
  expect(failed).toBeLessThan(taken);
  // Whoever comes back from before it is told, too.
  const late: string[] = [];
  const { recovery } = await up.hub.listen(
    [{ kind: "prefix", prefix: "" }],
    { hear: () => undefined, gap: () => void late.push("-") },
    { since: before },
  );
  expect(recovery?.isComplete).toBe(false);
  // Nothing is heard twice, and what is heard is in order.
  const numbers = up.heard.filter((text) => /^a=\d+$/.test(text)).map((text) => Number(text.slice(2)));
  expect(numbers).toEqual(numbers.toSorted((left, right) => left - right));
  expect(new Set(numbers).size).toBe(numbers.length);
  made[Symbol.dispose]();
});

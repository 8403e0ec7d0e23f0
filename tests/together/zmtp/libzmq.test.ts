/**
 * Our ZMTP and libzmq's, each as both sides of every pattern, with long and many-framed messages, credentials, lost
 * connections, and the older versions of the protocol spoken to libzmq from bytes.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../../../src/kit/clock.ts";
import { systemRandom } from "../../../src/kit/random.ts";
import { until } from "../../../src/kit/testing/child-node.ts";
import { curveKeys } from "../../../src/lib/zmtp/curve.ts";
import type { SocketOptions } from "../../../src/lib/zmtp/options.ts";
import { Dealer, Puller, Pusher, Router } from "../../../src/lib/zmtp/pipeline.ts";
import { Publisher, Subscriber } from "../../../src/lib/zmtp/publish.ts";
import { Replier, Requester } from "../../../src/lib/zmtp/request.ts";
import { encodeZ85 } from "../../../src/lib/zmtp/z85.ts";
import { hasLibzmq, Libzmq } from "./libzmq.ts";

const base: SocketOptions = { clock: systemClock, random: systemRandom, reconnectMs: 10 };
/** For what comes sooner or later. */
const patienceMs = 60_000;
const anywhere = "tcp://127.0.0.1:*";
const bytes = (text: string) => Buffer.from(text, "latin1");
const texts = (frames: readonly Buffer[]) => frames.map((frame) => frame.toString("latin1"));

const open: { close(): void }[] = [];
let peer: Libzmq;
beforeAll(() => {
  if (hasLibzmq) peer = new Libzmq();
});
afterAll(async () => {
  if (hasLibzmq) await peer.stop();
});
afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

function opened<Socket extends { close(): void }>(socket: Socket): Socket {
  open.push(socket);
  return socket;
}

/** Messages as they come, to be taken one after the other. */
function inbox() {
  const here: string[][] = [];
  const waiting: ((message: string[]) => void)[] = [];
  return {
    take(frames: readonly Buffer[]) {
      const next = waiting.shift();
      if (next) next(texts(frames));
      else here.push(texts(frames));
    },
    next: () =>
      new Promise<string[]>((resolve) => {
        const message = here.shift();
        if (message) resolve(message);
        else waiting.push(resolve);
      }),
    get count() {
      return here.length;
    },
  };
}

describe.skipIf(!hasLibzmq)("ZMTP and libzmq", () => {
  test("REP: answers REQ and DEALER of libzmq, long frames and many", async () => {
    const replier = opened(
      new Replier({ ...base, answer: (question) => [bytes("echo"), ...question.map(Buffer.from)] }),
    );
    const endpoint = replier.bind(anywhere);
    await peer.tell("open req REQ");
    await peer.tell(`connect req ${endpoint}`);
    for (const frames of [["hello"], [""], ["a", "b", ""], ["x".repeat(255), "y".repeat(256), "z".repeat(300_000)]]) {
      await peer.send("req", ...frames);
      expect(await peer.receive("req")).toEqual(["echo", ...frames]);
    }
    await peer.tell("close req");
    await peer.tell("open dealer DEALER");
    await peer.tell(`connect dealer ${endpoint}`);
    for (let number = 0; number < 20; number++) await peer.send("dealer", "", `question ${number}`);
    for (let number = 0; number < 20; number++) {
      expect(await peer.receive("dealer")).toEqual(["", "echo", `question ${number}`]);
    }
    await peer.tell("close dealer");
  });

  test("REP: answers the relaxed and correlated REQ, whose envelope has a number", async () => {
    const replier = opened(new Replier({ ...base, answer: ([question]) => [bytes(`re: ${String(question)}`)] }));
    const endpoint = replier.bind(anywhere);
    await peer.tell("open req REQ REQ_RELAXED=1 REQ_CORRELATE=1");
    await peer.tell(`connect req ${endpoint}`);
    await peer.send("req", "one");
    await peer.send("req", "two");
    expect(await peer.receive("req")).toEqual(["re: two"]);
    await peer.tell("close req");
  });

  test("REQ: asks REP of libzmq, and again after it was gone", async () => {
    await peer.tell("open rep REP");
    const endpoint = await peer.bind("rep", anywhere);
    const requester = opened(new Requester(base));
    requester.connect(endpoint);
    const first = requester.request([bytes("first"), bytes("x".repeat(70_000))], patienceMs);
    expect(await peer.receive("rep")).toEqual(["first", "x".repeat(70_000)]);
    await peer.send("rep", "answer", "");
    expect(texts(await first)).toEqual(["answer", ""]);
    const lost = requester.request([bytes("lost")], patienceMs).catch((thrown: Error) => thrown.message);
    await peer.receive("rep");
    await peer.tell("close rep");
    expect(await lost).toContain("closed the connection before it answered");
    await peer.tell("open rep REP");
    const again = requester.request([bytes("again")], patienceMs);
    await peer.bindAgain("rep", endpoint);
    expect(await peer.receive("rep")).toEqual(["again"]);
    await peer.send("rep", "here");
    expect(texts(await again)).toEqual(["here"]);
    await peer.tell("close rep");
  });

  test("PUB: SUB of libzmq hears what it subscribed to, and no longer what it cancelled", async () => {
    const wanted: string[] = [];
    const publisher = opened(
      new Publisher({ ...base, onSubscription: (topic, isOn) => wanted.push(`${isOn ? "+" : "-"}${String(topic)}`) }),
    );
    const endpoint = publisher.bind(anywhere);
    await peer.tell("open sub SUB SUBSCRIBE=gobot");
    await peer.tell(`connect sub ${endpoint}`);
    await until("the subscription is there", () => wanted.length > 0);
    publisher.send([bytes("other"), bytes("no")]);
    publisher.send([bytes("gobotany"), bytes("yes")]);
    expect(await peer.receive("sub")).toEqual(["gobotany", "yes"]);
    await peer.tell("set sub SUBSCRIBE=other");
    await peer.tell("set sub UNSUBSCRIBE=gobot");
    await until("it is cancelled", () => wanted.length === 3);
    expect(wanted).toEqual(["+gobot", "+other", "-gobot"]);
    expect(publisher.send([bytes("gobot"), bytes("no")])).toBe(0);
    publisher.send([bytes("other"), bytes("now")]);
    expect(await peer.receive("sub")).toEqual(["other", "now"]);
    await peer.tell("close sub");
    await until("it is gone", () => publisher.peers === 0);
    expect(wanted.at(-1)).toBe("-other");
  });

  test("SUB: hears PUB and XPUB of libzmq, and subscribes anew after a lost connection", async () => {
    for (const type of ["PUB", "XPUB"]) {
      await peer.tell(`open pub ${type}`);
      const endpoint = await peer.bind("pub", anywhere);
      const heard = inbox();
      const subscriber = opened(new Subscriber({ ...base, onMessage: (frames) => heard.take(frames) }));
      subscriber.subscribe(bytes("a."));
      subscriber.connect(endpoint);
      const hear = async (text: string) => {
        // A subscription needs its time to arrive, and what is published before is missed, as always.
        await until("it is heard", () => {
          void peer.send("pub", "b.c", "no");
          void peer.send("pub", "a.b", text);
          return heard.count > 0;
        });
        expect(await heard.next()).toEqual(["a.b", text]);
      };
      await hear("one");
      await peer.tell("close pub");
      await until("the publisher is gone", () => subscriber.peers === 0);
      while (heard.count > 0) await heard.next();
      await peer.tell(`open pub ${type}`);
      await peer.bindAgain("pub", endpoint);
      await hear("two");
      subscriber.close();
      await peer.tell("close pub");
    }
  });

  test("PUSH and PULL: a hundred thousand messages in both directions, in order, none lost", async () => {
    let [count, last, isInOrder] = [0, -1, true];
    const puller = opened(
      new Puller({
        ...base,
        onMessage([frame]) {
          const number = frame?.readUInt32BE(0) ?? -1;
          isInOrder &&= number === last + 1;
          last = number;
          count++;
        },
      }),
    );
    await peer.tell("open push PUSH");
    await peer.tell(`connect push ${puller.bind(anywhere)}`);
    await peer.tell("many push 100000 60");
    await until("all are there", () => count === 100_000);
    expect(isInOrder).toBe(true);
    await peer.tell("close push");

    await peer.tell("open pull PULL");
    let resume = () => {};
    const pusher = opened(new Pusher({ ...base, onRoom: () => resume() }));
    pusher.connect(await peer.bind("pull", anywhere));
    const counting = peer.tell(`count pull 100000 ${patienceMs}`);
    for (let number = 0; number < 100_000;) {
      const body = Buffer.alloc(64);
      body.writeUInt32BE(number);
      if (pusher.send([body])) number++;
      else await new Promise<void>((resolve) => (resume = resolve));
    }
    expect(await counting).toEqual({ count: 100_000, inOrder: true });
    await peer.tell("close pull");
  });

  test("ROUTER and DEALER: by name, both ways", async () => {
    const heard = inbox();
    const router = opened(new Router({ ...base, onMessage: (name, frames) => heard.take([name, ...frames]) }));
    await peer.tell("open dealer DEALER IDENTITY=anna");
    await peer.tell(`connect dealer ${router.bind(anywhere)}`);
    await peer.send("dealer", "hello", "there");
    expect(await heard.next()).toEqual(["anna", "hello", "there"]);
    expect(router.send(bytes("anna"), [bytes("good day")])).toBe(true);
    expect(await peer.receive("dealer")).toEqual(["good day"]);
    expect(router.send(bytes("nobody"), [bytes("x")])).toBe(false);
    await peer.tell("close dealer");

    await peer.tell("open router ROUTER");
    const answers = inbox();
    const dealer = opened(
      new Dealer({ ...base, identity: bytes("bert"), onMessage: (frames) => answers.take(frames) }),
    );
    dealer.connect(await peer.bind("router", anywhere));
    await until("they are together", () => dealer.peers === 1);
    expect(dealer.send([bytes("from bert")])).toBe(true);
    expect(await peer.receive("router")).toEqual(["bert", "from bert"]);
    await peer.send("router", "bert", "to bert");
    expect(await answers.next()).toEqual(["to bert"]);
    await peer.tell("close router");
  });

  test("ipc: a Unix socket does as well", async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-zmtp-"));
    const replier = opened(new Replier({ ...base, answer: () => [bytes("here")] }));
    const endpoint = replier.bind(`ipc://${join(folder, "socket")}`);
    await peer.tell("open req REQ");
    await peer.tell(`connect req ${endpoint}`);
    await peer.send("req", "where?");
    expect(await peer.receive("req")).toEqual(["here"]);
    await peer.tell("close req");
    rmSync(folder, { recursive: true });
  });

  test("PLAIN: right credentials get in and wrong ones do not, in both directions", async () => {
    const troubles: string[] = [];
    const replier = opened(
      new Replier({
        ...base,
        security: { mechanism: "PLAIN", role: "server", check: (user, word) => user === "anna" && word === "secret" },
        onTrouble: (_endpoint, error) => troubles.push(error.message),
        answer: () => [bytes("in")],
      }),
    );
    const endpoint = replier.bind(anywhere);
    await peer.tell("open req REQ PLAIN_USERNAME=anna PLAIN_PASSWORD=secret");
    await peer.tell(`connect req ${endpoint}`);
    await peer.send("req", "x");
    expect(await peer.receive("req")).toEqual(["in"]);
    await peer.tell("close req");
    await peer.tell("open req REQ PLAIN_USERNAME=anna PLAIN_PASSWORD=guess");
    await peer.tell(`connect req ${endpoint}`);
    await until("the wrong one is refused", () => troubles.includes("Wrong user or password"));
    await peer.tell("close req");
    await peer.tell("open req REQ");
    await peer.tell(`connect req ${endpoint}`);
    await until("nobody is refused", () =>
      troubles.some((text) => /mechanism is "NULL"|before the handshake/.test(text)),
    );
    await peer.tell("close req");

    await peer.tell("allow anna secret");
    await peer.tell("open rep REP PLAIN_SERVER=1");
    const theirs = await peer.bind("rep", anywhere);
    const requester = opened(
      new Requester({ ...base, security: { mechanism: "PLAIN", role: "client", user: "anna", password: "secret" } }),
    );
    requester.connect(theirs);
    const asked = requester.request([bytes("may I?")], patienceMs);
    expect(await peer.receive("rep")).toEqual(["may I?"]);
    await peer.send("rep", "yes");
    expect(texts(await asked)).toEqual(["yes"]);
    await peer.tell("close rep");
  });

  test("CURVE: in both directions, and not with an unknown key", async () => {
    const [server, client, stranger] = [curveKeys(), curveKeys(), curveKeys()];
    const troubles: string[] = [];
    const replier = opened(
      new Replier({
        ...base,
        security: {
          mechanism: "CURVE",
          role: "server",
          ...server,
          check: (key) => Buffer.from(key).equals(client.publicKey),
        },
        onTrouble: (_endpoint, error) => troubles.push(error.message),
        answer: (question) => question.map(Buffer.from),
      }),
    );
    const endpoint = replier.bind(anywhere);
    const keysOf = ({ publicKey, secretKey }: ReturnType<typeof curveKeys>) =>
      `CURVE_PUBLICKEY=${encodeZ85(publicKey)} CURVE_SECRETKEY=${encodeZ85(secretKey)}`;
    await peer.tell(`open req REQ ${keysOf(client)} CURVE_SERVERKEY=${encodeZ85(server.publicKey)}`);
    await peer.tell(`connect req ${endpoint}`);
    for (const text of ["x", "y".repeat(70_000)]) {
      await peer.send("req", text, "");
      expect(await peer.receive("req")).toEqual([text, ""]);
    }
    await peer.tell("close req");
    await peer.tell(`open req REQ ${keysOf(stranger)} CURVE_SERVERKEY=${encodeZ85(server.publicKey)}`);
    await peer.tell(`connect req ${endpoint}`);
    await until("the stranger is refused", () => troubles.includes("The client's key is unknown"));
    await peer.tell("close req");

    await peer.tell(`open pub PUB ${keysOf(server)} CURVE_SERVER=1`);
    const theirs = await peer.bind("pub", anywhere);
    const heard = inbox();
    const subscriber = opened(
      new Subscriber({
        ...base,
        security: { mechanism: "CURVE", role: "client", ...client, serverKey: server.publicKey },
        onMessage: (frames) => heard.take(frames),
      }),
    );
    subscriber.subscribe(bytes("a"));
    subscriber.connect(theirs);
    await until("it is heard", () => {
      void peer.send("pub", "a", "sealed");
      return heard.count > 0;
    });
    expect(await heard.next()).toEqual(["a", "sealed"]);
    await peer.tell("close pub");
  });

  test("heartbeats: libzmq's pings are answered, and it answers ours", async () => {
    // We drop who was silent for three times as long. Neither program may come to it because it gets no turn for a moment.
    const replier = opened(new Replier({ ...base, heartbeatMs: 700, answer: () => [bytes("x")] }));
    const endpoint = replier.bind(anywhere);
    await peer.tell("open req REQ HEARTBEAT_IVL=100 HEARTBEAT_TIMEOUT=2000");
    await peer.tell(`connect req ${endpoint}`);
    await peer.send("req", "x");
    expect(await peer.receive("req")).toEqual(["x"]);
    // Longer than either waits: whoever did not answer would have been cut off by now, and the answer would not come.
    expect(await peer.tell("receive req 3000")).toBeNull();
    expect(replier.peers).toBe(1);
    await peer.send("req", "y");
    expect(await peer.receive("req")).toEqual(["x"]);
    await peer.tell("close req");
  });
});

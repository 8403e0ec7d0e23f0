/**
 * Fitor over a real ngircd with somebody else in the channel, and a broker: what is said on one side is read on the other, whole
 * and by whom it was said; whatever the server does, the bridge comes back, and never where it is not wanted.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createEvents } from "../../kit/events.ts";
import { silentLog } from "../../kit/log.ts";
import { systemClock } from "../../kit/clock.ts";
import { until } from "../../kit/testing/child-node.ts";
import { freePort } from "../../kit/testing/free-port.ts";
import { systemDial } from "../../lib/irc/dial.ts";
import { Bridge, type BridgeOptions, roomKey } from "./bridge.ts";
import { ZeromqBus } from "./bus.ts";
import { fitorFindings } from "./findings.ts";
import { History } from "./history.ts";
import { Network, type NetworkParts } from "./network.ts";
import { plainBridge } from "./network-fixture.ts";
import { ngircd, OtherClient, type SmallBroker, startBroker, startIrcServer } from "./peers-fixture.ts";
import type { ChannelPlan } from "./plan.ts";

setDefaultTimeout(120_000);

interface World extends Disposable {
  bridge: Bridge;
  network: Network;
  history: History;
  broker: SmallBroker;
  bus: ZeromqBus;
}

/** A bridge between a server and a broker of its own, in the channel #room. */
async function world(
  port: number,
  options: Partial<BridgeOptions> &
    Partial<NetworkParts> & { nick?: string; channels?: ChannelPlan[]; password?: string; tls?: boolean } = {},
): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), "warren-fitor-"));
  const history = new History(join(folder, "history.sqlite"));
  const broker = startBroker();
  const events = createEvents(systemClock);
  const bridge = new Bridge({
    ...plainBridge(systemClock, history),
    happened: (level, sentence) => events.add("fitor", level, sentence),
    ...options,
  });
  const { nick = "gobot", channels = [{ name: "#room", address: "gobot" }], password, tls = false } = options;
  const network: Network = new Network(
    {
      name: "test",
      host: "127.0.0.1",
      port,
      tls,
      tlsVerify: true,
      identity: {
        nick,
        alternates: [],
        user: "goirc",
        realName: "Powered by GoIRC",
        mustSignIn: true,
        ...(password === undefined ? {} : { password }),
      },
      channels,
    },
    {
      clock: systemClock,
      random: Math.random,
      dial: systemDial({ verify: true }),
      version: "powered by goirc...",
      quitMessage: "Goodbye",
      flood: { lineMs: 0, bytesPerSecond: 0 },
      pingMs: 180_000,
      reconnectMs: 50,
      reconnectMaxMs: 400,
      rejoinMs: 50,
      regainMs: 100,
      hold: 10,
      holdForMs: 60_000,
      markNicks: "taken",
      breakMentions: false,
      relaymsg: true,
      lastAt: (channel) => history.lastHeardAt(roomKey("test", channel.name)),
      tell: (event, from) => bridge.take(event, from),
      ...options,
    },
  );
  bridge.add(network);
  const prefixes = channels.map(({ address }) => address);
  const bus = new ZeromqBus(
    { reqSocket: broker.reqSocket, subSocket: broker.subSocket, prefixes, clock: systemClock, random: Math.random },
    { heard: (address, content) => bridge.hear(address, content), lost: (reason) => silentLog.warn(reason) },
  );
  bridge.useBus(bus);
  await until("the broker is reached", () => bus.isUp);
  network.open();
  return {
    bridge,
    network,
    history,
    broker,
    bus,
    [Symbol.dispose]() {
      network.close();
      bus.close();
      broker[Symbol.dispose]();
      history.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const isIn = ({ network }: World) => network.channels().every((channel) => channel.isIn);
const say = (nick: string, content: string) => JSON.stringify({ message_type: "message", nick, content });

describe.concurrent.skipIf(ngircd === null)("fitor over ngircd", () => {
  test("what is said on IRC is published, what is published is said on IRC, in the predecessor's form", async () => {
    await using server = await startIrcServer();
    using made = await world(server.port);
    await until("it is in", () => isIn(made));
    using anna = await OtherClient.join(server.port, "anna", "#room");
    anna.send(
      "PRIVMSG #room :hello from IRC ü",
      "PRIVMSG #room :\u0001ACTION waves\u0001",
      "NOTICE #room :hm",
      "PRIVMSG gobot :psst",
    );
    made.broker.publish("gobot.browser.bob", say("bob", "hello from the web"));
    made.broker.publish("gobot.other", JSON.stringify({ message_type: "status", nick: "x", content: "deployed" }));
    made.broker.publish("gobot.other", "not json");
    made.broker.publish("gobot.fitor.bob", say("bob", "an echo"));
    made.broker.publish("elsewhere", say("bob", "not ours"));
    await anna.sees(/^:gobot!~goirc@\S+ PRIVMSG #room :bob: hello from the web$/);
    await anna.sees(/PRIVMSG #room :\[deployed\]$/);
    await until("it was published", () => made.broker.published.length === 2);
    expect(made.broker.published).toEqual([
      ["gobot.fitor.gobot", { message_type: "status", nick: "gobot", content: "joined #room" }],
      ["gobot.fitor.anna", { message_type: "message", nick: "anna", content: "hello from IRC ü" }],
    ]);
    expect(anna.lines.filter((line) => line.includes("PRIVMSG"))).toHaveLength(2);
    // What is not published comes after what is.
    const counts = { fromIrc: 3, fromBus: 2, fromWeb: 0, ignored: 1 };
    await until("all was counted", () => Bun.deepEquals(made.bridge.counts, counts));
    expect(made.broker.published).toHaveLength(2);
    expect(
      made.history
        .search("hel", 10)
        .map(({ nick }) => nick)
        .toSorted(),
    ).toEqual(["anna", "bob"]);
  });

  test("bridged by choice: actions, notices, comings and goings, topics, nicks, private messages", async () => {
    await using server = await startIrcServer();
    using made = await world(server.port, {
      bridged: new Set(["action", "notice", "join", "part", "quit", "kick", "nick", "topic"]),
      privateMessages: true,
    });
    await until("it is in", () => isIn(made));
    using anna = await OtherClient.join(server.port, "anna", "#room");
    anna.send(
      "PRIVMSG #room :\u0001ACTION waves\u0001",
      "NOTICE #room :hm",
      "PRIVMSG gobot :psst",
      "NICK anne",
      "PART #room :later",
      "JOIN #room",
    );
    await until("she is back", () => made.broker.published.length >= 8);
    expect(made.broker.published.slice(1)).toEqual([
      ["gobot.fitor.anna", { message_type: "status", nick: "anna", content: "anna came in" }],
      ["gobot.fitor.anna", { message_type: "action", nick: "anna", content: "waves" }],
      ["gobot.fitor.anna", { message_type: "notice", nick: "anna", content: "hm" }],
      ["gobot.fitor.anna", { message_type: "message", nick: "anna", content: "psst" }],
      ["gobot.fitor.anna", { message_type: "status", nick: "anna", content: "anna is now anne" }],
      ["gobot.fitor.anne", { message_type: "status", nick: "anne", content: "anne left: later" }],
      ["gobot.fitor.anne", { message_type: "status", nick: "anne", content: "anne came in" }],
    ]);
  });

  test("no line is injected, every byte of a long text arrives, and each line says who speaks", async () => {
    await using server = await startIrcServer();
    using made = await world(server.port);
    await until("it is in", () => isIn(made));
    using anna = await OtherClient.join(server.port, "anna", "#room");
    const long = Array.from({ length: 150 }, (_, index) => `wört${index}🦊`).join(" ");
    made.broker.publish("gobot.x", say("eve", "one\r\nQUIT :two\nJOIN #other\u0000\u0001ACTION x\u0001"));
    made.broker.publish("gobot.x", say("eve\r\nQUIT", "three"));
    made.broker.publish("gobot.x", say("[gobot] fake", "four"));
    made.broker.publish("gobot.x", say("bob", long));
    made.broker.publish("gobot.x", say("bob", "the end"));
    await anna.sees(/the end/);
    const said = anna.lines.flatMap((line) => /^:gobot\S+ PRIVMSG #room :(.*)$/.exec(line)?.[1] ?? []);
    expect(said.slice(0, 5)).toEqual([
      "eve: one",
      "eve: QUIT :two",
      "eve: JOIN #otherACTION x",
      "eveQUIT: three",
      "_gobot]_fake: four",
    ]);
    const pieces = said.slice(5, -1);
    expect(pieces.length).toBeGreaterThan(3);
    expect(pieces.map((piece) => piece.replace(/^bob: /, "")).join(" ")).toBe(long);
    for (const line of anna.lines) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(510);
    expect(isIn(made)).toBe(true);
  });

  test("a name of somebody who is there is marked, mentions are broken by choice, formatting is removed", async () => {
    await using server = await startIrcServer();
    using made = await world(server.port, { breakMentions: true });
    await until("it is in", () => isIn(made));
    using anna = await OtherClient.join(server.port, "anna", "#room");
    await until("she is seen", () => made.network.channels()[0]?.members.length === 2);
    made.broker.publish("gobot.x", say("ANNA", "I am not"));
    made.broker.publish("gobot.x", say("gobot", "nor am I"));
    made.broker.publish("gobot.x", say("bob", "\u0002\u000304hello\u000f anna!"));
    await anna.sees(/bob: hello/);
    expect(anna.lines.slice(-3).map((line) => line.slice(line.indexOf(" :") + 2))).toEqual([
      "A\u200bNNA/web: I am not",
      "g\u200bobot/web: nor am I",
      "bob: hello a\u200bnna!",
    ]);
  });

  test("Latin 1 on IRC becomes the letters that were meant", async () => {
    await using server = await startIrcServer();
    using made = await world(server.port);
    await until("it is in", () => isIn(made));
    using anna = await OtherClient.join(server.port, "anna", "#room");
    anna.sendBytes(Buffer.from("PRIVMSG #room :gr\u00fc\u00dfe\r\n", "latin1"));
    await until("it was published", () => made.broker.published.length === 2);
    expect(made.broker.published[1]?.[1]).toEqual({ message_type: "message", nick: "anna", content: "grüße" });
  });

  test("a taken nick is changed, and taken back when it is free", async () => {
    await using server = await startIrcServer();
    using holder = await OtherClient.join(server.port, "gobot");
    using made = await world(server.port);
    await until("it is in", () => isIn(made));
    expect(made.network.nick).toBe("gobot_");
    holder.send("QUIT");
    await until("the nick is ours", () => made.network.nick === "gobot");
  });

  test("after a kick it comes back, and from a channel that bans it it stays away", async () => {
    await using server = await startIrcServer();
    using anna = await OtherClient.join(server.port, "anna", "#room");
    using made = await world(server.port);
    await until("it is in", () => isIn(made));
    anna.send("KICK #room gobot :out");
    await until(
      "it is back",
      () => anna.lines.filter((line) => line.includes("JOIN") && line.includes("gobot")).length === 2,
    );
    anna.send("MODE #room +b gobot!*@*", "KICK #room gobot :out again");
    await until("it is told why", () => made.network.channels()[0]?.reason.includes("ban"));
    const tries = made.network.counts.sent;
    anna.send("PING still");
    await anna.sees(/PONG/);
    expect(made.network.counts.sent).toBe(tries);
    anna.send("MODE #room -b gobot!*@*");
    await anna.sees(/MODE #room -b/);
    made.network.open();
    await until("it is back when told to", () => isIn(made));
  });

  test("a server that goes is come back to, and one outage is told once", async () => {
    await using server = await startIrcServer();
    using made = await world(server.port);
    await until("it is in", () => isIn(made));
    await server.end();
    await until("it is noticed", () => made.network.state !== "up");
    await until("it is tried again", () => made.network.reason.includes("REFUSED"));
    await server.restart();
    await until("it is in again", () => isIn(made));
    await until("all is published", () => made.broker.published.length === 3);
    const statuses = made.broker.published.map(([, content]) => (content as { content: string }).content);
    expect(statuses).toEqual(["joined #room", "disconnected", "joined #room"]);
  });

  test("a net that splits: all beyond are gone at once, nothing said on this side is lost meanwhile, and they come back", async () => {
    const link = (peer: string) => `[Server]\nName = ${peer}\nHost = 127.0.0.1\nMyPassword = x\nPeerPassword = x\n`;
    await using near = await startIrcServer(`[Global]\nName = near.test.local\n${link("far.test.local")}`);
    const far = `[Global]\nName = far.test.local\n[Limits]\nConnectRetry = 5\n${link("near.test.local")}Port = ${near.port}\n`;
    await using beyond = await startIrcServer(far);
    using made = await world(near.port, { bridged: new Set(["message", "quit"]) });
    using anna = await OtherClient.join(near.port, "anna", "#room");
    const people = () => made.network.channels()[0]?.members.length ?? 0;
    const crowd = async () => {
      const all = await Promise.all(
        Array.from({ length: 60 }, (_none, at) => OtherClient.join(beyond.port, `far${at}`, "#room")),
      );
      await until("all are seen", () => people() === 62);
      return all;
    };
    let others = await crowd();
    const say = (from: number) => anna.send(...Array.from({ length: 5 }, (_none, at) => `PRIVMSG #room :${from + at}`));
    say(0);
    await beyond.end();
    say(5);
    await until("they are gone", () => people() === 2);
    const heard = () =>
      made.broker.published.map(([, content]) => content as { message_type: string; content: string });
    await until("all is told", () => heard().filter(({ content }) => content.includes(" is gone")).length === 60);
    await until("all is heard", () => heard().filter(({ message_type }) => message_type === "message").length === 10);
    const said = heard().flatMap(({ content, message_type }) => (message_type === "message" ? [Number(content)] : []));
    expect(said).toEqual(Array.from({ length: 10 }, (_none, at) => at));
    for (const other of others) other[Symbol.dispose]();
    await beyond.restart();
    others = await crowd();
    for (const other of others) other[Symbol.dispose]();
  });

  test("what is published while the server is away is said when it is back", async () => {
    await using server = await startIrcServer();
    using made = await world(server.port, { reconnectMs: 60_000, reconnectMaxMs: 60_000 });
    await until("it is in", () => isIn(made));
    await server.end();
    await until("it is noticed", () => made.network.state === "waiting");
    made.broker.publish("gobot.x", say("bob", "while you were out"));
    await until("it is held", () => made.bridge.counts.fromBus === 1);
    await server.restart();
    using anna = await OtherClient.join(server.port, "anna", "#room");
    made.network.open();
    await anna.sees(/PRIVMSG #room :bob: while you were out$/);
  });

  test("a server that refuses is not asked again until somebody says so", async () => {
    await using server = await startIrcServer("[Global]\nPassword = right");
    using made = await world(server.port, { password: "wrong" });
    await until("it is refused", () => made.network.state === "barred");
    expect(made.network.reason).not.toBe("");
    expect(made.network.retryAt).toBeUndefined();
    made.network.open();
    await until("it is refused again", () => made.network.state === "barred");
  });

  test("a broker that goes away and comes back is found again, in both directions", async () => {
    await using server = await startIrcServer();
    using made = await world(server.port);
    await until("it is in", () => isIn(made));
    using anna = await OtherClient.join(server.port, "anna", "#room");
    made.broker[Symbol.dispose]();
    await until("it is noticed", () => !made.bus.isUp);
    using another = startBroker(made.broker);
    await until("it is found", () => made.bus.isUp);
    anna.send("PRIVMSG #room :still there?");
    await until("it was published", () => another.published.length > 0);
    expect(another.published).toEqual([
      ["gobot.fitor.anna", { message_type: "message", nick: "anna", content: "still there?" }],
    ]);
    another.publish("gobot.x", say("bob", "yes"));
    await anna.sees(/bob: yes$/);
  });

  test("a ban while it is there sends it away for good", async () => {
    await using server = await startIrcServer();
    using made = await world(server.port);
    await until("it is in", () => isIn(made));
    using anna = await OtherClient.join(server.port, "anna", "#room");
    anna.send("OPER op op", "KLINE gobot!*@* 600 :go away");
    await until("it is away", () => made.network.state !== "up");
    await until("it is barred", () => made.network.state === "barred");
    expect(made.network.reason).toContain("go away");
    const [finding] = fitorFindings([made.network], undefined, false);
    expect(finding).toMatchObject({
      state: "degraded",
      sentence: expect.stringContaining("warren fitor connect test"),
    });
  });

  test("TLS: a certificate that nobody vouches for is refused, one that is vouched for is taken, and both for its name", async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-fitor-tls-"));
    try {
      const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
      const request = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
      ];
      const names = ["-subj", "/CN=irc.test.local", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
      await Bun.spawn(["openssl", ...request, "-keyout", key, "-out", cert, ...names], { stderr: "ignore" }).exited;
      const tlsPort = freePort();
      await using server = await startIrcServer(`[SSL]\nCertFile = ${cert}\nKeyFile = ${key}\nPorts = ${tlsPort}\n`);
      expect(server.port).toBeGreaterThan(0);
      using stranger = await world(tlsPort, { tls: true, reconnectMs: 60_000 });
      await until("it is refused", () => stranger.network.state === "waiting");
      expect(stranger.network.reason).toMatch(/self.signed/i);
      const ca = await Bun.file(cert).text();
      using made = await world(tlsPort, { tls: true, dial: systemDial({ verify: true, ca }) });
      await until("it is in", () => isIn(made));
      using careless = await world(tlsPort, { tls: true, dial: systemDial({ verify: false }), nick: "gobot3" });
      await until("it is in, too", () => isIn(careless));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("a publication of many lines is cut, and a flood of publications loses lines instead of the connection", async () => {
    await using server = await startIrcServer();
    using made = await world(server.port, { flood: { lineMs: 20, bytesPerSecond: 0, burstMs: 200 } });
    await until("it is in", () => isIn(made));
    using anna = await OtherClient.join(server.port, "anna", "#room");
    made.broker.publish("gobot.x", say("bob", Array.from({ length: 30 }, (_, index) => `line ${index}`).join("\n")));
    await anna.sees(/bob: \(20 more lines\)$/);
    for (let index = 0; index < 600; index++) made.broker.publish("gobot.x", say("bob", `flood ${index}`));
    await until("lines were given up", () => made.network.counts.lost > 0);
    expect(isIn(made)).toBe(true);
  });

  test("several channels have addresses of their own, and the longest that fits counts", async () => {
    await using server = await startIrcServer();
    using made = await world(server.port, {
      channels: [
        { name: "#room", address: "gobot" },
        { name: "#dev", address: "gobot.dev" },
      ],
    });
    await until("it is in", () => isIn(made));
    using anna = await OtherClient.join(server.port, "anna", "#room,#dev");
    await anna.sees(/ 366 anna #dev/);
    made.broker.publish("gobot.dev.x", say("bob", "for dev"));
    made.broker.publish("gobot.x", say("bob", "for room"));
    await anna.sees(/PRIVMSG #room :bob: for room/);
    await anna.sees(/PRIVMSG #dev :bob: for dev/);
    anna.send("PRIVMSG #dev :answer");
    await until("it was published", () =>
      made.broker.published.some(([address]) => address === "gobot.dev.fitor.anna"),
    );
    expect(anna.lines.filter((line) => line.includes("PRIVMSG"))).toHaveLength(2);
  });

  test("what is said on the page is said on IRC and published, once each", async () => {
    await using server = await startIrcServer();
    using made = await world(server.port);
    await until("it is in", () => isIn(made));
    using anna = await OtherClient.join(server.port, "anna", "#room");
    const room = made.bridge.find("test", "#ROOM");
    if (!room) throw new Error("there is no room");
    made.bridge.say(room, "carl", "good morning");
    made.bridge.say(room, "carl", "/me yawns");
    made.bridge.say(room, "carl", "//usr");
    expect(() => made.bridge.say(room, "carl", "/quit")).toThrow("only command");
    await anna.sees(/PRIVMSG #room :carl: \/usr$/);
    expect(anna.lines.slice(-3).map((line) => line.slice(line.indexOf(" :") + 2))).toEqual([
      "carl: good morning",
      "* carl yawns",
      "carl: /usr",
    ]);
    await until("it was published", () => made.broker.published.length === 4);
    made.bridge.say(room, "Anna", "I am not she");
    await anna.sees(/PRIVMSG #room :Anna\/web: I am not she$/);
    await until("it is marked on the bus, too", () => made.broker.published.length === 5);
    expect(made.broker.published[4]?.[0]).toBe("gobot.fitor.Anna/web");
    expect(made.broker.published[2]).toEqual([
      "gobot.fitor.carl",
      { message_type: "action", nick: "carl", content: "yawns" },
    ]);
  });
});

/** A network over a server in memory: speaking under other names where the server lets us, and not where it does not. */
import { expect, test } from "bun:test";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { until } from "../../kit/testing/child-node.ts";
import type { WireEvents } from "../../lib/irc/dial.ts";
import { Network, type NetworkParts } from "./network.ts";
import { plainParts, plainPlan } from "./network-fixture.ts";

/** A network whose server offers `capabilities`, and what it was sent. */
async function stand(capabilities: string, more: Partial<NetworkParts> = {}) {
  const clock = new ManualClock();
  const sent: string[] = [];
  let server: WireEvents | undefined;
  const channel = { name: "#room", address: "gobot" };
  const network = new Network(plainPlan("test", [channel]), {
    ...plainParts(clock),
    dial: async (_, events) => {
      server = events;
      return { write: (line) => sent.push(line.trimEnd()), end() {} };
    },
    ...more,
  });
  network.open();
  await until("it has dialled", () => sent.length > 0);
  const says = (...lines: string[]) => server?.data(Buffer.from(lines.map((line) => `${line}\r\n`).join("")));
  says(`:s CAP * LS :${capabilities}`);
  const asked = sent.flatMap((line) => /^CAP REQ :?(.*)$/.exec(line)?.[1] ?? []);
  for (const names of asked) says(`:s CAP * ACK :${names}`);
  says(":s 001 gobot :Welcome gobot!u@h");
  const enter = () => says(":gobot!u@h JOIN #room", ":s 353 gobot = #room :anna gobot", ":s 366 gobot #room :End");
  return { network, channel, clock, sent, says, enter };
}

test("say: under another name where the server relays, by the bot where it refuses to, and by the bot for /me", async () => {
  const { channel, enter, network, says, sent } = await stand("draft/relaymsg=/");
  enter();
  sent.length = 0;
  network.say(channel, { nick: "anna", how: "message", lines: ["hello there"] });
  network.say(channel, { nick: "an na:", how: "action", lines: ["waves"] });
  network.say(channel, { how: "message", lines: ["deployed"] });
  expect(sent).toEqual([
    "RELAYMSG #room anna/web :hello there",
    "PRIVMSG #room :* an_na_ waves",
    "PRIVMSG #room :[deployed]",
  ]);
  sent.length = 0;
  says("FAIL RELAYMSG PRIVS_NEEDED #room :You need to be an operator");
  network.say(channel, { nick: "bob", how: "message", lines: ["again"] });
  expect(sent).toEqual(["PRIVMSG #room :anna/web: hello there", "PRIVMSG #room :bob: again"]);
});

test("say: what comes while we are away is held, the newest of it, and not for ever", async () => {
  const { channel, clock, enter, network, sent } = await stand("");
  sent.length = 0;
  const say = (text: string) => network.say(channel, { nick: "bob", how: "message", lines: [text] });
  expect([say("one"), say("two"), say("three")]).toEqual(["held", "held", "held"]);
  enter();
  expect(sent).toEqual(["PRIVMSG #room :bob: two", "PRIVMSG #room :bob: three"]);
  expect(network.counts.lost).toBe(1);
  const late = await stand("");
  late.network.say(late.channel, { nick: "bob", how: "message", lines: ["old"] });
  late.clock.advance(61_000);
  late.sent.length = 0;
  late.enter();
  expect([late.sent, late.network.counts.lost]).toEqual([[], 1]);
  clock.advance(0);
});

test("a kick is followed by coming back, later each time; a ban by staying away; an invitation by coming", async () => {
  const { clock, enter, network, says, sent } = await stand("");
  const joins = () => sent.filter((line) => line === "JOIN #room").length;
  enter();
  expect(joins()).toBe(1);
  for (const [waitMs, wanted] of [
    [10_000, 2],
    [20_000, 3],
    [40_000, 4],
  ] as const) {
    says(":anna!u@h KICK #room gobot :out");
    expect(network.channels()[0]).toMatchObject({ isIn: false, reason: "kicked by anna: out" });
    clock.advance(waitMs - 1);
    expect(joins()).toBe(wanted - 1);
    clock.advance(1);
    expect(joins()).toBe(wanted);
    enter();
  }
  says(":anna!u@h KICK #room gobot :out", ":s 474 gobot #room :Cannot join channel (+b)");
  clock.advance(170_000);
  const after = joins();
  says(":s 474 gobot #room :Cannot join channel (+b)");
  clock.advance(0);
  says(":anna!u@h INVITE gobot #room");
  expect(joins()).toBe(after + 1);
});

test("say: what is held waits as long as time passes, wherever the clock is put; names of any language are marked and quiet", async () => {
  const { channel, clock, enter, network, says, sent } = await stand("", { breakMentions: true });
  sent.length = 0;
  network.say(channel, { nick: "bob", how: "message", lines: ["one"] });
  clock.jump(86_400_000);
  enter();
  expect(sent).toEqual(["PRIVMSG #room :bob: one"]);
  says(":Ärger[1]!u@h JOIN #room");
  expect(network.nickFor(channel, "äRGER{1}")).toBe("äRGER{1}/web");
  expect(network.nickFor(channel, "ärgern")).toBe("ärgern");
  sent.length = 0;
  network.say(channel, { nick: "bob", how: "message", lines: ["ÄRGER[1] and ANNA, look"] });
  expect(sent).toEqual(["PRIVMSG #room :bob: Ä\u200bRGER[1] and A\u200bNNA, look"]);
});

/** What is drawn once for all who look on, and when it is drawn anew. */
import { expect, spyOn, test } from "bun:test";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { Drawing } from "./drawing.ts";
import { awayBridge } from "./network-fixture.ts";

test("parts: what is said draws nobody's list of people again, and who comes or goes draws no list of rooms", () => {
  const clock = new ManualClock();
  const { bridge, history, network } = awayBridge(clock, [
    { name: "#a[", address: "a" },
    { name: "#b", address: "b" },
  ]);
  const room = bridge.find("irc", "#a[");
  if (!room) throw new Error("there is no such room");
  const drawing = new Drawing({ bridge, history, clock, mountPath: "" });
  let drawn: string[] = [];
  const standing = network.standing.bind(network);
  spyOn(network, "standing").mockImplementation((channel) => {
    const found = standing(channel);
    return (
      found && {
        ...found,
        get members() {
          drawn.push("people");
          return [{ nick: "anna", signs: "" }];
        },
      }
    );
  });
  spyOn(history, "newestSaid").mockImplementation(() => drawn.push("room"));
  const drawnAfter = (happens: () => void) => {
    happens();
    drawn = [];
    for (let reader = 0; reader < 200; reader++) drawing.parts(room);
    return drawn.join(" ");
  };
  const said = (address: string) => bridge.hear(address, '{"message_type":"message","nick":"bea","content":"hello"}');
  const comes = (channel: string) =>
    bridge.take({ kind: "joined", channel, nick: "bea", isOwn: false, at: 0 }, network);
  // Two rooms in the list, and the one in the head.
  const all = "room room people room";
  expect(drawnAfter(() => undefined)).toBe(all);
  expect(drawnAfter(() => undefined)).toBe("");
  expect(drawnAfter(() => said("b"))).toBe("room room");
  expect(drawnAfter(() => comes("#b"))).toBe("");
  // As a server writes it to which these are the same letters.
  const [plan] = network.plan.channels;
  spyOn(network, "find").mockImplementation((name) => (name === "#A{" ? plan : undefined));
  expect(drawnAfter(() => comes("#A{"))).toBe("people room");
  expect(drawnAfter(() => bridge.take({ kind: "registered", nick: "gobot" }, network))).toBe(all);
  expect(drawnAfter(() => clock.advance(1000))).toBe(all);
});

import { expect, test } from "bun:test";

import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import { openHub } from "../hub-ordered.ts";
import { Channels } from "./channels.ts";

const bounds = { count: 10, sizeBytes: 1e6, ageMs: 1e6 };

test("Channels: subscribers are counted over all nodes, told at most once a second, and nothing is vacated meanwhile", () => {
  const clock = new ManualClock();
  const hub = openHub({ clock, maxMessageBytes: 1000, bounds });
  const news: string[] = [];
  let said = 0;
  hub.watchEverything(() => said++);
  const channels = new Channels({ hub, clock, nodeId: "ant" }, "shop", ({ channel, name }) =>
    news.push(`${name} ${channel}`),
  );
  const leaves = Array.from({ length: 100 }, (_, at) =>
    channels.enter("room", { socketId: String(at), send: () => undefined }),
  );
  expect(channels.subscribers("room")).toBe(100);
  clock.advance(1000);
  // It came, said another number, and took the first back.
  expect(said).toBe(3);
  const [mine] = hub.presence("pusher.shop.#occupied");
  expect(mine).toMatchObject({ user: "room", info: "100" });
  // As it comes from another node, and from one that says no number.
  const gone = hub.enterElsewhere("pusher.shop.#occupied", { connection: "bee 1", user: "room", info: "7" });
  hub.enterElsewhere("pusher.shop.#occupied", { connection: "cat hall", user: "room" });
  expect(channels.subscribers("room")).toBe(108);
  gone();
  expect(channels.subscribers("room")).toBe(101);
  for (const leave of leaves.slice(1)) leave();
  clock.advance(5000);
  expect(hub.presence("pusher.shop.#occupied")).toContainEqual({ connection: "ant 3", user: "room", info: "1" });
  expect([news, channels.subscribers("room"), channels.subscribers("hall")]).toEqual([["channel_occupied room"], 2, 0]);
  leaves[0]?.();
  expect([channels.isOccupied("room"), channels.subscribers("room")]).toEqual([true, 1]);
  channels.stop();
  hub.close();
});

import { expect, test } from "bun:test";

import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import { openHub } from "../hub-ordered.ts";
import { usualEntryBounds } from "./entry-log.ts";
import { recorder } from "./link-fixture.ts";
import { Mesh, usualTimes } from "./mesh.ts";

const everything = [{ kind: "prefix" as const, prefix: "" }];

test("mesh: a node whose clock is hours ahead does not make history outlive its time elsewhere", async () => {
  const clock = new ManualClock();
  const nodes = new Map<string, Mesh>();
  const start = (id: string, aheadMs: number) => {
    const own = {
      now: () => clock.now() + aheadMs,
      monotonicMs: () => clock.monotonicMs(),
      schedule: (delayMs: number, callback: () => void) => clock.schedule(delayMs, callback),
    };
    const hub = openHub({ clock: own, maxMessageBytes: 1000, bounds: { count: 100, sizeBytes: 1e6, ageMs: 60_000 } });
    const mesh = new Mesh({
      hub,
      clock: own,
      id,
      run: id,
      times: usualTimes,
      bounds: usualEntryBounds,
      carriesPublications: true,
      send: (to, text) => {
        for (const [other, node] of nodes) if (other !== id && (to ?? other) === other) node.hear(text);
        return true;
      },
    });
    hub.carrier = mesh;
    nodes.set(id, mesh);
    return hub;
  };
  const ant = start("ant", 7_200_000);
  const bee = start("bee", 0);
  clock.advance(2000);
  const listener = recorder();
  bee.sit(everything, listener);
  const since = bee.position;
  await ant.publish({ address: "a", content: "1" });
  clock.advance(10);
  await bee.publish({ address: "a", content: "2" });
  expect(listener.heard).toEqual(["1", "2"]);
  expect(bee.recall(everything, since)).toMatchObject({ isComplete: true, publications: [{ content: "1" }, {}] });
  expect(bee.recall(everything, since).publications[0]?.at).toBeLessThanOrEqual(clock.now());
  clock.advance(62_000);
  expect(bee.kept.count).toBe(0);
  expect(ant.kept.count).toBe(0);
});

test("mesh: what a node says that another does not understand is a gap there, and what follows is heard", async () => {
  const clock = new ManualClock();
  const hub = openHub({ clock, maxMessageBytes: 1000, bounds: { count: 100, sizeBytes: 1e6, ageMs: 60_000 } });
  const mesh = new Mesh({
    hub,
    clock,
    id: "ant",
    run: "1",
    times: usualTimes,
    bounds: usualEntryBounds,
    carriesPublications: true,
    send: () => true,
  });
  const listener = recorder();
  hub.sit(everything, listener);
  const entries = [
    ["publish", "a", "1", 0],
    ["end-user", "x".repeat(9000), ""],
    ["paint", "red"],
    ["publish", "a", "2", 0],
  ];
  mesh.hear(JSON.stringify({ kind: "entries", from: "bee", run: "1", first: 1, newest: 4, entries }));
  expect(listener.heard).toEqual(["1", "-", "-", "2"]);
  await hub.publish({ address: "a", content: "3" });
  expect(listener.heard.at(-1)).toBe("3");
});

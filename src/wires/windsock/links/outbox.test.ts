import { expect, test } from "bun:test";

import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import { Outbox } from "./outbox.ts";

test("Outbox: what waits is bounded in count and size, and there is room again for what left or failed", async () => {
  const clock = new ManualClock();
  const outbox = new Outbox(clock, 5000);
  const fates: string[] = [];
  const add = (content: string) => {
    outbox.add({ address: "a", content }).then(
      () => fates.push("taken"),
      (thrown: unknown) => fates.push(String(thrown).includes("too many") ? "full" : "away"),
    );
  };
  const large = "x".repeat(1024 * 1024);
  for (let at = 0; at < 70; at++) add(large);
  await Promise.resolve();
  expect(fates.filter((fate) => fate === "full").length).toBe(7);
  // One leaves at a time; nothing else may take its place before it did.
  const batch = await outbox.next(new AbortController().signal);
  expect(batch?.envelopes.length).toBe(1);
  add(large);
  add(large);
  await Promise.resolve();
  expect(fates.filter((fate) => fate === "full").length).toBe(8);
  clock.advance(6000);
  await Promise.resolve();
  await Promise.resolve();
  expect(fates.filter((fate) => fate === "away").length).toBe(64);
  for (let at = 0; at < 25_000; at++) add("");
  await Promise.resolve();
  expect(fates.filter((fate) => fate === "full").length).toBe(8 + 5000);
  outbox.close();
});

/** Forgiveness runs out and comes back. */
import { expect, test } from "bun:test";

import { ManualClock } from "../testing/manual-clock.ts";
import { createFailureLimit } from "./failures.ts";

test("createFailureLimit: a burst is forgiven, then one failure for each interval", () => {
  const clock = new ManualClock();
  const limit = createFailureLimit({ clock, burst: 3, forgetMs: 1000 });
  for (let turn = 0; turn < 3; turn++) {
    expect(limit.waitMs("10.0.0.1")).toBe(0);
    limit.record("10.0.0.1");
  }
  expect(limit.waitMs("10.0.0.1")).toBe(1000);
  expect(limit.waitMs("10.0.0.2")).toBe(0);
  clock.advance(999);
  expect(limit.waitMs("10.0.0.1")).toBe(1);
  clock.advance(1);
  expect(limit.waitMs("10.0.0.1")).toBe(0);
  limit.record("10.0.0.1");
  expect(limit.waitMs("10.0.0.1")).toBe(1000);
});

test("createFailureLimit: failures while waiting do not prolong the wait beyond the full bucket", () => {
  const clock = new ManualClock();
  const limit = createFailureLimit({ clock, burst: 3, forgetMs: 1000 });
  for (let turn = 0; turn < 50; turn++) limit.record("10.0.0.1");
  expect(limit.waitMs("10.0.0.1")).toBe(1000);
});

test("createFailureLimit: one network of IPv6 and one address however written share a bucket", () => {
  const limit = createFailureLimit({ clock: new ManualClock(), burst: 1 });
  limit.record("2001:db8:1:2:3::4");
  expect(limit.waitMs("2001:db8:1:2::99")).toBeGreaterThan(0);
  expect(limit.waitMs("2001:db8:1:3::99")).toBe(0);
  limit.record("::ffff:10.0.0.1");
  expect(limit.waitMs("10.0.0.1")).toBeGreaterThan(0);
});

test("createFailureLimit: remembers a bounded number of addresses, the newest", () => {
  const limit = createFailureLimit({ clock: new ManualClock(), burst: 1, maxAddresses: 2 });
  for (const address of ["10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.3"]) limit.record(address);
  expect(["10.0.0.1", "10.0.0.2", "10.0.0.3"].map((address) => limit.waitMs(address) > 0)).toEqual([true, false, true]);
});

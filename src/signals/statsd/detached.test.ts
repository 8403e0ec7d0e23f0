import { heapStats } from "bun:jsc";
import { expect, test } from "bun:test";

import { silentLog } from "../../kit/log.ts";
import { seededRandom } from "../../kit/random.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { settingsOf, statsdSection, type StatsdOptions } from "./config.ts";
import { detached } from "./detached.ts";
import { Statsd } from "./statsd.ts";

test("detached: the same text, of any length and any script", () => {
  for (const text of ["", "a.b", "zażółć 名前 🚀", "x".repeat(1365), "é".repeat(1366), "名".repeat(5000)]) {
    expect(detached(text)).toBe(text);
  }
});

test("Statsd: nothing that is remembered of a packet holds the whole of it", () => {
  const defaults = Object.fromEntries(
    Object.entries(statsdSection.fields).map(([name, field]) => [
      name,
      field.default === undefined ? undefined : field.read(field.default),
    ]),
  ) as StatsdOptions;
  const clock = new ManualClock();
  const statsd = new Statsd({ settings: settingsOf(defaults), clock, random: seededRandom(1), log: silentLog });
  const filling = "y".repeat(60_000);
  const long = "long".repeat(10_000);
  const send = (count: number) => {
    for (let at = 0; at < count; at++) {
      statsd.receive(
        Buffer.from(
          `some.longer.name${at}:1|c|@1e0\nset.of.members${at}:member.number.${at}|s\nsome.stamped.name${at}:1|g|T1700000000\n${long}${at}:1|g|T1700000000\n_sc|some.check${at}|0|m:some message\n${filling}`,
        ),
        "here",
      );
    }
    Bun.gc(true);
    // What is held, not what the process has: that shrinks when the allocator finds the time.
    const { extraMemorySize, heapSize } = heapStats();
    return heapSize + extraMemorySize;
  };
  const before = send(20);
  expect((send(3000) - before) / 2 ** 20).toBeLessThan(20);
});

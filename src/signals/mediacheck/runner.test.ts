import { expect, test } from "bun:test";

import { silentLog } from "../../kit/log.ts";
import { seededRandom } from "../../kit/random.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { RunStore } from "./run-store.ts";
import { Runner } from "./runner.ts";
import { usualSettings } from "./settings.ts";

const minuteMs = 60_000;
const dayMs = 1440 * minuteMs;

test("Runner: a clock that is set back puts no site off, neither at work nor at a start", async () => {
  const clock = new ManualClock();
  const store = new RunStore(":memory:");
  const ran: number[] = [];
  const start = () =>
    new Runner({
      clock,
      log: silentLog,
      random: seededRandom(1),
      store,
      sites: [
        {
          name: "shop",
          pages: ["http://shop.example/"],
          sitemaps: [],
          intervalMs: 10 * minuteMs,
          settings: { ...usualSettings, retries: 0 },
        },
      ],
      onceSettings: usualSettings,
      resolve: async () => ["192.0.2.1"],
      fetch: async () => new Response("<p>", { headers: { "Content-Type": "text/html" } }),
      finished: () => ran.push(clock.now()),
    });
  const pass = async (forMs: number) => {
    const before = ran.length;
    for (let passedMs = 0; passedMs < forMs; passedMs += minuteMs / 2) await clock.until(clockTick(clock), minuteMs);
    return ran.length - before;
  };
  let runner = start();
  expect(await pass(25 * minuteMs)).toBe(3);
  clock.jump(-dayMs);
  expect(await pass(60 * minuteMs)).toBeGreaterThanOrEqual(5);
  await runner.stop();
  clock.jump(-dayMs);
  runner = start();
  expect(await pass(60 * minuteMs)).toBeGreaterThanOrEqual(5);
  await runner.stop();
  store.close();
});

/** Half a minute, with everything that it lets happen. */
async function clockTick(clock: ManualClock): Promise<void> {
  await new Promise<void>((resolve) => {
    clock.schedule(minuteMs / 2, resolve);
  });
}

import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createEvents } from "../../../kit/events.ts";
import { silentLog } from "../../../kit/log.ts";
import { createMetrics } from "../../../kit/metrics.ts";
import { seededRandom } from "../../../kit/random.ts";
import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import { channelPlans } from "./channel-plan.ts";
import { openDelivery } from "./delivery.ts";
import { sampleNotice } from "./fixture.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

async function open(
  options: { folder?: string; clock?: ManualClock; tables?: readonly unknown[]; keepMs?: number } = {},
) {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "warren-delivery-"));
  folders.push(folder);
  const clock = options.clock ?? new ManualClock();
  const events = createEvents(clock);
  const metrics = createMetrics();
  const delivery = await openDelivery({
    clock,
    random: seededRandom(1),
    log: silentLog,
    metrics,
    events,
    dataFolder: folder,
    baseUrl: "https://warren.example/hound",
    mail: undefined,
    channels: channelPlans(options.tables ?? []),
    ...(options.keepMs === undefined ? {} : { keepMs: options.keepMs }),
  });
  return { clock, delivery, events, folder, metrics };
}

test("delivery: a notice to nowhere is kept as failed, shown, counted, and told of", async () => {
  const { delivery, folder, metrics } = await open();
  await delivery.sink.take(sampleNotice({ recipients: ["ops@example.org", "channel:chat", "nobody"] }));
  expect(delivery.view.list({ limit: 9 }).map(({ recipient, said, state }) => [recipient, state, said])).toEqual([
    ["nobody", "failed", expect.stringContaining("No mail server is configured")],
    ["channel:chat", "failed", expect.stringContaining('no channel called "chat"')],
    ["ops@example.org", "failed", expect.stringContaining("No mail server is configured")],
  ]);
  expect(delivery.findings()).toMatchObject([{ name: "deliveries", state: "degraded" }]);
  expect(await metrics.metrics()).toContain("warren_hound_deliveries_failed 3");
  for (const name of ["delivery.sqlite", "links.key"]) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  await delivery.stop();
});

test("delivery: what waits survives a restart, and a notice that comes twice is one", async () => {
  const tables = [{ name: "chat", kind: "slack", url: "http://127.0.0.1:1/x" }];
  const first = await open({ tables });
  const notice = sampleNotice({ recipients: ["channel:chat"] });
  await first.delivery.sink.take(notice);
  await first.delivery.sink.take(notice);
  await first.delivery.stop();
  const second = await open({ tables, folder: first.folder, clock: first.clock });
  expect(second.delivery.view.counts()).toMatchObject({ waiting: 1, failed: 0 });
  expect(second.delivery.view.channels()).toEqual([{ name: "chat", kind: "slack" }]);
  second.clock.advance(1_000_000);
  expect(second.delivery.findings()).toMatchObject([
    { state: "degraded", sentence: expect.stringContaining("waits to be sent, the oldest for 16 min") },
  ]);
  await second.delivery.stop();
});

test("delivery: says beforehand whom it cannot reach", async () => {
  const { delivery } = await open({ tables: [{ name: "chat", kind: "slack", url: "https://x.example/" }] });
  expect(delivery.refusal("channel:chat")).toBeUndefined();
  expect(delivery.refusal("channel:char")).toContain("char");
  expect(delivery.refusal("ops@example.org")).toContain("No mail server");
  expect(delivery.findings()).toMatchObject([{ state: "ok", sentence: "Nothing waits to be sent" }]);
  await delivery.stop();
});

test("delivery: a wall clock that leaps ten years makes the log forget nothing, neither at work nor for a day from a start", async () => {
  const dayMs = 86_400_000;
  const leapMs = 3650 * dayMs;
  for (const isAtStart of [false, true]) {
    const keepMs = 5 * dayMs;
    const first = await open({ keepMs });
    const { clock, folder } = first;
    let { delivery } = first;
    await delivery.sink.take(sampleNotice({ recipients: ["nobody"], createdAt: clock.now() }));
    clock.advance(dayMs / 2);
    const left = () => delivery.view.list({ limit: 9 }).length;
    if (isAtStart) await delivery.stop();
    clock.jump(leapMs);
    if (isAtStart) ({ delivery } = await open({ clock, folder, keepMs }));
    // The worker looks once an hour.
    for (let hour = 0; hour < 23; hour++) await clock.until(passOf(clock));
    expect(left()).toBe(1);
    if (!isAtStart) {
      clock.jump(-leapMs);
      for (let day = 0; day < 5; day++) await clock.until(passOf(clock, dayMs), dayMs);
    } else {
      for (let hour = 0; hour < 3; hour++) await clock.until(passOf(clock));
    }
    expect(left()).toBe(0);
    await delivery.stop();
  }
});

/** Some time, with everything that it lets happen. */
async function passOf(clock: ManualClock, forMs = 3_600_000): Promise<void> {
  await new Promise<void>((resolve) => {
    clock.schedule(forMs, resolve);
  });
}

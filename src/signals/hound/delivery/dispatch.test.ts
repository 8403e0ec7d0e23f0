/** Carrying from the queue to channels on a clock that the test moves: order, pauses, pace, bounds. */
import { expect, test } from "bun:test";

import { Fault } from "../../../kit/fault.ts";
import { silentLog } from "../../../kit/log.ts";
import { seededRandom } from "../../../kit/random.ts";
import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import type { Channel, Sending } from "./channel.ts";
import { type Dispatch, pauseMs, startDispatch } from "./dispatch.ts";
import { sampleNotice } from "./fixture.ts";
import { DeliveryQueue } from "./queue.ts";

interface Stage {
  clock: ManualClock;
  queue: DeliveryQueue;
  dispatch: Dispatch;
  /** Attempts with their time since the start, in seconds, oldest first. */
  tried: { atSeconds: number; recipient: string; id: string; key: string }[];
  gaveUp: string[];
  take(id: string, ...recipients: string[]): void;
}

const busy = () => Promise.reject(new Fault("unavailable", "test/busy", "busy"));

function stage(
  answer: (sending: Sending, signal: AbortSignal) => Promise<string>,
  options: { perMinute?: number; giveUpAfterMs?: number; queue?: DeliveryQueue } = {},
): Stage {
  const clock = new ManualClock();
  const startedAt = clock.now();
  const queue = options.queue ?? new DeliveryQueue(":memory:");
  const tried: Stage["tried"] = [];
  const gaveUp: string[] = [];
  const channelOf = (recipient: string): Channel | undefined => {
    if (recipient === "channel:none") return undefined;
    return {
      name: recipient.startsWith("channel:") ? recipient : "mail",
      kind: "mail",
      send(sending, signal) {
        const { key, notice } = sending;
        tried.push({ atSeconds: Math.round((clock.now() - startedAt) / 1000), recipient, id: notice.id, key });
        return answer(sending, signal);
      },
    };
  };
  const dispatch = startDispatch({
    clock,
    random: seededRandom(7),
    log: silentLog,
    queue,
    channelOf,
    metrics: { ended: () => undefined },
    giveUpAfterMs: options.giveUpAfterMs ?? 86_400_000,
    perMinute: options.perMinute ?? 6000,
    gaveUp: ({ row }, reason) => gaveUp.push(`${row.noticeId} to ${row.recipient}: ${reason}`),
  });
  clock.advance(1);
  return {
    clock,
    queue,
    dispatch,
    tried,
    gaveUp,
    take(id, ...recipients) {
      queue.take(sampleNotice({ id, recipients }), clock.now(), () => undefined);
      dispatch.worker.wake();
      clock.advance(1);
    },
  };
}

async function close({ clock, dispatch, queue }: Stage): Promise<void> {
  await clock.until(dispatch.stop());
  queue.close();
}

test("pauseMs: doubles from ten seconds to a quarter of an hour, give or take a fifth", () => {
  const low = [1, 2, 3, 8, 99].map((attempts) => pauseMs(attempts, () => 0));
  const high = [1, 2, 3, 8, 99].map((attempts) => pauseMs(attempts, () => 1));
  expect(low).toEqual([8000, 16_000, 32_000, 720_000, 720_000]);
  expect(high).toEqual([12_000, 24_000, 48_000, 1_080_000, 1_080_000]);
});

test("dispatch: what was taken is sent once, whatever time passes", async () => {
  const world = stage(() => Promise.resolve("ok"));
  world.take("1", "a@b", "channel:chat");
  world.clock.advance(86_400_000);
  expect(world.tried.map(({ recipient }) => recipient)).toEqual(["a@b", "channel:chat"]);
  expect(world.queue.counts()).toMatchObject({ sent: 2, waiting: 0 });
  await close(world);
});

test("dispatch: a failure is tried again after growing pauses, with one key, and holds back what comes after it", async () => {
  let isUp = false;
  const world = stage((sending) => (isUp || sending.recipient === "c@d" ? Promise.resolve("ok") : busy()));
  world.take("1", "a@b");
  world.take("2", "a@b", "c@d");
  world.clock.advance(600_000);
  const before = world.tried.filter(({ recipient }) => recipient === "a@b");
  expect(before.map(({ id }) => id)).toEqual(before.map(() => "1"));
  expect(new Set(before.map(({ key }) => key)).size).toBe(1);
  const pauses = before.slice(1).map(({ atSeconds }, position) => atSeconds - (before[position]?.atSeconds ?? 0));
  for (const [position, pause] of pauses.entries()) {
    expect(pause).toBeGreaterThanOrEqual(Math.floor(8 * 2 ** position));
    expect(pause).toBeLessThanOrEqual(Math.ceil(12 * 2 ** position));
  }
  expect(world.tried.filter(({ recipient }) => recipient === "c@d").map(({ id }) => id)).toEqual(["2"]);
  isUp = true;
  world.clock.advance(3_600_000);
  const after = world.tried.filter(({ recipient }) => recipient === "a@b").map(({ id }) => id);
  expect(after.slice(before.length)).toEqual(["1", "2"]);
  await close(world);
});

test("dispatch: after days away nothing is given up before the network had time to be there", async () => {
  const queue = new DeliveryQueue(":memory:");
  const clock = new ManualClock();
  queue.take(sampleNotice({ id: "old", recipients: ["a@b"] }), clock.now() - 3 * 86_400_000, () => undefined);
  let attempts = 0;
  const world = stage(() => (++attempts < 4 ? busy() : Promise.resolve("ok")), { queue });
  world.clock.advance(600_000);
  expect([world.gaveUp, world.queue.counts().sent]).toEqual([[], 1]);
  await close(world);
});

test("dispatch: a clock that is set by a day gives nothing up, delays nothing, and sends nothing more often", async () => {
  for (const byMs of [86_400_000 * 1.5, -86_400_000 * 1.5]) {
    let isUp = false;
    const world = stage(() => (isUp ? Promise.resolve("ok") : busy()));
    world.take("1", "a@b");
    world.clock.advance(3_600_000);
    const before = world.tried.length;
    world.clock.jump(byMs);
    world.clock.advance(3_600_000);
    expect(world.gaveUp).toEqual([]);
    expect(world.tried.length - before).toBeGreaterThan(2);
    expect(world.tried.length - before).toBeLessThan(7);
    isUp = true;
    world.clock.advance(1_200_000);
    expect(world.queue.counts()).toMatchObject({ sent: 1, waiting: 0 });
    await close(world);
  }
});

test("dispatch: gives up when its time is over, at once when it is hopeless, and can be made to try again", async () => {
  const world = stage(busy, { giveUpAfterMs: 3_600_000 });
  world.take("1", "a@b");
  world.take("2", "a@b");
  world.clock.advance(2 * 3_600_000);
  expect(world.gaveUp).toEqual(["1 to a@b: busy", "2 to a@b: busy"]);
  const last = world.tried.at(-1)?.atSeconds ?? 0;
  expect(last).toBeGreaterThan(2000);
  expect(last).toBeLessThan(3700);
  expect(world.queue.counts()).toMatchObject({ failed: 2, waiting: 0 });
  const count = world.tried.length;
  expect(world.queue.retry(world.clock.now(), 1)).toBe(1);
  world.dispatch.worker.wake();
  world.clock.advance(1);
  expect(world.tried).toHaveLength(count + 1);
  await close(world);

  const refused = stage(() => Promise.reject(new Fault("invalid", "test/no", "no such mailbox")));
  refused.take("1", "a@b", "channel:none");
  expect(refused.gaveUp).toEqual([
    '1 to channel:none: There is no channel called "none" in the configuration',
    "1 to a@b: no such mailbox",
  ]);
  expect(refused.tried).toHaveLength(1);
  await close(refused);
});

test("dispatch: waits as long as it is told to", async () => {
  let told = false;
  const world = stage(() => {
    if (told) return Promise.resolve("ok");
    told = true;
    return Promise.reject(new Fault("limited", "test/slow-down", "slow down", { retryAfterMs: 300_000 }));
  });
  world.take("1", "a@b");
  world.clock.advance(299_000);
  expect(world.tried).toHaveLength(1);
  world.clock.advance(2000);
  expect(world.tried).toHaveLength(2);
  await close(world);
});

test("dispatch: a channel that hangs, or has a bug, holds up no other", async () => {
  const world = stage(({ recipient }, signal) => {
    if (recipient === "channel:hangs")
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    return recipient === "channel:bug" ? Promise.reject(new TypeError("x is not a function")) : Promise.resolve("ok");
  });
  for (let number = 0; number < 10; number++) world.take(String(number), "channel:hangs", "channel:bug", "a@b");
  world.clock.advance(60_000);
  expect(world.tried.filter(({ recipient }) => recipient === "channel:hangs")).toHaveLength(1);
  expect(world.tried.filter(({ recipient }) => recipient === "a@b")).toHaveLength(10);
  expect(
    world.queue.list({ state: "waiting", limit: 99 }).findLast(({ recipient }) => recipient === "channel:bug")?.said,
  ).toBe("Something went wrong inside: the log has the details");
  const waiting = world.queue.counts().waiting;
  await world.clock.until(world.dispatch.stop());
  // What was cut is waiting still.
  expect(world.queue.counts().waiting).toBe(waiting);
  world.queue.close();
});

test("dispatch: a storm leaves at the pace of the channel", async () => {
  const world = stage(() => Promise.resolve("ok"), { perMinute: 60 });
  for (let number = 0; number < 200; number++) world.take(String(number), `p${number % 50}@b`, "channel:chat");
  world.clock.advance(60_000);
  const mails = world.tried.filter(({ recipient }) => recipient !== "channel:chat");
  expect(mails.length).toBeGreaterThan(60);
  expect(mails.length).toBeLessThanOrEqual(60 + 16);
  world.clock.advance(180_000);
  expect(world.tried).toHaveLength(400);
  const ids = world.tried.filter(({ recipient }) => recipient === "channel:chat").map(({ id }) => Number(id));
  expect(ids).toEqual(ids.toSorted((one, other) => one - other));
  await close(world);
});

test("dispatch: what cannot be written down is not sent a second time", async () => {
  class FullDisk extends DeliveryQueue {
    isFull = true;
    override sent(id: number, now: number, said: string): void {
      if (this.isFull) throw new Error("database or disk is full");
      super.sent(id, now, said);
    }
  }
  const queue = new FullDisk(":memory:");
  const world = stage(() => Promise.resolve("ok"), { queue });
  world.take("1", "a@b");
  world.clock.advance(60_000);
  expect(world.tried).toHaveLength(1);
  expect(queue.counts()).toMatchObject({ waiting: 1 });
  queue.isFull = false;
  world.clock.advance(10_000);
  expect(queue.counts()).toMatchObject({ waiting: 0, sent: 1 });
  world.take("2", "a@b");
  expect(world.tried.map(({ id }) => id)).toEqual(["1", "2"]);
  await close(world);
});

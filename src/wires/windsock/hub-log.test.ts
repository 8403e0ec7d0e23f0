/** The hub and its log: restarts, breaks of the order, disks that are full, clocks that jump. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { bounds, recorder, shortAddress } from "./hub-fixture.ts";
import { openHub, OrderedHub } from "./hub-ordered.ts";
import { MemoryLog } from "./log-memory.ts";
import type { PublicationLog } from "./publication-log.ts";
import type { Interest, Publication } from "./publication.ts";

const dayMs = 86_400_000;

test("hub: however the wall clock jumps, who comes back hears each once and in order, or is told of a gap", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("say" as const), by: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ kind: fc.constant("jump" as const), by: fc.integer({ min: -3 * dayMs, max: 3 * dayMs }) }),
    fc.record({ kind: fc.constant("pass" as const), by: fc.integer({ min: 1, max: 90_000 }) }),
    fc.record({ kind: fc.constant("look" as const), by: fc.nat(20) }),
  );
  const folder = mkdtempSync(join(tmpdir(), "warren-windsock-"));
  let made = 0;
  try {
    for (const isOnDisk of [false, true]) {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
          const clock = new ManualClock();
          const path = isOnDisk ? { path: join(folder, `${++made}.sqlite`) } : {};
          const hub = openHub({ clock, maxMessageBytes: 1000, bounds, ...path });
          const positions = [hub.position];
          for (const { kind, by } of steps) {
            if (kind === "jump") clock.jump(by);
            else if (kind === "pass") clock.advance(by);
            else if (kind === "say") {
              for (let each = 0; each < by; each++) {
                void hub.accept({ address: "a", content: String(positions.length) });
                hub.flush();
                positions.push(hub.position);
              }
            } else {
              const from = Math.min(by, positions.length - 1);
              const ear = recorder();
              hub.sit([{ kind: "prefix", prefix: "" }], ear, { since: positions[from] ?? "" });
              const missed = positions.slice(1).map((_, at) => `a=${at + 1}`);
              if (ear.heard[0] !== "-") expect(ear.heard).toEqual(missed.slice(from));
              // After a gap, all that is kept: an end of what there was.
              else expect(ear.heard.slice(1)).toEqual(missed.slice(missed.length - ear.heard.length + 1));
            }
          }
          hub.close();
        }),
        { numRuns: isOnDisk ? 25 : 100 },
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("log on disk: what was acknowledged before a restart is there after it, at the same positions", async () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-windsock-"));
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.tuple(shortAddress, fc.boolean()), { maxLength: 6 }), { maxLength: 5 }),
        fc.constantFrom(3, 1000),
        async (runs, count) => {
          const path = join(folder, `${crypto.randomUUID()}.sqlite`);
          const clock = new ManualClock();
          const open = () => openHub({ clock, maxMessageBytes: 1000, bounds: { ...bounds, count }, path });
          let hub = open();
          const start = hub.position;
          const all: Publication[] = [];
          const everything: Interest = { kind: "prefix", prefix: "" };
          for (const run of runs) {
            for (const [where, together] of run) {
              const promise = hub.publish({ address: where, content: String(all.length) });
              // Some wait alone, some go to the disk with those that follow.
              if (!together) hub.flush();
              void promise;
              hub.flush();
              all.push(await promise);
            }
            hub.close();
            hub = open();
            await clock.advance(1000);
            const kept = all.slice(-count);
            expect(await hub.history(everything, 10_000)).toEqual(kept);
            const listener = recorder();
            const { recovery } = await hub.listen([everything], listener, { since: start });
            expect(recovery?.isComplete).toBe(all.length <= count);
            expect(recovery?.publications).toEqual(kept);
            const middle = all.at(-2)?.position ?? start;
            expect((await hub.listen([everything], recorder(), { since: middle })).recovery?.publications).toEqual(
              all.slice(-1).filter(({ position }) => position !== middle),
            );
          }
          hub.close();
        },
      ),
      { numRuns: 40 },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("log on disk: what one turn brings is one transaction, heard after it in order", async () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-windsock-"));
  try {
    const hub = openHub({ clock: new ManualClock(), maxMessageBytes: 1000, bounds, path: join(folder, "log.sqlite") });
    const listener = recorder();
    hub.sit([{ kind: "prefix", prefix: "" }], listener);
    const done = ["1", "2", "3"].map((content) => hub.publish({ address: "a", content }));
    expect(listener.heard).toEqual([]);
    await Promise.all(done);
    expect(listener.heard).toEqual(["a=1", "a=2", "a=3"]);
    hub.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("hub: whoever comes back from before a break of the order is told of it, in memory and on disk", async () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-windsock-"));
  try {
    for (const path of [undefined, join(folder, "log.sqlite")]) {
      const clock = new ManualClock();
      const open = () => openHub({ clock, maxMessageBytes: 1000, bounds, ...(path === undefined ? {} : { path }) });
      const everything: Interest = { kind: "prefix", prefix: "" };
      let hub = open();
      const publish = (content: string) => {
        const made = hub.publish({ address: "a", content });
        hub.flush();
        return made;
      };
      const before = await publish("1");
      hub.breakOrder();
      const after = await publish("2");
      for (let round = 0; round < 2; round++) {
        const late = recorder();
        hub.sit([everything], late, { since: before.position });
        expect(late.heard).toEqual(["-", "a=1", "a=2"]);
        const [first] = await hub.history(everything, 10);
        const again = recorder();
        hub.sit([everything], again, { since: first?.position ?? "" });
        expect(again.heard).toEqual(["-", "a=1", "a=2"]);
        const whole = recorder();
        hub.sit([everything], whole, { since: after.position });
        expect(whole.heard).toEqual([]);
        if (path === undefined) continue;
        hub.close();
        hub = open();
      }
      const present = recorder();
      hub.sit([everything], present);
      hub.moveTo("abc", 0);
      expect((await publish("3")).position).toBe("abc-1");
      expect(present.heard).toEqual(["-", "a=3"]);
      hub.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("log on disk: what the disk did not take is told to whoever published, heard by nobody, and its number is free", async () => {
  const kept = new MemoryLog(bounds);
  let isFull = false;
  const hub = new OrderedHub({
    clock: new ManualClock(),
    maxMessageBytes: 1000,
    isDurable: true,
    log: bound(kept, () => isFull),
  });
  const listener = recorder();
  hub.sit([{ kind: "prefix", prefix: "" }], listener);
  const before = await hub.publish({ address: "a", content: "1" });
  isFull = true;
  const failed = ["2", "3"].map((content) => hub.publish({ address: "a", content }));
  for (const one of failed) expect(await one.catch((thrown: Error) => thrown.message)).toBe("disk is full");
  isFull = false;
  const after = await hub.publish({ address: "a", content: "4" });
  expect(listener.heard).toEqual(["a=1", "a=4"]);
  const number = ({ position }: Publication) => Number(position.split("-")[1]);
  expect(number(after)).toBe(number(before) + 1);
  hub.close();
});

/** A log that takes nothing while its disk is full. */
function bound(log: MemoryLog, isFull: () => boolean): PublicationLog {
  return {
    get epoch() {
      return log.epoch;
    },
    get newest() {
      return log.newest;
    },
    get oldest() {
      return log.oldest;
    },
    get count() {
      return log.count;
    },
    get sizeBytes() {
      return log.sizeBytes;
    },
    append(publications) {
      if (isFull()) throw new Error("disk is full");
      log.append(publications);
    },
    after: (offset, interests, limit) => log.after(offset, interests, limit),
    following: (offset, interests, limit) => log.following(offset, interests, limit),
    last: (interest, limit) => log.last(interest, limit),
    renew: () => log.renew(),
    reset: (epoch, newest) => log.reset(epoch, newest),
    trim: (now) => log.trim(now),
    close: () => log.close(),
  };
}

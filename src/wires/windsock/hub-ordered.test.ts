import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import type { Listener } from "./hub.ts";
import { openHub, OrderedHub } from "./hub-ordered.ts";
import { MemoryLog } from "./log-memory.ts";
import type { PublicationLog } from "./publication-log.ts";
import { concerns, type Interest, type Publication } from "./publication.ts";

const bounds = { count: 1000, sizeBytes: 1_000_000, ageMs: 60_000 };

/** A hub in memory. */
function makeHub(given: Partial<typeof bounds> = {}, clock = new ManualClock()): OrderedHub {
  return openHub({ clock, maxMessageBytes: 1000, bounds: { ...bounds, ...given } });
}

/** A listener that remembers; gaps are `-`. */
function recorder(): Listener & { heard: string[]; positions: string[] } {
  const heard: string[] = [];
  const positions: string[] = [];
  return {
    heard,
    positions,
    hear({ address, content, position }) {
      heard.push(`${address}=${content}`);
      positions.push(position);
    },
    gap: () => void heard.push("-"),
  };
}

/** Short names, so that they meet often. */
const address = fc.array(fc.constantFrom("a", "b", "ab", ""), { maxLength: 4 }).map((parts) => parts.join("."));
const interest: fc.Arbitrary<Interest> = fc.oneof(
  address.map((prefix): Interest => ({ kind: "prefix", prefix })),
  address.map((prefix): Interest => ({ kind: "segment", prefix })),
  address.map((text): Interest => ({ kind: "exact", address: text })),
  fc
    .array(fc.constantFrom("a", "b", "*", "#", ""), { maxLength: 4 })
    .map((parts): Interest => ({ kind: "pattern", pattern: parts.join(".") })),
);

test("hub: whoever listens hears what a search of a plain list of all interests would tell", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          { weight: 4, arbitrary: fc.record({ kind: fc.constant("publish" as const), address }) },
          fc.record({ kind: fc.constant("sit" as const), interests: fc.array(interest, { maxLength: 3 }) }),
          fc.record({ kind: fc.constantFrom("add" as const, "remove" as const), who: fc.nat(9), interest }),
          fc.record({ kind: fc.constantFrom("leave" as const, "again" as const), who: fc.nat(9) }),
        ),
        { maxLength: 60 },
      ),
      async (steps) => {
        const hub = makeHub();
        const model: { interests: Interest[]; heard: string[]; isGone: boolean }[] = [];
        const seats: { seat: ReturnType<OrderedHub["sit"]>["seat"]; listener: ReturnType<typeof recorder> }[] = [];
        const all: Publication[] = [];
        for (const [index, step] of steps.entries()) {
          if (step.kind === "publish") {
            all.push(await hub.publish({ address: step.address, content: String(index) }));
            for (const { interests, heard, isGone } of model) {
              if (!isGone && interests.some((one) => concerns(one, step.address)))
                heard.push(`${step.address}=${index}`);
            }
            continue;
          }
          if (step.kind === "sit") {
            const listener = recorder();
            seats.push({ seat: hub.sit(step.interests, listener).seat, listener });
            model.push({ interests: [...step.interests], heard: [], isGone: false });
            continue;
          }
          const at = step.who % Math.max(1, seats.length);
          const [held, known] = [seats[at], model[at]];
          if (!held || !known) continue;
          if (step.kind === "add") {
            held.seat.add(step.interest);
            known.interests.push(step.interest);
          } else if (step.kind === "remove") {
            held.seat.remove(step.interest);
            known.interests = known.interests.filter((one) => JSON.stringify(one) !== JSON.stringify(step.interest));
          } else if (step.kind === "leave") {
            held.seat.leave();
            known.isGone = true;
          } else if (!known.isGone) {
            // Leaves and comes back by the newest it saw: nothing is heard twice or left out.
            held.seat.leave();
            const since = held.listener.positions.at(-1) ?? all.at(0)?.position ?? hub.position;
            const behind = all.filter(
              ({ position, address: where }) =>
                Number(position.split("-")[1]) > Number(since.split("-")[1]) &&
                known.interests.some((one) => concerns(one, where)),
            );
            const back = hub.sit(known.interests, held.listener, { since });
            expect(back.recovery?.isComplete).toBe(true);
            held.seat = back.seat;
            known.heard.push(...behind.map(({ address: where, content }) => `${where}=${content}`));
          }
        }
        for (const [index, { listener }] of seats.entries()) expect(listener.heard).toEqual(model[index]?.heard ?? []);
        hub.close();
      },
    ),
    { numRuns: 300 },
  );
});

test("publish: whoever publishes while hearing does not change the order for others", async () => {
  const hub = makeHub();
  const [first, second] = [recorder(), recorder()];
  hub.sit([{ kind: "prefix", prefix: "" }], {
    hear(publication) {
      first.hear(publication);
      if (publication.content === "1") void hub.publish({ address: "b", content: "2" });
    },
    gap: () => undefined,
  });
  hub.sit([{ kind: "prefix", prefix: "" }], second);
  await hub.publish({ address: "a", content: "1" });
  expect(first.heard).toEqual(["a=1", "b=2"]);
  expect(second.heard).toEqual(["a=1", "b=2"]);
});

test("publish: a listener that throws is the only one that loses by it", async () => {
  const broken: unknown[] = [];
  const hub = openHub({
    clock: new ManualClock(),
    maxMessageBytes: 1000,
    bounds,
    broken: (error) => broken.push(error),
  });
  const other = recorder();
  hub.sit([{ kind: "prefix", prefix: "" }], {
    hear() {
      throw new Error("broken");
    },
    gap: () => undefined,
  });
  hub.sit([{ kind: "prefix", prefix: "" }], other);
  await hub.publish({ address: "a", content: "1" });
  await hub.publish({ address: "a", content: "2" });
  expect(other.heard).toEqual(["a=1", "a=2"]);
  expect(broken).toHaveLength(1);
});

test("listen: what was trimmed by count, size or age is an explicit gap, before the newest there is", async () => {
  const clock = new ManualClock();
  const everything: Interest[] = [{ kind: "prefix", prefix: "" }];
  for (const given of [{ count: 2 }, { sizeBytes: 4 }, { ageMs: 2500 }]) {
    const hub = makeHub(given, clock);
    const { position } = hub;
    for (const content of ["1", "2", "3", "4"]) {
      await hub.publish({ address: "a", content });
      await clock.advance(1000);
    }
    const listener = recorder();
    const { recovery } = await hub.listen(everything, listener, { since: position });
    expect(recovery?.isComplete).toBe(false);
    expect(listener.heard).toEqual(["-", "a=3", "a=4"]);
    expect(hub.figures.gaps).toBe(1);
    hub.close();
  }
});

test("listen: another epoch, a position ahead, nonsense and a limit are gaps; nothing missed is none", async () => {
  const hub = makeHub();
  await hub.publish({ address: "a", content: "1" });
  await hub.publish({ address: "b", content: "2" });
  const since = (text: string, limit?: number) => {
    const listener = recorder();
    hub
      .sit([{ kind: "exact", address: "a" }], listener, limit === undefined ? { since: text } : { since: text, limit })
      .seat.leave();
    return listener.heard;
  };
  const epoch = hub.position.split("-")[0] ?? "";
  expect(since("0123456789abcdef-1")).toEqual(["-", "a=1"]);
  expect(since(`${epoch}-3`)).toEqual(["-", "a=1"]);
  expect(since("")).toEqual(["-", "a=1"]);
  expect(since(`${epoch}-0`, 0)).toEqual(["-"]);
  expect(since(`${epoch}-0`)).toEqual(["a=1"]);
  expect(since(`${epoch}-1`)).toEqual([]);
  expect(since(`${epoch}-2`)).toEqual([]);
});

test("listen: without a log, only who missed nothing goes on without a gap", async () => {
  const hub = makeHub({ count: 0 });
  const before = hub.position;
  expect((await hub.listen([], recorder(), { since: before })).recovery?.isComplete).toBe(true);
  await hub.publish({ address: "a", content: "1" });
  expect((await hub.listen([], recorder(), { since: before })).recovery?.isComplete).toBe(false);
  expect(await hub.history({ kind: "prefix", prefix: "" }, 10)).toEqual([]);
});

test("publish: too much, and too long an address, are refused and change nothing", async () => {
  const hub = makeHub();
  const before = hub.position;
  for (const [envelope, code] of [
    [{ address: "a".repeat(1025), content: "" }, "windsock/address"],
    [{ address: "é".repeat(600), content: "" }, "windsock/address"],
    [{ address: "a", content: "x".repeat(1000) }, "windsock/too-large"],
  ] as const) {
    expect(await hub.publish(envelope).catch((thrown: { code: string }) => thrown.code)).toBe(code);
  }
  await hub.publish({ address: "a", content: "x".repeat(999) });
  expect(hub.position).not.toBe(before);
  expect(hub.figures.publications).toBe(1);
});

test("publish: an address takes so many a second, others are not held up by it", async () => {
  const clock = new ManualClock();
  const hub = openHub({ clock, maxMessageBytes: 1000, bounds, addressPerSecond: 2 });
  const publish = (where: string) =>
    hub.publish({ address: where, content: "" }).then(
      () => "in",
      (thrown: { code: string }) => thrown.code,
    );
  expect([await publish("a"), await publish("a"), await publish("a")]).toEqual(["in", "in", "windsock/too-fast"]);
  expect(await publish("b")).toBe("in");
  await clock.advance(500);
  expect([await publish("a"), await publish("a")]).toEqual(["in", "windsock/too-fast"]);
});

test("topics: the busiest first, with those who hear each", async () => {
  const clock = new ManualClock();
  const hub = makeHub({}, clock);
  for (const where of ["a", "a", "b.c"]) await hub.publish({ address: where, content: "" });
  hub.sit(
    [
      { kind: "prefix", prefix: "" },
      { kind: "exact", address: "a" },
    ],
    recorder(),
  );
  hub.sit([{ kind: "exact", address: "a" }], recorder());
  expect(hub.topics(10)).toEqual([
    { address: "a", listeners: 2, perMinute: 2 },
    { address: "b.c", listeners: 1, perMinute: 1 },
  ]);
  await clock.advance(90_000);
  expect(hub.topics(1)).toEqual([{ address: "a", listeners: 2, perMinute: 1 }]);
  await clock.advance(60_000);
  expect(hub.topics(1)).toEqual([]);
});

test("presence: joins and leaves are told once, and a replaced entry does not take its successor away", () => {
  const hub = makeHub();
  const told: string[] = [];
  hub.watch("room", ({ kind, who }) => void told.push(`${kind} ${who.connection}`));
  const first = hub.enter("room", { connection: "1", user: "anna" });
  const again = hub.enter("room", { connection: "1", user: "anna", info: "{}" });
  first();
  expect(hub.presence("room")).toEqual([{ connection: "1", user: "anna", info: "{}" }]);
  hub.enter("other", { connection: "1", user: "anna" });
  again();
  again();
  expect(hub.presence("room")).toEqual([]);
  expect(told).toEqual(["join 1", "leave 1"]);
});

test("disconnect: ends what a user has, or one connection, and tells other nodes", () => {
  const hub = makeHub();
  const ended: string[] = [];
  const orders: string[] = [];
  hub.onDisconnect((who, reason) => void orders.push(`${JSON.stringify(who)} ${reason}`));
  const attach = (connection: string, user: string) =>
    hub.attach({ connection, user, end: (reason) => void ended.push(`${connection} ${reason}`) });
  attach("1", "anna");
  const gone = attach("2", "anna");
  attach("3", "ben");
  gone();
  expect(hub.connectionsOf("anna")).toBe(1);
  hub.disconnect({ user: "anna" }, "left");
  hub.disconnect({ connection: "3" }, "over");
  expect(ended).toEqual(["1 left", "3 over"]);
  expect(orders).toEqual(['{"user":"anna"} left', '{"connection":"3"} over']);
});

test("log on disk: what was acknowledged before a restart is there after it, at the same positions", async () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-windsock-"));
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.tuple(address, fc.boolean()), { maxLength: 6 }), { maxLength: 5 }),
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

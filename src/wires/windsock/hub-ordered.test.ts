import { expect, test } from "bun:test";
import fc from "fast-check";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { bounds, makeHub, recorder, shortAddress } from "./hub-fixture.ts";
import { openHub, OrderedHub } from "./hub-ordered.ts";
import { concerns, type Interest, type Publication } from "./publication.ts";

const interest: fc.Arbitrary<Interest> = fc.oneof(
  shortAddress.map((prefix): Interest => ({ kind: "prefix", prefix })),
  shortAddress.map((prefix): Interest => ({ kind: "segment", prefix })),
  shortAddress.map((text): Interest => ({ kind: "exact", address: text })),
  fc
    .array(fc.constantFrom("a", "b", "*", "#", ""), { maxLength: 4 })
    .map((parts): Interest => ({ kind: "pattern", pattern: parts.join(".") })),
);

test("hub: whoever listens hears what a search of a plain list of all interests would tell", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          { weight: 4, arbitrary: fc.record({ kind: fc.constant("publish" as const), address: shortAddress }) },
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
  hub.parties.watch((who, reason) => void orders.push(`${JSON.stringify(who)} ${reason}`));
  const attach = (connection: string, user: string) =>
    hub.attach({ connection, user, end: (reason) => void ended.push(`${connection} ${reason}`) });
  attach("1", "anna");
  const gone = attach("2", "anna");
  attach("3", "ben");
  gone();
  expect(hub.parties.countOf("anna")).toBe(1);
  hub.disconnect({ user: "anna" }, "left");
  hub.disconnect({ connection: "3" }, "over");
  expect(ended).toEqual(["1 left", "3 over"]);
  expect(orders).toEqual(['{"user":"anna"} left', '{"connection":"3"} over']);
});

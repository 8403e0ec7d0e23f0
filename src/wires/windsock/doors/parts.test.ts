import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { Fault } from "../../../kit/fault.ts";
import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import { closeCodeOf, closeReason, mayReconnect } from "./close-codes.ts";
import { readCommand } from "./command.ts";
import { openDoors, RawClient } from "./fixture.ts";
import { Outbox } from "./outbox.ts";
import { Pulse } from "./pulse.ts";
import { Roster } from "./roster.ts";

describe("roster", () => {
  test("Roster: a topic is vacated only when nobody came back in time", () => {
    const clock = new ManualClock();
    const told: string[] = [];
    const hub = { attach: () => () => undefined, detach: () => undefined };
    const roster = new Roster({ hub, clock, told: (kind) => told.push(kind) });
    const interest = { kind: "exact", address: "a" } as const;
    const first = roster.hear(interest);
    const second = roster.hear(interest);
    expect([told, roster.topicCount]).toEqual([["occupied"], 1]);
    first();
    first();
    second();
    clock.advance(4000);
    const third = roster.hear(interest);
    clock.advance(60_000);
    expect(told).toEqual(["occupied"]);
    third();
    clock.advance(5000);
    expect([told, roster.topicCount]).toEqual([["occupied", "vacated"], 0]);
    roster.hear(interest);
    expect(told).toEqual(["occupied", "vacated", "occupied"]);
  });
});

describe("outbox", () => {
  const parcel = (text: string, isAsked = false) => ({ text: () => text, sizeBytes: text.length, isAsked });

  test("Outbox: everything once and in order, however it is taken", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant("take"), fc.stringMatching(/^[a-z]{1,5}$/)), { maxLength: 60 }),
        (course) => {
          const outbox = new Outbox(1e6, { stirred: () => undefined, overflowed: () => undefined });
          const put: string[] = [];
          const taken: string[] = [];
          for (const step of course) {
            if (step === "take") taken.push(...(outbox.take(6)?.split("\n") ?? []));
            else {
              put.push(step);
              outbox.put(parcel(step, step.length % 2 === 0));
            }
          }
          for (let text = outbox.take(6); text !== undefined; text = outbox.take(6)) taken.push(...text.split("\n"));
          expect(taken).toEqual(put);
          expect([outbox.waitingBytes, outbox.askedBytes, outbox.isEmpty]).toEqual([0, 0, true]);
        },
      ),
    );
  });

  test("Outbox: too much that merely happens ends it once; what was asked for does not count", () => {
    let overflows = 0;
    const outbox = new Outbox(10, { stirred: () => undefined, overflowed: () => void overflows++ });
    outbox.put(parcel("x".repeat(100), true));
    outbox.put(parcel("y".repeat(10)));
    expect([overflows, outbox.waitingBytes, outbox.askedBytes]).toEqual([0, 10, 100]);
    outbox.put(parcel("z"));
    outbox.put(parcel("z"));
    expect([overflows, outbox.isEmpty]).toEqual([1, true]);
  });
});

test("Pulse: each member beats once an interval, and no more after it has left", () => {
  const clock = new ManualClock();
  const pulse = new Pulse(clock, 25_000);
  const beats = [0, 0, 0];
  const members = beats.map((_, at) => ({
    beat() {
      beats[at] = (beats[at] ?? 0) + 1;
    },
  }));
  for (const member of members) pulse.join(member);
  clock.advance(100_000);
  if (members[0]) pulse.leave(members[0]);
  clock.advance(100_000);
  expect(beats).toEqual([4, 8, 8]);
  pulse.stop();
  clock.advance(100_000);
  expect(beats).toEqual([4, 8, 8]);
});

describe("words", () => {
  test("readCommand: whatever comes is a command or a Fault that says why", () => {
    const verbs = ["connect", "subscribe", "publish", "history", "presence", "id", "dance"];
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.dictionary(fc.constantFrom(...verbs), fc.jsonValue()).map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(text, (line) => {
        try {
          readCommand(line);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Fault);
          expect((thrown as Fault).code).toBe("windsock/command");
        }
      }),
      { numRuns: 3000 },
    );
  });

  test("closeCodeOf: every refusal has a code, and only what may pass asks to come back", () => {
    const of = (kind: ConstructorParameters<typeof Fault>[0], code: string) => closeCodeOf(new Fault(kind, code, ""));
    expect(mayReconnect(of("unauthorized", "windsock/stale"))).toBe(true);
    expect(mayReconnect(of("unavailable", "windsock/webhook"))).toBe(true);
    for (const code of ["windsock/token", "windsock/proof", "windsock/revoked", "windsock/future"]) {
      expect(of("unauthorized", code)).toBe(3500);
    }
    expect(mayReconnect(of("limited", "windsock/too-many"))).toBe(false);
    expect(mayReconnect(of("invalid", "windsock/command"))).toBe(false);
  });

  test("closeReason: fits into a close frame, whatever it is made of", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (text) => {
        const reason = closeReason(text);
        expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123);
        if (text.isWellFormed()) expect(reason.isWellFormed()).toBe(true);
      }),
    );
  });

  test("Connection: noise ends it with a code and harms nobody else", async () => {
    await using doors = openDoors();
    const good = new RawClient(`${doors.url}/connect/`);
    await good.ask("connect", { token: doors.token({ sub: "ann", subscribe: ["#"], publish: ["#"] }) });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 5 }), async (lines) => {
        const client = new RawClient(`${doors.url}/connect/`);
        await client.open();
        for (const line of lines) client.send(line);
        client.send("{");
        expect((await client.closed).code).toBe(3501);
      }),
      { numRuns: 30 },
    );
    expect(await good.ask("ping", {})).toHaveProperty("position");
    expect(doors.doors.roster.size).toBe(1);
    good.close();
  });
});

test("revocation: the connection of a token that is called back by its name ends at its next beat", async () => {
  await using doors = openDoors({ pingMs: 250, scopes: ["read", "write", "admin"] });
  const client = new RawClient(`${doors.url}/connect/`);
  await client.ask("connect", { token: doors.token({ sub: "ann", jti: "t7", subscribe: ["#"] }) });
  const answer = await fetch(`${doors.url}/api/revoke`, { method: "POST", body: JSON.stringify({ token: "t7" }) });
  expect(answer.status).toBe(200);
  expect((await client.closed).code).toBe(3500);
});

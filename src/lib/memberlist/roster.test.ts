/** The rules about members, message by message, and what holds whatever is said. */
import { beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ManualClock } from "./clock-manual.ts";
import type { Alive, Dead, Suspect } from "./messages.ts";
import { Roster } from "./roster.ts";
import { timings } from "./timing.ts";

const versions = {
  protocolMin: 1,
  protocolMax: 5,
  protocolCurrent: 2,
  delegateMin: 0,
  delegateMax: 0,
  delegateCurrent: 0,
};
const none = new Uint8Array(0);

let clock: ManualClock;
let roster: Roster;
let told: string[];
let sent: string[];

function alive(node: string, incarnation: number, more: Partial<Alive> = {}): Alive {
  return {
    kind: "alive",
    incarnation,
    node,
    host: `10.0.0.${node.charCodeAt(0)}`,
    port: 1,
    meta: none,
    versions,
    ...more,
  };
}
const suspect = (node: string, incarnation: number, from: string): Suspect => ({
  kind: "suspect",
  incarnation,
  node,
  from,
});
const dead = (node: string, incarnation: number, from: string): Dead => ({ kind: "dead", incarnation, node, from });
const stateOf = (name: string) => `${roster.find(name)?.state} ${roster.find(name)?.incarnation}`;

beforeEach(() => {
  clock = new ManualClock();
  told = [];
  sent = [];
  roster = new Roster({
    name: "self",
    versions,
    timing: timings.lan,
    clock,
    effects: {
      broadcast: (message) => sent.push(`${message.kind} ${message.node} ${message.incarnation}`),
      changed: (change, { name }) => told.push(`${change} ${name}`),
      conflict: ({ name, claimed }) => told.push(`conflict ${name} ${claimed.host}`),
      refuted: () => told.push("refuted"),
      accepts: () => true,
    },
  });
  roster.announce({ host: "10.0.0.1", port: 1 }, none);
});

describe("Roster", () => {
  test("alive: a new member joins, its news is passed on once, older news is ignored", () => {
    roster.alive(alive("a", 3));
    roster.alive(alive("a", 3));
    roster.alive(alive("a", 2, { meta: Uint8Array.of(1) }));
    expect(told).toEqual(["join a"]);
    expect(sent).toEqual(["alive self 1", "alive a 3"]);
    roster.alive(alive("a", 4, { meta: Uint8Array.of(1) }));
    expect(told).toEqual(["join a", "update a"]);
  });

  test("alive: without an address, a name, versions, or with impossible versions it is ignored", () => {
    const { versions: _, ...unversioned } = alive("a", 1);
    roster.alive(unversioned);
    roster.alive(alive("a", 1, { host: "" }));
    roster.alive(alive("a", 1, { port: 0 }));
    roster.alive({ ...alive("a", 1), node: "" });
    roster.alive(alive("a", 1, { versions: { ...versions, protocolMin: 0 } }));
    roster.alive(alive("a", 1, { versions: { ...versions, protocolMin: 6 } }));
    expect(roster.members()).toHaveLength(1);
  });

  test("suspect: a member that objects with a higher incarnation is alive again, with the same one it is not", () => {
    roster.alive(alive("a", 1));
    roster.suspect(suspect("a", 1, "b"));
    roster.alive(alive("a", 1));
    expect(stateOf("a")).toBe("suspect 1");
    roster.alive(alive("a", 2));
    expect(stateOf("a")).toBe("alive 2");
    clock.advance(600_000);
    expect(told).toEqual(["join a", "suspect a", "alive a"]);
  });

  test("suspect: silence ends in death, sooner with confirmations and never before the shortest time", () => {
    const deathMs = (confirmers: string[]): number => {
      for (const node of ["a", "b", "c", "d", "e"])
        roster.alive(alive(node, (roster.find(node)?.incarnation ?? 0) + 1));
      const startMs = clock.monotonicMs();
      roster.suspect(suspect("a", roster.find("a")?.incarnation ?? 0, "b"));
      for (const from of confirmers) roster.suspect(suspect("a", roster.find("a")?.incarnation ?? 0, from));
      clock.advanceUntil(() => roster.find("a")?.state === "dead", 600_000, 1);
      return clock.monotonicMs() - startMs;
    };
    expect(deathMs([])).toBe(24_000);
    const oneMs = deathMs(["c"]);
    expect(oneMs).toBeGreaterThan(4000);
    expect(oneMs).toBeLessThan(24_000);
    expect(deathMs(["c", "d"])).toBe(4000);
    // The first accuser and repetition do not count, nor does a third confirmation shorten it further.
    expect(deathMs(["b", "b"])).toBe(24_000);
    expect(deathMs(["c", "d", "e"])).toBe(4000);
  });

  test("suspect: with nobody else to confirm it takes the shortest time", () => {
    roster.alive(alive("a", 1));
    roster.suspect(suspect("a", 1, "self"));
    clock.advance(3999);
    expect(stateOf("a")).toBe("suspect 1");
    clock.advance(1);
    expect(stateOf("a")).toBe("dead 1");
    expect(sent.at(-1)).toBe("dead a 1");
  });

  test("dead: left and dead are told apart by who says it", () => {
    roster.alive(alive("a", 1));
    roster.alive(alive("b", 1));
    roster.dead(dead("a", 1, "a"));
    roster.dead(dead("b", 1, "c"));
    roster.dead(dead("c", 1, "c"));
    expect(told).toEqual(["join a", "join b", "left a", "dead b"]);
  });

  test("suspect and dead: whoever accuses us is outbid", () => {
    roster.suspect(suspect("self", 1, "a"));
    expect(stateOf("self")).toBe("alive 2");
    roster.dead(dead("self", 40, "a"));
    expect(stateOf("self")).toBe("alive 41");
    roster.suspect(suspect("self", 3, "a"));
    roster.alive(alive("self", 50, { host: "10.0.0.1" }));
    expect(stateOf("self")).toBe("alive 51");
    expect(told).toEqual(["refuted", "refuted", "refuted"]);
    roster.dead(dead("self", 0xffff_ffff, "a"));
    expect(stateOf("self")).toBe(`alive ${0xffff_ffff}`);
  });

  test("depart: accusations are believed from then on, and our name is not defended", () => {
    roster.depart();
    roster.suspect(suspect("self", 9, "a"));
    roster.alive(alive("self", 9, { host: "10.0.0.1" }));
    expect(stateOf("self")).toBe("left 1");
    expect(sent).toEqual(["alive self 1", "dead self 1"]);
  });

  test("alive: a name at another address is a conflict until its holder left, or has been dead for a while", () => {
    roster.alive(alive("a", 1));
    roster.alive(alive("a", 9, { host: "10.9.9.9" }));
    expect(told).toEqual(["join a", "conflict a 10.9.9.9"]);
    roster.dead(dead("a", 1, "b"));
    roster.alive(alive("a", 1, { host: "10.9.9.9" }));
    expect(stateOf("a")).toBe("dead 1");
    clock.advance(10_001);
    roster.alive(alive("a", 1, { host: "10.9.9.9" }));
    expect(roster.find("a")).toMatchObject({ state: "alive", address: "10.9.9.9" });
    roster.dead(dead("a", 1, "a"));
    roster.alive(alive("a", 1, { host: "10.8.8.8" }));
    expect(roster.find("a")).toMatchObject({ state: "alive", address: "10.8.8.8" });
  });

  test("alive: our own name elsewhere is a conflict and is outbid, but not more than once in five seconds", () => {
    for (let round = 0; round < 100; round++) {
      roster.alive(alive("self", (roster.find("self")?.incarnation ?? 0) + 1, { host: "10.9.9.9" }));
      clock.advance(100);
    }
    expect(told.filter((line) => line === "refuted")).toHaveLength(2);
    expect(roster.self.address).toBe("10.0.0.1");
  });

  test("merge: somebody else's dead are only suspected here, its departed are believed", () => {
    for (const node of ["a", "b", "c"]) roster.alive(alive(node, 1));
    const report = { host: "10.0.0.97", port: 1, meta: none, incarnation: 1, versions } as const;
    roster.merge([
      { ...report, name: "a", state: "dead" },
      { ...report, name: "b", state: "left" },
      { ...report, name: "c", state: "suspect" },
      { ...report, name: "self", state: "dead" },
    ]);
    expect(["a", "b", "c", "self"].map(stateOf)).toEqual(["suspect 1", "left 1", "suspect 1", "alive 2"]);
  });

  test("objection: whoever accuses an earlier life is told of the present one, of whatever member", () => {
    roster.alive(alive("a", 3));
    expect(roster.objection(suspect("a", 2, "b"))).toEqual(alive("a", 3));
    expect(roster.objection(dead("self", 0, "b"))).toMatchObject({ kind: "alive", node: "self", incarnation: 1 });
    expect(roster.objection(suspect("a", 3, "b"))).toBeUndefined();
    expect(roster.objection(suspect("z", 0, "b"))).toBeUndefined();
    roster.suspect(suspect("a", 3, "b"));
    expect(roster.objection(suspect("a", 2, "b"))).toBeUndefined();
  });

  test("reports and forget: the dead are told for a while, then remembered, then forgotten", () => {
    roster.alive(alive("a", 5));
    roster.dead(dead("a", 5, "b"));
    expect(roster.reports().map(({ name }) => name)).toEqual(["self", "a"]);
    clock.advance(timings.lan.gossipToDeadMs + 1);
    expect(roster.reports().map(({ name }) => name)).toEqual(["self"]);
    expect(roster.members().map(({ name }) => name)).toEqual(["self", "a"]);
    clock.advance(timings.lan.rememberMs);
    roster.forget();
    expect(roster.members().map(({ name }) => name)).toEqual(["self"]);
  });

  test("alive: a member that is only remembered may start again from the first incarnation", () => {
    roster.alive(alive("a", 5));
    roster.dead(dead("a", 5, "b"));
    roster.alive(alive("a", 1));
    expect(stateOf("a")).toBe("dead 5");
    clock.advance(timings.lan.gossipToDeadMs + 1);
    roster.alive(alive("a", 1));
    expect(stateOf("a")).toBe("alive 1");
  });

  test("alive: names that are made up do not fill the memory", () => {
    for (let number = 0; number < 10_100; number++) roster.alive({ ...alive("a", 1), node: `made-up-${number}` });
    expect(roster.members()).toHaveLength(10_000);
  });

  test("Roster: whatever is said, we stay alive, nobody's life goes back, and nobody recovers without a new one", () => {
    const node = fc.constantFrom("a", "b", "self");
    const incarnation = fc.integer({ min: 0, max: 6 });
    const from = fc.constantFrom("a", "b", "c", "self");
    const said = fc.oneof(
      fc.tuple(node, incarnation).map(([name, life]) => alive(name, life)),
      fc.tuple(node, incarnation, from).map(([name, life, who]) => suspect(name, life, who)),
      fc.tuple(node, incarnation, from).map(([name, life, who]) => dead(name, life, who)),
      fc.integer({ min: 1, max: 9000 }),
    );
    fc.assert(
      fc.property(fc.array(said, { maxLength: 40 }), (messages) => {
        for (const message of messages) {
          const before = new Map(roster.members().map((member) => [member.name, member]));
          if (typeof message === "number") clock.advance(message);
          else roster[message.kind](message as never);
          for (const after of roster.members()) {
            if (after.name === "self") expect(after.state).toBe("alive");
            const old = before.get(after.name);
            const longGone = clock.monotonicMs() - (old?.stateSinceMs ?? 0) > timings.lan.gossipToDeadMs;
            if (old === undefined || ((old.state === "dead" || old.state === "left") && longGone)) continue;
            expect(after.incarnation).toBeGreaterThanOrEqual(old.incarnation);
            const recovered = after.state === "alive" && old.state !== "alive";
            if (recovered) expect(after.incarnation).toBeGreaterThan(old.incarnation);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

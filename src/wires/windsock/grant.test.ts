import { expect, test } from "bun:test";

import fc from "fast-check";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { createDoorkeeper } from "./doorkeeper.ts";
import { grantOf, mayHear, maySpeak, parseInterest } from "./grant.ts";
import { Limits, Pace } from "./limits.ts";
import { concerns, type Interest, interestKey } from "./publication.ts";
import { signToken, type TokenFields } from "./token.ts";

const fields: TokenFields = {
  user: "anna",
  subPrefix: "app.room",
  pubPrefix: "app.room.anna",
  atSeconds: 0,
  salt: "1",
  address: "10.0.0.1",
};

const part = fc.constantFrom("a", "b", "ab", "");
const address = fc.array(part, { maxLength: 4 }).map((parts) => parts.join("."));
const interest: fc.Arbitrary<Interest> = fc.oneof(
  address.map((prefix): Interest => ({ kind: "prefix", prefix })),
  address.map((prefix): Interest => ({ kind: "segment", prefix })),
  address.map((text): Interest => ({ kind: "exact", address: text })),
  fc
    .array(fc.oneof(part, fc.constantFrom("*", "#")), { maxLength: 4 })
    .map((parts): Interest => ({ kind: "pattern", pattern: parts.join(".") })),
);

test("mayHear: what is allowed never meets an address outside of the grant", () => {
  fc.assert(
    fc.property(
      address,
      fc.boolean(),
      interest,
      fc.array(fc.tuple(address, fc.constantFrom("", "a", ".", ".a", "a.b")), { minLength: 20, maxLength: 20 }),
      (subPrefix, isBounded, asked, tails) => {
        const grant = grantOf({ ...fields, subPrefix }, isBounded);
        if (!mayHear(grant, asked)) return;
        const base = asked.kind === "exact" ? asked.address : asked.kind === "pattern" ? asked.pattern : asked.prefix;
        const tried = tails.flatMap(([one, tail]) => [
          one,
          `${base}${tail}`,
          `${base}${one}`,
          base.replaceAll("*", one).replace(/#$/, tail),
        ]);
        for (const one of tried) if (concerns(asked, one)) expect(concerns(grant.hears, one)).toBe(true);
      },
    ),
    { numRuns: 2000 },
  );
});

test("mayHear: what is narrower is allowed, of every kind", () => {
  const bytes = grantOf(fields, false);
  const parts = grantOf(fields, true);
  const allowed = (grant: typeof bytes, texts: readonly string[]) =>
    texts.filter((text) => mayHear(grant, parseInterest(text)));
  const asked = [
    "prefix:app.room",
    "prefix:app.room_1",
    "prefix:app.room.",
    "segment:app.room",
    "segment:app.room.x",
    "exact:app.room",
    "exact:app.room10",
    "pattern:app.room.#",
    "pattern:app.room.*.x",
    "pattern:app.*",
    "pattern:#",
    "prefix:app",
    "prefix:",
  ];
  expect(allowed(bytes, asked)).toEqual(asked.slice(0, 9));
  expect(allowed(parts, asked)).toEqual([
    "prefix:app.room.",
    "segment:app.room",
    "segment:app.room.x",
    "exact:app.room",
    "pattern:app.room.#",
    "pattern:app.room.*.x",
  ]);
  expect(maySpeak(bytes, "app.room.anna2")).toBe(true);
  expect(maySpeak(parts, "app.room.anna2")).toBe(false);
  expect(maySpeak(parts, "app.room.anna.x")).toBe(true);
});

test("parseInterest: text that interestKey makes is read; else it is refused", () => {
  fc.assert(fc.property(interest, (one) => expect(parseInterest(interestKey(one))).toEqual(one)));
  for (const text of ["", "a", "prefix", "word:a", `exact:${"a".repeat(2000)}`]) {
    expect(() => parseInterest(text)).toThrow("Cannot listen to");
  }
});

test("doorkeeper: a token for another address, or one that was used, is refused where that is asked for", async () => {
  const clock = new ManualClock();
  const rules = { secrets: ["s"], isBounded: false };
  const fresh = (given: Partial<TokenFields> = {}) =>
    signToken({ ...fields, atSeconds: Math.floor(clock.now() / 1000), ...given }, "s");
  const codeOf = (work: () => unknown) => {
    try {
      work();
      return "in";
    } catch (thrown) {
      return (thrown as { code: string }).code;
    }
  };
  const lax = createDoorkeeper({ ...rules, isSingleUse: false, checksAddress: false }, clock);
  const token = fresh();
  expect([1, 2].map(() => codeOf(() => lax.admit(token, "10.9.9.9")))).toEqual(["in", "in"]);
  const strict = createDoorkeeper({ ...rules, isSingleUse: true, checksAddress: true }, clock);
  expect(codeOf(() => strict.admit(token, "10.9.9.9"))).toBe("windsock/address-differs");
  expect(codeOf(() => strict.admit(token, "::ffff:10.0.0.1"))).toBe("in");
  expect(codeOf(() => strict.admit(token, "10.0.0.1"))).toBe("windsock/used");
  expect(codeOf(() => strict.admit(fresh({ address: "10.0.0.9, 2001:DB8::1" }), "2001:db8::1"))).toBe("in");
  // What is forgotten has become stale.
  await clock.advance(200_000);
  expect(codeOf(() => strict.admit(token, "10.0.0.1"))).toBe("windsock/stale");
  expect(codeOf(() => strict.admit(fresh({ salt: "2" }), "10.0.0.1"))).toBe("in");
});

test("doorkeeper: the ends of lists are compared, which proxies write; what a client writes before them says nothing", () => {
  const clock = new ManualClock();
  const keeper = createDoorkeeper({ secrets: ["s"], isBounded: false, isSingleUse: false, checksAddress: true }, clock);
  const isIn = (told: string, seen: string) => {
    const token = signToken({ ...fields, atSeconds: Math.floor(clock.now() / 1000), address: told }, "s");
    try {
      keeper.admit(token, seen);
      return true;
    } catch (thrown) {
      expect((thrown as { code: string }).code).toBe("windsock/address-differs");
      return false;
    }
  };
  const [client, thief, proxy] = ["192.0.2.1", "192.0.2.66", "10.0.0.1"];
  // By two proxies, by one, and where a proxy of the client's own adds a word.
  expect(isIn(`${client}, ${proxy}`, `${client}, ${proxy}`)).toBe(true);
  expect(isIn(client, client)).toBe(true);
  expect(isIn(`172.16.0.5, ${client}, ${proxy}`, `172.16.0.5,${client},${proxy}`)).toBe(true);
  expect(isIn(`${client}, ${proxy}`, `172.16.0.5, ${client}, ${proxy}`)).toBe(true);
  // A stolen token, whatever its thief writes before what the proxies add; and one made for another by its own bearer.
  for (const words of ["", `${client}, `, `${client}, ${proxy}, `]) {
    expect(isIn(`${client}, ${proxy}`, `${words}${thief}, ${proxy}`)).toBe(false);
    expect(isIn(client, `${words}${thief}`)).toBe(false);
  }
  expect(isIn(`${thief}, ${client}`, thief)).toBe(false);
  expect(isIn(`${thief}, ${client}, ${proxy}`, `${thief}, ${proxy}`)).toBe(false);
  expect(isIn("", client)).toBe(false);
});

test("limits: places are given back once, whatever was refused meanwhile", () => {
  const limits = new Limits({ connections: 3, connectionsPerUser: 1, connectionsPerAddress: 2 });
  const leave = limits.enter("anna", "10.0.0.1");
  expect(() => limits.enter("anna", "10.0.0.2")).toThrow("this user has 1");
  limits.enter("", "10.0.0.1");
  expect(() => limits.enter("", "10.0.0.1")).toThrow("your address has 2");
  leave();
  leave();
  limits.enter("anna", "10.0.0.1");
  limits.enter("", "10.0.0.2");
  expect(() => limits.enter("", "10.0.0.3")).toThrow("there are 3");
  expect([limits.now, limits.ever, limits.refused]).toEqual([3, 4, 3]);
  const open = new Limits({ connections: 0, connectionsPerUser: 0, connectionsPerAddress: 0 });
  for (let round = 0; round < 100; round++) open.enter("anna", "10.0.0.1");
  expect(open.now).toBe(100);
});

test("pace: so many at once, then so many a second", async () => {
  const clock = new ManualClock();
  const pace = new Pace(clock, 10, 3);
  const take = (count: number) => Array.from({ length: count }, () => pace.take()).filter(Boolean).length;
  expect(take(5)).toBe(3);
  await clock.advance(100);
  expect(take(5)).toBe(1);
  await clock.advance(10_000);
  expect(take(5)).toBe(3);
});

test("parseInterest: a pattern has so many parts and no more, for each costs memory for all", () => {
  const patternOf = (parts: number) => `pattern:${Array.from({ length: parts }, () => "*").join(".")}`;
  expect(interestKey(parseInterest(patternOf(64)))).toBe(patternOf(64));
  expect(() => parseInterest(patternOf(65))).toThrow("a pattern has at most 64 parts");
  // Nothing else is bounded so.
  expect(parseInterest(`exact:${"a.".repeat(200)}`)).toEqual({ kind: "exact", address: "a.".repeat(200) });
});

import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { concerns, type Interest } from "../publication.ts";
import { covers, parseTopic, topicOf } from "./topic.ts";

const part = fc.constantFrom("", "a", "b", "ab", "*", "#");
const text = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("."));
const interest: fc.Arbitrary<Interest> = fc.oneof(
  text.map((prefix) => ({ kind: "prefix" as const, prefix })),
  text.map((prefix) => ({ kind: "segment" as const, prefix })),
  text.map((address) => ({ kind: "exact" as const, address })),
  text.map((pattern) => ({ kind: "pattern" as const, pattern })),
);

describe("covers", () => {
  test("covers: nothing is heard by a right that does not concern it, whatever was asked for", () => {
    fc.assert(
      fc.property(interest, interest, text, (granted, wanted, address) => {
        if (covers(granted, wanted) && concerns(wanted, address)) expect(concerns(granted, address)).toBe(true);
      }),
      { numRuns: 20_000 },
    );
  });

  test("covers: what rooms need is covered", () => {
    const yes: [string | { prefix: string }, string | { prefix: string }][] = [
      ["room.1.#", "room.1"],
      ["room.1.#", "room.1.*"],
      ["room.1.#", "room.1.#"],
      ["room.*", "room.7"],
      [{ prefix: "gobot" }, "gobot.browser.#"],
      [{ prefix: "gobot" }, { prefix: "gobot.b" }],
      [{ prefix: "" }, "#"],
      ["#", { prefix: "anything" }],
    ];
    for (const [granted, wanted] of yes) expect(covers(parseTopic(granted), parseTopic(wanted))).toBe(true);
    const no: [string | { prefix: string }, string | { prefix: string }][] = [
      ["room.1.#", "room.#"],
      ["room.1", "room.*"],
      ["room.*", "room.#"],
      ["room.1", { prefix: "room.1" }],
      [{ prefix: "room.1" }, "room.*"],
      ["room.1.#", "room.10"],
    ];
    for (const [granted, wanted] of no) expect(covers(parseTopic(granted), parseTopic(wanted))).toBe(false);
  });
});

test("topicOf: what it writes is read as the same", () => {
  fc.assert(
    fc.property(
      interest.filter(({ kind }) => kind !== "segment"),
      (one) => expect(parseTopic(topicOf(one))).toEqual(one),
    ),
  );
});

test("parseTopic: a topic that is too long is refused", () => {
  expect(() => parseTopic("x".repeat(1025))).toThrow("more than 1024");
});

test("parseTopic: a pattern has so many parts and no more", () => {
  const parts = (count: number) => Array.from({ length: count }, () => "*").join(".");
  expect(parseTopic(parts(64))).toEqual({ kind: "pattern", pattern: parts(64) });
  expect(() => parseTopic(parts(65))).toThrow("a pattern has at most 64 parts");
  expect(() => parseTopic({ pattern: "a.".repeat(64) })).toThrow("a pattern has at most 64 parts");
});

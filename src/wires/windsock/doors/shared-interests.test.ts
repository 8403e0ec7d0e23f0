import { expect, test } from "bun:test";
import fc from "fast-check";

import type { Interest } from "../publication.ts";
import { SharedInterests } from "./shared-interests.ts";

const interest = fc.oneof(
  fc.record({ kind: fc.constant("prefix" as const), prefix: fc.string({ maxLength: 3 }) }),
  fc.record({ kind: fc.constant("segment" as const), prefix: fc.string({ maxLength: 3 }) }),
  fc.record({ kind: fc.constant("exact" as const), address: fc.string({ maxLength: 3 }) }),
  fc.record({ kind: fc.constant("pattern" as const), pattern: fc.string({ maxLength: 3 }) }),
);

test("SharedInterests: says what was given, and equal lists are one", () => {
  const shared = new SharedInterests();
  fc.assert(
    fc.property(fc.array(interest, { maxLength: 4 }), (list: Interest[]) => {
      const held = shared.of(list);
      expect(held).toEqual(list);
      expect(shared.of(structuredClone(list))).toBe(held);
    }),
  );
});

test("SharedInterests: holds no more than its bound, however many differ", () => {
  const shared = new SharedInterests();
  const first = shared.of([{ kind: "exact", address: "a" }]);
  for (let at = 0; at < 10_000; at++) shared.of([{ kind: "exact", address: `a${at}` }]);
  expect(shared.of([{ kind: "exact", address: "a" }])).not.toBe(first);
  const long: Interest[] = [{ kind: "exact", address: "x".repeat(2000) }];
  expect(shared.of(long)).toBe(long);
  expect(shared.of(structuredClone(long))).not.toBe(long);
});

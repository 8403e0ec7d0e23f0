import { expect, test } from "bun:test";
import fc from "fast-check";

import { InterestSet } from "./interest-set.ts";
import { type Interest, interestKey } from "./publication.ts";

const interests: Interest[] = [
  { kind: "prefix", prefix: "a" },
  { kind: "segment", prefix: "a" },
  { kind: "exact", address: "a" },
  { kind: "pattern", pattern: "a" },
];

test("InterestSet: whatever is added and deleted, it holds the same as a map by keys", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(3)), { maxLength: 30 }), (course) => {
      const set = new InterestSet();
      const wanted = new Map<string, Interest>();
      for (const [isAdded, at] of course) {
        const interest = { ...(interests[at] ?? { kind: "exact", address: "" }) };
        const had = wanted.has(interestKey(interest));
        if (isAdded) wanted.set(interestKey(interest), interest);
        else wanted.delete(interestKey(interest));
        expect(isAdded ? set.add(interest) : set.delete(interest)).toBe(isAdded !== had);
        expect(set.size).toBe(wanted.size);
        for (const each of interests) expect(set.has(each)).toBe(wanted.has(interestKey(each)));
        expect([...set].map(interestKey).sort()).toEqual([...wanted.keys()].sort());
      }
    }),
  );
});

test("InterestSet: may be emptied while it is gone through", () => {
  const set = new InterestSet(interests);
  for (const interest of set) set.delete(interest);
  expect(set.size).toBe(0);
});

import { expect, test } from "bun:test";
import fc from "fast-check";

import type { Party } from "./hub.ts";
import { Parties } from "./parties.ts";

test("Parties: whoever comes and goes, orders reach those that a plain list would name", () => {
  const step = fc.record({ at: fc.nat(5), user: fc.constantFrom("", "anna", "ben"), isHere: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const parties = new Parties();
      const present = new Map<number, Party>();
      const ended: string[] = [];
      for (const { at, isHere, user } of steps) {
        const there = present.get(at);
        if (there) {
          parties.detach(there);
          // Twice is once.
          parties.detach(there);
          present.delete(at);
        }
        if (!isHere) continue;
        const party: Party = { connection: String(at), user, end: () => void ended.push(String(at)) };
        present.set(at, party);
        parties.attach(party);
      }
      expect(new Set(parties.all())).toEqual(new Set(present.values()));
      for (const user of ["", "anna", "ben", "nobody"]) {
        const wanted = [...present.values()].filter((party) => party.user === user).map(({ connection }) => connection);
        expect(parties.countOf(user)).toBe(wanted.length);
        ended.length = 0;
        expect(parties.end({ user }, "over")).toBe(wanted.length);
        expect(ended.sort()).toEqual(wanted.sort());
      }
      for (let at = 0; at <= 5; at++) {
        expect(parties.end({ connection: String(at) }, "over")).toBe(present.has(at) ? 1 : 0);
      }
    }),
  );
});

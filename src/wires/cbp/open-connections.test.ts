import { expect, test } from "bun:test";
import fc from "fast-check";

import { OpenConnections, type Placed } from "./open-connections.ts";

interface Item extends Placed {
  readonly name: number;
}

test("OpenConnections: holds what a set would hold, whatever comes and goes", () => {
  const step = fc.tuple(fc.constantFrom("add", "delete"), fc.integer({ min: 0, max: 20 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const items = Array.from({ length: 21 }, (_, name): Item => ({ name, place: -1 }));
      const open = new OpenConnections<Item>();
      const model = new Set<Item>();
      for (const [verb, at] of steps) {
        const item = items[at] as Item;
        if (verb === "delete") expect(open.delete(item)).toBe(model.delete(item));
        else if (!model.has(item)) {
          open.add(item);
          model.add(item);
        }
        expect(open.size).toBe(model.size);
        expect([...open].map(({ name }) => name).toSorted()).toEqual([...model].map(({ name }) => name).toSorted());
      }
    }),
  );
});

test("OpenConnections: who goes through them meets all that stay, and may end any of them on the way", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 30 }),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 29 }), fc.integer({ min: 0, max: 29 })), { maxLength: 30 }),
      (count, ends) => {
        const items = Array.from({ length: count }, (_, name): Item => ({ name, place: -1 }));
        const open = new OpenConnections<Item>();
        for (const item of items) open.add(item);
        const met = new Set<number>();
        const ended = new Set<number>();
        for (const { name } of open) {
          expect(ended).not.toContain(name);
          met.add(name);
          for (const [when, whom] of ends) {
            const other = items[whom];
            if (when !== name || !other || !open.delete(other)) continue;
            ended.add(whom);
          }
        }
        for (const { name } of items) expect(met.has(name) || ended.has(name)).toBe(true);
        expect(open.size).toBe(count - ended.size);
      },
    ),
  );
});

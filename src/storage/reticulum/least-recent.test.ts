/** A bounded memory against a plain list that keeps the same rule. */
import { expect, test } from "bun:test";

import fc from "fast-check";

import { LeastRecent } from "./least-recent.ts";

test("LeastRecent: keeps to its bounds and forgets what was unused for longest", () => {
  const memory = new LeastRecent<string>(80, 3);
  for (const name of ["a", "b", "c"]) expect(memory.set(name, name, 10)).toBe(true);
  expect(memory.get("a")).toBe("a");
  memory.set("d", "d", 10);
  expect(["a", "b", "c", "d"].map((name) => memory.get(name))).toEqual(["a", undefined, "c", "d"]);
  expect(memory.set("e", "e", 11)).toBe(false);
  expect([memory.count, memory.sizeBytes, memory.get("e")]).toEqual([3, 30, undefined]);
  memory.deleteAll("c");
  expect([memory.count, memory.sizeBytes]).toEqual([2, 20]);
});

test("LeastRecent: keeps a single value as large as it was told, and none larger than all", () => {
  const memory = new LeastRecent<string>(80, 3, 100);
  expect([memory.set("a", "a", 80), memory.set("b", "b", 81), memory.get("a")]).toEqual([true, false, "a"]);
});

test("LeastRecent: does what a list does", () => {
  const step = fc.record({
    name: fc.constantFrom("aa", "ab", "b", "c", "d"),
    does: fc.constantFrom("set", "get", "delete", "deleteAll"),
    sizeBytes: fc.integer({ min: 0, max: 12 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const memory = new LeastRecent<number>(64, 4);
      let list: { name: string; value: number; sizeBytes: number }[] = [];
      const total = () => list.reduce((sum, held) => sum + held.sizeBytes, 0);
      for (const [value, { does, name, sizeBytes }] of steps.entries()) {
        if (does === "get") {
          const held = list.find((one) => one.name === name);
          expect(memory.get(name)).toBe(held?.value);
          if (held) list = [...list.filter((one) => one !== held), held];
        } else if (does === "set") {
          memory.set(name, value, sizeBytes);
          list = list.filter((one) => one.name !== name);
          if (sizeBytes <= 8) list.push({ name, value, sizeBytes });
          while (list.length > 4 || total() > 64) list.shift();
        } else {
          if (does === "delete") memory.delete(name);
          else memory.deleteAll(name.slice(0, 1));
          list = list.filter((one) => (does === "delete" ? one.name !== name : !one.name.startsWith(name.slice(0, 1))));
        }
        expect([memory.count, memory.sizeBytes]).toEqual([list.length, total()]);
        expect([...memory.values()]).toEqual(list.map((held) => held.value));
      }
    }),
  );
});

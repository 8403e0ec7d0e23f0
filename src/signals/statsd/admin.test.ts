import { expect, test } from "bun:test";
import fc from "fast-check";

import { type AdminParts, answer } from "./admin.ts";

function parts(counters: [string, number][] = []): AdminParts {
  const map = new Map(counters);
  return {
    stats: () => [],
    counters: () => map,
    gauges: () => map,
    timers: () => [],
    remove: (_kind, name) => map.delete(name),
    names: () => map.keys(),
    health: { state: "up" },
    config: () => [["a > b", "c"]],
  };
}

test("answer: no line throws, whatever the names", () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom("counters", "delcounters", "health", "stats", "config", "__proto__", "a.*", ".*", " "),
  );
  fc.assert(
    fc.property(fc.array(word), fc.array(fc.tuple(fc.string(), fc.double())), (words, counters) => {
      expect(typeof (answer(words.join(" "), parts(counters)) ?? "")).toBe("string");
    }),
    { numRuns: 1000 },
  );
});

test("answer: names that objects have of themselves are shown and removed like any other", () => {
  const some = parts([
    ["__proto__", 1],
    ["constructor", 2],
  ]);
  expect(answer("counters", some)).toBe("{ ['__proto__']: 1, constructor: 2 }\nEND\n\n");
  expect(answer("delcounters __proto__ toString", some)).toBe("deleted: __proto__\nmetric toString not found\nEND\n\n");
});

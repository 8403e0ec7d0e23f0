import { describe, expect, test } from "bun:test";

import fc from "fast-check";

import { parseJsonPath, valueAt } from "./json-path.ts";

const answer = {
  state: "ok",
  checks: [{ name: "db", ms: 4 }, { name: "queue" }],
  "odd name": { a: null },
  deep: "text",
};
const at = (path: string) => valueAt(answer, parseJsonPath(path));

describe("valueAt", () => {
  test("valueAt: names, positions, quoted names and lengths are found", () => {
    expect(at("$.state")).toBe("ok");
    expect(at("checks[0].ms")).toBe(4);
    expect(at("$.checks[-1].name")).toBe("queue");
    expect(at('$["odd name"].a')).toBeNull();
    expect(at("$.checks.length")).toBe(2);
    expect(at("$")).toBe(answer);
  });

  test("valueAt: what the answer does not hold itself is not found", () => {
    for (const path of ["$.constructor", "$.__proto__", "$.checks.map", "$.checks[5]", "$.state.x", "$.checks.name"]) {
      expect(at(path)).toBeUndefined();
    }
  });

  test("parseJsonPath: anything is a path or a SyntaxError that says where", () => {
    expect(() => parseJsonPath("a..b")).toThrow('Cannot read the path "a..b": nothing known stands at position 1');
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          return Array.isArray(parseJsonPath(text));
        } catch (thrown) {
          return thrown instanceof SyntaxError;
        }
      }),
    );
  });
});

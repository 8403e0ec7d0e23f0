import { describe, expect, test } from "bun:test";

import { withoutTargets } from "./picture.ts";

const failed = new Map([["sum(", "Cannot parse target"]]);

describe("withoutTargets", () => {
  test("withoutTargets: the others stay in their order, and the title says which is missing and why", () => {
    const query = new URLSearchParams("target=a&target=sum(&target=b&title=Load&from=-1h");
    const rest = withoutTargets(query, failed);
    expect(rest?.getAll("target")).toEqual(["a", "b"]);
    expect([rest?.get("title"), rest?.get("from")]).toEqual(["Load\nLeft out: sum(: Cannot parse target", "-1h"]);
    expect(query.getAll("target")).toHaveLength(3);
  });

  test("withoutTargets: a picture that has no place for words gets one, and a small one only a count", () => {
    const query = new URLSearchParams("target=a&target=sum(&graphOnly=True&height=50&width=100");
    const rest = withoutTargets(query, failed);
    expect([rest?.get("graphOnly"), rest?.get("hideAxes"), rest?.get("title")]).toEqual([
      null,
      "true",
      "1 of 2 left out",
    ]);
  });

  test("withoutTargets: long reasons are broken between words, and cut", () => {
    const why = "because ".repeat(100).trim();
    const title = withoutTargets(new URLSearchParams("target=a&target=b"), new Map([["b", why]]))?.get("title") ?? "";
    const lines = title.split("\n");
    expect(lines).toHaveLength(4);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(50);
    expect(lines.at(-1)).toBe("1 of 2 left out");
  });

  test("withoutTargets: nothing where none failed, or where all did", () => {
    expect(withoutTargets(new URLSearchParams("target=a"), failed)).toBeUndefined();
    expect(withoutTargets(new URLSearchParams("target=sum("), failed)).toBeUndefined();
  });
});

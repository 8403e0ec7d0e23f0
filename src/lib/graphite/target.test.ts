import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { parseMoment, parseSpan } from "./at-time.ts";
import { Pattern } from "./pattern.ts";
import { parseTagExpressions, matchesTags } from "./tag-expression.ts";
import { firstPathOf, parseTarget } from "./target.ts";
import { epochOf, isSummerTime, wallAt } from "./zone.ts";

describe("parseTarget", () => {
  test("reads paths, escapes and braces", () => {
    expect(parseTarget("a.{b,c}.*")).toEqual({ kind: "path", text: "a.{b,c}.*", pattern: "a.{b,c}.*" });
    expect(parseTarget("a\\(b\\).c")).toEqual({ kind: "path", text: "a(b).c", pattern: "a\\(b\\).c" });
  });

  test("reads arguments of every kind, named ones last", () => {
    expect(parseTarget("f(a.b, 'x\\d', 1, -1.5, 2e3, TRUE, none, inf, k=\"v\")")).toEqual({
      kind: "call",
      name: "f",
      positional: [
        { kind: "path", text: "a.b", pattern: "a.b" },
        { kind: "string", value: "x\\d" },
        { kind: "number", value: 1, isInteger: true },
        { kind: "number", value: -1.5, isInteger: false },
        { kind: "number", value: 2000, isInteger: false },
        { kind: "boolean", value: true },
        { kind: "none" },
        { kind: "number", value: Infinity, isInteger: false },
      ],
      named: new Map([["k", { kind: "string", value: "v" }]]),
      raw: "f(a.b, 'x\\d', 1, -1.5, 2e3, TRUE, none, inf, k=\"v\")",
    });
  });

  test("a pipe is the first argument of the call after it", () => {
    expect(parseTarget("a|f(1)|g()")).toMatchObject({
      name: "g",
      positional: [{ name: "f", positional: [{ text: "a" }, { value: 1 }] }],
    });
  });

  test("ignores what follows a whole target, as Graphite does", () => {
    for (const tail of [")", " trailing", ",b", ".", ".)"])
      expect(parseTarget(`a.b${tail}`)).toMatchObject({ text: "a.b" });
  });

  test("says where a mistake is", () => {
    expect(() => parseTarget("sumSeries(a.b")).toThrow(
      'Cannot parse target "sumSeries(a.b": expected , or ) at character 14',
    );
    expect(() => parseTarget("f('x)")).toThrow("a text without end");
    expect(() => parseTarget("f(k=1, 2)")).toThrow("expected name=value");
    expect(() => parseTarget("")).toThrow("expected a path or a function");
  });

  test("bounds depth, parts and length", () => {
    expect(() => parseTarget("f(".repeat(100))).toThrow(RangeError);
    expect(() => parseTarget(`f(${"a,".repeat(20_000)}a)`)).toThrow("more than 10000 parts");
    expect(() => parseTarget("a".repeat(70_000))).toThrow("more than 65536 characters");
  });

  test("throws nothing but SyntaxError and RangeError, and takes time in proportion", () => {
    const piece = fc.constantFrom(
      "f(",
      ")",
      ",",
      "a.b",
      "|g()",
      "'x'",
      '"',
      "{",
      "}",
      "\\",
      "1e5",
      "none",
      " ",
      "=",
      "template(",
      "$1",
      ".",
      "k=",
    );
    const started = performance.now();
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.array(piece).map((list) => list.join("")),
        ),
        (text) => {
          try {
            parseTarget(text);
          } catch (error) {
            expect(error instanceof SyntaxError || error instanceof RangeError).toBe(true);
          }
        },
      ),
      { numRuns: 3000 },
    );
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  test("firstPathOf: finds the path inside names made of calls", () => {
    expect(firstPathOf("sumSeries(scale(a.b,2),c)")).toBe("a.b");
    expect(firstPathOf("a.b (avg: 3)")).toBe("a.b");
    expect(firstPathOf("seriesByTag('name=x')")).toBeUndefined();
    expect(firstPathOf(")")).toBeUndefined();
  });
});

describe("at-time", () => {
  const nowSeconds = 1_795_011_200;

  test("parseSpan: adds numbers with units", () => {
    expect(["1h30min", "-2d", "+1w", "1mon", "1y", "90s", ""].map(parseSpan)).toEqual([
      5400, -172_800, 604_800, 2_592_000, 31_536_000, 90, 0,
    ]);
    for (const bad of ["1", "h", "1x", "--1h", "1.5h"]) expect(() => parseSpan(bad)).toThrow(SyntaxError);
  });

  test("parseMoment: reads a day after a plus sign", () => {
    expect(parseMoment("6pm+today", { nowSeconds })).toBe(parseMoment("18:00_20261118", { nowSeconds }));
  });

  test("parseMoment: throws nothing but SyntaxError", () => {
    const piece = fc.constantFrom(
      "now",
      "-",
      "+",
      "1",
      "h",
      "noon",
      "20260101",
      "/",
      ":",
      "am",
      "jan",
      "mon",
      "today",
      "_",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece).map((list) => list.join("")),
        ),
        (text) => {
          try {
            expect(Number.isFinite(parseMoment(text, { nowSeconds, timeZone: "Europe/Berlin" }))).toBe(true);
          } catch (error) {
            if (!(error instanceof SyntaxError)) throw error;
          }
        },
      ),
    );
  });

  test("epochOf: is the opposite of wallAt, except where clocks change", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4_000_000_000 }),
        fc.constantFrom("UTC", "Europe/Berlin", "Australia/Lord_Howe"),
        (at, zone) => {
          const difference = epochOf(wallAt(at, zone), zone) - at;
          // An hour that comes twice is read as its second, standard, one.
          expect(difference === 0 || (isSummerTime(at, zone) && difference > 0 && difference <= 3600)).toBe(true);
        },
      ),
    );
  });
});

describe("pattern", () => {
  test("replaceAll: puts groups in by number and name", () => {
    expect(new Pattern("(?P<host>web\\d+)\\.(\\w+)").replaceAll("a.web1.cpu.b", "\\2 of \\g<host>")).toBe(
      "a.cpu of web1.b",
    );
    expect(new Pattern("x*").replaceAll("ab", "-")).toBe("-a-b-");
  });

  test("occursIn: an expression that explodes elsewhere is answered at once", () => {
    expect(new Pattern("^(a+)+$").occursIn(`${"a".repeat(5000)}b`)).toBe(false);
    expect(() => new Pattern("(")).toThrow(SyntaxError);
    for (const replacement of ["\\2", "\\g<none>", "\\g<toString>", "a\\g<9>"])
      expect(() => new Pattern("(?P<one>a)").replaceAll("b", replacement)).toThrow("there is no group");
    expect(() => new Pattern(".").replaceAll("a".repeat(1000), "\\0".repeat(1000))).toThrow(RangeError);
  });

  test("parseTagExpressions: an absent tag is the empty value, and something must be needed", () => {
    const fits = (tags: Record<string, string>, ...texts: string[]) => matchesTags(tags, parseTagExpressions(texts));
    expect(fits({ name: "cpu", dc: "ams" }, "name=cpu", "dc!=fra", "host=")).toBe(true);
    expect(fits({ name: "cpu", dc: "ams" }, "name=~c|m", "dc!=~a")).toBe(false);
    expect(() => parseTagExpressions(["dc!=fra"])).toThrow("must not match the empty value");
    expect(() => parseTagExpressions(["dc"])).toThrow("expected tag=value");
  });
});

/** What matchers cover, and that no text makes them slow. */
import { expect, test } from "bun:test";
import fc from "fast-check";

import { matches, parseMatcher } from "./matcher.ts";

const attributes = { name: "disk full", host: "web-12", severity: "warning" };

test("matches: all parts have to hold; stars stand for any text", () => {
  const cases: [string, boolean][] = [
    ["host=web-*", true],
    ["host=*-1*", true],
    ["host=w*b*2", true],
    ["host=web-*,severity=critical", false],
    ["host!=db-*, severity = warning", true],
    ['name="disk full"', true],
    ["name=disk full", true],
    ["missing=", true],
    ["missing!=*", false],
    ["host=web-12*2", false],
    ["constructor=*", true],
  ];
  for (const [text, wanted] of cases) expect([text, matches(parseMatcher(text), attributes)]).toEqual([text, wanted]);
});

test("parseMatcher: what is none is refused", () => {
  for (const wrong of ["", "nonsense", "=a", "a=b,,c", "a=b,c"]) {
    if (wrong === "a=b,,c") expect(() => parseMatcher(wrong)).toThrow("wanted a label");
    else expect(() => parseMatcher(wrong)).toThrow("Cannot read");
  }
});

test("matches: the same as the regular expression that it stands for", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 12 });
  const plain = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 12 });
  fc.assert(
    fc.property(letters, plain, (pattern, value) => {
      const form = new RegExp(`^${pattern.replaceAll("*", ".*")}$`);
      expect(matches(parseMatcher(`x=${pattern}`), { x: value })).toBe(form.test(value));
    }),
  );
});

test("matches: many stars take no time", () => {
  const matcher = parseMatcher(`x=${"a*".repeat(900)}b`);
  expect(matches(matcher, { x: "a".repeat(100_000) })).toBe(false);
});

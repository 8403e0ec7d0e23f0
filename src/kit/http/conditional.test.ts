/** Conditions against fixed cases from RFC 9110 and Go's tests, dates, and arbitrary input. */
import { expect, test } from "bun:test";

import fc from "fast-check";

import { checkConditions, formatHttpDate, parseHttpDate, type Validators } from "./conditional.ts";

const modifiedAt = Date.UTC(2024, 1, 29, 12, 30, 15, 750);
const exact = "Thu, 29 Feb 2024 12:30:15 GMT";
const earlier = "Thu, 29 Feb 2024 12:30:14 GMT";
const later = "Thu, 29 Feb 2024 12:30:16 GMT";

function weigh(headers: Record<string, string>, current: Validators = { etag: '"a"', modifiedAt }, method = "GET") {
  const result = checkConditions({ method, headers: new Headers(headers) }, current);
  return result.outcome === "proceed" && result.range !== undefined ? `range ${result.range}` : result.outcome;
}

const cases: [
  name: string,
  headers: Record<string, string>,
  expected: string,
  current?: Validators | undefined,
  method?: string,
][] = [
  ["nothing", {}, "proceed"],
  ["If-None-Match equal", { "if-none-match": '"a"' }, "not-modified"],
  ["If-None-Match weak", { "if-none-match": 'W/"a"' }, "not-modified"],
  ["If-None-Match in a list", { "if-none-match": '"x", W/"y" ,\t"a"' }, "not-modified"],
  ["If-None-Match star", { "if-none-match": "*" }, "not-modified"],
  ["If-None-Match other", { "if-none-match": '"b"' }, "proceed"],
  ["If-None-Match unquoted", { "if-none-match": "a" }, "proceed"],
  ["If-None-Match ends at garbage", { "if-none-match": '"x", nonsense, "a"' }, "proceed"],
  ["If-None-Match on PUT", { "if-none-match": "*" }, "failed", undefined, "PUT"],
  ["If-None-Match against a weak tag", { "if-none-match": '"a"' }, "not-modified", { etag: 'W/"a"' }],
  ["If-None-Match without a tag", { "if-none-match": '"a"' }, "proceed", {}],
  ["If-None-Match beats If-Modified-Since", { "if-none-match": '"b"', "if-modified-since": later }, "proceed"],
  ["If-Modified-Since equal", { "if-modified-since": exact }, "not-modified"],
  ["If-Modified-Since later", { "if-modified-since": later }, "not-modified"],
  ["If-Modified-Since earlier", { "if-modified-since": earlier }, "proceed"],
  ["If-Modified-Since unreadable", { "if-modified-since": "yesterday" }, "proceed"],
  ["If-Modified-Since on POST", { "if-modified-since": later }, "proceed", undefined, "POST"],
  ["If-Match equal", { "if-match": '"a"' }, "proceed"],
  ["If-Match weak never", { "if-match": 'W/"a"' }, "failed", { etag: 'W/"a"' }],
  ["If-Match other", { "if-match": '"b", "c"' }, "failed"],
  ["If-Match list", { "if-match": '"b","a"' }, "proceed"],
  ["If-Match star", { "if-match": "*" }, "proceed"],
  ["If-Match beats If-Unmodified-Since", { "if-match": '"a"', "if-unmodified-since": earlier }, "proceed"],
  ["If-Unmodified-Since earlier", { "if-unmodified-since": earlier }, "failed"],
  ["If-Unmodified-Since equal", { "if-unmodified-since": exact }, "proceed"],
  ["If-Match then If-None-Match", { "if-match": '"a"', "if-none-match": '"a"' }, "not-modified"],
  ["Range", { range: "bytes=0-1" }, "range bytes=0-1"],
  ["Range on POST", { range: "bytes=0-1" }, "proceed", undefined, "POST"],
  ["If-Range equal", { range: "bytes=0-1", "if-range": '"a"' }, "range bytes=0-1"],
  ["If-Range weak", { range: "bytes=0-1", "if-range": 'W/"a"' }, "proceed", { etag: 'W/"a"' }],
  ["If-Range other", { range: "bytes=0-1", "if-range": '"b"' }, "proceed"],
  ["If-Range date equal", { range: "bytes=0-1", "if-range": exact }, "range bytes=0-1"],
  ["If-Range date later", { range: "bytes=0-1", "if-range": later }, "proceed"],
  ["If-Range date without one", { range: "bytes=0-1", "if-range": exact }, "proceed", { etag: '"a"' }],
  ["If-Range garbage", { range: "bytes=0-1", "if-range": "a" }, "proceed"],
];

for (const [name, headers, expected, current, method] of cases) {
  test(`checkConditions: ${name}`, () => {
    expect(weigh(headers, current, method)).toBe(expected);
  });
}

test("parseHttpDate: reads the three forms and nothing else", () => {
  const instant = Date.UTC(1994, 10, 6, 8, 49, 37);
  expect(parseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT")).toBe(instant);
  expect(parseHttpDate("Sunday, 06-Nov-94 08:49:37 GMT")).toBe(instant);
  expect(parseHttpDate("Sun Nov  6 08:49:37 1994")).toBe(instant);
  for (const wrong of [
    "1994",
    "Sun, 31 Feb 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:49:60 GMT",
    "Sun, 06 Foo 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 +0100",
    "",
  ]) {
    expect(parseHttpDate(wrong)).toBeUndefined();
  }
});

test("parseHttpDate: is the inverse of formatHttpDate", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4102444800 }), (seconds) => {
      expect(parseHttpDate(formatHttpDate(seconds * 1000))).toBe(seconds * 1000);
    }),
  );
});

test("checkConditions: a tag is found in any list that holds it, and never throws on arbitrary headers", () => {
  const tag = fc
    .tuple(fc.boolean(), fc.stringMatching(/^[!#-~]{0,8}$/))
    .map(([weak, text]) => `${weak ? "W/" : ""}"${text}"`);
  fc.assert(
    fc.property(fc.array(tag, { minLength: 1 }), fc.nat(), (tags, at) => {
      const chosen = tags[at % tags.length] ?? "";
      expect(weigh({ "if-none-match": tags.join(" , ") }, { etag: chosen })).toBe("not-modified");
      const strong = chosen.replace("W/", "");
      expect(weigh({ "if-match": tags.join(",") }, { etag: strong })).toBe(
        tags.includes(strong) ? "proceed" : "failed",
      );
    }),
  );
  const value = fc.stringMatching(/^[ -~]{0,40}$/);
  fc.assert(
    fc.property(value, value, value, (one, two, three) => {
      weigh({ "if-match": one, "if-none-match": two, "if-range": three, range: one, "if-modified-since": three });
    }),
  );
});

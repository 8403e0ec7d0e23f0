import { expect, test } from "bun:test";

import fc from "fast-check";

import { paced } from "../../../kit/testing/pace.ts";
import { parseMatcher } from "./matcher.ts";
import { urlMatcher } from "./url-pattern.ts";

const base = "https://hub.example/.well-known/mercure";

/** A matcher, or the SyntaxError's message. */
function tried<Result>(read: () => Result): Result | string {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return thrown.message;
    throw thrown;
  }
}

test("parseMatcher: a topic is itself, a star is everything, and templates are expanded", () => {
  const cases: [string, string, boolean][] = [
    ["a", "a", true],
    ["a", "ab", false],
    ["*", "anything", true],
    ["https://a.example/books/{id}", "https://a.example/books/1", true],
    ["https://a.example/books/{id}", "https://a.example/books/1/pages", false],
    ["https://a.example/books/{id}", "https://a.example/books/{id}", true],
    ["https://a.example/books/{id}{?format}", "https://a.example/books/1?format=x", true],
    ["https://a.example/{+rest}", "https://a.example/books/1/pages", true],
    ["/a{/b}", "/a/b", true],
    ["/a.b", "/axb", false],
  ];
  for (const [selector, topic, isMet] of cases) {
    expect(`${selector} ${topic} ${parseMatcher("Topic", selector, base).matches(topic)}`).toBe(
      `${selector} ${topic} ${isMet}`,
    );
  }
  expect(parseMatcher("Exact", "/a/{b}", base).matches("/a/c")).toBe(false);
  expect(tried(() => parseMatcher("Topic", "/a{b", base))).toBe("a brace of the template has no other");
  expect(tried(() => parseMatcher("Topic", "", base))).toContain("1 to 900 bytes");
});

test("urlMatcher: agrees with the runtime's URL patterns", () => {
  const piece = fc.constantFrom(
    "/",
    "a",
    "b",
    ":id",
    ":id?",
    ":id*",
    ":id+",
    "*",
    "{/a}?",
    "/:x",
    "/:x?",
    "/*",
    "-",
    ".",
    "?q=:v",
    "#h",
    "\\:",
  );
  const pattern = fc
    .tuple(
      fc.constantFrom("https://x.example", "https://:sub.example", "", "*://x.example:8080"),
      fc.array(piece, { maxLength: 5 }),
    )
    .map(([head, pieces]) => `${head}/${pieces.join("")}`);
  const topic = fc
    .tuple(
      fc.constantFrom("https://x.example", "", "http://x.example:8080"),
      fc.array(fc.constantFrom("/", "a", "b", "-", ".", "?q=1", "#h", ":"), { maxLength: 6 }),
    )
    .map(([head, pieces]) => `${head}/${pieces.join("")}`);
  let met = 0;
  fc.assert(
    fc.property(pattern, topic, (text, url) => {
      const read = tried(() => urlMatcher(text, base));
      let wanted: boolean | undefined;
      try {
        wanted = new URLPattern(text, base).test(url, base);
      } catch (thrown) {
        if (!(thrown instanceof TypeError)) throw thrown;
      }
      if (typeof read === "string" || wanted === undefined) return;
      if (wanted) met++;
      expect(`${text} ${url} ${read(url)}`).toBe(`${text} ${url} ${wanted}`);
    }),
    { numRuns: 3000 },
  );
  expect(met).toBeGreaterThan(50);
});

test("matchers: whatever is asked for, a matcher or a reason, and matching takes no time", async () => {
  fc.assert(
    fc.property(fc.constantFrom("Topic", "Exact", "URLPattern"), fc.string(), fc.string(), (type, text, topic) => {
      const read = tried(() => parseMatcher(type, text, base));
      if (typeof read !== "string") expect(typeof read.matches(topic)).toBe("boolean");
    }),
  );
  const hostile = "a".repeat(880);
  const { costMs } = await paced(() => {
    expect(parseMatcher("URLPattern", `/${"*a".repeat(100)}!`, base).matches(`/${hostile}`)).toBe(false);
    expect(parseMatcher("Topic", `/${"{+x}a".repeat(19)}!`, base).matches(`/${hostile}`)).toBe(false);
  });
  expect(costMs).toBeLessThan(2000);
  expect(tried(() => parseMatcher("URLPattern", "/(a+)+$", base))).toContain("parentheses");
});

/** Text of others on its way to a terminal. */
import { expect, test } from "bun:test";
import fc from "fast-check";

import { plainLine, plainText } from "./plain-text.ts";

test("plainText: what moves a cursor or turns a name round is shown as a code, all else as it is", () => {
  expect(plainText("näme – 文件.txt")).toBe("näme – 文件.txt");
  expect(plainText("\u001b[2J\rx\u009b1m")).toBe("\\u001b[2J\\u000dx\\u009b1m");
  expect(plainText("gpj.\u202eexe")).toBe("gpj.\\u202eexe");
  expect(plainText("two\nlines")).toBe("two\nlines");
  expect(plainLine("two\nlines")).toBe("two\\u000alines");
});

test("plainLine: whatever comes, one line without control characters", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(plainLine(text)).not.toMatch(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/u);
    }),
  );
});

import { expect, test } from "bun:test";
import { z } from "zod";

import { durationBetween, sizeBetween, textReadBy } from "./entry-fields.ts";

const shape = z.object({
  every: durationBetween("1s", "1d"),
  size: sizeBetween("1", "1MiB"),
  word: textReadBy((text) => {
    if (text === "bug") throw new TypeError("a bug");
    if (text === "") throw new SyntaxError("Cannot read nothing: wanted a word");
    return text.length;
  }),
});
const good = { every: "2m", size: "4KiB", word: "four" };
const issueOf = (entry: object) => {
  const { path, message } = shape.safeParse({ ...good, ...entry }).error?.issues[0] ?? {};
  return `${path?.join(".") ?? ""}: ${message ?? ""}`;
};

test("durationBetween, sizeBetween, textReadBy: what is written becomes what is meant, both bounds included", () => {
  expect(shape.parse(good)).toEqual({ every: 120_000, size: 4096, word: 4 });
  expect(shape.parse({ every: "1s", size: 1, word: "x" })).toEqual({ every: 1000, size: 1, word: 1 });
  expect(shape.parse({ every: "1d", size: "1MiB", word: "x" })).toEqual({
    every: 86_400_000,
    size: 1_048_576,
    word: 1,
  });
});

test("durationBetween, sizeBetween, textReadBy: what is wrong is named, with what is wanted; a bug is thrown", () => {
  expect(issueOf({ every: "999ms" })).toBe('every: wanted 1s to 1d, not "999ms"');
  expect(issueOf({ every: "2d" })).toBe('every: wanted 1s to 1d, not "2d"');
  expect(issueOf({ every: "soon" })).toStartWith('every: Cannot parse duration "soon"');
  expect(issueOf({ size: 0 })).toBe('size: wanted 1 to 1MiB, not "0"');
  expect(issueOf({ size: "big" })).toStartWith('size: Cannot parse size "big"');
  expect(issueOf({ word: "" })).toBe("word: Cannot read nothing: wanted a word");
  expect(() => shape.safeParse({ ...good, word: "bug" })).toThrow("a bug");
});

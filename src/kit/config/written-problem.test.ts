import { expect, test } from "bun:test";

import { z } from "zod";

import { problemIn } from "./written-problem.ts";

const shape = z.strictObject({
  name: z.string(),
  kind: z.enum(["a", "b"]).optional(),
  few: z.array(z.string()).max(2).optional(),
  span: z
    .string()
    .refine((text) => text === "5m", "wanted a duration")
    .optional(),
  path: z
    .string()
    .refine((text) => text === "$", 'Cannot read the path "x": nothing known stands at position 0')
    .optional(),
  inner: z.strictObject({ count: z.int().min(1) }).optional(),
});

function problemsOf(written: unknown, isSecret = false): string[] {
  const read = shape.safeParse(written);
  const options = { known: Object.keys(shape.shape), isSecret };
  return (read.error?.issues ?? []).map((issue) => problemIn(issue, written, options));
}

test("problemIn: where, what is wanted, what was given, and the key that was meant", () => {
  expect(problemsOf({ name: 5 })).toEqual(["name: wanted a text, not 5"]);
  expect(problemsOf({})).toEqual(["name: wanted a text"]);
  expect(problemsOf({ name: "", kind: "c" })).toEqual(['kind: wanted one of "a", "b", not "c"']);
  expect(problemsOf({ name: "", few: ["1", "2", "3"] })).toEqual(['few: wanted 2 of them at most, not ["1","2","3"]']);
  expect(problemsOf({ name: "", span: "6m" })).toEqual(['span: wanted a duration, not "6m"']);
  expect(problemsOf({ name: "", inner: { count: 0 } })).toEqual(["inner.count: wanted 1 or more, not 0"]);
  expect(problemsOf({ name: "", inner: null })).toEqual(["inner: wanted a table, not null"]);
  expect(problemsOf({ name: "", knd: "a", other: 1 })).toEqual([
    'there is no key "knd": did you mean "kind"?, there is no key "other"',
  ]);
  expect(problemsOf({ name: "", path: "x" })).toEqual([
    'path: Cannot read the path "x": nothing known stands at position 0',
  ]);
  expect(problemsOf(7)).toEqual(["wanted a table"]);
});

test("problemIn: what is long is cut, and what may be secret is not said", () => {
  const [cut = ""] = problemsOf({ name: "", kind: "x".repeat(5000) });
  expect(cut.length).toBeLessThan(120);
  expect(problemsOf({ name: "", kind: "hidden" }, true)).toEqual(['kind: wanted one of "a", "b"']);
});

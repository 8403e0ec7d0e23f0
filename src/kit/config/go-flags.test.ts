import { expect, test } from "bun:test";

import { Fault } from "../fault.ts";
import { fromGoFlags } from "./go-flags.ts";

const flags = {
  config: (value: string) => ["--file", value],
  interval: (value: string) => ["--interval", `${value}s`],
};

test("fromGoFlags: one dash, with the value behind or after =; everything else stays as it is", () => {
  expect(fromGoFlags(["-config", "/c.json", "-interval=5", "--data", "x"], flags)).toEqual({
    words: ["--file", "/c.json", "--interval", "5s", "--data", "x"],
    isOriginal: true,
  });
  const own = ["check", "--config", "a", "-q", "-constructor", "-configure"];
  expect(fromGoFlags(own, flags)).toEqual({ words: own, isOriginal: false });
});

test("fromGoFlags: a flag without its value is told by its name, at the end as before another flag", () => {
  for (const [words, wanted] of [
    [["-config"], 'Cannot read flag "-config": wanted its value behind it or after "=", found nothing'],
    [
      ["-interval", "5", "-config", "-interval=5"],
      'Cannot read flag "-config": wanted its value behind it or after "=", found the flag "-interval=5"',
    ],
    [
      ["-interval", "--data", "x"],
      'Cannot read flag "-interval": wanted its value behind it or after "=", found the flag "--data"',
    ],
    [["-config", "-q"], 'Cannot read flag "-config": wanted its value behind it or after "=", found the flag "-q"'],
  ] as const)
    expect(() => fromGoFlags(words, flags)).toThrow(new Fault("invalid", "warren/flag-without-value", wanted));
});

test("fromGoFlags: an empty value, a number below zero, one dash, and anything after = are values", () => {
  for (const [words, value] of [
    [["-config", ""], ""],
    [["-config="], ""],
    [["-config", "-5"], "-5"],
    [["-config", "-"], "-"],
    [["-config", "-.x"], "-.x"],
    [["-config=-interval"], "-interval"],
  ] as const)
    expect(fromGoFlags(words, flags).words).toEqual(["--file", value]);
});

import { expect, test } from "bun:test";

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

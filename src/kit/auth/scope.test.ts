/** Grants as text, and what they cover. */
import { expect, test } from "bun:test";

import { covers, formatGrant, parseGrant } from "./scope.ts";

test("parseGrant: reads what formatGrant writes and refuses the rest", () => {
  for (const text of ["cask:read", "*:admin", "media-check:write"]) expect(formatGrant(parseGrant(text))).toBe(text);
  for (const wrong of [
    "",
    "cask",
    "cask:",
    ":read",
    "cask:delete",
    "Cask:read",
    "cask:read:x",
    "c*:read",
    "cask: read",
  ]) {
    expect(() => parseGrant(wrong)).toThrow(`Cannot read scope "${wrong}"`);
  }
});

test("covers: a scope covers those before it, in its own service", () => {
  const grants = [parseGrant("cask:write"), parseGrant("*:read")];
  expect(covers(grants, "cask", "read")).toBe(true);
  expect(covers(grants, "cask", "write")).toBe(true);
  expect(covers(grants, "cask", "admin")).toBe(false);
  expect(covers(grants, "hound", "read")).toBe(true);
  expect(covers(grants, "hound", "write")).toBe(false);
  expect(covers([], "cask", "read")).toBe(false);
});

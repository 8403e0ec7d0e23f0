import { expect, test } from "bun:test";

import { ManualClock } from "../testing/manual-clock.ts";
import type { Caller } from "../service.ts";
import { createFailureLimit } from "./failures.ts";
import { createSharedSecret } from "./shared-secret.ts";

const never = new AbortController().signal;
const callerFrom = (address: string, may = true): Caller => ({
  address,
  requestId: "r",
  name: "anonymous",
  may: () => may,
  keepOpen: () => never,
});

function judge(secrets: readonly string[]) {
  const failures = createFailureLimit({ clock: new ManualClock() });
  return createSharedSecret({ secrets: () => secrets, failures, service: "x" });
}

test("isPeer: with a secret it has to be shown, from wherever", () => {
  const { isPeer } = judge(["old", "new"]);
  const shown = ["old", "new", "other", ""].map((text) => isPeer(text, callerFrom("127.0.0.1")));
  expect(shown).toEqual([true, true, false, false]);
});

test("isPeer: without a secret only this machine may, and only who may write", () => {
  const { isPeer } = judge([]);
  expect(isPeer("", callerFrom("::1"))).toBe(true);
  expect(isPeer("guess", callerFrom("::1"))).toBe(false);
  expect(isPeer("", callerFrom("192.0.2.1"))).toBe(false);
  expect(isPeer("", callerFrom("127.0.0.1", false))).toBe(false);
});

test("isPeer: who guesses waits, even with the right one then; who knew it before does not, whoever guesses beside", () => {
  const { isPeer } = judge(["right"]);
  expect(isPeer("right", callerFrom("192.0.2.1"))).toBe(true);
  for (const address of ["192.0.2.1", "192.0.2.2"]) {
    for (let guess = 0; guess < 10; guess++) expect(isPeer(`guess ${guess}`, callerFrom(address))).toBe(false);
  }
  expect(isPeer("right", callerFrom("192.0.2.1"))).toBe(true);
  expect(() => isPeer("right", callerFrom("192.0.2.2"))).toThrow("too many wrong secrets");
});

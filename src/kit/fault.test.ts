/** Expected failures, and the text of unexpected ones. */
import { expect, test } from "bun:test";

import { Fault, faultStatus, reasonOf, toFault } from "./fault.ts";

test("Fault: the kind decides the status unless one is given", () => {
  for (const [kind, status] of Object.entries(faultStatus)) {
    expect(new Fault(kind as keyof typeof faultStatus, "a/b", "Cannot").status).toBe(status);
  }
  expect(new Fault("timeout", "a/b", "Cannot", { status: 408 }).status).toBe(408);
});

test("Fault: carries what it was given and is an Error", () => {
  const cause = new RangeError("why");
  const fault = new Fault("limited", "a/b", "Cannot", { details: { one: 1 }, cause, retryAfterMs: 5 });
  expect(fault).toBeInstanceOf(Error);
  expect([fault.name, fault.code, fault.details, fault.cause, fault.retryAfterMs]).toEqual([
    "Fault",
    "a/b",
    { one: 1 },
    cause,
    5,
  ]);
  expect("cause" in new Fault("invalid", "a/b", "Cannot")).toBe(false);
});

test("toFault: a Fault stays itself, all else is hidden as internal", () => {
  const fault = new Fault("missing", "a/b", "Cannot");
  expect(toFault(fault)).toBe(fault);
  const hidden = toFault(new Error("password is swordfish"));
  expect([hidden.kind, hidden.code]).toEqual(["internal", "warren/internal"]);
  expect(hidden.message).not.toContain("swordfish");
  expect(reasonOf(hidden)).toContain("swordfish");
});

test("reasonOf: causes in their order, whatever was thrown", () => {
  expect(reasonOf(new Error("a", { cause: new Error("b", { cause: "c" }) }))).toBe("a: b: c");
  expect(reasonOf("text")).toBe("text");
  expect(reasonOf(undefined)).toBe("");
  expect(reasonOf(null)).toBe("null");
  expect(reasonOf(new RangeError())).toBe("RangeError");
  expect(reasonOf(Object.create(null))).toContain("{}");
  expect(reasonOf(new AggregateError([new Error("one"), "two"], "all failed"))).toBe("all failed (one; two)");
  const round = new Error("round");
  round.cause = round;
  expect(reasonOf(round)).toBe("round: round: round: round: round");
});

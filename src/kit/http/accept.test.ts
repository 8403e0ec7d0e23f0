/** Content negotiation for answers that exist in several forms. */
import { expect, test } from "bun:test";

import { preferredType } from "./accept.ts";

const offers = ["text/plain", "application/json", "text/html"] as const;

test("preferredType: takes the wish of real clients", () => {
  const cases: Record<string, string> = {
    "*/*": "text/plain",
    "application/json": "application/json",
    "Application/JSON; charset=utf-8": "application/json",
    "application/json, text/plain, */*": "application/json",
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8": "text/html",
    "text/html;q=0.5, application/json;q=0.6": "application/json",
    "text/html;q=0": "text/plain",
    "text/html;q=2": "text/plain",
    "application/*": "application/json",
    "text/*": "text/plain",
    "image/png": "text/plain",
    "": "text/plain",
    ",;;=,q=": "text/plain",
  };
  const given = Object.keys(cases).map((accept): [string, string] => [accept, preferredType(accept, offers)]);
  expect(given).toEqual(Object.entries(cases));
  expect(preferredType(null, offers)).toBe("text/plain");
});

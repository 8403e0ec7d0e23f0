import { expect, test } from "bun:test";

import { LedgerEntry } from "./ledger.ts";

test("LedgerEntry: what is bad stays bad, however many warnings stand before it", () => {
  const entry = new LedgerEntry("https://a.example/");
  for (let number = 0; number < 100; number++) entry.hold({ isHard: false, sentence: `warning ${number}` });
  entry.hold({ isHard: true, sentence: "broken" });
  expect(entry.report().verdict).toBe("bad");
  expect(entry.report().troubles[0]?.sentence).toBe("broken");
  expect(entry.report().troubles.length).toBeLessThanOrEqual(20);
});

test("LedgerEntry: the same words said hard and soft are hard", () => {
  const entry = new LedgerEntry("https://a.example/");
  entry.hold({ isHard: true, sentence: "odd" });
  entry.hold({ isHard: false, sentence: "odd" });
  expect(entry.report().verdict).toBe("bad");
});

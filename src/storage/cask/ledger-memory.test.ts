import { expect, test } from "bun:test";

import { systemClock } from "../../kit/clock.ts";
import { MemoryLedger } from "./ledger-memory.ts";
import { describeLedger, keyNumbered, recordOf } from "./ledger.conformance.ts";

describeLedger("MemoryLedger", async () => ({
  ledger: new MemoryLedger({ clock: systemClock }),
  dispose: async () => {},
}));

test("MemoryLedger.crash: loses what was not flushed, restores what it replaced, keeps hand-offs", () => {
  let nowMs = 0;
  const ledger = new MemoryLedger({ clock: { ...systemClock, monotonicMs: () => nowMs } });
  const kept = recordOf(keyNumbered(1));
  ledger.put(kept);
  ledger.note("place", "old");
  nowMs = 50;
  ledger.verified(kept.key, "later", 9);
  ledger.put(recordOf(keyNumbered(2)));
  ledger.note("place", "new");
  ledger.note("other", "new");
  ledger.owe(kept.key, "node", 1);
  ledger.crash();
  expect(ledger.find(kept.key)).toEqual(kept);
  expect(ledger.find(keyNumbered(2))).toBeUndefined();
  expect(ledger.recall("place")).toBe("old");
  expect(ledger.recall("other")).toBeUndefined();
  expect(ledger.owed()).toBe(1);
});

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Clock, systemClock } from "../../kit/clock.ts";
import { paced } from "../../kit/testing/pace.ts";
import { openSqliteLedger } from "./ledger-sqlite.ts";
import { describeLedger, keyNumbered, recordOf } from "./ledger.conformance.ts";

const folder = await mkdtemp(join(tmpdir(), "cask-ledger-"));
afterAll(() => rm(folder, { recursive: true, force: true }));
let files = 0;
const nextPath = () => join(folder, `${++files}.db`);

describeLedger("SqliteLedger", async () => {
  const path = nextPath();
  let ledger = openSqliteLedger({ path, clock: systemClock });
  return {
    ledger,
    reopen: async () => {
      ledger.close();
      ledger = openSqliteLedger({ path, clock: systemClock });
      return ledger;
    },
    dispose: async () => ledger.close(),
  };
});

/** A clock whose wake-ups come when the test says so. */
function handClock(): Clock & { waiting: { delayMs: number; callback: () => void }[] } {
  const waiting: { delayMs: number; callback: () => void }[] = [];
  return {
    ...systemClock,
    waiting,
    schedule(delayMs, callback) {
      const entry = { delayMs, callback };
      waiting.push(entry);
      return () => {
        if (waiting.includes(entry)) waiting.splice(waiting.indexOf(entry), 1);
      };
    },
  };
}

describe("SqliteLedger", () => {
  test("put: is seen by others after the flush interval, all changes of that time in one transaction", () => {
    const path = nextPath();
    const clock = handClock();
    const ledger = openSqliteLedger({ path, clock, flushMs: 40 });
    const other = openSqliteLedger({ path, clock: systemClock });
    for (let number = 0; number < 100; number++) ledger.put(recordOf(keyNumbered(number)));
    expect([ledger.count(), other.count()]).toEqual([100, 0]);
    expect(clock.waiting.map((entry) => entry.delayMs)).toEqual([40]);
    clock.waiting.shift()?.callback();
    expect(other.count()).toBe(100);
    expect(clock.waiting).toEqual([]);
    other.close();
    ledger.close();
  });

  test("put: many changes are not held back until the interval", () => {
    const path = nextPath();
    const ledger = openSqliteLedger({ path, clock: handClock() });
    const other = openSqliteLedger({ path, clock: systemClock });
    for (let number = 0; number < 2000; number++) ledger.put(recordOf(keyNumbered(number)));
    expect(other.count()).toBe(2000);
    other.close();
    ledger.close();
  });

  test("owe: is in the file when it returns, with all that came before", () => {
    const path = nextPath();
    const ledger = openSqliteLedger({ path, clock: handClock() });
    const other = openSqliteLedger({ path, clock: systemClock });
    ledger.put(recordOf(keyNumbered(1)));
    ledger.owe(keyNumbered(1), "node", 1);
    expect([other.owed(), other.count()]).toEqual([1, 1]);
    other.close();
    ledger.close();
  });

  test("a killed process: every hand-off it was told of is there, and the file is whole", async () => {
    const path = nextPath();
    const child = Bun.spawn({
      cmd: [process.execPath, join(import.meta.dir, "testdata", "owe-until-killed.ts"), path],
      stdout: "pipe",
      stderr: "inherit",
    });
    let told = "";
    for await (const chunk of child.stdout) {
      told += new TextDecoder().decode(chunk);
      if (told.split("\n").length > 200) child.kill("SIGKILL");
    }
    await child.exited;
    const acknowledged = told.split("\n").slice(0, -1).map(Number);
    expect(acknowledged.length).toBeGreaterThanOrEqual(200);
    const ledger = openSqliteLedger({ path, clock: systemClock });
    for (const number of acknowledged) expect(ledger.owes(keyNumbered(number))).toBe(true);
    let counted = 0;
    for (let bucket = 0; bucket < 256; bucket++) counted += ledger.inBucket(bucket).length;
    expect(ledger.count()).toBe(counted);
    ledger.close();
  });

  test("opening: reads next to nothing of a large ledger and holds little of it", async () => {
    const path = nextPath();
    const ledger = openSqliteLedger({ path, clock: systemClock });
    for (let number = 0; number < 20_000; number++) ledger.put(recordOf(keyNumbered(number), { sizeBytes: 3 }));
    ledger.close();
    const { costMs, value: again } = await paced(() => {
      const opened = openSqliteLedger({ path, clock: systemClock });
      expect([opened.count(), opened.totalBytes()]).toEqual([20_000, 60_000]);
      return opened;
    });
    // It takes 2 ms; the bound only tells it from reading every row.
    expect(costMs).toBeLessThan(500);
    again.close();
  });
});

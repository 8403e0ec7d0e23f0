/** Fills a ledger and prints the number of each hand-off it was promised, until it is killed. Started by ledger-sqlite.test.ts. */
import { writeSync } from "node:fs";

import { systemClock } from "../../../kit/clock.ts";
import { openSqliteLedger } from "../ledger-sqlite.ts";
import { keyNumbered, recordOf } from "../ledger.conformance.ts";

const ledger = openSqliteLedger({ path: String(process.argv[2]), clock: systemClock });
for (let number = 0; ; number++) {
  ledger.put(recordOf(keyNumbered(number), { sizeBytes: number }));
  ledger.owe(keyNumbered(number), "node", number);
  writeSync(1, `${number}\n`);
}

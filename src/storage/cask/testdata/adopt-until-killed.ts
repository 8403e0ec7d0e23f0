/** Adopts a folder, printing a byte for each blob, until it is killed. Started by adopt.test.ts. */
import { writeSync } from "node:fs";

import { systemClock } from "../../../kit/clock.ts";
import { adopt } from "../adopt.ts";
import { MemoryLedger } from "../ledger-memory.ts";
import { openDiskStore } from "../store-disk.ts";

const [root, target] = process.argv.slice(2);
const store = await openDiskStore({ root: String(target), clock: systemClock });
await adopt(String(root), store, new MemoryLedger({ clock: systemClock }), {
  clock: systemClock,
  onProgress: () => void writeSync(1, "."),
});

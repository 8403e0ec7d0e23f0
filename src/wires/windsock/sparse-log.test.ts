import { expect, test } from "bun:test";

import { type LogFields, type Logger, silentLog } from "../../kit/log.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { SparseLog } from "./sparse-log.ts";

test("SparseLog: twenty a minute are logged, and of the others the next says how many they were", () => {
  const clock = new ManualClock();
  const logged: (LogFields | undefined)[] = [];
  const log: Logger = { ...silentLog, warn: (_, fields) => void logged.push(fields) };
  const sparse = new SparseLog(log, clock);
  for (let at = 0; at < 1000; at++) sparse.warn("refused", { at });
  expect(logged).toHaveLength(20);
  expect(logged[0]).toEqual({ at: 0 });
  clock.advance(60_000);
  sparse.warn("refused", { at: 1000 });
  sparse.warn("refused", { at: 1001 });
  expect(logged.slice(20)).toEqual([{ at: 1000, untold: 980 }, { at: 1001 }]);
});

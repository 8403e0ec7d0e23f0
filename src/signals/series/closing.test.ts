import { expect, test } from "bun:test";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { MemoryDisk } from "./disk-memory-fixture.ts";
import { Schemas } from "./schemas.ts";
import { SeriesStore } from "./store.ts";

test("SeriesStore: the memory of very many series stays in the log when it closes, and is there after the next start", async () => {
  const clock = new ManualClock(1_700_000_000_000);
  const disk = new MemoryDisk();
  const open = () => SeriesStore.open({ disk: disk.attach(), clock, schemas: new Schemas() });
  const atSeconds = 1_700_000_000;
  let store = await open();
  store.write(Array.from({ length: 20_001 }, (_, at) => ({ path: `n${at}`, value: at, atSeconds })));
  await store.close();
  store = await open();
  expect(store.figures()).toMatchObject({ series: 20_001, memoryPoints: 20_001, files: 0 });
  const [range] = store.fetch(["n20000"], atSeconds - 10, atSeconds);
  expect([...(range?.values ?? [])]).toEqual([20_000]);
  await store.flush();
  await store.close();
  store = await open();
  expect(store.figures()).toMatchObject({ series: 20_001, memoryPoints: 0, filePoints: 20_001 });
  await store.close();
});

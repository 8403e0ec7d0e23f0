import { expect, test } from "bun:test";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { MemoryDisk } from "./disk-memory-fixture.ts";
import { Schemas } from "./schemas.ts";
import { SeriesStore } from "./store.ts";

const startSeconds = 1_700_000_400;
const schemas = (retentions: string) =>
  new Schemas(`[all]\npattern = .*\nretentions = ${retentions}\n`, "[all]\npattern = .*\nxFilesFactor = 0\n");

test("SeriesStore: what was kept for a short time is not lost when it is to be kept for long", async () => {
  const clock = new ManualClock(startSeconds * 1000);
  const disk = new MemoryDisk();
  const short = schemas("10s:1h");
  const long = schemas("10s:1h,1m:30d");
  let store = await SeriesStore.open({ disk: disk.attach(), clock, schemas: short });
  for (let at = 0; at < 3600; at += 10) {
    await clock.advance(10_000);
    store.write([{ path: "a", value: at / 10, atSeconds: startSeconds + at + 10 }]);
  }
  await store.flush();
  expect(store.reschema(long)).toBe(1);
  const lastSeconds = startSeconds + 3600;
  // Ten days later, with new points, a restart and everything merged and cleared away.
  for (let day = 1; day <= 10; day++) {
    await clock.advance(86_400_000);
    store.write([{ path: "a", value: -1, atSeconds: lastSeconds + day * 86_400 }]);
    await store.flush();
    await store.compact();
  }
  await store.close();
  store = await SeriesStore.open({ disk: disk.attach(), clock, schemas: long });
  await store.compact();
  const [range] = store.fetch(["a"], lastSeconds - 3600, lastSeconds - 60);
  expect(range?.stepSeconds).toBe(60);
  const values = [...(range?.values ?? [])];
  expect(values).toHaveLength(59);
  expect(values.some(Number.isNaN)).toBe(false);
  // Each is the mean of six that rise by one.
  expect(
    values.map((value, at) => value - (values[at - 1] ?? value - 6)).every((rise) => Math.abs(rise - 6) < 1e-9),
  ).toBe(true);
  await store.close();
});

test("SeriesStore: what a schema no longer keeps goes away, also after a change", async () => {
  const clock = new ManualClock(startSeconds * 1000);
  const store = await SeriesStore.open({ disk: new MemoryDisk(), clock, schemas: schemas("10s:30d") });
  for (let at = 0; at < 600; at += 10) store.write([{ path: "a", value: 1, atSeconds: startSeconds - at }]);
  await store.flush();
  expect(store.reschema(schemas("10s:1d"))).toBe(1);
  await clock.advance(4 * 86_400_000);
  store.write([{ path: "a", value: 1, atSeconds: startSeconds + 4 * 86_400 }]);
  await store.flush();
  await store.compact();
  expect(store.figures().expired).toBeGreaterThan(0);
  await store.close();
});

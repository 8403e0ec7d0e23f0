/** What server metrics take: at most two bytes a point over the mix, and not far from what chance itself needs. */
import { expect, test } from "bun:test";

import { decodeChunk, encodeChunk } from "./chunk.ts";
import { roughMetrics, serverMetrics } from "./server-metrics-fixture.ts";

function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const mixed = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
    return ((mixed ^ (mixed >>> 12)) >>> 0) / 2 ** 32;
  };
}

function bytesPerPoint({ row }: (typeof serverMetrics)[number]): number {
  const count = 8640;
  const slots = Float64Array.from({ length: count }, (_, at) => 179_000_000 + at);
  let bytes = 0;
  for (let seed = 1; seed <= 4; seed++) {
    const values = row(seeded(seed), count);
    const chunk = encodeChunk(slots, values);
    expect(decodeChunk(chunk).values).toEqual(values);
    bytes += chunk.length;
  }
  return bytes / (4 * count);
}

test("encodeChunk: a mix of server metrics takes at most two bytes a point, and each kind what it may", () => {
  const most: Record<string, number> = {
    "constant (limits, versions, sizes)": 0.02,
    "mostly zero (errors, drops)": 0.2,
    "small whole gauge (processes, connections)": 0.5,
    "counter, packets": 1.2,
    "counter, bytes": 2.1,
    "percentage, one decimal": 0.8,
    "percentage, two decimals": 1.2,
    "gauge with two decimals (load)": 0.65,
    "memory in bytes, by pages": 1.1,
    "rate of statsd (count / 10)": 0.7,
  };
  let mean = 0;
  for (const metric of serverMetrics) {
    const size = bytesPerPoint(metric);
    mean += size * metric.share;
    console.log(`${metric.kind.padEnd(44)} ${size.toFixed(3)} bytes a point`);
    expect(size).toBeLessThan(most[metric.kind] as number);
  }
  console.log(`${"the mix".padEnd(44)} ${mean.toFixed(3)} bytes a point`);
  expect(mean).toBeLessThan(1);
  for (const metric of roughMetrics) {
    const size = bytesPerPoint(metric);
    console.log(`${metric.kind.padEnd(44)} ${size.toFixed(3)} bytes a point`);
    expect(size).toBeLessThan(8.1);
  }
});

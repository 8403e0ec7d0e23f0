/** Declared metrics come out as Prometheus text. */
import { expect, test } from "bun:test";

import { counter, createMetrics, gauge, histogram, latencyBuckets } from "./metrics.ts";

test("counter, gauge, histogram: exposed with their sentence, labels and values", async () => {
  const metrics = createMetrics();
  let read = 1;
  const reads = counter(metrics, { name: "warren_test_reads_total", help: "Reads", labels: ["outcome"] });
  reads.inc({ outcome: "hit" }, 2);
  gauge(metrics, { name: "warren_test_blobs_count", help: "Blobs", read: () => read });
  const set = gauge(metrics, { name: "warren_test_free_bytes", help: "Free" });
  set.set(7);
  histogram(metrics, { name: "warren_test_wait_seconds", help: "Waits", buckets: [0.1, 1] }).observe(0.5);
  read = 5;
  const lines = (await metrics.metrics()).split("\n");
  for (const line of [
    "# HELP warren_test_reads_total Reads",
    "# TYPE warren_test_reads_total counter",
    'warren_test_reads_total{outcome="hit"} 2',
    "warren_test_blobs_count 5",
    "warren_test_free_bytes 7",
    'warren_test_wait_seconds_bucket{le="0.1"} 0',
    'warren_test_wait_seconds_bucket{le="1"} 1',
    "warren_test_wait_seconds_count 1",
  ]) {
    expect(lines).toContain(line);
  }
});

test("createMetrics: sets are apart, and a name stands once in each", () => {
  const declared = { name: "warren_test_total", help: "Test" };
  const one = createMetrics();
  counter(one, declared);
  counter(createMetrics(), declared);
  expect(() => counter(one, declared)).toThrow();
});

test("latencyBuckets: rise", () => {
  expect([...latencyBuckets].sort((left, right) => left - right)).toEqual([...latencyBuckets]);
});

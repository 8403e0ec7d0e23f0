import { expect, test } from "bun:test";

import { counter, createMetrics, histogram } from "./metrics.ts";
import { spread, tally } from "./tally.ts";

const seconds = { name: "t_seconds", help: "Times", labels: ["service"] as const, buckets: [0.1, 1, 10] };
const requests = { name: "t_requests_total", help: "Requests", labels: ["service", "status"] as const };

test("tally, spread: what a registry says of them is what it says of plain metrics", async () => {
  const plain = createMetrics();
  const quick = createMetrics();
  const plainRequests = counter(plain, requests);
  const plainSeconds = histogram(plain, seconds);
  const quickRequests = tally(quick, requests);
  const quickSeconds = spread(quick, seconds);
  for (const [service, status, took] of [
    ["a", 200, 0.1],
    ["a", 404, 0.11],
    ["b", 200, 11],
    ["a", 200, 3],
  ] as const) {
    plainRequests.inc({ service, status });
    plainSeconds.observe({ service }, took);
    quickRequests.cell(service, String(status)).count++;
    quickSeconds.cell(service).observe(took);
    const sorted = (text: string) => text.replaceAll(/(\{|,)(\w+)="([^"]*)",service="(\w)"/g, '$1service="$4",$2="$3"');
    expect(sorted(await quick.metrics())).toBe(sorted(await plain.metrics()));
  }
});

test("tally: refuses a number of label values other than declared", () => {
  const metrics = createMetrics();
  expect(() => tally(metrics, requests).cell("a")).toThrow(TypeError);
  expect(() => spread(metrics, seconds).cell("a", "b")).toThrow(TypeError);
});

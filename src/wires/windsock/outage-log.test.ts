import { expect, test } from "bun:test";

import { systemClock } from "../../kit/clock.ts";
import { type Logger, silentLog } from "../../kit/log.ts";
import { until } from "../../kit/testing/child-node.ts";
import { keepUp } from "./links/upkeep.ts";
import { OutageLog } from "./outage-log.ts";

function recording() {
  const told: string[] = [];
  const tell = (level: string) => (message: string, facts?: Readonly<Record<string, unknown>>) =>
    void told.push(
      `${level} ${message} ${String(facts?.["endpoint"] ?? "")} ${String(facts?.["reason"] ?? "")}`.trim(),
    );
  const log: Logger = { ...silentLog, debug: tell("debug"), warn: tell("warn") };
  return { told, log };
}

test("OutageLog: each reason is told once, at each place, until it is over", () => {
  const { log, told } = recording();
  const outage = new OutageLog(log, "away");
  for (const endpoint of ["a", "a", "b", "a"]) outage.failed({ endpoint, reason: "refused" });
  outage.failed({ endpoint: "a", reason: "reset" });
  expect(told.filter((line) => line.startsWith("warn"))).toEqual([
    "warn away a refused",
    "warn away b refused",
    "warn away a reset",
  ]);
  expect(told).toHaveLength(5);
  outage.over();
  outage.failed({ endpoint: "a", reason: "refused" });
  expect(told.at(-1)).toBe("warn away a refused");
  for (let at = 0; at < 1000; at++) outage.failed({ endpoint: "a", reason: String(at) });
  expect(told.filter((line) => line.startsWith("warn")).length).toBeLessThan(30);
});

test("keepUp: what carries is told to be away once for all tries", async () => {
  const { log, told } = recording();
  let tries = 0;
  const upkeep = keepUp({
    clock: systemClock,
    log,
    name: "NATS",
    async live(ending, stands) {
      if (++tries < 3) throw new Error("refused");
      stands();
      await new Promise<void>((resolve) => ending.signal.addEventListener("abort", () => resolve(), { once: true }));
    },
  });
  await until("it stands", () => upkeep.failure === undefined);
  await upkeep.stop();
  expect(told).toEqual([
    "warn NATS, which carries messages between nodes, is away; trying again  refused",
    "debug NATS, which carries messages between nodes, is away; trying again  refused",
  ]);
});

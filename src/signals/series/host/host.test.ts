import { describe, expect, test } from "bun:test";

import { counter, createMetrics, gauge, histogram } from "../../../kit/metrics.ts";
import { spread, tally } from "../../../kit/tally.ts";
import { until } from "../../../kit/testing/child-node.ts";
import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import { Measuring } from "../measuring.ts";
import type { Point } from "../../../lib/graphite/path.ts";
import { asNode, HostGatherer, type HostReads, type RoomFigures } from "./gather.ts";
import { ownFigures } from "./own-figures.ts";
import { parseLocalMounts } from "./proc.ts";

const files: Record<string, string> = {
  "/proc/meminfo":
    "MemTotal:       1000 kB\nMemFree:         250 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\nHugePages_Total:       0\n",
  "/proc/stat": "cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2 3\nprocs_running 3\nprocs_blocked 1\n",
  "/proc/net/dev":
    "Inter-|   Receive  |  Transmit\n face |bytes packets\n    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0:700 7 1 2 0 0 0 0 900 9 3 4 0 0 0 0\nveth1: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n",
  "/proc/diskstats": "   8 0 sda 10 0 100 0 20 0 200 0 0 77 0\n   8 1 sda1 1 0 1 0 1 0 1 0 0 1 0\n",
  "/proc/mounts":
    "/dev/sda1 / ext4 rw 0 0\n/dev/sdb /srv/my\\040data xfs rw 0 0\n/dev/sdb /srv/my\\040data/again xfs rw 0 0\nnfs:/x /far nfs rw 0 0\n",
  "/proc/uptime": "123.45 200.00\n",
};
const room: RoomFigures = { bsize: 4096, blocks: 100, bavail: 40, bfree: 50, files: 10, ffree: 4 };
const reads: HostReads = {
  text: async (path) => files[path],
  names: async () => ["sda", "loop0"],
  room: async () => room,
  load: () => [0.5, 1, 1.5],
  memory: () => ({ totalBytes: 1, freeBytes: 1 }),
  processors: () => 2,
};

async function gathered(gatherer: HostGatherer): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  await gatherer.gather((name, value) => found.set(name, value));
  return found;
}

describe("HostGatherer", () => {
  test("figures have the names that dashboards ask for", async () => {
    const found = await gathered(new HostGatherer(new ManualClock(), "/data", reads));
    expect(Object.fromEntries(found)).toMatchObject({
      "cpu.load_average.1_minute": 0.5,
      "cpu.load_average.15_minutes": 1.5,
      "memory.MemFree.percent": 25,
      "memory.MemFree.bytes": 256_000,
      "disk.usage.available": 163_840,
      "disk.usage.total": 409_600,
      "disk.data.used": 204_800,
      "disk.mounts.srv_my_data.inodes_available": 4,
      "network.eth0.receive.byte_count": 700,
      "network.eth0.transmit.drop_count": 4,
      "disk.io.sda.reads.byte_count": 51_200,
      "disk.io.sda.busy_ms": 77,
      "processes.running": 3,
      uptime_seconds: 123,
    });
    expect([...found.keys()].filter((name) => /lo\.|veth|sda1|far|again|Swap\w+\.percent/.test(name))).toEqual([]);
    // All go in as one path each.
    for (const name of found.keys()) expect(name).toMatch(/^[\w.-]+$/);
  });

  test("shares of the processor are counted between two rounds", async () => {
    let stat = files["/proc/stat"];
    const gatherer = new HostGatherer(new ManualClock(), "/", {
      ...reads,
      text: async (path) => (path === "/proc/stat" ? stat : files[path]),
    });
    expect((await gathered(gatherer)).has("cpu.total.idle.percent")).toBe(false);
    stat = "cpu  110 0 55 875 60 0 0 0 0 0\n";
    const found = await gathered(gatherer);
    expect(found.get("cpu.total.idle.percent")).toBe(75);
    expect(found.get("cpu.total.user.percent")).toBe(10);
    expect(found.get("cpu.total.steal.percent")).toBe(0);
  });

  test("a disk that does not answer holds nothing up, and is not asked a second time", async () => {
    const clock = new ManualClock();
    const hung = Promise.withResolvers<RoomFigures>();
    let asked = 0;
    const gatherer = new HostGatherer(clock, "/data", {
      ...reads,
      room: (path) => {
        if (path !== "/data") return Promise.resolve(room);
        asked++;
        return hung.promise;
      },
    });
    const first = gathered(gatherer);
    await until("it was asked", () => asked > 0);
    await clock.advance(1000);
    const found = await first;
    expect(found.has("disk.usage.total")).toBe(true);
    expect(found.has("disk.data.total")).toBe(false);
    expect((await gathered(gatherer)).has("disk.data.total")).toBe(false);
    expect(asked).toBe(1);
    hung.resolve(room);
    await hung.promise;
    await Promise.resolve();
    expect((await gathered(gatherer)).has("disk.data.total")).toBe(true);
  });

  test("a machine without /proc has what the runtime knows", async () => {
    const bare: HostReads = {
      ...reads,
      text: async () => undefined,
      names: async () => [],
      room: () => Promise.reject(new Error("ENOENT")),
      memory: () => ({ totalBytes: 400, freeBytes: 100 }),
    };
    const found = await gathered(new HostGatherer(new ManualClock(), "/", bare));
    expect(found.get("memory.MemFree.percent")).toBe(25);
    expect(found.get("cpu.load_average.1_minute")).toBe(0.5);
  });

  test("this machine has figures", async () => {
    const found = await gathered(new HostGatherer(new ManualClock(), "/tmp"));
    for (const name of [
      "cpu.load_average.1_minute",
      "memory.MemFree.percent",
      "disk.usage.available",
      "disk.usage.total",
    ])
      expect(found.get(name)).toBeGreaterThanOrEqual(0);
  });
});

test("asNode: a name becomes one node", () => {
  expect(["eth0.100", "srv/a b", "wlp2-s0", ""].map(asNode)).toEqual(["eth0_100", "srv_a_b", "wlp2-s0", "_"]);
});

test("parseLocalMounts: file systems of the network and of user space are left out", () => {
  expect(parseLocalMounts("nfs:/x /far nfs4 rw 0 0\nx /y fuse.sshfs rw 0 0\n/dev/a /a ext4 rw 0 0\n")).toEqual(["/a"]);
});

describe("ownFigures", () => {
  test("metrics become paths, labels nodes, and distributions their sum and count", async () => {
    const metrics = createMetrics();
    counter(metrics, { name: "warren_cask_requests_total", help: "x", labels: ["method", "code"] }).inc(
      { method: "GET", code: "2xx" },
      3,
    );
    tally(metrics, { name: "warren_series_points_total", help: "x" }).cell().count = 7;
    gauge(metrics, { name: "process_resident_memory_bytes", help: "x", read: () => 9 });
    histogram(metrics, { name: "warren_cask_time_seconds", help: "x", buckets: [1, 2] }).observe(1.5);
    spread(metrics, { name: "warren_cask_size_bytes", help: "x", labels: ["of"], buckets: [1, 2] })
      .cell("a")
      .observe(4);
    const found: Record<string, number> = {};
    expect(await ownFigures(metrics, (name, value) => (found[name] = value))).toBe(0);
    expect(found).toEqual({
      "cask.requests_total.2xx.GET": 3,
      "series.points_total": 7,
      "process.resident_memory_bytes": 9,
      "cask.time_seconds_sum": 1.5,
      "cask.time_seconds_count": 1,
      "cask.size_bytes_sum.a": 4,
      "cask.size_bytes_count.a": 1,
    });
  });

  test("what labels make without end is bounded", async () => {
    const metrics = createMetrics();
    const many = counter(metrics, { name: "warren_x_many", help: "x", labels: ["of"] });
    for (let at = 0; at < 6000; at++) many.inc({ of: `n${at}` });
    let told = 0;
    expect(await ownFigures(metrics, () => told++)).toBe(1000);
    expect(told).toBe(5000);
  });
});

test("Measuring: rounds lie on whole multiples of their length", async () => {
  const clock = new ManualClock(1_700_000_003_500);
  const taken: Point[] = [];
  const measuring = new Measuring({
    clock,
    host: new HostGatherer(clock, "/", reads),
    metrics: undefined,
    hostname: "web-1.example",
    everyMs: 10_000,
    take: (points) => taken.push(...points),
  });
  expect(await measuring.step()).toEqual({ waitMs: 6500 });
  expect(taken).toContainEqual({ path: "server.web-1.memory.MemFree.percent", value: 25, atSeconds: 1_700_000_000 });
  expect(new Set(taken.map(({ atSeconds }) => atSeconds))).toEqual(new Set([1_700_000_000]));
});

import { describe, expect, test } from "bun:test";

import { createLog } from "../../kit/log.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import type { Point } from "../../lib/graphite/path.ts";
import { type Mount, parseMountTable } from "./mount-table.ts";
import { type Memory, Rounds } from "./rounds.ts";
import type { ProbeAnswer } from "./verdict.ts";
import { watchedIn, withFound } from "./watched.ts";

const minuteMs = 60_000;
const defaults = { write: false, fullShare: 0.95, nearlyFullShare: 0.9, slowMs: 1000 };
const seen: ProbeAnswer = {
  kind: "seen",
  latencyMs: 2,
  isOwnDevice: true,
  totalBytes: 1000,
  usedBytes: 400,
  availableBytes: 600,
  inodes: 10,
  freeInodes: 5,
};
const mounted = parseMountTable(
  "27 1 8:1 / / rw - ext4 /dev/sda1 rw\n28 27 8:2 / /mnt/a rw - xfs /dev/sdb1 rw\n29 27 8:3 / /mnt/b rw - xfs /dev/sdc1 rw\n",
);

const usual = watchedIn([{ path: "/mnt/a", metric: "sata1" }, { path: "/mnt/b" }], defaults);

function fixture(
  options: {
    find?: boolean;
    paths?: number;
    lookMs?: number;
    parallel?: number;
    remembered?: ReadonlyMap<string, Memory>;
    onlyOriginal?: boolean;
  } = {},
) {
  const clock = new ManualClock();
  const points: Point[] = [];
  const changes: string[] = [];
  const state: { mounts: readonly Mount[]; answers: Record<string, ProbeAnswer>; kept: Map<string, Memory> } = {
    mounts: mounted,
    answers: {},
    kept: new Map(),
  };
  const looks: string[] = [];
  let looking = 0;
  let lookingMost = 0;
  const configured =
    options.paths === undefined
      ? usual
      : watchedIn(
          Array.from({ length: options.paths }, (_, at) => ({ path: `/m/${at}` })),
          defaults,
        );
  const rounds = new Rounds({
    clock,
    log: createLog({ level: "error", format: "json", clock, write: () => undefined }),
    machine: { mounts: async () => state.mounts, fstab: async () => [] },
    prober: {
      stuck: () => 0,
      look(path) {
        looks.push(path);
        const { lookMs } = options;
        if (lookMs !== undefined) {
          lookingMost = Math.max(lookingMost, ++looking);
          return new Promise((resolve) => {
            clock.schedule(lookMs, () => {
              looking--;
              resolve(seen);
            });
          });
        }
        const answer = state.answers[path] ?? seen;
        return answer.kind === "hung" ? new Promise(() => undefined) : Promise.resolve(answer);
      },
    },
    sink: { send: (sent) => void points.push(...sent) },
    prefix: "stats",
    onlyOriginal: options.onlyOriginal ?? true,
    intervalMs: minuteMs,
    watched: (mounts, fstab) => (options.find ? withFound(configured, mounts, fstab, defaults) : configured),
    parallel: options.parallel ?? 4,
    remembered: options.remembered ?? new Map(),
    remember: (memories) => (state.kept = new Map(memories)),
    changed: (path, from, verdict) => void changes.push(`${path} ${from}>${verdict.condition}`),
  });
  return { clock, points, changes, state, looks, rounds, lookingMost: () => lookingMost };
}

describe("Rounds", () => {
  test("Rounds: at once and then in every interval each folder has the predecessor's metric, over weeks", () => {
    const { clock, points, rounds } = fixture();
    rounds.start();
    clock.advance(0);
    const at = Math.floor(clock.now() / 1000);
    expect(points).toEqual([
      { path: "stats.sata1", value: 0, atSeconds: at },
      { path: "stats.mnt_b", value: 0, atSeconds: at },
    ]);
    clock.advance(14 * 24 * 60 * minuteMs);
    expect(points.length).toBe(2 * (14 * 24 * 60 + 1));
  });

  test("Rounds: what is unmounted is 1 until it is mounted again, and each change is told once", () => {
    const { changes, clock, points, rounds, state } = fixture();
    rounds.start();
    clock.advance(5 * minuteMs);
    state.mounts = mounted.filter(({ mountPoint }) => mountPoint !== "/mnt/a");
    state.answers = { "/mnt/a": { ...seen, isOwnDevice: false } };
    clock.advance(3 * minuteMs);
    state.mounts = mounted;
    state.answers = {};
    clock.advance(2 * minuteMs);
    const values = points.filter(({ path }) => path === "stats.sata1").map(({ value }) => value);
    expect(values).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0]);
    expect(changes.filter((change) => change.startsWith("/mnt/a"))).toEqual([
      "/mnt/a unknown>good",
      "/mnt/a good>bad",
      "/mnt/a bad>good",
    ]);
  });

  test("Rounds: that a place was a mount is known after a restart", () => {
    const first = fixture();
    first.rounds.start();
    first.clock.advance(minuteMs);
    const again = fixture({ remembered: first.state.kept });
    again.state.mounts = [];
    again.state.answers = { "/mnt/a": { ...seen, isOwnDevice: false } };
    again.rounds.start();
    again.clock.advance(0);
    expect(again.points[0]).toMatchObject({ path: "stats.sata1", value: 1 });
    expect(again.changes).toEqual(["/mnt/a good>bad"]);
  });

  test("Rounds: a look that hangs delays no other folder, and is not begun again meanwhile", () => {
    const { clock, looks, rounds, state } = fixture();
    state.answers = { "/mnt/a": { kind: "hung", afterMs: 1 } };
    rounds.start();
    clock.advance(10 * minuteMs);
    expect(looks.filter((path) => path === "/mnt/a").length).toBe(1);
    expect(looks.filter((path) => path === "/mnt/b").length).toBe(11);
  });

  test("Rounds: where looks take longer than the interval no more are made at a time, and each folder has its turn", () => {
    const { clock, looks, lookingMost, rounds } = fixture({ paths: 1000, lookMs: 2000 });
    rounds.start();
    clock.advance(60 * minuteMs);
    expect(lookingMost()).toBe(4);
    const counts = new Map<string, number>();
    for (const path of looks) counts.set(path, (counts.get(path) ?? 0) + 1);
    expect(counts.size).toBe(1000);
    expect(Math.max(...counts.values()) - Math.min(...counts.values())).toBeLessThan(3);
  });

  test("Rounds: looks that hang for ever take no turn from others, with one look at a time", () => {
    const { clock, looks, rounds, state } = fixture({ paths: 10, parallel: 1 });
    for (const path of ["/m/0", "/m/3", "/m/9"]) state.answers[path] = { kind: "hung", afterMs: 1 };
    rounds.start();
    clock.advance(60 * minuteMs);
    for (const path of ["/m/0", "/m/3", "/m/9"]) expect(looks.filter((one) => one === path).length).toBe(1);
    expect(looks.filter((path) => path === "/m/8").length).toBeGreaterThan(50);
  });

  test("Rounds: of folders that come and go for years only the newest are remembered", () => {
    const { clock, rounds, state } = fixture({ find: true });
    rounds.start();
    for (let day = 0; day < 3000; day++) {
      const place = `/mnt/of-day-${day}`;
      state.mounts = [
        ...mounted,
        { device: `9:${day}`, mountPoint: place, fsType: "xfs", source: "/dev/sdx", isReadOnly: false },
      ];
      clock.advance(minuteMs);
    }
    expect(state.kept.size).toBeLessThan(1010);
    expect(state.kept.has("/mnt/of-day-2999")).toBe(true);
    expect(state.kept.has("/mnt/a")).toBe(true);
  });

  test("Rounds: mounts that are found come and go with the table; ours beside the predecessor's metric", () => {
    const { clock, points, rounds, state } = fixture({ find: true, onlyOriginal: false });
    rounds.start();
    clock.advance(0);
    expect(rounds.views().map(({ watched }) => watched.path)).toEqual(["/mnt/a", "/mnt/b", "/"]);
    expect(points.filter(({ path }) => path.startsWith("stats.root")).map(({ path, value }) => [path, value])).toEqual([
      ["stats.root", 0],
      ["stats.root_used_bytes", 400],
      ["stats.root_available_bytes", 600],
      ["stats.root_used_percent", 40],
      ["stats.root_inodes_used_percent", 50],
      ["stats.root_latency_ms", 2],
    ]);
    state.mounts = mounted.filter(({ mountPoint }) => mountPoint !== "/");
    clock.advance(minuteMs);
    expect(rounds.views().map(({ watched }) => watched.path)).toEqual(["/mnt/a", "/mnt/b"]);
    rounds.stop();
    const before = points.length;
    clock.advance(5 * minuteMs);
    expect(points.length).toBe(before);
  });
});

/** Sample views of Chimney's pages: many checks, one in trouble, nothing at all, hostile and endless words. */
import type { CheckPageView, CheckRow, OverviewView, StripHour } from "../../src/signals/chimney/pages/view.ts";
import { hostileName, sampleNow } from "./samples-console.ts";

const now = sampleNow;
const frame = { mountPath: "/chimney", now };
const hourMs = 3_600_000;
const endless = "x".repeat(400);

function strip(count: number, spanMs: number, badAt: readonly number[] = [], from = 0): StripHour[] {
  return Array.from({ length: count }, (_, position) => ({
    at: now - (count - position) * spanMs,
    runs: position < from ? 0 : 60,
    bad: badAt.includes(position) ? (position % 2 === 0 ? 60 : 7) : 0,
  }));
}

/** The first page with these rows, which are all there is. */
function overview(rows: readonly CheckRow[], facts: Partial<OverviewView> = {}): OverviewView {
  const down = rows.filter(({ level }) => level === "down");
  return {
    ...frame,
    rows,
    counts: {
      all: rows.length,
      down: down.length,
      shaky: rows.filter(({ isShaky }) => isShaky).length,
      unknown: rows.filter(({ level }) => level === "unknown").length,
      downNames: down.map(({ name }) => name),
    },
    search: "",
    page: 0,
    pages: 1,
    found: rows.length,
    file: undefined,
    trouble: undefined,
    ...facts,
  };
}

function row(name: string, facts: Partial<CheckRow> = {}): CheckRow {
  return {
    name,
    kind: "http",
    target: "https://shop.example/",
    level: "up",
    sinceAt: now - 40 * hourMs,
    lastAt: now - 12_000,
    isAsking: false,
    isShaky: false,
    reason: "Status 200",
    latencyMs: 84,
    failing: [],
    hours: strip(24, hourMs),
    goodShare: 1,
    ...facts,
  };
}

const failing = [
  "shop.tests.Basket.test_total failed: AssertionError: 3 != 4",
  "shop.tests.Mail.test_send errored: ConnectionRefusedError: [Errno 111] Connection refused",
];
const down = row("shop smoke tests", {
  kind: "smoketest",
  target: "https://shop.example/smoketest/",
  level: "down",
  sinceAt: now - 1_900_000,
  reason: "2 of 19 tests failed",
  failing,
  hours: strip(24, hourMs, [3, 22, 23]),
  goodShare: 0.931,
});
const beat = row("nightly backup", {
  kind: "heartbeat",
  target: "",
  reason: "It beat",
  latencyMs: 0,
  hours: strip(24, hourMs, [], 20),
});
const hostile = row(`${hostileName} ${endless}`, {
  target: `https://x.example/${endless}`,
  reason: `${hostileName} ${endless}`,
  isShaky: true,
});

/** The first page. */
export const chimneySamples: Record<string, OverviewView> = {
  well: overview(
    [
      row("shop"),
      row("billing", { latencyMs: 1204 }),
      row("mail", { kind: "tcp", reason: "Connected", latencyMs: 3 }),
      beat,
    ],
    {
      file: "/etc/warren/checks.toml",
      counts: { all: 412, down: 0, shaky: 0, unknown: 0, downNames: [] },
      search: "i",
      page: 1,
      pages: 3,
      found: 212,
    },
  ),
  trouble: overview(
    [
      down,
      row("api", {
        isShaky: true,
        reason: "No answer within 10000 ms",
        latencyMs: 10_003,
        hours: strip(24, hourMs, [23]),
        goodShare: 0.98,
      }),
      row("shop"),
      row("new", {
        level: "unknown",
        lastAt: undefined,
        latencyMs: undefined,
        goodShare: undefined,
        reason: "",
        hours: strip(24, hourMs, [], 24),
      }),
    ],
    {
      file: "/etc/chimney/config.json",
      trouble: 'Cannot read the checks in "/etc/chimney/config.json": tests.0.url: Invalid input',
    },
  ),
  empty: overview([]),
  hostile: overview([hostile, row(endless)], { file: `/${endless}`, trouble: hostileName, search: hostileName }),
};

const page: CheckPageView = {
  ...frame,
  row: row("shop"),
  nextAt: now + 41_000,
  status: 200,
  address: "203.0.113.9",
  finalUrl: undefined,
  expiresAt: undefined,
  excerpt: undefined,
  tests: undefined,
  beatUrl: undefined,
  lastBeatAt: undefined,
  everyMs: 24 * hourMs,
  graceMs: 2 * hourMs,
  intervalMs: 60_000,
  shares: [1, 0.9993, 0.9987],
  percentilesMs: [81, 142, 390],
  days: strip(30, 24 * hourMs, [7, 19]),
  latencies: Array.from({ length: 100 }, (_, position) => 80 + ((position * 37) % 60)),
  spells: [
    { level: "up", fromAt: now - 40 * hourMs, untilAt: undefined, reason: "Status 200", failing: [] },
    {
      level: "down",
      fromAt: now - 41 * hourMs,
      untilAt: now - 40 * hourMs,
      reason: "Status 502, wanted 200-299",
      failing: [],
    },
  ],
  results: Array.from({ length: 5 }, (_, position) => ({
    at: now - position * 61_000,
    isGood: true,
    latencyMs: 80 + position,
    status: 200,
    reason: "",
  })),
};

/** The page of one check. */
export const checkSamples: Record<string, CheckPageView> = {
  well: page,
  trouble: {
    ...page,
    row: down,
    status: 500,
    tests: { run: 19, passed: 17, failed: 1, errored: 1, classes: 10, timeMs: 1298.77 },
    spells: [
      { level: "down", fromAt: now - 1_900_000, untilAt: undefined, reason: "2 of 19 tests failed", failing },
      ...page.spells,
    ],
    results: page.results.map((result) => ({ ...result, isGood: false, status: 500, reason: "2 of 19 tests failed" })),
  },
  empty: {
    ...page,
    row: { ...beat, level: "unknown", lastAt: undefined, reason: "" },
    beatUrl: "https://warren.example/chimney/beat/3f0c9a7be2d84716a5b0c1d2e3f40516",
    shares: [undefined, undefined, undefined],
    percentilesMs: [],
    latencies: [],
    spells: [],
    results: [],
    status: undefined,
    address: undefined,
  },
  hostile: {
    ...page,
    row: { ...hostile, failing: [hostileName, endless] },
    excerpt: `${hostileName}\n${endless}`,
    finalUrl: `javascript:${endless}`,
  },
};

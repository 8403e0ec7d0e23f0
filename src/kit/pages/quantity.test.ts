import { expect, test } from "bun:test";

import {
  countOf,
  formatAge,
  formatCount,
  formatInstant,
  formatNamed,
  formatShare,
  formatSize,
  formatSpan,
} from "./quantity.ts";

test("formatSize: three digits in binary units, never four", () => {
  expect(
    [0, 1, 999, 1000, 1023, 1024, 1536, 10 * 1024, 812 * 2 ** 30, 1863 * 2 ** 30, 2 ** 60].map(formatSize),
  ).toEqual([
    "0 B",
    "1 B",
    "999 B",
    "0.98 KiB",
    "1.00 KiB",
    "1.00 KiB",
    "1.50 KiB",
    "10.0 KiB",
    "812 GiB",
    "1.82 TiB",
    "1.00 EiB",
  ]);
  expect(formatSize(Infinity)).toBe("no limit");
  expect(formatSize(Number.NaN)).toBe("–");
});

test("formatShare: what is nearly all is not said to be all", () => {
  expect([0, 0.0004, 0.334, 0.9999, 1].map(formatShare)).toEqual(["0 %", "< 0.1 %", "33.4 %", "99.9 %", "100 %"]);
});

test("formatSpan: at most two neighbouring units", () => {
  expect([12, 45_000, 60_000, 3_599_000, 273_000_000, 86_400_000].map(formatSpan)).toEqual([
    "12 ms",
    "45 s",
    "1 min",
    "59 min 59 s",
    "3 d 3 h",
    "1 d",
  ]);
});

test("formatAge: stands still between two looks, and knows of clocks that run ahead", () => {
  const now = 1_800_000_000_000;
  const ages = [0, 9999, 10_000, 19_999, 61_000, 7_200_000, 200_000_000, -60_000];
  expect(ages.map((ageMs) => formatAge(now - ageMs, now))).toEqual([
    "just now",
    "just now",
    "10 s ago",
    "10 s ago",
    "1 min ago",
    "2 h ago",
    "2 d ago",
    "in 1 min",
  ]);
});

test("formatInstant: UTC to the second, a dash for what is no time", () => {
  expect([0, Number.NaN, 9e15].map(formatInstant)).toEqual(["1970-01-01 00:00:00", "–", "–"]);
});

test("countOf: number and noun agree", () => {
  expect([0, 1, 12_034].map((count) => countOf(count, "copy", "copies"))).toEqual([
    "no copies",
    "1 copy",
    "12,034 copies",
  ]);
  expect(formatCount(Number.NaN)).toBe("–");
});

test("formatNamed: the name's ending is its unit, its humps are words", () => {
  const facts: [string, string | number][] = [
    ["freeBytes", 75_902_705_664],
    ["bytesPerSecond", 2048],
    ["waitMs", 61_000],
    ["percent", 42],
    ["nodesLeft", 12_000],
    ["position", "bucket 3"],
    ["load", 0.12345],
  ];
  expect(facts.map(([name, value]) => Object.values(formatNamed(name, value)).join(" "))).toEqual([
    "free 70.7 GiB",
    "at 2.00 KiB/s",
    "wait 1 min 1 s",
    "done 42.0 %",
    "nodes left 12,000",
    "position bucket 3",
    "load 0.123",
  ]);
});

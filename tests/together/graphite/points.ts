/**
 * The series that both sides are given: hosts with gaps, counters that wrap, mixed steps, tags, seasons, and values at the edges
 * of what numbers can say. Made from a fixed sequence, so every run compares the same.
 */
import type { MemoryEvent } from "../../../src/lib/graphite/memory-source.ts";
import type { FetchedSeries } from "../../../src/lib/graphite/source.ts";

/** 2026-11-18 14:13:20 UTC, a Wednesday: not on a whole minute, as is usual. */
export const nowSeconds = 1_795_011_200;
const day = 86_400;

function sequence(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

function series(
  path: string,
  stepSeconds: number,
  days: number,
  value: (index: number, random: () => number) => number,
): FetchedSeries {
  const length = Math.floor((days * day) / stepSeconds);
  const last = nowSeconds - (nowSeconds % stepSeconds);
  const seed = [...path].reduce((sum, char) => (sum * 31 + (char.codePointAt(0) ?? 0)) % 2_147_483_646, 7) + 1;
  const random = sequence(seed);
  return {
    path,
    stepSeconds,
    startSeconds: last - (length - 1) * stepSeconds,
    values: Float64Array.from({ length }, (_, index) => value(index, random)),
  };
}

const round = (value: number) => Math.round(value * 100) / 100;
const gap = (random: () => number, part: number, value: number) => (random() < part ? Number.NaN : value);

function counter(top: number): (index: number, random: () => number) => number {
  let current = 0;
  return (_, random) => {
    current += Math.floor(random() * 50);
    if (current > top) current = Math.floor(random() * 10);
    return gap(random, 0.03, current);
  };
}

/** Every series. */
export const points: readonly FetchedSeries[] = [
  ...["web1", "web2", "web3", "web10"].flatMap((host, number) => [
    series(`hosts.${host}.cpu`, 60, 2, (index, random) =>
      gap(random, 0.05, round(40 + number * 5 + 20 * Math.sin(index / 30) + random() * 10)),
    ),
    series(`hosts.${host}.requests`, 60, 2, counter(4000 * (number + 1))),
    series(`hosts.${host}.mem.used`, 60, 2, (_, random) => Math.floor(random() * 4e9)),
    series(`hosts.${host}.mem.total`, 60, 2, () => 8e9),
  ]),
  series("hosts.db1.cpu", 10, 1, (index, random) =>
    gap(random, 0.1, round(30 + 10 * Math.cos(index / 100) + random() * 5)),
  ),
  series("hosts.db2.cpu", 300, 9, (_, random) => round(random() * 100)),
  series("mixed.slow", 120, 2, (_, random) => gap(random, 0.2, round(random() * 10))),
  series("mixed.slower", 180, 2, (_, random) => round(random() * 10)),
  series("whole.a", 60, 2, (index) => index % 17),
  series("whole.b", 60, 2, (index) => (index * 7) % 13),
  series("whole.c", 60, 2, (_, random) => Math.floor(random() * 5)),
  series("edge.empty", 60, 2, () => Number.NaN),
  series("edge.zero", 60, 2, () => 0),
  series("edge.seven", 60, 2, () => 7),
  series("edge.sparse", 60, 2, (index) => (index % 11 === 0 ? index : Number.NaN)),
  series("edge.negative", 60, 2, (_, random) => round(random() * 20 - 15)),
  series("edge.big", 60, 2, (_, random) => random() * 1e18),
  series("edge.small", 60, 2, (_, random) => random() * 1e-7),
  series("edge.fraction", 60, 2, (_, random) => gap(random, 0.1, random())),
  series("edge.half", 60, 2, (index) => index + 0.5),
  series("season.a", 60, 10, (index, random) => round(100 + 50 * Math.sin((index * Math.PI) / 720) + random() * 5)),
  series("season.gaps", 60, 10, (index, random) =>
    gap(random, 0.1, round(20 + 10 * Math.cos((index * Math.PI) / 720) + random())),
  ),
  series("cpu;dc=ams;host=a", 60, 2, (_, random) => round(random() * 100)),
  series("cpu;dc=ams;host=b", 60, 2, (_, random) => round(random() * 100)),
  series("cpu;dc=fra;host=c", 60, 2, (_, random) => gap(random, 0.1, round(random() * 100))),
  series("mem;dc=ams;host=a", 60, 2, (_, random) => round(random() * 100)),
];

/** Every event. */
export const events: readonly MemoryEvent[] = [
  { atSeconds: nowSeconds - 600, tags: ["deploy", "web"] },
  { atSeconds: nowSeconds - 600, tags: ["deploy"] },
  { atSeconds: nowSeconds - 1200, tags: ["restart"] },
];

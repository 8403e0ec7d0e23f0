/**
 * series beside carbon-cache and graphite-web: points taken over one connection, a render of a day of a hundred series, and
 * what a month takes on disk, how soon a node starts with it, and how soon it stops and starts with very many series.
 * A point counts as taken when the receiver closes the connection, which both do after the last line.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { filesBelow } from "../src/signals/series/disk-files.ts";
import { Schemas } from "../src/signals/series/schemas.ts";
import { SeriesStore } from "../src/signals/series/store.ts";
import { type ChildNode, startChild } from "../src/kit/testing/child-node.ts";
import { ManualClock } from "../src/kit/testing/manual-clock.ts";
import { seededRandom } from "../src/kit/random.ts";
import { Carbon, carbonPath } from "../tests/together/graphite/carbon.ts";
import { graphiteWebFile } from "../tests/together/graphite/oracle.ts";
import { medianOf, peakBytes, spreadText } from "./measure.ts";
import { type BenchTable, type Effort, sizeText } from "./report.ts";

interface Amounts {
  /** Points sent for each number of series. */
  ingest: readonly (readonly [series: number, points: number])[];
  rounds: number;
  rendered: { series: number; hours: number; times: number };
  month: { series: number; days: number };
  many: number;
}

const amounts: Record<Effort, Amounts> = {
  smoke: {
    ingest: [[10, 200]],
    rounds: 1,
    rendered: { series: 2, hours: 1, times: 1 },
    month: { series: 5, days: 0.05 },
    many: 100,
  },
  quick: {
    ingest: [
      [1000, 300_000],
      [20_000, 200_000],
    ],
    rounds: 1,
    rendered: { series: 100, hours: 24, times: 3 },
    month: { series: 100, days: 3 },
    many: 100_000,
  },
  full: {
    ingest: [
      [1000, 1_000_000],
      [100_000, 1_000_000],
    ],
    rounds: 3,
    rendered: { series: 100, hours: 24, times: 7 },
    month: { series: 1000, days: 30 },
    many: 100_000,
  },
};
const stepSeconds = 10;
const nowSeconds = () => Math.floor(Date.now() / 1000);

/** Measures all of it. */
export async function run(effort: Effort): Promise<BenchTable[]> {
  const folder = mkdtempSync(join(tmpdir(), "warren-series-bench-"));
  try {
    const { ingest, many, month, rendered, rounds } = amounts[effort];
    return [
      await measureIngest(folder, ingest, rounds),
      await measureRender(folder, rendered),
      await measureMonth(folder, month),
      await measureMany(folder, many),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function startNode(folder: string, name: string, retentions: string): Promise<ChildNode> {
  const home = join(folder, name);
  mkdirSync(home, { recursive: true });
  const schemas = join(home, "schemas.conf");
  writeFileSync(schemas, `[all]\npattern = .*\nretentions = ${retentions}\n`);
  const settings = [
    `[series]`,
    `schemas = ${JSON.stringify(schemas)}`,
    "new_series_per_minute = 100000000",
    "host_metrics = false",
    "own_metrics = false",
  ];
  return startChild({ folder: home, words: ["series"], config: `${settings.join("\n")}\n`, listen: "127.0.0.1:0" });
}

function linePort(node: ChildNode): number {
  const port = /series line\s+127\.0\.0\.1:(\d+)/.exec(node.output())?.[1];
  if (port === undefined) throw new Error(`no port is told:\n${node.output()}`);
  return Number(port);
}

/** Lines of points, in pieces as a relay would send them. */
function* linesOf(series: number, points: number): Generator<Buffer> {
  const random = seededRandom(7);
  const end = nowSeconds();
  const rounds = Math.ceil(points / series);
  let lines: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const at = end - (rounds - round) * stepSeconds;
    for (let which = 0; which < series; which++) {
      lines.push(`servers.s${which % 100}.m${Math.floor(which / 100)} ${Math.round(random() * 1000) / 10} ${at}\n`);
      if (lines.length === 2000) {
        yield Buffer.from(lines.join(""));
        lines = [];
      }
    }
  }
  yield Buffer.from(lines.join(""));
}

/** Seconds until the receiver has read all and closed. */
async function sendAll(port: number, pieces: readonly Buffer[]): Promise<number> {
  const socket = connect(port, "127.0.0.1");
  await new Promise<void>((settle, fail) => {
    socket.once("connect", () => settle());
    socket.once("error", fail);
  });
  socket.resume();
  const startedMs = performance.now();
  const closed = new Promise<void>((settle) => socket.once("close", () => settle()));
  for (const piece of pieces)
    if (!socket.write(piece)) await new Promise<void>((settle) => socket.once("drain", () => settle()));
  socket.end();
  await closed;
  return (performance.now() - startedMs) / 1000;
}

async function measureIngest(folder: string, cases: Amounts["ingest"], rounds: number): Promise<BenchTable> {
  const rows: BenchTable["rows"] = [];
  const best = new Map<string, number>();
  for (const [series, points] of cases) {
    const pieces = [...linesOf(series, points)];
    for (const who of ["series", "carbon-cache"] as const) {
      if (who === "carbon-cache" && !existsSync(carbonPath)) continue;
      const firsts: number[] = [];
      const rates: number[] = [];
      let peak = 0;
      for (let round = 0; round < rounds; round++) {
        const home = mkdtempSync(join(folder, "ingest-"));
        if (who === "series") {
          await using node = await startNode(home, "node", "10s:1d");
          firsts.push(points / (await sendAll(linePort(node), pieces)));
          rates.push(points / (await sendAll(linePort(node), pieces)));
          peak = Math.max(peak, peakBytes(node.pid));
          const status = (await (await fetch(`${node.url}/status.json`)).json()) as {
            figures: { pointsAccepted: number };
          };
          const wanted = 2 * Math.ceil(points / series) * series;
          if (status.figures.pointsAccepted !== wanted)
            throw new Error(`${status.figures.pointsAccepted} of ${wanted} points were taken`);
        } else {
          await using carbon = await Carbon.start(home, "10s:1d");
          firsts.push(points / (await sendAll(carbon.linePort, pieces)));
          rates.push(points / (await sendAll(carbon.linePort, pieces)));
          peak = Math.max(peak, peakBytes(carbon.pid));
        }
        rmSync(home, { recursive: true, force: true });
      }
      best.set(`${who} ${series}`, medianOf(rates));
      const ours = best.get(`series ${series}`) ?? 0;
      rows.push({
        receiver: who,
        series,
        "new names, points/s": Math.round(medianOf(firsts)),
        "known names, points/s": Math.round(medianOf(rates)),
        spread: spreadText(rates),
        "peak memory": sizeText(peak),
        "series is": who === "carbon-cache" ? `${(ours / medianOf(rates)).toFixed(1)} × as fast` : "",
      });
    }
  }
  return {
    title: "Points taken as lines over one TCP connection",
    rows,
    notes: [
      "First to a receiver that has just started, then the same again. series has points on disk, synced, a second after they came at the latest; carbon-cache has them in memory and writes later, without a sync.",
    ],
  };
}

async function measureRender(folder: string, { hours, series, times }: Amounts["rendered"]): Promise<BenchTable> {
  const count = (hours * 3600) / stepSeconds;
  const end = Math.floor(nowSeconds() / stepSeconds) * stepSeconds;
  const random = seededRandom(3);
  const all = Array.from({ length: series }, (_, which) => ({
    path: `bench.s${which}`,
    values: Array.from({ length: count }, () => Math.round(random() * 1000) / 10),
  }));
  const form = new URLSearchParams({ target: "bench.*", from: `-${hours}h`, format: "json", noCache: "1" });
  const ask = async (url: string) => {
    const startedMs = performance.now();
    const answer = await fetch(`${url}/render`, { method: "POST", body: form });
    const text = await answer.text();
    const tookMs = performance.now() - startedMs;
    const body = JSON.parse(text) as { datapoints: [number | null, number][] }[];
    const known = body.reduce((sum, { datapoints }) => sum + datapoints.filter(([value]) => value !== null).length, 0);
    return { tookMs, known };
  };
  const rows: BenchTable["rows"] = [];
  let ours = Number.NaN;
  {
    await using node = await startNode(folder, "render", "10s:2d");
    for (let from = 0; from < series; from += 10) {
      const lines = all
        .slice(from, from + 10)
        .flatMap(({ path, values }) =>
          values.map((value, at) => `${path} ${value} ${end - (count - 1 - at) * stepSeconds}\n`),
        );
      const answer = await fetch(`${node.url}/write`, { method: "POST", body: lines.join("") });
      if (!answer.ok) throw new Error(await answer.text());
    }
    const taken: Awaited<ReturnType<typeof ask>>[] = [];
    for (let time = 0; time <= times; time++) taken.push(await ask(node.url));
    ours = medianOf(taken.slice(1).map(({ tookMs }) => tookMs));
    rows.push({
      server: "series",
      "first, ms": Math.round(taken[0]?.tookMs ?? 0),
      "median, ms": Math.round(ours),
      points: taken[1]?.known ?? 0,
      "peak memory": sizeText(peakBytes(node.pid)),
    });
  }
  if (existsSync(graphiteWebFile)) {
    const home = mkdtempSync(join(folder, "web-"));
    const spec = {
      now: end,
      series: all.map(({ path, values }) => ({
        path,
        start: end - (count - 1) * stepSeconds,
        step: stepSeconds,
        retention: 2 * 8640,
        values,
      })),
      events: [],
    };
    await Bun.write(join(home, "series.json"), JSON.stringify(spec));
    const script = resolve(import.meta.dir, "../tests/together/graphite/graphite-web.py");
    const child = Bun.spawn(["/usr/bin/python3", script, home], { stdin: "pipe", stdout: "pipe", stderr: "ignore" });
    let said = "";
    for await (const chunk of child.stdout) {
      said += new TextDecoder().decode(chunk);
      if (said.includes("\n")) break;
    }
    try {
      const url = `http://127.0.0.1:${said.trim()}`;
      const taken: Awaited<ReturnType<typeof ask>>[] = [];
      for (let time = 0; time <= times; time++) taken.push(await ask(url));
      const theirs = medianOf(taken.slice(1).map(({ tookMs }) => tookMs));
      rows.push({
        server: "graphite-web",
        "first, ms": Math.round(taken[0]?.tookMs ?? 0),
        "median, ms": Math.round(theirs),
        points: taken[1]?.known ?? 0,
        "peak memory": sizeText(peakBytes(child.pid)),
        "series is": `${(theirs / ours).toFixed(1)} × as fast`,
      });
    } finally {
      await child.stdin.end();
      await child.exited;
    }
  }
  return {
    title: `Render of ${series} series × ${hours} h at ${stepSeconds} s, as JSON`,
    rows,
    notes: [
      "The time is until the whole answer is there. graphite-web reads whisper files on the same disk, from one process and without caches.",
    ],
  };
}

/** Values of the kinds that servers have: percentages, counters, loads, bytes, things that hardly change. */
function serverValue(which: number, before: number, random: () => number): number {
  switch (which % 5) {
    case 0:
      return Math.round(Math.min(100, Math.max(0, before + (random() - 0.5) * 8)) * 100) / 100;
    case 1:
      return before + Math.floor(random() * 2000);
    case 2:
      return Math.round(Math.max(0, before + (random() - 0.5) * 0.4) * 100) / 100;
    case 3:
      return Math.max(0, before + Math.floor((random() - 0.5) * 2000) * 4096);
    default:
      return random() < 0.01 ? Math.floor(random() * 100) : before;
  }
}

async function measureMonth(folder: string, { days, series }: Amounts["month"]): Promise<BenchTable> {
  const home = join(folder, "month");
  const data = join(home, "data", "series");
  mkdirSync(data, { recursive: true });
  const rounds = Math.floor((days * 86_400) / stepSeconds);
  const end = Math.floor(nowSeconds() / stepSeconds) * stepSeconds;
  const clock = new ManualClock((end - rounds * stepSeconds) * 1000);
  const random = seededRandom(11);
  const schemas = new Schemas("[all]\npattern = .*\nretentions = 10s:31d\n");
  const store = await SeriesStore.open({
    disk: filesBelow(data),
    clock,
    schemas,
    settings: { newSeriesPerMinute: 1e9 },
  });
  const paths = Array.from({ length: series }, (_, which) => `servers.s${which % 50}.m${Math.floor(which / 50)}`);
  const values = new Float64Array(series).fill(50);
  const startedMs = performance.now();
  for (let round = 0; round < rounds; round++) {
    clock.jump(stepSeconds * 1000);
    const atSeconds = Math.floor(clock.now() / 1000);
    store.write(
      paths.map((path, which) => {
        values[which] = serverValue(which, values[which] ?? 0, random);
        return { path, value: values[which] ?? 0, atSeconds };
      }),
    );
    // As the flush worker would, every two hours.
    if (round % 720 === 719) await store.flush();
    if (round % 8640 === 8639) await store.compact();
  }
  await store.flush();
  await store.compact();
  const tookSeconds = (performance.now() - startedMs) / 1000;
  const { filePoints } = store.figures();
  await store.close();
  const bytes = bytesBelow(data);
  const beginMs = performance.now();
  await using node = await startNode(folder, "month", "10s:31d");
  const startMs = performance.now() - beginMs;
  const restBytes = peakBytes(node.pid);
  const form = new URLSearchParams({
    target: "sumSeries(servers.*.m0)",
    from: "-30d",
    format: "json",
    maxDataPoints: "1000",
  });
  const askedMs = performance.now();
  const answer = await fetch(`${node.url}/render`, { method: "POST", body: form });
  await answer.arrayBuffer();
  return {
    title: `${days} days × ${series} series at ${stepSeconds} s on disk`,
    rows: [
      {
        points: filePoints,
        "on disk": sizeText(bytes),
        "bytes/point": (bytes / filePoints).toFixed(2),
        "written at, points/s": Math.round((rounds * series) / tookSeconds),
        "node ready, ms": Math.round(startMs),
        "peak memory at the start": sizeText(restBytes),
        "sum over all of the time, ms": Math.round(performance.now() - askedMs),
        "peak after it": sizeText(peakBytes(node.pid)),
      },
    ],
    notes: [
      "Five kinds of values in equal parts: a percentage and a load that wander with two decimals, a counter, bytes in pages, and something that hardly changes. whisper takes 12 bytes a point.",
      `The sum is of ${answer.ok ? Math.min(50, series) : "no"} series. The node is the whole program with series only.`,
    ],
  };
}

async function measureMany(folder: string, series: number): Promise<BenchTable> {
  const rows: BenchTable["rows"] = [];
  let node = await startNode(folder, "many", "10s:1d,1m:30d,10m:2y");
  await sendAll(linePort(node), [...linesOf(series, series * 6)]);
  for (const round of ["first", "second"]) {
    const peak = peakBytes(node.pid);
    const stoppingMs = performance.now();
    await node.end();
    const stopMs = performance.now() - stoppingMs;
    const startingMs = performance.now();
    node = await startNode(folder, "many", "10s:1d,1m:30d,10m:2y");
    const found = (await (await fetch(`${node.url}/status.json`)).json()) as { figures: { series: number } };
    rows.push({
      time: round,
      series: found.figures.series,
      "stop, ms": Math.round(stopMs),
      "start, ms": Math.round(performance.now() - startingMs),
      "peak memory before": sizeText(peak),
    });
  }
  await node.end();
  return { title: `Stop and start with ${series} series and six new points of each`, rows, notes: [] };
}

function bytesBelow(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    bytes += entry.isDirectory() ? bytesBelow(path) : statSync(path).size;
  }
  return bytes;
}

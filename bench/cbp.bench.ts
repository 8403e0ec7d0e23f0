/**
 * TCP proxying beside HAProxy (one thread, TCP mode) and beside the least that a proxy on Bun can be: one stream at full
 * speed, round trips, new connections, and memory of open ones. Each proxy has core 0 for itself; the load, which is
 * client and upstream in one process, has core 1. The proxies are measured in many short turns, each time another one first,
 * and compared within a turn: other machines on the same hardware come and go by the second.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";

import { startChild, until } from "../src/kit/testing/child-node.ts";
import { freePort } from "../src/kit/testing/free-port.ts";
import { cpuSeconds, medianOf, mustHave, onCore, pin, ratioOf, residentBytes } from "./measure.ts";
import { type BenchTable, type Effort, sizeText, verdict } from "./report.ts";

interface Amounts {
  turns: number;
  bytes: number;
  rounds: number;
  connections: number;
  /** Connections before the first turn. */
  warmUp: number;
  held: number;
}

const amounts: Record<Effort, Amounts> = {
  smoke: { turns: 1, bytes: 2 ** 24, rounds: 200, connections: 100, warmUp: 100, held: 50 },
  quick: { turns: 9, bytes: 2 ** 30, rounds: 5000, connections: 5000, warmUp: 30_000, held: 2000 },
  full: { turns: 35, bytes: 2 ** 31, rounds: 10_000, connections: 10_000, warmUp: 50_000, held: 5000 },
};
/** Connections that are made at the same time. */
const width = 16;
const goals = { bulk: 1, connections: 0.9, latency: 1.5, breaker: 1.05 };

interface Subject extends AsyncDisposable {
  readonly what: "direct" | "warren" | "haproxy" | "bare Bun";
  readonly port: number;
  readonly pid: number | undefined;
}

/** What was measured of a subject, turn by turn. */
type Course = (what: Subject["what"]) => { figures: readonly number[]; cpuUs: readonly number[] };

interface Load extends AsyncDisposable {
  readonly upstreamPort: number;
  ask(...words: (string | number)[]): Promise<Record<string, number>>;
}

/** Measures all of it. */
export async function run(effort: Effort): Promise<BenchTable[]> {
  mustHave("haproxy");
  const { bytes, connections, held, rounds, turns, warmUp } = amounts[effort];
  await using load = await startLoad();
  const subjects: Subject[] = [
    { what: "direct", port: load.upstreamPort, pid: undefined, [Symbol.asyncDispose]: () => Promise.resolve() },
    await startOurs(load.upstreamPort),
    await startHaproxy(load.upstreamPort),
    await startBare(load.upstreamPort),
  ];
  await using stack = new AsyncDisposableStack();
  for (const subject of subjects) stack.use(subject);

  const measured = async (
    amounts: { each: number; warmUp: number },
    words: (port: number, amount: number) => (string | number)[],
    of: string,
  ): Promise<Course> => {
    const values = new Map(subjects.map(({ what }) => [what, { figures: [] as number[], cpuUs: [] as number[] }]));
    for (const { port } of subjects) await load.ask(...words(port, amounts.warmUp));
    for (let turn = 0; turn < turns; turn++) {
      const first = turn % subjects.length;
      for (const { pid, port, what } of [...subjects.slice(first), ...subjects.slice(0, first)]) {
        const before = pid === undefined ? 0 : cpuSeconds(pid);
        const answer = await load.ask(...words(port, amounts.each));
        values.get(what)?.figures.push(answer[of] ?? Number.NaN);
        values.get(what)?.cpuUs.push((((pid === undefined ? 0 : cpuSeconds(pid)) - before) / amounts.each) * 1e6);
      }
    }
    return (what) => values.get(what) ?? { figures: [], cpuUs: [] };
  };

  const gib = bytes / 2 ** 30;
  const bulk = await measured({ each: bytes, warmUp: bytes }, (port, amount) => ["bulk", port, amount], "seconds");
  const echo = await measured({ each: rounds, warmUp: rounds }, (port, amount) => ["echo", port, amount], "p50Us");
  // Before connections come and go by the thousand: what those leave behind would be used again.
  const atRest = new Map(subjects.map(({ pid, what }) => [what, pid === undefined ? 0 : residentBytes(pid)]));
  const memory = new Map<string, number>();
  for (const { pid, port, what } of subjects) {
    if (pid === undefined) continue;
    await load.ask("hold", port, held);
    memory.set(what, (residentBytes(pid) - (atRest.get(what) ?? 0)) / held);
    await load.ask("drop");
  }
  const fresh = await measured(
    { each: connections, warmUp },
    (port, amount) => ["connect", port, amount, width],
    "seconds",
  );

  const mid = (course: Course, what: Subject["what"]) => medianOf(course(what).figures);
  const added = (what: Subject["what"]) => {
    const { figures } = echo("direct");
    return echo(what).figures.map((figure, turn) => figure - (figures[turn] ?? Number.NaN));
  };
  const rows = subjects.map(({ what }) => ({
    through: what,
    "GiB/s": (gib / mid(bulk, what)).toFixed(2),
    "CPU ms/GiB": what === "direct" ? "" : ((medianOf(bulk(what).cpuUs) * 2 ** 30) / 1000).toFixed(0),
    "round trip p50 us": mid(echo, what).toFixed(1),
    "added us": what === "direct" ? "" : medianOf(added(what)).toFixed(1),
    "CPU us/trip": what === "direct" ? "" : medianOf(echo(what).cpuUs).toFixed(1),
    "connections/s": (connections / mid(fresh, what)).toFixed(0),
    "CPU us/connection": what === "direct" ? "" : medianOf(fresh(what).cpuUs).toFixed(1),
    "memory each": what === "direct" ? "" : sizeText(Math.max(0, Math.round(memory.get(what) ?? 0))),
  }));
  const bulkRatio = ratioOf(bulk("haproxy").figures, bulk("warren").figures);
  const rateRatio = ratioOf(fresh("haproxy").figures, fresh("warren").figures);
  const latencyRatio = ratioOf(added("warren"), added("haproxy"));
  const breakerRatios = [bulk, echo, fresh].map((course) =>
    ratioOf(course("warren").figures, course("bare Bun").figures),
  );
  const worst = Math.max(...breakerRatios);
  return [
    {
      title: "One stream, round trips of 16 bytes, new connections, open connections",
      rows,
      notes: [
        `${sizeText(bytes)} a stream, ${rounds} round trips, ${connections} connections ${width} at a time with a byte each way, ${held} held; medians of ${turns} turns, ratios those of the turns' own.`,
        "Memory is what is resident beyond rest, for each open connection; kernel buffers are not in it.",
      ],
    },
    {
      title: "Ratios",
      rows: [
        { of: "bulk, warren / haproxy", ratio: bulkRatio.toFixed(2), goal: verdict(bulkRatio >= goals.bulk, "≥ 1.0") },
        {
          of: "connections/s, warren / haproxy",
          ratio: rateRatio.toFixed(2),
          goal: verdict(rateRatio >= goals.connections, "≥ 0.9"),
        },
        {
          of: "added p50, warren / haproxy",
          ratio: latencyRatio.toFixed(2),
          goal: verdict(latencyRatio <= goals.latency, "≤ 1.5"),
        },
        ...["bulk time", "round trip", "time for connections"].map((of, index) => ({
          of: `${of}, warren / bare Bun`,
          ratio: (breakerRatios[index] ?? Number.NaN).toFixed(2),
          goal: verdict((breakerRatios[index] ?? Number.NaN) <= goals.breaker, "≤ 1.05"),
        })),
      ],
      notes: [
        `The breaker, limits, time-outs and counts cost at most ${Math.max(0, (worst - 1) * 100).toFixed(0)} % of the bare proxy.`,
      ],
    },
  ];
}

async function startLoad(): Promise<Load> {
  const child = Bun.spawn([...onCore(1), process.execPath, join(import.meta.dir, "cbp-load.ts")], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const lines = createInterface({ input: Readable.fromWeb(child.stdout as never) })[Symbol.asyncIterator]();
  const next = async () => String((await lines.next()).value);
  const upstreamPort = Number(await next());
  return {
    upstreamPort,
    async ask(...words) {
      child.stdin.write(`${words.join(" ")}\n`);
      await child.stdin.flush();
      return JSON.parse(await next()) as Record<string, number>;
    },
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  };
}

async function startOurs(upstreamPort: number): Promise<Subject> {
  const node = await startChild({
    words: ["cbp", "--local", "127.0.0.1:0", "--remote", `127.0.0.1:${upstreamPort}`, "--max-connections", "9000"],
  });
  pin(node.pid, 0);
  const port = Number(/^cbp cbp +\S+:(\d+)$/m.exec(node.output())?.[1]);
  return { what: "warren", port, pid: node.pid, [Symbol.asyncDispose]: () => node[Symbol.asyncDispose]() };
}

async function startBare(upstreamPort: number): Promise<Subject> {
  const words = [...onCore(0), process.execPath, join(import.meta.dir, "bare-proxy.ts"), String(upstreamPort)];
  const child = Bun.spawn(words, { stdout: "pipe", stderr: "inherit" });
  const reader = child.stdout.getReader();
  const port = Number(new TextDecoder().decode((await reader.read()).value));
  return {
    what: "bare Bun",
    port,
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  };
}

async function startHaproxy(upstreamPort: number): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), "warren-bench-"));
  const port = freePort();
  const path = join(folder, "haproxy.cfg");
  await Bun.write(
    path,
    [
      "global",
      "  nbthread 1",
      "  maxconn 9000",
      "defaults",
      "  mode tcp",
      "  timeout connect 5s",
      "  timeout client 1h",
      "  timeout server 1h",
      "listen bench",
      `  bind 127.0.0.1:${port} backlog 1024`,
      `  server upstream 127.0.0.1:${upstreamPort}`,
      "",
    ].join("\n"),
  );
  const child = Bun.spawn([...onCore(0), "haproxy", "-db", "-f", path], { stdout: "ignore", stderr: "ignore" });
  await until("HAProxy listens", async () => {
    try {
      (await Bun.connect({ hostname: "127.0.0.1", port, socket: { data: () => undefined } })).terminate();
      return true;
    } catch (thrown) {
      if (!(thrown instanceof Error)) throw thrown;
      return false;
    }
  });
  return {
    what: "haproxy",
    port,
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

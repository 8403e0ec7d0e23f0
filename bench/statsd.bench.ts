/**
 * How many datagrams a statsd takes without losing one, beside Etsy's own in the same run; how many metrics in packed
 * datagrams, with what processor time; and what a hundred thousand names cost. Nothing is tied to a core: a receiver that
 * has to share its core with strangers loses what it could have taken. What was sent is compared with what the receiver
 * counted, so a loss anywhere is seen.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { startChild, until } from "../src/kit/testing/child-node.ts";
import { freePorts } from "../src/kit/testing/free-port.ts";
import { cpuSeconds, pause, peakBytes, residentBytes } from "./measure.ts";
import { type BenchTable, type Effort, sizeText, verdict } from "./report.ts";

const mib = 2 ** 20;
const amounts: Record<Effort, { rates: number[]; packed: number[]; seconds: number; names: number; flushes: number }> =
  {
    smoke: { rates: [2000], packed: [500], seconds: 0.3, names: 1000, flushes: 1 },
    quick: { rates: [20_000, 40_000, 120_000, 200_000], packed: [20_000], seconds: 2, names: 100_000, flushes: 3 },
    full: {
      rates: [10_000, 20_000, 40_000, 80_000, 120_000, 160_000, 200_000, 300_000],
      packed: [10_000, 20_000, 40_000],
      seconds: 5,
      names: 100_000,
      flushes: 6,
    },
  };
const metricsInPacked = 50;
const namesInRates = 1000;

/** A receiver that runs. */
interface Receiver extends AsyncDisposable {
  readonly what: string;
  readonly pid: number;
  readonly port: number;
  /** Packets it counted so far. */
  packets(): Promise<number>;
}

/** Measures rates and memory. */
export async function run(effort: Effort): Promise<BenchTable[]> {
  const { flushes, names, packed, rates, seconds } = amounts[effort];
  const tables: BenchTable[] = [];
  for (const [title, list, metrics] of [
    ["Datagrams of one metric each", rates, 1],
    [`Datagrams of ${metricsInPacked} metrics each`, packed, metricsInPacked],
  ] as const) {
    const rows: BenchTable["rows"] = [];
    for (const start of [startOurs, startEtsy]) {
      await using receiver = await start();
      if (!receiver) continue;
      for (const rate of list) rows.push(await measure(receiver, rate, seconds, metrics));
    }
    tables.push({
      title,
      rows,
      notes: [
        `${seconds} s each over loopback, counters over ${namesInRates} names; lost is sent minus counted by the receiver.`,
        "Processor is that of the receiver, in shares of one core. The sender is another program on Bun.",
      ],
    });
  }
  tables.push(await nameMemory(names, flushes, ["c"]));
  tables.push(await nameMemory(names, flushes, ["c", "ms", "g", "s"]));
  return tables;
}

async function measure(
  receiver: Receiver,
  rate: number,
  seconds: number,
  metrics: number,
): Promise<Record<string, string>> {
  const before = await receiver.packets();
  const cpuBefore = cpuSeconds(receiver.pid);
  const { sent, tookMs } = await load(receiver.port, rate, seconds, metrics, namesInRates);
  let counted = 0;
  // What is in the socket's buffer still counts; it is read when two looks give the same.
  for (let last = -1; counted !== last;) {
    last = counted;
    await pause(200);
    counted = (await receiver.packets()) - before;
  }
  const achieved = sent / (tookMs / 1000);
  const lost = sent - counted;
  return {
    receiver: receiver.what,
    "sent/s": achieved.toFixed(0),
    "metrics/s": (achieved * metrics).toFixed(0),
    lost: lost === 0 ? "none" : `${((lost / sent) * 100).toFixed(2)} %`,
    core: `${(((cpuSeconds(receiver.pid) - cpuBefore) / (tookMs / 1000)) * 100).toFixed(0)} %`,
  };
}

async function load(port: number, rate: number, seconds: number, metrics: number, names: number, types = ["c"]) {
  const words = [
    process.execPath,
    join(import.meta.dir, "statsd-load.ts"),
    ...[port, rate, seconds, metrics, names].map(String),
    types.join(","),
  ];
  const child = Bun.spawn(words, { stdout: "pipe", stderr: "inherit" });
  return JSON.parse(await new Response(child.stdout).text()) as { sent: number; tookMs: number };
}

async function startOurs(): Promise<Receiver> {
  const node = await startChild({ words: ["statsd", "--flush-every", "1s"] });
  return {
    what: "warren",
    pid: node.pid,
    port: portIn(node.output(), "udp"),
    async packets() {
      const status = (await (await fetch(`${node.url}/status.json`)).json()) as { counts: { packets: number } };
      return status.counts.packets;
    },
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  };
}

/** Etsy's, as its package starts it; undefined where Node or the package is missing. */
async function startEtsy(): Promise<Receiver | undefined> {
  const program = resolve(import.meta.dir, "../node_modules/statsd/stats.js");
  const node = Bun.which("node");
  if (node === null || !existsSync(program)) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "warren-bench-"));
  const [port = 0, admin = 0] = freePorts(2);
  const config = `{ port: ${port}, address: '127.0.0.1', mgmt_port: ${admin}, mgmt_address: '127.0.0.1', flushInterval: 3600000 }`;
  writeFileSync(join(folder, "config.js"), config);
  const child = Bun.spawn([node, program, join(folder, "config.js")], {
    cwd: resolve(program, ".."),
    stdout: "ignore",
    stderr: "ignore",
  });
  const packets = async () => {
    const answer = await ask(admin, "counters\nquit\n");
    return Number(/packets_received': (\d+)/.exec(answer)?.[1] ?? Number.NaN);
  };
  await until("Etsy's statsd answers", async () => {
    try {
      return Number.isInteger(await packets());
    } catch (thrown) {
      if (thrown instanceof Error) return false;
      throw thrown;
    }
  });
  return {
    what: "etsy on node",
    pid: child.pid,
    port,
    packets,
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Sends commands to an admin port; the answer until it ends, or has an end mark. */
async function ask(port: number, text: string): Promise<string> {
  let answer = "";
  return new Promise((resolve, reject) => {
    Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (socket) => void socket.write(text.split("\n")[0] ?? ""),
        data(socket, bytes) {
          answer += bytes.toString();
          if (answer.includes("END\n")) socket.end();
        },
        close: () => resolve(answer),
        error: (_socket, failure) => reject(failure),
      },
    }).catch(reject);
  });
}

async function nameMemory(names: number, flushes: number, types: string[]): Promise<BenchTable> {
  let flushed = 0;
  const sink = createServer((socket) => {
    socket.on("data", (bytes: Buffer) => {
      if (bytes.includes("numStats")) flushed++;
    });
    socket.on("error", () => undefined);
  });
  await new Promise<void>((done) => sink.listen(0, "127.0.0.1", done));
  const { port } = sink.address() as { port: number };
  try {
    await using node = await startChild({
      words: ["statsd", "--flush-every", "2s", "--graphite", `127.0.0.1:${port}`],
    });
    const atRest = residentBytes(node.pid);
    const rate = names / metricsInPacked;
    await load(portIn(node.output(), "udp"), rate, 1, metricsInPacked, names, types);
    const before = flushed;
    await until("it has flushed them", () => flushed >= before + flushes, 60_000);
    const resident = residentBytes(node.pid);
    const text = await (await fetch(`${node.url}/status.json`)).text();
    const { lastFlush, names: held } = JSON.parse(text) as {
      names: number;
      lastFlush: { points: number; tookMs: number };
    };
    return {
      title: `${names} distinct names (${types.join(", ")}), flushed ${flushes} times to a Graphite`,
      rows: [
        {
          names: held,
          before: sizeText(atRest),
          resident: sizeText(resident),
          peak: sizeText(peakBytes(node.pid)),
          goal: verdict(resident <= 150 * mib, "150 MiB"),
          "values in a flush": lastFlush.points,
          "flush took ms": lastFlush.tookMs.toFixed(0),
        },
      ],
      notes: ["Packets are read while a flush is written."],
    };
  } finally {
    sink.close();
  }
}

function portIn(output: string, purpose: string): number {
  return Number(new RegExp(`^statsd ${purpose} +\\S+:(\\d+)$`, "m").exec(output)?.[1]);
}

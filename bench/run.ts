/**
 * `bun run bench [name] [--quick]`: without a name lists the benches; with one runs it, or all whose name begins with it
 * and a dash. Prints the tables and keeps them in `bench/results/<name>.md`; `--quick` prints only.
 */
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  type Bench,
  type BenchTable,
  type Conditions,
  type Effort,
  loadNow,
  machineText,
  pageText,
  sizeText,
  tableText,
} from "./report.ts";

/** Every bench there is. */
export const benches: readonly Bench[] = [
  {
    name: "cask-get",
    summary: "reading blobs held here, beside nginx",
    run: async (effort) => (await import("./cask-get.bench.ts")).run(effort),
  },
  {
    name: "cask-put",
    summary: "durable uploads to one node, beside a bare loop of the same disk work",
    run: async (effort) => (await import("./cask-put.bench.ts")).run(effort),
  },
  {
    name: "cask-cluster",
    summary: "durable uploads to three nodes: rate and bytes on the wire",
    run: async (effort) => (await import("./cask-cluster.bench.ts")).run(effort),
  },
  {
    name: "cask-large",
    summary: "a blob of 4 GiB up and down: memory above rest",
    run: async (effort) => (await import("./cask-large.bench.ts")).run(effort),
  },
  {
    name: "cask-idle",
    summary: "memory and processor at rest, and the time to be ready",
    run: async (effort) => (await import("./cask-idle.bench.ts")).run(effort),
  },
  {
    name: "cask-store",
    summary: "durable writes of the disk store alone, beside a bare loop in the same process",
    run: async (effort) => {
      const { benchDurableWrites } = await import("./cask-store.ts");
      const amounts = {
        smoke: { count: 40, turns: 1 },
        quick: { count: 500, turns: 3 },
        full: { count: 1500, turns: 7 },
      };
      const rows: BenchTable["rows"] = [];
      for (const sizeBytes of [4096, 65_536]) {
        const result = await benchDurableWrites({ folder: tmpdir(), sizeBytes, ...amounts[effort] });
        rows.push({
          blob: sizeText(sizeBytes),
          "store, blobs/s": result.storeRate.toFixed(0),
          "bare loop, blobs/s": result.bareRate.toFixed(0),
          "store / bare loop": result.ratio.toFixed(2),
        });
      }
      return [{ title: "Durable writes, 32 in flight", rows, notes: [`Medians of ${amounts[effort].turns} turns.`] }];
    },
  },
  {
    name: "hakmes-transfer",
    summary: "a file of 2 GiB up and down, beside nginx with DAV",
    run: async (effort) => (await import("./hakmes-transfer.bench.ts")).run(effort),
  },
  {
    name: "hakmes-changes",
    summary: "what the second version of a file adds to the store",
    run: async (effort) => (await import("./hakmes-changes.bench.ts")).run(effort),
  },
  {
    name: "reticulum",
    summary: "images in new sizes and ready ones, beside the bare library and nginx",
    run: async (effort) => (await import("./reticulum.bench.ts")).run(effort),
  },
  {
    name: "statsd",
    summary: "datagrams without loss, beside Etsy's; packed metrics; memory of a hundred thousand names",
    run: async (effort) => (await import("./statsd.bench.ts")).run(effort),
  },
  {
    name: "cbp",
    summary: "TCP proxying beside HAProxy: one stream, round trips, new connections, open ones",
    run: async (effort) => (await import("./cbp.bench.ts")).run(effort),
  },
  {
    name: "houston",
    summary: "a hundred charts in Chromium, from the arrival of their figures until the last is drawn",
    run: async (effort) => (await import("./houston.bench.ts")).run(effort),
  },
  {
    name: "hound",
    summary: "a round over five thousand rules against the store, beside asking one by one",
    run: async (effort) => (await import("./hound.bench.ts")).run(effort),
  },
  {
    name: "series",
    summary: "metrics taken, drawn and kept, beside carbon-cache and graphite-web",
    run: async (effort) => (await import("./series.bench.ts")).run(effort),
  },
  {
    name: "windsock",
    summary: "one message to thousands of websockets beside nchan; idle memory; messages by ZeroMQ beside libzmq",
    run: async (effort) => (await import("./windsock.bench.ts")).run(effort),
  },
  {
    name: "chunker",
    summary: "cutting content into chunks, beside SHA-256",
    run: async (effort) => (await import("./chunker.bench.ts")).run(effort),
  },
  {
    name: "memberlist",
    summary: "what gossip costs, and how fast members agree",
    run: async (effort) =>
      (await import("./memberlist.bench.ts")).run(
        effort === "smoke" ? [5] : effort === "quick" ? [10] : [10, 100, 200],
      ),
  },
];

/** Runs a bench and says what it ran on. */
export async function runBench(bench: Bench, effort: Effort): Promise<{ page: string; text: string }> {
  const before = loadNow();
  const tables = await bench.run(effort);
  const on: Conditions = {
    date: new Date().toISOString().slice(0, 10),
    command: `bun run bench ${bench.name}${effort === "full" ? "" : ` --${effort}`}`,
    machine: machineText(),
    versions: [`Bun ${Bun.version}`, ...versionsOf(bench.name)],
    load: [before, loadNow()],
  };
  const text = tables
    .map(({ title, rows, notes }) => [title, tableText(rows, "text"), ...notes].join("\n"))
    .join("\n\n");
  return { page: pageText(bench, tables, on), text };
}

function versionsOf(name: string): string[] {
  if (!/^(?:cask|hakmes|reticulum)/.test(name)) return [];
  const asked: [string, string[]][] = [
    ["nginx", ["nginx", "-v"]],
    ["wrk", ["wrk", "-v"]],
    ["curl", ["curl", "--version"]],
  ];
  return asked.flatMap(([program, words]) => {
    if (Bun.which(program) === null) return [];
    const { stdout, stderr } = Bun.spawnSync(words);
    const version = /\d+\.[\d.]+\d/.exec(`${stdout.toString()}${stderr.toString()}`)?.[0] ?? "of unknown version";
    return [`${program} ${version}`];
  });
}

if (import.meta.main) {
  const words = process.argv.slice(2);
  const effort: Effort = words.includes("--smoke") ? "smoke" : words.includes("--quick") ? "quick" : "full";
  const name = words.find((word) => !word.startsWith("-"));
  const chosen = benches.filter((bench) => bench.name === name || bench.name.startsWith(`${name}-`));
  if (chosen.length === 0) {
    const width = Math.max(...benches.map((bench) => bench.name.length));
    const list = benches.map((bench) => `  ${bench.name.padEnd(width)}  ${bench.summary}`).join("\n");
    const failure = name === undefined ? "" : `There is no bench "${name}".\n`;
    process.stdout.write(`${failure}usage: bun run bench <name> [--quick]\n${list}\n`);
    process.exit(name === undefined ? 0 : 2);
  }
  for (const bench of chosen) {
    const { page, text } = await runBench(bench, effort);
    process.stdout.write(`${text}\n\n`);
    if (effort === "full") await Bun.write(join(import.meta.dir, "results", `${bench.name}.md`), page);
  }
}

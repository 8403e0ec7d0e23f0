/**
 * What gossip costs: clusters of 10 and 100 members in one process, on a network in memory and a clock that jumps. Times to
 * converge are virtual (what members of a real cluster would wait), processor times are real and include the simulated network.
 * No peer stands beside it: the figures are about the protocol, which hashicorp/memberlist shares.
 */
import { Cluster } from "../src/lib/memberlist/cluster.ts";
import type { Memberlist } from "../src/lib/memberlist/memberlist.ts";

/** One benchmark's table. */
export interface BenchTable {
  readonly title: string;
  readonly rows: Record<string, string | number>[];
  readonly notes: string[];
}

const QUIET_SECONDS = 60;
const SEEDS = [1, 2, 3];

interface Sample {
  readonly formMs: number;
  readonly joinMs: number;
  readonly suspectMs: number;
  readonly deathMs: number;
  readonly packetsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly processorShare: number;
  readonly falseDeaths: number;
}

/** Runs everything; some seconds. `sizes` are the members of each cluster, `loss` the share of datagrams lost. */
export async function run(sizes: readonly number[] = [10, 100]): Promise<BenchTable[]> {
  const rows: Record<string, string | number>[] = [];
  for (const size of sizes) {
    for (const loss of [0, 0.05]) {
      const samples: Sample[] = [];
      for (const seed of SEEDS) samples.push(await measure(size, seed, loss));
      const middle = (of: (sample: Sample) => number) => samples.map(of).sort((a, b) => a - b)[1] ?? 0;
      rows.push({
        members: size,
        loss: `${loss * 100} %`,
        "all start, all agree (s)": seconds(middle(({ formMs }) => formMs)),
        "join known to all (s)": seconds(middle(({ joinMs }) => joinMs)),
        "silence suspected by one (s)": seconds(middle(({ suspectMs }) => suspectMs)),
        "death known to all (s)": seconds(middle(({ deathMs }) => deathMs)),
        "datagrams /s/node": middle(({ packetsPerSecond }) => packetsPerSecond).toFixed(2),
        "bytes /s/node": Math.round(middle(({ bytesPerSecond }) => bytesPerSecond)),
        "processor /node": `${(middle(({ processorShare }) => processorShare) * 100).toFixed(4)} %`,
        "false deaths": samples.reduce((sum, sample) => sum + sample.falseDeaths, 0),
      });
    }
  }
  return [
    {
      title: "Membership in one process, profile lan",
      rows,
      notes: [
        `Median of ${SEEDS.length} seeds. Times are virtual; datagrams, bytes and processor time are of ${QUIET_SECONDS} quiet seconds.`,
        "Processor time is real time of one core for one second of one member, the simulated network included.",
        "Datagrams and bytes are those sent, without IP and UDP headers; push/pull streams come on top, one each 30 s or rarer.",
      ],
    },
  ];
}

async function measure(size: number, seed: number, loss: number): Promise<Sample> {
  const cluster = await Cluster.converged({ seed, size, loss });
  const formMs = cluster.clock.monotonicMs();
  const joiner = await cluster.add();
  const joinMs = must(await cluster.until(() => cluster.agreed(), 120_000), "join");
  await cluster.pass(5000);
  const rest = cluster.nodes.filter((node) => node !== joiner);
  let falseDeaths = 0;
  for (const node of rest) node.on("dead", ({ name }) => (falseDeaths += name === joiner.self.name ? 0 : 1));

  const before = sent(cluster.nodes);
  const startedMs = performance.now();
  await cluster.pass(QUIET_SECONDS * 1000);
  const realMs = performance.now() - startedMs;
  const after = sent(cluster.nodes);
  const nodeSeconds = QUIET_SECONDS * cluster.nodes.length;

  await joiner.stop();
  const stateSeen = (node: Memberlist) => node.members().find(({ name }) => name === joiner.self.name)?.state;
  const suspectMs = must(
    await cluster.until(() => rest.some((node) => stateSeen(node) !== "alive"), 120_000),
    "suspicion",
  );
  const restMs = must(await cluster.until(() => rest.every((node) => stateSeen(node) === "dead"), 240_000), "death");
  await Promise.all(rest.map((node) => node.stop()));
  return {
    formMs,
    joinMs,
    suspectMs,
    deathMs: suspectMs + restMs,
    packetsPerSecond: (after.packets - before.packets) / nodeSeconds,
    bytesPerSecond: (after.bytes - before.bytes) / nodeSeconds,
    processorShare: realMs / 1000 / nodeSeconds,
    falseDeaths,
  };
}

function sent(nodes: readonly Memberlist[]): { packets: number; bytes: number } {
  let packets = 0;
  let bytes = 0;
  for (const node of nodes) {
    const health = node.health();
    packets += health.packetsOut;
    bytes += health.packetBytesOut;
  }
  return { packets, bytes };
}

function must(tookMs: number | undefined, what: string): number {
  if (tookMs === undefined) throw new Error(`The cluster never agreed on a ${what}`);
  return tookMs;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2);
}

if (import.meta.main) {
  for (const { title, rows, notes } of await run()) {
    console.log(title);
    console.table(rows);
    for (const note of notes) console.log(note);
  }
}

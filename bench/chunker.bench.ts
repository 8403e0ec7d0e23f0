/**
 * How fast content is cut, beside plain SHA-256 of the same bytes in the same run, which every chunk needs anyway; and what
 * cutting by content saves after an edit. Runs in this process, on one core; times are of the processor, so that neighbours on
 * a busy machine disturb little, and of the clock.
 */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chunksOf } from "../src/lib/chunker/chunks.ts";
import { createCutter, type CutPlan, defaultCutPlan } from "../src/lib/chunker/cut-plan.ts";
import { newIn, noise, sizesOf } from "../src/lib/chunker/testing/inputs.ts";
import { medianOf, spreadText } from "./measure.ts";
import { type BenchTable, type Effort, sizeText, verdict } from "./report.ts";

const kib = 2 ** 10;
const mib = 2 ** 20;
const goalBytesPerSecond = 2 ** 30;
const pieceBytes = 64 * kib;
const fixedPlan: CutPlan = { kind: "fixed", sizeBytes: mib };
const finePlan: CutPlan = { kind: "content", minBytes: 4 * kib, averageBytes: 16 * kib, maxBytes: 64 * kib };
const amounts: Record<Effort, { inputBytes: number; rounds: number; editedBytes: number }> = {
  smoke: { inputBytes: 4 * mib, rounds: 3, editedBytes: 8 * mib },
  quick: { inputBytes: 64 * mib, rounds: 7, editedBytes: 64 * mib },
  full: { inputBytes: 256 * mib, rounds: 15, editedBytes: 1024 * mib },
};

/** Measures rates and savings. */
export async function run(effort: Effort): Promise<BenchTable[]> {
  const amount = amounts[effort];
  return [await rates(amount.inputBytes, amount.rounds), lengths(amount.editedBytes), savings(amount.editedBytes)];
}

/** One way of going through the input. */
interface Way {
  readonly name: string;
  run(input: Uint8Array<ArrayBuffer>): void | Promise<void>;
  readonly processorMs: number[];
  readonly clockMs: number[];
}

async function rates(inputBytes: number, rounds: number): Promise<BenchTable> {
  const input = noise(71, inputBytes);
  const way = (name: string, run: Way["run"]): Way => ({ name, run, processorMs: [], clockMs: [] });
  const hashing = way("SHA-256 alone", (bytes) => void new Bun.CryptoHasher("sha256").update(bytes).digest());
  const cutting = way("cutting by content alone, pieces of 64 KiB", (bytes) => cut(defaultCutPlan, bytes));
  const ways = [
    hashing,
    cutting,
    way("the same, 16 KiB on average", (bytes) => cut(finePlan, bytes)),
    way("cutting and gathering whole chunks", async (bytes) => {
      for await (const chunk of chunksOf(pieces(bytes), createCutter(defaultCutPlan))) void chunk;
    }),
    way("cutting, gathering and SHA-256 of each chunk", async (bytes) => {
      for await (const chunk of chunksOf(pieces(bytes), createCutter(defaultCutPlan)))
        void new Bun.CryptoHasher("sha256").update(chunk).digest();
    }),
  ];
  // The first round only warms up: afterwards all of it is compiled.
  for (let round = 0; round <= rounds; round++) {
    for (const { run, processorMs, clockMs } of ways) {
      const before = process.cpuUsage();
      const startedMs = performance.now();
      await run(input);
      const elapsedMs = performance.now() - startedMs;
      const { user, system } = process.cpuUsage(before);
      if (round === 0) continue;
      clockMs.push(elapsedMs);
      processorMs.push((user + system) / 1000);
    }
  }
  const perSecond = (times: number[]) => inputBytes / (medianOf(times) / 1000);
  return {
    title: `Rates over ${sizeText(inputBytes)} of noise, one core`,
    rows: ways.map(({ name, processorMs, clockMs }) => ({
      what: name,
      "MiB a second of processor": Math.round(perSecond(processorMs) / mib),
      spread: spreadText(processorMs),
      "MiB/s by the clock": Math.round(perSecond(clockMs) / mib),
      "of SHA-256": (medianOf(hashing.processorMs) / medianOf(processorMs)).toFixed(2),
    })),
    notes: [
      `Medians of ${rounds} interleaved rounds. "of SHA-256" compares the medians of processor time: above 1 is faster.`,
      verdict(
        perSecond(cutting.processorMs) >= goalBytesPerSecond,
        "cutting alone at least 1 GiB for a second of one core",
      ),
    ],
  };
}

function cut(plan: CutPlan, bytes: Uint8Array): void {
  const cutter = createCutter(plan);
  for (let at = 0; at < bytes.length; at += pieceBytes) cutter.push(bytes.subarray(at, at + pieceBytes));
}

async function* pieces(bytes: Uint8Array<ArrayBuffer>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

function lengths(inputBytes: number): BenchTable {
  const sizes = sizesOf(defaultCutPlan, noise(72, inputBytes))
    .slice(0, -1)
    .sort((left, right) => left - right);
  const at = (share: number) => sizeText(sizes[Math.floor(share * (sizes.length - 1))] ?? 0);
  const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  return {
    title: `Lengths of chunks in ${sizeText(inputBytes)} of noise, default plan`,
    rows: [
      {
        chunks: sizes.length,
        mean: sizeText(mean),
        least: at(0),
        "5 %": at(0.05),
        "50 %": at(0.5),
        "95 %": at(0.95),
        most: at(1),
      },
    ],
    notes: ["Bounds are 256 KiB and 4 MiB, cuts become frequent at 1 MiB."],
  };
}

function savings(editedBytes: number): BenchTable {
  const bytes = noise(73, editedBytes);
  const inserted = (place: number) => {
    const edited = new Uint8Array(bytes.length + 1);
    edited.set(bytes.subarray(0, place));
    edited[place] = 1;
    edited.set(bytes.subarray(place), place + 1);
    return edited;
  };
  const name = sizeText(editedBytes);
  const rows = [
    saving(`${name}, a byte put in at the front`, defaultCutPlan, fixedPlan, bytes, inserted(0)),
    saving(`${name}, a byte put in in the middle`, defaultCutPlan, fixedPlan, bytes, inserted(editedBytes / 2)),
  ];
  const hono = join(import.meta.dir, "../node_modules/hono");
  if (Bun.which("tar") !== null && existsSync(hono)) {
    const [earlier, later] = twoTars(hono);
    const title = `two tar files of a library, ${sizeText(later.length)}`;
    rows.push(saving(`${title}, 16 KiB on average`, finePlan, { kind: "fixed", sizeBytes: 16 * kib }, earlier, later));
    rows.push(saving(`${title}, 1 MiB on average`, defaultCutPlan, fixedPlan, earlier, later));
  }
  return {
    title: "What has to be stored again",
    rows,
    notes: ["Between the two tar files one of its sources got a line at its front, and a file of 28 bytes was added."],
  };
}

function saving(
  what: string,
  content: CutPlan,
  fixed: CutPlan,
  earlier: Uint8Array,
  later: Uint8Array,
): BenchTable["rows"][number] {
  const byContent = newIn(content, earlier, later);
  const byLength = newIn(fixed, earlier, later);
  const text = ({ chunks, of, bytes }: typeof byContent) =>
    `${chunks} of ${of} chunks, ${((100 * bytes) / later.length).toFixed(1)} %`;
  return { what, "new, cut by content": text(byContent), "new, cut by length": text(byLength) };
}

/** A tar file of a folder, and one after a small edit. */
function twoTars(tree: string): [Uint8Array, Uint8Array] {
  const folder = mkdtempSync(join(tmpdir(), "warren-bench-"));
  try {
    const copy = join(folder, "tree");
    cpSync(tree, copy, { recursive: true, preserveTimestamps: true });
    const earlier = tarOf(folder);
    const source = join(copy, "dist/compose.js");
    writeFileSync(source, `// One more line.\n${readFileSync(source, "utf8")}`);
    writeFileSync(join(copy, "dist/added.js"), "export const added = true;\n\n");
    return [earlier, tarOf(folder)];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function tarOf(folder: string): Uint8Array {
  const { stdout, stderr, exitCode } = Bun.spawnSync(["tar", "--sort=name", "-cf", "-", "tree"], { cwd: folder });
  if (exitCode !== 0) throw new Error(`Cannot make a tar file: ${stderr.toString()}`);
  return stdout;
}

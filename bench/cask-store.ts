/**
 * Durable writes of the disk store beside a bare loop that does the same work: write to a temporary file, fsync, rename,
 * fsync of the folder, both with 32 in flight and 256 target folders. The two take turns, and medians are compared.
 * Run: `bun bench/cask-store.ts [folder]`; the folder should be on the disk in question.
 */
import { mkdirSync, rmSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { systemClock } from "../src/kit/clock.ts";
import { keyOf } from "../src/storage/cask/key.ts";
import { openDiskStore } from "../src/storage/cask/store-disk.ts";

/** What {@link benchDurableWrites} measured, in blobs per second. */
export interface DurableWrites {
  sizeBytes: number;
  /** Median of the bare loop. */
  bareRate: number;
  /** Median of the store. */
  storeRate: number;
  /** `storeRate / bareRate`. */
  ratio: number;
}

/** How to measure. */
export interface DurableWritesOptions {
  /** A folder on the disk to measure; a folder made in it is removed at the end. */
  folder: string;
  sizeBytes: number;
  /** Blobs in each turn. @default 1500 */
  count?: number;
  /** Turns of each. @default 5 */
  turns?: number;
  /** @default 32 */
  inFlight?: number;
}

/** Measures store and bare loop in turns. */
export async function benchDurableWrites(options: DurableWritesOptions): Promise<DurableWrites> {
  const { sizeBytes, count = 1500, turns = 5, inFlight = 32 } = options;
  const root = join(resolve(options.folder), `cask-bench-${process.pid}-${sizeBytes}`);
  const bytes = crypto.getRandomValues(new Uint8Array(Math.min(sizeBytes, 65_536)));
  const blob = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; at += bytes.length) blob.set(bytes.subarray(0, sizeBytes - at), at);
  const bareRates: number[] = [];
  const storeRates: number[] = [];
  try {
    const store = await openDiskStore({ root: join(root, "store"), clock: systemClock });
    const bare = join(root, "bare");
    mkdirSync(join(bare, "incoming"), { recursive: true });
    for (let folder = 0; folder < 256; folder++) mkdirSync(join(bare, String(folder)));
    // The turn before the first is not counted: it makes the folders of the store and warms both up.
    for (let turn = -1; turn < turns; turn++) {
      const bareRate = await rateOf(count, inFlight, (number) => writeBare(bare, `${turn}-${number}`, number, blob));
      const storeRate = await rateOf(count, inFlight, async (number) => {
        const digest = new Bun.CryptoHasher("sha256").update(`${turn} ${number}`).digest("hex");
        const writer = await store.create(sizeBytes);
        await writer.write(blob);
        await writer.commit(keyOf("sha256", digest));
      });
      if (turn < 0) continue;
      bareRates.push(bareRate);
      storeRates.push(storeRate);
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  const [bareRate, storeRate] = [medianOf(bareRates), medianOf(storeRates)];
  return { sizeBytes, bareRate, storeRate, ratio: storeRate / bareRate };
}

async function writeBare(root: string, name: string, number: number, blob: Uint8Array): Promise<void> {
  const folder = join(root, String((number * 37) % 256));
  const draft = join(root, "incoming", name);
  const file = await open(draft, "wx");
  await file.write(blob);
  await file.sync();
  await file.close();
  await rename(draft, join(folder, name));
  const opened = await open(folder, "r");
  await opened.sync();
  await opened.close();
}

async function rateOf(count: number, inFlight: number, write: (number: number) => Promise<void>): Promise<number> {
  let next = 0;
  const startedMs = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (next < count) await write(next++);
    }),
  );
  return count / ((performance.now() - startedMs) / 1000);
}

function medianOf(numbers: readonly number[]): number {
  return numbers.toSorted((left, right) => left - right)[numbers.length >> 1] ?? Number.NaN;
}

if (import.meta.main) {
  for (const sizeBytes of [4096, 65_536]) {
    const result = await benchDurableWrites({ folder: process.argv[2] ?? tmpdir(), sizeBytes });
    console.log(
      `${sizeBytes} bytes: store ${result.storeRate.toFixed(0)}/s, bare loop ${result.bareRate.toFixed(0)}/s, ratio ${result.ratio.toFixed(2)}`,
    );
  }
}

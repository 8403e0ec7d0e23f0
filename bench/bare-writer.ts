/**
 * The peer of durable uploads: a process that does nothing but what the disk must do for each blob. Write to a new file,
 * fsync, rename into one of 256 folders, fsync of that folder; 32 in flight, for some seconds. Nothing is shared between
 * two blobs and nothing is checked. Short calls are made at once and only fsync goes to the thread pool.
 *
 * Run: `bun bench/bare-writer.ts <folder> <bytes> <seconds>`; prints as JSON the rate in blobs per
 * second, processor time of each blob, and the peak of its memory.
 */
import { closeSync, fsync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";

import { peakBytes } from "./measure.ts";

const inFlight = 32;
const [folder = "", size = "", seconds = ""] = process.argv.slice(2);
const sizeBytes = Number(size);
const durationMs = Number(seconds) * 1000;
if (folder === "" || !(sizeBytes >= 16) || !(durationMs > 0)) {
  process.stderr.write("usage: bun bench/bare-writer.ts <folder> <bytes, at least 16> <seconds>\n");
  process.exit(2);
}

const incoming = join(folder, "incoming");
mkdirSync(incoming, { recursive: true });
const targets = Array.from({ length: 256 }, (_, number) => join(folder, number.toString(16).padStart(2, "0")));
for (const target of targets) mkdirSync(target, { recursive: true });

const bytes = Buffer.alloc(sizeBytes, "x");
const deadline = performance.now() + durationMs;
const startedAt = Date.now().toString(36);
let started = 0;
let written = 0;

function settled(descriptor: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fsync(descriptor, (failure) => (failure ? reject(failure) : resolve()));
  });
}

async function writeOne(number: number): Promise<void> {
  const name = `${startedAt}-${number}`;
  const draft = `${incoming}/${name}`;
  bytes.writeDoubleLE(number, 0);
  const file = openSync(draft, "wx");
  writeSync(file, bytes);
  await settled(file);
  closeSync(file);
  const target = targets[(number * 37) % 256] as string;
  renameSync(draft, `${target}/${name}`);
  const opened = openSync(target, "r");
  await settled(opened);
  closeSync(opened);
}

await Promise.all(
  Array.from({ length: inFlight }, async () => {
    while (performance.now() < deadline) {
      await writeOne(started++);
      written++;
    }
  }),
);
const { user, system } = process.cpuUsage();
const cpuMicros = (user + system) / written;
const rate = written / ((performance.now() - deadline + durationMs) / 1000);
process.stdout.write(`${JSON.stringify({ rate, peakBytes: peakBytes(process.pid), cpuMicros })}\n`);

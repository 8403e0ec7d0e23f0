/** Fills a small disk through a store and prints what happened as JSON. Started by store-disk.test.ts. */
import { readdirSync } from "node:fs";

import { systemClock } from "../../../kit/clock.ts";
import { Fault } from "../../../kit/fault.ts";
import { type Key, keyOf } from "../key.ts";
import { openDiskStore } from "../store-disk.ts";

const root = String(process.argv[2]);
const store = await openDiskStore({ root, clock: systemClock });
const kept: Key[] = [];
const outcomes: Record<string, unknown> = {};

async function storeOne(
  number: number,
  sizeBytes: number,
  announced: number,
  chunkBytes = Math.min(sizeBytes, 65_536),
): Promise<string> {
  const bytes = new Uint8Array(chunkBytes);
  crypto.getRandomValues(bytes.subarray(0, 65_536));
  const hasher = new Bun.CryptoHasher("sha256");
  try {
    const writer = await store.create(announced);
    try {
      for (let at = 0; at < sizeBytes; at += bytes.length) {
        bytes[0] = number % 256;
        hasher.update(bytes);
        await writer.write(bytes, chunkBytes === sizeBytes);
      }
      const key = keyOf("sha256", hasher.digest("hex"));
      await writer.commit(key);
      kept.push(key);
      return "stored";
    } finally {
      await writer.abort();
    }
  } catch (thrown) {
    if (thrown instanceof Fault) return `${thrown.code} ${thrown.status}`;
    throw thrown;
  }
}

outcomes["large and announced"] = await storeOne(0, 40_000_000, 40_000_000);
outcomes["large and not announced"] = await storeOne(1, 40_000_000, 0);
// It fits into the memory from which it is written in one piece, and not onto the disk with what is there already.
outcomes["one piece, first"] = await storeOne(1, 6_000_000, 0, 6_000_000);
outcomes["one piece, second"] = await storeOne(2, 4_000_000, 0, 4_000_000);
const [large] = kept;
if (large) await store.remove(large);
kept.length = 0;
let small = "stored";
for (let number = 2; small === "stored"; number++) small = await storeOne(number, 60_000, 60_000);
outcomes["small"] = small;
outcomes["drafts left"] = readdirSync(`${root}/incoming`).length;
let whole = 0;
for (const key of kept) {
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const chunk of store.read(key)) hasher.update(chunk);
  if (keyOf("sha256", hasher.digest("hex")) === key) whole++;
}
outcomes["all kept are whole"] = kept.length > 50 && whole === kept.length;
const [first] = kept;
if (first) {
  await store.quarantine(first, "for the test");
  outcomes["quarantined"] = store.find(first) === undefined;
}
const second = kept[1];
if (second) await store.remove(second);
outcomes["after making room"] = await storeOne(9999, 60_000, 60_000);
console.log(JSON.stringify(outcomes));

/**
 * Files to store in the demonstration: real ones that this machine has, no two with the same bytes, and made ones where it
 * has too few.
 */
import { opendir } from "node:fs/promises";
import { join } from "node:path";

import { type Key, keyOf } from "./key.ts";

/** A file and the key its bytes have. */
export interface DemoFile {
  path: string;
  sizeBytes: number;
  key: Key;
}

const places = ["/usr/share/doc", "/usr/share/icons", "/usr/share/zoneinfo", "/usr/share", "/usr/lib"];
const sizeBytesMin = 64;
const sizeBytesMax = 512 * 1024;
/** The demonstration shows healing, not the speed of the disk. */
const totalBytesMax = 48 * 1024 * 1024;
/** Folders and files that are looked at before the rest is made. */
const entriesMax = 20_000;

/** Finds or makes `count` files; made ones are put into `folder`. */
export async function demoFiles(count: number, folder: string): Promise<DemoFile[]> {
  const files = new Map<Key, DemoFile>();
  let totalBytes = 0;
  let looked = 0;
  const take = async (path: string): Promise<void> => {
    const file = Bun.file(path);
    if (file.size < sizeBytesMin || file.size > sizeBytesMax || totalBytes + file.size > totalBytesMax) return;
    const bytes = await file.bytes();
    const key = keyOf("sha256", new Bun.CryptoHasher("sha256").update(bytes).digest("hex"));
    if (files.has(key)) return;
    totalBytes += bytes.byteLength;
    files.set(key, { path, sizeBytes: bytes.byteLength, key });
  };
  const walk = async (place: string): Promise<void> => {
    const entries = await opendir(place).catch(() => undefined);
    if (entries === undefined) return;
    for await (const entry of entries) {
      if (files.size >= count || looked++ > entriesMax) return;
      const path = join(place, entry.name);
      if (entry.isDirectory()) await walk(path);
      // What may not be read is not worth a word: there is enough else.
      else if (entry.isFile()) await take(path).catch(() => undefined);
    }
  };
  for (const place of places) await walk(place);
  for (let made = 0; files.size < count; made++) {
    const path = join(folder, `made-${made}`);
    await Bun.write(path, crypto.getRandomValues(new Uint8Array(1024 + (made % 60) * 1024)));
    await take(path);
    // Small files always find room.
    if (totalBytes + 65_536 > totalBytesMax) break;
  }
  return [...files.values()];
}

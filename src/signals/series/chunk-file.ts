/**
 * One file of chunks: the points of many series at one step within one window of time, written once and never changed.
 * Chunks stand in order of series and time; behind them an index, and a footer that says what the file is. The footer
 * and the index have checksums and so has every chunk, so that a flipped bit costs one chunk and is noticed.
 *
 * Layout, little-endian: `WSERIES1`, chunks, index of 28 bytes an entry (u32 id, u32 first time, u32 last time, f64
 * offset, u32 length, u32 CRC-32), footer as JSON, u32 its length, u32 its CRC-32, `WSERIES1`.
 */
import { z } from "zod";

import { decodeChunk, decodeChunkInto, encodeChunk } from "../../lib/gorilla/chunk.ts";
import type { Appender, Disk, OpenFile } from "./disk.ts";

const magic = new TextEncoder().encode("WSERIES1");
const entryBytes = 28;
const tailBytes = 16;
const bufferBytes = 1 << 20;
/** Points of a chunk: what a read has to decode at least. */
const chunkPoints = 1024;
/** Slots of a window; of files from different windows none overlap. */
export const windowSlots = 8640;

const footerShape = z.object({
  step: z.number().int().positive(),
  window: z.number().int().nonnegative(),
  rank: z.number().int().nonnegative(),
  replaces: z.array(z.string()),
  points: z.number().int().nonnegative(),
  entries: z.number().int().nonnegative(),
  indexOffset: z.number().int().nonnegative(),
  indexCrc: z.number().int().nonnegative(),
});

/** What a file says of itself. */
export type ChunkFooter = z.infer<typeof footerShape>;

/** A file that is not what it should be. */
export class DamagedFile extends Error {}

/** Which window a slot lies in. */
export function windowOf(slot: number): number {
  return Math.floor(slot / windowSlots);
}

/** Writes one file under a draft name; {@link ChunkFileWriter.finish} gives it its own. */
export class ChunkFileWriter {
  readonly path: string;
  readonly #disk: Disk;
  readonly #draft: string;
  readonly #about: Pick<ChunkFooter, "step" | "window" | "rank" | "replaces">;
  #file: Appender | undefined;
  #parts: Uint8Array[] = [magic];
  #partBytes = magic.length;
  #offset = magic.length;
  #index = new Uint8Array(1024 * entryBytes);
  #entries = 0;
  #points = 0;

  constructor(disk: Disk, path: string, about: Pick<ChunkFooter, "step" | "window" | "rank" | "replaces">) {
    this.#disk = disk;
    this.path = path;
    this.#draft = path.replace(/[^/]+$/, (name) => `new-${name}`);
    this.#about = about;
  }

  get points(): number {
    return this.#points;
  }

  /** Takes the points of a series, whose id is above that of all before it; slots ascend and lie in the window. */
  add(id: number, slots: Float64Array, values: Float64Array): void {
    for (let start = 0; start < slots.length; start += chunkPoints) {
      const end = Math.min(slots.length, start + chunkPoints);
      const bytes = encodeChunk(slots.subarray(start, end), values.subarray(start, end));
      const first = (slots[start] as number) * this.#about.step;
      const last = (slots[end - 1] as number) * this.#about.step;
      this.#enter(id, first, last, bytes);
      this.#points += end - start;
    }
  }

  #enter(id: number, first: number, last: number, bytes: Uint8Array): void {
    const at = this.#entries * entryBytes;
    if (at + entryBytes > this.#index.length) {
      const larger = new Uint8Array(this.#index.length * 2);
      larger.set(this.#index);
      this.#index = larger;
    }
    const view = new DataView(this.#index.buffer);
    view.setUint32(at, id, true);
    view.setUint32(at + 4, first, true);
    view.setUint32(at + 8, last, true);
    view.setFloat64(at + 12, this.#offset, true);
    view.setUint32(at + 20, bytes.length, true);
    view.setUint32(at + 24, Bun.hash.crc32(bytes), true);
    this.#entries++;
    this.#offset += bytes.length;
    this.#parts.push(bytes);
    this.#partBytes += bytes.length;
  }

  /** Hands what has gathered to the disk when it is much. */
  async drain(least = bufferBytes): Promise<void> {
    if (this.#partBytes < least) return;
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#partBytes = 0;
    this.#file ??= await this.#disk.create(this.#draft);
    await this.#file.append(bytes);
  }

  /** Completes the file, syncs it and gives it its name. */
  async finish(): Promise<void> {
    const index = this.#index.subarray(0, this.#entries * entryBytes);
    const footer = new TextEncoder().encode(
      JSON.stringify({
        ...this.#about,
        points: this.#points,
        entries: this.#entries,
        indexOffset: this.#offset,
        indexCrc: Bun.hash.crc32(index),
      } satisfies ChunkFooter),
    );
    const tail = new Uint8Array(tailBytes);
    const view = new DataView(tail.buffer);
    view.setUint32(0, footer.length, true);
    view.setUint32(4, Bun.hash.crc32(footer), true);
    tail.set(magic, 8);
    this.#parts.push(index, footer, tail);
    await this.drain(0);
    await this.#file?.sync();
    await this.#file?.close();
    this.#file = undefined;
    await this.#disk.rename(this.#draft, this.path);
  }

  /** Gives the draft up. */
  async abandon(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
    await this.#disk.remove(this.#draft);
  }
}

/** Where a chunk of a series lies. */
interface ChunkPlace {
  firstSeconds: number;
  lastSeconds: number;
  offset: number;
  length: number;
  crc: number;
}

/** A whole file, open for reading. The index is read at first need and may be let go again. */
export class ChunkFile {
  readonly path: string;
  readonly name: string;
  readonly footer: ChunkFooter;
  readonly sizeBytes: number;
  readonly #file: OpenFile;
  readonly #damaged: (file: ChunkFile, reason: string) => void;
  #index: DataView | undefined;
  #broken = false;

  /** Opens a file. Throws {@link DamagedFile} when its footer is not whole. */
  constructor(disk: Disk, path: string, damaged: (file: ChunkFile, reason: string) => void) {
    this.path = path;
    this.name = path.slice(path.lastIndexOf("/") + 1);
    this.#damaged = damaged;
    this.#file = disk.open(path);
    this.sizeBytes = this.#file.sizeBytes;
    try {
      this.footer = footerOf(this.#file);
    } catch (thrown) {
      this.#file.close();
      throw thrown;
    }
  }

  /** Time of the window's first slot, and of the first one after it. */
  get startSeconds(): number {
    return this.footer.window * windowSlots * this.footer.step;
  }
  get endSeconds(): number {
    return (this.footer.window + 1) * windowSlots * this.footer.step;
  }

  /** Bytes that the index takes in memory now. */
  get indexBytes(): number {
    return this.#index?.byteLength ?? 0;
  }

  /** Lays the points of a series over `target`, whose first place is `firstSlot`. */
  layOver(id: number, firstSlot: number, target: Float64Array): void {
    const from = firstSlot * this.footer.step;
    const until = (firstSlot + target.length) * this.footer.step;
    for (const place of this.#placesOf(id)) {
      if (place.lastSeconds < from || place.firstSeconds >= until) continue;
      const bytes = this.#chunk(place);
      if (bytes) decodeChunkInto(bytes, firstSlot, target);
    }
  }

  /** All points of a series, as parts in order of time. */
  partsOf(id: number): { slots: Float64Array; values: Float64Array }[] {
    return this.#placesOf(id).flatMap((place) => {
      const bytes = this.#chunk(place);
      return bytes ? [decodeChunk(bytes)] : [];
    });
  }

  /** Ids of the series in this file, ascending. */
  ids(): number[] {
    const index = this.#entries();
    const ids: number[] = [];
    for (let at = 0; at < index.byteLength; at += entryBytes) {
      const id = index.getUint32(at, true);
      if (ids.at(-1) !== id) ids.push(id);
    }
    return ids;
  }

  /** Some damage was found in it. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Gives the index's memory back. */
  forget(): void {
    this.#index = undefined;
  }

  close(): void {
    this.#file.close();
  }

  #chunk(place: ChunkPlace): Uint8Array | undefined {
    const bytes = this.#file.read(place.offset, place.length);
    if (bytes.length === place.length && Bun.hash.crc32(bytes) === place.crc) return bytes;
    this.#report(`a chunk at byte ${place.offset} does not have its checksum`);
    return undefined;
  }

  #report(reason: string): void {
    const first = !this.#broken;
    this.#broken = true;
    if (first) this.#damaged(this, reason);
  }

  #placesOf(id: number): ChunkPlace[] {
    const index = this.#entries();
    let low = 0;
    let high = index.byteLength / entryBytes;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (index.getUint32(middle * entryBytes, true) < id) low = middle + 1;
      else high = middle;
    }
    const places: ChunkPlace[] = [];
    for (let at = low * entryBytes; at < index.byteLength && index.getUint32(at, true) === id; at += entryBytes) {
      places.push({
        firstSeconds: index.getUint32(at + 4, true),
        lastSeconds: index.getUint32(at + 8, true),
        offset: index.getFloat64(at + 12, true),
        length: index.getUint32(at + 20, true),
        crc: index.getUint32(at + 24, true),
      });
    }
    return places;
  }

  #entries(): DataView {
    if (this.#index) return this.#index;
    const { indexOffset, entries, indexCrc } = this.footer;
    let bytes = this.#file.read(indexOffset, entries * entryBytes);
    if (bytes.length !== entries * entryBytes || Bun.hash.crc32(bytes) !== indexCrc) {
      this.#report("its index does not have its checksum");
      bytes = new Uint8Array();
    }
    this.#index = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return this.#index;
  }
}

function footerOf(file: OpenFile): ChunkFooter {
  const tail = file.read(Math.max(0, file.sizeBytes - tailBytes), tailBytes);
  if (tail.length !== tailBytes || Buffer.compare(tail.subarray(8), magic) !== 0) {
    throw new DamagedFile("it does not end as a whole file does");
  }
  const view = new DataView(tail.buffer, tail.byteOffset, tailBytes);
  const length = view.getUint32(0, true);
  const start = file.sizeBytes - tailBytes - length;
  const bytes = start < 0 ? new Uint8Array() : file.read(start, length);
  if (bytes.length !== length || Bun.hash.crc32(bytes) !== view.getUint32(4, true)) {
    throw new DamagedFile("its footer does not have its checksum");
  }
  const parsed = footerShape.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
  if (!parsed.success) throw new DamagedFile("its footer is of another kind");
  return parsed.data;
}

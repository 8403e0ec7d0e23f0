/**
 * Where the EXIF block of an image lies: the same small TIFF structure in each container, in a place of its own. Only lengths
 * are followed, each held against the bytes that are there, and every walk ends after a bounded number of steps; what does
 * not fit together is taken for "none". Sources: Exif 3.0 section 4.7, PNG third edition 11.3.4, the WebP container, ISO/IEC
 * 23008-12 annex A.
 */

/** The most that is taken for a block; a JPEG can hold 64 KiB. */
const blockSizeBytesMax = 1024 * 1024;
/** Segments, chunks or boxes that are walked over before the search is given up. */
const stepsMax = 10_000;

const latin = (bytes: Uint8Array, from: number, length: number) =>
  String.fromCharCode(...bytes.subarray(from, from + length));
const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The TIFF structure with the EXIF of `source`, or undefined when there is none. Never throws. */
export function exifBlock(source: Uint8Array): Uint8Array | undefined {
  try {
    const block = trimmed(find(source));
    return block && block.byteLength <= blockSizeBytesMax ? block : undefined;
  } catch (thrown) {
    // A length that leads beyond the end.
    if (thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}

/** Cameras write a few hundred. */
const entriesMax = 1000;
const directoriesMax = 16;
/** Tags whose value is where another directory begins. */
const pointers = new Set([0x8769, 0x8825, 0xa005]);

/**
 * Whether a directory of a block claims more entries than any camera writes: each of them may hold the whole block, and
 * reading them all would take seconds. Never throws.
 */
export function isOverfull(block: Uint8Array): boolean {
  const view = viewOf(block);
  const little = block[0] === 0x49;
  const waiting = block.byteLength < 8 ? [] : [view.getUint32(4, little)];
  for (let seen = 0; seen < directoriesMax && waiting.length > 0; seen++) {
    const from = waiting.shift() ?? 0;
    // 0 is none.
    if (from < 8 || from + 2 > block.byteLength) continue;
    const count = view.getUint16(from, little);
    if (count > entriesMax) return true;
    const end = from + 2 + count * 12;
    for (let at = from + 2; at < end && at + 12 <= block.byteLength; at += 12)
      if (pointers.has(view.getUint16(at, little))) waiting.push(view.getUint32(at + 8, little));
    // Behind the first one stands where that of the thumbnail is; behind others anything may stand.
    if (seen === 0 && end + 4 <= block.byteLength) waiting.push(view.getUint32(end, little));
  }
  return waiting.length > directoriesMax;
}

function find(source: Uint8Array): Uint8Array | undefined {
  const begin = latin(source, 0, 12);
  if (begin.startsWith("\xff\xd8")) return inJpeg(source);
  if (begin.startsWith("\x89PNG")) return inPng(source);
  if (begin.startsWith("RIFF")) return inWebp(source);
  if (begin.startsWith("ftyp", 4)) return inHeif(source);
  return undefined;
}

/** Without the words that some containers put before the structure; undefined when none begins there. */
function trimmed(block: Uint8Array | undefined): Uint8Array | undefined {
  if (block === undefined) return undefined;
  const tiff = latin(block, 0, 6) === "Exif\0\0" ? block.subarray(6) : block;
  const order = latin(tiff, 0, 4);
  return tiff.byteLength >= 8 && (order === "II*\0" || order === "MM\0*") ? tiff : undefined;
}

/** The first segment that is EXIF; other segments of the same kind (XMP) may stand before it. */
function inJpeg(source: Uint8Array): Uint8Array | undefined {
  const view = viewOf(source);
  let at = 2;
  for (let steps = 0; steps < stepsMax && at + 4 <= source.byteLength; steps++) {
    if (source[at] !== 0xff) return undefined;
    const marker = source[at + 1];
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker === 0xda || marker === 0xd9) return undefined;
    const sizeBytes = view.getUint16(at + 2);
    if (marker === 0xe1 && latin(source, at + 4, 6) === "Exif\0\0") return source.subarray(at + 10, at + 2 + sizeBytes);
    at += 2 + Math.max(2, sizeBytes);
  }
  return undefined;
}

function inPng(source: Uint8Array): Uint8Array | undefined {
  const view = viewOf(source);
  let at = 8;
  for (let steps = 0; steps < stepsMax && at + 12 <= source.byteLength; steps++) {
    const sizeBytes = view.getUint32(at);
    if (latin(source, at + 4, 4) === "eXIf") return source.subarray(at + 8, at + 8 + sizeBytes);
    at += 12 + sizeBytes;
  }
  return undefined;
}

function inWebp(source: Uint8Array): Uint8Array | undefined {
  const view = viewOf(source);
  let at = 12;
  for (let steps = 0; steps < stepsMax && at + 8 <= source.byteLength; steps++) {
    const sizeBytes = view.getUint32(at + 4, true);
    if (latin(source, at, 4) === "EXIF") return source.subarray(at + 8, at + 8 + sizeBytes);
    at += 8 + sizeBytes + (sizeBytes & 1);
  }
  return undefined;
}

/** The boxes between `from` and `to`, by name; of several with one name the first. */
function boxes(source: Uint8Array, from: number, to: number): Map<string, { from: number; to: number }> {
  const view = viewOf(source);
  const found = new Map<string, { from: number; to: number }>();
  let at = from;
  for (let steps = 0; steps < stepsMax && at + 8 <= to; steps++) {
    const short = view.getUint32(at);
    const isLong = short === 1;
    const sizeBytes = isLong ? Number(view.getBigUint64(at + 8)) : short === 0 ? to - at : short;
    const headSizeBytes = isLong ? 16 : 8;
    if (sizeBytes < headSizeBytes || at + sizeBytes > to) break;
    const name = latin(source, at + 4, 4);
    if (!found.has(name)) found.set(name, { from: at + headSizeBytes, to: at + sizeBytes });
    at += sizeBytes;
  }
  return found;
}

/** The item of kind "Exif": its number is in `iinf`, its place in `iloc`. */
function inHeif(source: Uint8Array): Uint8Array | undefined {
  const meta = boxes(source, 0, source.byteLength).get("meta");
  if (!meta) return undefined;
  const inside = boxes(source, meta.from + 4, meta.to);
  const [entries, places] = [inside.get("iinf"), inside.get("iloc")];
  const item = entries && exifItem(source, entries.from, entries.to);
  const place = item !== undefined && places && placeOf(source, places.from, item);
  if (!place || place.offset + place.sizeBytes > source.byteLength || place.sizeBytes < 4) return undefined;
  const content = source.subarray(place.offset, place.offset + place.sizeBytes);
  // Before the structure stands how far away from here it begins.
  return content.subarray(4 + viewOf(content).getUint32(0));
}

function exifItem(source: Uint8Array, from: number, to: number): number | undefined {
  const view = viewOf(source);
  let at = from + (view.getUint8(from) === 0 ? 6 : 8);
  for (let steps = 0; steps < stepsMax && at + 20 <= to; steps++) {
    const sizeBytes = view.getUint32(at);
    const version = view.getUint8(at + 8);
    const isWide = version >= 3;
    const kindAt = at + 12 + (isWide ? 4 : 2) + 2;
    if (version >= 2 && latin(source, kindAt, 4) === "Exif")
      return isWide ? view.getUint32(at + 12) : view.getUint16(at + 12);
    if (sizeBytes < 12) return undefined;
    at += sizeBytes;
  }
  return undefined;
}

/** The first extent of item `wanted`, counted from the beginning of the file. */
function placeOf(source: Uint8Array, from: number, wanted: number): { offset: number; sizeBytes: number } | undefined {
  const view = viewOf(source);
  const version = view.getUint8(from);
  const sizes = view.getUint16(from + 4);
  const [offsetSize, lengthSize, baseSize] = [sizes >> 12, (sizes >> 8) & 15, (sizes >> 4) & 15];
  const indexSize = version === 0 ? 0 : sizes & 15;
  let at = from + 6;
  const take = (size: number) => {
    const value =
      size === 0
        ? 0
        : size === 8
          ? Number(view.getBigUint64(at))
          : size === 4
            ? view.getUint32(at)
            : view.getUint16(at);
    at += size;
    return value;
  };
  const count = take(version < 2 ? 2 : 4);
  let steps = 0;
  for (let items = 0; items < Math.min(count, stepsMax); items++) {
    const item = take(version < 2 ? 2 : 4);
    const method = version === 0 ? 0 : take(2) & 15;
    take(2);
    const base = take(baseSize);
    const extents = take(2);
    for (let extent = 0; extent < extents; extent++) {
      // Extents whose numbers take no bytes cost nothing to claim.
      if (++steps > stepsMax) return undefined;
      take(indexSize);
      const offset = base + take(offsetSize);
      const sizeBytes = take(lengthSize);
      if (item === wanted) return method === 0 ? { offset, sizeBytes } : undefined;
    }
  }
  return undefined;
}

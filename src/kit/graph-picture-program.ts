/**
 * The inner program that turns SVG into PNG, in a process of its own: the image library takes memory that is given back only
 * when its process ends, and no drawing holds up whoever else is served. It takes one picture after another from its standard
 * input and ends when that does. Only SVG of this program's own making is sent; all other formats are shut.
 * A request is four bytes of length, big-endian, and the SVG; an answer is one byte (1 for a PNG, 0 for a reason as text),
 * four bytes of length, and the rest.
 */
import { readSync, writeSync } from "node:fs";

import { reasonOf } from "./fault.ts";
import { maxPicturePixels, maxSvgBytes } from "./graph-picture.ts";

const input = 0;
const output = 1;

/** Serves until the input ends. Throws when the image library cannot be loaded. */
export async function runGraphPainter(): Promise<void> {
  // Ctrl-C and systemd signal everyone at once; whoever started this one decides when it ends.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
  const { default: sharp } = await import("sharp");
  sharp.cache(false);
  sharp.concurrency(1);
  sharp.block({ operation: ["VipsForeignLoad"] });
  sharp.unblock({ operation: ["VipsForeignLoadSvgBuffer"] });
  const head = new Uint8Array(4);
  while (fill(head)) {
    const sizeBytes = new DataView(head.buffer).getUint32(0);
    if (sizeBytes > maxSvgBytes) process.exit(1);
    const svg = new Uint8Array(sizeBytes);
    if (!fill(svg)) break;
    try {
      const png = await sharp(svg, { limitInputPixels: maxPicturePixels }).png({ compressionLevel: 6 }).toBuffer();
      answer(1, png);
    } catch (thrown) {
      answer(0, new TextEncoder().encode(reasonOf(thrown).slice(0, 1000)));
    }
  }
  process.exit(0);
}

function answer(kind: 0 | 1, body: Uint8Array): void {
  const head = new DataView(new ArrayBuffer(5));
  head.setUint8(0, kind);
  head.setUint32(1, body.byteLength);
  for (const part of [new Uint8Array(head.buffer), body]) {
    let written = 0;
    while (written < part.byteLength) {
      written += again(() => writeSync(output, part, written, part.byteLength - written));
    }
  }
}

/** Fills `bytes` from the input; false when it ended before. */
function fill(bytes: Uint8Array): boolean {
  let filled = 0;
  while (filled < bytes.byteLength) {
    const count = again(() => readSync(input, bytes, filled, bytes.byteLength - filled, null));
    if (count === 0) return false;
    filled += count;
  }
  return true;
}

/** A call that a signal broke off is made again; one whose other end is gone ends the process. */
function again(call: () => number): number {
  for (;;) {
    try {
      return call();
    } catch (thrown) {
      const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
      if (code === "EINTR" || code === "EAGAIN") continue;
      process.exit(0);
    }
  }
}

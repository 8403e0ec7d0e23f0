/**
 * The inner program that turns SVG into PNG, in a process of its own: the image library takes memory that is given back only
 * when its process ends, and no drawing holds up whoever else is served. It takes one picture after another from its standard
 * input and ends when that does. Only SVG of this program's own making is sent; all other formats are shut.
 * A request is four bytes of length, big-endian, and the SVG; an answer is one byte (1 for a PNG, 0 for a reason as text),
 * four bytes of length, and the rest.
 */
import { reasonOf } from "./fault.ts";
import { maxPicturePixels, maxSvgBytes } from "./graph-picture.ts";
import { fill, writeAll } from "./standard-pipes.ts";

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
  for (const part of [new Uint8Array(head.buffer), body]) writeAll(part);
}

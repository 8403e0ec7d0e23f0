/**
 * Text into pieces that fit a line. Pieces are counted in bytes of UTF-8, never end within a character or what looks like
 * one (a letter with its marks, a family of joined pictures), and end between words where there are any.
 */

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/**
 * The pieces of one line of text, in order, each of at most `maxBytes`; together they are the text but for the blanks at the
 * cuts. Throws RangeError where `maxBytes` has no room for one character (less than 4).
 */
export function splitText(text: string, maxBytes: number): string[] {
  if (maxBytes < 4) throw new RangeError(`Cannot split text into pieces of ${maxBytes} bytes: wanted 4 or more`);
  const pieces: string[] = [];
  let rest = text;
  while (Buffer.byteLength(rest) > maxBytes) {
    const length = fitting(rest, maxBytes);
    const next = rest[length];
    const blank = next === " " ? length : rest.lastIndexOf(" ", length - 1);
    // A word that takes most of a line is cut; otherwise the line would be nearly empty.
    const at = blank > length / 2 ? blank : length;
    pieces.push(rest.slice(0, at).trimEnd());
    rest = rest.slice(at).replace(/^ +/, "");
  }
  if (rest !== "" || pieces.length === 0) pieces.push(rest);
  return pieces.filter((piece, index) => piece !== "" || (index === 0 && pieces.length === 1));
}

/** How many code units of `text` take at most `maxBytes`, at least one character's. */
function fitting(text: string, maxBytes: number): number {
  let bytes = 0;
  let length = 0;
  for (const { segment } of segmenter.segment(text.slice(0, maxBytes + 64))) {
    const more = Buffer.byteLength(segment);
    if (bytes + more > maxBytes) break;
    bytes += more;
    length += segment.length;
  }
  if (length > 0) return length;
  // One sign of many joined characters is longer than a line: it has to be cut within.
  for (const character of text) {
    const more = Buffer.byteLength(character);
    if (bytes + more > maxBytes) break;
    bytes += more;
    length += character.length;
  }
  return Math.max(1, length);
}

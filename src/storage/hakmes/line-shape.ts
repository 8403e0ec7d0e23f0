/**
 * Whether a line may be a record, told by its brackets, braces and commas alone, before it is read as JSON: what JSON makes
 * of a few bytes may take a hundred times their memory, and a line may be a quarter of a gibibyte. A record is flat, and so
 * many values in so few bytes are no chunks, lengths or names.
 */

/** How deep values of a record lie, and some more. */
const depthMax = 8;
/** Whatever a line has beyond its chunks and names. */
const spareMax = 64;
/** A chunk's key and length have two commas in 50 bytes or more, a name's object has three in 41. */
const bytesPerComma = 12;
const bytesPerObject = 40;

const [quote, backslash, comma, openBracket, closeBracket, openBrace, closeBrace] = [
  0x22, 0x5c, 0x2c, 0x5b, 0x5d, 0x7b, 0x7d,
] as const;

/** Why a line is no record, as a part of a sentence; undefined when it may be one. */
export function faultInShape(line: Uint8Array): string | undefined {
  const commasMax = spareMax + line.byteLength / bytesPerComma;
  const objectsMax = spareMax + line.byteLength / bytesPerObject;
  let commas = 0;
  let objects = 0;
  let depth = 0;
  for (let at = 0; at < line.byteLength; at++) {
    const byte = line[at];
    if (byte === quote) at = endOfText(line, at);
    else if (byte === comma) commas++;
    else if (byte === openBracket || byte === openBrace) {
      objects++;
      depth++;
      if (depth > depthMax) return "its values are nested too deeply";
    } else if (byte === closeBracket || byte === closeBrace) depth--;
  }
  return commas > commasMax || objects > objectsMax ? "it has too many values for its length" : undefined;
}

/** Where the closing quote of a text stands that begins at `start`, or the end of the line. */
function endOfText(line: Uint8Array, start: number): number {
  for (let at = start + 1; at < line.byteLength; at++) {
    const byte = line[at];
    if (byte === quote) return at;
    if (byte === backslash) at++;
  }
  return line.byteLength;
}

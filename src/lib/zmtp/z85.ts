/** Z85, the way ZeroMQ writes keys: 4 bytes are 5 letters (RFC 32/Z85). */

const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
const values = new Map([...letters].map((letter, value) => [letter, value]));

/** Bytes as letters. Throws RangeError unless their number divides by 4. */
export function encodeZ85(bytes: Uint8Array): string {
  if (bytes.length % 4 !== 0) throw new RangeError("Z85 takes bytes in fours");
  let text = "";
  for (let at = 0; at < bytes.length; at += 4) {
    let value = Buffer.from(bytes.buffer, bytes.byteOffset + at, 4).readUInt32BE(0);
    let group = "";
    for (let digit = 0; digit < 5; digit++) {
      group = (letters[value % 85] ?? "") + group;
      value = Math.floor(value / 85);
    }
    text += group;
  }
  return text;
}

/** Letters as bytes. Throws SyntaxError. */
export function decodeZ85(text: string): Buffer {
  if (text.length % 5 !== 0) throw new SyntaxError("Z85 takes letters in fives");
  const bytes = Buffer.alloc((text.length / 5) * 4);
  for (let at = 0; at < text.length; at += 5) {
    let value = 0;
    for (const letter of text.slice(at, at + 5)) {
      const digit = values.get(letter);
      if (digit === undefined) throw new SyntaxError(`Z85 has no letter ${JSON.stringify(letter)}`);
      value = value * 85 + digit;
    }
    if (value > 0xffff_ffff) throw new SyntaxError("A group of Z85 is too large");
    bytes.writeUInt32BE(value, (at / 5) * 4);
  }
  return bytes;
}

/** A key of CURVE: 40 letters of Z85, or 64 hexadecimal digits. Throws SyntaxError, which does not repeat the key. */
export function parseCurveKey(text: string): Buffer {
  if (/^[\da-f]{64}$/i.test(text)) return Buffer.from(text, "hex");
  if (text.length !== 40) throw new SyntaxError("A key of CURVE has 40 letters of Z85, or 64 hexadecimal digits");
  return decodeZ85(text);
}

/**
 * LZW as the gossip wire wants it: codes packed least significant bit first, 8-bit literals, code 256 clears the table, 257
 * ends the text, codes grow from 9 to 12 bits, and the table is cleared when it is full. The writer gives the same bytes
 * as Go's compress/lzw; the reader stops at a stated size, so that a small message cannot expand without bound.
 * Source: Welch 1984 in its GIF dialect; behaviour of Go's compress/lzw.
 */
import { ProtocolError } from "./protocol-error.ts";

const CLEAR = 256;
const END = 257;
const CODE_MAX = 4095;
const WIDTH_MIN = 9;
const WIDTH_MAX = 12;
// Open addressing over prefix code and next byte; four times as many slots as there are codes keeps runs short.
const SLOTS = 4 * (CODE_MAX + 1);

/** Compresses `input`. The result may be longer than the input; the caller keeps the shorter one. */
export function lzwCompress(input: Uint8Array): Uint8Array {
  // No code is wider than 12 bits and there is one at most for each byte, plus clears and the end.
  const output = new Uint8Array(Math.ceil((input.length * WIDTH_MAX) / 8) + Math.ceil(input.length / 2048) * 2 + 16);
  const slots = new Uint32Array(SLOTS);
  let length = 0;
  let bits = 0;
  let bitCount = 0;
  let width = WIDTH_MIN;
  let newest = END;
  const emit = (code: number) => {
    bits |= code << bitCount;
    bitCount += width;
    while (bitCount >= 8) {
      output[length++] = bits & 0xff;
      bits >>>= 8;
      bitCount -= 8;
    }
  };
  // Counts the code that the reader will add now; false when the table was full and has been cleared instead.
  const advance = (): boolean => {
    newest++;
    if (newest === 1 << width) width++;
    if (newest < CODE_MAX) return true;
    emit(CLEAR);
    width = WIDTH_MIN;
    newest = END;
    slots.fill(0);
    return false;
  };
  emit(CLEAR);
  if (input.length > 0) {
    let prefix = input[0] as number;
    for (let index = 1; index < input.length; index++) {
      const byte = input[index] as number;
      const key = (prefix << 8) | byte;
      let slot = ((key >>> 12) ^ key) % SLOTS;
      let found = -1;
      // A slot holds the 20-bit key and the 12-bit code; no code is 0, so an empty slot is 0.
      for (let entry = slots[slot] as number; entry !== 0; entry = slots[slot] as number) {
        if (entry >>> 12 === key) {
          found = entry & 0xfff;
          break;
        }
        slot = (slot + 1) % SLOTS;
      }
      if (found >= 0) {
        prefix = found;
        continue;
      }
      emit(prefix);
      prefix = byte;
      if (advance()) slots[slot] = (key << 12) | newest;
    }
    emit(prefix);
    advance();
  }
  emit(END);
  if (bitCount > 0) output[length++] = bits & 0xff;
  return output.slice(0, length);
}

/**
 * Expands LZW bytes. Throws a ProtocolError for a code that cannot occur, a text without its end code, or a result of more
 * than `maxBytes`.
 */
export function lzwExpand(input: Uint8Array, maxBytes: number): Uint8Array {
  const suffix = new Uint8Array(CODE_MAX + 1);
  const prefix = new Uint16Array(CODE_MAX + 1);
  const reversed = new Uint8Array(CODE_MAX + 1);
  let output = new Uint8Array(Math.min(maxBytes, Math.max(64, input.length * 4)));
  let length = 0;
  let bits = 0;
  let bitCount = 0;
  let width = WIDTH_MIN;
  let next = END;
  let last = -1;
  for (let index = 0; ;) {
    while (bitCount < width) {
      if (index >= input.length) throw new ProtocolError("Cannot expand message: it ends too early");
      bits |= (input[index++] as number) << bitCount;
      bitCount += 8;
    }
    const code = bits & ((1 << width) - 1);
    bits >>>= width;
    bitCount -= width;
    if (code === END) return output.subarray(0, length);
    if (code === CLEAR) {
      width = WIDTH_MIN;
      next = END;
      last = -1;
      continue;
    }
    if (code > next || (code === next && last < 0)) throw new ProtocolError("Cannot expand message: it has a bad code");
    // Walk the chain of prefixes backwards. The code that is only now being defined is the last text and its own first byte.
    let cursor = code;
    let depth = 0;
    if (code === next && last >= 0) {
      cursor = last;
      depth = 1;
    }
    while (cursor > END) {
      reversed[depth++] = suffix[cursor] as number;
      cursor = prefix[cursor] as number;
    }
    reversed[depth++] = cursor;
    if (code === next && last >= 0) reversed[0] = cursor;
    if (length + depth > maxBytes)
      throw new ProtocolError(`Cannot expand message: it is longer than ${maxBytes} bytes`);
    if (length + depth > output.length) {
      const grown = new Uint8Array(Math.min(maxBytes, Math.max(length + depth, output.length * 2)));
      grown.set(output.subarray(0, length));
      output = grown;
    }
    for (let position = depth - 1; position >= 0; position--) output[length++] = reversed[position] as number;
    if (last >= 0) {
      suffix[next] = cursor;
      prefix[next] = last;
    }
    last = code;
    next++;
    if (next >= 1 << width) {
      if (width === WIDTH_MAX) {
        // The table is full: nothing more is added until it is cleared.
        last = -1;
        next--;
      } else {
        width++;
      }
    }
  }
}

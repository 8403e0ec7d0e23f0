/**
 * The compressed message: a type byte and a map of algorithm and bytes. Only LZW exists. Used for packets and streams alike.
 */
import { STREAM_BYTES_MAX } from "./limits.ts";
import { lzwCompress, lzwExpand } from "./lzw.ts";
import { MessageType } from "./messages.ts";
import { type MsgpackReader, MsgpackWriter } from "./msgpack.ts";
import { ProtocolError } from "./protocol-error.ts";

// Below this many bytes the twelve bytes of wrapping eat what LZW may save.
const COMPRESSIBLE_BYTES_MIN = 96;

/** Wraps a message in a compressed one if that is shorter; otherwise gives it back as it is. */
export function compressMessage(message: Uint8Array): Uint8Array {
  if (message.length < COMPRESSIBLE_BYTES_MIN) return message;
  const packed = lzwCompress(message);
  if (packed.length >= message.length) return message;
  const writer = new MsgpackWriter();
  writer.byte(MessageType.compressed).map(2).text("Algo").uint(0).text("Buf").raw(packed);
  const wrapped = writer.finish();
  return wrapped.length < message.length ? wrapped : message;
}

/** Reads the map of a compressed message and expands it to at most `maxBytes`. Throws a ProtocolError. */
export function expandMessage(reader: MsgpackReader, maxBytes: number): Uint8Array {
  let algorithm = 0;
  let packed = new Uint8Array(0);
  reader.readMap((key) => {
    if (key === "Algo") algorithm = reader.readUint(255);
    else if (key === "Buf") packed = new Uint8Array(reader.readRaw(STREAM_BYTES_MAX));
    else return false;
    return true;
  });
  if (algorithm !== 0) throw new ProtocolError(`Cannot expand message: algorithm ${algorithm} is unknown`);
  return lzwExpand(packed, maxBytes);
}

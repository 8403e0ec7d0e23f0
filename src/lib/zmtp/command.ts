/** Commands of ZMTP 3.x: a name, and what belongs to it. */
import { ZmtpError } from "./protocol-error.ts";

/** A command as it came. */
export interface Command {
  name: string;
  body: Buffer;
}

/** The body of a command's frame. */
export function commandBody(name: string, ...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name, "latin1"), ...parts]);
}

/** Reads the body of a command's frame. Throws {@link ZmtpError}. */
export function readCommand(body: Buffer): Command {
  const length = body[0];
  if (length === undefined || length === 0 || body.length < 1 + length) throw new ZmtpError("A command has no name");
  return { name: body.subarray(1, 1 + length).toString("latin1"), body: body.subarray(1 + length) };
}

/** Properties as READY and INITIATE carry them. */
export function propertyBytes(properties: readonly (readonly [name: string, value: Uint8Array])[]): Buffer {
  const parts = properties.flatMap(([name, value]) => {
    const size = Buffer.alloc(4);
    size.writeUInt32BE(value.length);
    return [Buffer.from([name.length]), Buffer.from(name, "latin1"), size, value];
  });
  return Buffer.concat(parts);
}

/** Reads properties; names come in small letters. Throws {@link ZmtpError}. */
export function readProperties(bytes: Buffer): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  let at = 0;
  while (at < bytes.length) {
    const nameLength = bytes[at] ?? 0;
    const valueAt = at + 1 + nameLength + 4;
    if (nameLength === 0 || valueAt > bytes.length) throw new ZmtpError("A property is cut off");
    const name = bytes.subarray(at + 1, at + 1 + nameLength).toString("latin1");
    const end = valueAt + bytes.readUInt32BE(valueAt - 4);
    if (end > bytes.length) throw new ZmtpError("A property is cut off");
    found.set(name.toLowerCase(), Buffer.from(bytes.subarray(valueAt, end)));
    at = end;
  }
  return found;
}

/** A short text as HELLO and ERROR carry it: its length in one octet, then its bytes. Longer ones are cut. */
export function shortText(text: string): Buffer {
  const bytes = Buffer.from(text, "utf8").subarray(0, 255);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

/** Reads a short text, and what follows it. Throws {@link ZmtpError}. */
export function readShortText(bytes: Buffer): { text: string; rest: Buffer } {
  const length = bytes[0];
  if (length === undefined || bytes.length < 1 + length) throw new ZmtpError("A text in a command is cut off");
  return { text: bytes.subarray(1, 1 + length).toString("utf8"), rest: bytes.subarray(1 + length) };
}

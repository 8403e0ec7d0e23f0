/**
 * What the process at a unix datagram socket tells the service, over a pipe: frames of four bytes, little-endian, and a
 * body. The upper byte of the four is the kind, the lower three are the body's length in bytes. Nothing comes back.
 */

/** A datagram as it came; one that was too long and is not handed on; the socket is open; the socket cannot be opened. */
export const frameKinds = { packet: 0, tooLong: 1, ready: 2, refused: 3 } as const;

/** A frame's head. */
export const headBytes = 4;

/** The longest datagram that is taken, as of UDP. */
export const packetMaxBytes = 65_507;

/** What a frame's head says. */
export function frameHead(kind: number, lengthBytes: number): number {
  return ((kind << 24) | lengthBytes) >>> 0;
}

/** Puts frames together again from pieces of any size. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** Hands over each whole frame. `take` must not keep the body. RangeError: a frame longer than there can be. */
  push(piece: Uint8Array, take: (kind: number, body: Buffer) => void): void {
    const fresh = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    const all = this.#rest.length === 0 ? fresh : Buffer.concat([this.#rest, fresh]);
    let at = 0;
    while (at + headBytes <= all.length) {
      const head = all.readUInt32LE(at);
      const lengthBytes = head & 0xff_ffff;
      if (lengthBytes > packetMaxBytes) throw new RangeError(`Cannot read a frame of ${lengthBytes} bytes`);
      const end = at + headBytes + lengthBytes;
      if (end > all.length) break;
      take(head >>> 24, all.subarray(at + headBytes, end));
      at = end;
    }
    this.#rest = at === all.length ? Buffer.alloc(0) : Buffer.from(all.subarray(at));
  }
}

/**
 * For tests: the frames of RFC 6455 by hand, so that a server can be sent what no client would send, in pieces as small as
 * one likes; and what it answers, frame by frame.
 */
import { connect, type Socket } from "node:net";

/** What frames are, by their names. */
export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** How a frame differs from a whole and right one. */
export interface FrameOptions {
  /** @default true */
  isLast?: boolean;
  /** The three reserved bits, 4 for the first. @default 0 */
  reserved?: number;
  /** @default true */
  isMasked?: boolean;
  /** Says so instead of the true length. */
  length?: number;
}

/** A frame of a client, masked by a fixed mask. */
export function frame(opcode: number, payload: Uint8Array | string = "", options: FrameOptions = {}): Buffer {
  const { isLast = true, isMasked = true, reserved = 0 } = options;
  const bytes = Buffer.from(payload);
  const length = options.length ?? bytes.length;
  const size = Buffer.alloc(length < 126 ? 0 : length < 65_536 ? 2 : 8);
  if (size.length === 2) size.writeUInt16BE(length);
  if (size.length === 8) size.writeBigUInt64BE(BigInt(length));
  const short = size.length === 0 ? length : size.length === 2 ? 126 : 127;
  const head = Buffer.from([(isLast ? 0x80 : 0) | (reserved << 4) | opcode, (isMasked ? 0x80 : 0) | short]);
  if (!isMasked) return Buffer.concat([head, size, bytes]);
  const mask = [0x37, 0xfa, 0x21, 0x3d];
  for (let at = 0; at < bytes.length; at++) bytes[at] = (bytes[at] ?? 0) ^ (mask[at & 3] ?? 0);
  return Buffer.concat([head, size, Buffer.from(mask), bytes]);
}

/** The payload of a close frame. */
export function closing(code: number, reason: Uint8Array | string = ""): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]);
}

/** A frame of the server. */
export interface HeardFrame {
  opcode: number;
  isLast: boolean;
  reserved: number;
  payload: Buffer;
}

/** A connection by hand. */
export class RawWebSocket {
  /** The head of the answer to the handshake. */
  readonly head: string;
  readonly socket: Socket;
  isOver = false;
  #stirred: () => void = () => undefined;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(socket: Socket, head: string, rest: Buffer) {
    this.socket = socket;
    this.head = head;
    this.#take(rest);
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
    socket.on("close", () => {
      this.isOver = true;
      this.#stirred();
    });
  }

  /** Connects, and resolves with the first answer, whatever it is. `url` begins with `http://`. */
  static open(url: string, headers: Readonly<Record<string, string>> = {}): Promise<RawWebSocket> {
    const { hostname, pathname, port, search } = new URL(url);
    const socket = connect(Number(port), hostname);
    const lines = Object.entries({
      Host: "localhost",
      Upgrade: "websocket",
      Connection: "Upgrade",
      "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Version": "13",
      ...headers,
    }).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`GET ${pathname}${search} HTTP/1.1\r\n${lines.join("")}\r\n`);
    return new Promise((resolve, reject) => {
      let got = Buffer.alloc(0);
      const take = (bytes: Buffer) => {
        got = Buffer.concat([got, bytes]);
        const end = got.indexOf("\r\n\r\n");
        if (end < 0) return;
        socket.off("data", take);
        resolve(new RawWebSocket(socket, got.subarray(0, end).toString("latin1"), got.subarray(end + 4)));
      };
      socket.on("data", take);
      socket.on("error", reject);
    });
  }

  /** All that came after the handshake. */
  get got(): Buffer {
    if (this.#pieces.length > 1) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0] ?? Buffer.alloc(0);
  }

  /** Bytes that came after the handshake. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The frames that are whole by now. */
  get frames(): HeardFrame[] {
    const found: HeardFrame[] = [];
    const all = this.got;
    for (let at = 0; at + 2 <= all.length;) {
      const [first = 0, second = 0] = [all[at], all[at + 1]];
      const short = second & 127;
      const sizeBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
      if (at + 2 + sizeBytes > all.length) break;
      const length =
        sizeBytes === 0 ? short : sizeBytes === 2 ? all.readUInt16BE(at + 2) : Number(all.readBigUInt64BE(at + 2));
      const from = at + 2 + sizeBytes;
      if (from + length > all.length) break;
      const payload = all.subarray(from, from + length);
      found.push({ opcode: first & 15, isLast: first >= 128, reserved: (first >> 4) & 7, payload });
      at = from + length;
    }
    return found;
  }

  /** Sends bytes, in pieces of so many where that is said, each by itself. */
  async send(bytes: Uint8Array, pieceBytes = bytes.length): Promise<void> {
    for (let at = 0; at < bytes.length && !this.socket.destroyed; at += pieceBytes) {
      const isTaken = this.socket.write(bytes.subarray(at, at + pieceBytes));
      if (pieceBytes < bytes.length) await new Promise((resolve) => setImmediate(resolve));
      if (!isTaken && !this.socket.destroyed) await Promise.race([this.#event("drain"), this.#event("close")]);
    }
  }

  /** Waits until something is so, as what comes may make it, at most 20 s. */
  until(what: string, isSo: (socket: RawWebSocket) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`Waited in vain until ${what}`)), 60_000);
      this.#stirred = () => {
        if (!isSo(this)) return;
        clearTimeout(late);
        this.#stirred = () => undefined;
        resolve();
      };
      this.#stirred();
    });
  }

  #event(name: "drain" | "close"): Promise<void> {
    return new Promise((resolve) => this.socket.once(name, () => resolve()));
  }

  #take(bytes: Buffer): void {
    this.#pieces.push(bytes);
    this.#bytes += bytes.length;
    this.#stirred();
  }
}

/**
 * The inner program that takes datagrams at a unix socket, which the runtime cannot. It has a process of its own because
 * it waits in the kernel's poll: for datagrams, for room in the pipe to the service, and for the end of its input, which
 * is the end of whoever started it. While the service is busy it keeps what comes, up to a bound; beyond that it reads no
 * more, and the kernel holds senders back. Nothing is lost on the way.
 *
 * Its words are the path, the bound in bytes, and the permission bits in octal or nothing.
 */
import { lstatSync, chmodSync, unlinkSync } from "node:fs";
import { ptr, type Pointer } from "bun:ffi";
import { getSystemErrorName } from "node:util";

import { reasonOf } from "../../../kit/fault.ts";
import { frameHead, frameKinds, headBytes, packetMaxBytes } from "./frames.ts";
import { errorNumber, type Libc, linux, openLibc, unixAddress } from "./libc.ts";

const [input, output] = [0, 1];
/** One more than is taken shows nothing: the kernel tells the real length. */
const roomBytes = headBytes + packetMaxBytes;
const gatheredMax = 4096;
/** How long the pipe may take no byte when all else is at its end. */
const lastWordsMs = 1000;

/** Takes datagrams until the input ends, and removes the socket. A socket that cannot be opened is told in a frame. */
export async function runDatagrams(words: readonly string[]): Promise<void> {
  // Ctrl-C and systemd signal everyone at once; whoever started this one decides when it ends.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
  const [path = "", bound = "", mode = ""] = words;
  const outbox = new Outbox(Math.max(Number(bound) || 0, 4 * roomBytes));
  let libc: Libc;
  let socket: number;
  try {
    libc = openLibc();
    socket = openSocket(libc, path, mode === "" ? undefined : Number.parseInt(mode, 8));
  } catch (thrown) {
    const reason = Buffer.from(reasonOf(thrown).slice(0, 1000));
    outbox.put(frameKinds.refused, reason);
    process.stdout.write(outbox.pending());
    return;
  }
  const inode = lstatSync(path).ino;
  outbox.put(frameKinds.ready, Buffer.alloc(0));
  serve(libc, socket, outbox);
  // Only what this process made: somebody may have put another in its place.
  if (lstatSync(path, { throwIfNoEntry: false })?.ino === inode) unlinkSync(path);
  process.exit(0);
}

/** Frames that the pipe has not taken yet, in one stretch of memory that does not move. */
class Outbox {
  readonly #bytes: Buffer;
  readonly address: number;
  #start = 0;
  #end = 0;

  constructor(sizeBytes: number) {
    const memory = new ArrayBuffer(sizeBytes);
    this.#bytes = Buffer.from(memory);
    this.address = ptr(this.#bytes);
  }

  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }

  pending(): Buffer {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  /** There is room for the longest datagram behind what waits. */
  hasRoom(): boolean {
    if (this.#bytes.length - this.#end >= roomBytes) return true;
    if (this.#start < this.#bytes.length / 2) return false;
    this.#bytes.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    return true;
  }

  /** A frame whose body is already in its place. */
  close(kind: number, lengthBytes: number): void {
    this.#bytes.writeUInt32LE(frameHead(kind, lengthBytes), this.#end);
    this.#end += headBytes + lengthBytes;
  }

  put(kind: number, body: Buffer): void {
    body.copy(this.#bytes, this.#end + headBytes);
    this.close(kind, body.length);
  }

  taken(count: number): void {
    this.#start += count;
    if (this.#start === this.#end) this.#start = this.#end = 0;
  }
}

/** Until the input ends or the pipe's other end is gone. */
function serve(libc: Libc, socket: number, outbox: Outbox): void {
  libc.fcntl(output, linux.setFlags, linux.nonBlocking);
  // Three of `struct pollfd`: an int, and two shorts for what is wanted and what there is.
  const entries = new Uint8Array(3 * 8);
  const table = new DataView(entries.buffer);
  const place = ptr(entries);
  const [atInput, atOutput, atSocket] = [0, 8, 16];
  table.setInt32(atInput, input, true);
  table.setInt16(atInput + 4, linux.readable, true);
  table.setInt16(atOutput + 4, linux.writable, true);
  table.setInt16(atSocket + 4, linux.readable, true);
  const found = (at: number) => table.getInt16(at + 6, true);
  let isEnding = false;
  for (;;) {
    // An entry below 0 is passed over.
    table.setInt32(atOutput, outbox.end > outbox.start ? output : -1, true);
    table.setInt32(atSocket, !isEnding && outbox.hasRoom() ? socket : -1, true);
    const count = libc.poll(place, 3, isEnding ? lastWordsMs : -1);
    if (count < 0) continue;
    if (isEnding && count === 0) return;
    if ((found(atOutput) & (linux.failed | linux.hungUp)) !== 0) return;
    if (!isEnding && found(atInput) !== 0) {
      isEnding = true;
      table.setInt32(atInput, -1, true);
      gather(libc, socket, outbox);
    }
    if (isEnding && outbox.end === outbox.start) return;
    if (!isEnding && found(atSocket) !== 0) gather(libc, socket, outbox);
    if (outbox.end > outbox.start) {
      const written = libc.write(output, pointerAt(outbox.address + outbox.start), outbox.end - outbox.start);
      if (written > 0) outbox.taken(Number(written));
    }
  }
}

/** Takes what is there without waiting for more. */
function gather(libc: Libc, socket: number, outbox: Outbox): void {
  for (let taken = 0; taken < gatheredMax && outbox.hasRoom(); taken++) {
    const place = pointerAt(outbox.address + outbox.end + headBytes);
    const length = Number(libc.recv(socket, place, packetMaxBytes, linux.doNotWait | linux.realLength));
    if (length < 0) return;
    if (length > packetMaxBytes) outbox.close(frameKinds.tooLong, 0);
    else outbox.close(frameKinds.packet, length);
  }
}

/** Opens the socket. Error: why not, in words. */
function openSocket(libc: Libc, path: string, mode: number | undefined): number {
  const address = unixAddress(path);
  clearStale(libc, path, address);
  const socket = libc.socket(linux.familyUnix, linux.datagrams | linux.closeOnExec, 0);
  if (socket < 0) throw failure(libc);
  // From the first moment on nobody can send who may not.
  if (mode !== undefined) process.umask(~mode & 0o777);
  if (libc.bind(socket, ptr(address), address.length) < 0) throw failure(libc);
  if (mode !== undefined) chmodSync(path, mode);
  return socket;
}

/** Removes a socket that an earlier process left, unless somebody still has it open. */
function clearStale(libc: Libc, path: string, address: Uint8Array): void {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (!there) return;
  if (!there.isSocket()) throw new Error("there is something that is no socket");
  const probe = libc.socket(linux.familyUnix, linux.datagrams | linux.closeOnExec, 0);
  if (probe < 0) throw failure(libc);
  const isRefused = libc.connect(probe, ptr(address), address.length) < 0 && codeOf(libc) === "ECONNREFUSED";
  libc.close(probe);
  // Anything else, such as a stream socket's refusal of datagrams, comes from somebody alive.
  if (!isRefused) throw new Error("another process has it open");
  unlinkSync(path);
}

function codeOf(libc: Libc): string {
  const number = errorNumber(libc);
  return number > 0 ? getSystemErrorName(-number) : "unknown";
}

function failure(libc: Libc): Error {
  const code = codeOf(libc);
  const words: Record<string, string> = {
    EACCES: "this user may not open it",
    ENOENT: "the folder is not there",
    EADDRINUSE: "another process has it open",
    EROFS: "the file system is read-only",
  };
  return new Error(words[code] ?? `the system says ${code}`);
}

function pointerAt(address: number): Pointer {
  return address as Pointer;
}

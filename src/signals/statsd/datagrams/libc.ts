/**
 * The few calls of the C library that a unix datagram socket needs, which the runtime has none of. Linux only: numbers and
 * layouts below are Linux's (unix(7), socket(7), poll(2)), the same on all of its machines that the runtime knows.
 * Addresses are numbers; whoever calls keeps the memory behind them alive.
 */
import { dlopen, FFIType, read } from "bun:ffi";

import { reasonOf } from "../../../kit/fault.ts";

/** glibc, then musl by the names that distributions give it. */
const libcNames = ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`, "libc.so"];

/** Numbers of Linux. */
export const linux = {
  familyUnix: 1,
  datagrams: 2,
  closeOnExec: 0o2000000,
  doNotWait: 0x40,
  realLength: 0x20,
  readable: 1,
  writable: 4,
  failed: 8,
  hungUp: 16,
  setFlags: 4,
  nonBlocking: 0o4000,
} as const;

const calls = {
  socket: { args: [FFIType.int, FFIType.int, FFIType.int], returns: FFIType.int },
  bind: { args: [FFIType.int, FFIType.ptr, FFIType.u32], returns: FFIType.int },
  connect: { args: [FFIType.int, FFIType.ptr, FFIType.u32], returns: FFIType.int },
  close: { args: [FFIType.int], returns: FFIType.int },
  recv: { args: [FFIType.int, FFIType.ptr, FFIType.u64_fast, FFIType.int], returns: FFIType.i64_fast },
  write: { args: [FFIType.int, FFIType.ptr, FFIType.u64_fast], returns: FFIType.i64_fast },
  poll: { args: [FFIType.ptr, FFIType.u64_fast, FFIType.int], returns: FFIType.int },
  fcntl: { args: [FFIType.int, FFIType.int, FFIType.int], returns: FFIType.int },
  __errno_location: { args: [], returns: FFIType.ptr },
} as const;

/** Opens the C library. Error: there is none that has what is needed, with the reason of each try. */
export function openLibc(names: readonly string[] = libcNames) {
  const reasons: string[] = [];
  for (const name of names) {
    try {
      return dlopen(name, calls).symbols;
    } catch (thrown) {
      reasons.push(`${name}: ${reasonOf(thrown)}`);
    }
  }
  throw new Error(`Cannot open the C library: ${reasons.join("; ")}`);
}

/** The library that {@link openLibc} gives. */
export type Libc = ReturnType<typeof openLibc>;

/** The number of the error that the call just made left behind. */
export function errorNumber(libc: Libc): number {
  const at = libc.__errno_location();
  return at === null ? 0 : read.i32(at, 0);
}

/** The address of a socket by its path (`sockaddr_un`). RangeError: the path is longer than the kernel's 107 bytes. */
export function unixAddress(path: string): Uint8Array {
  const name = Buffer.from(path);
  if (name.length > 107) throw new RangeError(`the path has ${name.length} bytes, and the kernel takes at most 107`);
  const address = Buffer.alloc(2 + name.length + 1);
  new DataView(address.buffer, address.byteOffset).setUint16(0, linux.familyUnix, true);
  name.copy(address, 2);
  return address;
}

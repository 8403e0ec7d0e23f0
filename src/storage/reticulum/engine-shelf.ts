/**
 * A piece of memory that this program and one decoder both see; a decoder has some, as the next source is laid out while it
 * is at work on the one before. The source of a job is laid there with one copy, instead of
 * being pushed through a pipe in pieces and gathered again, which for a photograph took a tenth of the time of a thumbnail.
 * Only Linux has it; elsewhere, and when memory is refused, sources travel through the pipe.
 */
import { dlopen, FFIType } from "bun:ffi";
import { closeSync, ftruncateSync, writeSync } from "node:fs";

/** So much is seen by this program as memory of its own; what lies beyond is written there by calls. */
export const windowBytes = 4 * 2 ** 20;
/** Grown in steps, so that a decoder seldom has to look at it anew. */
const stepBytes = 2 ** 20;
/** What is larger than this is given back after its job. */
const keptSizeBytes = 16 * 2 ** 20;

const closeOnExec = 1;
const allowSealing = 2;
const addSeals = 1033;
const sealShrink = 2;
const punchHole = 2;
const keepSize = 1;

/** Memory shared with one decoder, which finds its shelves as file descriptors from {@link shelfDescriptor} on. */
export class Shelf {
  readonly descriptor: number;
  readonly #system: System;
  readonly #window: Uint8Array;
  #sizeBytes = windowBytes;
  #usedBytes = 0;

  /** A decoder cannot make it shorter, which would end this program when it writes there. */
  constructor(descriptor: number, system: System) {
    this.descriptor = descriptor;
    this.#system = system;
    ftruncateSync(descriptor, windowBytes);
    if (system.fcntl(descriptor, addSeals, sealShrink) !== 0) throw new Error("Memory to share cannot be sealed");
    this.#window = Bun.mmap(`/proc/self/fd/${descriptor}`, { size: windowBytes });
  }

  /** Lays `source` there; false when there is no memory for it. */
  put(source: Uint8Array): boolean {
    const { byteLength } = source;
    this.#usedBytes = Math.max(this.#usedBytes, byteLength);
    // A copy within the program takes a third of the time of the call.
    if (byteLength <= windowBytes) {
      this.#window.set(source);
      return true;
    }
    try {
      if (byteLength > this.#sizeBytes) {
        const sizeBytes = Math.ceil(byteLength / stepBytes) * stepBytes;
        ftruncateSync(this.descriptor, sizeBytes);
        this.#sizeBytes = sizeBytes;
      }
      let written = 0;
      while (written < byteLength)
        written += writeSync(this.descriptor, source, written, byteLength - written, written);
      return true;
    } catch (thrown) {
      if (thrown instanceof Error && "code" in thrown) return false;
      throw thrown;
    }
  }

  /** What lay there is needed no more. */
  clear(): void {
    if (this.#usedBytes <= keptSizeBytes) return;
    this.#system.fallocate(this.descriptor, punchHole | keepSize, 0n, BigInt(this.#usedBytes));
    this.#usedBytes = 0;
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

/** Where a decoder finds the first of what its engine shares with it. */
export const shelfDescriptor = 3;

/** What is asked of the system beyond what the runtime knows. */
interface System {
  memfd_create(name: Uint8Array, flags: number): number;
  fcntl(descriptor: number, command: number, value: number): number;
  fallocate(descriptor: number, mode: number, offset: bigint, sizeBytes: bigint): number;
}

let system: System | undefined;

/** Memory to share, or undefined where the system has none such. */
export function openShelf(): Shelf | undefined {
  if (process.platform !== "linux") return undefined;
  let descriptor = -1;
  try {
    system ??= dlopen("libc.so.6", {
      memfd_create: { args: [FFIType.cstring, FFIType.u32], returns: FFIType.i32 },
      fcntl: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
      fallocate: { args: [FFIType.i32, FFIType.i32, FFIType.i64, FFIType.i64], returns: FFIType.i32 },
    }).symbols;
    descriptor = system.memfd_create(Buffer.from("image source\0"), closeOnExec | allowSealing);
    return descriptor < 0 ? undefined : new Shelf(descriptor, system);
  } catch (thrown) {
    // Another C library, or a kernel without one of the calls.
    if (!(thrown instanceof Error)) throw thrown;
    if (descriptor >= 0) closeSync(descriptor);
    return undefined;
  }
}

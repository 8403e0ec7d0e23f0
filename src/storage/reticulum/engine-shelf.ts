/**
 * A piece of memory that this program and one decoder both see. The source of a job is laid there with one copy, instead of
 * being pushed through a pipe in pieces and gathered again, which for a photograph took a tenth of the time of a thumbnail.
 * Only Linux has it; elsewhere, and when memory is refused, sources travel through the pipe.
 */
import { dlopen, FFIType } from "bun:ffi";
import { closeSync, ftruncateSync, writeSync } from "node:fs";

/** Grown in steps, so that a decoder seldom has to look at it anew. */
const stepBytes = 2 ** 20;
/** What is larger than this is given back after its job. */
const keptSizeBytes = 16 * 2 ** 20;
const closeOnExec = 1;

/** Memory shared with one decoder, which finds it as its file descriptor {@link shelfDescriptor}. */
export class Shelf {
  readonly descriptor: number;
  #sizeBytes = 0;

  constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  /** Lays `source` there; false when there is no memory for it. */
  put(source: Uint8Array): boolean {
    try {
      if (source.byteLength > this.#sizeBytes) {
        const sizeBytes = Math.ceil(source.byteLength / stepBytes) * stepBytes;
        ftruncateSync(this.descriptor, sizeBytes);
        this.#sizeBytes = sizeBytes;
      }
      let written = 0;
      while (written < source.byteLength)
        written += writeSync(this.descriptor, source, written, source.byteLength - written, written);
      return true;
    } catch (thrown) {
      if (thrown instanceof Error && "code" in thrown) return false;
      throw thrown;
    }
  }

  /** What lay there is needed no more. */
  clear(): void {
    if (this.#sizeBytes <= keptSizeBytes) return;
    ftruncateSync(this.descriptor, 0);
    this.#sizeBytes = 0;
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

/** Where a decoder finds what its engine shares with it. */
export const shelfDescriptor = 3;

let create: ((name: Uint8Array, flags: number) => number) | undefined;

/** Memory to share, or undefined where the system has none such. */
export function openShelf(): Shelf | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    create ??= dlopen("libc.so.6", {
      memfd_create: { args: [FFIType.cstring, FFIType.u32], returns: FFIType.i32 },
    }).symbols.memfd_create;
    const descriptor = create(Buffer.from("image source\0"), closeOnExec);
    return descriptor < 0 ? undefined : new Shelf(descriptor);
  } catch (thrown) {
    // Another C library.
    if (thrown instanceof Error) return undefined;
    throw thrown;
  }
}

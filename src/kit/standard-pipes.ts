/**
 * Standard input and output of a program that runs as a process of its own and answers one request after another: blocked
 * in the read while it waits, so that waiting costs nothing, and ended when whoever started it is gone.
 */
import { readSync, writeSync } from "node:fs";

const input = 0;
const output = 1;

/** Fills `bytes` from the input; false when it ended before. */
export function fill(bytes: Uint8Array): boolean {
  let filled = 0;
  while (filled < bytes.byteLength) {
    const count = again(() => readSync(input, bytes, filled, bytes.byteLength - filled, null));
    if (count === 0) return false;
    filled += count;
  }
  return true;
}

/** Writes all of `bytes` to the output. */
export function writeAll(bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.byteLength)
    written += again(() => writeSync(output, bytes, written, bytes.byteLength - written));
}

/** A call that a signal broke off is made again; one whose other end is gone ends the process. */
function again(call: () => number): number {
  for (;;) {
    try {
      return call();
    } catch (thrown) {
      const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
      if (code === "EINTR" || code === "EAGAIN") continue;
      process.exit(0);
    }
  }
}

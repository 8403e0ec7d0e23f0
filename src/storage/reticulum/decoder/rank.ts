/**
 * What a decoder asks of the kernel for itself, so that it is the one that yields: less of the processor than those who
 * answer people, the first to go when memory is short, gone when the program that started it is gone, and no image in a
 * core dump. Whatever the system does not know is left as it is.
 */
import { dlopen, FFIType } from "bun:ffi";
import { writeFileSync } from "node:fs";
import { constants, setPriority } from "node:os";

const setParentDeathSignal = 1;
const coreFileLimit = 4;

/** Lowers this process below the rest of the program. */
export function takeLowRank(): void {
  const steps = [
    () => setPriority(0, constants.priority.PRIORITY_BELOW_NORMAL),
    () => process.platform === "linux" && writeFileSync("/proc/self/oom_score_adj", "1000"),
    bindToParent,
  ];
  for (const step of steps) {
    try {
      step();
    } catch (thrown) {
      if (!(thrown instanceof Error)) throw thrown;
    }
  }
}

function bindToParent(): void {
  if (process.platform !== "linux") return;
  const { symbols } = dlopen("libc.so.6", {
    prctl: { args: [FFIType.i32, FFIType.u64, FFIType.u64, FFIType.u64, FFIType.u64], returns: FFIType.i32 },
    setrlimit: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
  });
  symbols.prctl(setParentDeathSignal, BigInt(constants.signals.SIGKILL), 0n, 0n, 0n);
  symbols.setrlimit(coreFileLimit, new BigUint64Array(2));
}
